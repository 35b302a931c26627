//! What commands on the signer's machine leave in the audit log: what they are about to do, and how it ended, under a
//! request id of their own, as requests do. An intention without its outcome is a command that was cut off.
//!
//! Invariant: nothing is done that was not recorded before.

use super::AuditLog;
use crate::decision::Verdict;
use crate::log::{DecisionLog, Phase, Record};
use crate::policy::Policy;
use crate::random::base62;
use crate::state::State;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

/// `webhooks sync`, as the audit log calls it.
pub(crate) const SYNC: &str = "webhooks.sync";
/// `webhooks replay`.
pub(crate) const REPLAY: &str = "webhooks.replay";
/// What only commands do. Others have operations of the signer's own.
pub(crate) const OPERATIONS: [&str; 2] = [SYNC, REPLAY];

/// What a command asks for, to follow "asked to": commands may whatever they ask.
pub(crate) fn asked(policy: &Policy, operation: &'static str, words: &str) -> Record {
    Record {
        phase: Phase::Decision,
        verdict: Some(Verdict::Allow),
        request_id: Some(base62(12)),
        operation: Some(operation),
        policy: policy.digest.clone(),
        ..Record::event(format!("A command on the signer's machine asked to {words}. Allowed: commands may."))
    }
}

/// Records what is [`asked`], in a chain of the command's own, and then acts. `ended` says how that ended; the next
/// record holds it.
pub(crate) async fn recorded<T>(
    policy: &Policy,
    state: &Arc<dyn State>,
    asked: Record,
    act: impl Future<Output = Result<T, String>> + Send,
    ended: impl FnOnce(&Result<T, String>) -> String + Send,
) -> Result<T, String> {
    let unrecorded = "the audit log cannot be written, so nothing was done";
    let log = AuditLog::for_command(policy, Arc::clone(state)).await;
    let log = log.map_err(|error| format!("{unrecorded}: {error}"))?;
    log.record(asked.clone()).await.map_err(|_| unrecorded.to_owned())?;
    let done = act.await;
    let outcome = Record { at: SystemTime::now(), phase: Phase::Outcome, verdict: None, text: ended(&done), ..asked };
    // Done is done: that it cannot be recorded does not change what the command says.
    let _ = log.record(outcome).await;
    log.end().await;
    done
}
