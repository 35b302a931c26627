//! How the upload of a file ended.

use std::fmt;
use std::io;
use updock_engine::{Cause, Failure, Remedy};
use updock_types::FileUuid;
use updock_types::policy::Refusal;

/// How the upload of one file ended.
pub type Outcome = Result<Uploaded, UploadError>;

/// A file that is on the server, with the size that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its UUID.
    pub file: FileUuid,
    /// The name it was sent with.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The media type it was sent with; empty when unknown.
    pub media_type: String,
    /// Is it kept beyond 24 hours?
    pub stored: bool,
}

/// Why a file is not on the server.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It cannot be opened; nothing was sent.
    #[error("it cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// It is no file that can be sent.
    #[error("{}", refused(.0))]
    Rejected(Refusal),
    /// Somebody cancelled it.
    #[error("it was cancelled")]
    Cancelled,
    /// The upload was left in the middle; see [`crate::Control::leave`].
    #[error("it was interrupted")]
    Interrupted {
        /// Is it written down, so that the next upload of the same file goes on where this one stopped?
        resumable: bool,
    },
    /// It failed, after all attempts that made sense.
    #[error("{}", Sentence(.0))]
    Failed(Failure),
}

impl UploadError {
    /// What can be done about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Open(_) | Self::Rejected(_) => Remedy::Replace,
            Self::Cancelled | Self::Interrupted { .. } => Remedy::Retry,
            Self::Failed(failure) => failure.remedy(),
        }
    }
}

fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Empty => "it is empty, and the service takes no empty files".to_owned(),
        Refusal::TooLarge { limit } => format!("it is larger than {limit} bytes"),
        Refusal::Type => "its type is not among those allowed".to_owned(),
        Refusal::TooMany { limit } => format!("there are more than {limit} files"),
    }
}

struct Sentence<'a>(&'a Failure);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Failure::Cancelled => f.write_str("it was cancelled"),
            Failure::Unreadable => f.write_str("it cannot be read, or has changed while it was uploaded"),
            Failure::GaveUp(Cause::Network) => f.write_str("the server could not be reached, after several attempts"),
            Failure::GaveUp(Cause::Timeout) => f.write_str("nothing moved any more, after several attempts"),
            Failure::GaveUp(Cause::Server(status)) => {
                write!(f, "the server answered with status {status}, after several attempts")
            }
            Failure::GaveUp(Cause::Nonsense) => {
                f.write_str("the server answered something that cannot be understood, after several attempts")
            }
            Failure::GaveUp(Cause::Source) => f.write_str("its address does not give it"),
            Failure::NotFetched { detail, .. } => write!(f, "it could not be fetched: {detail}"),
            Failure::Throttled => f.write_str("the server kept asking to wait"),
            Failure::KeyRefused { detail } => write!(f, "the public key is refused: {detail}"),
            Failure::CredentialRefused { detail } => write!(f, "the upload credential is refused: {detail}"),
            Failure::CredentialUnavailable { .. } => f.write_str("no upload credential could be had"),
            Failure::Refused { detail, .. } => write!(f, "the service refuses it: {detail}"),
            Failure::SizeDiffers { stored } => write!(f, "the server has {stored} bytes of it, and others were sent"),
            Failure::Lost => f.write_str("the server has lost it"),
            Failure::NotReady => f.write_str("the server did not finish its work in time"),
            Failure::PolicyRefused { detail } => write!(f, "the signer's policy refuses it: {detail}"),
            Failure::NotConfirmed { detail } => write!(f, "the signer does not confirm it: {detail}"),
        }
    }
}
