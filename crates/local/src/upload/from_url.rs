//! `POST /from_url/` and `GET /from_url/status/`. Source: Upload API, Upload from URL.
//!
//! Fetching itself is done by [`crate::fetch`]; here a request is checked, and told how far its upload is.

use super::{
    Call, Failure, check_key,
    credential::{self, Demand},
    form::{self, Params},
    json, metadata, stores,
};
use crate::{
    fetch::Progress,
    outward::HostRefused,
    store::{UrlState, UrlUpload},
    view,
};
use axum::response::Response;
use serde::Serialize;
use updock_types::{ErrorCode, FileUuid, OperationId, UploadApiError, upload::UploadedFile};
use url::{ParseError, Url};

/// Longest URL; the service's own limit is not published.
const MAX_URL: usize = 8192;

/// A token to ask with, or the file that the URL became before.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Token {
        #[serde(rename = "type")]
        kind: &'static str,
        token: FileUuid,
    },
    Known {
        #[serde(flatten)]
        file: Box<UploadedFile>,
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

pub(super) async fn upload(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let (params, _) = form::read(call.parts, call.body, None).await?;
    check_key(app, &params, "pub_key")?;
    let path = OperationId::FromUrl.row().path;
    let charge = credential::check(app, call.parts, &params, path, Demand::Uploads(1)).await?;
    params.check_characters()?;
    let (metadata, tags) = (metadata::metadata(&params)?, metadata::tags(&params)?);
    let source_url = params.get("source_url").ok_or_else(|| ErrorCode::SourceURLRequiredError.error(&[]))?;
    let url = parse(source_url).map_err(|code| code.error(&[]))?;
    app.sources.check(&url).await.map_err(|refused| match refused {
        HostRefused::Private => ErrorCode::URLHostPrivateIPForbiddenError.error(&[]),
        HostRefused::Unknown => ErrorCode::HostnameNotFoundError.error(&[]),
    })?;

    let check = flag(&params, "check_URL_duplicates").unwrap_or(false);
    if check
        && let Some(known) = app.store.file_of_url(source_url).await?
        && let Some(row) = app.store.file(known).await?.filter(|row| row.removed_at.is_none())
    {
        // Nothing is uploaded, so nothing is booked on a token.
        return Ok(json(&Answer::Known { file: Box::new(view::uploaded(&row)), kind: "file_info" }));
    }
    let upload = UrlUpload {
        token: crate::chance::uuid(),
        source_url: source_url.to_owned(),
        filename: params.get("filename").map(str::to_owned),
        stored: stores(app, &params, "store"),
        metadata,
        tags,
        remember: flag(&params, "save_URL_duplicates").unwrap_or(check),
    };
    let token = upload.token;
    app.store.add_url_upload(&upload, charge.as_ref()).await?;
    app.sources.fetch(upload);
    Ok(json(&Answer::Token { kind: "token", token }))
}

fn flag(params: &Params, name: &str) -> Option<bool> {
    params.get(name).map(|value| matches!(value, "1" | "true"))
}

/// A source that can be fetched, or what is wrong with it.
fn parse(text: &str) -> Result<Url, ErrorCode> {
    if text.len() > MAX_URL {
        return Err(ErrorCode::URLValidationError);
    }
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase | ParseError::RelativeUrlWithCannotBeABaseBase => {
            ErrorCode::URLSchemeRequiredError
        }
        ParseError::EmptyHost => ErrorCode::URLHostRequiredError,
        ParseError::IdnaError | ParseError::InvalidDomainCharacter | ParseError::InvalidIpv4Address => {
            ErrorCode::URLHostMalformedError
        }
        _ => ErrorCode::URLParsingFailedError,
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ErrorCode::URLSchemeInvalidError);
    }
    // Browsers mend `http:x` and `http:///x`; the service says that the host is missing.
    let rest = text.trim().split_once(':').map_or("", |(_, rest)| rest);
    match rest.strip_prefix("//") {
        Some(rest) if !rest.starts_with(['/', '\\', '?', '#']) => Ok(url),
        _ => Err(ErrorCode::URLHostRequiredError),
    }
}

/// How far an upload is, as `/from_url/status/` tells it.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Status {
    Waiting,
    Progress { total: Total, done: u64 },
    Error { error: String, error_code: String },
    Unknown,
}

/// `status` comes last here, as the service sends it.
#[derive(Serialize)]
struct Success {
    #[serde(flatten)]
    file: UploadedFile,
    status: &'static str,
}

/// A source that does not say its length has an `unknown` total; the official client reads that word.
#[derive(Serialize)]
#[serde(untagged)]
enum Total {
    Bytes(u64),
    Unknown(&'static str),
}

/// Neither key nor credential is looked at: the token is enough.
pub(super) async fn status(call: Call<'_>) -> Result<Response, Failure> {
    let params = Params::of_query(call.parts);
    params.check_characters()?;
    let token = params.get("token").ok_or_else(|| ErrorCode::TokenRequiredError.error(&[]))?;
    let Ok(token) = FileUuid::parse(token) else { return Ok(json(&Status::Unknown)) };
    let store = &call.app.store;
    let status = match store.url_upload(token).await? {
        None => Status::Unknown,
        Some(UrlState::Failed(UploadApiError { content, error_code, .. })) => {
            Status::Error { error: content, error_code }
        }
        Some(UrlState::UnderWay) => match call.app.sources.progress(token) {
            None => Status::Waiting,
            Some(Progress { total, done }) => {
                Status::Progress { total: total.map_or(Total::Unknown("unknown"), Total::Bytes), done }
            }
        },
        Some(UrlState::Done(file)) => match store.file(file).await? {
            // Purged since: the token leads nowhere any more.
            None => Status::Unknown,
            Some(row) => return Ok(json(&Success { file: view::uploaded(&row), status: "success" })),
        },
    };
    Ok(json(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_url_has_its_own_code() {
        for (text, code) in [
            ("nope", "URLSchemeRequiredError"),
            ("//example.com/a.jpg", "URLSchemeRequiredError"),
            ("ftp://example.com/a.jpg", "URLSchemeInvalidError"),
            ("data:text/plain,a", "URLSchemeInvalidError"),
            ("file:///etc/passwd", "URLSchemeInvalidError"),
            ("http://", "URLHostRequiredError"),
            ("http:///a.jpg", "URLHostRequiredError"),
            ("https:a.jpg", "URLHostRequiredError"),
            ("http://?a", "URLHostRequiredError"),
            ("http://[::1", "URLParsingFailedError"),
            ("http://example.com:99999/", "URLParsingFailedError"),
            ("http://exa mple.com/", "URLHostMalformedError"),
            ("http://300.1.1.1/", "URLHostMalformedError"),
        ] {
            assert_eq!(parse(text).map_err(ErrorCode::name), Err(code), "{text}");
        }
        assert!(parse(&format!("http://a.test/{}", "a".repeat(9000))).is_err());
        for good in ["http://example.com", "HTTPS://example.com:8443/a b.jpg?c=d#e", "http://пример.рф/"] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }
}
