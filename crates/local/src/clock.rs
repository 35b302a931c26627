//! The clock by which files expire and deliveries are repeated; tests let it run faster.
//!
//! Only spans are scaled. Points in time, as rows and answers carry them, stay those of the wall clock, and so do
//! timeouts of the network and the lives of credentials: those are somebody else's.

use std::time::Duration;

/// How fast time passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    speed: f64,
}

impl Clock {
    /// `1` is real time, `10 000` makes a day pass in nine seconds, `0` stops it.
    pub(crate) const fn new(speed: f64) -> Self {
        Self { speed }
    }

    /// How long `span` really takes; for ever when the clock stands still.
    pub(crate) fn real(self, span: Duration) -> Duration {
        Duration::try_from_secs_f64(span.as_secs_f64() / self.speed).unwrap_or(Duration::MAX)
    }

    /// The same in microseconds.
    pub(crate) fn real_micros(self, span: Duration) -> i64 {
        i64::try_from(self.real(span).as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_shrink_and_a_clock_that_stands_still_never_ends_them() {
        let hour = Duration::from_hours(1);
        assert_eq!(Clock::new(1.0).real(hour), hour);
        assert_eq!(Clock::new(3600.0).real(hour), Duration::from_secs(1));
        for speed in [0.0, -1.0, f64::NAN] {
            assert_eq!(Clock::new(speed).real(hour), Duration::MAX);
            assert_eq!(Clock::new(speed).real_micros(hour), i64::MAX);
        }
    }
}
