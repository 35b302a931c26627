//! `GET /info/`. Source: Upload API, File info.

use super::{Call, Failure, check_key, form::Params, json};
use crate::view;
use axum::response::Response;
use updock_types::{ErrorCode, FileUuid};

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    let params = Params::of_query(call.parts);
    check_key(call.app, &params, "pub_key")?;
    params.check_characters()?;
    let file = params.get("file_id").ok_or_else(|| ErrorCode::FileIdRequiredError.error(&[]))?;
    let file = FileUuid::parse(file).map_err(|_| ErrorCode::FileIdInvalidError.error(&[]))?;
    let row = call.app.store.file(file).await?.filter(|row| row.removed_at.is_none());
    let row = row.ok_or_else(|| ErrorCode::FileNotFoundError.error(&[]))?;
    Ok(json(&view::uploaded(&row)))
}
