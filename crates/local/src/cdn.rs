//! The CDN: originals, images made to measure, facts of images, and groups.
//!
//! A path is read whole before anything else happens, so that a mistake in it is told at once and costs nothing. What
//! is computed is computed on blocking threads, a few at a time, and kept by the [`Workshop`].
//! Sources: Uploadcare URL API; RFC 9110.

mod answer;
mod cache;
mod group;
mod operations;
mod original;
mod transform;
mod workshop;

pub(crate) use operations::Request;
pub(crate) use workshop::Workshop;

use crate::{
    app::App,
    store::{FileRow, StoreError},
    view,
};
use answer::{not_found, set, text};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header, request::Parts};
use operations::Operation;
use serde_json::json;
use transform::Output;
use updock_types::{FileUuid, GroupId};

/// Serves `/<uuid>/...`, `/<group>/` and `/<group>/nth/<i>/...`.
pub(crate) async fn serve(app: &App, parts: &Parts) -> Response {
    answered(app, parts).await.unwrap_or_else(|error| {
        tracing::error!(%error, "could not serve a file");
        text(StatusCode::INTERNAL_SERVER_ERROR, "Internal error.")
    })
}

async fn answered(app: &App, parts: &Parts) -> Result<Response, StoreError> {
    let whole = parts.uri.path();
    if let Some((file, rest)) = path(whole) {
        return match Request::parse(rest) {
            Ok(request) => file_answer(app, file, &request, parts).await,
            Err(refused) => Ok(refuse(&refused)),
        };
    }
    let (id, rest) =
        whole.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or((whole.trim_start_matches('/'), ""));
    let Ok(id) = GroupId::parse(id) else {
        return Ok(text(StatusCode::NOT_FOUND, "Group is not found."));
    };
    let Some(group) = app.store.group(id).await? else {
        return Ok(text(StatusCode::NOT_FOUND, "Group is not found."));
    };
    match rest.strip_prefix("nth/") {
        Some(nth) => {
            let (index, rest) = nth.split_once('/').unwrap_or((nth, ""));
            let Some(member) = index.parse().ok().and_then(|index: usize| group.members.get(index)) else {
                return Ok(not_found());
            };
            // What was frozen at grouping comes first.
            let frozen = if member.effects.is_empty() { String::new() } else { format!("-/{}", member.effects) };
            match Request::parse(&format!("{frozen}{rest}")) {
                Ok(request) => file_answer(app, member.file, &request, parts).await,
                Err(refused) => Ok(refuse(&refused)),
            }
        }
        None if rest.is_empty() => Ok(group::page(&group, &app.store.members(&group).await?)),
        None => Ok(text(
            StatusCode::BAD_REQUEST,
            "Behind a group's id stands nothing, or nth/<i>/ with the number of a file, the first being 0. Archives and \
             galleries are not available in this stand-in.",
        )),
    }
}

fn refuse(refused: &impl std::fmt::Display) -> Response {
    text(StatusCode::BAD_REQUEST, refused.to_string())
}

async fn file_answer(app: &App, file: FileUuid, request: &Request, parts: &Parts) -> Result<Response, StoreError> {
    let row = app.store.file(file).await?;
    let Some(row) = row.filter(|row| row.removed_at.is_none() && view::is_ready(row)) else { return Ok(not_found()) };
    let (mut inline, mut images) = (None, Vec::new());
    let (mut facts, mut colours) = (false, None);
    for operation in &request.operations {
        match *operation {
            Operation::Inline(choice) => inline = Some(choice),
            Operation::Json => facts = true,
            Operation::MainColors(count) => colours = Some(count),
            image => images.push(image),
        }
    }
    let name = request.name.as_deref();
    if facts {
        return Ok(answer::json(parts, &image_facts(&row)));
    }
    if images.is_empty() && colours.is_none() {
        return original::serve(app, &row, name, inline, parts).await;
    }
    let detected = row.content_info.mime.as_ref().map_or("", |mime| mime.mime.as_str());
    if detected == "image/svg+xml" && colours.is_none() {
        // Vectors fit any size; the service leaves them as they are, but for their attributes.
        return original::serve(app, &row, name, inline, parts).await;
    }
    if !detected.starts_with("image/") {
        return Ok(refuse(&"The file is no image; image operations are for images only."));
    }
    if let Some(count) = colours {
        return Ok(match app.workshop.main_colours(&app.store.blobs, &row, images, count).await {
            Ok(colours) => answer::json(parts, &json!({ "id": row.uuid, "main_colors": colours })),
            Err(error) => failed(&error),
        });
    }
    transformed(app, &row, images, name, inline, parts).await
}

async fn transformed(
    app: &App,
    row: &FileRow,
    operations: Vec<Operation>,
    name: Option<&str>,
    inline: Option<bool>,
    parts: &Parts,
) -> Result<Response, StoreError> {
    let output = Output::of(&operations);
    let webp = output.varies() && takes_webp(&parts.headers);
    let order = workshop::Order::new(row, operations, webp);
    let etag = format!("\"{}\"", order.key());
    if answer::none_match(&parts.headers, &etag) {
        return Ok(answer::not_modified(&etag));
    }
    let (format, bytes) = match app.workshop.make(&app.store.blobs, row, order).await {
        Ok(made) => made,
        Err(error) => return Ok(failed(&error)),
    };
    let mut response = answer::bytes(parts, &etag, bytes);
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(response);
    }
    set(&mut response, header::CONTENT_TYPE, format.media_type());
    if output.varies() {
        set(&mut response, header::VARY, "Accept");
    }
    answer::validators(&mut response, row, &etag);
    let fallback = renamed(&row.original_filename, format.extension());
    answer::disposition(&mut response, row, Some(name.unwrap_or(&fallback)), Some(inline.unwrap_or(true)));
    Ok(response)
}

/// A file with operations applied, as copies want it. The error is a sentence for whoever asked.
pub(crate) async fn apply(app: &App, row: &FileRow, effects: &str) -> Result<Applied, String> {
    let request = Request::parse(&format!("-/{effects}")).map_err(|refused| refused.to_string())?;
    let mut operations = request.operations;
    operations.retain(|operation| !matches!(operation, Operation::Inline(_)));
    let tells = operations.iter().any(|operation| matches!(operation, Operation::Json | Operation::MainColors(_)));
    if tells || !row.is_image {
        return Err("Operations can be applied to images only, and must result in one.".to_owned());
    }
    let order = workshop::Order::new(row, operations, false);
    let made = app.workshop.make(&app.store.blobs, row, order).await;
    let (format, bytes) = made.map_err(|error| error.to_string())?;
    Ok(Applied { name: renamed(&row.original_filename, format.extension()), mime_type: format.media_type(), bytes })
}

/// What came of [`apply`].
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) name: String,
    pub(crate) mime_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// `cat.heic`, made a JPEG, is saved as `cat.jpg`.
fn renamed(original: &str, extension: &str) -> String {
    let stem = original.rsplit_once('.').map_or(original, |(stem, _)| stem);
    format!("{}.{extension}", if stem.is_empty() { "image" } else { stem })
}

fn failed(error: &workshop::WorkError) -> Response {
    match error {
        workshop::WorkError::Transform(refused) => refuse(refused),
        workshop::WorkError::TooHeavy => refuse(error),
        workshop::WorkError::Panicked => {
            tracing::error!("a picture could not be computed");
            refuse(error)
        }
    }
}

/// Is WebP named in `Accept`, and not ruled out?
fn takes_webp(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| {
        value.split(',').any(|range| {
            let mut range = range.split(';').map(str::trim);
            range.next() == Some("image/webp")
                && !range.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00"))
        })
    })
}

/// As `-/json/` tells them; only the id where the file is no image.
fn image_facts(row: &FileRow) -> serde_json::Value {
    let mut facts = row.content_info.image.as_ref().map_or(json!({}), |image| json!(image));
    facts["id"] = json!(row.uuid);
    facts
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
    use http::HeaderValue;

    #[test]
    fn webp_counts_as_accepted_when_it_is_named() {
        for (accept, expected) in [
            ("image/avif,image/webp,image/apng,*/*;q=0.8", true),
            ("image/webp;q=0.5", true),
            ("image/webp;q=0", false),
            ("*/*", false),
            ("image/*", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(takes_webp(&headers), expected, "{accept}");
        }
        assert!(!takes_webp(&HeaderMap::new()));
    }
}
