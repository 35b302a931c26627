//! `POST /files/local_copy/` and `POST /files/remote_copy/`.
//! Source: REST API v0.7, Copy file to local storage, Copy file to remote storage.
//!
//! A local copy is announced and answered at once and made afterwards, as the service does; what is to be made is
//! remembered first, so that a crash loses none.

use super::{
    Call, Failure,
    files::Describe,
    input, json, metadata,
    source::{Naming, Source},
};
use crate::{
    app::App,
    cdn::{self, Applied},
    events::Notice,
    make::{self, NewMade},
    remote::{Content, Object},
    store::{CopyRow, FileRow, Making, StoreError},
    view,
};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use std::io;
use updock_types::{
    Event,
    rest::{LocalCopied, RemoteCopied},
};

/// Largest file that is copied: 5 GB, and 100 MB where operations are applied on the way.
const MAX_SIZE: u64 = 5_000_000_000;
const MAX_WORKED_SIZE: u64 = 100_000_000;

pub(super) async fn local(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let body = input::object(&call)?;
    let source = source(&call, &body)?;
    let store = match input::given(&body, "store") {
        None => false,
        Some(store) => {
            input::flag(store).ok_or_else(|| Failure::bad("`store` parameter should be `true` or `false`."))?
        }
    };
    let empty = Map::new();
    let given = match input::given(&body, "metadata") {
        None => &empty,
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(Failure::bad("`metadata` parameter should be an object of strings.")),
    };
    let (metadata, dropped) = metadata::fitting(given);
    let row = file(&call, &source).await?;
    let applied = apply(app, &row, &source.effects).await.map_err(Failure::bad)?;

    let new = NewMade {
        name: row.original_filename.clone(),
        mime_type: "application/octet-stream".to_owned(),
        stored: store,
        metadata,
    };
    let announced = app.announce_file(new, Making::Copy).await?;
    let copy = CopyRow { file: announced.uuid, source: row.uuid, effects: source.effects };
    app.store.add_copy(&copy).await?;
    let result = Describe::of(&call).file(&announced);
    let location = HeaderValue::try_from(result.url.as_str());
    let mut response = json(&LocalCopied { kind: "file".to_owned(), result });
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if !dropped.is_empty() {
        response.headers_mut().insert(header::WARNING, warning(&dropped));
    }
    tokio::spawn(make(app.clone(), copy, applied));
    Ok(response)
}

/// The source with its operations applied; `None` where there are none.
async fn apply(app: &App, row: &FileRow, effects: &str) -> Result<Option<Applied>, String> {
    if effects.is_empty() { Ok(None) } else { cdn::apply(app, row, effects).await.map(Some) }
}

/// Keys that were dropped are named as far as a header can.
fn warning(dropped: &[&str]) -> HeaderValue {
    let keys: Vec<String> =
        dropped.iter().take(10).map(|key| key.chars().take(64).flat_map(char::escape_default).collect()).collect();
    let text = format!("199 Miscellaneous warning: Invalid metadata was ignored: {}", keys.join(", "));
    HeaderValue::try_from(text)
        .unwrap_or(HeaderValue::from_static("199 Miscellaneous warning: Invalid metadata was ignored"))
}

/// Takes up the copies that were not made before the last stop.
pub(crate) async fn resume(app: &App) -> Result<(), StoreError> {
    for copy in app.store.copies().await? {
        tracing::info!(file = %copy.file, "copying taken up again");
        tokio::spawn(make(app.clone(), copy, None));
    }
    Ok(())
}

async fn make(app: App, copy: CopyRow, applied: Option<Applied>) {
    tokio::time::sleep(app.config.ready_delay).await;
    match fill(&app, &copy, applied).await {
        Ok(true) => app.tell(Notice::by_request(Event::FileUploaded, copy.file).from_source(copy.source)).await,
        Ok(false) => {}
        Err(error) => tracing::error!(file = %copy.file, %error, "could not copy"),
    }
}

async fn fill(app: &App, copy: &CopyRow, applied: Option<Applied>) -> Result<bool, StoreError> {
    let Some(source) = app.store.file(copy.source).await? else {
        // Purged meanwhile: nothing is left to copy.
        app.store.purge_file(copy.file).await?;
        return Ok(false);
    };
    let applied = match applied {
        Some(applied) => Some(applied),
        // Applied before the last stop, so it works again.
        None => apply(app, &source, &copy.effects).await.map_err(io::Error::other)?,
    };
    let filled = match applied {
        Some(Applied { name, mime_type, bytes }) => {
            app.fill_file(copy.file, name, mime_type.to_owned(), make::Source::Bytes(bytes.into())).await?
        }
        None => {
            let (name, mime_type) = (source.original_filename.clone(), source.mime_type.clone());
            app.fill_file(copy.file, name, mime_type, make::Source::CopyOf(Box::new(source))).await?
        }
    };
    app.store.drop_copy(copy.file).await?;
    Ok(filled.is_some())
}

pub(super) async fn remote(call: Call<'_>) -> Result<Response, Failure> {
    let body = input::object(&call)?;
    let source = source(&call, &body)?;
    let text = |name: &str| match input::given(&body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Failure::bad(format!("`{name}` parameter should be a string."))),
    };
    let target = text("target")?.ok_or_else(|| Failure::bad("`target` parameter is required."))?;
    let public = match input::given(&body, "make_public") {
        None => true,
        Some(public) => {
            input::flag(public).ok_or_else(|| Failure::bad("`make_public` parameter should be `true` or `false`."))?
        }
    };
    let storage = call.app.config.remote_storages.iter().find(|storage| storage.name == target);
    let storage = storage.ok_or_else(|| Failure::bad("Project has no storage with provided name."))?;
    let pattern = text("pattern")?.or(storage.pattern.as_deref()).unwrap_or("${default}");
    let row = file(&call, &source).await?;
    let applied = apply(call.app, &row, &source.effects).await.map_err(Failure::bad)?;
    let name = applied.as_ref().map_or(&row.original_filename, |applied| &applied.name);
    let key = Naming { file: row.uuid, original_filename: name, effects: &source.effects }.fill(pattern)?;
    let mime_type = applied.as_ref().map_or(row.mime_type.as_str(), |applied| applied.mime_type);
    let content = match applied {
        Some(applied) => Content::Bytes(applied.bytes.into()),
        None => Content::Blob(call.app.store.blobs.clone(), row.uuid, row.size),
    };
    let object = Object { content, mime_type, key: &key, public };
    let created = storage.put(object).await.map_err(|error| {
        tracing::error!(storage = storage.name, %error, "could not copy to a storage");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The storage is unavailable.")
    })?;
    let mut response = json(&RemoteCopied { kind: "url".to_owned(), result: storage.url(&key) });
    if created {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

fn source(call: &Call<'_>, body: &Map<String, Value>) -> Result<Source, Failure> {
    let given = input::given(body, "source").ok_or_else(|| Failure::bad("`source` parameter is required."))?;
    let source = given.as_str().and_then(|text| Source::parse(text, &call.origins()));
    source.ok_or_else(|| Failure::bad("Bad `source` parameter. Use UUID or CDN URL."))
}

/// The source's row, if it can be copied.
async fn file(call: &Call<'_>, source: &Source) -> Result<FileRow, Failure> {
    let row = call.app.store.file(source.file).await?;
    let row = row.filter(|row| row.removed_at.is_none()).ok_or_else(Failure::not_found)?;
    if row.making != Making::Whole || !view::is_ready(&row) {
        return Err(Failure::bad("File is not ready yet."));
    }
    let limit = if source.effects.is_empty() { MAX_SIZE } else { MAX_WORKED_SIZE };
    if row.size > limit {
        return Err(Failure::bad("Copying of large files is not supported at the moment."));
    }
    Ok(row)
}
