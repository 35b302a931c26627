//! `GET /files/`, `GET /files/{uuid}/`, `PUT` and `DELETE /files/{uuid}/storage/`.
//! Source: REST API v0.7, Files.

use super::{Call, Failure, json, page};
use crate::{store::FileRow, view};
use axum::response::Response;
use updock_types::{
    FileUuid,
    rest::{File, Page},
};

/// The file, with what add-ons found where `include=appdata` asks for it.
pub(super) fn describe(call: &Call<'_>, row: &FileRow) -> File {
    let query = call.parts.uri.query().unwrap_or_default();
    let mut includes = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "include");
    let wanted = includes.any(|(_, value)| value.split(',').any(|item| item.trim() == "appdata"));
    let mut file = view::file(row, &call.origins());
    file.appdata = wanted.then(|| row.appdata.clone());
    file
}

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    let asked = page::Asked::parse(call.parts.uri.query().unwrap_or_default())?;
    let listed = call.app.store.list(&asked.query).await?;
    let base = format!("{}/files/", call.origins().own);
    let next = listed.files.last().filter(|_| listed.more_after);
    let previous = listed.files.first().filter(|_| listed.more_before);
    Ok(json(&Page {
        next: next.map(|row| asked.next(&base, row.uploaded_at)),
        previous: previous.map(|row| asked.previous(&base, row.uploaded_at)),
        total: listed.total,
        totals: Some(listed.totals),
        per_page: asked.query.limit,
        results: listed.files.iter().map(|row| describe(&call, row)).collect(),
    }))
}

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.file(file(&call)?).await?;
    found(&call, row)
}

pub(super) async fn store(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.keep_file(file(&call)?).await?;
    found(&call, row)
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    let row = call.app.store.remove_file(file(&call)?).await?;
    found(&call, row)
}

/// What is no UUID names no file either: 404, not 400.
fn file(call: &Call<'_>) -> Result<FileUuid, Failure> {
    FileUuid::parse(call.parameters.first()).map_err(|_| Failure::not_found())
}

fn found(call: &Call<'_>, row: Option<FileRow>) -> Result<Response, Failure> {
    let row = row.ok_or_else(Failure::not_found)?;
    Ok(json(&describe(call, &row)))
}
