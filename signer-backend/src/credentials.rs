//! Upload credentials: what a caller gets of what it asked for, and the credential itself. Pure: the clock and the
//! token's id are brought along.
//!
//! Invariant: a token never opens more, nor longer, than the caller's terms. A pair cannot be limited in files or
//! endpoints, so it is made only where the terms say so; it lives no longer than they do, and 5 minutes at most.

use crate::policy::CredentialTerms;
use crate::problem::Fault;
use updock_sign::{Limits, Restrictions, ScopeItem, SecretKey, TokenClaims, Uploads, mint_token, upload_signature};
use updock_types::signer::{Credential, CredentialKind, CredentialRequest, ProblemKind};
use updock_types::upload::limits::CREDENTIAL_MAX_SECONDS;

/// Life when nobody asks for another, in seconds.
const DEFAULT_TTL: u32 = 600;
/// Files when nobody asks for another number.
const DEFAULT_OPERATIONS: u32 = 20;
/// A pair opens everything, any number of times: it lives no longer than this, in seconds.
const SIGNATURE_TTL_MAX: u32 = 300;
/// How far `iat` lies back: it must not lie in the future on the service's clock.
const BACKDATED: u64 = 5;
/// Most items a scope can have. Source: Upload API, Authentication.
const SCOPE_ITEMS: usize = 16;
const ON_BEHALF_OF: usize = 64;

/// What a credential will be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// A token.
    Token { ttl: u32, operations: u32, scope: Vec<ScopeItem> },
    /// A pair of signature and expiry.
    Signature { ttl: u32 },
}

/// A credential and when it ends.
pub(crate) struct Issued {
    pub(crate) credential: Credential,
    pub(crate) expires_at: u64,
}

/// What `asked` comes to under `terms`: wishes are capped, impossible ones refused.
pub(crate) fn grant(terms: &CredentialTerms, asked: &CredentialRequest) -> Result<Grant, Fault> {
    let bad = |sentence: &str| Err(Fault::new(ProblemKind::BadRequest, sentence));
    if asked.ttl == Some(0) {
        return bad("`ttl` should be 1 second or more, or be left out.");
    }
    if asked.operations == Some(0) {
        return bad("`operations` should be 1 or more, or be left out.");
    }
    if asked.on_behalf_of.as_ref().is_some_and(|name| name.chars().count() > ON_BEHALF_OF) {
        return bad("`for` should have 64 characters at most.");
    }
    let ttl = asked.ttl.unwrap_or(DEFAULT_TTL).min(terms.ttl_max);
    match asked.kind {
        CredentialKind::Signature if !terms.signature => {
            let sentence = "An upload signature is not open to you, since it limits neither files nor endpoints; \
                ask for a token, of kind \"jwt\".";
            Err(Fault::new(ProblemKind::Forbidden, sentence))
        }
        CredentialKind::Signature if asked.scope.is_some() || asked.operations.is_some() => {
            bad("A signature cannot be limited in `scope` or `operations`; leave them out, or ask for a token.")
        }
        CredentialKind::Signature => Ok(Grant::Signature { ttl: ttl.min(SIGNATURE_TTL_MAX) }),
        CredentialKind::Jwt => Ok(Grant::Token {
            ttl,
            operations: asked.operations.unwrap_or(DEFAULT_OPERATIONS).min(terms.operations_max),
            scope: scope(&terms.scope, asked.scope.as_deref())?,
        }),
    }
}

/// What both name: an asked item that an allowed one covers, and the other way round.
fn scope(allowed: &[ScopeItem], asked: Option<&[String]>) -> Result<Vec<ScopeItem>, Fault> {
    let Some(asked) = asked else { return Ok(allowed.to_vec()) };
    let wrong =
        |_| Fault::new(ProblemKind::BadRequest, "`scope` should hold endpoints like \"/base/\" or \"/multipart/*\".");
    let asked: Vec<ScopeItem> =
        asked.iter().map(|item| ScopeItem::parse(item).map_err(wrong)).collect::<Result<_, _>>()?;
    let mut both: Vec<ScopeItem> = Vec::new();
    for asked in &asked {
        for allowed in allowed {
            let narrower = if covers(allowed, asked) {
                asked
            } else if covers(asked, allowed) {
                allowed
            } else {
                continue;
            };
            if !both.contains(narrower) {
                both.push(narrower.clone());
            }
        }
    }
    both.truncate(SCOPE_ITEMS);
    if both.is_empty() {
        let known: Vec<_> = allowed.iter().map(ScopeItem::as_str).collect();
        let sentence = format!("None of these endpoints is open to you; open are {}.", known.join(", "));
        return Err(Fault::new(ProblemKind::Forbidden, sentence));
    }
    Ok(both)
}

/// Does `wide` open everything that `narrow` opens?
pub(crate) fn covers(wide: &ScopeItem, narrow: &ScopeItem) -> bool {
    match (wide.as_str().strip_suffix('*'), narrow.as_str().strip_suffix('*')) {
        (Some(wide), Some(narrow)) => narrow.starts_with(wide),
        (None, Some(_)) => false,
        (_, None) => wide.opens(narrow.as_str()),
    }
}

/// Makes the credential. `id` becomes the token's id; `subject` says for whom it was made.
pub(crate) fn issue(secret: &SecretKey, grant: &Grant, subject: &str, id: &str, now: u64) -> Issued {
    match grant {
        Grant::Signature { ttl } => {
            let expire = now + u64::from(*ttl);
            let signature = upload_signature(secret, expire);
            Issued { credential: Credential::Signature { signature, expire }, expires_at: expire }
        }
        Grant::Token { ttl, operations, scope } => {
            let exp = now + u64::from(*ttl);
            let claims = TokenClaims {
                exp,
                iat: now.saturating_sub(BACKDATED).max(exp.saturating_sub(CREDENTIAL_MAX_SECONDS)),
                iss: None,
                sub: Some(subject.to_owned()),
                jti: Some(id.to_owned()),
                uc: Some(Uploads {
                    restrictions: Restrictions {
                        scope: Some(scope.clone()),
                        limits: Some(Limits { operations: Some(*operations) }),
                    },
                }),
            };
            Issued { credential: Credential::Jwt { token: mint_token(secret, &claims) }, expires_at: exp }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use updock_sign::{verify_token, verify_upload_signature};

    const NOW: u64 = 1_795_425_247;

    fn key() -> SecretKey {
        SecretKey::parse("demosecretkey").unwrap()
    }

    #[test]
    fn a_token_is_backdated_limited_and_named() {
        let granted = grant(&CredentialTerms::default(), &CredentialRequest::default()).unwrap();
        let issued = issue(&key(), &granted, "visitor", "pass1", NOW);
        assert_eq!(issued.expires_at, NOW + 600);
        let Credential::Jwt { token } = issued.credential else { panic!("a token is the default") };
        for path in ["/base/", "/multipart/start/", "/multipart/complete/", "/group/"] {
            let read = verify_token(&[key()], &token, Some(path), NOW).unwrap();
            assert_eq!(read.operations(), Some(20));
            assert_eq!((read.claims.sub.as_deref(), read.claims.jti.as_deref()), (Some("visitor"), Some("pass1")));
            assert_eq!(read.claims.iat, NOW - 5);
        }
        assert!(verify_token(&[key()], &token, Some("/from_url/"), NOW).is_err());
    }

    #[test]
    fn a_pair_is_short_lived_and_refuses_what_it_cannot_do() {
        let asked = CredentialRequest { kind: CredentialKind::Signature, ttl: Some(3600), ..Default::default() };
        let terms = CredentialTerms { ttl_max: 3600, signature: true, ..Default::default() };
        let granted = grant(&terms, &asked).unwrap();
        assert_eq!(granted, Grant::Signature { ttl: 300 });
        let issued = issue(&key(), &granted, "visitor", "unused", NOW);
        let Credential::Signature { signature, expire } = issued.credential else { panic!("a pair was asked for") };
        assert_eq!(expire, NOW + 300);
        verify_upload_signature(&[key()], Some(&signature), Some(&expire.to_string()), NOW).unwrap();
        let fault = grant(&terms, &CredentialRequest { operations: Some(1), ..asked }).unwrap_err();
        assert!(fault.detail().contains("cannot be limited"), "{}", fault.detail());
    }

    #[test]
    fn a_pair_is_made_only_where_the_terms_say_so() {
        let asked = CredentialRequest { kind: CredentialKind::Signature, ..Default::default() };
        let fault = grant(&CredentialTerms::default(), &asked).unwrap_err();
        assert!(fault.detail().contains("not open to you"), "{}", fault.detail());
    }

    #[test]
    fn whom_a_credential_is_for_is_said_in_64_characters_at_most() {
        for (length, good) in [(1, true), (64, true), (65, false)] {
            let asked = CredentialRequest { on_behalf_of: Some("\u{e4}".repeat(length)), ..Default::default() };
            assert_eq!(grant(&CredentialTerms::default(), &asked).is_ok(), good, "{length}");
        }
    }

    #[test]
    fn a_scope_is_narrowed_never_widened() {
        let allowed = CredentialTerms::default().scope;
        for (asked, expected) in [
            (vec!["/base/"], Some(vec!["/base/"])),
            (vec!["/multipart/start/", "/multipart/*"], Some(vec!["/multipart/start/", "/multipart/*"])),
            (vec!["/*"], Some(vec!["/base/", "/multipart/*", "/group/"])),
            (vec!["/base/", "/from_url/"], Some(vec!["/base/"])),
            (vec!["/from_url/"], None),
            (vec!["/base"], Some(vec!["/base"])),
            (vec!["/base/*"], Some(vec!["/base/"])),
            (vec!["*"], None),
            (vec![], None),
        ] {
            let texts: Vec<String> = asked.iter().map(|item| (*item).to_owned()).collect();
            let narrowed = scope(&allowed, Some(&texts)).ok();
            let narrowed = narrowed.as_ref().map(|items| items.iter().map(ScopeItem::as_str).collect::<Vec<_>>());
            assert_eq!(narrowed, expected, "{asked:?}");
        }
    }

    proptest! {
        #[test]
        fn no_wish_outlives_or_outgrows_the_terms(
            ttl in proptest::option::of(1u32..), operations in proptest::option::of(1u32..),
            ttl_max in 1u32..=86_400, operations_max in 1u32..=100_000, pair: bool,
        ) {
            let terms = CredentialTerms { ttl_max, operations_max, signature: true, ..Default::default() };
            let kind = if pair { CredentialKind::Signature } else { CredentialKind::Jwt };
            let operations = operations.filter(|_| !pair);
            let granted = grant(&terms, &CredentialRequest { ttl, operations, kind, ..Default::default() }).unwrap();
            let issued = issue(&key(), &granted, "a", "b", NOW);
            prop_assert!(issued.expires_at > NOW && issued.expires_at <= NOW + u64::from(ttl_max));
            if let Credential::Jwt { token } = issued.credential {
                let read = verify_token(&[key()], &token, Some("/base/"), NOW).unwrap();
                prop_assert!(read.operations().is_some_and(|have| (1..=operations_max).contains(&have)));
                prop_assert!(read.claims.exp - read.claims.iat <= CREDENTIAL_MAX_SECONDS);
            }
        }
    }
}
