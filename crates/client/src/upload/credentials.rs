//! Upload credentials, made here from the secret key, which itself never travels.

use crate::client::now;
use updock_sign::{Limits, Restrictions, ScopeItem, SecretKey, TokenClaims, Uploads, mint_token, upload_signature};
use updock_types::policy::UploadPolicy;
use updock_types::signer::{Credential, IssuedCredential};
use updock_types::{FileUuid, PublicKey};

/// Life of what is made here, seconds. Long enough for a slow start, short enough to be worth little if it leaks.
const LIFE: u64 = 3600;
/// Most uploads that one token can be good for. Source: Upload API, Limits.
const MOST_OPERATIONS: u32 = 100_000;

/// How upload credentials are come by. `Debug` shows none.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// The project takes uploads without.
    #[default]
    None,
    /// Tokens (JWT) made from the secret key, each good for an hour, for the endpoint and the number of files at hand.
    Token(SecretKey),
    /// The deprecated pair of signature and expiry, made from the secret key; good for an hour.
    Signature(SecretKey),
    /// One that somebody else made, a signer for example. When it is refused, there is no other.
    Given(Credential),
}

impl Credentials {
    /// Is there any?
    pub(crate) fn are_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// One for `operations` files at the endpoints of `scope`.
    pub(crate) fn issue(&self, public_key: &PublicKey, operations: u32, scope: &[&str]) -> Option<IssuedCredential> {
        let server_time = now();
        let expires_at = server_time + LIFE;
        let operations = operations.clamp(1, MOST_OPERATIONS);
        let (credential, operations) = match self {
            Self::None => return None,
            Self::Token(secret) => {
                let scope = scope.iter().filter_map(|path| ScopeItem::parse(path).ok()).collect();
                let restrictions =
                    Restrictions { scope: Some(scope), limits: Some(Limits { operations: Some(operations) }) };
                let uc = Some(Uploads { restrictions });
                let jti = Some(unique());
                let claims = TokenClaims { exp: expires_at, iat: server_time, iss: None, jti, sub: None, uc };
                (Credential::Jwt { token: mint_token(secret, &claims) }, Some(operations))
            }
            Self::Signature(secret) => {
                let signature = upload_signature(secret, expires_at);
                (Credential::Signature { signature, expire: expires_at }, None)
            }
            Self::Given(credential) => (credential.clone(), None),
        };
        let (public_key, policy) = (public_key.clone(), UploadPolicy::default());
        Some(IssuedCredential { credential, public_key, expires_at, server_time, operations, policy })
    }
}

/// Sets two tokens of the same second apart: the service counts the operations of each.
fn unique() -> String {
    let mut bytes = [0; 16];
    // Without chance the token is as good as before, but for a twin made in the same second.
    let _ = getrandom::fill(&mut bytes);
    FileUuid::from_random_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_sign::verify_token;

    #[test]
    fn a_token_is_good_for_what_is_at_hand_and_shows_nothing() {
        let secret = SecretKey::parse("demosecretkey").unwrap();
        let key = PublicKey::parse("demopublickey").unwrap();
        let credentials = Credentials::Token(secret.clone());
        let issued = credentials.issue(&key, 3, &["/base/", "/multipart/*"]).unwrap();
        let Credential::Jwt { token } = &issued.credential else { panic!("no token") };
        let verified = verify_token(&[secret], token, Some("/base/"), now()).unwrap();
        assert_eq!(verified.operations(), Some(3));
        assert!(verified.opens("/multipart/start/") && !verified.opens("/from_url/"));
        assert!(!format!("{credentials:?} {issued:?}").contains("demosecretkey"));
        let twin = credentials.issue(&key, 3, &["/base/", "/multipart/*"]);
        assert_ne!(twin.unwrap().credential, issued.credential);
        assert!(Credentials::None.issue(&key, 1, &[]).is_none());
    }
}
