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
    /// Files of this size and more travel in parts; never below what the API allows.
    pub multipart_from: u64,
    /// Most requests in flight.
    pub budget: u8,
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
            // The official SDKs' own threshold: below it one request costs less than start, parts and complete.
            multipart_from: 25 * 1024 * 1024,
            budget: 6,
        }
    }
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

/// When does an added file go?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// As soon as it can.
    #[default]
    AtOnce,
    /// On [`crate::Command::Start`].
    OnCommand,
}
