//! What answers of the CDN share: validators, ranges, names, and sentences for people.
//! Source: RFC 9110, conditional and range requests; RFC 6266, Content-Disposition.

use crate::{percent, store::FileRow};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{borrow::Cow, ops::Range};
use updock_types::sanitised_name;

/// A sentence.
pub(super) fn text(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Response {
    let body = match body.into() {
        Cow::Borrowed(body) => Body::from(body),
        Cow::Owned(body) => Body::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// There is no such file, or no longer.
pub(super) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "File is not found.")
}

/// The client has it already.
pub(super) fn not_modified(etag: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    set(&mut response, header::ETAG, etag);
    response
}

/// The range lies behind the end.
pub(super) fn impossible(size: u64) -> Response {
    let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "");
    set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

/// Sends what is in memory, whole or in a range.
pub(super) fn bytes(parts: &Parts, etag: &str, bytes: Vec<u8>) -> Response {
    let size = bytes.len() as u64;
    let whole = Bytes::from(bytes);
    let (status, body) = match wanted(&parts.headers, etag, size) {
        Wanted::Whole => (StatusCode::OK, whole),
        Wanted::Part(range) => {
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(whole.len()));
            (StatusCode::PARTIAL_CONTENT, whole.slice(start..end))
        }
        Wanted::Impossible => return impossible(size),
    };
    let length = body.len();
    let mut response = Response::new(if parts.method == Method::HEAD { Body::empty() } else { Body::from(body) });
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT
        && let Wanted::Part(range) = wanted(&parts.headers, etag, size)
    {
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    response
}

/// JSON, as the service indents it not.
pub(super) fn json(parts: &Parts, value: &serde_json::Value) -> Response {
    let body = value.to_string();
    let length = body.len();
    let mut response = Response::new(if parts.method == Method::HEAD { Body::empty() } else { Body::from(body) });
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    response
}

/// `ETag` and what else lets a client keep the answer: a file never changes.
pub(super) fn validators(response: &mut Response, row: &FileRow, etag: &str) {
    set(response, header::ETAG, etag);
    set(response, header::ACCEPT_RANGES, "bytes");
    set(response, header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    let uploaded = u64::try_from(row.uploaded_at.as_seconds()).unwrap_or_default();
    set(response, header::LAST_MODIFIED, &updock_sign::http_date(uploaded));
}

/// Under which name, and shown or saved.
pub(super) fn disposition(response: &mut Response, row: &FileRow, name: Option<&str>, inline: Option<bool>) {
    let name = name.unwrap_or(&row.original_filename);
    let plain = sanitised_name(name);
    let kind = if inline.unwrap_or(row.is_image) { "inline" } else { "attachment" };
    let mut value = format!("{kind}; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        value.push_str(&percent::encode(name));
    }
    set(response, header::CONTENT_DISPOSITION, &value);
}

pub(super) fn set(response: &mut Response, name: HeaderName, value: &str) {
    // A declared type is the client's word and may be no header value at all.
    let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(name, value);
}

/// Does the client name what it has already?
pub(super) fn none_match(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| {
        given.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    })
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Range<u64>),
    Impossible,
}

/// One range of bytes; several at once, or what is no range, gets the whole, as RFC 9110 allows.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
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
