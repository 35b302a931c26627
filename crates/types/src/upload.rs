//! Objects of the Upload API.

use crate::{AudioStream, ContentInfo, FileUuid, GroupId, ImageInfo, Timestamp, VideoStream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts about an uploaded file, in the order the service writes them. Answer of `GET /info/` and
/// `POST /multipart/complete/`, and a group's members. Source: Upload API, File info.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadedFile {
    /// Bytes.
    pub size: u64,
    /// Bytes; equal to `size`.
    pub total: u64,
    /// Bytes; equal to `size`.
    pub done: u64,
    /// The file.
    pub uuid: FileUuid,
    /// Equal to `uuid`.
    pub file_id: FileUuid,
    /// The name as it was given.
    pub original_filename: String,
    /// Is it an image the service can work on?
    pub is_image: bool,
    /// Is it kept beyond 24 hours?
    pub is_stored: bool,
    /// Facts of an image; null for everything else.
    pub image_info: Option<ImageInfo>,
    /// Facts of a video in the legacy shape; null for everything else.
    pub video_info: Option<LegacyVideoInfo>,
    /// What was found in the bytes.
    #[serde(default)]
    pub content_info: Option<ContentInfo>,
    /// Can the CDN serve it yet?
    pub is_ready: bool,
    /// The sanitised name, see [`crate::sanitised_name`].
    pub filename: String,
    /// The declared media type.
    pub mime_type: String,
    /// Metadata; `{}` when there is none.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// CDN operations frozen at grouping; members of groups only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_effects: Option<String>,
}

/// Answer of `POST /multipart/start/`. Source: Upload API, Start multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultipartStarted {
    /// The file that will be.
    pub uuid: FileUuid,
    /// One URL a part, in the order of parts, good for 24 hours.
    pub parts: Vec<String>,
}

/// A group of files as the Upload API describes it. Source: Upload API, Create group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadedGroup {
    /// The group.
    pub id: GroupId,
    /// When it was made.
    pub datetime_created: Timestamp,
    /// Deprecated by the service; null.
    pub datetime_stored: Option<Timestamp>,
    /// How many members it was made of.
    pub files_count: u16,
    /// Where the CDN serves it.
    pub cdn_url: String,
    /// Where the REST API describes it.
    pub url: String,
    /// The members in order; null for one that was deleted since.
    pub files: Vec<Option<UploadedFile>>,
}

/// Facts of a video in the legacy shape of `video_info`: single streams. Source: Upload API, File info.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegacyVideoInfo {
    /// Milliseconds.
    pub duration: Option<u64>,
    /// `mp4`, ...
    pub format: String,
    /// Kilobits per second.
    pub bitrate: Option<u64>,
    /// The sound stream.
    pub audio: Option<AudioStream>,
    /// The picture stream.
    pub video: Option<VideoStream>,
}

/// Limits of the Upload API. Source: Upload API, Limits.
pub mod limits {
    /// Smallest file that multipart takes, bytes.
    pub const MULTIPART_MIN_SIZE: u64 = 10_000_000;
    /// Largest file that one direct request takes, bytes.
    pub const DIRECT_MAX_SIZE: u64 = 100_000_000;
    /// Smallest part but the last, and the default, bytes.
    pub const PART_MIN_SIZE: u64 = 5_242_880;
    /// Largest part, bytes.
    pub const PART_MAX_SIZE: u64 = 5_368_709_120;
    /// Most parts of one upload.
    pub const MAX_PARTS: u64 = 10_000;
    /// Life of a part URL, seconds.
    pub const PART_URL_SECONDS: u64 = 86_400;
    /// Largest file, bytes (5 TB; a project's own limit may be lower).
    pub const MAX_FILE_SIZE: u64 = 5_497_558_138_880;
    /// Longest life of an upload credential, seconds.
    pub const CREDENTIAL_MAX_SECONDS: u64 = 86_400;
}
