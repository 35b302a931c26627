//! The operation table: one row for each operation of the Upload API and the REST API.
//!
//! Everything that would otherwise be written five times reads it: the client's methods, the gateway's router and its
//! authorisation tests, the stand-in's router, the docs. To add an endpoint is to add a row, its types, and the
//! stand-in's behaviour. Sources: Upload API reference; REST API v0.7 reference.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An HTTP method that the two APIs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// `GET`, `POST`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the two APIs an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// Opened by the public key and, if the project wants it, an upload credential.
    Upload,
    /// Opened by the secret key.
    Rest,
}

/// What an operation touches; grants are given per area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the two APIs")]
pub enum Area {
    Files,
    Metadata,
    Groups,
    Uploads,
    Conversion,
    Addons,
    Webhooks,
    Project,
    /// The signer's own: its audit log.
    Audit,
    /// The signer's own: its keys and its policy.
    Admin,
}

impl Area {
    /// Every area.
    pub const ALL: &[Self] = &[
        Self::Files,
        Self::Metadata,
        Self::Groups,
        Self::Uploads,
        Self::Conversion,
        Self::Addons,
        Self::Webhooks,
        Self::Project,
        Self::Audit,
        Self::Admin,
    ];

    /// The name in policies and sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Metadata => "metadata",
            Self::Groups => "groups",
            Self::Uploads => "uploads",
            Self::Conversion => "conversion",
            Self::Addons => "addons",
            Self::Webhooks => "webhooks",
            Self::Project => "project",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a caller may do in an area. Ordered: each level includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing. The default.
    #[default]
    Off,
    /// No change upstream.
    Read,
    /// Additive or repeatable change.
    Write,
    /// Also what cannot be undone, sends data out, or changes security settings.
    Full,
}

impl Level {
    /// The name in policies and sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Read => "read",
            Self::Write => "write",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// May a request be sent again when nobody knows whether it arrived?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Yes: the state is the same after one and after several.
    Safe,
    /// No: each makes something new, or the second is refused.
    Unsafe,
}

/// What an operation may add to the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// An ordinary API call.
    None,
    /// Adds stored bytes.
    Storage,
    /// Metered processing, and often a stored result.
    Processing,
}

/// A webhook event that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub enum Event {
    #[serde(rename = "file.uploaded")]
    FileUploaded,
    #[serde(rename = "file.stored")]
    FileStored,
    #[serde(rename = "file.deleted")]
    FileDeleted,
    #[serde(rename = "file.infected")]
    FileInfected,
    #[serde(rename = "file.info_updated")]
    FileInfoUpdated,
}

impl Event {
    /// Every event.
    pub const ALL: &[Self] =
        &[Self::FileUploaded, Self::FileStored, Self::FileDeleted, Self::FileInfected, Self::FileInfoUpdated];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileUploaded => "file.uploaded",
            Self::FileStored => "file.stored",
            Self::FileDeleted => "file.deleted",
            Self::FileInfected => "file.infected",
            Self::FileInfoUpdated => "file.info_updated",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What must not reach a caller who has only read access to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Redaction {
    /// Nothing to hide.
    None,
    /// Names and e-mail addresses of collaborators.
    Collaborators,
    /// The secret that signs webhooks.
    SigningSecret,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Its stable id.
    pub id: OperationId,
    /// Which API.
    pub api: Api,
    /// HTTP method.
    pub method: Method,
    /// Path template; `{uuid}` and the like are typed parameters.
    pub path: &'static str,
    /// What it touches.
    pub area: Area,
    /// The least level that allows it.
    pub level: Level,
    /// May it be repeated blindly?
    pub repeat: Repeat,
    /// What it may cost.
    pub cost: Cost,
    /// Most ids in one request; `None` when it takes no list.
    pub batch_limit: Option<u16>,
    /// The event that follows success.
    pub event: Option<Event>,
    /// What to hide in the answer.
    pub redact: Redaction,
    /// What it does, to follow "asked to": `read a file's facts`.
    pub words: &'static str,
    /// Where it is documented.
    pub source: &'static str,
}

macro_rules! operations {
    ($($id:ident $name:literal: $api:ident $method:ident $path:literal, $area:ident $level:ident,
       $repeat:ident, $cost:ident, $batch:expr, $event:expr, $redact:ident, $words:literal, $source:literal;)*) => {
        /// Names an operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is described by its row")]
        pub enum OperationId { $($id,)* }

        impl OperationId {
            /// The id in policies and logs, e.g. `files.list`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$id => $name,)* }
            }
        }

        /// The table.
        pub const OPERATIONS: &[Operation] = &[$(Operation {
            id: OperationId::$id,
            api: Api::$api,
            method: Method::$method,
            path: $path,
            area: Area::$area,
            level: Level::$level,
            repeat: Repeat::$repeat,
            cost: Cost::$cost,
            batch_limit: $batch,
            event: $event,
            redact: Redaction::$redact,
            words: $words,
            source: $source,
        },)*];
    };
}

operations! {
    UploadDirect "uploads.direct": Upload Post "/base/", Uploads Write,
        Unsafe, Storage, None, Some(Event::FileUploaded), None, "upload a file", "Upload API, Direct upload";
    MultipartStart "uploads.multipart_start": Upload Post "/multipart/start/", Uploads Write,
        Unsafe, None, None, None, None, "start a multipart upload", "Upload API, Start multipart upload";
    MultipartComplete "uploads.multipart_complete": Upload Post "/multipart/complete/", Uploads Write,
        Unsafe, Storage, None, Some(Event::FileUploaded), None, "complete a multipart upload", "Upload API, Complete multipart upload";
    FromUrl "uploads.from_url": Upload Post "/from_url/", Uploads Write,
        Unsafe, Storage, None, Some(Event::FileUploaded), None, "upload a file from a URL", "Upload API, Upload from URL";
    FromUrlStatus "uploads.from_url_status": Upload Get "/from_url/status/", Uploads Read,
        Safe, None, None, None, None, "read how far an upload from a URL is", "Upload API, Upload from URL status";
    UploadInfo "uploads.info": Upload Get "/info/", Uploads Read,
        Safe, None, None, None, None, "read an uploaded file's facts", "Upload API, File info";
    GroupCreate "groups.create": Upload Post "/group/", Groups Write,
        Unsafe, None, Some(1000), None, None, "create a group of files", "Upload API, Create group";
    UploadGroupInfo "groups.upload_info": Upload Get "/group/info/", Groups Read,
        Safe, None, None, None, None, "read a group's facts", "Upload API, Group info";
    ImageGenerate "conversion.image_generate": Upload Post "/derivative/image/generate/", Conversion Write,
        Unsafe, Processing, None, Some(Event::FileUploaded), None, "generate an image from words", "Upload API, AI image derivatives";
    ImageEdit "conversion.image_edit": Upload Post "/derivative/image/edit/", Conversion Write,
        Unsafe, Processing, None, Some(Event::FileUploaded), None, "edit an image by words", "Upload API, AI image derivatives";
    DerivativeStatus "conversion.derivative_status": Upload Get "/derivative/status/", Conversion Read,
        Safe, None, None, None, None, "read how far an image derivative is", "Upload API, AI image derivatives";
    FilesList "files.list": Rest Get "/files/", Files Read,
        Safe, None, None, None, None, "list files", "REST API v0.7, List of files";
    FilesSearch "files.search": Rest Post "/files/search/", Files Read,
        Safe, None, None, None, None, "search files", "REST API v0.7, File search";
    FileInfo "files.info": Rest Get "/files/{uuid}/", Files Read,
        Safe, None, None, None, None, "read the facts of file", "REST API v0.7, File info";
    FileStore "files.store": Rest Put "/files/{uuid}/storage/", Files Write,
        Safe, Storage, None, Some(Event::FileStored), None, "store file", "REST API v0.7, Store file";
    FileDelete "files.delete": Rest Delete "/files/{uuid}/storage/", Files Full,
        Safe, None, None, Some(Event::FileDeleted), None, "delete file", "REST API v0.7, Delete file";
    FilesStore "files.store_batch": Rest Put "/files/storage/", Files Write,
        Safe, Storage, Some(100), Some(Event::FileStored), None, "store files", "REST API v0.7, Batch file storing";
    FilesDelete "files.delete_batch": Rest Delete "/files/storage/", Files Full,
        Safe, None, Some(100), Some(Event::FileDeleted), None, "delete files", "REST API v0.7, Batch file delete";
    FileLocalCopy "files.local_copy": Rest Post "/files/local_copy/", Files Write,
        Unsafe, Storage, None, Some(Event::FileUploaded), None, "copy within the project file", "REST API v0.7, Copy file to local storage";
    FileRemoteCopy "files.remote_copy": Rest Post "/files/remote_copy/", Files Full,
        Safe, Storage, None, None, None, "copy out to a custom storage file", "REST API v0.7, Copy file to remote storage";
    FileTags "files.tags": Rest Get "/files/{uuid}/tags/", Files Read,
        Safe, None, None, None, None, "read the tags of file", "REST API v0.7, File tags";
    FileTagsReplace "files.tags_replace": Rest Put "/files/{uuid}/tags/", Files Write,
        Safe, None, None, Some(Event::FileInfoUpdated), None, "replace the tags of file", "REST API v0.7, File tags";
    FileTagsUpdate "files.tags_update": Rest Patch "/files/{uuid}/tags/", Files Write,
        Safe, None, None, Some(Event::FileInfoUpdated), None, "change the tags of file", "REST API v0.7, File tags";
    MetadataList "metadata.list": Rest Get "/files/{uuid}/metadata/", Metadata Read,
        Safe, None, None, None, None, "read the metadata of file", "REST API v0.7, File metadata";
    MetadataGet "metadata.get": Rest Get "/files/{uuid}/metadata/{key}/", Metadata Read,
        Safe, None, None, None, None, "read a metadata value of file", "REST API v0.7, File metadata";
    MetadataPut "metadata.put": Rest Put "/files/{uuid}/metadata/{key}/", Metadata Write,
        Safe, None, None, Some(Event::FileInfoUpdated), None, "set a metadata value of file", "REST API v0.7, File metadata";
    MetadataDelete "metadata.delete": Rest Delete "/files/{uuid}/metadata/{key}/", Metadata Write,
        Safe, None, None, Some(Event::FileInfoUpdated), None, "delete a metadata value of file", "REST API v0.7, File metadata";
    GroupsList "groups.list": Rest Get "/groups/", Groups Read,
        Safe, None, None, None, None, "list groups", "REST API v0.7, List of groups";
    GroupInfo "groups.info": Rest Get "/groups/{group}/", Groups Read,
        Safe, None, None, None, None, "read the facts of group", "REST API v0.7, Group info";
    GroupDelete "groups.delete": Rest Delete "/groups/{group}/", Groups Full,
        Safe, None, None, None, None, "delete group", "REST API v0.7, Delete group";
    DocumentInfo "conversion.document_info": Rest Get "/convert/document/{uuid}/", Conversion Read,
        Safe, None, None, None, None, "read the formats that can be made of file", "REST API v0.7, Document info";
    DocumentConvert "conversion.document": Rest Post "/convert/document/", Conversion Write,
        Unsafe, Processing, None, Some(Event::FileUploaded), None, "convert documents", "REST API v0.7, Convert document";
    DocumentStatus "conversion.document_status": Rest Get "/convert/document/status/{token}/", Conversion Read,
        Safe, None, None, None, None, "read how far document conversion", "REST API v0.7, Document conversion job status";
    VideoConvert "conversion.video": Rest Post "/convert/video/", Conversion Write,
        Unsafe, Processing, None, Some(Event::FileUploaded), None, "convert videos", "REST API v0.7, Convert video";
    VideoStatus "conversion.video_status": Rest Get "/convert/video/status/{token}/", Conversion Read,
        Safe, None, None, None, None, "read how far video conversion", "REST API v0.7, Video conversion job status";
    LabelsExecute "addons.labels": Rest Post "/addons/aws_rekognition_detect_labels/execute/", Addons Write,
        Unsafe, Processing, None, Some(Event::FileInfoUpdated), None, "detect labels in file", "REST API v0.7, Add-ons";
    LabelsStatus "addons.labels_status": Rest Get "/addons/aws_rekognition_detect_labels/execute/status/", Addons Read,
        Safe, None, None, None, None, "read how far an add-on is: labels", "REST API v0.7, Add-ons";
    ModerationExecute "addons.moderation": Rest Post "/addons/aws_rekognition_detect_moderation_labels/execute/", Addons Write,
        Unsafe, Processing, None, Some(Event::FileInfoUpdated), None, "detect moderation labels in file", "REST API v0.7, Add-ons";
    ModerationStatus "addons.moderation_status": Rest Get "/addons/aws_rekognition_detect_moderation_labels/execute/status/", Addons Read,
        Safe, None, None, None, None, "read how far an add-on is: moderation", "REST API v0.7, Add-ons";
    VirusScanExecute "addons.virus_scan": Rest Post "/addons/uc_clamav_virus_scan/execute/", Addons Write,
        Unsafe, Processing, None, Some(Event::FileInfoUpdated), None, "scan for viruses file", "REST API v0.7, Add-ons";
    VirusScanStatus "addons.virus_scan_status": Rest Get "/addons/uc_clamav_virus_scan/execute/status/", Addons Read,
        Safe, None, None, None, None, "read how far an add-on is: virus scan", "REST API v0.7, Add-ons";
    RemoveBgExecute "addons.remove_bg": Rest Post "/addons/remove_bg/execute/", Addons Write,
        Unsafe, Processing, None, Some(Event::FileInfoUpdated), None, "remove the background of file", "REST API v0.7, Add-ons";
    RemoveBgStatus "addons.remove_bg_status": Rest Get "/addons/remove_bg/execute/status/", Addons Read,
        Safe, None, None, None, None, "read how far an add-on is: remove bg", "REST API v0.7, Add-ons";
    WebhooksList "webhooks.list": Rest Get "/webhooks/", Webhooks Read,
        Safe, None, None, None, SigningSecret, "list webhooks", "REST API v0.7, List of webhooks";
    WebhookCreate "webhooks.create": Rest Post "/webhooks/", Webhooks Full,
        Unsafe, None, None, None, SigningSecret, "create a webhook", "REST API v0.7, Create webhook";
    WebhookUnsubscribe "webhooks.unsubscribe": Rest Delete "/webhooks/unsubscribe/", Webhooks Full,
        Safe, None, None, None, None, "delete all webhooks of a target", "REST API v0.7, Delete webhook";
    WebhookInfo "webhooks.info": Rest Get "/webhooks/{id}/", Webhooks Read,
        Safe, None, None, None, SigningSecret, "read webhook", "REST API v0.7, Webhook (served, not published)";
    WebhookUpdate "webhooks.update": Rest Put "/webhooks/{id}/", Webhooks Full,
        Safe, None, None, None, SigningSecret, "change webhook", "REST API v0.7, Update webhook";
    WebhookDelete "webhooks.delete": Rest Delete "/webhooks/{id}/", Webhooks Full,
        Safe, None, None, None, None, "delete webhook", "REST API v0.7, Webhook (served, not published)";
    ProjectInfo "project.info": Rest Get "/project/", Project Read,
        Safe, None, None, None, Collaborators, "read the project's facts", "REST API v0.7, Project info";
}

impl OperationId {
    /// Its row.
    pub const fn row(self) -> &'static Operation {
        // The table is written in the order of the enum; a test holds it.
        &OPERATIONS[self as usize]
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_finds_its_own_row() {
        for operation in OPERATIONS {
            assert_eq!(operation.id.row().id, operation.id);
        }
    }

    #[test]
    fn rows_are_distinct_and_paths_are_whole() {
        for (at, one) in OPERATIONS.iter().enumerate() {
            assert!(one.path.starts_with('/') && one.path.ends_with('/'), "{}", one.path);
            assert!(one.level > Level::Off, "{} would be open to all", one.id);
            for other in &OPERATIONS[at + 1..] {
                assert_ne!((one.method, one.path), (other.method, other.path));
                assert_ne!(one.id.as_str(), other.id.as_str());
            }
        }
    }

    #[test]
    fn a_read_changes_nothing() {
        for operation in OPERATIONS.iter().filter(|row| row.level == Level::Read) {
            assert_eq!((operation.event, operation.cost), (None, Cost::None), "{}", operation.id);
            // A search is a question with a body.
            let asks = operation.method == Method::Get || operation.id == OperationId::FilesSearch;
            assert!(asks, "{}", operation.id);
        }
    }
}
