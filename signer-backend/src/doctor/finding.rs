//! What a look found, and what that means for the whole.

use serde::Serialize;
use std::fmt;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its short name; the same in every version.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// One or two plain sentences, with what to do.
    pub text: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// It cannot be otherwise, and one should know it.
    Note,
    /// A person should look at it.
    Look,
    /// It could not be found out.
    Unknown,
    /// Something does not work, or is open.
    Wrong,
}

/// How the whole is: the worst of its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing to do.
    Good,
    /// Something to look at, or not known.
    Look,
    /// Something to mend.
    Wrong,
}

impl Finding {
    pub(super) fn new(check: &'static str, state: State, text: impl Into<String>) -> Self {
        Self { check, state, text: text.into() }
    }
}

impl Health {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let any = |states: &[State]| findings.iter().any(|finding| states.contains(&finding.state));
        if any(&[State::Wrong]) {
            Self::Wrong
        } else if any(&[State::Look, State::Unknown]) {
            Self::Look
        } else {
            Self::Good
        }
    }

    /// What a program ends with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Wrong => 1,
            // 2 is for a command line that cannot be read.
            Self::Look => 3,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            State::Good => "good",
            State::Note => "note",
            State::Look => "LOOK",
            State::Unknown => "UNKNOWN",
            State::Wrong => "WRONG",
        };
        writeln!(f, "{word:<9}{:<17}{}", self.check, self.text)
    }
}
