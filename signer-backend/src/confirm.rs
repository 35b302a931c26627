//! Confirming an upload: what the file really is, read from Uploadcare, held against the upload policy, then stored.
//!
//! The browser's word counts for nothing here. Invariant: what is answered as confirmed keeps the policy, and is
//! stored when the terms say so. Whoever may confirm may name any file of the project, so a file is deleted for
//! breaking the policy only if it came within the last day and nobody has stored it: what was confirmed or kept stays,
//! whoever names it. What a caller can still end is a fresh upload of somebody else that breaks the policy as well.

use crate::limits::{self, AddressQuota, Counted};
use crate::policy::{CredentialTerms, Policy, Violations};
use crate::problem::Fault;
use crate::sending::Asker;
use crate::sentence::{self, size};
use crate::upstream;
use futures_util::future::join_all;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use updock_client::{Call, Error};
use updock_types::policy::Refusal;
use updock_types::signer::{Confirmed, ProblemKind};
use updock_types::{FileUuid, Timestamp};

/// How long a file may take to become ready while the caller waits.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// Wait between looks, at first; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Most requests to Uploadcare at once for one caller.
const AT_ONCE: usize = 16;
const DAY_SECONDS: u64 = 86_400;

/// Of a file's facts, those that are judged. Not the whole object: a new member in a part that does not matter here
/// must not keep anybody from confirming.
#[derive(Debug, Deserialize)]
struct Truth {
    size: u64,
    is_ready: bool,
    mime_type: String,
    original_filename: String,
    datetime_uploaded: Timestamp,
    datetime_stored: Option<Timestamp>,
    datetime_removed: Option<Timestamp>,
    content_info: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct Content {
    mime: Option<Mime>,
}

#[derive(Debug, Deserialize)]
struct Mime {
    mime: String,
}

impl Truth {
    /// As detected from the bytes where the service tells, else as declared.
    fn media_type(&self) -> &str {
        let detected = self.content_info.as_ref().and_then(|content| content.mime.as_ref());
        detected.map_or(&self.mime_type, |detected| &detected.mime)
    }
}

/// A file that is not confirmed.
pub(crate) struct Unconfirmed {
    pub(crate) fault: Fault,
    /// Was it deleted for it?
    pub(crate) deleted: bool,
}

impl From<Fault> for Unconfirmed {
    fn from(fault: Fault) -> Self {
        Self { fault, deleted: false }
    }
}

/// What is left of a batch's answer.
#[derive(Debug, Deserialize)]
struct Stored {
    result: Vec<Keeping>,
    problems: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Keeping {
    uuid: FileUuid,
    datetime_stored: Option<Timestamp>,
}

/// Reads and judges each file, counts those that are good where there is a quota, then stores all that may be, with one
/// request where there are several. An end for each, in their order; none takes longer because there are others.
pub(crate) async fn confirm_each(
    asker: Asker<'_>,
    policy: &Policy,
    terms: &CredentialTerms,
    quota: Option<AddressQuota<'_>>,
    files: &[FileUuid],
) -> Vec<Result<Confirmed, Unconfirmed>> {
    let (start, places) = (Instant::now(), Semaphore::new(AT_ONCE));
    let looks = files.iter().map(|file| judged(asker, policy, *file, start, &places));
    let mut ends: Vec<_> = join_all(looks).await;
    let counted = match &quota {
        Some(quota) => hold_to(quota, &mut ends, files).await,
        None => Vec::new(),
    };
    let wanted: Vec<FileUuid> = ends
        .iter()
        .zip(files)
        .filter(|(end, _)| terms.store && end.as_ref().is_ok_and(|truth| truth.datetime_stored.is_none()))
        .map(|(_, file)| *file)
        .collect();
    if !wanted.is_empty() {
        let stored = store(asker, &wanted).await;
        for (end, file) in ends.iter_mut().zip(files).filter(|(_, file)| wanted.contains(file)) {
            let Ok(truth) = end else { continue };
            match &stored {
                Ok(stored) => match stored.get(file) {
                    Some(since) => truth.datetime_stored = Some(*since),
                    None => {
                        let sentence = format!("Uploadcare did not store file {file}; try again.");
                        *end = Err(Fault::new(ProblemKind::UpstreamUnavailable, sentence).into());
                    }
                },
                Err(error) => *end = Err(failed(error, policy, *file).into()),
            }
        }
    }
    if let Some(quota) = &quota {
        for at in counted.into_iter().filter(|at| ends[*at].is_err()) {
            quota.give_back(files[at]).await;
        }
    }
    let confirmed = |(end, file): (Result<Truth, Unconfirmed>, &FileUuid)| {
        end.map(|truth| {
            let (stored, mime_type) = (truth.datetime_stored.is_some(), truth.media_type().to_owned());
            Confirmed { uuid: *file, size: truth.size, mime_type, stored, receipt: None }
        })
    };
    ends.into_iter().zip(files).map(confirmed).collect()
}

/// Counts good files, and says which are counted now, by their places. Where there is no room for one, it is not
/// deleted: nothing is wrong with it.
async fn hold_to(quota: &AddressQuota<'_>, ends: &mut [Result<Truth, Unconfirmed>], files: &[FileUuid]) -> Vec<usize> {
    let mut counted = Vec::new();
    for (at, end) in ends.iter_mut().enumerate().filter(|(_, end)| end.is_ok()) {
        match quota.count(files[at]).await {
            Ok(Counted::Now) => counted.push(at),
            Ok(Counted::Before) => {}
            Ok(Counted::Beyond) => {
                let most = sentence::counted(u64::from(quota.most), "file");
                let sentence =
                    format!("No more than {most} a day are taken from one address; try again tomorrow (UTC).");
                *end = Err(Fault::new(ProblemKind::PolicyViolation, sentence).into());
            }
            Err(error) => *end = Err(limits::not_known(error).into()),
        }
    }
    counted
}

/// Stores files, and tells since when each of them is; those that are not in it are not stored, whatever the status said.
async fn store(asker: Asker<'_>, files: &[FileUuid]) -> Result<BTreeMap<FileUuid, Timestamp>, Error> {
    if let [file] = files {
        let after: Truth = asker.ask(&Call::FileStore(*file)).await?;
        return Ok(after.datetime_stored.map(|since| (*file, since)).into_iter().collect());
    }
    let Stored { result, problems } = asker.ask(&Call::FilesStore(files.to_vec())).await?;
    for (file, problem) in problems {
        tracing::warn!(file, problem, "a file was not stored");
    }
    Ok(result.into_iter().filter_map(|kept| Some((kept.uuid, kept.datetime_stored?))).collect())
}

fn failed(error: &Error, policy: &Policy, file: FileUuid) -> Fault {
    tracing::warn!(error = error as &dyn std::error::Error, %file, "a file could not be confirmed");
    upstream::fault(error, policy)
}

/// Reads and judges a file; what breaks the policy is deleted if it says so.
async fn judged(
    asker: Asker<'_>,
    policy: &Policy,
    file: FileUuid,
    start: Instant,
    places: &Semaphore,
) -> Result<Truth, Unconfirmed> {
    let truth = ready(asker, file, start, places).await.map_err(|error| failed(&error, policy, file))?;
    let Some(truth) = truth else {
        let sentence = format!("File {file} is still being processed by Uploadcare; ask again in 2 seconds.");
        return Err(Fault::new(ProblemKind::Unavailable, sentence).retry_after(Duration::from_secs(2)).into());
    };
    if truth.datetime_removed.is_some() {
        return Err(Fault::new(ProblemKind::NotFound, format!("File {file} has been removed; upload it again.")).into());
    }
    if let Err(refusal) = policy.upload_policy.check(&truth.original_filename, truth.size, truth.media_type()) {
        let fault = Fault::new(ProblemKind::PolicyViolation, in_words(&refusal, &truth, policy));
        let delete = policy.violations == Violations::Delete
            && truth.datetime_stored.is_none()
            && is_fresh(truth.datetime_uploaded, SystemTime::now());
        if delete {
            asker
                .ask::<serde::de::IgnoredAny>(&Call::FileDelete(file))
                .await
                .map_err(|error| failed(&error, policy, file))?;
        }
        return Err(Unconfirmed { fault, deleted: delete });
    }
    Ok(truth)
}

/// The file's facts once it is ready; `None` if it takes longer than a caller should wait.
async fn ready(asker: Asker<'_>, file: FileUuid, start: Instant, places: &Semaphore) -> Result<Option<Truth>, Error> {
    let mut wait = FIRST_WAIT;
    loop {
        // Held while asking, not while waiting. It is never closed; if it were, nobody would be kept back.
        let place = places.acquire().await;
        let truth: Truth = asker.ask(&Call::FileInfo(file)).await?;
        drop(place);
        if truth.is_ready {
            return Ok(Some(truth));
        }
        if start.elapsed() + wait > READY_WITHIN {
            return Ok(None);
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Did it come within the last day? By a clock that is ahead of ours it may also come in a moment.
fn is_fresh(uploaded: Timestamp, now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u64::try_from(uploaded.as_seconds()).is_ok_and(|uploaded| now.saturating_sub(uploaded) < DAY_SECONDS)
}

fn in_words(refusal: &Refusal, truth: &Truth, policy: &Policy) -> String {
    match refusal {
        Refusal::Empty => "It has no bytes.".to_owned(),
        Refusal::TooLarge { limit } => {
            format!("It has {}, and at most {} are allowed.", size(truth.size), size(*limit))
        }
        Refusal::TooMany { limit } => format!("There are more than {limit} files."),
        Refusal::Type => {
            let allowed: Vec<String> = policy.upload_policy.accept.iter().cloned().map(String::from).collect();
            let found = sentence::quoted(truth.media_type());
            format!("It is {}, and only {} are allowed.", found.trim_matches('"'), allowed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fresh_for_a_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
        for (uploaded, fresh) in [
            ("1971-01-01T00:00:00Z", true),
            ("1970-12-31T00:00:01Z", true),
            ("1970-12-31T00:00:00Z", false),
            ("1970-12-01T00:00:00Z", false),
            // Uploadcare's clock is ahead of ours.
            ("1971-01-01T00:00:05Z", true),
            // No clock says that.
            ("1969-12-31T23:59:59Z", false),
        ] {
            assert_eq!(is_fresh(Timestamp::parse(uploaded).unwrap(), now), fresh, "{uploaded}");
        }
    }
}
