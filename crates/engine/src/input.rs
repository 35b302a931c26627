//! What comes in.

use crate::{Answer, Config, FileKey, FileOptions, Millis, RequestId};
use std::sync::Arc;
use updock_types::FileUuid;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A person (or the page) added files. They get the keys from [`crate::Engine::next_key`] on, in order.
    FilesAdded(Vec<NewFile>),
    /// A person (or the page) gave addresses of files that the service is to fetch. Their keys are given as those of
    /// files are; nobody asks the driver for their bytes. With the feature `full`.
    #[cfg(feature = "full")]
    UrlsAdded(Vec<NewUrl>),
    /// A person chose another file for a row: it takes the row's place in the list, with the next key. With the feature
    /// `full`.
    #[cfg(feature = "full")]
    Replaced {
        /// The row, which leaves.
        row: FileKey,
        /// The file.
        file: NewFile,
    },
    /// A person (or the page) asked for something.
    Command(Command),
    /// So many bytes of a request's body have left, since its start. Counts of the form around a file may be included.
    Progressed {
        /// Which request.
        request: RequestId,
        /// Bytes.
        sent: u64,
    },
    /// A request has ended. Later inputs about it are ignored.
    Answered {
        /// Which request.
        request: RequestId,
        /// How.
        answer: Answer,
    },
    /// The browser's or system's opinion of the network.
    Network(Network),
    /// The most requests that may be in flight from now on, besides what the settings say; for a driver that shares a
    /// budget among engines. With 0 everything waits for more; what is in flight goes on.
    Budget(u8),
    /// From now on these settings hold; what is in flight goes on as it is.
    Configured(Box<Config>),
    /// What the driver's journal has from before. Each gets the next key, in order, also one that cannot be gone on
    /// with: that one has no row. Best handed in first, so that files added afterwards find their uploads.
    Recovered(Vec<Recovered>),
    /// The answer to [`crate::Action::Fingerprint`].
    Fingerprinted {
        /// Of which file.
        file: FileKey,
        /// What was found.
        fingerprint: Fingerprint,
    },
    /// A file for a row that needs one: chosen again, or opened as [`crate::Action::Open`] asked. It is taken if it is the
    /// file that the upload began with; if not, the row says what differs, and the file is released.
    Chosen {
        /// The row.
        row: FileKey,
        /// The file.
        file: NewFile,
    },
    /// [`crate::Action::Open`] did not work; a person must choose the file.
    NotOpened(FileKey),
    /// Nothing more can be written about this upload; it goes on without.
    JournalFailed(FileUuid),
    /// A person gave a file another place in the list. With the feature `full`.
    #[cfg(feature = "full")]
    Moved {
        /// Which.
        file: FileKey,
        /// Right before this one; `None`: to the end.
        before: Option<FileKey>,
    },
    /// Time has passed; see [`crate::Engine::deadline`].
    Tick,
}

/// A file's facts. Its bytes stay with the driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewFile {
    /// As the person knows it; any text.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// As told by the browser or by the first bytes; empty when unknown.
    pub media_type: String,
    /// When it was last changed, milliseconds since 1970; 0 when unknown.
    pub modified: u64,
    /// What to say about it; files may share it. [`Config::store`] and nothing else where there is none. Heard with the
    /// feature `full` only.
    pub options: Option<Arc<FileOptions>>,
}

/// A file that the service is to fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUrl {
    /// Where it is: `http` or `https`.
    pub url: String,
    /// Under which name to keep it; the service finds one otherwise.
    pub name: Option<String>,
    /// What to say about it, as of [`NewFile::options`].
    pub options: Option<Arc<FileOptions>>,
}

/// What tells two files of the same name, size, type and time apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fingerprint {
    /// SHA-256 over the first and the last 64 KiB, and over what else makes it another upload for the driver.
    Known(Digest),
    /// It cannot be had: no cryptography in an insecure context, or the file cannot be read. Without it an upload
    /// leaves no journal and takes none up.
    Unavailable,
}

/// A SHA-256, written as 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(Box<str>);

impl Digest {
    /// Reads it; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.into()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An upload that the driver's journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Under which it was written.
    pub upload: FileUuid,
    /// Since [`crate::Journal::Begin`], by the driver's wall clock; zero if that ran backwards.
    pub age: Millis,
    /// The records, oldest first. Any text: what is damaged, cut off or from another version is not gone on with.
    pub records: Vec<String>,
    /// How its file can be had.
    pub reach: Reach,
}

/// How the file of an earlier upload can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A person must choose it again.
    Choose,
    /// The driver kept a handle, and opens it when asked.
    Handle,
}

/// What a person can ask for. What makes no sense in a file's state does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Upload what is ready.
    Start(Which),
    /// Stop sending; keep what was sent.
    Pause(Which),
    /// Go on after a pause; open the file of an earlier upload, where the driver has a handle.
    Resume(Which),
    /// Try a failed or cancelled file again, keeping finished parts where they are good.
    Retry(Which),
    /// Stop and give up; the row stays, as failed, and can be retried.
    Cancel(Which),
    /// Stop if need be and take the row away.
    Remove(Which),
    /// Upload before all others; what is in flight goes on.
    First(Which),
}

/// Which files a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every file for which it makes sense.
    All,
    /// This one.
    One(FileKey),
}

/// Is there a network?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As far as is known.
    Online,
    /// Surely not: nothing is sent, and no attempt is spent.
    Offline,
}
