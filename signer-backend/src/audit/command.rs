//! What commands on the signer's machine leave in the audit log: what they are about to do, and how it ended.
//!
//! Invariant: nothing is done that was not recorded before.

use super::AuditLog;
use crate::log::{DecisionLog, Record};
use crate::policy::Policy;
use crate::state::State;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

/// Records what is `asked`, in a chain of the command's own, and then acts. `ended` says how that ended, where there is
/// something to say; the next record holds it.
pub(crate) async fn recorded<T>(
    policy: &Policy,
    state: &Arc<dyn State>,
    asked: Record,
    act: impl Future<Output = Result<T, String>> + Send,
    ended: impl FnOnce(&Result<T, String>) -> Option<String> + Send,
) -> Result<T, String> {
    let unrecorded = "the audit log cannot be written, so nothing was done";
    let log = AuditLog::for_command(policy, Arc::clone(state)).await;
    let log = log.map_err(|error| format!("{unrecorded}: {error}"))?;
    log.record(asked.clone()).await.map_err(|_| unrecorded.to_owned())?;
    let done = act.await;
    if let Some(text) = ended(&done) {
        // Done is done: that it cannot be recorded does not change what the command says.
        let _ = log.record(Record { at: SystemTime::now(), text, ..asked }).await;
    }
    log.end().await;
    done
}
