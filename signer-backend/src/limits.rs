//! How much a caller may do: how often, and how much a day. Counted in the state, so that several instances share one
//! count; where the state cannot be asked, the limiter of this process alone still holds.

use crate::caller::Caller;
use crate::decision::Need;
use crate::policy::{Quota, Rate};
use crate::problem::Fault;
use crate::sentence::duration;
use crate::state::{Spent, State, Taken, now};
use std::time::Duration;
use updock_types::signer::ProblemKind;

const DAY: i64 = 86_400_000;

/// Counts a call of `who`; the error says how long to wait.
pub(crate) async fn rate(state: &dyn State, who: String, rate: Rate, subject: &str) -> Result<(), Fault> {
    match state.take(who, rate, now()).await {
        Ok(Taken::Yes) => Ok(()),
        Ok(Taken::Wait(wait)) => {
            // Whole seconds, up: `Retry-After` knows no smaller ones.
            let wait = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
            let sentence = format!("Too many requests from {subject}; ask again in {}.", duration(wait.as_secs()));
            Err(Fault::new(ProblemKind::Throttled, sentence).retry_after(wait))
        }
        Err(error) => {
            tracing::error!(%error, "calls cannot be counted over all instances; this one counts alone");
            Ok(())
        }
    }
}

/// Spends one of the day's quota, for each that the operation falls under.
pub(crate) async fn quota(state: &dyn State, caller: &Caller, need: Need, operation: &str) -> Result<(), Fault> {
    let Caller::Agent { agent, .. } = caller else { return Ok(()) };
    for Quota { of, most } in &agent.quotas {
        if of != operation && of != need.area.as_str() {
            continue;
        }
        let at = now();
        let spent = state.spend(format!("{}:{of}", agent.id), at / DAY, 1, *most).await.map_err(|error| {
            tracing::error!(%error, "a quota cannot be looked up");
            Fault::new(ProblemKind::Unavailable, "The quota cannot be looked up, so nothing was done; try again later.")
        })?;
        if let Spent::No { .. } = spent {
            let left = u64::try_from(DAY - at % DAY).unwrap_or(0).div_ceil(1000);
            let sentence = format!("The quota of {most} a day for {of} is spent; it begins anew at midnight UTC.");
            return Err(Fault::new(ProblemKind::Throttled, sentence).retry_after(Duration::from_secs(left)));
        }
    }
    Ok(())
}
