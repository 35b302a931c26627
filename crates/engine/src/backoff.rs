//! Waiting before the next attempt: exponential, with full jitter from a seeded generator.

use crate::Millis;

/// Most failed attempts of one step of one file, or of one of its parts. With the waits below, which are a minute and a
/// half in the mean, none of six parts gives up on a server that is gone for half a minute, and all of them end.
pub(crate) const MAX_ATTEMPTS: u32 = 14;
/// Most times a server may ask one file to wait before it fails.
pub(crate) const MAX_THROTTLES: u32 = 20;

const BASE_MS: u64 = 500;
const CAP_MS: u64 = 20_000;
/// When a server throttles and names no time. The official SDKs' value.
pub(crate) const THROTTLED: Millis = Millis(15_000);
/// No server may ask for more than this.
pub(crate) const LONGEST_WAIT: Millis = Millis(10 * 60 * 1000);

/// The page's budget of attempts again: so many at once, then one each so often. What comes through gives one back.
const AT_ONCE: u64 = 40;
const ONE_EACH: Millis = Millis(500);

/// Keeps many files that fail together from asking a server in trouble more and more often. Nobody fails for it; who
/// comes too late waits longer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retries {
    /// When the budget is whole again.
    whole_at: Millis,
}

impl Retries {
    /// Takes one; how long it has to wait.
    pub(crate) fn take(&mut self, now: Millis) -> Millis {
        self.whole_at = self.whole_at.max(now).after(ONE_EACH);
        self.whole_at.since(now.after(Millis(AT_ONCE * ONE_EACH.0)))
    }

    /// Something came through.
    pub(crate) fn give_back(&mut self, now: Millis) {
        self.whole_at = Millis(self.whole_at.0.saturating_sub(ONE_EACH.0)).max(now);
    }
}

/// A seeded source of chance (`SplitMix64`). Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `most`, both included.
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % (most + 1)
    }

    /// How long to wait after the `failed`-th failure in a row (from 1).
    pub(crate) fn wait(&mut self, failed: u32) -> Millis {
        let most = BASE_MS.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(CAP_MS);
        Millis(self.up_to(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `SplitMix64`, as its author published it, for the seed 0.
    #[test]
    fn chance_is_what_its_author_published() {
        let mut chance = Chance::new(0);
        let numbers = [(); 3].map(|()| chance.up_to(u64::MAX - 1));
        assert_eq!(numbers, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn chance_reaches_both_ends() {
        let mut chance = Chance::new(7);
        assert_eq!(chance.up_to(0), 0);
        let mut seen = [(); 50].map(|()| chance.up_to(1)).to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1]);
    }

    #[test]
    fn many_attempts_again_are_spread_over_time() {
        let mut retries = Retries::default();
        let waits: Vec<u64> = (0..60).map(|_| retries.take(Millis(1_000)).0).collect();
        assert!(waits[..40].iter().all(|wait| *wait == 0));
        assert_eq!(waits[40..43], [500, 1_000, 1_500]);
        for _ in 0..60 {
            retries.give_back(Millis(1_000));
        }
        assert_eq!(retries.take(Millis(1_000)), Millis(0));
    }

    #[test]
    fn a_server_may_be_gone_for_half_a_minute() {
        let mut chance = Chance::new(7);
        let given_up = (0..2_000).filter(|_| {
            let waits: u64 = (1..MAX_ATTEMPTS).map(|failed| chance.wait(failed).0).sum();
            waits < 30_000
        });
        assert!(given_up.count() <= 2);
    }

    #[test]
    fn waits_grow_and_stay_below_the_cap() {
        let mut chance = Chance::new(7);
        for failed in 1..100 {
            let most = if failed > 6 { CAP_MS } else { BASE_MS << (failed - 1) };
            let waits: Vec<u64> = (0..50).map(|_| chance.wait(failed).0).collect();
            assert!(waits.iter().all(|wait| *wait <= most), "{failed}: {waits:?}");
            // All over the span, so that those who failed together do not come back together.
            let (low, high) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*low < most / 3 && *high > most * 2 / 3, "{failed}: {waits:?}");
        }
    }
}
