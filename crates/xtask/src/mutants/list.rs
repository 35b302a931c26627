//! cargo-mutants' list of what to change.

use std::collections::BTreeSet;
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

/// Of the list, what a text names, one a line, whatever else it says. Lines and columns change with every edit and do not
/// count; of those that are alike but for them, one names all.
pub(super) fn named(list: &str, text: &str) -> Result<String> {
    let wrong = |error| Error::Check(format!("cargo-mutants' list: {error}"));
    let names: BTreeSet<_> = text.lines().filter_map(placeless).collect();
    let mut list: Vec<serde_json::Value> = serde_json::from_str(list).map_err(wrong)?;
    list.retain(|mutant| mutant["name"].as_str().and_then(placeless).is_some_and(|name| names.contains(&name)));
    if list.is_empty() {
        return Err(Error::Check("no mutant is named there".to_owned()));
    }
    serde_json::to_string(&list).map_err(wrong)
}

/// Of `missed: crates/engine/src/parts.rs:33:9: replace ...`, the file and what becomes of it.
fn placeless(line: &str) -> Option<(&str, &str)> {
    let (place, what) = line.split_once(".rs:")?;
    let (_, what) = what.split_once(": ")?;
    Some((place.rsplit(' ').next()?, what))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_an_earlier_run_names_what_lived_wherever_it_stands_now() {
        let name = |name: &str| serde_json::json!({ "name": name });
        let list = serde_json::json!([
            name("crates/engine/src/parts.rs:33:9: replace < with <= in Parts::take"),
            name("crates/engine/src/parts.rs:34:9: replace < with <= in Parts::take"),
            name("crates/engine/src/parts.rs:34:9: replace < with == in Parts::take"),
            name("crates/engine/src/engine/parts.rs:34:9: replace < with <= in Parts::take"),
        ]);
        let count = |log: &str| {
            let text = named(&list.to_string(), log).ok()?;
            Some(serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap().len())
        };
        for (log, named) in [
            ("xtask: building\nmissed: crates/engine/src/parts.rs:7:1: replace < with <= in Parts::take", Some(2)),
            ("  crates/engine/src/parts.rs:34:9: replace < with == in Parts::take\n", Some(1)),
            ("mutation score 82.5 %: 949 of 1149 caught", None),
        ] {
            assert_eq!(count(log), named, "{log}");
        }
    }
}
