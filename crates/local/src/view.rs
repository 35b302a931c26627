//! Rows as the two APIs write them.

use crate::{
    origin::Origins,
    store::{self, FileRow, FileText, GroupRow, Making},
};
use updock_types::{
    FileUuid, GroupId, VideoInfo, rest, sanitised_name,
    upload::{LegacyVideoInfo, UploadedFile, UploadedGroup},
};

/// As the Upload API describes it.
pub(crate) fn uploaded(row: &FileRow) -> UploadedFile {
    UploadedFile {
        size: row.size,
        total: row.size,
        done: row.size,
        uuid: row.uuid,
        file_id: row.uuid,
        original_filename: row.original_filename.clone(),
        is_image: row.is_image,
        is_stored: row.stored_at.is_some(),
        image_info: row.content_info.image.clone(),
        video_info: row.content_info.video.as_ref().map(legacy),
        content_info: Some(row.content_info.clone()),
        is_ready: is_ready(row),
        filename: sanitised_name(&row.original_filename),
        mime_type: row.mime_type.clone(),
        metadata: row.metadata.clone(),
        default_effects: None,
    }
}

/// Can the CDN serve it yet?
pub(crate) fn is_ready(row: &FileRow) -> bool {
    row.making != Making::Conversion && row.ready_at <= store::now()
}

fn legacy(video: &VideoInfo) -> LegacyVideoInfo {
    LegacyVideoInfo {
        duration: video.duration,
        format: video.format.clone(),
        bitrate: video.bitrate,
        audio: video.audio.first().cloned(),
        video: video.video.first().cloned(),
    }
}

/// As the Upload API describes a group.
pub(crate) fn uploaded_group(group: &GroupRow, files: &[Option<FileRow>], origins: &Origins) -> UploadedGroup {
    let members = group.members.iter().zip(files);
    let files = members.map(|(member, row)| {
        let mut file = uploaded(row.as_ref()?);
        file.default_effects = Some(member.effects.clone());
        Some(file)
    });
    UploadedGroup {
        id: group.id,
        datetime_created: group.created_at,
        datetime_stored: None,
        files_count: group.id.count(),
        cdn_url: group_cdn_url(group.id, origins),
        url: format!("{}/groups/{}/", origins.own, group.id),
        files: files.collect(),
    }
}

/// As the REST API describes it; with its files where they are given.
pub(crate) fn group(group: &GroupRow, files: Option<&[Option<FileRow>]>, origins: &Origins) -> rest::Group {
    let members = files.map(|files| {
        let members = group.members.iter().zip(files);
        let member = members.map(|(member, row)| {
            let file = file(row.as_ref()?, origins);
            Some(rest::Member { file, default_effects: member.effects.clone() })
        });
        member.collect()
    });
    rest::Group {
        id: group.id,
        datetime_created: group.created_at,
        files_count: group.id.count(),
        cdn_url: group_cdn_url(group.id, origins),
        url: format!("{}/groups/{}/", origins.own, group.id),
        files: members,
    }
}

fn group_cdn_url(group: GroupId, origins: &Origins) -> String {
    format!("{}/{group}/", origins.cdn)
}

/// As the REST API describes it.
pub(crate) fn file(row: &FileRow, origins: &Origins) -> rest::File {
    let url = || format!("{}/{}/{}", origins.cdn, row.uuid, sanitised_name(&row.original_filename));
    let whole = row.making == Making::Whole;
    rest::File {
        datetime_removed: row.removed_at,
        datetime_stored: row.stored_at,
        datetime_uploaded: row.uploaded_at,
        is_image: whole.then_some(row.is_image),
        is_ready: is_ready(row),
        mime_type: row.mime_type.clone(),
        original_file_url: (row.removed_at.is_none() && row.making != Making::Conversion).then(url),
        original_filename: row.original_filename.clone(),
        size: row.size,
        url: file_url(row.uuid, origins),
        uuid: row.uuid,
        variations: (!row.variations.is_empty()).then(|| row.variations.clone()),
        content_info: whole.then(|| row.content_info.clone()),
        metadata: row.metadata.clone(),
        tags: row.tags.clone(),
        appdata: None,
    }
}

fn file_url(file: FileUuid, origins: &Origins) -> String {
    format!("{}/files/{file}/", origins.own)
}

/// Writes what [`file`] describes, with application data where it is wanted, straight from the stored texts.
pub(crate) fn write_file(out: &mut Vec<u8>, row: &FileText, origins: &Origins, appdata: bool) {
    let whole = row.making == Making::Whole;
    let conversion = row.making == Making::Conversion;
    let shown = row.removed_at.is_none() && !conversion;
    let url = shown.then(|| format!("{}/{}/{}", origins.cdn, row.uuid, sanitised_name(&row.original_filename)));
    let mut object = Object { out, started: false };
    object.value("datetime_removed", &row.removed_at);
    object.value("datetime_stored", &row.stored_at);
    object.value("datetime_uploaded", &row.uploaded_at);
    object.value("is_image", &whole.then_some(row.is_image));
    object.value("is_ready", &(!conversion && row.ready_at <= store::now()));
    object.value("mime_type", &row.mime_type);
    object.value("original_file_url", &url);
    object.value("original_filename", &row.original_filename);
    object.value("size", &row.size);
    object.value("url", &format!("{}/files/{}/", origins.own, row.uuid));
    object.value("uuid", &row.uuid);
    object.text("variations", if row.variations == "{}" { "null" } else { &row.variations });
    object.text("content_info", if whole { &row.content_info } else { "null" });
    object.text("metadata", &row.metadata);
    object.text("tags", &row.tags);
    if appdata {
        object.text("appdata", &row.appdata);
    }
    object.out.push(b'}');
}

/// A JSON object that is being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    started: bool,
}

impl Object<'_> {
    fn value(&mut self, name: &str, value: &impl serde::Serialize) {
        self.text(name, "");
        serde_json::to_writer(&mut *self.out, value).expect("plain values serialise into memory");
    }

    /// A member whose value is JSON already.
    fn text(&mut self, name: &str, json: &str) {
        self.out.extend_from_slice(if self.started { b",\"" } else { b"{\"" });
        self.started = true;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out.extend_from_slice(json.as_bytes());
    }
}
