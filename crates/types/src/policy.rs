//! The upload policy: what may be uploaded. The widget and the signer check the same rules with the same code.

use crate::pieces;
use serde::{Deserialize, Serialize};

/// Limits for uploads. Sizes are bytes; an absent limit is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadPolicy {
    /// Largest file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<u64>,
    /// Most files in one list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u32>,
    /// What types may come; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<AcceptRule>,
}

/// One item of an `accept` list. Source: HTML, the `accept` attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AcceptRule {
    /// `.pdf`: the name ends so, in any case.
    Extension(String),
    /// `image/*`: any subtype.
    AnyOf(String),
    /// `image/png`: exactly this.
    Exactly(String),
}

/// Why a text is no [`AcceptRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a file type: expected .extension, type/* or type/subtype")]
pub struct AcceptRuleError;

impl AcceptRule {
    /// Reads one item, in any case.
    pub fn parse(text: &str) -> Result<Self, AcceptRuleError> {
        let text = text.trim_ascii().to_ascii_lowercase();
        if let Some(extension) = text.strip_prefix('.') {
            return if extension.is_empty() || pieces::has(extension, b'/') {
                Err(AcceptRuleError)
            } else {
                Ok(Self::Extension(text))
            };
        }
        match pieces::cut(&text, b'/') {
            Some((kind, "*")) if !kind.is_empty() => Ok(Self::AnyOf(kind.to_owned())),
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => Ok(Self::Exactly(text)),
            _ => Err(AcceptRuleError),
        }
    }

    /// Reads a comma-separated list, leaving out what is no rule: an `accept` attribute is a hint, and a browser
    /// ignores what it does not know.
    pub fn parse_list(text: &str) -> Vec<Self> {
        pieces::pieces(text, b',').filter_map(|item| Self::parse(item).ok()).collect()
    }

    fn accepts(&self, name: &str, media_type: &str) -> bool {
        match self {
            Self::Extension(extension) => {
                name.len() >= extension.len()
                    && name.is_char_boundary(name.len() - extension.len())
                    && name[name.len() - extension.len()..].eq_ignore_ascii_case(extension)
            }
            Self::AnyOf(kind) => {
                pieces::pieces(media_type, b'/').next().is_some_and(|have| have.eq_ignore_ascii_case(kind))
            }
            Self::Exactly(exact) => pieces::pieces(media_type, b';')
                .next()
                .is_some_and(|have| have.trim_ascii().eq_ignore_ascii_case(exact)),
        }
    }
}

impl From<AcceptRule> for String {
    fn from(rule: AcceptRule) -> Self {
        match rule {
            AcceptRule::Extension(text) | AcceptRule::Exactly(text) => text,
            AcceptRule::AnyOf(kind) => kind + "/*",
        }
    }
}

impl TryFrom<String> for AcceptRule {
    type Error = AcceptRuleError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Why a file may not be uploaded. Each names what would have been allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The file has no bytes; the service takes none such.
    Empty,
    /// The file is larger than `limit` bytes.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file's type is not among those allowed.
    Type,
    /// The list already holds `limit` files.
    TooMany {
        /// The limit.
        limit: u32,
    },
}

impl UploadPolicy {
    /// Checks one file by its facts. A type that nobody told (`""`) passes rules about types unless a name rule
    /// decides: operating systems disagree too much for an unknown type to be an error.
    pub fn check(&self, name: &str, size: u64, media_type: &str) -> Result<(), Refusal> {
        if size == 0 {
            return Err(Refusal::Empty);
        }
        let limit = self.max_file_size.unwrap_or(crate::upload::limits::MAX_FILE_SIZE);
        if size > limit {
            return Err(Refusal::TooLarge { limit });
        }
        let unknown = media_type.is_empty() && self.accept.iter().all(|rule| !matches!(rule, AcceptRule::Extension(_)));
        if self.accept.is_empty() || unknown || self.accept.iter().any(|rule| rule.accepts(name, media_type)) {
            Ok(())
        } else {
            Err(Refusal::Type)
        }
    }

    /// May one more file join `present` others?
    pub fn check_count(&self, present: u32) -> Result<(), Refusal> {
        match self.max_files {
            Some(limit) if present >= limit => Err(Refusal::TooMany { limit }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_checked_against_size_and_type() {
        let policy = UploadPolicy {
            max_file_size: Some(100),
            max_files: Some(2),
            accept: AcceptRule::parse_list("image/*, .PDF,text/plain, nonsense"),
        };
        for (name, size, media_type, expected) in [
            ("a.png", 100, "image/png", Ok(())),
            ("a.png", 101, "image/png", Err(Refusal::TooLarge { limit: 100 })),
            ("a.png", 0, "image/png", Err(Refusal::Empty)),
            ("a.pdf", 1, "", Ok(())),
            ("a.Pdf", 1, "application/octet-stream", Ok(())),
            ("a.txt", 1, "text/plain; charset=utf-8", Ok(())),
            ("a.zip", 1, "application/zip", Err(Refusal::Type)),
            ("пdf", 1, "application/zip", Err(Refusal::Type)),
        ] {
            assert_eq!(policy.check(name, size, media_type), expected, "{name} {size} {media_type}");
        }
        assert_eq!(policy.check_count(1), Ok(()));
        assert_eq!(policy.check_count(2), Err(Refusal::TooMany { limit: 2 }));
        assert_eq!(
            UploadPolicy { accept: AcceptRule::parse_list("image/*"), ..Default::default() }.check("photo", 1, ""),
            Ok(())
        );
    }

    #[test]
    fn a_rule_travels_as_text() {
        for text in [".pdf", "image/*", "text/plain"] {
            let rule = AcceptRule::parse(text).unwrap();
            assert_eq!(String::from(rule), text);
        }
        for text in ["", ".", "image", "/png", "image/", "*"] {
            assert!(AcceptRule::parse(text).is_err(), "{text}");
        }
    }
}
