//! Batches, copies, tags, metadata: what is sent to and answered by `/files/...` beyond the file itself.
//! Source: REST API v0.7, Files, File metadata, File tags.

use super::File;
use crate::FileUuid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Answer to a batch of stores or deletes. Answers 200 even when every id failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Always `ok`.
    pub status: String,
    /// The files, oldest upload first: not the order of the request.
    pub result: Vec<File>,
    /// What could not be done, by the id as it was sent.
    pub problems: BTreeMap<String, String>,
}

/// Most ids in one batch.
pub const BATCH_LIMIT: usize = 100;

/// Body of `POST /files/local_copy/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalCopy {
    /// A UUID, `UUID/-/op/.../`, or a CDN URL.
    pub source: String,
    /// Keep the copy? Temporary when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Metadata of the copy; that of the source is not inherited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Answer of `POST /files/local_copy/`: a provisional file, whose size is 0 until the copy is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalCopied {
    /// Always `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The copy.
    pub result: File,
}

/// Body of `POST /files/remote_copy/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteCopy {
    /// A UUID, `UUID/-/op/.../`, or a CDN URL.
    pub source: String,
    /// Name of a custom storage of the project.
    pub target: String,
    /// May everybody read it? The service says yes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make_public: Option<bool>,
    /// How the object is named, e.g. `${uuid}/${filename}${ext}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Answer of `POST /files/remote_copy/`: 201 when made, 200 when it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteCopied {
    /// Always `url`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is, e.g. `s3://bucket/17be4678-.../cat.jpg`.
    pub result: String,
}

/// Answer of `GET /files/{uuid}/tags/`, and body of `PUT`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// In the order they were added.
    pub tags: Vec<String>,
}

/// Body of `PATCH /files/{uuid}/tags/`. What is deleted goes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsChange {
    /// To append.
    #[serde(default)]
    pub add: Vec<String>,
    /// To take away.
    #[serde(default)]
    pub delete: Vec<String>,
}

/// Answer of `PUT` and `PATCH /files/{uuid}/tags/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsChanged {
    /// What the file has now.
    pub tags: Vec<String>,
    /// What is new, sorted.
    pub added: Vec<String>,
    /// What is gone, sorted.
    pub deleted: Vec<String>,
}

/// Facts that add-ons found, by the add-on's name. Source: REST API v0.7, Application data.
pub type Appdata = BTreeMap<String, AppdataEntry>;

/// What one add-on found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppdataEntry {
    /// Its findings; each add-on has its own shape.
    pub data: serde_json::Value,
    /// Free text; null when the add-on has none.
    pub version: Option<String>,
    /// When it first ran.
    pub datetime_created: crate::Timestamp,
    /// When it last ran.
    pub datetime_updated: crate::Timestamp,
}

/// A file of a group, as the REST API describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// CDN operations frozen at grouping, e.g. `resize/x800/`; empty if none.
    #[serde(default)]
    pub default_effects: String,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The group.
    pub id: crate::GroupId,
    /// When it was made.
    pub datetime_created: crate::Timestamp,
    /// How many members it was made of; never changes.
    pub files_count: u16,
    /// Where the CDN serves it.
    pub cdn_url: String,
    /// Where the REST API describes it.
    pub url: String,
    /// The members in order, null for one that is gone for good; only in `GET /groups/{id}/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<Option<Member>>>,
}

/// Order of a list of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupsOrdering {
    /// Oldest first; the default.
    #[default]
    #[serde(rename = "datetime_created")]
    OldestFirst,
    /// Newest first.
    #[serde(rename = "-datetime_created")]
    NewestFirst,
}

/// What `GET /groups/` can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupsQuery {
    /// 1 to 1000; 100 when absent.
    pub limit: Option<u16>,
    /// Which first.
    pub ordering: GroupsOrdering,
    /// Only rows after this point in the requested order (exclusive).
    pub from: Option<crate::Timestamp>,
    /// Only rows before this point in the requested order (exclusive); set in `previous` links.
    pub to: Option<crate::Timestamp>,
    /// Rows to skip among those that share the cursor's timestamp.
    pub offset: Option<u32>,
}

/// Ids for a batch, split by whoever sends more than [`BATCH_LIMIT`].
pub type Ids = Vec<FileUuid>;
