//! Rows as the two APIs write them.

use crate::{
    origin::Origins,
    store::{self, FileRow, GroupRow, Making},
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
