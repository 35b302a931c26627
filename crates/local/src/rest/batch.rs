//! `PUT` and `DELETE /files/storage/`: up to 100 files at once. Source: REST API v0.7, Batch file storing and delete.

use super::{Call, Failure, files, input, json};
use crate::store::Keeping;
use axum::response::Response;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use updock_types::{
    FileUuid,
    rest::{BATCH_LIMIT, Batch},
};

pub(super) async fn store(call: Call<'_>) -> Result<Response, Failure> {
    change(call, Keeping::Store).await
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    change(call, Keeping::Remove).await
}

async fn change(call: Call<'_>, keeping: Keeping) -> Result<Response, Failure> {
    let ids = ids(&call)?;
    let mut problems = BTreeMap::new();
    let mut wanted = BTreeMap::new();
    for id in ids {
        match FileUuid::parse(&id) {
            Ok(uuid) => _ = wanted.entry(uuid).or_insert(id), // one that is repeated counts once
            Err(_) => _ = problems.insert(id, "Invalid".to_owned()),
        }
    }
    let uuids: Vec<FileUuid> = wanted.keys().copied().collect();
    let changed = call.app.store.change_files(&uuids, keeping).await?;
    let found: BTreeSet<FileUuid> = changed.iter().map(|changed| changed.row.uuid).collect();
    let missing = wanted.into_iter().filter(|(uuid, _)| !found.contains(uuid));
    problems.extend(missing.map(|(_, id)| (id, "Missing in the project".to_owned())));
    for changed in &changed {
        files::tell(call.app, changed, keeping).await;
    }
    let describe = files::Describe::of(&call);
    let result = changed.iter().map(|changed| describe.file(&changed.row)).collect();
    Ok(json(&Batch { status: "ok".to_owned(), result, problems }))
}

/// The ids as they were sent.
fn ids(call: &Call<'_>) -> Result<Vec<String>, Failure> {
    let no_list = || Failure::bad("Expected list of UUIDs");
    let Value::Array(items) = input::value(call)? else { return Err(no_list()) };
    match items.len() {
        0 => Err(Failure::bad("List of UUIDs can not be empty")),
        1..=BATCH_LIMIT => items
            .into_iter()
            .map(|item| match item {
                Value::String(id) => Ok(id),
                _ => Err(no_list()),
            })
            .collect(),
        _ => Err(Failure::bad(format!("Maximum UUIDs per request is exceeded. The limit is {BATCH_LIMIT}"))),
    }
}
