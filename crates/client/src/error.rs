//! What can go wrong, by what a caller can do about it. Holds no key and no signature.

use crate::Base;
use std::time::Duration;
use updock_types::OperationId;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service understood and said no. 401 and 403 mean that it refused our key: see [`Error::is_key_refused`].
    #[error("refused with status {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's own sentence; foreign text, to be escaped before it is shown.
        detail: String,
        /// A code of the Upload API's catalogue; empty where the service gives none.
        code: String,
    },
    /// Too many requests; nothing was done.
    #[error("throttled for {} s", wait.as_secs())]
    Throttled {
        /// When to ask again.
        wait: Duration,
    },
    /// No connection; nothing was sent, so the call may be repeated.
    #[error("cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The connection broke; whether the call was carried out is not known.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No whole answer in time; whether the call was carried out is not known.
    #[error("no answer within {} s", after.as_secs())]
    Timeout {
        /// How long we waited.
        after: Duration,
    },
    /// Nothing was sent: an agent key goes to a signer only, and only where nobody on the way can read it.
    #[error("an agent key is not sent to {from}")]
    KeyWithheld {
        /// The address that would have got it.
        from: Base,
    },
    /// The answer is larger than we take.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// An answer came, and it is not what the documentation promises: HTML, a redirect, another shape.
    #[error("an unexpected answer with status {status}: {what}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// What was wrong with it.
        what: String,
    },
}

impl Error {
    /// Did the service refuse our public or secret key?
    pub fn is_key_refused(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }

    /// Is there no such thing in this project?
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// Why a job that was waited for is not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It came to nothing. Starting it again makes a new one.
    #[error("{what}: it failed: {detail}")]
    Failed {
        /// Which operation reported it.
        what: OperationId,
        /// The service's own sentence; foreign text, to be escaped before it is shown.
        detail: String,
        /// A code of the Upload API's catalogue; empty where the service gives none.
        code: String,
    },
    /// It is not done yet, and goes on at the service.
    #[error("{what}: not done after {} s", after.as_secs())]
    NotDone {
        /// Which operation was asked.
        what: OperationId,
        /// How long we waited.
        after: Duration,
    },
    /// It could not be looked at.
    #[error(transparent)]
    Call(#[from] Error),
}
