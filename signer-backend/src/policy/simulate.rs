//! What another policy would have said to what was recorded.
//!
//! A record holds who asked, for what, at which level and with how many files, and never where something was to be
//! sent or who may read it there: where the other policy limits that, such a request is counted as one that cannot be
//! told.

use super::Policy;
use crate::audit::Entry;
use crate::decision::{Because, Decision, Destination, Need, Readers, Verdict};
use crate::own::{KEY_DERIVE, KEY_ISSUE};
use serde::Serialize;
use std::collections::BTreeMap;
use updock_types::{Level, OperationId};

/// What would change.
#[derive(Debug, Default, Serialize)]
pub struct Simulation {
    /// How many decisions were held against the other policy.
    pub decisions: u64,
    /// How many of them would be others.
    pub changed: u64,
    /// How many cannot be told.
    pub untold: u64,
    /// What would change, by caller and operation.
    pub changes: Vec<Change>,
    #[serde(skip)]
    found: BTreeMap<(String, &'static str, &'static str), Change>,
}

/// Decisions of one kind that would be others.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Who.
    pub caller: String,
    /// What.
    pub operation: &'static str,
    /// What was decided.
    pub was: &'static str,
    /// What would be.
    pub would_be: &'static str,
    /// How often.
    pub times: u64,
    /// The place in the other policy that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What would be missing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Simulation {
    /// Holds a record against `policy`.
    pub fn replay(&mut self, entry: &Entry<'_>, policy: &Policy) {
        let (Some(caller), Some(operation), Some(verdict)) = (&entry.caller, &entry.operation, &entry.verdict) else {
            return;
        };
        let Some(verdict) = Verdict::parse(verdict) else { return };
        let Some(need) = Need::of_operation(operation).filter(|_| entry.phase == "decision") else { return };
        // A refusal that misses nothing was for another reason than grants: a quota, a wish that went too far.
        if verdict != Verdict::Allow && entry.missing.is_none() {
            return;
        }
        let level = [Level::Read, Level::Write, Level::Full]
            .into_iter()
            .find(|level| Some(level.as_str()) == entry.level.as_deref());
        let count = entry.shape.as_deref().and_then(|shape| shape.strip_prefix("files: ")).and_then(|n| n.parse().ok());
        // A target that no list can hold: where there is a list, the decision hangs on it.
        let destination = sends_out(&need, level).then(|| match need.operation {
            "files.remote_copy" => Destination::Storage(String::new()),
            _ => Destination::Webhook(String::new()),
        });
        let readers = Readers::asked(need.operation == OperationId::FileRemoteCopy.as_str());
        let need = Need { level: level.unwrap_or(need.level), count: count.unwrap_or(1), destination, readers, ..need };
        let operation = need.operation;
        self.decisions += 1;
        let decision = policy.decision(caller, need);
        if decision.as_ref().is_some_and(|decision| matches!(decision.because, Because::Destination | Because::Public))
        {
            self.untold += 1;
            return;
        }
        // What narrows a derived key stands in no record: the other policy may let its agent, and the key still may not.
        let key_refused = entry.rule.as_deref().is_some_and(|rule| rule.starts_with("keys."));
        // Nor does what a new key should have had, which its maker could not give.
        let makes_keys = [KEY_DERIVE.id, KEY_ISSUE.id].contains(&operation);
        let is_allowed = decision.as_ref().is_some_and(Decision::is_allowed);
        let otherwise_refused = is_allowed && (entry.parent_key.is_some() || makes_keys);
        if verdict != Verdict::Allow && (key_refused || otherwise_refused) {
            self.untold += 1;
            return;
        }
        // Whom the other policy does not let in is refused by it.
        let would_be = decision.as_ref().map_or(Verdict::Deny, |decision| decision.verdict);
        let (was, would_be) = (verdict.as_str(), would_be.as_str());
        if was == would_be {
            return;
        }
        self.changed += 1;
        let missing = match &decision {
            Some(decision) if decision.is_allowed() => None,
            Some(decision) => Some(decision.missing()),
            None => Some(format!("agents.{caller}")),
        };
        let rule = decision.and_then(|decision| decision.rule).map(|rule| rule.text.to_string());
        let change = Change { caller: caller.to_string(), operation, was, would_be, times: 0, rule, missing };
        self.found.entry((caller.to_string(), operation, would_be)).or_insert(change).times += 1;
    }

    /// What would change, in order.
    #[must_use]
    pub fn done(mut self) -> Self {
        self.changes = std::mem::take(&mut self.found).into_values().collect();
        self
    }
}

fn sends_out(need: &Need, level: Option<Level>) -> bool {
    let is = |id: OperationId| need.operation == id.as_str();
    is(OperationId::FileRemoteCopy)
        || is(OperationId::WebhookCreate)
        || (is(OperationId::WebhookUpdate) && level == Some(Level::Full))
}
