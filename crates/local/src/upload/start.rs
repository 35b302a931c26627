//! `POST /multipart/start/`. Source: Upload API, Start multipart upload.

use super::{
    Call, Failure, check_key,
    credential::{self, Demand},
    form::{self, Params},
    json, metadata, stores,
};
use crate::{origin::Origins, part_url, store::UploadRow};
use axum::response::Response;
use std::fs::File;
use updock_types::{ErrorCode, OperationId, UploadApiError, sanitised_name, upload::MultipartStarted, upload::limits};

pub(super) async fn start(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let (params, _) = form::read(call.parts, call.body, None).await?;
    check_key(app, &params, "UPLOADCARE_PUB_KEY")?;
    // One operation a file, and it is the start that counts.
    let path = OperationId::MultipartStart.row().path;
    let charge = credential::check(app, call.parts, &params, path, Demand::Uploads(1)).await?;
    params.check_characters()?;
    let metadata = metadata::metadata(&params)?;
    let tags = metadata::tags(&params)?;
    let original_filename = required(&params, "filename")?.to_owned();
    let size = size(&params, app.config.multipart_min_size, app.config.max_file_size)?;
    let mime_type = required(&params, "content_type")?.to_owned();
    let part_size = part_size(&params, size)?;

    let upload = UploadRow {
        uuid: crate::chance::uuid(),
        upload_id: crate::chance::hex::<32>(),
        original_filename,
        mime_type,
        size,
        part_size,
        stored: stores(app, &params, "UPLOADCARE_STORE"),
        metadata,
        tags,
    };
    // All of it, so that a part can be written in its place whichever comes first; sparse until then.
    File::create(app.store.blobs.gathering(upload.uuid))?.set_len(size)?;
    app.store.start_upload(&upload, charge.as_ref()).await?;

    let origin = Origins::of(&app.config, app.address, &call.parts.headers).own;
    let name = sanitised_name(&upload.original_filename);
    let signer = part_url::Signer::new(&app.store.part_key, upload.uuid, &name, &upload.upload_id);
    let signer = if call.effect.expired { signer.expired() } else { signer };
    let parts = (1..=upload.parts()).map(|number| signer.url(&origin, number)).collect();
    Ok(json(&MultipartStarted { uuid: upload.uuid, parts }))
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, UploadApiError> {
    params.get(name).ok_or_else(|| ErrorCode::RequestParamRequiredError.error(&[name]))
}

fn size(params: &Params, minimum: u64, maximum: u64) -> Result<u64, UploadApiError> {
    let invalid = || ErrorCode::MultipartSizeInvalidError.error(&[]);
    let size: i128 = params.get("size").and_then(|text| text.parse().ok()).ok_or_else(invalid)?;
    if size < i128::from(minimum) {
        return Err(ErrorCode::MultipartFileSizeTooSmallError.error(&[&minimum.to_string()]));
    }
    match u64::try_from(size) {
        Ok(size) if size <= maximum => Ok(size),
        _ => Err(ErrorCode::MultipartFileSizeLimitExceededError.error(&[])),
    }
}

fn part_size(params: &Params, size: u64) -> Result<u64, UploadApiError> {
    let Some(text) = params.get("part_size") else { return fits(size, limits::PART_MIN_SIZE) };
    let part_size: i128 = text.parse().map_err(|_| ErrorCode::MultipartPartSizeInvalidError.error(&[]))?;
    match u64::try_from(part_size) {
        Ok(part_size) if part_size > limits::PART_MAX_SIZE => too_big(),
        Ok(part_size) if part_size >= limits::PART_MIN_SIZE => fits(size, part_size),
        Err(_) if part_size > 0 => too_big(),
        _ => Err(too_small(limits::PART_MIN_SIZE)),
    }
}

fn too_big() -> Result<u64, UploadApiError> {
    Err(ErrorCode::MultipartPartSizeTooBigError.error(&[&limits::PART_MAX_SIZE.to_string()]))
}

fn too_small(minimum: u64) -> UploadApiError {
    ErrorCode::MultipartPartSizeTooSmallError.error(&[&minimum.to_string()])
}

/// Storage takes 10 000 parts; what the service says beyond that is not known, and this names what would do.
fn fits(size: u64, part_size: u64) -> Result<u64, UploadApiError> {
    if size.div_ceil(part_size) <= limits::MAX_PARTS {
        Ok(part_size)
    } else {
        Err(too_small(size.div_ceil(limits::MAX_PARTS)))
    }
}
