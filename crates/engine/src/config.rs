//! Settings.

use updock_types::{PublicKey, policy::UploadPolicy};

/// How the engine uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The project.
    pub public_key: PublicKey,
    /// Root of the Upload API, without a final slash.
    pub upload_base: String,
    /// Where credentials come from.
    pub credentials: CredentialSource,
    /// The signer's confirmation endpoint. With it, a file is done when the signer says so.
    pub confirm_url: Option<String>,
    /// What may be uploaded.
    pub policy: UploadPolicy,
    /// Are files kept?
    pub store: Store,
    /// When does an added file go?
    pub start: Start,
    /// What comes after the last file?
    pub when_done: WhenDone,
    /// Files of this size and more travel in parts; never below what the API allows.
    pub multipart_from: u64,
    /// Most requests in flight. Parts of files, which go to a host of their own, take three quarters of them.
    pub budget: u8,
    /// How many of them are used.
    pub pacing: Pacing,
}

impl Config {
    /// Sensible settings for a project on Uploadcare itself, without credentials.
    pub fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            upload_base: "https://upload.uploadcare.com".to_owned(),
            credentials: CredentialSource::None,
            confirm_url: None,
            policy: UploadPolicy::default(),
            store: Store::Auto,
            start: Start::AtOnce,
            when_done: WhenDone::Nothing,
            // The official SDKs' own threshold: below it one request costs less than start, parts and complete.
            multipart_from: 25 * 1024 * 1024,
            // Six parts, because a browser opens six connections to a host that speaks HTTP/1.1, as storage does; and
            // two more for what goes to the API, so that neither a small file nor a completion waits behind a part.
            budget: 8,
            pacing: Pacing::Adaptive,
        }
    }
}

/// How many requests go at a time, within the budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pacing {
    /// As many as pay, by what is measured.
    #[default]
    Adaptive,
    /// Few: a person saves data, and what fails halfway is sent twice.
    Saver,
    /// So many, whatever is measured.
    Steady(u8),
}

/// Where upload credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// The project takes uploads without.
    None,
    /// `POST` to this URL, as the signer answers.
    Url(String),
    /// The page has its own function.
    Page,
}

/// Are uploaded files kept beyond 24 hours?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Store {
    /// As the project is set.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No; something else (the signer) stores them.
    Never,
}

/// What comes once all files of the list are there?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenDone {
    /// Nothing.
    #[default]
    Nothing,
    /// A group of them, in the order of the list; another one when the list has changed. See
    /// [`crate::Engine::group`]. With the feature `full`.
    #[cfg(feature = "full")]
    Group,
}

/// When does an added file go?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// As soon as it can.
    #[default]
    AtOnce,
    /// On [`crate::Command::Start`].
    OnCommand,
}
