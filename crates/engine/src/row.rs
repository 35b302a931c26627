//! What the interface shows: immutable, cheap to keep and to compare.

use crate::Millis;
use std::sync::Arc;
use updock_types::{FileUuid, policy::Refusal};

/// Names a file of one engine; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey(pub u32);

/// One file as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: FileKey,
    /// As the person knows it.
    pub name: Arc<str>,
    /// Bytes.
    pub size: u64,
    /// Empty when unknown.
    pub media_type: Arc<str>,
    /// Bytes sent; never falls, never passes `size`.
    pub sent: u64,
    /// An earlier file of the list with the same name, size, type and time of change: perhaps this one is there by
    /// mistake. Nothing else comes of it. Found with the feature `full`.
    pub same_as: Option<FileKey>,
    /// Where it is.
    pub state: RowState,
}

impl Row {
    /// 0 to 100, whole; 100 only when every byte has left.
    pub fn percent(&self) -> u8 {
        if self.size == 0 {
            return 0;
        }
        u8::try_from(u128::from(self.sent) * 100 / u128::from(self.size)).unwrap_or(100)
    }
}

/// How much has changed in what is shown, from little to much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stir {
    /// Nothing.
    #[default]
    Nothing,
    /// Bytes have moved, or a file that has arrived is being processed: a driver may take its time.
    Progress,
    /// A row has come, gone or changed its state.
    State,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowState {
    /// Its facts are being gathered.
    Reading,
    /// Rules are being checked.
    Checking,
    /// The policy refuses it; nothing was sent.
    Rejected(Refusal),
    /// Waits for a command.
    Ready,
    /// Waits for its turn.
    Queued,
    /// Bytes are leaving.
    Uploading,
    /// A person paused it.
    Paused,
    /// Something must come first.
    Waiting(WaitReason),
    /// Something failed; it goes on at `at`.
    Retrying {
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// When.
        at: Millis,
        /// What failed.
        cause: Cause,
    },
    /// Every byte has left; the server is at work.
    Processing,
    /// It is on the server, with the size that was sent.
    Done {
        /// Its UUID.
        uuid: FileUuid,
        /// Is it kept beyond 24 hours?
        stored: bool,
        /// Did the signer confirm it?
        confirmed: bool,
        /// The signer's receipt.
        receipt: Option<Arc<str>>,
    },
    /// It has failed for good, until a person acts.
    Failed(Failure),
    /// Its upload can go on once the file is there again.
    NeedsFile(Need),
    /// It is gone; the last thing heard of it.
    Removed,
}

impl RowState {
    /// Nothing more happens by itself.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Done { .. } | Self::Failed(_) | Self::NeedsFile(_) | Self::Removed)
    }
}

/// How the file of an upload from before can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A person must choose it again; see [`crate::Input::Chosen`].
    Choose,
    /// [`crate::Command::Resume`] opens it.
    Open,
    /// What was chosen is another file; see there for what differs. The right one can still be chosen.
    Wrong(Mismatch),
}

/// In what a file differs from the one that an upload began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The name.
    Name,
    /// The number of bytes.
    Size,
    /// The media type.
    Type,
    /// The time of the last change.
    Modified,
    /// The bytes at its start or end, as far as they could be compared.
    Content,
}

/// What a file waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The network.
    Offline,
    /// The server asked to wait until then.
    Throttled(Millis),
    /// A credential.
    Signing,
}

/// What failed, for a person to read while it is being retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No connection.
    Network,
    /// No answer, or no progress, in time.
    Timeout,
    /// The server has a problem of its own, with this status.
    Server(u16),
    /// The answer cannot be read.
    Nonsense,
    /// The address from which the service fetches a file does not give it.
    Source,
}

/// Why a file failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A person cancelled it.
    Cancelled,
    /// It cannot be read: moved, deleted or changed since it was chosen.
    Unreadable,
    /// It could not be sent after several attempts.
    GaveUp(Cause),
    /// The server kept asking to wait.
    Throttled,
    /// The project's public key is refused.
    KeyRefused {
        /// The server's sentence.
        detail: Arc<str>,
    },
    /// The server refuses the credential, or the signer refuses to give one.
    CredentialRefused {
        /// The server's sentence.
        detail: Arc<str>,
    },
    /// The signer gives no credential: it is down or answers with nonsense.
    CredentialUnavailable {
        /// What failed.
        cause: Cause,
    },
    /// The service refuses the file.
    Refused {
        /// The code of the catalogue.
        code: Arc<str>,
        /// The server's sentence.
        detail: Arc<str>,
    },
    /// The service could not fetch the file from its address.
    NotFetched {
        /// The code of the catalogue.
        code: Arc<str>,
        /// The service's sentence.
        detail: Arc<str>,
    },
    /// The server has another number of bytes than were sent.
    SizeDiffers {
        /// Bytes on the server.
        stored: u64,
    },
    /// The file was there and is no longer, or never arrived whole: it must be sent again.
    Lost,
    /// The server did not finish its work in time.
    NotReady,
    /// The signer's policy refuses the file as it is on the server.
    PolicyRefused {
        /// The signer's sentence.
        detail: Arc<str>,
    },
    /// The signer does not confirm the upload.
    NotConfirmed {
        /// The signer's sentence.
        detail: Arc<str>,
    },
}

/// What a person can do about a failed or rejected file, besides removing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same again may work.
    Retry,
    /// Another file must be chosen.
    Replace,
    /// Only the page's owner can mend it.
    TellOwner,
}

impl Failure {
    /// Nothing of what the service has so far is of use any more.
    pub(crate) fn ends_upload(&self) -> bool {
        matches!(
            self,
            Self::SizeDiffers { .. } | Self::Lost | Self::Refused { .. } | Self::PolicyRefused { .. } | Self::Cancelled
        )
    }

    /// Which failure, for machines: one word, without anything that a server or a person wrote.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Unreadable => "unreadable",
            Self::GaveUp(Cause::Network) => "network",
            Self::GaveUp(Cause::Timeout) => "timeout",
            Self::GaveUp(Cause::Server(_)) => "server",
            Self::GaveUp(Cause::Nonsense) => "nonsense",
            Self::GaveUp(Cause::Source) | Self::NotFetched { .. } => "source",
            Self::Throttled => "throttled",
            Self::KeyRefused { .. } => "key-refused",
            Self::CredentialRefused { .. } => "credential-refused",
            Self::CredentialUnavailable { .. } => "credential-unavailable",
            Self::Refused { .. } => "refused",
            Self::SizeDiffers { .. } => "size-differs",
            Self::Lost => "lost",
            Self::NotReady => "not-ready",
            Self::PolicyRefused { .. } => "policy-refused",
            Self::NotConfirmed { .. } => "not-confirmed",
        }
    }

    /// What a person can do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Cancelled
            | Self::GaveUp(_)
            | Self::Throttled
            | Self::CredentialUnavailable { .. }
            | Self::SizeDiffers { .. }
            | Self::Lost
            | Self::NotReady
            | Self::NotFetched { .. }
            | Self::NotConfirmed { .. } => Remedy::Retry,
            Self::Unreadable | Self::Refused { .. } | Self::PolicyRefused { .. } => Remedy::Replace,
            Self::KeyRefused { .. } | Self::CredentialRefused { .. } => Remedy::TellOwner,
        }
    }
}

/// Sums over the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files in the list.
    pub files: u32,
    /// Files done.
    pub done: u32,
    /// Files failed.
    pub failed: u32,
    /// Files the policy refused.
    pub rejected: u32,
    /// Files paused.
    pub paused: u32,
    /// Uploads from before whose file must be chosen again.
    pub needs_file: u32,
    /// Files under way: being checked, queued, uploading, waiting, retrying, processing.
    pub active: u32,
    /// Bytes of all files but those rejected.
    pub bytes: u64,
    /// Bytes of them that are sent.
    pub sent: u64,
}

impl Totals {
    /// What one file adds to them.
    pub(crate) fn of(row: &Row) -> Self {
        let mut totals = Self { files: 1, ..Self::default() };
        match row.state {
            RowState::Rejected(_) => {
                totals.rejected = 1;
                return totals;
            }
            RowState::Done { .. } => totals.done = 1,
            RowState::Failed(_) => totals.failed = 1,
            RowState::Paused => totals.paused = 1,
            RowState::Queued
            | RowState::Uploading
            | RowState::Waiting(_)
            | RowState::Retrying { .. }
            | RowState::Checking
            | RowState::Processing => totals.active = 1,
            RowState::NeedsFile(_) => totals.needs_file = 1,
            RowState::Reading | RowState::Ready | RowState::Removed => {}
        }
        (totals.bytes, totals.sent) = (row.size, row.sent);
        totals
    }

    /// One file changes from `old` to `new`.
    pub(crate) fn swap(&mut self, old: &Self, new: &Self) {
        for (sum, old, new) in [
            (&mut self.files, old.files, new.files),
            (&mut self.done, old.done, new.done),
            (&mut self.failed, old.failed, new.failed),
            (&mut self.rejected, old.rejected, new.rejected),
            (&mut self.paused, old.paused, new.paused),
            (&mut self.active, old.active, new.active),
            (&mut self.needs_file, old.needs_file, new.needs_file),
        ] {
            *sum = *sum - old + new;
        }
        // A file of any size is in them for a moment, until it is rejected for it.
        self.bytes = self.bytes.wrapping_sub(old.bytes).wrapping_add(new.bytes);
        self.sent = self.sent.wrapping_sub(old.sent).wrapping_add(new.sent);
    }
}

/// The whole list at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In list order.
    pub rows: Vec<Arc<Row>>,
    /// Sums.
    pub totals: Totals,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_whole_and_full_only_when_every_byte_has_left() {
        for (sent, size, percent) in [
            (0, 0, 0),
            (0, 3, 0),
            (1, 3, 33),
            (2, 3, 66),
            (3, 3, 100),
            (999, 1_000, 99),
            (u64::MAX - 1, u64::MAX, 99),
            (u64::MAX, u64::MAX, 100),
        ] {
            let (key, name, media_type) = (FileKey(0), "a".into(), "".into());
            let row = Row { key, name, size, media_type, sent, same_as: None, state: RowState::Uploading };
            assert_eq!(row.percent(), percent, "{sent} of {size}");
        }
    }
}
