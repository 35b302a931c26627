//! The upload token: a JWT, HS256, whose key is the SHA-256 digest of the secret key. Source: Upload API,
//! Authentication (tokens, since 8 September 2026); RFC 7519.

use crate::SecretKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use updock_types::upload::limits::CREDENTIAL_MAX_SECONDS;

/// How far clocks may disagree, in seconds.
pub const LEEWAY_SECONDS: u64 = 30;

/// An endpoint that a token opens: a path with its final slash, or a path ending in `/*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ScopeItem(String);

/// Why a text is no [`ScopeItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope item has 1 to 64 characters, starts with `/`, and may hold `*` only as its last character after `/`")]
pub struct ScopeItemError;

impl ScopeItem {
    /// Checks an item.
    pub fn parse(text: &str) -> Result<Self, ScopeItemError> {
        let stem = text.strip_suffix("/*").unwrap_or(text);
        let whole = (1..=64).contains(&text.len()) && text.starts_with('/') && !stem.contains('*');
        if whole { Ok(Self(text.to_owned())) } else { Err(ScopeItemError) }
    }

    /// The item as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does it open `path`, taken with a final slash?
    pub fn opens(&self, path: &str) -> bool {
        let slashed = |path: &str| path.ends_with('/');
        match self.0.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix) || (!slashed(path) && format!("{path}/").starts_with(prefix)),
            None => self.0 == path || (!slashed(path) && self.0.strip_suffix('/') == Some(path)),
        }
    }
}

impl From<ScopeItem> for String {
    fn from(item: ScopeItem) -> Self {
        item.0
    }
}

impl TryFrom<String> for ScopeItem {
    type Error = ScopeItemError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// The claims of a token. Unknown ones are refused, so nothing is written that need not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenClaims {
    /// Expires at, Unix seconds; at most 24 hours after `iat`.
    pub exp: u64,
    /// Issued at, Unix seconds.
    pub iat: u64,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The token's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// What it is limited to; left out when not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uc: Option<Uploads>,
}

/// The claim `uc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    /// What the token is limited to.
    pub restrictions: Restrictions,
}

/// What a token is limited to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restrictions {
    /// Endpoints, 1 to 16; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<ScopeItem>>,
    /// Numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Numbers that limit a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Uploads, 1 to 100 000; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<u32>,
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of ours; the reason is one of the service's sentences.
    #[error("invalid token: {0}")]
    Invalid(&'static str),
    /// It was good once.
    #[error("the token has expired; ask for a fresh one")]
    Expired,
    /// It does not open this endpoint.
    #[error("the token's scope does not allow this endpoint")]
    OutOfScope,
}

/// A token that was checked. Operations are for the caller to count, under [`token_fingerprint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Its claims.
    pub claims: TokenClaims,
}

impl VerifiedToken {
    /// Uploads it is good for; `None` when not limited.
    pub fn operations(&self) -> Option<u32> {
        self.claims.uc.as_ref()?.restrictions.limits.as_ref()?.operations
    }

    /// Does its scope open `path`?
    pub fn opens(&self, path: &str) -> bool {
        let scope = self.claims.uc.as_ref().and_then(|uc| uc.restrictions.scope.as_ref());
        scope.is_none_or(|items| items.iter().any(|item| item.opens(path)))
    }
}

fn digest(key: &SecretKey) -> [u8; 32] {
    Sha256::digest(key.bytes()).into()
}

/// Names a token without being one: SHA-256 of its text. To count its operations by.
pub fn token_fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Makes a token.
///
/// # Panics
/// Never: claims of these types always serialise, and HS256 takes any key.
pub fn mint_token(key: &SecretKey, claims: &TokenClaims) -> String {
    let header = Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&digest(key))).expect("these claims serialise")
}

/// Checks a token at `now` (Unix seconds) for a request to `path`, against any of the project's keys. In the order
/// of the service: form, algorithm, signature, claims, expiry, scope. `path` is `None` where scope does not count.
pub fn verify_token(
    keys: &[SecretKey],
    token: &str,
    path: Option<&str>,
    now: u64,
) -> Result<VerifiedToken, TokenError> {
    const UNREADABLE: TokenError = TokenError::Invalid("unreadable or not a JWT");
    if token.split('.').count() != 3 {
        return Err(UNREADABLE);
    }
    match jsonwebtoken::decode_header(token) {
        Ok(header) if header.alg == Algorithm::HS256 => {}
        // An algorithm the library does not know (`none`) is unreadable to it; the difference matters to people.
        Ok(_) => return Err(TokenError::Invalid("`alg` must be HS256")),
        Err(_) if header_names_algorithm(token) => return Err(TokenError::Invalid("`alg` must be HS256")),
        Err(_) => return Err(UNREADABLE),
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let mut claims = Err(UNREADABLE);
    for key in keys {
        let key = DecodingKey::from_secret(&digest(key));
        match jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation) {
            Ok(data) => {
                claims = Ok(data.claims);
                break;
            }
            Err(error) if matches!(error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature) => {
                claims = Err(TokenError::Invalid("signature does not match"));
            }
            Err(_) => {
                claims = Err(UNREADABLE);
                break;
            }
        }
    }
    let claims = check_claims(claims?, now)?;
    let verified = VerifiedToken { claims };
    match path {
        Some(path) if !verified.opens(path) => Err(TokenError::OutOfScope),
        _ => Ok(verified),
    }
}

fn header_names_algorithm(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Algorithm {
        #[expect(dead_code, reason = "only its presence counts")]
        alg: String,
    }
    let header = token.split('.').next().unwrap_or_default();
    URL_SAFE_NO_PAD.decode(header).is_ok_and(|bytes| serde_json::from_slice::<Algorithm>(&bytes).is_ok())
}

fn check_claims(claims: serde_json::Value, now: u64) -> Result<TokenClaims, TokenError> {
    let whole = |name: &str| claims.get(name).and_then(serde_json::Value::as_u64);
    let exp = whole("exp").ok_or(TokenError::Invalid("`exp` is required"))?;
    let iat = whole("iat").ok_or(TokenError::Invalid("`iat` is required"))?;
    let claims: TokenClaims = serde_json::from_value(claims).map_err(|_| TokenError::Invalid("malformed claims"))?;
    if let Some(uc) = &claims.uc {
        if uc.restrictions.scope.as_ref().is_some_and(|scope| !(1..=16).contains(&scope.len())) {
            return Err(TokenError::Invalid("`uc.restrictions.scope` must hold 1 to 16 items"));
        }
        let operations = uc.restrictions.limits.as_ref().and_then(|limits| limits.operations);
        if operations.is_some_and(|operations| !(1..=100_000).contains(&operations)) {
            return Err(TokenError::Invalid("`uc.restrictions.limits.operations` must be 1 to 100000"));
        }
    }
    if exp <= iat || exp - iat > CREDENTIAL_MAX_SECONDS {
        return Err(TokenError::Invalid("lifetime must be 1 to 86400 seconds"));
    }
    if iat > now + LEEWAY_SECONDS {
        return Err(TokenError::Invalid("`iat` lies in the future"));
    }
    if exp + LEEWAY_SECONDS < now {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_678_360_000;
    const A: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE2NzgzNjM0NDAsImlhdCI6MTY3ODM1OTg0MH0.8STB0bgfvWSXrEcRo_jZxWfBXc7o2VzcKJSSu8iodYw";
    const B: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE2NzgzNjM0NDAsImlhdCI6MTY3ODM1OTg0MCwidWMiOnsicmVzdHJpY3Rpb25zIjp7InNjb3BlIjpbIi9iYXNlLyIsIi9tdWx0aXBhcnQvKiJdLCJsaW1pdHMiOnsib3BlcmF0aW9ucyI6MTB9fX19.ffkWKJ7n2wzoKF6Ujhm5umfyVsDY9ob12FJGlX47f4s";

    fn keys() -> [SecretKey; 2] {
        [SecretKey::parse("an older key").unwrap(), SecretKey::parse("YOUR_SECRET_KEY").unwrap()]
    }

    fn signed(claims: &serde_json::Value, algorithm: Algorithm) -> String {
        let key = EncodingKey::from_secret(&digest(&keys()[1]));
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    #[test]
    fn published_tokens_are_verified() {
        assert_eq!(verify_token(&keys(), A, Some("/group/"), NOW).unwrap().operations(), None);
        let b = verify_token(&keys(), B, Some("/multipart/start/"), NOW).unwrap();
        assert_eq!(b.operations(), Some(10));
        assert_eq!(verify_token(&keys(), B, Some("/group/"), NOW), Err(TokenError::OutOfScope));
    }

    #[test]
    fn tokens_signed_with_the_wrong_form_of_the_key_are_refused() {
        let stem = &A[..=A.rfind('.').unwrap()];
        for signature in ["PFEwzZtf27oRQXs0f1Tq1JFwa0qWM21dPh52XeCuVwg", "K2TpHNLZNOfU-m79WPZSDqOGEjoLp17XHKs4u-nwrOg"]
        {
            let token = format!("{stem}{signature}");
            assert_eq!(verify_token(&keys(), &token, None, NOW), Err(TokenError::Invalid("signature does not match")));
        }
    }

    #[test]
    fn what_is_minted_is_verified() {
        let claims = TokenClaims {
            iat: NOW,
            exp: NOW + 600,
            iss: None,
            sub: Some("visitor".into()),
            jti: Some("1".into()),
            uc: Some(Uploads {
                restrictions: Restrictions {
                    scope: Some(vec![ScopeItem::parse("/base/").unwrap()]),
                    limits: Some(Limits { operations: Some(3) }),
                },
            }),
        };
        let token = mint_token(&keys()[1], &claims);
        assert_eq!(verify_token(&keys(), &token, Some("/base"), NOW).unwrap().claims, claims);
        assert_eq!(verify_token(&keys()[..1], &token, None, NOW), Err(TokenError::Invalid("signature does not match")));
        assert_eq!(verify_token(&keys(), &token, None, NOW + 600 + LEEWAY_SECONDS + 1), Err(TokenError::Expired));
        assert!(verify_token(&keys(), &token, None, NOW + 610).is_ok());
        assert_ne!(token_fingerprint(&token), token_fingerprint(A));
    }

    #[test]
    fn each_malformed_claim_has_its_reason() {
        let life = json!({"iat": NOW, "exp": NOW + 60});
        let with = |name: &str, value: serde_json::Value| {
            let mut claims = life.clone();
            claims[name] = value;
            claims
        };
        for (claims, reason) in [
            (json!({"iat": NOW}), "`exp` is required"),
            (json!({"iat": NOW, "exp": "x"}), "`exp` is required"),
            (json!({"exp": NOW + 60}), "`iat` is required"),
            (json!({"iat": NOW, "exp": NOW + 86_401}), "lifetime must be 1 to 86400 seconds"),
            (json!({"iat": NOW, "exp": NOW}), "lifetime must be 1 to 86400 seconds"),
            (json!({"iat": NOW + 31, "exp": NOW + 60}), "`iat` lies in the future"),
            (with("admin", json!(true)), "malformed claims"),
            (with("uc", json!({})), "malformed claims"),
            (with("uc", json!({"restrictions": {"scope": ["*"]}})), "malformed claims"),
            (with("uc", json!({"restrictions": {"scope": ["/a*"]}})), "malformed claims"),
            (with("uc", json!({"restrictions": {"scope": []}})), "`uc.restrictions.scope` must hold 1 to 16 items"),
            (
                with("uc", json!({"restrictions": {"limits": {"operations": 0}}})),
                "`uc.restrictions.limits.operations` must be 1 to 100000",
            ),
            (json!([1]), "unreadable or not a JWT"),
        ] {
            let token = signed(&claims, Algorithm::HS256);
            assert_eq!(verify_token(&keys(), &token, None, NOW), Err(TokenError::Invalid(reason)), "{claims}");
        }
        let token = signed(&life, Algorithm::HS384);
        assert_eq!(verify_token(&keys(), &token, None, NOW), Err(TokenError::Invalid("`alg` must be HS256")));
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{}.", A.split('.').nth(1).unwrap());
        assert_eq!(verify_token(&keys(), &none, None, NOW), Err(TokenError::Invalid("`alg` must be HS256")));
        for unreadable in ["", "a", "a.b", "a.b.c", "..", "a.b.c.d", "é.é.é"] {
            let answer = verify_token(&keys(), unreadable, None, NOW);
            assert_eq!(answer, Err(TokenError::Invalid("unreadable or not a JWT")), "{unreadable}");
        }
    }

    #[test]
    fn scope_opens_whole_paths_only() {
        for (item, path, opens) in [
            ("/base/", "/base/", true),
            ("/base/", "/base", true),
            ("/base/", "/base/x/", false),
            ("/multipart/*", "/multipart/complete/", true),
            ("/multipart/*", "/multipartx/", false),
            ("/*", "/group/", true),
        ] {
            assert_eq!(ScopeItem::parse(item).unwrap().opens(path), opens, "{item} {path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(token in ".*", now in proptest::num::u32::ANY) {
            proptest::prop_assert!(verify_token(&keys(), &token, Some("/base/"), u64::from(now)).is_err());
        }
    }
}
