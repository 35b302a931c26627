//! `POST /group/` and `GET /group/info/`. Source: Upload API, Groups.

use super::{
    Call, Failure, check_key,
    credential::{self, Demand},
    form::{self, Params},
    json,
};
use crate::{
    app::App,
    cdn, origin,
    store::{GroupRow, Member},
    view,
};
use axum::response::Response;
use http::request::Parts;
use updock_types::{ErrorCode, FileUuid, GroupId, OperationId, UploadApiError};

pub(super) async fn create(call: Call<'_>) -> Result<Response, Failure> {
    let (params, _) = form::read(call.parts, call.body, None).await?;
    check_key(call.app, &params, "pub_key")?;
    // Groups have a scope and cost no operation.
    let path = OperationId::GroupCreate.row().path;
    credential::check(call.app, call.parts, &params, path, Demand::Uploads(0)).await?;
    params.check_characters()?;
    let members = members(&params)?;
    let count = u16::try_from(members.len()).ok().and_then(|count| GroupId::new(crate::chance::uuid(), count));
    let id = count.ok_or_else(|| ErrorCode::FilesNumberLimitExceededError.error(&[]))?;
    let group = call.app.store.add_group(id, members).await?;
    let group = group.ok_or_else(|| ErrorCode::GroupFilesNotFoundError.error(&[]))?;
    answer(call.app, call.parts, &group).await
}

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    let params = Params::of_query(call.parts);
    check_key(call.app, &params, "pub_key")?;
    params.check_characters()?;
    let id = params.get("group_id").ok_or_else(|| ErrorCode::GroupIdRequiredError.error(&[]))?;
    let unknown = || Failure::from(ErrorCode::GroupNotFoundError.error(&[]));
    let id = GroupId::parse(id).map_err(|_| unknown())?;
    let group = call.app.store.group(id).await?.ok_or_else(unknown)?;
    answer(call.app, call.parts, &group).await
}

async fn answer(app: &App, parts: &Parts, group: &GroupRow) -> Result<Response, Failure> {
    let files = app.store.members(group).await?;
    let origins = origin::Origins::of(&app.config, app.address, &parts.headers);
    Ok(json(&view::uploaded_group(group, &files, &origins)))
}

/// `files[N]` in the order of N, then `files[]` as they come.
fn members(params: &Params) -> Result<Vec<Member>, UploadApiError> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (name, value) in params.iter() {
        let Some(index) = name.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']')) else { continue };
        if index.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push((index.parse().unwrap_or(usize::MAX), value));
        }
    }
    found.sort_by_key(|(index, _)| *index); // stable: equal ones keep the order they came in
    if found.is_empty() {
        return Err(ErrorCode::GroupFilesInvalidError.error(&[]));
    }
    found.into_iter().map(|(_, text)| member(text)).collect()
}

/// `<uuid>`, `<uuid>/`, `<uuid>/-/<operations>/`, bare or behind the address of a CDN.
fn member(text: &str) -> Result<Member, UploadApiError> {
    let refused = || ErrorCode::GroupFileURLParsingFailedError.error(&[text]);
    let path = match text.split_once("://") {
        Some(("http" | "https", rest)) => rest.split_once('/').ok_or_else(refused)?.1,
        Some(_) => return Err(refused()),
        None => text,
    };
    let (uuid, rest) = path.split_at_checked(36).ok_or_else(refused)?;
    let file = FileUuid::parse(uuid).map_err(|_| refused())?;
    let effects = match rest {
        "" | "/" => String::new(),
        _ => match rest.strip_prefix("/-/") {
            Some(effects) if effects.ends_with('/') => effects.to_owned(),
            Some(effects) if !effects.is_empty() => format!("{effects}/"),
            // Behind a CDN's address a file name may follow.
            None if text.contains("://") && !rest[1..].contains('/') && rest.starts_with('/') => String::new(),
            _ => return Err(refused()),
        },
    };
    if !effects.is_empty() {
        cdn::Request::check_effects(&effects).map_err(|_| refused())?;
    }
    Ok(Member { file, effects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_in_every_form_that_sdks_send() {
        let uuid = "17be4678-dab7-4bc7-8753-28914a22960a";
        for (text, effects) in [
            (uuid.to_owned(), ""),
            (format!("{uuid}/"), ""),
            (format!("{uuid}/-/resize/x800/"), "resize/x800/"),
            (format!("{uuid}/-/resize/x800"), "resize/x800/"),
            (format!("https://ucarecdn.com/{uuid}"), ""),
            (format!("https://ucarecdn.com/{uuid}/"), ""),
            (format!("http://127.0.0.1:3000/{uuid}/cat.jpg"), ""),
            (format!("https://ucarecdn.com/{uuid}/-/preview/-/grayscale/"), "preview/-/grayscale/"),
        ] {
            let found = member(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!((found.file.to_string().as_str(), found.effects.as_str()), (uuid, effects), "{text}");
        }
        for text in ["nope", "", "https://ucarecdn.com", "ftp://a/17be4678-dab7-4bc7-8753-28914a22960a/", "é17be4678"]
        {
            assert_eq!(member(text).unwrap_err().content, format!("This is not valid file url: {text}."));
        }
        assert!(member(&format!("{uuid}~2")).is_err() && member(&format!("{uuid}x")).is_err());
    }
}
