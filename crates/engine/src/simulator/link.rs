//! The way to the server: how long a request is under way.
//!
//! Bytes that are sent share the bandwidth evenly; loss caps what one connection can carry (the square-root law of
//! Mathis, Semke, Mahdavi and Ott, 1997). Whole numbers only, so that a world is the same on every machine.

use crate::Millis;

/// Bytes of a segment, for the effect of loss.
const SEGMENT: u64 = 1460;
/// While bytes flow, the driver hears of them about eight times, but not more and not less often than this.
const TOLD_EVERY: (u64, u64) = (200, 10_000);

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// From the last byte of a request to its answer, the server's own time included.
    pub latency: Millis,
    /// Shared by everything that is sent; `None`: bytes take no time.
    pub bytes_per_second: Option<u64>,
    /// Lost packets, per thousand.
    pub loss: u16,
}

impl Default for Link {
    /// 20 ms, and no limit.
    fn default() -> Self {
        Self { latency: Millis(20), bytes_per_second: None, loss: 0 }
    }
}

impl Link {
    /// Bytes a second for each of `sending` requests.
    pub fn rate(&self, sending: usize) -> u64 {
        let share = self.bytes_per_second.unwrap_or(u64::MAX) / (sending.max(1) as u64);
        share.min(self.most_of_one()).max(1)
    }

    fn most_of_one(&self) -> u64 {
        if self.loss == 0 {
            return u64::MAX;
        }
        // 1.22 * segment / (round trip * sqrt(loss)); the root in whole numbers, with loss per million.
        let root = (u64::from(self.loss) * 1000).isqrt().max(1); // sqrt(loss) * 1000
        SEGMENT * 1220 * 1000 / (self.latency.0.max(1) * root)
    }
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transfer {
    /// Its bytes are leaving.
    Sending {
        bytes: u64,
        /// In thousandths of a byte.
        left: u64,
        tell_at: Millis,
        tell_every: Millis,
    },
    /// Its answer comes then; `None`: never.
    Waiting(Option<Millis>),
}

impl Transfer {
    pub(super) fn new(link: &Link, now: Millis, bytes: u64) -> Self {
        if bytes == 0 || link.bytes_per_second.is_none() {
            return Self::Waiting(Some(now.after(link.latency)));
        }
        let left = bytes.saturating_mul(1000);
        let tell_every = Millis((left / link.rate(1) / 8).clamp(TOLD_EVERY.0, TOLD_EVERY.1));
        Self::Sending { bytes, left, tell_at: now.after(tell_every), tell_every }
    }

    pub(super) fn is_sending(&self) -> bool {
        matches!(self, Self::Sending { .. })
    }

    /// When something happens to it next, at `rate` bytes a second.
    pub(super) fn next(&self, now: Millis, rate: u64) -> Option<Millis> {
        match self {
            Self::Sending { left, tell_at, .. } => Some(now.after(Millis(left.div_ceil(rate))).min(*tell_at)),
            Self::Waiting(at) => *at,
        }
    }

    /// Time has passed, until `now`.
    pub(super) fn pass(&mut self, link: &Link, now: Millis, passed: Millis, rate: u64) {
        if let Self::Sending { left, .. } = self {
            *left = left.saturating_sub(rate.saturating_mul(passed.0));
            if *left == 0 {
                *self = Self::Waiting(Some(now.after(link.latency)));
            }
        }
    }

    /// Bytes that have left, if that is what happened now.
    pub(super) fn progress(&mut self, now: Millis) -> Option<u64> {
        match self {
            Self::Sending { bytes, left, tell_at, tell_every } => {
                *tell_at = now.after(*tell_every);
                Some(*bytes - left.div_ceil(1000))
            }
            // Its last byte has left, and the answer is still to come.
            Self::Waiting(Some(at)) if *at > now => Some(u64::MAX),
            Self::Waiting(_) => None,
        }
    }

    /// It is never answered.
    pub(super) fn silence(&mut self) {
        *self = Self::Waiting(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidth_is_shared_and_loss_caps_one_connection() {
        let link = Link { bytes_per_second: Some(1_000_000), ..Link::default() };
        assert_eq!((link.rate(1), link.rate(4)), (1_000_000, 250_000));
        // 600 ms and 2 %: about 21 kB/s a connection.
        let bad = Link { latency: Millis(600), bytes_per_second: Some(125_000), loss: 20 };
        assert!((20_000..22_000).contains(&bad.rate(1)), "{}", bad.rate(1));
    }

    #[test]
    fn a_transfer_takes_its_bytes_and_the_way_back() {
        let link = Link { bytes_per_second: Some(1_000_000), ..Link::default() };
        let mut transfer = Transfer::new(&link, Millis(0), 100_000);
        assert_eq!(transfer.next(Millis(0), 1_000_000), Some(Millis(100)));
        transfer.pass(&link, Millis(100), Millis(100), 1_000_000);
        assert_eq!(transfer.next(Millis(100), 1_000_000), Some(Millis(120)));
    }
}
