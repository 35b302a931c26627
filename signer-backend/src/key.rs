//! Agent keys: `updock_live_<id, 10>_<secret, 43><check, 6>`, all base 62.
//!
//! The prefix is for secret scanners and people, the id may stand in logs, the secret has 256 bits (so a plain
//! SHA-256 is safe to store, and fast), the check is the CRC-32 of everything before it: a mistyped key is refused
//! without looking anything up. Invariant: a key is never stored, shown again or logged; only its digest is.

use crate::random::{base62, base62_number, is_base62};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use subtle::ConstantTimeEq;
use updock_types::signer::{AGENT_KEY_PREFIX, KeyId};

/// How every agent key begins.
pub const PREFIX: &str = AGENT_KEY_PREFIX;
const ID: usize = KeyId::LENGTH;
const SECRET: usize = 43;
const CHECK: usize = 6;

/// An agent key in clear, as made or as presented. `Debug` shows its id only.
pub struct AgentKey {
    text: String,
}

/// Why a text is no [`AgentKey`]; never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an agent key, or not a whole one: copy it again, from `updock_live_` to its end")]
pub struct AgentKeyError;

impl AgentKey {
    /// A new key.
    pub fn generate() -> Self {
        let stem = format!("{PREFIX}{}_{}", base62(ID), base62(SECRET));
        let check = check(&stem);
        Self { text: stem + &check }
    }

    /// Reads a key and its check characters.
    pub fn parse(text: &str) -> Result<Self, AgentKeyError> {
        let rest = text.strip_prefix(PREFIX).filter(|_| text.is_ascii()).ok_or(AgentKeyError)?;
        let (id, secret) = rest.split_once('_').ok_or(AgentKeyError)?;
        if id.len() != ID || secret.len() != SECRET + CHECK || !is_base62(id) || !is_base62(secret) {
            return Err(AgentKeyError);
        }
        let (stem, given) = text.split_at(text.len() - CHECK);
        if check(stem) == given { Ok(Self { text: text.to_owned() }) } else { Err(AgentKeyError) }
    }

    /// The public part, for logs.
    pub fn id(&self) -> &str {
        &self.text[PREFIX.len()..PREFIX.len() + ID]
    }

    /// The same, by its type.
    pub(crate) fn key_id(&self) -> KeyId {
        KeyId::parse(self.id()).expect("a whole key has an id")
    }

    /// What is stored of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The key in clear, for the one moment it is shown.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

fn check(stem: &str) -> String {
    base62_number(crc32fast::hash(stem.as_bytes()).into(), CHECK)
}

/// `text` with every agent key in it made unreadable: for text that clients chose and that goes into a log.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(PREFIX);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|character: char| character.is_ascii_alphanumeric() || character == '_');
        masked.extend([PREFIX, "[redacted]", rest]);
    }
    Cow::Owned(masked)
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({})", self.id())
    }
}

/// SHA-256 of a whole agent key: what the policy file holds. Compared in constant time only.
#[derive(Debug, Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Of no key: something to compare with where nothing is kept.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |pair: &[u8]| -> Option<u8> {
            let digit = |byte: u8| match byte {
                b'0'..=b'9' => Some(byte - b'0'),
                b'a'..=b'f' => Some(byte - b'a' + 10),
                _ => None,
            };
            Some(digit(pair[0])? << 4 | digit(pair[1])?)
        };
        if text.len() != 64 {
            return None;
        }
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(hex).collect();
        bytes?.try_into().ok().map(Self)
    }

    /// What a key goes by of which nothing but its digest is known: not its public part, and always the same.
    pub(crate) fn id(&self) -> KeyId {
        let first = self.0.first_chunk().copied().expect("a digest has more than eight bytes");
        KeyId::parse(&base62_number(u64::from_be_bytes(first), ID)).expect("it has an id's digits")
    }

    /// Are they equal? In constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back_and_hides_its_secret() {
        let key = AgentKey::generate();
        let read = AgentKey::parse(key.expose()).unwrap();
        assert_eq!(read.id(), key.id());
        assert!(read.digest().matches(&key.digest()));
        assert!(!read.digest().matches(&AgentKey::generate().digest()));
        let secret = &key.expose()[PREFIX.len() + ID + 1..];
        assert_eq!(format!("{key:?}"), format!("AgentKey({})", key.id()));
        assert!(!key.id().contains(secret));
        let digest = key.digest();
        assert!(KeyDigest::parse(&digest.to_string()).unwrap().matches(&digest));
    }

    #[test]
    fn every_mistyped_character_is_noticed() {
        let key = AgentKey::generate();
        for at in 0..key.expose().len() {
            let mut text = key.expose().as_bytes().to_vec();
            text[at] = if text[at] == b'x' { b'y' } else { b'x' };
            assert!(AgentKey::parse(std::str::from_utf8(&text).unwrap()).is_err(), "position {at}");
        }
        let text = key.expose();
        for bad in ["", PREFIX, &text[1..], &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}")] {
            assert!(AgentKey::parse(bad).is_err());
        }
        assert!(KeyDigest::parse(&"A".repeat(64)).is_none());
        assert!(KeyDigest::parse(&"é".repeat(32)).is_none());
        assert!(KeyDigest::parse("e3b0").is_none());
    }

    #[test]
    fn the_id_of_a_digest_is_the_same_in_every_version() {
        for (digest, id) in [("0".repeat(64), "0000000000"), ("f".repeat(64), "ygHa16AHYF")] {
            assert_eq!(KeyDigest::parse(&digest).unwrap().id().as_str(), id);
        }
    }

    #[test]
    fn the_right_check_makes_no_key_of_another_form() {
        let with_check = |id: &str, secret: &str| {
            let stem = format!("{PREFIX}{id}_{secret}");
            format!("{stem}{}", check(&stem))
        };
        let (id, secret) = ("a".repeat(ID), "b".repeat(SECRET));
        assert!(AgentKey::parse(&with_check(&id, &secret)).is_ok());
        let strange = |text: &str| format!("-{}", &text[1..]);
        for (id, secret) in
            [(&id[1..], &*secret), (&*id, &secret[1..]), (&strange(&id), &secret), (&id, &strange(&secret))]
        {
            assert!(AgentKey::parse(&with_check(id, secret)).is_err(), "{id} {secret}");
        }
    }

    #[test]
    fn a_key_in_foreign_text_cannot_be_read() {
        let key = AgentKey::generate();
        let text = format!("/a/{0}/?k={0}&x=é", key.expose());
        assert_eq!(masked(&text), "/a/updock_live_[redacted]/?k=updock_live_[redacted]&x=é");
        assert_eq!(masked("/files/"), "/files/");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*", tail in "[0-9A-Za-z_é]{0,70}") {
            proptest::prop_assert!(AgentKey::parse(&text).is_err());
            let key = format!("{PREFIX}{tail}");
            proptest::prop_assert!(AgentKey::parse(&key).is_err());
        }
    }
}
