//! Expected verdicts, kept beside a policy: `[[case]]` with `caller`, `operation` and `expect`.

use super::{Policy, PolicyError, Question};
use crate::decision::{Readers, Verdict};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Spanned<Case>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    caller: String,
    operation: String,
    expect: Expected,
    count: Option<usize>,
    to: Option<String>,
    #[serde(default)]
    public: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Allow,
    Deny,
    NeedsApproval,
}

impl From<Expected> for Verdict {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Allow => Self::Allow,
            Expected::Deny => Self::Deny,
            Expected::NeedsApproval => Self::NeedsApproval,
        }
    }
}

/// A file of cases.
pub(super) struct Cases {
    text: String,
    file: File,
}

/// What came of them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) cases: usize,
    pub(super) failures: Vec<Failure>,
}

/// A case that came otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    line: usize,
    caller: String,
    operation: String,
    expected: Expected,
    why: String,
}

impl Failure {
    pub(super) fn text(&self) -> String {
        let Self { line, caller, operation, expected, why } = self;
        let word = Verdict::from(*expected).as_str();
        format!("{line}: {caller} {operation} should be {word}: {why}")
    }
}

impl Cases {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let file = toml::from_str(&text)
            .map_err(|error| format!("{}: {}", path.display(), PolicyError::reading(&text, &error)))?;
        Ok(Self { text, file })
    }

    /// Asks `policy` each.
    pub(super) fn hold(&self, policy: &Policy) -> Report {
        let failed = |case: &Spanned<Case>| {
            let line = super::error::line(&self.text, case.span().start);
            let Case { caller, operation, expect, count, to, public } = case.get_ref();
            let question = Question {
                caller: caller.clone(),
                operation: operation.clone(),
                count: *count,
                to: to.clone(),
                readers: Readers::asked(*public),
            };
            let why = match policy.explain(&question) {
                Ok(answer) if answer.verdict == Verdict::from(*expect).as_str() => return None,
                Ok(answer) => answer.sentence,
                Err(sentence) => sentence,
            };
            let (caller, operation) = (caller.clone(), operation.clone());
            Some(Failure { line, caller, operation, expected: *expect, why })
        };
        Report { cases: self.file.case.len(), failures: self.file.case.iter().filter_map(failed).collect() }
    }
}
