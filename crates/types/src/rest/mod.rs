//! Objects of the REST API v0.7.

mod files;
mod jobs;
mod search;
mod webhooks;

pub use files::{
    Appdata, AppdataEntry, BATCH_LIMIT, Batch, Group, GroupsOrdering, GroupsQuery, Ids, LocalCopied, LocalCopy, Member,
    RemoteCopied, RemoteCopy, Tags, TagsChange, TagsChanged,
};
pub use jobs::{
    Addon, AddonExecute, AddonResult, AddonStarted, AddonState, AddonStatus, AddonTrouble, Conversion, ConversionJob,
    ConversionResult, ConversionState, ConversionStatus, Converting, DocumentFormat, DocumentInfo, NamedFormat,
};
pub use search::{Between, Found, Highlight, Phrase, Search, SearchPage, SearchSort, SearchTags};
pub use webhooks::{
    Delivery, DeliveryHook, Initiator, InitiatorDetail, InitiatorKind, NewWebhook, PreviousValues, Unsubscribe,
    Webhook, WebhookChange,
};

use crate::{ContentInfo, FileUuid, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `Accept` value and the `Content-Type` of answers; never with a parameter. Source: REST API v0.7, Versioning.
pub const MEDIA_TYPE: &str = "application/vnd.uploadcare-v0.7+json";

/// A file, in the order the service writes its members. Source: REST API v0.7, File.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// When it was removed.
    pub datetime_removed: Option<Timestamp>,
    /// When it was stored; null while it is temporary, and again once removed.
    pub datetime_stored: Option<Timestamp>,
    /// When it was uploaded.
    pub datetime_uploaded: Timestamp,
    /// Null while not analysed.
    pub is_image: Option<bool>,
    /// False while it is assembled or converted.
    pub is_ready: bool,
    /// The declared media type.
    pub mime_type: String,
    /// Where the CDN serves it; null once removed.
    pub original_file_url: Option<String>,
    /// The name as it was given.
    pub original_filename: String,
    /// Bytes.
    pub size: u64,
    /// Where the REST API describes it.
    pub url: String,
    /// The file.
    pub uuid: FileUuid,
    /// Results of conversions.
    pub variations: Option<BTreeMap<String, FileUuid>>,
    /// What was found in the bytes; null while not analysed.
    pub content_info: Option<ContentInfo>,
    /// Metadata; `{}` when there is none.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Tags; `[]` when there are none.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What add-ons found; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appdata: Option<Appdata>,
}

/// One page of a cursor list, in the order the service writes it. Source: REST API v0.7, Pagination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Absolute URL of the next page.
    pub next: Option<String>,
    /// Absolute URL of the page before.
    pub previous: Option<String>,
    /// How many there are; a counter of the service, not exact, at times negative.
    pub total: i64,
    /// Totals of the project; files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
    /// The limit that was applied.
    pub per_page: u16,
    /// The rows.
    pub results: Vec<T>,
}

/// Totals of a project, whatever was asked for. May be negative on real traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Totals {
    pub removed: i64,
    pub stored: i64,
    pub unstored: i64,
}

/// A project. Source: REST API v0.7, Project info.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Who may work on it; hidden from callers without full access.
    pub collaborators: Option<Vec<Collaborator>>,
    /// Its name.
    pub name: String,
    /// Its public key.
    pub pub_key: PublicKey,
    /// Are uploads stored unless they say otherwise?
    pub autostore_enabled: bool,
}

/// A person with access to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Collaborator {
    pub name: String,
    pub email: String,
}

/// The usual error body of the REST API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// One English sentence.
    pub detail: String,
}

/// Order of a list of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilesOrdering {
    /// Oldest first; the default.
    #[default]
    #[serde(rename = "datetime_uploaded")]
    OldestFirst,
    /// Newest first.
    #[serde(rename = "-datetime_uploaded")]
    NewestFirst,
}

/// What `GET /files/` can be asked. Source: REST API v0.7, List of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesQuery {
    /// 1 to 1000; 100 when absent.
    pub limit: Option<u16>,
    /// Which first.
    pub ordering: FilesOrdering,
    /// Only rows after this point in the requested order (exclusive).
    pub from: Option<Timestamp>,
    /// Only rows before this point in the requested order (exclusive); set in `previous` links.
    pub to: Option<Timestamp>,
    /// Rows to skip among those that share the cursor's timestamp.
    pub offset: Option<u32>,
    /// Only stored, only temporary, or both.
    pub stored: Option<bool>,
    /// Removed files instead of the others.
    pub removed: bool,
    /// Also what add-ons found.
    pub appdata: bool,
}
