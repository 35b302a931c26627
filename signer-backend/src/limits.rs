//! How much a caller may do: how often, and how much a day. Counted in the state, so that several instances share one
//! count; where the state cannot be asked, the limiter of this process alone still holds.

use crate::caller::Caller;
use crate::decision::Need;
use crate::limiter::{network, whole_seconds};
use crate::policy::{Quota, Rate, RateOf};
use crate::problem::Fault;
use crate::sentence::duration;
use crate::state::{Spent, State, StateError, Taken, now};
use std::net::IpAddr;
use std::time::Duration;
use updock_types::FileUuid;
use updock_types::signer::ProblemKind;

const DAY: i64 = 86_400_000;

/// The number of the window of quotas that `at` (Unix milliseconds) is in.
pub(crate) fn window(at: i64) -> i64 {
    at / DAY
}

/// How many files of one address are confirmed in a day.
pub(crate) struct AddressQuota<'a> {
    state: &'a dyn State,
    /// What this address is counted by.
    who: String,
    /// The day that it is counted in, to its end.
    window: i64,
    pub(crate) most: u32,
}

/// What a quota says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// It is counted, now.
    Now,
    /// It has been counted in this day.
    Before,
    /// There is no room for it.
    Beyond,
}

impl<'a> AddressQuota<'a> {
    pub(crate) fn of(peer: Option<IpAddr>, most: u32, state: &'a dyn State) -> Self {
        Self { state, who: visitor(peer), window: window(now()), most }
    }

    fn all(&self) -> String {
        format!("{}:files", self.who)
    }

    fn one(&self, file: FileUuid) -> String {
        format!("{}:{file}", self.who)
    }

    /// Counts a file once a day, however often it comes.
    pub(crate) async fn count(&self, file: FileUuid) -> Result<Counted, StateError> {
        if let Spent::No { .. } = self.state.spend(self.one(file), self.window, 1, 1).await? {
            return Ok(Counted::Before);
        }
        if let Spent::Yes { .. } = self.state.spend(self.all(), self.window, 1, self.most).await? {
            return Ok(Counted::Now);
        }
        self.state.unspend(self.one(file), self.window, 1).await?;
        Ok(Counted::Beyond)
    }

    /// Takes back that a file was counted: nothing came of it.
    pub(crate) async fn give_back(&self, file: FileUuid) {
        for key in [self.all(), self.one(file)] {
            give_back(self.state, key, self.window, 1).await;
        }
    }
}

async fn give_back(state: &dyn State, key: String, window: i64, amount: u32) {
    if let Err(error) = state.unspend(key, window, amount).await {
        tracing::error!(%error, "what was spent of a quota cannot be given back");
    }
}

/// By what visitors at this address are counted.
pub(crate) fn visitor(peer: Option<IpAddr>) -> String {
    format!("visitor:{}", peer.map(network).map(|peer| peer.to_string()).unwrap_or_default())
}

/// Counts a call of `who`; the error says how long to wait.
pub(crate) async fn rate(state: &dyn State, who: String, rate: Rate, subject: &str) -> Result<(), Fault> {
    match state.take(who, rate, now()).await {
        Ok(Taken::Yes) => Ok(()),
        Ok(Taken::Wait(wait)) => {
            let wait = whole_seconds(wait);
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
    let at = now();
    // A batch is as much as its files would be one by one.
    let amount = u32::try_from(need.count.max(1)).unwrap_or(u32::MAX);
    let mut taken = Vec::new();
    for quota in agent.quotas.iter().filter(|quota| quota.of.covers(need)) {
        let key = format!("{}:{}", agent.id, quota.of.as_str());
        if let Err(fault) = spend(state, key.clone(), at, amount, quota).await {
            // It is not done, so it costs nothing elsewhere either.
            for key in taken {
                give_back(state, key, window(at), amount).await;
            }
            return Err(fault);
        }
        taken.push(key);
    }
    Ok(())
}

/// Spends `amount` of a quota; the error says when there is more.
async fn spend(state: &dyn State, key: String, at: i64, amount: u32, quota: &Quota) -> Result<(), Fault> {
    let Quota { of, most } = quota;
    let Spent::No { used } = state.spend(key, window(at), amount, *most).await.map_err(not_known)? else {
        return Ok(());
    };
    let left = u64::try_from(DAY - at % DAY).unwrap_or(0).div_ceil(1000);
    let rest = match most.saturating_sub(used) {
        0 => "is spent".to_owned(),
        rest => format!("has {rest} left, and this needs {amount}"),
    };
    let sentence = format!("The quota of {most} a day for {} {rest}; it begins anew at midnight UTC.", of.as_str());
    Err(Fault::new(ProblemKind::Throttled, sentence).retry_after(Duration::from_secs(left)))
}

/// The state does not tell what is left of a quota.
#[expect(clippy::needless_pass_by_value, reason = "what an error becomes")]
pub(crate) fn not_known(error: StateError) -> Fault {
    tracing::error!(%error, "a quota cannot be looked up");
    Fault::new(ProblemKind::Unavailable, "The quota cannot be looked up, so nothing was done; try again later.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Scope;
    use crate::state::MemoryState;
    use axum::response::IntoResponse;
    use updock_types::Area;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_window_is_a_day_of_utc() {
        for (at, number) in [(0, 0), (DAY - 1, 0), (DAY, 1), (1_795_824_000_000, 20_785), (1_795_910_399_999, 20_785)] {
            assert_eq!(window(at), number, "{at}");
        }
    }

    #[tokio::test]
    async fn each_address_has_its_own_quota_and_a_network_counts_as_one() {
        let state = MemoryState::default();
        let [one, other] = [1, 2].map(|byte| FileUuid::from_random_bytes([byte; 16]));
        for (address, file, expected) in [
            ("10.0.0.1", one, Counted::Now),
            ("10.0.0.1", one, Counted::Before),
            ("10.0.0.1", other, Counted::Beyond),
            ("10.0.0.2", other, Counted::Now),
            ("2001:db8:1:2::1", one, Counted::Now),
            ("2001:db8:1:2::9", other, Counted::Beyond),
        ] {
            let quota = AddressQuota::of(address.parse().ok(), 1, &state);
            assert_eq!(quota.count(file).await.unwrap(), expected, "{file} from {address}");
        }
    }

    #[tokio::test]
    async fn who_has_spent_a_quota_is_told_when_it_begins_anew() {
        let (state, quota) = (MemoryState::default(), Quota { of: Scope::Area(Area::Files), most: 2 });
        for (at, wait) in [(0, "86400"), (20 * DAY + 23 * HOUR, "3600"), (40 * DAY - 1, "1")] {
            for (key, spent) in [("a", 2), ("b", 1)] {
                spend(&state, key.to_owned(), at, spent, &quota).await.unwrap();
            }
            for (key, told) in [("a", "is spent;"), ("b", "has 1 left, and this needs 2;")] {
                let fault = spend(&state, key.to_owned(), at, 2, &quota).await.unwrap_err();
                assert!(fault.detail().contains(told), "{}", fault.detail());
                let response = crate::problem::render(fault.into_response(), "r", crate::problem::Label::Problem);
                assert_eq!(response.headers()["retry-after"], wait, "at {at}");
            }
        }
    }
}
