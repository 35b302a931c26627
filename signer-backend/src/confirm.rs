//! Confirming an upload: what the file really is, read from Uploadcare, held against the upload policy, then stored.
//!
//! The browser's word counts for nothing here. Invariant: what is answered as confirmed keeps the policy, and is
//! stored when the terms say so. Whoever may confirm may name any file of the project, so a file is deleted for
//! breaking the policy only if it came within the last day and nobody has stored it: what was confirmed or kept stays,
//! whoever names it. What a caller can still end is a fresh upload of somebody else that breaks the policy as well.

use crate::policy::{CredentialTerms, Policy, Violations};
use crate::problem::Fault;
use crate::sentence::size;
use crate::upstream;
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};
use updock_client::{Call, Client, Error};
use updock_types::policy::Refusal;
use updock_types::signer::{Confirmed, ProblemKind};
use updock_types::{FileUuid, Timestamp};

/// How long a file may take to become ready while the caller waits.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// Wait between looks, at first; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
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

/// Reads, judges and stores a file.
pub(crate) async fn confirm(
    client: &Client,
    policy: &Policy,
    terms: &CredentialTerms,
    file: FileUuid,
) -> Result<Confirmed, Unconfirmed> {
    let failed = |error: Error| {
        tracing::warn!(error = &error as &dyn std::error::Error, %file, "a file could not be confirmed");
        upstream::fault(&error, policy)
    };
    let truth = ready(client, file).await.map_err(failed)?;
    let Some(truth) = truth else {
        let sentence = format!("File {file} is still being processed by Uploadcare; ask again in 2 seconds.");
        return Err(Fault::new(ProblemKind::Unavailable, sentence).retry_after(Duration::from_secs(2)).into());
    };
    if truth.datetime_removed.is_some() {
        return Err(Fault::new(ProblemKind::NotFound, format!("File {file} has been removed; upload it again.")).into());
    }
    if let Err(refusal) = policy.upload_policy.check(&truth.original_filename, truth.size, truth.media_type()) {
        let fault = Fault::new(ProblemKind::PolicyViolation, in_words(&refusal, &truth, policy));
        let delete = policy.violations == Violations::Delete && truth.datetime_stored.is_none() && is_fresh(&truth);
        if delete {
            client.file_delete(file).await.map_err(failed)?;
        }
        return Err(Unconfirmed { fault, deleted: delete });
    }
    let mut stored = truth.datetime_stored.is_some();
    if terms.store && !stored {
        let after: Truth = client.ask(&Call::FileStore(file)).await.map_err(failed)?;
        stored = after.datetime_stored.is_some();
    }
    Ok(Confirmed { uuid: file, size: truth.size, mime_type: truth.media_type().to_owned(), stored, receipt: None })
}

/// The file's facts once it is ready; `None` if it takes longer than a caller should wait.
async fn ready(client: &Client, file: FileUuid) -> Result<Option<Truth>, Error> {
    let (start, mut wait) = (Instant::now(), FIRST_WAIT);
    loop {
        let truth: Truth = client.ask(&Call::FileInfo(file)).await?;
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

fn is_fresh(truth: &Truth) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u64::try_from(truth.datetime_uploaded.as_seconds()).is_ok_and(|uploaded| now.saturating_sub(uploaded) < DAY_SECONDS)
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
            let found = crate::sentence::quoted(truth.media_type());
            format!("It is {}, and only {} are allowed.", found.trim_matches('"'), allowed.join(", "))
        }
    }
}
