//! Who may do what: one pure function, [`decide`], that every surface asks.
//!
//! Invariant: only [`Caller::may`](crate::caller::Caller::may) makes an [`Allowed`], by way of [`decide`], and whatever
//! acts takes an [`Allowed`]: so nothing is done that was not decided on. No I/O, no clock.

use updock_client::Call;
use updock_types::rest::WebhookChange;
use updock_types::{Area, Level, Operation, Redaction};

/// What somebody may do, area by area. What is not written is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants([Level; Area::ALL.len()]);

impl Grants {
    /// These grants, with `level` in `area`.
    #[must_use]
    pub fn with(mut self, area: Area, level: Level) -> Self {
        self.0[area as usize] = level;
        self
    }

    /// The level in `area`.
    pub fn level(self, area: Area) -> Level {
        self.0[area as usize]
    }

    /// Is nothing granted at all?
    pub fn is_empty(self) -> bool {
        self.0.iter().all(|level| *level == Level::Off)
    }
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// In which area.
    pub area: Area,
    /// At least this level.
    pub level: Level,
    /// What to hide from whoever has less than full access there.
    pub redact: Redaction,
}

impl Need {
    /// To issue an upload credential, and to confirm what was uploaded with it: both end in a stored file.
    pub const UPLOAD: Self = Self { area: Area::Uploads, level: Level::Write, redact: Redaction::None };
    /// To read the upload policy.
    pub const UPLOAD_POLICY: Self = Self { area: Area::Uploads, level: Level::Read, redact: Redaction::None };

    /// What a row of the operation table needs.
    pub fn of(row: &Operation) -> Self {
        Self { area: row.area, level: row.level, redact: row.redact }
    }

    /// What this very call needs: its row, and what its arguments make of it.
    pub fn of_call(call: &Call) -> Self {
        let need = Self::of(call.id().row());
        match call {
            // Switching a webhook on or off sends nothing to anybody new.
            Call::WebhookUpdate(
                _,
                WebhookChange { target_url: None, event: None, is_active: Some(_), signing_secret: None },
            ) => Self { level: Level::Write, ..need },
            _ => need,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Allow,
    /// The grant is too small.
    Deny,
}

/// A verdict with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What was needed.
    pub need: Need,
    /// What the caller has in that area.
    pub held: Level,
    /// What must be hidden in the answer.
    pub redact: Redaction,
}

impl Decision {
    /// The grant that would have been needed, like `files: full`.
    pub fn missing(&self) -> String {
        format!("{}: {}", self.need.area, self.need.level)
    }
}

/// Holds what is needed against what is granted.
pub fn decide(grants: Grants, need: Need) -> Decision {
    let held = grants.level(need.area);
    // A need of `off` would open a row to everybody; no row has one, and if one had, it would be closed.
    let enough = need.level > Level::Off && held >= need.level;
    let verdict = if enough { Verdict::Allow } else { Verdict::Deny };
    let redact = if held == Level::Full { Redaction::None } else { need.redact };
    Decision { verdict, need, held, redact }
}

/// Something that was decided on and may be done.
#[derive(Debug)]
pub struct Allowed<T> {
    what: T,
    decision: Decision,
}

impl<T> Allowed<T> {
    /// Decides; gives `what` back only when allowed.
    pub(crate) fn decide(grants: Grants, need: Need, what: T) -> (Decision, Option<Self>) {
        let decision = decide(grants, need);
        let allowed = (decision.verdict == Verdict::Allow).then_some(Self { what, decision });
        (decision, allowed)
    }

    /// What may be done.
    pub fn what(&self) -> &T {
        &self.what
    }

    /// The decision behind it.
    pub fn decision(&self) -> Decision {
        self.decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::OPERATIONS;

    const LEVELS: [Level; 4] = [Level::Off, Level::Read, Level::Write, Level::Full];

    #[test]
    fn nothing_is_allowed_by_default() {
        for row in OPERATIONS {
            assert_eq!(decide(Grants::default(), Need::of(row)).verdict, Verdict::Deny, "{}", row.id);
        }
        assert!(Grants::default().is_empty());
    }

    #[test]
    fn a_grant_counts_in_its_own_area_only_and_more_never_allows_less() {
        for row in OPERATIONS {
            for area in Area::ALL {
                let mut before = false;
                for level in LEVELS {
                    let decision = decide(Grants::default().with(*area, level), Need::of(row));
                    let allowed = decision.verdict == Verdict::Allow;
                    assert!(allowed >= before, "{} with {area}: {level}", row.id);
                    assert!(!allowed || *area == row.area, "{} with {area}: {level}", row.id);
                    before = allowed;
                }
            }
        }
    }

    #[test]
    fn a_need_of_nothing_is_refused_rather_than_open() {
        let need = Need { area: Area::Files, level: Level::Off, redact: Redaction::None };
        assert_eq!(decide(Grants::default().with(Area::Files, Level::Full), need).verdict, Verdict::Deny);
    }

    #[test]
    fn only_full_access_sees_what_is_redacted() {
        let need = Need { area: Area::Project, level: Level::Read, redact: Redaction::Collaborators };
        for (level, redact) in [
            (Level::Read, Redaction::Collaborators),
            (Level::Write, Redaction::Collaborators),
            (Level::Full, Redaction::None),
        ] {
            assert_eq!(decide(Grants::default().with(Area::Project, level), need).redact, redact);
        }
    }
}
