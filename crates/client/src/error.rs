//! What can go wrong, by what a caller can do about it. Holds no key and no signature.

use std::time::Duration;

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
}
