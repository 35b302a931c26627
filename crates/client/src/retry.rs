//! Trying again: what may be repeated, how often, and after which wait.
//!
//! Nothing is done twice that might do harm twice: after a throttle or a connection that never was, nothing was done,
//! so anything may be repeated; after a broken connection, a time-out or a fault of the server's only what the
//! operation table calls safe.

use crate::{Answer, Error};
use std::time::Duration;
use updock_types::Repeat;

/// How often to try, and how long to wait in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt where the service names no time; it doubles from there.
    pub first_wait: Duration,
    /// A service that asks for a longer wait than this gets no further attempt: the throttle is told instead.
    pub longest_wait: Duration,
}

impl Retry {
    /// One attempt; what comes is told.
    pub const NEVER: Self = Self { attempts: 1, first_wait: Duration::ZERO, longest_wait: Duration::ZERO };
    /// For tools: five attempts, as official SDKs make, and no wait above a minute.
    pub const PATIENT: Self =
        Self { attempts: 5, first_wait: Duration::from_millis(500), longest_wait: Duration::from_mins(1) };

    pub(crate) async fn run<F: Future<Output = Result<Answer, Error>>>(
        &self,
        repeat: Repeat,
        attempt: impl Fn() -> F,
    ) -> Result<Answer, Error> {
        let mut made = 1;
        loop {
            let ended = attempt().await;
            if made >= self.attempts.max(1) {
                return ended;
            }
            let Some(wait) = self.wait(made, repeat, &ended) else { return ended };
            made += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait after the `made`-th attempt; `None` when it ended well or must not be repeated.
    fn wait(&self, made: u32, repeat: Repeat, ended: &Result<Answer, Error>) -> Option<Duration> {
        let own = self.first_wait.saturating_mul(1 << made.saturating_sub(1).min(16)).min(self.longest_wait);
        match ended {
            Ok(answer) => match answer.true_status() {
                429 => Some(answer.wait()).filter(|wait| *wait <= self.longest_wait),
                500..=599 | 408 if repeat == Repeat::Safe => Some(own),
                _ => None,
            },
            Err(Error::Unreachable(_)) => Some(own),
            Err(Error::Broken(_) | Error::Timeout { .. }) if repeat == Repeat::Safe => Some(own),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
        }
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: "{}".into() }
    }

    #[test]
    fn only_what_is_safe_is_repeated() {
        let retry = Retry::PATIENT;
        let seconds = |wait| Some(Duration::from_secs(wait));
        let own = Some(Duration::from_millis(500));
        let timeout = || Err(Error::Timeout { after: Duration::from_secs(1) });
        for (repeat, ended, expected) in [
            (Repeat::Unsafe, Ok(answer(429, Some("7"))), seconds(7)),
            (Repeat::Safe, Ok(answer(429, None)), seconds(15)),
            (Repeat::Safe, Ok(answer(429, Some("61"))), None),
            (Repeat::Safe, Ok(answer(503, None)), own),
            (Repeat::Unsafe, Ok(answer(503, None)), None),
            (Repeat::Safe, timeout(), own),
            (Repeat::Unsafe, timeout(), None),
            (Repeat::Safe, Ok(answer(404, None)), None),
            (Repeat::Safe, Ok(answer(200, None)), None),
        ] {
            assert_eq!(retry.wait(1, repeat, &ended), expected, "{repeat:?} {ended:?}");
        }
        assert_eq!(retry.wait(3, Repeat::Safe, &Ok(answer(500, None))), seconds(2));
    }

    #[test]
    fn an_envelope_counts_as_the_status_inside() {
        let body =
            r#"{"error":{"status_code":429,"content":"Request was throttled.","error_code":"RequestThrottledError"}}"#;
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
        assert_eq!(Retry::PATIENT.wait(1, Repeat::Unsafe, &Ok(answer)), Some(Duration::from_secs(15)));
    }
}
