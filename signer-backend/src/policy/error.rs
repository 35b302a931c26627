//! Why a policy is not accepted: where, and in one sentence with a next step.
//!
//! Invariant: no sentence repeats a value of the file, for any value may be a secret in the wrong place. Names of
//! fields and the few fixed words (`off`, `read`, ...) are what it may show.

use std::fmt;
use std::ops::Range;

/// Why a policy file is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    line: Option<usize>,
    sentence: String,
}

impl PolicyError {
    /// About the file as a whole.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { line: None, sentence: sentence.into() }
    }

    /// About the place `span` in `text`.
    pub(crate) fn at(text: &str, span: &Range<usize>, sentence: impl Into<String>) -> Self {
        Self { line: Some(line(text, span.start)), sentence: sentence.into() }
    }

    /// What the TOML reader had to say, in our words.
    pub(crate) fn reading(text: &str, error: &toml::de::Error) -> Self {
        Self { line: error.span().map(|span| line(text, span.start)), sentence: in_plain_words(error.message()) }
    }

    /// The line, counted from 1, if the fault has a place.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.sentence),
            None => f.write_str(&self.sentence),
        }
    }
}

impl std::error::Error for PolicyError {}

/// The line of a place, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// serde's messages, turned to people. They name fields in backquotes, and values in double quotes or after
/// "integer `5`" and the like: of those nothing is repeated.
fn in_plain_words(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    if let (true, Some((given, known))) = (unknown, names.split_first()) {
        return match closest(given, known.iter().copied()) {
            Some(best) => format!("`{given}` is not known here; did you mean `{best}`?"),
            None if known.is_empty() => "this is not known here".to_owned(),
            // The name of a field may be told, a value in the place of a word may not.
            None if message.starts_with("unknown field") => {
                format!("`{given}` is not known here; known are {}", known.join(", "))
            }
            None => format!("not known here; known are {}", known.join(", ")),
        };
    }
    if message.starts_with("missing field") {
        return format!("`{}` is missing here", names.first().unwrap_or(&"a field"));
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        let expected = message.rsplit_once("expected ").map_or("something else", |(_, expected)| expected);
        return format!("this value is of the wrong kind; expected {expected}");
    }
    message.to_owned()
}

/// Which of `known` was probably meant.
pub(crate) fn closest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.max_by(|a, b| similarity(given, a).total_cmp(&similarity(given, b)));
    best.filter(|best| similarity(given, best) > 0.65)
}

/// A hint to follow a sentence: `; did you mean `files`?`, or nothing.
pub(super) fn hint<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    closest(given, known).map(|best| format!("; did you mean `{best}`?")).unwrap_or_default()
}

/// 1 for equal, 0 for nothing in common; forgives a swap in a short word as well as a missing end of a long one. Words
/// of which most letters differ are not alike, however many the longer one shares by chance.
fn similarity(one: &str, other: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(one, other);
    if edits < 0.4 { edits } else { edits.max(strsim::jaro_winkler(one, other)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_suggested_that_is_not_close() {
        let known = || updock_types::OPERATIONS.iter().map(|row| row.id.as_str());
        for given in ["nope", "foo", "none", "bar", "x", ""] {
            assert_eq!(closest(given, known()), None, "{given}");
        }
        for (given, expected) in [("files.lsit", "files.list"), ("file.delete", "files.delete")] {
            assert_eq!(closest(given, known()), Some(expected));
        }
    }

    #[test]
    fn messages_suggest_and_never_repeat_a_value() {
        for (message, expected) in [
            (
                "unknown field `orgins`, expected `origins` or `rate`",
                "`orgins` is not known here; did you mean `origins`?",
            ),
            (
                "unknown field `x`, expected one of `files`, `keys`, `name`",
                "`x` is not known here; known are files, keys, name",
            ),
            (
                "unknown field `networks`, expected one of `events`, `secrets`, `targets`",
                "`networks` is not known here; known are events, secrets, targets",
            ),
            (
                "unknown variant `s3cr3t`, expected one of `off`, `read`, `write`, `full`",
                "not known here; known are off, read, write, full",
            ),
            (
                "unknown variant `reed`, expected one of `off`, `read`, `write`, `full`",
                "`reed` is not known here; did you mean `read`?",
            ),
            ("missing field `public_key`", "`public_key` is missing here"),
            (
                "invalid type: string \"s3cr3t\", expected a sequence",
                "this value is of the wrong kind; expected a sequence",
            ),
        ] {
            assert_eq!(in_plain_words(message), expected);
        }
    }
}
