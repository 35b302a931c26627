//! `/groups/`: listed, read, deleted. Groups are made by the Upload API and never change.
//! Source: REST API v0.7, Groups.

use super::{
    Call, Failure, json, no_content,
    page::{Asked, List},
};
use crate::{percent, view};
use axum::response::Response;
use updock_types::GroupId;

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    let asked = Asked::parse(List::Groups, call.parts.uri.query().unwrap_or_default())?;
    let (stretch, total) = call.app.store.list_groups(&asked.window).await?;
    let origins = call.origins();
    let base = format!("{}/groups/", origins.own);
    let describe = |group: &_| view::group(group, None, &origins);
    Ok(json(&asked.page(&base, &stretch, (total, None), |group| group.created_at, describe)))
}

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    let group = call.app.store.group(id(&call)?).await?.ok_or_else(Failure::not_found)?;
    let files = call.app.store.all_members(&group).await?;
    Ok(json(&view::group(&group, Some(&files), &call.origins())))
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    if call.app.store.delete_group(id(&call)?).await? { Ok(no_content()) } else { Err(Failure::not_found()) }
}

/// What is no group's id names no group either: 404, not 400.
fn id(call: &Call<'_>) -> Result<GroupId, Failure> {
    let text = percent::decode(call.parameters.first());
    let id = std::str::from_utf8(&text).ok().and_then(|text| GroupId::parse(text).ok());
    id.ok_or_else(Failure::not_found)
}
