//! Those who are turned away before anything is decided: each leaves a record, but not without end. A flood of bad keys
//! would otherwise fill the disk that the audit log needs, and a signer that cannot record does nothing for anybody.

use crate::limiter::PeerLimiter;
use crate::policy::Rate;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One record a second from one address, a hundred at once.
const RATE: Rate =
    Rate { calls: NonZeroU32::MIN, period: Duration::from_secs(1), burst: NonZeroU32::new(100).unwrap() };
/// How often it is said how many were left out.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// See the module.
pub(crate) struct Strangers {
    records: PeerLimiter,
    left_out: Mutex<LeftOut>,
}

#[derive(Default)]
struct LeftOut {
    said: Option<Instant>,
    since: u64,
}

/// What happens to the record of somebody who is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is written.
    Alone,
    /// It is left out, and whoever came should not come again before `wait` is over. From time to time one record says
    /// how many have been left out since the last time.
    WithOthers { wait: Duration, say: Option<u64> },
}

impl Default for Strangers {
    fn default() -> Self {
        Self { records: PeerLimiter::new(RATE), left_out: Mutex::default() }
    }
}

impl Strangers {
    /// Somebody at `peer` is turned away.
    pub(crate) fn turned_away(&self, peer: Option<IpAddr>) -> Recorded {
        let Err(wait) = self.records.check(peer) else { return Recorded::Alone };
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.since += 1;
        let due = left_out.said.is_none_or(|said| said.elapsed() >= SAID_EVERY);
        let say = due.then(|| {
            left_out.said = Some(Instant::now());
            std::mem::take(&mut left_out.since)
        });
        Recorded::WithOthers { wait, say }
    }
}
