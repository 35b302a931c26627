//! What a suite reports, and whether it is as it should be: every function exercised in success and in error, and
//! every failure one that is known. The list of known deviations may only shrink: one that no longer fails fails.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Way;
use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

/// What came of one SDK's cases.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// Its name in tables; not in the file.
    #[serde(default)]
    pub(crate) peer: String,
    /// Its name in the registry.
    pub(crate) name: String,
    pub(crate) registry: String,
    pub(crate) version: String,
    pub(crate) functions: Vec<Function>,
    /// What went wrong outside of any case.
    pub(crate) problems: Vec<String>,
    /// What the stand-ins were asked for and answered, by the operation table; not in the file.
    #[serde(default)]
    pub(crate) operations: Vec<String>,
}

/// A public function of an SDK.
#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Why there is no case of an error.
    pub(crate) cannot_fail: Option<String>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) title: String,
    pub(crate) passed: bool,
    pub(crate) message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Success,
    Error,
}

impl Report {
    /// Every case with its function.
    pub(crate) fn cases(&self) -> impl Iterator<Item = (&Function, &Case)> {
        self.functions.iter().flat_map(|function| function.cases.iter().map(move |case| (function, case)))
    }
}

/// A case that fails, and why it may.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviation {
    pub(crate) id: String,
    pub(crate) sdk: String,
    pub(crate) function: String,
    pub(crate) case: String,
    pub(crate) differs: String,
    pub(crate) reason: String,
}

/// An operation that no SDK asks for, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unused {
    pub(crate) operation: String,
    pub(crate) reason: String,
}

/// `tests/conformance/deviations.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviations {
    #[serde(default, rename = "deviation")]
    pub(crate) known: Vec<Deviation>,
    #[serde(default)]
    pub(crate) unused: Vec<Unused>,
}

impl Deviations {
    /// Those of this way: through a signer what the stand-in does otherwise shows too.
    pub(crate) fn read(workspace: &Workspace, way: Way) -> Result<Self> {
        let mut all = Self::file(workspace, "deviations.toml")?;
        if way == Way::Signer {
            let own = Self::file(workspace, "signer.toml")?;
            all.known.extend(own.known);
        }
        Ok(all)
    }

    /// What only a signer does otherwise.
    pub(crate) fn of_signer(workspace: &Workspace) -> Result<Self> {
        Self::file(workspace, "signer.toml")
    }

    fn file(workspace: &Workspace, name: &str) -> Result<Self> {
        let path = workspace.conformance().join(name);
        let text = fs::read_to_string(&path).doing_at("read", &path)?;
        Self::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let read: Self =
            toml::from_str(text).map_err(|error| Error::Check(format!("{name} cannot be read: {error}")))?;
        let empty = read.known.iter().find(|known| known.reason.trim().is_empty() || known.differs.trim().is_empty());
        match empty {
            Some(known) => Err(Error::Check(format!("the deviation {} has no reason", known.id))),
            None => Ok(read),
        }
    }

    /// The deviation that this case is.
    pub(crate) fn of(&self, report: &Report, function: &Function, case: &Case) -> Option<&Deviation> {
        self.known
            .iter()
            .find(|known| known.sdk == report.peer && known.function == function.name && known.case == case.title)
    }

    /// Everything that is not as it should be, a sentence each. Without `whole` cases may be left out.
    pub(crate) fn judge(&self, reports: &[Report], whole: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for report in reports {
            let peer = &report.peer;
            wrong.extend(report.problems.iter().map(|problem| format!("{peer}: {problem}")));
            for (function, case) in report.cases() {
                let (name, title) = (&function.name, &case.title);
                match (self.of(report, function, case), case.passed) {
                    (None, true) | (Some(_), false) => {}
                    (None, false) => {
                        let message = case.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
                        wrong.push(format!("{peer}: {name}: {title}: {message}"));
                    }
                    (Some(known), true) => wrong.push(format!(
                        "{peer}: {name}: {title}: no longer fails: take {} off the list of deviations",
                        known.id
                    )),
                }
            }
            if whole {
                wrong
                    .extend(report.functions.iter().filter_map(|function| Some(format!("{peer}: {}", gap(function)?))));
                let of_peer = self.known.iter().filter(|known| known.sdk == *peer);
                let nowhere = of_peer.filter(|known| {
                    !report.cases().any(|(function, case)| function.name == known.function && case.title == known.case)
                });
                wrong.extend(nowhere.map(|known| format!("{peer}: the deviation {} names no case", known.id)));
            }
        }
        wrong
    }
}

/// What is missing among the cases of a function.
fn gap(function: &Function) -> Option<String> {
    let has = |kind| function.cases.iter().any(|case| case.kind == kind);
    let name = &function.name;
    match (has(Kind::Success), has(Kind::Error), &function.cannot_fail) {
        (false, _, _) => Some(format!("{name} is public and has no case")),
        (true, false, None) => Some(format!("{name} has no case of an error")),
        (true, true, Some(_)) => Some(format!("{name} has a case of an error and is said to have none")),
        (true, ..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(passed: bool) -> Report {
        let case = |kind, title: &str, passed| Case { kind, title: title.into(), passed, message: None };
        Report {
            peer: "sdk".into(),
            name: "@x/sdk".into(),
            registry: "npm".into(),
            version: "1".into(),
            problems: Vec::new(),
            operations: Vec::new(),
            functions: vec![Function {
                name: "f".into(),
                cannot_fail: None,
                cases: vec![case(Kind::Success, "works", passed), case(Kind::Error, "fails", true)],
            }],
        }
    }

    const KNOWN: &str = r#"
        [[deviation]]
        id = "d"
        sdk = "sdk"
        function = "f"
        case = "works"
        differs = "it does not"
        reason = "none"
    "#;

    #[test]
    fn a_failure_is_forgiven_only_where_it_is_known() {
        let (none, known) = (Deviations::default(), Deviations::parse("x.toml", KNOWN).unwrap());
        assert_eq!(none.judge(&[report(true)], true), [""; 0]);
        assert_eq!(none.judge(&[report(false)], true).len(), 1);
        assert_eq!(known.judge(&[report(false)], true), [""; 0]);
    }

    #[test]
    fn a_deviation_that_no_longer_fails_or_names_nothing_is_refused() {
        let known = Deviations::parse("x.toml", KNOWN).unwrap();
        assert!(known.judge(&[report(true)], true)[0].contains("take d off the list"));
        let elsewhere = Deviations::parse("x.toml", &KNOWN.replace("works", "walks")).unwrap();
        assert!(elsewhere.judge(&[report(true)], true)[0].contains("names no case"));
        assert!(Deviations::parse("x.toml", &KNOWN.replace("\"none\"", "\" \"")).is_err());
    }

    #[test]
    fn a_function_without_cases_is_a_failure() {
        let mut report = report(true);
        report.functions[0].cases.retain(|case| case.kind == Kind::Success);
        assert!(Deviations::default().judge(&[report], true)[0].contains("has no case of an error"));
        let lone = Function { name: "new".into(), cannot_fail: None, cases: Vec::new() };
        assert_eq!(gap(&lone), Some("new is public and has no case".into()));
    }
}
