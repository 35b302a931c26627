//! The score of a run, also of one that was stopped, from the files that it leaves.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

use super::Subject;

/// A mutant that no test can tell from the original, or that no test should.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Equivalent {
    /// Below the crate's `src`.
    file: String,
    /// As cargo-mutants names it.
    mutant: String,
    reason: String,
}

/// What was tried, and how it went. Names are `path: what`, without line and column, which change with every edit.
#[derive(Debug, Default)]
pub(super) struct Score {
    all: usize,
    caught: usize,
    /// Broken in a way that the compiler noticed; they count for nothing.
    unviable: usize,
    /// They made the tests run for ever, which is noticed too.
    timeouts: usize,
    equivalent: Vec<Equivalent>,
    missed: Vec<String>,
}

impl Score {
    pub(super) fn read(workspace: &Workspace, subject: Subject, folder: &Path) -> Result<Self> {
        let mutants = folder.join("mutants.json");
        let text = fs::read_to_string(&mutants).doing_at("read", &mutants)?;
        let all: Vec<serde_json::Value> =
            serde_json::from_str(&text).map_err(|error| Error::Check(format!("{}: {error}", mutants.display())))?;
        let lines = |name: &str| -> Vec<String> {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        let list = workspace.root().join(subject.folder()).join("tests/mutants.toml");
        let text = fs::read_to_string(&list).doing_at("read", &list)?;
        let listed = parse(&text).map_err(|error| Error::Check(format!("{}: {error}", list.display())))?;
        let mut score = Self {
            all: all.len(),
            caught: lines("caught.txt").len(),
            unviable: lines("unviable.txt").len(),
            timeouts: lines("timeout.txt").len(),
            ..Self::default()
        };
        for missed in lines("missed.txt") {
            match listed.iter().find(|equivalent| equivalent.is(subject, &missed)) {
                Some(equivalent) => score.equivalent.push(equivalent.clone()),
                None => score.missed.push(missed),
            }
        }
        Ok(score)
    }

    /// Prints it; fails when something survived that is not explained.
    pub(super) fn judge(&self) -> Result<()> {
        println!("{self}");
        for Equivalent { file, mutant, reason } in &self.equivalent {
            println!("  the same as the original: {file}: {mutant} ({reason})");
        }
        if self.missed.is_empty() {
            return Ok(());
        }
        Err(Error::Check(format!("no test notices these:\n  {}", self.missed.join("\n  "))))
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let caught = self.caught + self.timeouts;
        let counted = caught + self.missed.len();
        let tried = counted + self.equivalent.len() + self.unviable;
        let per_mille = (caught * 1000).checked_div(counted).unwrap_or(0);
        write!(
            f,
            "mutation score {}.{} %: {caught} of {counted} caught ({} of them by a time-out); tried {tried} of {} \
             mutants, {} did not compile, {} are explained",
            per_mille / 10,
            per_mille % 10,
            self.timeouts,
            self.all,
            self.unviable,
            self.equivalent.len(),
        )
    }
}

impl Equivalent {
    /// `crates/engine/src/parts.rs:33:9: replace ...`
    fn is(&self, subject: Subject, line: &str) -> bool {
        let folder = format!("{}/src/", subject.folder());
        let Some(rest) = line.strip_prefix(&folder).and_then(|rest| rest.strip_prefix(&self.file)) else {
            return false;
        };
        let mut pieces = rest.splitn(4, ':');
        pieces.nth(3).is_some_and(|what| what.trim() == self.mutant)
    }
}

fn parse(text: &str) -> Result<Vec<Equivalent>, toml::de::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        #[serde(default)]
        equivalent: Vec<Equivalent>,
    }
    toml::from_str::<List>(text).map(|list| list.equivalent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_counts_what_was_tried_and_leaves_the_rest_out() {
        let missed = vec!["crates/engine/src/a.rs:1:2: replace f with ()".to_owned()];
        let score = Score { all: 40, caught: 7, unviable: 2, timeouts: 2, equivalent: Vec::new(), missed };
        assert_eq!(
            score.to_string(),
            "mutation score 90.0 %: 9 of 10 caught (2 of them by a time-out); tried 12 of 40 mutants, 2 did not \
             compile, 0 are explained"
        );
        assert!(score.judge().is_err());
        assert!(Score::default().judge().is_ok());
    }

    #[test]
    fn a_listed_mutant_is_known_wherever_it_stands() {
        let list = "[[equivalent]]\nfile = \"parts.rs\"\nmutant = \"replace < with <= in Parts::take\"\nreason = \"r\"";
        let listed = parse(list).unwrap();
        for (line, is) in [
            ("crates/engine/src/parts.rs:33:9: replace < with <= in Parts::take", true),
            ("crates/engine/src/parts.rs:7:1: replace < with <= in Parts::take", true),
            ("crates/engine/src/parts.rs:7:1: replace < with == in Parts::take", false),
            ("crates/engine/src/engine/parts.rs:7:1: replace < with <= in Parts::take", false),
        ] {
            assert_eq!(listed[0].is(Subject::Engine, line), is, "{line}");
        }
    }
}
