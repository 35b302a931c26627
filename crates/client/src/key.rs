//! With what a caller shows who it is: a project's secret key signs and never travels, a signer's agent key travels and
//! never signs. Which of them a text is, is decided here and nowhere else.

use crate::Base;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use updock_sign::{SecretKey, SecretKeyError};
use updock_types::PublicKey;
use updock_types::signer::AGENT_KEY_PREFIX;

/// A key for the REST API. `Debug` shows none.
#[derive(Debug, Clone)]
pub enum ApiKey {
    /// A project's secret key: requests of Uploadcare, or of a stand-in, are signed with it.
    Secret(SecretKey),
    /// An agent's key: requests go to the signer that knows it, and carry it.
    Agent(AgentKey),
}

/// What `updock-signer` gave an agent. Shows nothing in `Debug`; wiped when dropped.
#[derive(Clone)]
pub struct AgentKey(SecretString);

/// Why a text is no [`ApiKey`]; never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It cannot be a secret key.
    #[error(transparent)]
    Secret(SecretKeyError),
    /// It begins as an agent key and goes on as none can.
    #[error("this is not a whole agent key: copy it again, from `{AGENT_KEY_PREFIX}` to its end")]
    Agent,
}

impl ApiKey {
    /// Reads a key, without white space around it: one that begins with `updock_live_` is an agent's, every other a
    /// project's.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix(AGENT_KEY_PREFIX) else {
            return SecretKey::parse(text).map(Self::Secret).map_err(ApiKeyError::Secret);
        };
        // Whether it is whole in every character only its signer says.
        let good = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if good { Ok(Self::Agent(AgentKey(text.into()))) } else { Err(ApiKeyError::Agent) }
    }
}

impl From<SecretKey> for ApiKey {
    fn from(secret: SecretKey) -> Self {
        Self::Secret(secret)
    }
}

impl AgentKey {
    /// The value of `Authorization` that shows it to `rest`. `None` where somebody on the way could read it, and for
    /// Uploadcare, which does not know it.
    pub(crate) fn shown_to(&self, rest: &Base, public_key: &PublicKey) -> Option<String> {
        let may = rest.is_private() && *rest != Base::uploadcare_rest();
        may.then(|| format!("Uploadcare.Simple {}:{}", public_key.as_str(), self.0.expose_secret()))
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_an_agents_by_its_beginning_and_shows_nothing() {
        for (text, expected) in [
            ("demosecretkey", "Secret(SecretKey([redacted]))"),
            (" demosecretkey\n", "Secret(SecretKey([redacted]))"),
            ("updock_liv_abc", "Secret(SecretKey([redacted]))"),
            ("updock_live_8Kq2mZ7Rb1_s3cr3t", "Agent(AgentKey([redacted]))"),
            ("updock_live_8Kq2mZ7Rb1_s3cr3t\n", "Agent(AgentKey([redacted]))"),
        ] {
            assert_eq!(format!("{:?}", ApiKey::parse(text).unwrap()), expected, "{text:?}");
        }
        for (text, expected) in [
            (" \n", ApiKeyError::Secret(SecretKeyError::Empty)),
            ("updock_live_", ApiKeyError::Agent),
            ("updock_live_8Kq2mZ7Rb1 s3cr3t", ApiKeyError::Agent),
            ("updock_live_8Kq2mZ7Rb1\r\nX: s3cr3t", ApiKeyError::Agent),
        ] {
            assert_eq!(ApiKey::parse(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_agent_key_goes_to_signers_only_and_where_nobody_reads_along() {
        let Ok(ApiKey::Agent(key)) = ApiKey::parse("updock_live_8Kq2mZ7Rb1_s3cr3t") else { panic!("no agent key") };
        let project = PublicKey::parse("demopublickey").unwrap();
        for (base, may) in [
            ("https://signer.example.com", true),
            ("http://127.0.0.1:3001", true),
            ("http://[::1]:3001", true),
            ("http://signer.example.com", false),
            ("http://10.0.0.7:3001", false),
            ("https://api.uploadcare.com", false),
        ] {
            assert_eq!(key.shown_to(&Base::parse(base).unwrap(), &project).is_some(), may, "{base}");
        }
    }
}
