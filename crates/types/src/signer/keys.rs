//! Agent keys over the wire: issued, derived, listed and revoked. A key in clear is in one answer only, that which made
//! it.

use crate::{Area, Level};
use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// How long a key lives when nobody says otherwise: 90 days, in seconds.
pub const KEY_LIFE: u32 = 90 * 86_400;
/// How every agent key begins, for people and for scanners of secrets.
pub const AGENT_KEY_PREFIX: &str = "updock_live_";
/// Longest name that people give a key, in characters.
pub const KEY_LABEL: usize = 64;

/// The public part of an agent key: 10 letters and digits. It may stand in logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// Why a text is no [`KeyId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's id has 10 letters and digits, as lists of keys show it")]
pub struct KeyIdError;

impl KeyId {
    /// Characters of an id.
    pub const LENGTH: usize = 10;

    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, KeyIdError> {
        let good = text.len() == Self::LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if good { Ok(Self(text.to_owned())) } else { Err(KeyIdError) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// How long a key is to live: `3600`, in seconds, or `"never"`, for one without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLife {
    /// So many seconds from now.
    Seconds(u32),
    /// It has no end of its own.
    Never,
}

impl Default for KeyLife {
    fn default() -> Self {
        Self::Seconds(KEY_LIFE)
    }
}

const NEVER: &str = "never";

impl Serialize for KeyLife {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Seconds(seconds) => serializer.serialize_u32(*seconds),
            Self::Never => serializer.serialize_str(NEVER),
        }
    }
}

impl<'de> Deserialize<'de> for KeyLife {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Life;
        impl Visitor<'_> for Life {
            type Value = KeyLife;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or \"never\"")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<KeyLife, E> {
                u32::try_from(seconds)
                    .map(KeyLife::Seconds)
                    .map_err(|_| E::custom("more than 136 years; say \"never\""))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<KeyLife, E> {
                if text == NEVER { Ok(KeyLife::Never) } else { Err(E::custom("expected seconds, or \"never\"")) }
            }
        }
        deserializer.deserialize_any(Life)
    }
}

/// What a derived key is to have of its parent's grants: `{"files": "read"}`, or `"all"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DerivedGrants {
    /// These levels; what is not listed is off.
    Levels(BTreeMap<Area, Level>),
    /// All that a derived key can have of them.
    All,
}

const ALL: &str = "all";

impl Serialize for DerivedGrants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Levels(levels) => levels.serialize(serializer),
            Self::All => serializer.serialize_str(ALL),
        }
    }
}

impl<'de> Deserialize<'de> for DerivedGrants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Grants;
        impl<'de> Visitor<'de> for Grants {
            type Value = DerivedGrants;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("levels like {\"files\": \"read\"}, or \"all\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DerivedGrants, E> {
                if text == ALL { Ok(DerivedGrants::All) } else { Err(E::custom("expected levels, or \"all\"")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DerivedGrants, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(DerivedGrants::Levels)
            }
        }
        deserializer.deserialize_any(Grants)
    }
}

/// Body of `POST /v1/keys`; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssueKeyRequest {
    /// For which agent of the policy; for the caller itself, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What people call it; at most [`KEY_LABEL`] characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How long it lives; [`KEY_LIFE`] if not said.
    pub expires_in: KeyLife,
}

/// Body of `POST /v1/keys/self/derive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeriveKeyRequest {
    /// What it may do, of what its parent may.
    pub grants: DerivedGrants,
    /// Of that, only these operations and areas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// How often it may call, like `1/s burst 5`; besides, its calls count as its agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// What people call it; at most [`KEY_LABEL`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How long it lives; [`KEY_LIFE`], or as long as its parent if that is less, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<KeyLife>,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOrigin {
    /// Its digest stands in the policy file.
    Policy,
    /// It was issued by command or over HTTP.
    Issued,
    /// It was derived from another.
    Derived,
}

/// Is a key good?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// It is.
    Good,
    /// Its time is over, or its agent's.
    Expired,
    /// It was revoked.
    Revoked,
    /// The key it was derived from, or its agent, is good no longer.
    Orphaned,
}

/// What is known of a key: everything but the key. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its public part.
    pub id: KeyId,
    /// Whose.
    pub agent: String,
    /// Where it comes from.
    pub origin: KeyOrigin,
    /// Is it good?
    pub status: KeyStatus,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The key it was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<KeyId>,
    /// The levels it is held to, whatever its parent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<BTreeMap<Area, Level>>,
    /// The operations and areas it is held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// The rate it is held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Since when there has been one; unknown of keys of the policy file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Not good from then on; without an end of its own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
    /// When it was last used, to five minutes; unknown of keys of the policy file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<i64>,
}

/// Answer of `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyList {
    /// Those of the policy file that name their id, then the others, oldest first.
    pub keys: Vec<KeyInfo>,
}

/// A key that was just made, in clear: this once. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// The key.
    pub key: String,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub info: KeyInfo,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("key", &"[redacted]").field("info", &self.info).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_and_written_as_it_is_described() {
        for (json, expected) in [
            ("{}", Some(KeyLife::Seconds(KEY_LIFE))),
            (r#"{"expires_in":60}"#, Some(KeyLife::Seconds(60))),
            (r#"{"expires_in":"never"}"#, Some(KeyLife::Never)),
            (r#"{"expires_in":"90d"}"#, None),
            (r#"{"expires_in":-1}"#, None),
            (r#"{"expires_in":1.5}"#, None),
            (r#"{"expires_in":4294967296}"#, None),
            (r#"{"expires":60}"#, None),
        ] {
            let read = serde_json::from_str::<IssueKeyRequest>(json).ok();
            assert_eq!(read.map(|read| read.expires_in), expected, "{json}");
        }
        for (json, good) in [
            (r#"{"grants":"all"}"#, true),
            (r#"{"grants":{"files":"read","audit":"off"},"only":["files.list"],"rate":"1/s"}"#, true),
            (r#"{"grants":{"file":"read"}}"#, false),
            (r#"{"grants":"everything"}"#, false),
            (r#"{"grants":["files"]}"#, false),
            ("{}", false),
        ] {
            let read = serde_json::from_str::<DeriveKeyRequest>(json).ok();
            assert_eq!(read.is_some(), good, "{json}");
            assert_eq!(read.map_or(json.to_owned(), |read| serde_json::to_string(&read).unwrap()).len(), json.len());
        }
    }

    #[test]
    fn an_id_is_ten_letters_and_digits_and_a_new_key_shows_no_secret() {
        for (text, good) in
            [("8Kq2mZ7Rb1", true), ("8Kq2mZ7Rb", false), ("8Kq2mZ7Rb1x", false), ("8Kq2m/7Rb1", false), ("", false)]
        {
            assert_eq!(KeyId::parse(text).is_ok(), good, "{text}");
            assert_eq!(serde_json::from_value::<KeyId>(text.into()).is_ok(), good, "{text}");
        }
        let json =
            r#"{"key":"updock_live_s3cr3t","id":"8Kq2mZ7Rb1","agent":"media","origin":"issued","status":"good"}"#;
        let key: NewKey = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), json);
        assert!(!format!("{key:?}").contains("s3cr3t"));
    }
}
