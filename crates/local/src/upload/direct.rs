//! `POST /base/`: several files in one request. Source: Upload API, Direct upload.

use super::{
    Call, Failure, check_key,
    credential::{self, Demand},
    describe, form, json, metadata, stores,
};
use crate::{
    events::Notice,
    store::{NewFile, StoreError},
};
use axum::response::Response;
use serde::{Serialize, Serializer, ser::SerializeMap};
use updock_types::{ContentInfo, ErrorCode, Event, FileUuid, OperationId};

pub(super) async fn upload(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let spooling = form::Spooling {
        blobs: &app.store.blobs,
        lose_after: call.effect.keep_bytes,
        full_after: call.effect.disk_full_after,
    };
    let (params, sent) = form::read(call.parts, call.body, Some(spooling)).await?;
    check_key(app, &params, "UPLOADCARE_PUB_KEY")?;
    let path = OperationId::UploadDirect.row().path;
    let charge = credential::check(app, call.parts, &params, path, Demand::Uploads(sent.len())).await?;
    params.check_characters()?;
    let metadata = metadata::metadata(&params)?;
    let tags = metadata::tags(&params)?;
    if sent.is_empty() {
        return Err(ErrorCode::FilesRequiredError.error(&[]).into());
    }
    if sent.iter().any(|file| file.size > app.config.max_file_size) {
        return Err(ErrorCode::FileSizeLimitExceededError.error(&[]).into());
    }
    if sent.iter().any(|file| file.name.contains('\0') || file.field.contains('\0')) {
        return Err(ErrorCode::NullCharactersForbiddenError.error(&[]).into());
    }

    let mut files = Vec::with_capacity(sent.len());
    let mut answer = Answer::default();
    let mut spools = Vec::with_capacity(sent.len());
    for file in sent {
        answer.insert(file.field, file.uuid);
        let blob = file.spool.path().to_owned();
        spools.push(file.spool);
        let file = NewFile {
            uuid: file.uuid,
            original_filename: file.name,
            mime_type: file.mime_type,
            size: file.size,
            etag: crate::hex(&file.md5),
            stored: stores(app, &params, "UPLOADCARE_STORE"),
            ready_after: call.effect.ready_delay.unwrap_or(app.config.ready_delay),
            is_image: false,
            content_info: ContentInfo::default(),
            metadata: metadata.clone(),
            tags: tags.clone(),
        };
        files.push(describe(app, file, blob).await?);
    }
    // In a task of its own: a client that goes away now must not stop half-way what may be committed already.
    let app = app.clone();
    let committed = tokio::spawn(async move {
        app.store.add_files(&files, charge.as_ref()).await?;
        spools.into_iter().for_each(crate::store::Spool::keep);
        for file in &files {
            // Also of a file that is stored from the start: whether `file.stored` follows then is not known, and a
            // temporary file that becomes stored is what that event is for.
            app.tell(Notice::by_request(Event::FileUploaded, file.uuid)).await;
        }
        Ok::<_, StoreError>(())
    });
    committed.await.map_err(std::io::Error::other)??;
    Ok(json(&answer))
}

/// UUIDs by form field, in the order they came; the last of those that share a field.
#[derive(Default)]
struct Answer(Vec<(String, FileUuid)>);

impl Answer {
    fn insert(&mut self, field: String, uuid: FileUuid) {
        match self.0.iter_mut().find(|(have, _)| *have == field) {
            Some((_, last)) => *last = uuid,
            None => self.0.push((field, uuid)),
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, uuid) in &self.0 {
            map.serialize_entry(field, uuid)?;
        }
        map.end()
    }
}
