//! How many requests a second each API takes. Every request to the stand-in is of one project, so the counts are the
//! API's as a whole; the service counts by key. Source: Upload API, Throttling; REST API v0.7, Throttling.

use crate::config::Config;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock};

/// The counts.
pub(crate) struct Throttle {
    upload: Option<DefaultDirectRateLimiter>,
    rest: Option<DefaultDirectRateLimiter>,
}

impl Throttle {
    pub(crate) fn new(config: &Config) -> Self {
        let limiter = || config.throttle.map(|rate| RateLimiter::direct(Quota::per_second(rate)));
        Self { upload: limiter(), rest: limiter() }
    }

    /// Counts a request of the Upload API; where it is one too many, after how many seconds to come again.
    pub(crate) fn upload(&self) -> Result<(), u64> {
        count(self.upload.as_ref())
    }

    /// The same of the REST API.
    pub(crate) fn rest(&self) -> Result<(), u64> {
        count(self.rest.as_ref())
    }
}

fn count(limiter: Option<&DefaultDirectRateLimiter>) -> Result<(), u64> {
    let Some(limiter) = limiter else { return Ok(()) };
    limiter.check().map_err(|early| {
        let wait = early.wait_time_from(limiter.clock().now());
        // A whole number, and never zero: clients take that for no word at all.
        wait.as_secs() + 1
    })
}
