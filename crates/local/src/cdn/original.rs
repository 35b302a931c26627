//! Originals: whole or in ranges, as they came. Source: Uploadcare CDN, originals; RFC 9110, range requests.

use super::answer::{self, Wanted, set};
use crate::{
    app::App,
    body,
    store::{FileRow, StoreError},
};
use axum::{body::Body, response::Response};
use http::{Method, StatusCode, header, request::Parts};
use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};

/// The original of a file, under the name that the path gives it; shown or saved as the path says, or else images
/// shown and everything else saved, as the service does.
pub(super) async fn serve(
    app: &App,
    row: &FileRow,
    name: Option<&str>,
    inline: Option<bool>,
    parts: &Parts,
) -> Result<Response, StoreError> {
    let etag = format!("\"{}\"", row.etag);
    if answer::none_match(&parts.headers, &etag) {
        return Ok(answer::not_modified(&etag));
    }
    let (status, range) = match answer::wanted(&parts.headers, &etag, row.size) {
        Wanted::Whole => (StatusCode::OK, 0..row.size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Impossible => return Ok(answer::impossible(row.size)),
    };
    let body = if parts.method == Method::HEAD {
        Body::empty()
    } else {
        let (blobs, file) = (app.store.blobs.clone(), row.uuid);
        let start = range.start;
        let open = move || -> io::Result<File> {
            let mut blob = blobs.read(file)?;
            blob.seek(SeekFrom::Start(start))?;
            Ok(blob)
        };
        let blob = tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??;
        body::of_file(blob, range.end - range.start)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    describe(&mut response, row, &etag);
    answer::disposition(&mut response, row, name, inline);
    set(&mut response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", range.start, range.end - 1, row.size);
        set(&mut response, header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

fn describe(response: &mut Response, row: &FileRow, etag: &str) {
    let detected = row.content_info.mime.as_ref().map_or("application/octet-stream", |mime| mime.mime.as_str());
    let declared = row.mime_type.as_str();
    let mime = if declared == "application/octet-stream" { detected } else { declared };
    set(response, header::CONTENT_TYPE, mime);
    // Files share this origin with the controls: what can hold scripts gets no say here.
    let active = |mime: &str| ["html", "svg", "xml"].iter().any(|kind| mime.contains(kind));
    if active(mime) || active(detected) {
        set(response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'");
    }
    answer::validators(response, row, etag);
    if row.placeholder {
        set(response, http::HeaderName::from_static("x-updock-placeholder"), "1");
    }
}
