//! The secret key.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use updock_types::signer::AGENT_KEY_PREFIX;

/// A project's secret key, or a webhook's signing secret. Shows nothing in `Debug`; wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SecretString);

/// Why a text is no [`SecretKey`]; never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// There is nothing.
    #[error("the secret key is empty; copy it from the API keys page of your project")]
    Empty,
    /// What an agent shows its signer signs nothing.
    #[error("this is an agent's key, which signs nothing; the secret key is on the API keys page of your project")]
    AgentKey,
}

impl SecretKey {
    /// Takes a key as it stands, without surrounding white space (files tend to end in a newline). An agent key of
    /// `updock-signer` is none.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        match text.trim() {
            "" => Err(SecretKeyError::Empty),
            key if key.starts_with(AGENT_KEY_PREFIX) => Err(SecretKeyError::AgentKey),
            key => Ok(Self(key.into())),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// Is `given` this key? In constant time.
    pub fn matches(&self, given: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.bytes().ct_eq(given.as_bytes()).into()
    }

    /// The key in clear, for the one who must send it: an `Uploadcare.Simple` header, a child process.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hides_itself_and_knows_its_like() {
        let key = SecretKey::parse(" demosecretkey\n").unwrap();
        assert_eq!(format!("{key:?}"), "SecretKey([redacted])");
        assert!(key.matches("demosecretkey"));
        assert!(!key.matches("demosecretke"));
        assert_eq!(SecretKey::parse(" \n").unwrap_err(), SecretKeyError::Empty);
        assert_eq!(SecretKey::parse("updock_live_8Kq2mZ7Rb1_s3cr3t").unwrap_err(), SecretKeyError::AgentKey);
    }
}
