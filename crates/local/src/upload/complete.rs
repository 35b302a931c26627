//! `POST /multipart/complete/`. Source: Upload API, Complete multipart upload.
//!
//! When every part lies in its place, nothing is copied: the blob is whole already.

use super::{
    Call, Failure, check_key,
    credential::{self, Demand},
    describe, form, json,
};
use crate::{
    app::App,
    events::Notice,
    store::{NewFile, PartRow, Spool, UploadRow, blobs},
    view,
};
use axum::response::Response;
use blobs::Stretch;
use md5::{Digest, Md5};
use std::{fs, io, path::Path, time::Duration};
use updock_types::{ContentInfo, ErrorCode, Event, FileUuid, OperationId, upload::limits};

pub(super) async fn complete(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let (params, _) = form::read(call.parts, call.body, None).await?;
    check_key(app, &params, "UPLOADCARE_PUB_KEY")?;
    credential::check(app, call.parts, &params, OperationId::MultipartComplete.row().path, Demand::Nothing).await?;
    params.check_characters()?;
    let uuid = params.get("uuid").ok_or_else(|| ErrorCode::MultipartFileIdRequiredError.error(&[]))?;
    let uuid = FileUuid::parse(uuid).map_err(|_| ErrorCode::UUIDInvalidError.error(&[]))?;

    let (claim, busy) = loop {
        match app.store.claims.complete(uuid) {
            Some(claimed) => break claimed,
            // Another request completes it; whether it succeeds decides what to say to this one.
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let Some(upload) = app.store.upload(uuid).await? else {
        let known = app.store.file(uuid).await?.is_some();
        let code =
            if known { ErrorCode::MultipartFileAlreadyUploadedError } else { ErrorCode::MultipartFileNotFoundError };
        return Err(code.error(&[]).into());
    };
    let parts = app.store.parts(uuid).await?;
    check_sizes(&upload, &parts)?;

    let etag = etag(&parts);
    // From here on a client that goes away changes nothing: what is begun is ended.
    let (effect, app) = (call.effect.clone(), app.clone());
    let done = tokio::spawn(async move {
        let _claim = claim;
        let stretches = stretches(&app, &upload, &parts);
        let gathering = app.store.blobs.gathering(uuid);
        let remade = Spool::new(app.store.blobs.remade(uuid));
        let (announced, keep) = (upload.clone(), effect.keep_bytes);
        let (size, blob, remade) = tokio::task::spawn_blocking(move || -> io::Result<_> {
            let in_place = gather(&announced, &parts, &stretches, &gathering, remade.path(), busy)?;
            let blob = if in_place { gathering } else { remade.path().to_owned() };
            let size = keep.unwrap_or(u64::MAX).min(announced.size);
            if size < announced.size {
                fs::OpenOptions::new().write(true).open(&blob)?.set_len(size)?;
            }
            Ok((size, blob, remade))
        })
        .await
        .map_err(io::Error::other)??;
        let file = NewFile {
            uuid,
            original_filename: upload.original_filename,
            mime_type: upload.mime_type,
            size,
            etag,
            stored: upload.stored,
            ready_after: effect.ready_delay.unwrap_or(app.config.ready_delay),
            is_image: false,
            content_info: ContentInfo::default(),
            metadata: upload.metadata,
            tags: upload.tags,
        };
        let file = describe(&app, file, blob).await?;
        if !app.store.finish_upload(&file).await? {
            return Err(ErrorCode::MultipartFileNotFoundError.error(&[]).into());
        }
        remade.keep();
        app.tell(Notice::by_request(Event::FileUploaded, uuid)).await;
        let row = app.store.file(uuid).await?;
        row.ok_or_else(|| Failure::from(ErrorCode::MultipartFileNotFoundError.error(&[])))
    });
    let row = done.await.map_err(io::Error::other)??;
    Ok(json(&view::uploaded(&row)))
}

fn check_sizes(upload: &UploadRow, parts: &[PartRow]) -> Result<(), Failure> {
    let sum: u64 = parts.iter().map(|part| part.size).sum();
    let code = match sum.cmp(&upload.size) {
        std::cmp::Ordering::Less => ErrorCode::MultipartUploadSizeTooSmallError,
        std::cmp::Ordering::Greater => ErrorCode::MultipartUploadSizeTooLargeError,
        std::cmp::Ordering::Equal => {
            let all_but_last = &parts[..parts.len().saturating_sub(1)];
            if all_but_last.iter().all(|part| part.size >= limits::PART_MIN_SIZE) {
                return Ok(());
            }
            ErrorCode::MultipartFileCompletionFailedError
        }
    };
    Err(code.error(&[]).into())
}

/// The storage's `ETag` of an object made of parts: the MD5 of their MD5s, and their number.
fn etag(parts: &[PartRow]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part.md5);
    }
    format!("{}-{}", crate::hex(&md5.finalize()), parts.len())
}

fn stretches(app: &App, upload: &UploadRow, parts: &[PartRow]) -> Vec<Stretch> {
    let stretch = |part: &PartRow| match &part.side {
        Some(side) => Stretch { path: app.store.blobs.incoming(side), offset: 0, size: part.size },
        None => Stretch {
            path: app.store.blobs.gathering(upload.uuid),
            offset: u64::from(part.number - 1) * upload.part_size,
            size: part.size,
        },
    };
    parts.iter().map(stretch).collect()
}

/// Makes the file whole: in its own blob where the parts lie as announced (then true), else in a new one.
fn gather(
    upload: &UploadRow,
    parts: &[PartRow],
    stretches: &[Stretch],
    blob: &Path,
    remade: &Path,
    busy: bool,
) -> io::Result<bool> {
    let as_announced = parts.len() as u64 == upload.parts()
        && parts.iter().zip(1..).all(|(part, number)| {
            part.number == number && upload.place(number).is_some_and(|(_, size)| size == part.size)
        });
    // Somebody who still writes into the blob must not be able to reach the file.
    if !as_announced || busy {
        blobs::assemble(stretches, remade)?;
        return Ok(false);
    }
    for (part, stretch) in parts.iter().zip(stretches).filter(|(part, _)| part.side.is_some()) {
        blobs::copy_into(stretch, blob, u64::from(part.number - 1) * upload.part_size)?;
    }
    Ok(true)
}
