//! Conversions and add-ons: what is sent, and how far it is. Source: REST API v0.7, Conversion, Add-ons.

use crate::{AddonRequestId, ConversionToken, FileUuid, GroupId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Body of `POST /convert/document/` and `POST /convert/video/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// `<uuid>/document/-/format/pdf/` and the like.
    pub paths: Vec<String>,
    /// Keep the results? The project's setting when absent. `"1"` or `"0"` on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Documents only: group the pages of a conversion to images as well. `"1"` or `"0"` on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_in_group: Option<String>,
}

/// Answer to a conversion request: 200 even when every path failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converting {
    /// The jobs that started.
    pub result: Vec<ConversionJob>,
    /// What could not start, by the path as it was sent.
    pub problems: BTreeMap<String, String>,
}

/// A conversion that started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionJob {
    /// The path, exactly as it was sent.
    pub original_source: String,
    /// Names the job.
    pub token: ConversionToken,
    /// The file that will be; it exists at once, not ready.
    pub uuid: FileUuid,
    /// Videos only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails_group_uuid: Option<GroupId>,
}

/// How far a conversion is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionStatus {
    /// Where it stands.
    pub status: ConversionState,
    /// Why it failed.
    pub error: Option<String>,
    /// What comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ConversionResult>,
}

/// Where a conversion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the service")]
pub enum ConversionState {
    Pending,
    Processing,
    Finished,
    Failed,
    #[serde(alias = "canceled")]
    Cancelled,
}

/// What comes of a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionResult {
    /// The file.
    pub uuid: FileUuid,
    /// Videos only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails_group_uuid: Option<GroupId>,
}

/// Answer of `GET /convert/document/{uuid}/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentInfo {
    /// Why the document cannot be converted.
    pub error: Option<String>,
    /// What it is, and what can be made of it.
    pub format: Option<DocumentFormat>,
}

/// A document's format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFormat {
    /// `pdf`, `docx`, ...
    pub name: String,
    /// What can be made of it.
    pub conversion_formats: Vec<NamedFormat>,
    /// Groups of pages that were made of it, by format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub converted_groups: BTreeMap<String, GroupId>,
}

/// A format by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFormat {
    /// `jpg`, ...
    pub name: String,
}

/// The add-ons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Addon {
    /// AWS Rekognition: what is in a picture.
    #[serde(rename = "aws_rekognition_detect_labels")]
    Labels,
    /// AWS Rekognition: what may offend.
    #[serde(rename = "aws_rekognition_detect_moderation_labels")]
    Moderation,
    /// `ClamAV`.
    #[serde(rename = "uc_clamav_virus_scan")]
    VirusScan,
    /// remove.bg.
    #[serde(rename = "remove_bg")]
    RemoveBg,
}

impl Addon {
    /// Every add-on.
    pub const ALL: &[Self] = &[Self::Labels, Self::Moderation, Self::VirusScan, Self::RemoveBg];

    /// The name in paths and in application data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Labels => "aws_rekognition_detect_labels",
            Self::Moderation => "aws_rekognition_detect_moderation_labels",
            Self::VirusScan => "uc_clamav_virus_scan",
            Self::RemoveBg => "remove_bg",
        }
    }
}

impl fmt::Display for Addon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Body of `POST /addons/{name}/execute/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonExecute {
    /// On which file.
    pub target: FileUuid,
    /// How; each add-on has its own.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// Answer of `POST /addons/{name}/execute/`: accepted, not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonStarted {
    /// Names the run.
    pub request_id: AddonRequestId,
}

/// Answer of `GET /addons/{name}/execute/status/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonStatus {
    /// Where it stands.
    pub status: AddonState,
    /// remove.bg only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<AddonResult>,
    /// Why it failed, where the service says so. Sent by the service, not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<AddonTrouble>,
}

/// Why a run of an add-on failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonTrouble {
    /// `unknown_foreground`, ...
    pub code: String,
    /// One sentence.
    pub title: String,
}

/// Where a run of an add-on stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddonState {
    /// Not done yet.
    InProgress,
    /// Done; the findings are in the file's application data.
    Done,
    /// It failed.
    Error,
    /// It never was, has expired, or is too fresh to be seen.
    Unknown,
}

/// What remove.bg made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddonResult {
    /// A new file.
    pub file_id: FileUuid,
}
