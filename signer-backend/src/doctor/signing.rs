//! Where the keys lie that sign: in a database that others administer they sign for whoever reads them.

use super::{Finding, State};
use crate::policy::{Place, Policy};

const CHECK: &str = "signing-keys";

pub(super) fn examine(policy: &Policy, findings: &mut Vec<Finding>) {
    // A file has an owner, whose modes are looked at elsewhere, and memory has no other reader.
    let Place::Postgres(_) = &policy.keeping.place else { return };
    let kept: Vec<(&str, &str)> = [
        (policy.keeping.audit_key.is_none(), "the checkpoints of the audit log", "[audit]"),
        (policy.keeping.receipts.key.is_none(), "receipts", "[receipts]"),
    ]
    .into_iter()
    .filter_map(|(is_kept, signs, section)| is_kept.then_some((signs, section)))
    .collect();
    if kept.is_empty() {
        let sentence = "The keys that sign checkpoints and receipts come with the policy, and not from the database.";
        findings.push(Finding::new(CHECK, State::Good, sentence));
        return;
    }
    for (signs, section) in kept {
        let sentence = format!(
            "The key that signs {signs} is in the database, and whoever reads that can sign in our place. Make another \
             with `openssl rand -hex 32`, and name its file below {section}: key = {{ file = \"...\" }}. What the first \
             one signed is not verified with the new one."
        );
        findings.push(Finding::new(CHECK, State::Look, sentence));
    }
}
