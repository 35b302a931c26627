//! The Upload API: files in, directly, in parts or from a URL; groups; image derivatives.
//!
//! [`Uploader`] holds a project's public key and how upload credentials are come by. Single calls are in `calls.rs`;
//! uploads of whole files, which survive what goes wrong, are driven by `updock-engine` in `driver.rs`.

mod call;
mod calls;
mod credentials;
mod driver;
mod form;
mod journal;
mod outcome;
mod source;

pub use call::{
    Derivative, DerivativeStarted, DerivativeStatus, DirectUpload, FromUrl, FromUrlStarted, FromUrlStatus, ImageSource,
    MultipartStart, UploadCall,
};
pub use credentials::Credentials;
pub use driver::{Changes, Control, Upload, UploadOptions};
pub use journal::state_folder;
pub use outcome::{Outcome, UploadError, Uploaded};
pub use source::Source;
pub use updock_engine::FileOptions;

use crate::Base;
use crate::http::{Http, connections};
use crate::retry::Retry;
use std::sync::Arc;
use std::time::Duration;
use updock_types::PublicKey;

/// A client of the Upload API for one project. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Uploader(Arc<Inner>);

struct Inner {
    http: Http,
    settings: UploaderBuilder,
}

/// Settings of an [`Uploader`].
#[derive(Debug, Clone)]
pub struct UploaderBuilder {
    base: Base,
    public_key: PublicKey,
    credentials: Credentials,
    connect_timeout: Duration,
    answer_timeout: Duration,
    answer_limit: usize,
    retry: Retry,
}

impl UploaderBuilder {
    /// Where the Upload API is served; `https://upload.uploadcare.com/` otherwise.
    #[must_use]
    pub fn base(mut self, base: Base) -> Self {
        self.base = base;
        self
    }

    /// How upload credentials are come by; [`Credentials::None`] otherwise.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// How long connecting may take; 5 s otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an attempt of a single call may take from start to last byte; a minute otherwise. Uploads of whole
    /// files know their own limits: they may take as long as something moves.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// How often to try a single call again; [`Retry::NEVER`] otherwise. Uploads of whole files have their own rules.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The client. Connects only when asked something.
    pub fn build(self) -> Uploader {
        Uploader(Arc::new(Inner { http: connections(self.connect_timeout), settings: self }))
    }
}

impl Uploader {
    /// Settings for uploads to the project `public_key`.
    pub fn builder(public_key: PublicKey) -> UploaderBuilder {
        UploaderBuilder {
            base: Base::uploadcare_upload(),
            public_key,
            credentials: Credentials::None,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_mins(1),
            // The start of a multipart upload answers up to 10 000 signed URLs.
            answer_limit: 16 * 1024 * 1024,
            retry: Retry::NEVER,
        }
    }
}
