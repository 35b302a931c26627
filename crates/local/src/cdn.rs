//! The CDN's originals: `/<uuid>/` and `/<uuid>/<any name>`, whole or in ranges.
//! Source: Uploadcare CDN, originals; RFC 9110, range requests.

use crate::{
    app::App,
    store::{FileRow, StoreError},
    view,
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};
use updock_types::{FileUuid, sanitised_name};

/// Bytes read from disk at a time.
const CHUNK: usize = 256 * 1024;

/// Serves the original of a file.
pub(crate) async fn serve(app: &App, file: FileUuid, parts: &Parts) -> Response {
    match original(app, file, parts).await {
        Ok(Some(response)) => response,
        Ok(None) => text(StatusCode::NOT_FOUND, "File is not found."),
        Err(error) => {
            tracing::error!(%error, "could not serve an original");
            text(StatusCode::INTERNAL_SERVER_ERROR, "Internal error.")
        }
    }
}

/// What the CDN does not do, or not yet.
pub(crate) fn unsupported() -> Response {
    text(StatusCode::BAD_REQUEST, "This stand-in serves originals only; CDN operations are not available.")
}

fn text(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

async fn original(app: &App, file: FileUuid, parts: &Parts) -> Result<Option<Response>, StoreError> {
    let row = app.store.file(file).await?;
    let Some(row) = row.filter(|row| row.removed_at.is_none() && view::is_ready(row)) else { return Ok(None) };
    let etag = format!("\"{}\"", row.etag);
    if none_match(&parts.headers, &etag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut response, header::ETAG, &etag);
        return Ok(Some(response));
    }
    let (status, range) = match wanted(&parts.headers, &etag, row.size) {
        Wanted::Whole => (StatusCode::OK, 0..row.size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Impossible => {
            let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "");
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", row.size));
            return Ok(Some(response));
        }
    };
    let body = if parts.method == Method::HEAD {
        Body::empty()
    } else {
        let blobs = app.store.blobs.clone();
        let start = range.start;
        let open = move || -> io::Result<File> {
            let mut blob = blobs.read(file)?;
            blob.seek(SeekFrom::Start(start))?;
            Ok(blob)
        };
        let blob = tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??;
        stream_out(blob, range.end - range.start)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    describe(&mut response, &row, &etag);
    set(&mut response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", range.start, range.end - 1, row.size);
        set(&mut response, header::CONTENT_RANGE, &range);
    }
    Ok(Some(response))
}

fn describe(response: &mut Response, row: &FileRow, etag: &str) {
    let detected = row.content_info.mime.as_ref().map_or("application/octet-stream", |mime| mime.mime.as_str());
    let declared = row.mime_type.as_str();
    let mime = if declared == "application/octet-stream" { detected } else { declared };
    set(response, header::CONTENT_TYPE, mime);
    set(response, header::ETAG, etag);
    set(response, header::ACCEPT_RANGES, "bytes");
    set(response, header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    let name = sanitised_name(&row.original_filename);
    // Files share this origin with the controls: what can hold scripts gets no say here.
    let active = |mime: &str| ["html", "svg", "xml"].iter().any(|kind| mime.contains(kind));
    if active(mime) || active(detected) {
        set(response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'");
    }
    set(response, header::CONTENT_DISPOSITION, &format!("inline; filename=\"{name}\""));
    set(response, header::LAST_MODIFIED, &updock_sign::http_date(seconds(row)));
}

fn seconds(row: &FileRow) -> u64 {
    u64::try_from(row.uploaded_at.as_seconds()).unwrap_or_default()
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    // A declared type is the client's word and may be no header value at all.
    let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(name, value);
}

fn stream_out(blob: File, size: u64) -> Body {
    Body::from_stream(stream::try_unfold((blob, size), |(mut blob, left)| async move {
        if left == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = move || -> io::Result<(Bytes, File)> {
            let mut bytes = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            blob.read_exact(&mut bytes)?;
            Ok((bytes.into(), blob))
        };
        let (bytes, blob) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        let left = left - bytes.len() as u64;
        Ok(Some((bytes, (blob, left))))
    }))
}

fn none_match(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| {
        given.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Impossible,
}

/// One range of bytes; several at once, or what is no range, gets the whole, as RFC 9110 allows.
fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|given| given != etag) {
        return Wanted::Whole;
    }
    let Some(range) = text(header::RANGE).and_then(|value| value.strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = range.trim().split_once('-').filter(|_| !range.contains(',')) else {
        return Wanted::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Impossible } else { Wanted::Part(range) }
}

/// What is left of `/<uuid>/...` after the UUID; `None` for other paths.
pub(crate) fn path(path: &str) -> Option<(FileUuid, &str)> {
    let (uuid, rest) = path.strip_prefix('/')?.split_at_checked(36)?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
    Some((FileUuid::parse(uuid).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=-5", Wanted::Part(95..100)),
            ("bytes=-500", Wanted::Part(0..100)),
            ("bytes=50-500", Wanted::Part(50..100)),
            ("bytes=0-18446744073709551615", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Impossible),
            ("bytes=-0", Wanted::Impossible),
            ("bytes=9-3", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=x-", Wanted::Whole),
            ("pages=1-2", Wanted::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(wanted(&headers, "\"e\"", 100), expected, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
            assert_eq!(wanted(&headers, "\"e\"", 100), Wanted::Whole);
        }
        assert_eq!(wanted(&HeaderMap::new(), "\"e\"", 0), Wanted::Whole);
    }
}
