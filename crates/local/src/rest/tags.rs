//! `/files/{uuid}/tags/`: read, replaced, changed. Source: REST API v0.7, File tags.

use super::{Call, Failure, input, json};
use crate::{
    events::{Notice, Previous},
    store::FileRow,
};
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value};
use updock_types::{
    Event, Tag, TagError,
    rest::{Tags, TagsChanged},
};

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.file(call.file()?).await?;
    let row = row.filter(|row| row.removed_at.is_none()).ok_or_else(Failure::not_found)?;
    Ok(json(&Tags { tags: row.tags }))
}

pub(super) async fn replace(call: Call<'_>) -> Result<Response, Failure> {
    let body = body(&call)?;
    let tags = tags(&body, "tags")?.ok_or_else(|| Failure::field("tags", "This field is required."))?;
    edit(&call, |_| tags).await
}

/// What is deleted goes first; what stays keeps its place.
pub(super) async fn update(call: Call<'_>) -> Result<Response, Failure> {
    let body = body(&call)?;
    let add = tags(&body, "add")?.unwrap_or_default();
    let delete = tags(&body, "delete")?.unwrap_or_default();
    edit(&call, |mut tags| {
        tags.retain(|tag| !delete.contains(tag));
        for tag in add {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    })
    .await
}

async fn edit(call: &Call<'_>, new: impl FnOnce(Vec<String>) -> Vec<String>) -> Result<Response, Failure> {
    let edited = call.app.store.edit_file(call.file()?, |row: &mut FileRow| {
        if row.removed_at.is_some() {
            return Err(Failure::not_found());
        }
        let tags = new(row.tags.clone());
        if tags.len() > Tag::MAX_TAGS {
            return Err(Failure::field("tags", format!("Too many tags: {} (max {}).", tags.len(), Tag::MAX_TAGS)));
        }
        // The same tags in another order are the same tags.
        if tags.len() != row.tags.len() || tags.iter().any(|tag| !row.tags.contains(tag)) {
            row.tags = tags;
        }
        Ok(())
    });
    let edited = edited.await?.ok_or_else(Failure::not_found)?;
    let (before, after) = (edited.before.tags, edited.after.tags);
    let only = |these: &[String], those: &[String]| {
        let mut only: Vec<String> = these.iter().filter(|tag| !those.contains(tag)).cloned().collect();
        only.sort_unstable();
        only
    };
    let (added, deleted) = (only(&after, &before), only(&before, &after));
    if before != after {
        let notice = Notice::by_request(Event::FileInfoUpdated, edited.after.uuid);
        call.app.tell(notice.replacing(Previous::Tags)).await;
    }
    Ok(json(&TagsChanged { tags: after, added, deleted }))
}

/// The body, which must call itself JSON or nothing.
fn body(call: &Call<'_>) -> Result<Map<String, Value>, Failure> {
    let label = call.parts.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    if let Some(label) = label {
        let kind = label.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !kind.ends_with("+json") {
            let text = format!("Unsupported media type \"{label}\" in request.");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
    }
    input::object(call)
}

/// The list of tags of that name, normalised and checked; `None` where it is not given.
fn tags(body: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, Failure> {
    let given = match body.get(name) {
        None => return Ok(None),
        Some(Value::Array(given)) => given,
        Some(_) => return Err(Failure::field(name, "Expected a list of strings.")),
    };
    let mut tags: Vec<String> = Vec::new();
    for item in given {
        let text = item.as_str().ok_or_else(|| Failure::field(name, "Expected a list of strings."))?;
        match Tag::parse(text) {
            Ok(tag) if !tags.iter().any(|have| have == tag.as_str()) => tags.push(tag.as_str().to_owned()),
            Ok(_) | Err(TagError::Length { characters: 0 }) => {}
            Err(TagError::Length { .. }) => {
                return Err(Failure::field(name, format!("A tag can have at most {} characters.", Tag::MAX_LEN)));
            }
            Err(TagError::Character) => {
                let text = text.trim().to_lowercase();
                return Err(Failure::field(name, format!("Tag contains forbidden characters: {text}.")));
            }
        }
    }
    Ok(Some(tags))
}
