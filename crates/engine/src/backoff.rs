//! Waiting before the next attempt: exponential, with full jitter from a seeded generator.

use crate::Millis;

/// Most failed attempts of one step of one file. With the waits below this lets a server be gone for half a minute
/// and more, and ends.
pub(crate) const MAX_ATTEMPTS: u32 = 10;
/// Most times a server may ask one file to wait before it fails.
pub(crate) const MAX_THROTTLES: u32 = 20;

const BASE_MS: u64 = 500;
const CAP_MS: u64 = 20_000;
/// When a server throttles and names no time. The official SDKs' value.
pub(crate) const THROTTLED: Millis = Millis(15_000);
/// No server may ask for more than this.
pub(crate) const LONGEST_WAIT: Millis = Millis(10 * 60 * 1000);

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

    #[test]
    fn waits_grow_and_stay_below_the_cap() {
        let mut chance = Chance::new(7);
        for failed in 1..100 {
            let most = if failed > 6 { CAP_MS } else { BASE_MS << (failed - 1) };
            for _ in 0..50 {
                assert!(chance.wait(failed).0 <= most);
            }
        }
    }
}
