//! What `POST /files/search/` is asked and answers. Source: REST API v0.7, File search.

use super::File;
use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Conditions, all of which must hold. At least one is needed; `fuzziness` and `sort` are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Found in the file name, a metadata value or the detected media type; at least 4 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Ordered words, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<Phrase>,
    /// Exact values by field: `uuid`, `detected_mime_type`, `original_filename`, `metadata[<key>]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exact: BTreeMap<String, Vec<String>>,
    /// When it was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datetime_uploaded: Option<Between<Timestamp>>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Between<u64>>,
    /// Only images, or everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_image: Option<bool>,
    /// By tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<SearchTags>,
    /// Tolerate a slip in `query` and `phrase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuzziness: Option<bool>,
    /// 1 to 4 distinct keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<SearchSort>,
}

/// Ordered full-text by field; each at least 4 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub struct Phrase {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_mime_type: Option<String>,
}

/// Bounds; at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub struct Between<T> {
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub gt: Option<T>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub gte: Option<T>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub lt: Option<T>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub lte: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

/// Tags that a file has: any of these, all of these, none of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub struct SearchTags {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<String>,
}

/// A key of order; `-` turns it round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub enum SearchSort {
    #[serde(rename = "score")]
    Score,
    #[serde(rename = "-score")]
    ScoreDescending,
    #[serde(rename = "datetime_uploaded")]
    Uploaded,
    #[serde(rename = "-datetime_uploaded")]
    UploadedDescending,
    #[serde(rename = "size")]
    Size,
    #[serde(rename = "-size")]
    SizeDescending,
    #[serde(rename = "original_filename")]
    Name,
    #[serde(rename = "-original_filename")]
    NameDescending,
}

/// What the query of `POST /files/search/` can say. `offset + limit` is at most 1000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// 1 to 100; 20 when absent.
    pub limit: Option<u16>,
    /// How many to skip.
    pub offset: Option<u16>,
    /// Also what add-ons found.
    pub appdata: bool,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// Where the words were found, hits wrapped in `<em>`.
    #[serde(default)]
    pub highlight: Highlight,
}

/// Fragments with hits; what was not matched is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub struct Highlight {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub original_filename: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detected_mime_type: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
