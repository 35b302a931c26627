//! Waiting for jobs: looking again with growing waits until a job ends, within a time.

use crate::{Client, Error, JobError};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use updock_types::rest::{Addon, AddonState, AddonStatus, ConversionResult, ConversionState, ConversionStatus};
use updock_types::{AddonRequestId, ConversionToken, OperationId};

/// Looks in a row that may find a job unknown: one that was just started may not be visible yet.
const MOST_UNKNOWN: u32 = 5;

/// How to wait for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// Wait before the second look; it grows by half each time.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// When to give up. The job goes on all the same.
    pub within: Duration,
}

impl Default for Polling {
    /// From a quarter of a second to ten, for ten minutes.
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(10), within: Duration::from_mins(10) }
    }
}

/// What a look at a job found.
pub(crate) enum Look<T> {
    Done(T),
    Going,
    /// The service does not know it, or does not know it yet.
    Unknown,
}

impl Polling {
    /// Looks until the job is done. A throttled look is waited out.
    pub(crate) async fn until_done<T, F>(self, what: OperationId, look: impl Fn() -> F) -> Result<T, JobError>
    where
        F: Future<Output = Result<Look<T>, JobError>>,
    {
        let (start, mut wait, mut unknown) = (Instant::now(), self.first, 0);
        loop {
            let pause = match look().await {
                Ok(Look::Done(done)) => return Ok(done),
                Ok(Look::Going) => wait,
                Ok(Look::Unknown) => {
                    unknown += 1;
                    if unknown > MOST_UNKNOWN {
                        let detail = "the service does not know this job; it may have expired".to_owned();
                        return Err(JobError::Failed { what, detail, code: String::new() });
                    }
                    wait
                }
                Err(JobError::Call(Error::Throttled { wait: told })) => told.max(wait),
                Err(error) => return Err(error),
            };
            if start.elapsed() + pause > self.within {
                return Err(JobError::NotDone { what, after: self.within });
            }
            sleep(pause).await;
            wait = (wait * 3 / 2).min(self.longest);
        }
    }
}

impl Client {
    /// Waits until a document is converted.
    pub async fn document_wait(&self, token: ConversionToken, polling: Polling) -> Result<ConversionResult, JobError> {
        let look = || async { converted(OperationId::DocumentStatus, self.document_status(token).await?) };
        polling.until_done(OperationId::DocumentStatus, look).await
    }

    /// Waits until a video is converted.
    pub async fn video_wait(&self, token: ConversionToken, polling: Polling) -> Result<ConversionResult, JobError> {
        let look = || async { converted(OperationId::VideoStatus, self.video_status(token).await?) };
        polling.until_done(OperationId::VideoStatus, look).await
    }

    /// Waits until an add-on is done. Its findings are in the file's application data; what remove.bg made is in the
    /// answer.
    pub async fn addon_wait(
        &self,
        addon: Addon,
        request: AddonRequestId,
        polling: Polling,
    ) -> Result<AddonStatus, JobError> {
        let what = crate::Call::AddonStatus(addon, request).id();
        let look = || async {
            let status = self.addon_status(addon, request).await?;
            Ok(match status.status {
                AddonState::Done => Look::Done(status),
                AddonState::InProgress => Look::Going,
                AddonState::Unknown => Look::Unknown,
                AddonState::Error => {
                    let detail = "the add-on could not do its work on this file".to_owned();
                    return Err(JobError::Failed { what, detail, code: String::new() });
                }
            })
        };
        polling.until_done(what, look).await
    }
}

fn converted(what: OperationId, status: ConversionStatus) -> Result<Look<ConversionResult>, JobError> {
    match status.status {
        ConversionState::Pending | ConversionState::Processing => Ok(Look::Going),
        ConversionState::Finished => match status.result {
            Some(result) => Ok(Look::Done(result)),
            None => {
                Err(Error::Unexpected { status: 200, what: "a finished conversion without a result".to_owned() }.into())
            }
        },
        ConversionState::Failed | ConversionState::Cancelled => {
            let cancelled = status.status == ConversionState::Cancelled;
            let reason = if cancelled { "it was cancelled" } else { "no reason given" };
            Err(JobError::Failed {
                what,
                detail: status.error.unwrap_or_else(|| reason.to_owned()),
                code: String::new(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn a_job_is_waited_for_and_no_longer_than_told() {
        let what = OperationId::VirusScanStatus;
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            async {
                Ok(match looks.get() {
                    1 | 2 => Look::Unknown,
                    3 => return Err(Error::Throttled { wait: Duration::from_secs(7) }.into()),
                    4 | 5 => Look::Going,
                    _ => Look::Done("done"),
                })
            }
        };
        let start = Instant::now();
        assert_eq!(Polling::default().until_done(what, look).await.unwrap(), "done");
        assert!(start.elapsed() > Duration::from_secs(7));

        let never = || async { Ok(Look::<()>::Going) };
        let start = Instant::now();
        let error = Polling::default().until_done(what, never).await.unwrap_err();
        assert!(matches!(error, JobError::NotDone { .. }), "{error}");
        assert!(start.elapsed() <= Duration::from_mins(10));

        let lost = || async { Ok(Look::<()>::Unknown) };
        let error = Polling::default().until_done(what, lost).await.unwrap_err();
        assert!(matches!(error, JobError::Failed { .. }), "{error}");
    }
}
