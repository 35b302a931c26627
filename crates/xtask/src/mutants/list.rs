//! cargo-mutants' list of what to change.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use serde::Deserialize;

use crate::error::{Error, Result};

/// A change to one file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Mutant {
    /// `crates/engine/src/parts.rs:33:9: replace ...`
    pub(super) name: String,
    /// From the checkout's root.
    pub(super) file: String,
    pub(super) genre: Genre,
    function: Option<Function>,
    span: Span,
    /// Stands where `span` was.
    pub(super) replacement: String,
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Genre {
    /// A function's body becomes a value.
    FnValue,
    BinaryOperator,
    /// One is deleted.
    UnaryOperator,
    /// One is deleted from a match that has `_`.
    MatchArm,
    /// It becomes `true` or `false`.
    MatchArmGuard,
    /// One is deleted from an expression that has `..rest`.
    StructField,
}

#[derive(Debug, Clone, Deserialize)]
struct Function {
    return_type: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// Both count from 1, columns in characters.
#[derive(Debug, Clone, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// Reads the list, in random order, so that the score of a part says something about the whole.
pub(super) fn shuffled(text: &str) -> Result<Vec<Mutant>> {
    let mut list: Vec<Mutant> =
        serde_json::from_str(text).map_err(|error| Error::Check(format!("cargo-mutants' list: {error}")))?;
    let order = RandomState::new();
    list.sort_by_cached_key(|mutant| order.hash_one(&mutant.name));
    Ok(list)
}

impl Mutant {
    /// What is replaced, in bytes of its file.
    pub(super) fn range(&self, source: &str) -> Range<usize> {
        self.span.start.offset(source)..self.span.end.offset(source)
    }

    /// Does its function hide which type it returns? Then a value of another type cannot stand beside the body.
    pub(super) fn hides_its_type(&self) -> bool {
        self.function.as_ref().is_some_and(|function| function.return_type.contains("impl "))
    }

    /// The file's text with the change.
    pub(super) fn apply(&self, source: &str) -> String {
        let Range { start, end } = self.range(source);
        [&source[..start], &self.replacement, &source[end..]].concat()
    }
}

impl Place {
    fn offset(&self, source: &str) -> usize {
        let before: usize = source.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let line = &source[before..];
        before + line.char_indices().nth(self.column - 1).map_or(line.len(), |(at, _)| at)
    }
}
