//! Identifiers, parsed once at the edge; inside, the type is the proof.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes a newtype over text (de)serialise through its `parse` and `Display`.
macro_rules! as_text {
    ($type:ty, $error:ty) => {
        impl std::str::FromStr for $type {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A file's UUID: lower case, hyphenated. Source: Upload API, conventions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileUuid(uuid::Uuid);

/// Why a text is no [`FileUuid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a file UUID: expected 36 characters like 17be4678-dab7-4bc7-8753-28914a22960a")]
pub struct FileUuidError;

impl FileUuid {
    /// Reads the hyphenated form, in either case. Braces, `urn:uuid:` and the form without hyphens are refused,
    /// because the service knows none of them.
    pub fn parse(text: &str) -> Result<Self, FileUuidError> {
        if text.len() != 36 {
            return Err(FileUuidError);
        }
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| FileUuidError)
    }

    /// As `Display` writes it, without the formatting machinery: in a browser that would be downloaded for this alone.
    pub fn to_text(self) -> String {
        self.0.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned()
    }

    /// A version 4 UUID from 16 random bytes. The caller brings the chance; this crate has none.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for FileUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }
}

impl fmt::Debug for FileUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

as_text!(FileUuid, FileUuidError);

/// A group's id: `<uuid>~<number of files>`. Source: Upload API, File groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId {
    uuid: FileUuid,
    count: u16,
}

/// Why a text is no [`GroupId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a group id: expected a UUID, `~` and a number from 1 to 1000")]
pub struct GroupIdError;

impl GroupId {
    /// Most files one group can hold. Source: File groups.
    pub const MAX_FILES: u16 = 1000;

    /// A group of `count` files; `None` outside 1 to 1000.
    pub fn new(uuid: FileUuid, count: u16) -> Option<Self> {
        (1..=Self::MAX_FILES).contains(&count).then_some(Self { uuid, count })
    }

    /// Reads `<uuid>~<n>`; `n` without leading zeros or sign.
    pub fn parse(text: &str) -> Result<Self, GroupIdError> {
        let (uuid, count) = text.split_once('~').ok_or(GroupIdError)?;
        let uuid = FileUuid::parse(uuid).map_err(|_| GroupIdError)?;
        if count.starts_with('0') || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GroupIdError);
        }
        Self::new(uuid, count.parse().map_err(|_| GroupIdError)?).ok_or(GroupIdError)
    }

    /// How many files the group was made of.
    pub fn count(self) -> u16 {
        self.count
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.uuid, self.count)
    }
}

as_text!(GroupId, GroupIdError);

/// A metadata key: 1 to 64 bytes of `-_.:A-Za-z0-9`. Source: REST API v0.7, File metadata.
/// Stricter than the service: `.` and `..` are refused, because URL parsers fold them away and the request would
/// then address the file instead of its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetadataKey(String);

/// Why a text is no [`MetadataKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataKeyError {
    /// The key is `.` or `..`.
    #[error("a metadata key cannot be `.` or `..`")]
    DotSegment,
    /// The key is empty or longer than 64 bytes.
    #[error("a metadata key has 1 to 64 characters, this one has {bytes}")]
    Length {
        /// The length found.
        bytes: usize,
    },
    /// The key holds a character outside the alphabet.
    #[error("a metadata key is made of letters, digits and - _ . :")]
    Character,
}

impl MetadataKey {
    /// Longest key in bytes.
    pub const MAX_LEN: usize = 64;
    /// Most keys a file can have.
    pub const MAX_KEYS: usize = 50;

    /// Checks a key.
    pub fn parse(text: &str) -> Result<Self, MetadataKeyError> {
        match text {
            "." | ".." => Err(MetadataKeyError::DotSegment),
            _ if !(1..=Self::MAX_LEN).contains(&text.len()) => Err(MetadataKeyError::Length { bytes: text.len() }),
            _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(MetadataKeyError::Character),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetadataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(MetadataKey, MetadataKeyError);

/// A metadata value: 1 to 512 characters, no control characters but tab and line ends.
/// Source: REST API v0.7, File metadata (the forbidden characters are our reading).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetadataValue(String);

/// Why a text is no [`MetadataValue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataValueError {
    /// The value is empty or longer than 512 characters.
    #[error("a metadata value has 1 to 512 characters, this one has {characters}")]
    Length {
        /// The length found.
        characters: usize,
    },
    /// The value holds a control character.
    #[error("a metadata value cannot hold control characters")]
    Character,
}

impl MetadataValue {
    /// Longest value in characters.
    pub const MAX_LEN: usize = 512;

    /// Checks a value.
    pub fn parse(text: &str) -> Result<Self, MetadataValueError> {
        let characters = text.chars().count();
        if !(1..=Self::MAX_LEN).contains(&characters) {
            return Err(MetadataValueError::Length { characters });
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err(MetadataValueError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(MetadataValue, MetadataValueError);

/// A project's public key: 1 to 64 letters, digits, `-` and `_`. It names the project and opens it for uploads
/// (unless signed uploads are on); it is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(String);

/// Why a text is no [`PublicKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: expected 1 to 64 letters, digits, - or _ (see the API keys page of your project)")]
pub struct PublicKeyError;

impl PublicKey {
    /// Checks the shape of a key. Whether the project exists, only the service knows.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PublicKeyError)
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(PublicKey, PublicKeyError);

/// A number that the service gives to things: decimal, without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Why a text is no number of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number: expected decimal digits without a leading zero")]
pub struct NumberError;

macro_rules! number {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(pub u64);

        impl $type {
            /// Reads decimal digits.
            pub fn parse(text: &str) -> Result<Self, NumberError> {
                decimal(text).map(Self).ok_or(NumberError)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NumberError;
            fn from_str(text: &str) -> Result<Self, NumberError> {
                Self::parse(text)
            }
        }
    };
}

number! {
    /// Names a webhook subscription. Source: REST API v0.7, Webhooks.
    WebhookId
}

number! {
    /// Names a conversion job; outgrows 32 bits. Source: REST API v0.7, Conversion.
    ConversionToken
}

/// Names a run of an add-on. Source: REST API v0.7, Add-ons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddonRequestId(uuid::Uuid);

/// Why a text is no [`AddonRequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an add-on's request id: expected a UUID")]
pub struct AddonRequestIdError;

impl AddonRequestId {
    /// Reads the hyphenated form, in either case.
    pub fn parse(text: &str) -> Result<Self, AddonRequestIdError> {
        FileUuid::parse(text).map(|uuid| Self(uuid.0)).map_err(|_| AddonRequestIdError)
    }

    /// A version 4 UUID from 16 random bytes.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(FileUuid::from_random_bytes(bytes).0)
    }
}

impl fmt::Display for AddonRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&FileUuid(self.0), f)
    }
}

impl fmt::Debug for AddonRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

as_text!(AddonRequestId, AddonRequestIdError);

/// A tag: 1 to 100 of `a-z 0-9 - _ .`; parsing trims and lower-cases, as the service does. Source: File tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// Why a text is no [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing is left after trimming, or more than 100 characters.
    #[error("a tag has 1 to 100 characters, this one has {characters}")]
    Length {
        /// The length found.
        characters: usize,
    },
    /// The tag holds a character outside the alphabet.
    #[error("a tag is made of letters, digits and - _ .")]
    Character,
}

impl Tag {
    /// Longest tag in characters.
    pub const MAX_LEN: usize = 100;
    /// Most tags a file can have.
    pub const MAX_TAGS: usize = 50;

    /// Trims, lower-cases and checks.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let text = text.trim().to_lowercase();
        let characters = text.chars().count();
        if !(1..=Self::MAX_LEN).contains(&characters) {
            return Err(TagError::Length { characters });
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if text.bytes().all(allowed) { Ok(Self(text)) } else { Err(TagError::Character) }
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(Tag, TagError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_uuid_is_read_in_the_hyphenated_form_only() {
        let good = "17be4678-dab7-4bc7-8753-28914a22960a";
        assert_eq!(FileUuid::parse(good).unwrap().to_string(), good);
        assert_eq!(FileUuid::parse(&good.to_uppercase()).unwrap().to_string(), good);
        for bad in [
            "",
            "nope",
            "17be4678dab74bc7875328914a22960a",
            "{17be4678-dab7-4bc7-8753-28914a22960a}",
            "17be4678-dab7-4bc7-8753-28914a22960g",
        ] {
            assert!(FileUuid::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_group_id_needs_a_count_from_1_to_1000() {
        let uuid = "17be4678-dab7-4bc7-8753-28914a22960a";
        assert_eq!(GroupId::parse(&format!("{uuid}~2")).unwrap().to_string(), format!("{uuid}~2"));
        for count in ["0", "01", "1001", "-1", "+1", "", "2x", "99999999999"] {
            assert!(GroupId::parse(&format!("{uuid}~{count}")).is_err(), "{count}");
        }
    }

    #[test]
    fn a_metadata_key_cannot_walk_up_a_path() {
        assert_eq!(MetadataKey::parse(".."), Err(MetadataKeyError::DotSegment));
        assert_eq!(MetadataKey::parse(""), Err(MetadataKeyError::Length { bytes: 0 }));
        assert_eq!(MetadataKey::parse(&"a".repeat(65)), Err(MetadataKeyError::Length { bytes: 65 }));
        assert_eq!(MetadataKey::parse("a b"), Err(MetadataKeyError::Character));
        assert!(MetadataKey::parse("-:45az_...").is_ok());
    }

    #[test]
    fn numbers_are_plain_decimals() {
        assert_eq!(WebhookId::parse("865715"), Ok(WebhookId(865_715)));
        assert_eq!(ConversionToken::parse("9441362260001").unwrap().to_string(), "9441362260001");
        for bad in ["", "-1", "+1", "01", "1.0", "1e3", " 1", "99999999999999999999"] {
            assert_eq!(WebhookId::parse(bad), Err(NumberError), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_normalised_before_it_is_checked() {
        assert_eq!(Tag::parse("  Cat ").unwrap().as_str(), "cat");
        assert_eq!(Tag::parse("  "), Err(TagError::Length { characters: 0 }));
        assert_eq!(Tag::parse("a b"), Err(TagError::Character));
        assert_eq!(Tag::parse(&"a".repeat(101)), Err(TagError::Length { characters: 101 }));
    }

    #[test]
    fn ids_travel_as_json_text() {
        let file: FileUuid = serde_json::from_str("\"17be4678-dab7-4bc7-8753-28914a22960a\"").unwrap();
        assert_eq!(serde_json::to_string(&file).unwrap(), "\"17be4678-dab7-4bc7-8753-28914a22960a\"");
        assert!(serde_json::from_str::<FileUuid>("\"nope\"").is_err());
    }
}
