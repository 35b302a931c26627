//! `GET /files/`, `GET /files/{uuid}/`, `PUT` and `DELETE /files/{uuid}/storage/`.
//! Source: REST API v0.7, Files.

use super::{
    Call, Failure, json, json_bytes,
    page::{Asked, List},
};
use crate::{
    app::App,
    events::Notice,
    origin::Origins,
    store::{self, Changed, FileRow, Keeping, ListQuery},
    view,
};
use axum::response::Response;
use bytes::Bytes;
use std::time::Duration;
use updock_types::{Event, rest::File};

/// How files are written in one answer.
pub(super) struct Describe {
    origins: Origins,
    appdata: bool,
}

impl Describe {
    /// As the request asks: `include=appdata` adds what add-ons found.
    pub(super) fn of(call: &Call<'_>) -> Self {
        let mut includes = call.query().filter(|(name, _)| name == "include");
        let appdata = includes.any(|(_, value)| value.split(',').any(|item| item.trim() == "appdata"));
        Self { origins: call.origins(), appdata }
    }

    pub(super) fn file(&self, row: &FileRow) -> File {
        let mut file = view::file(row, &self.origins);
        file.appdata = self.appdata.then(|| row.appdata.clone());
        file
    }
}

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    let raw = call.parts.uri.query().unwrap_or_default();
    let describe = Describe::of(&call);
    let key = (describe.origins.own.clone(), raw.to_owned());
    let store = &call.app.store;
    if let Some(page) = call.app.kept.page(store, &key) {
        return Ok(json_bytes(page));
    }
    let edition = store.edition();
    let asked = Asked::parse(List::Files, raw)?;
    let query = ListQuery { window: asked.window.clone(), stored: asked.stored, removed: asked.removed };
    let listed = store.list_texts(&query).await?;
    let base = format!("{}/files/", describe.origins.own);
    let counts = (listed.total, Some(listed.totals));
    let mut page = asked.page(&base, &listed.stretch, counts, |row| row.uploaded_at, |_| ());
    // The rows are the last member: they are written by hand where the others end.
    page.results.clear();
    let mut body = serde_json::to_vec(&page).expect("wire types serialise");
    body.truncate(body.len() - "]}".len());
    let now = store::now().as_micros();
    let mut ready_next = i64::MAX;
    for (at, row) in listed.stretch.rows.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let ready_at = row.ready_at.as_micros();
        if ready_at > now {
            ready_next = ready_next.min(ready_at);
        }
        view::write_file(&mut body, row, &describe.origins, describe.appdata);
    }
    body.extend_from_slice(b"]}");
    let body = Bytes::from(body);
    let holds = Duration::from_micros((ready_next - now).unsigned_abs());
    call.app.kept.keep(edition, key, &body, holds);
    Ok(json_bytes(body))
}

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.file_text(call.file()?).await?.ok_or_else(Failure::not_found)?;
    let describe = Describe::of(&call);
    let mut body = Vec::with_capacity(1024);
    view::write_file(&mut body, &row, &describe.origins, describe.appdata);
    Ok(json_bytes(body))
}

pub(super) async fn store(call: Call<'_>) -> Result<Response, Failure> {
    change(call, Keeping::Store).await
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    change(call, Keeping::Remove).await
}

async fn change(call: Call<'_>, keeping: Keeping) -> Result<Response, Failure> {
    let changed = call.app.store.change_file(call.file()?, keeping).await?.ok_or_else(Failure::not_found)?;
    tell(call.app, &changed, keeping).await;
    Ok(json(&Describe::of(&call).file(&changed.row)))
}

/// Tells subscribers what was done, if anything was.
pub(super) async fn tell(app: &App, changed: &Changed, keeping: Keeping) {
    let event = match keeping {
        Keeping::Store => Event::FileStored,
        Keeping::Remove => Event::FileDeleted,
    };
    if changed.changed {
        app.tell(Notice::by_request(event, changed.row.uuid)).await;
    }
}
