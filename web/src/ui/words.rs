//! Every word that a person reads, in one place, so that other languages can come.
//!
//! Sentence case, short, concrete, no blame. What happened, then what to do. Never a bare code.

use super::format::{bytes, bytes_of, duration, push_number};
use updock_engine::{Cause, Failure, Millis, Mismatch, Need, Row, RowState, Totals, WaitReason};
use updock_types::{
    pieces,
    policy::{AcceptRule, Refusal, UploadPolicy},
};

/// The button.
pub const CHOOSE: &str = "Choose files";
/// The button, when only one file is taken.
pub const CHOOSE_ONE: &str = "Choose a file";
/// Beside the button.
pub const HINT: &str = "or drop them here";
/// The same, for one file.
pub const HINT_ONE: &str = "or drop it here";
/// While files are dragged over the page.
pub const DROP_HERE: &str = "Drop here to upload";
/// The list's name.
pub const LIST: &str = "Files";
/// The panel's name.
pub const PANEL: &str = "Upload files";
/// The overall bar's name.
pub const ALL_FILES: &str = "All files";
/// For all files.
pub const PAUSE_ALL: &str = "Pause all";
/// For all files.
pub const RESUME_ALL: &str = "Resume all";
/// For uploads from before whose files can be opened.
pub const CONTINUE: &str = "Continue";
/// For uploads from before whose files must be chosen again.
pub const CHOOSE_AGAIN: &str = "Choose again";
/// Takes uploads from before away.
pub const DISCARD: &str = "Discard";
/// Takes refused files away.
pub const REMOVE_THEM: &str = "Remove them";
/// Empties the list when all is over.
pub const CLEAR: &str = "Clear list";
/// No network.
pub const OFFLINE: &str = "You are offline. Uploads go on by themselves once you are back.";
/// The page lacks the key.
pub const NO_KEY: &str = "This uploader has no public key yet. The page's owner can add one.";
/// While a folder's contents are being listed.
pub const READING_FOLDER: &str = "Reading folder";

/// Puts texts together.
pub fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// `3 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    let mut text = String::new();
    push_number(&mut text, number);
    text.push(' ');
    text.push_str(if number == 1 { one } else { many });
    text
}

/// `3 files`.
pub fn files(number: u64) -> String {
    count(number, "file", "files")
}

/// `Drop 3 files`.
pub fn drop_count(number: u32) -> String {
    if number == 0 { DROP_HERE.to_owned() } else { join(&["Drop ", &files(u64::from(number))]) }
}

/// `Reading folder, 120 files found`.
pub fn reading_folder(found: u32) -> String {
    join(&[READING_FOLDER, ", ", &files(u64::from(found)), " found"])
}

/// What may come, in one line: `Images or PDF · up to 20 MB each · at most 10 files`. Empty if anything may.
pub fn limits(policy: &UploadPolicy) -> String {
    let mut parts = Vec::new();
    if !policy.accept.is_empty() {
        parts.push(kinds(&policy.accept));
    }
    if let Some(size) = policy.max_file_size {
        let each = if policy.max_files == Some(1) { "" } else { " each" };
        parts.push(join(&["up to ", &bytes(size), each]));
    }
    if let Some(most) = policy.max_files.filter(|most| *most > 1) {
        parts.push(join(&["at most ", &files(u64::from(most))]));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut text = pieces::joined(&parts, " · ");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn kinds(accept: &[AcceptRule]) -> String {
    let mut text = String::new();
    for (index, rule) in accept.iter().enumerate() {
        if index > 0 {
            text.push_str(if index + 1 == accept.len() { " or " } else { ", " });
        }
        match rule {
            AcceptRule::AnyOf(kind) => text.push_str(match kind.as_str() {
                "image" => "images",
                "video" => "videos",
                "audio" => "audio",
                "text" => "text files",
                other => other,
            }),
            AcceptRule::Extension(name) => text.push_str(&name[1..].to_ascii_uppercase()),
            AcceptRule::Exactly(full) => {
                text.push_str(&pieces::cut_last(full, b'/').map_or(&**full, |two| two.1).to_ascii_uppercase());
            }
        }
    }
    text
}

/// One word for where a file is.
pub fn state(state: &RowState) -> &'static str {
    match state {
        RowState::Reading => "Reading",
        RowState::Checking => "Checking",
        RowState::Rejected(_) => "Not added",
        RowState::Ready => "Ready",
        RowState::Queued => "Queued",
        RowState::Uploading => "Uploading",
        RowState::Paused => "Paused",
        RowState::Waiting(_) => "Waiting",
        RowState::Retrying { .. } => "Retrying",
        RowState::Processing => "Finishing",
        RowState::Done { .. } => "Uploaded",
        RowState::Failed(Failure::Cancelled) => "Cancelled",
        RowState::Failed(_) => "Failed",
        RowState::NeedsFile(Need::Open) => "Stopped",
        RowState::NeedsFile(_) => "Needs file",
        RowState::Removed => "Removed",
    }
}

/// A state's name for machines: in the page's snapshots and in the style sheet.
pub fn state_name(state: &RowState) -> &'static str {
    match state {
        RowState::Reading => "reading",
        RowState::Checking => "checking",
        RowState::Rejected(_) => "rejected",
        RowState::Ready => "ready",
        RowState::Queued => "queued",
        RowState::Uploading => "uploading",
        RowState::Paused => "paused",
        RowState::Waiting(_) => "waiting",
        RowState::Retrying { .. } => "retrying",
        RowState::Processing => "processing",
        RowState::Done { .. } => "done",
        RowState::Failed(_) => "failed",
        RowState::NeedsFile(_) => "needs-file",
        RowState::Removed => "removed",
    }
}

/// Why, and what to do; `None` where a state needs no reason. `accept` is what may come.
pub fn reason(row: &Row, policy: &UploadPolicy, now: Millis) -> Option<String> {
    Some(match &row.state {
        RowState::Rejected(refusal) => refused(refusal, row.size, policy),
        RowState::Failed(failure) => failed(failure, row.size),
        RowState::Waiting(WaitReason::Offline) => "Waiting for the network. It goes on by itself.".to_owned(),
        RowState::Waiting(WaitReason::Signing) => "Asking for permission to upload".to_owned(),
        RowState::Waiting(WaitReason::Throttled(at)) => {
            join(&["The server is busy; goes on in ", &duration(seconds_until(*at, now))])
        }
        RowState::Retrying { at, cause, .. } => {
            let cause = match cause {
                Cause::Network => "Connection lost",
                Cause::Timeout => "No answer",
                Cause::Server(_) => "The server has a problem",
                Cause::Nonsense => "The answer made no sense",
                Cause::Source => "Its address did not give it",
            };
            match seconds_until(*at, now) {
                0 => join(&[cause, "; trying again now"]),
                seconds => join(&[cause, "; trying again in ", &duration(seconds)]),
            }
        }
        RowState::NeedsFile(need) => join(&[&bytes_of(row.sent, row.size), needed(*need)]),
        _ => return None,
    })
}

/// Does the reason tell a time that passes?
pub fn counts_down(state: &RowState) -> bool {
    matches!(state, RowState::Retrying { .. } | RowState::Waiting(WaitReason::Throttled(_)))
}

/// What to do about an upload from before, after how far it is.
fn needed(need: Need) -> &'static str {
    match need {
        Need::Open => " sent. Continue to send the rest.",
        Need::Choose => " sent. Choose the file again.",
        Need::Wrong(Mismatch::Name) => " sent. That was a file with another name; choose the one from before.",
        Need::Wrong(Mismatch::Size | Mismatch::Type) => " sent. That was another file; choose the one from before.",
        Need::Wrong(Mismatch::Modified | Mismatch::Content) => {
            " sent. That file has changed since. Choose it as it was, or discard this and add it anew."
        }
    }
}

fn seconds_until(at: Millis, now: Millis) -> u64 {
    at.since(now).0.div_ceil(1000)
}

fn refused(refusal: &Refusal, size: u64, policy: &UploadPolicy) -> String {
    match refusal {
        Refusal::Empty => "This file is empty. Choose one with something in it.".to_owned(),
        Refusal::TooLarge { limit } => {
            join(&["This file is ", &bytes(size), "; the limit is ", &bytes(*limit), ". Choose a smaller one."])
        }
        Refusal::Type if policy.accept.is_empty() => "This type of file is not taken here.".to_owned(),
        Refusal::Type => join(&["This type is not taken here. Choose ", &kinds(&policy.accept), "."]),
        Refusal::TooMany { limit: 1 } => "Only one file fits here. Remove the other one first.".to_owned(),
        Refusal::TooMany { limit } => {
            join(&["Only ", &files(u64::from(*limit)), " fit here. Remove one to make room."])
        }
    }
}

fn failed(failure: &Failure, size: u64) -> String {
    match failure {
        Failure::Cancelled => "Cancelled before it was complete.".to_owned(),
        Failure::Unreadable => {
            "The file was moved, deleted or changed after it was chosen. Choose it again.".to_owned()
        }
        Failure::GaveUp(Cause::Network) => "The connection kept failing. Check the network, then retry.".to_owned(),
        Failure::GaveUp(Cause::Timeout) => "The server did not answer in time. Retry in a moment.".to_owned(),
        Failure::GaveUp(Cause::Server(_)) => "The server has a problem of its own. Retry in a moment.".to_owned(),
        Failure::GaveUp(Cause::Nonsense) => "The server's answer made no sense. Retry in a moment.".to_owned(),
        Failure::GaveUp(Cause::Source) => "Its address does not give it. Check the address, then retry.".to_owned(),
        Failure::NotFetched { detail, .. } => with_detail("It could not be fetched from its address", detail),
        Failure::Throttled => "The server is too busy. Retry in a few minutes.".to_owned(),
        Failure::KeyRefused { .. } => "The project's public key was refused. Tell the owner of this page.".to_owned(),
        Failure::CredentialRefused { .. } => {
            "Permission to upload was refused. Tell the owner of this page.".to_owned()
        }
        Failure::CredentialUnavailable { .. } => {
            "Permission to upload could not be had: the signer gave no answer. Retry in a moment.".to_owned()
        }
        Failure::Refused { detail, .. } => with_detail("The service did not take this file", detail),
        Failure::SizeDiffers { stored } => {
            // Storage lost some, or the file has changed on disk since it was chosen; nobody can tell which.
            join(&[
                "The server has ",
                &bytes(*stored),
                ", not ",
                &bytes(size),
                ". Retry, or choose the file again if it has changed.",
            ])
        }
        Failure::Lost => "The server does not have this file any more. Retry to send it again.".to_owned(),
        Failure::PolicyRefused { detail } => with_detail("This file is not allowed here. Choose another one", detail),
        Failure::NotReady => "The file arrived but was not ready in time. Retry in a moment.".to_owned(),
        Failure::NotConfirmed { detail } => with_detail("The file arrived but was not accepted", detail),
    }
}

fn with_detail(sentence: &str, detail: &str) -> String {
    let detail = pieces::without_end(detail.trim_ascii(), b'.');
    if detail.is_empty() { join(&[sentence, "."]) } else { join(&[sentence, ": ", detail, "."]) }
}

/// What the server itself said, for those who want to know.
pub fn detail(state: &RowState) -> Option<&str> {
    match state {
        RowState::Failed(
            Failure::KeyRefused { detail }
            | Failure::CredentialRefused { detail }
            | Failure::Refused { detail, .. }
            | Failure::NotFetched { detail, .. }
            | Failure::NotConfirmed { detail },
        ) if !detail.is_empty() => Some(detail),
        _ => None,
    }
}

/// Which failure, for machines.
pub fn failure_code(state: &RowState) -> Option<&'static str> {
    Some(match state {
        RowState::Rejected(Refusal::Empty) => "empty",
        RowState::Rejected(Refusal::TooLarge { .. }) => "too-large",
        RowState::Rejected(Refusal::Type) => "type",
        RowState::Rejected(Refusal::TooMany { .. }) => "too-many",
        RowState::Failed(failure) => failure.code(),
        _ => return None,
    })
}

/// Uploads from before, in one sentence.
pub fn from_before(number: u32) -> String {
    let number = u64::from(number);
    count(number, "upload from before can go on where it stopped.", "uploads from before can go on where they stopped.")
}

/// The footer's line, without bytes and time.
pub fn summary(totals: &Totals) -> String {
    let total = u64::from(totals.files.saturating_sub(totals.rejected));
    let (done, failed, paused) = (u64::from(totals.done), u64::from(totals.failed), u64::from(totals.paused));
    let of_total = |word: &str, number: u64| {
        let mut text = word.to_owned();
        push_number(&mut text, number);
        text.push_str(" of ");
        push_number(&mut text, total);
        text
    };
    if totals.active > 0 {
        of_total("Uploading ", (done + failed + 1).min(total))
    } else if paused > 0 {
        join(&[&of_total("Paused, ", done), " uploaded"])
    } else if totals.needs_file > 0 {
        join(&[&files(u64::from(totals.needs_file)), " to continue"])
    } else if done + failed < total {
        join(&[&files(total - done - failed), " ready"])
    } else if failed > 0 && done > 0 {
        join(&[&count(done, "uploaded", "uploaded"), ", ", &count(failed, "failed", "failed")])
    } else if failed > 0 {
        join(&[&files(failed), " not uploaded"])
    } else if total > 0 {
        join(&[&files(done), " uploaded"])
    } else {
        join(&[&files(u64::from(totals.rejected)), " not added"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use updock_engine::FileKey;

    fn row(state: RowState) -> Row {
        let (name, media_type) = ("a.png".into(), "image/png".into());
        Row { key: FileKey(0), name, size: 28_000_000, media_type, sent: 0, same_as: None, state }
    }

    #[test]
    fn every_failure_says_what_happened_and_what_to_do() {
        let detail: Arc<str> = "File is too strange".into();
        let policy = UploadPolicy { accept: AcceptRule::parse_list("image/*,.pdf"), ..Default::default() };
        let mut said = Vec::new();
        for state in [
            RowState::Rejected(Refusal::Empty),
            RowState::Rejected(Refusal::TooLarge { limit: 20_000_000 }),
            RowState::Rejected(Refusal::Type),
            RowState::Rejected(Refusal::TooMany { limit: 3 }),
            RowState::Failed(Failure::Cancelled),
            RowState::Failed(Failure::Unreadable),
            RowState::Failed(Failure::GaveUp(Cause::Network)),
            RowState::Failed(Failure::GaveUp(Cause::Timeout)),
            RowState::Failed(Failure::GaveUp(Cause::Server(503))),
            RowState::Failed(Failure::GaveUp(Cause::Nonsense)),
            RowState::Failed(Failure::Throttled),
            RowState::Failed(Failure::KeyRefused { detail: Arc::clone(&detail) }),
            RowState::Failed(Failure::CredentialRefused { detail: Arc::clone(&detail) }),
            RowState::Failed(Failure::CredentialUnavailable { cause: Cause::Network }),
            RowState::Failed(Failure::Refused { code: "x".into(), detail: Arc::clone(&detail) }),
            RowState::Failed(Failure::NotFetched { code: "x".into(), detail: Arc::clone(&detail) }),
            RowState::Failed(Failure::GaveUp(Cause::Source)),
            RowState::Failed(Failure::SizeDiffers { stored: 1_000_000 }),
            RowState::Failed(Failure::Lost),
            RowState::Failed(Failure::PolicyRefused { detail: Arc::clone(&detail) }),
            RowState::Failed(Failure::NotReady),
            RowState::Failed(Failure::NotConfirmed { detail }),
        ] {
            let row = row(state);
            let sentence = reason(&row, &policy, Millis(0)).unwrap();
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{sentence}");
            assert!(!sentence.contains(['!', '_']), "{sentence}");
            assert!(failure_code(&row.state).is_some());
            said.push(sentence);
        }
        assert_eq!(said[1], "This file is 28 MB; the limit is 20 MB. Choose a smaller one.");
        assert_eq!(said[2], "This type is not taken here. Choose images or PDF.");
        said.sort();
        said.dedup();
        assert_eq!(said.len(), 22, "each has a sentence of its own");
    }

    #[test]
    fn limits_are_one_line() {
        let policy = |accept: &str, size, files| UploadPolicy {
            accept: AcceptRule::parse_list(accept),
            max_file_size: size,
            max_files: files,
        };
        assert_eq!(limits(&policy("", None, None)), "");
        assert_eq!(
            limits(&policy("image/*,video/*,.pdf", Some(20_000_000), Some(10))),
            "Images, videos or PDF · up to 20 MB each · at most 10 files"
        );
        assert_eq!(limits(&policy("", Some(5_000_000), Some(1))), "Up to 5 MB");
    }

    #[test]
    fn the_summary_reads_as_a_person_would_say_it() {
        let totals =
            |files, done, failed, paused, active| Totals { files, done, failed, paused, active, ..Default::default() };
        for (totals, text) in [
            (totals(12, 2, 0, 0, 10), "Uploading 3 of 12"),
            (totals(12, 12, 0, 0, 0), "12 files uploaded"),
            (totals(1, 1, 0, 0, 0), "1 file uploaded"),
            (totals(12, 9, 3, 0, 0), "9 uploaded, 3 failed"),
            (totals(12, 9, 0, 3, 0), "Paused, 9 of 12 uploaded"),
            (totals(3, 0, 0, 0, 0), "3 files ready"),
            (totals(2, 0, 2, 0, 0), "2 files not uploaded"),
            (Totals { needs_file: 2, ..totals(3, 1, 0, 0, 0) }, "2 files to continue"),
        ] {
            assert_eq!(summary(&totals), text);
        }
    }
}
