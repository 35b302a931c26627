//! What a crash left: requests and commands that were allowed and whose outcome is not in the audit log. They may have
//! been done or not, and nobody was told.

use super::{Finding, State};
use crate::audit::{Entry, has_outcome, recorded};
use crate::sentence::counted;
use crate::state::{State as Store, StateError, now};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use updock_types::Level;

const CHECK: &str = "unfinished";
/// How far back to look.
const DAYS: i64 = 7;
const DAY: i64 = 86_400_000_000;
/// And at how many records at most, so that nobody waits for hours.
const RECORDS: usize = 200_000;
/// Whatever began since then may still run: the largest batch with the slowest answers. In Unix microseconds.
const RUNNING: i64 = 600_000_000;
/// How many are named.
const NAMED: usize = 5;

/// A request without an outcome.
struct Begun {
    at: i64,
    changes: bool,
    by_command: bool,
    what: String,
}

pub(super) async fn examine(state: Arc<dyn Store>, findings: &mut Vec<Finding>) {
    match begun(state).await {
        Ok((begun, whole)) => tell(&begun, whole, findings),
        Err(error) => findings.push(Finding::new(
            CHECK,
            State::Unknown,
            format!("Whether a crash left something half done is not known: the audit log cannot be read: {error}."),
        )),
    }
}

/// Newest first; and were all records of these days looked at?
async fn begun(state: Arc<dyn Store>) -> Result<(Vec<Begun>, bool), StateError> {
    let from = now().saturating_mul(1000) - DAYS * DAY;
    let mut rows = pin!(recorded(state, from).take(RECORDS));
    let (mut seen, mut ended, mut open) = (0, HashSet::new(), HashMap::new());
    while let Some(row) = rows.try_next().await? {
        seen += 1;
        let acts = has_outcome(row.operation.as_deref(), row.caller.as_deref());
        let Some(request) = row.request.filter(|_| acts) else { continue };
        match (row.phase.as_str(), row.verdict.as_deref()) {
            // Records come newest first, and a clock that was set back turns two of them around.
            ("outcome", _) => {
                let told_already = open.remove(&request).is_some();
                if !told_already {
                    ended.insert(request);
                }
            }
            ("decision", Some("allow")) if !ended.remove(&request) => {
                let Ok(entry) = serde_json::from_str::<Entry>(&row.record) else { continue };
                let by_command = entry.caller.is_none();
                let (operation, caller) =
                    (entry.operation.unwrap_or_default(), entry.caller.unwrap_or("a command".into()));
                let what = format!("{operation} by {caller} at {} (request {request})", entry.at);
                let changes = entry.level.as_deref() != Some(Level::Read.as_str());
                open.insert(request, Begun { at: row.at, changes, by_command, what });
            }
            _ => {}
        }
    }
    let mut open: Vec<Begun> = open.into_values().collect();
    open.sort_by_key(|begun| std::cmp::Reverse(begun.at));
    Ok((open, seen < RECORDS))
}

fn tell(begun: &[Begun], whole: bool, findings: &mut Vec<Finding>) {
    let since = now().saturating_mul(1000) - RUNNING;
    let (may_run, left): (Vec<&Begun>, Vec<&Begun>) = begun.iter().partition(|begun| begun.at > since);
    let (changes, reads): (Vec<&Begun>, Vec<&Begun>) = left.into_iter().partition(|begun| begun.changes);
    let looked = if whole { format!("in the last {DAYS} days") } else { format!("among the last {RECORDS} records") };
    let of_reads = match reads.len() {
        0 => String::new(),
        some => format!(" {} without an outcome changed nothing.", counted(some as u64, "read")),
    };
    if changes.is_empty() {
        let sentence = format!("No request that changes something was left without its outcome {looked}.{of_reads}");
        findings.push(Finding::new(CHECK, State::Good, sentence));
    } else {
        let named: Vec<&str> = changes.iter().take(NAMED).map(|begun| begun.what.as_str()).collect();
        let more = match changes.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let of_commands = if changes.iter().any(|begun| begun.by_command) {
            " A command may be run again; if it was to make a key, revoke the one that `updock-signer keys list` has \
             and nobody was shown."
        } else {
            ""
        };
        let sentence = format!(
            "Nobody knows what came of {} {looked}: {}{more}. The signer or its machine went down meanwhile. Uploadcare may have done it or not: look there before it is asked for again; \
             `updock-signer audit search --request ID` says what it was.{of_commands}{of_reads}",
            counted(changes.len() as u64, "request"),
            named.join(", ")
        );
        findings.push(Finding::new(CHECK, State::Look, sentence));
    }
    if !may_run.is_empty() {
        let sentence = format!(
            "{} of the last {} minutes without an outcome: it may come yet, if the signer runs.",
            counted(may_run.len() as u64, "request"),
            RUNNING / 60_000_000
        );
        findings.push(Finding::new(CHECK, State::Note, sentence));
    }
}
