//! How much a caller may do: how often, and how much a day. Counted in the state, so that several instances share one
//! count; where the state cannot be asked, the limiter of this process alone still holds.

use crate::caller::Caller;
use crate::decision::Need;
use crate::limiter::network;
use crate::policy::{Quota, Rate, RateOf};
use crate::problem::Fault;
use crate::sentence::duration;
use crate::state::{Spent, State, StateError, Taken, now};
use std::net::IpAddr;
use std::time::Duration;
use updock_types::signer::ProblemKind;

const DAY: i64 = 86_400_000;

/// The number of the window of quotas that `at` (Unix milliseconds) is in.
pub(crate) fn window(at: i64) -> i64 {
    at / DAY
}

/// How many files of one address are confirmed in a day.
pub(crate) struct AddressQuota<'a> {
    pub(crate) state: &'a dyn State,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) most: u32,
}

impl AddressQuota<'_> {
    /// Spends what is left of it, `wanted` at most. How much was that?
    pub(crate) async fn spend(&self, wanted: u32) -> Result<u32, StateError> {
        let (key, window) = (format!("visitor:{}:files", peer_key(self.peer)), window(now()));
        let mut amount = wanted;
        // Between the looks another request may have spent what was left.
        while amount > 0 {
            match self.state.spend(key.clone(), window, amount, self.most).await? {
                Spent::Yes { .. } => break,
                Spent::No { used } => amount = amount.saturating_sub(1).min(self.most.saturating_sub(used)),
            }
        }
        Ok(amount)
    }
}

/// An address as a key of what is counted.
pub(crate) fn peer_key(peer: Option<IpAddr>) -> String {
    peer.map(network).map(|peer| peer.to_string()).unwrap_or_default()
}

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

/// Counts what is about to be done, under each rate and each quota that it falls under.
pub(crate) async fn within(state: &dyn State, caller: &Caller, need: &Need) -> Result<(), Fault> {
    let Caller::Agent { agent, .. } = caller else { return Ok(()) };
    for RateOf { of, rate: most } in agent.rates.iter().filter(|rate| rate.of.covers(need)) {
        let of = of.as_str();
        rate(state, format!("agent:{}:{of}", agent.id), *most, &format!("this agent for {of}")).await?;
    }
    for Quota { of, most } in agent.quotas.iter().filter(|quota| quota.of.covers(need)) {
        let of = of.as_str();
        let at = now();
        // A batch is as much as its files would be one by one.
        let amount = u32::try_from(need.count.max(1)).unwrap_or(u32::MAX);
        let spent = state.spend(format!("{}:{of}", agent.id), window(at), amount, *most).await.map_err(not_known)?;
        if let Spent::No { used } = spent {
            let left = u64::try_from(DAY - at % DAY).unwrap_or(0).div_ceil(1000);
            let rest = match most.saturating_sub(used) {
                0 => "is spent".to_owned(),
                rest => format!("has {rest} left, and this needs {amount}"),
            };
            let sentence = format!("The quota of {most} a day for {of} {rest}; it begins anew at midnight UTC.");
            return Err(Fault::new(ProblemKind::Throttled, sentence).retry_after(Duration::from_secs(left)));
        }
    }
    Ok(())
}

/// The state does not tell what is left of a quota.
#[expect(clippy::needless_pass_by_value, reason = "what an error becomes")]
pub(crate) fn not_known(error: StateError) -> Fault {
    tracing::error!(%error, "a quota cannot be looked up");
    Fault::new(ProblemKind::Unavailable, "The quota cannot be looked up, so nothing was done; try again later.")
}
