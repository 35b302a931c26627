//! What goes out.

use crate::FileKey;
use std::ops::Range;
use updock_types::{FileUuid, Method};

/// Something the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this request; report [`crate::Input::Progressed`] for its body and [`crate::Input::Answered`] once.
    Send(Request),
    /// Ask the page's own function for a credential; answer with [`crate::Answer::Credential`] or a failure.
    AskPage {
        /// To answer to.
        request: RequestId,
        /// For how many files it should be good.
        operations: u32,
    },
    /// Break this request off. It needs no answer any more.
    Abort(RequestId),
    /// The file's bytes are not needed again.
    Release(FileKey),
    /// Write something down that outlives this engine, in order, at once. If that cannot be done, say
    /// [`crate::Input::JournalFailed`]; a driver without a journal ignores these.
    Journal(Journal),
    /// Take a file's fingerprint; answer with [`crate::Input::Fingerprinted`], in a minute at most.
    Fingerprint(FileKey),
    /// Open the handle kept with an upload; answer with [`crate::Input::Chosen`] or [`crate::Input::NotOpened`].
    Open {
        /// The row that needs it.
        row: FileKey,
        /// The upload it was kept with.
        upload: FileUuid,
    },
    /// The file that was just added belongs to a row that needs one: its bytes go by that row's key from now on. The
    /// file's own key never gets a row.
    Adopt {
        /// The key it was added with.
        file: FileKey,
        /// The row.
        row: FileKey,
    },
}

/// What the driver writes down. An upload is a list of short texts that only the engine reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Journal {
    /// A new list, with its first record: up to about a hundred bytes for each part of the file.
    Begin {
        /// Its name.
        upload: FileUuid,
        /// Whose upload it is; a driver that can keep a handle to the file keeps it with the list.
        file: FileKey,
        /// The first record. It holds URLs that let their bearer write a part of this upload for 24 hours.
        record: String,
    },
    /// One more record: a few bytes.
    Append {
        /// To which list.
        upload: FileUuid,
        /// The record.
        record: String,
    },
    /// The list is of no use any more: delete it.
    End {
        /// Which.
        upload: FileUuid,
    },
    /// The list is not this engine's business: another project's, or of a newer version. It stays as it was found.
    Leave {
        /// Which.
        upload: FileUuid,
    },
}

/// Names a request of one engine; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// An HTTP request, ready to send. No cookies, no headers but these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// Method.
    pub method: Method,
    /// Absolute, or relative to the page where the configuration is.
    pub url: String,
    /// The bearer token of an upload credential; absent on most requests, and never on part URLs.
    pub bearer: Option<Secret>,
    /// Body.
    pub body: Body,
    /// How to read its answer, with [`crate::read_reply`].
    pub expects: Expect,
    /// What the driver should tell of it on the way.
    pub hears: Hears,
}

/// What the engine wants to hear of a request before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// [`crate::Input::Progressed`], while its body leaves.
    Bytes,
    /// Nothing. A browser that listens to a body asks the other origin's leave first, with a request of its own: for
    /// a body that has left in no time that is a way there and back for nothing.
    Nothing,
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// `multipart/form-data`.
    Form(Vec<FormField>),
    /// A slice of a file, as it is.
    Bytes {
        /// Whose bytes.
        file: FileKey,
        /// Which bytes.
        range: Range<u64>,
        /// The `Content-Type`.
        media_type: String,
    },
    /// `application/json`.
    Json(String),
}

impl Body {
    /// Bytes of files in it.
    pub fn file_bytes(&self, size_of: impl Fn(FileKey) -> u64) -> u64 {
        match self {
            Self::Empty | Self::Json(_) => 0,
            Self::Bytes { range, .. } => range.end - range.start,
            Self::Form(fields) => fields
                .iter()
                .map(|field| match &field.value {
                    FormValue::File { file, .. } => size_of(*file),
                    FormValue::Text(_) | FormValue::Secret(_) => 0,
                })
                .sum(),
        }
    }
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: FormValue,
}

/// The value of a form's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormValue {
    /// A text.
    Text(String),
    /// A text that must not show.
    Secret(Secret),
    /// A whole file.
    File {
        /// Whose bytes.
        file: FileKey,
        /// The name to send.
        name: String,
        /// The `Content-Type` of the part; empty when unknown.
        media_type: String,
    },
}

/// What a request's answer should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// `POST /base/`: the UUID under this form field's name.
    Uploaded(String),
    /// `POST /multipart/start/`.
    Started,
    /// A part's `PUT`: an empty success.
    PartStored,
    /// `POST /multipart/complete/` and `GET /info/`.
    Facts,
    /// `POST /group/`.
    Group,
    /// `POST /from_url/` and `GET /from_url/status/`.
    Fetch,
    /// The signer's credential.
    Credential,
    /// The signer's confirmation.
    Confirmed,
    /// The signer's confirmation of several files: the one at this place, from 0.
    ConfirmedAt(usize),
    /// The answer holds one for each of several files: an [`crate::Answer::Each`] in this order.
    Each(Vec<Expect>),
}
