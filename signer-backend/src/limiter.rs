//! How often one address may call: governor's GCRA, keyed by address, in memory, bounded.
//!
//! An IPv6 caller owns at least a /64, so a whole /64 counts as one address. When the table is full of addresses
//! that are all still busy, new ones share one cell: a flood from everywhere slows strangers down and does not fill
//! the memory.

use crate::policy::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses kept apart.
const MOST: usize = 50_000;

type Keyed = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock, NoOpMiddleware>;

/// A limiter by address.
pub(crate) struct PeerLimiter {
    calls: Keyed,
    clock: DefaultClock,
    last_sweep: Mutex<Option<Instant>>,
}

impl PeerLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let between = rate.period / rate.calls.get();
        // A rate beyond one call a nanosecond is none.
        let quota = Quota::with_period(between.max(Duration::from_nanos(1))).unwrap_or(Quota::per_second(rate.calls));
        let calls = RateLimiter::hashmap(quota.allow_burst(rate.burst));
        Self { calls, clock: DefaultClock::default(), last_sweep: Mutex::new(None) }
    }

    /// Forgets addresses that have been quiet, at most once a second. Is there room now?
    fn swept(&self) -> bool {
        let mut last = self.last_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
            self.calls.retain_recent();
            *last = Some(Instant::now());
        }
        self.calls.len() < MOST
    }

    /// Counts a call; the error says how long to wait.
    pub(crate) fn check(&self, peer: Option<IpAddr>) -> Result<(), Duration> {
        let mut key = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), network);
        if self.calls.len() >= MOST && !self.swept() {
            key = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        }
        self.calls.check_key(&key).map_err(|not_until| whole_seconds(not_until.wait_time_from(self.clock.now())))
    }
}

/// A wait in whole seconds, up, and one at least: `Retry-After` knows no smaller ones.
pub(crate) fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(Duration::from_secs(1))
}

pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_allowance() {
        let limiter = PeerLimiter::new("1/h burst 2".parse().unwrap());
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(limiter.check(Some(one)), Ok(()));
        assert_eq!(limiter.check(Some(one)), Ok(()));
        let wait = limiter.check(Some(one)).unwrap_err();
        assert!((3_598..=3_600).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(limiter.check(Some(other)), Ok(()));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one() {
        assert_eq!(network("2001:db8:1:2:3::4".parse().unwrap()), "2001:db8:1:2::".parse::<IpAddr>().unwrap());
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_flood_of_addresses_does_not_fill_the_memory() {
        let limiter = PeerLimiter::new("1/h burst 1".parse().unwrap());
        for number in 0..u32::try_from(MOST).unwrap() + 100 {
            let _ = limiter.check(Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))));
        }
        assert!(limiter.calls.len() <= MOST + 1);
    }

    #[test]
    fn addresses_that_have_been_quiet_make_room_for_new_ones() {
        let limiter = PeerLimiter::new("2/s burst 1".parse().unwrap());
        let address = |number: usize| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()));
        for number in 0..=MOST {
            let _ = limiter.check(Some(address(number)));
        }
        // Longer than any of them is busy, and than it is looked for room again.
        std::thread::sleep(Duration::from_millis(1_100));
        assert_eq!(limiter.check(Some(address(MOST + 1))), Ok(()));
        assert!(limiter.calls.len() < MOST, "{} are still kept", limiter.calls.len());
        assert_eq!(limiter.check(None), Ok(()), "the new one took the place that all share");
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (2_500, 3), (3_000, 3)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), Duration::from_secs(seconds), "{millis} ms");
        }
    }
}
