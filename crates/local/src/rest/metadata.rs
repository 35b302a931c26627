//! `/files/{uuid}/metadata/`: texts that a project keeps with a file. Source: REST API v0.7, File metadata.

use super::{Call, Failure, input, json, no_content};
use crate::{
    events::{Notice, Previous},
    percent,
    store::{Edited, FileRow},
};
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use updock_types::{Event, MetadataKey, MetadataKeyError, MetadataValue};

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.file(call.file()?).await?.ok_or_else(Failure::not_found)?;
    Ok(json(&row.metadata))
}

pub(super) async fn get(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.file(call.file()?).await?.ok_or_else(Failure::not_found)?;
    let key = key(&call).ok_or_else(Failure::not_found)?;
    Ok(json(row.metadata.get(&key).ok_or_else(Failure::not_found)?))
}

pub(super) async fn put(call: Call<'_>) -> Result<Response, Failure> {
    let file = call.file()?;
    let key = key(&call).unwrap_or_default();
    check_key(&key).map_err(|error| Failure::bad(sentence(&error)))?;
    // One SDK sends no body for an empty value, which is none.
    let Value::String(value) = input::value(&call)? else {
        return Err(Failure::bad("Expected a JSON string of 1 to 512 characters."));
    };
    MetadataValue::parse(&value).map_err(|error| Failure::bad(sentence(&error)))?;
    let edited = call.app.store.edit_file(file, |row| {
        let full = row.metadata.len() >= MetadataKey::MAX_KEYS && !row.metadata.contains_key(&key);
        if full {
            return Err(Failure::bad(format!("A file can have at most {} metadata keys.", MetadataKey::MAX_KEYS)));
        }
        row.metadata.insert(key.clone(), value.clone());
        Ok(())
    });
    let edited = edited.await?.ok_or_else(Failure::not_found)?;
    let mut response = json(&value);
    if !edited.before.metadata.contains_key(&key) {
        *response.status_mut() = StatusCode::CREATED;
    }
    tell(&call, edited).await;
    Ok(response)
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    let file = call.file()?;
    let key = key(&call).ok_or_else(Failure::not_found)?;
    let remove = |row: &mut FileRow| row.metadata.remove(&key).map(drop).ok_or_else(Failure::not_found);
    let edited = call.app.store.edit_file(file, remove).await?.ok_or_else(Failure::not_found)?;
    tell(&call, edited).await;
    Ok(no_content())
}

async fn tell(call: &Call<'_>, edited: Edited) {
    if edited.before != edited.after {
        let notice = Notice::by_request(Event::FileInfoUpdated, edited.after.uuid);
        call.app.tell(notice.replacing(Previous::Metadata(edited.before.metadata))).await;
    }
}

/// The key in the path: SDKs differ in what they encode.
fn key(call: &Call<'_>) -> Option<String> {
    String::from_utf8(percent::decode(call.parameters.second())).ok()
}

fn check_key(key: &str) -> Result<(), MetadataKeyError> {
    match MetadataKey::parse(key) {
        // The service takes `.` and `..`; only our own software does not.
        Ok(_) | Err(MetadataKeyError::DotSegment) => Ok(()),
        Err(error) => Err(error),
    }
}

fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

type Metadata = std::collections::BTreeMap<String, String>;

/// Metadata that comes with a copy: what fits, and the keys that were dropped.
pub(super) fn fitting(given: &serde_json::Map<String, Value>) -> (Metadata, Vec<&str>) {
    let (mut kept, mut dropped) = (Metadata::new(), Vec::new());
    for (key, value) in given {
        let value = value.as_str().filter(|value| MetadataValue::parse(value).is_ok());
        match value {
            Some(value) if check_key(key).is_ok() && kept.len() < MetadataKey::MAX_KEYS => {
                kept.insert(key.clone(), value.to_owned());
            }
            _ => dropped.push(key.as_str()),
        }
    }
    (kept, dropped)
}
