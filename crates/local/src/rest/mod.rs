//! The REST API: what comes before every operation, and how answers and errors are written.
//! Source: REST API v0.7, Authentication, Versioning, Errors.

mod addons;
mod batch;
mod convert;
pub(crate) mod copies;
mod files;
mod groups;
pub(crate) mod input;
mod kept;
mod metadata;
mod page;
mod search;
mod source;
mod tags;
mod webhooks;

pub(crate) use kept::Kept;

use crate::{
    app::App,
    body::{BodyError, BodyReader},
    origin::Origins,
    routes::Parameters,
    store::{self, StoreError},
};
use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use updock_sign::{DATE_WINDOW_SECONDS, RestRequest, body_md5, parse_http_date, verify_rest_signature};
use updock_types::{
    FileUuid, Operation, OperationId,
    rest::{Addon, MEDIA_TYPE, Project},
};

/// Largest body of a request; the service's own limit is not published.
const BODY_LIMIT: usize = 1024 * 1024;

/// Why there is no success to answer with, in one of the four envelopes of this API.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    body: Value,
}

impl Failure {
    /// `{"detail": "..."}`: nearly everything.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, body: json!({ "detail": detail.into() }) }
    }

    /// 400 with `{"detail": "..."}`.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400 with `{"<field>": ["..."]}`.
    pub(crate) fn field(name: &str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, body: json!({ name: [text.into()] }) }
    }

    /// 400 with `{"<field>": {"non_field_errors": ["..."]}}`: a whole object is wrong.
    pub(crate) fn object(name: &str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, body: json!({ name: { "non_field_errors": [text.into()] } }) }
    }

    /// 400 with `{"<field>": {"<inner>": ["..."]}}`.
    pub(crate) fn nested(name: &str, inner: &str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, body: json!({ name: { inner: [text.into()] } }) }
    }

    /// 400 with `{"non_field_errors": ["..."]}`: the request as a whole is wrong.
    pub(crate) fn whole(text: impl Into<String>) -> Self {
        Self::field("non_field_errors", text)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found.")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "could not answer");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error.")
    }
}

/// One request on its way through the REST API.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) parts: &'a Parts,
    /// What stands for `{uuid}` and the like in the path.
    pub(crate) parameters: &'a Parameters,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

impl Call<'_> {
    pub(crate) fn origins(&self) -> Origins {
        Origins::of(&self.app.config, self.app.address, &self.parts.headers)
    }

    /// The file in the path. What is no UUID names no file either: 404, not 400.
    pub(crate) fn file(&self) -> Result<FileUuid, Failure> {
        FileUuid::parse(self.parameters.first()).map_err(|_| Failure::not_found())
    }

    /// The query's parameters, decoded.
    pub(crate) fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
    }
}

/// Runs whichever of `operations`, which share a path, the request asks for.
pub(crate) async fn run(
    app: &App,
    operations: &[&'static Operation],
    parts: &Parts,
    parameters: &Parameters,
    body: Body,
) -> Response {
    let mut body = BodyReader::new(body, app.config.body_timeout);
    let result = answer(app, operations, parts, parameters, &mut body).await;
    body.drain().await;
    result.unwrap_or_else(|failure| refuse(&failure))
}

async fn answer(
    app: &App,
    operations: &[&'static Operation],
    parts: &Parts,
    parameters: &Parameters,
    body: &mut BodyReader,
) -> Result<Response, Failure> {
    check_version(&parts.headers)?;
    let bytes = body.collect(BODY_LIMIT).await.map_err(|error| match error {
        BodyError::TooLarge => Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "Request is too large."),
        BodyError::TimedOut | BodyError::Broken => Failure::new(StatusCode::BAD_REQUEST, "Request body is incomplete."),
    })?;
    authenticate(app, parts, &bytes)?;
    if let Err(seconds) = app.throttle.rest() {
        let mut response = throttled(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let method = if parts.method == http::Method::HEAD { "GET" } else { parts.method.as_str() };
    let operation = operations.iter().find(|operation| operation.method.as_str() == method);
    let operation = operation.ok_or_else(|| {
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{}\" not allowed.", parts.method))
    })?;
    let call = Call { app, parts, parameters, body: &bytes };
    match operation.id {
        OperationId::FilesList => files::list(call).await,
        OperationId::FileInfo => files::info(call).await,
        OperationId::FileStore => files::store(call).await,
        OperationId::FileDelete => files::delete(call).await,
        OperationId::FilesSearch => search::search(call).await,
        OperationId::FilesStore => batch::store(call).await,
        OperationId::FilesDelete => batch::delete(call).await,
        OperationId::FileTags => tags::list(call).await,
        OperationId::FileTagsReplace => tags::replace(call).await,
        OperationId::FileTagsUpdate => tags::update(call).await,
        OperationId::MetadataList => metadata::list(call).await,
        OperationId::MetadataGet => metadata::get(call).await,
        OperationId::MetadataPut => metadata::put(call).await,
        OperationId::MetadataDelete => metadata::delete(call).await,
        OperationId::GroupsList => groups::list(call).await,
        OperationId::GroupInfo => groups::info(call).await,
        OperationId::GroupDelete => groups::delete(call).await,
        OperationId::ProjectInfo => Ok(project(app)),
        OperationId::FileLocalCopy => copies::local(call).await,
        OperationId::FileRemoteCopy => copies::remote(call).await,
        OperationId::DocumentInfo => convert::document_info(call).await,
        OperationId::DocumentConvert => convert::documents(call).await,
        OperationId::DocumentStatus => convert::document_status(call).await,
        OperationId::VideoConvert => convert::videos(call).await,
        OperationId::VideoStatus => convert::video_status(call).await,
        OperationId::LabelsExecute => addons::execute(call, Addon::Labels).await,
        OperationId::ModerationExecute => addons::execute(call, Addon::Moderation).await,
        OperationId::VirusScanExecute => addons::execute(call, Addon::VirusScan).await,
        OperationId::RemoveBgExecute => addons::execute(call, Addon::RemoveBg).await,
        OperationId::LabelsStatus
        | OperationId::ModerationStatus
        | OperationId::VirusScanStatus
        | OperationId::RemoveBgStatus => addons::status(call).await,
        OperationId::WebhooksList => webhooks::list(call).await,
        OperationId::WebhookCreate => webhooks::create(call).await,
        OperationId::WebhookUnsubscribe => webhooks::unsubscribe(call).await,
        OperationId::WebhookInfo => webhooks::info(call).await,
        OperationId::WebhookUpdate => webhooks::update(call).await,
        OperationId::WebhookDelete => webhooks::delete(call).await,
        // The router sends only operations of this API here.
        OperationId::UploadDirect
        | OperationId::MultipartStart
        | OperationId::MultipartComplete
        | OperationId::FromUrl
        | OperationId::FromUrlStatus
        | OperationId::UploadInfo
        | OperationId::GroupCreate
        | OperationId::UploadGroupInfo
        | OperationId::ImageGenerate
        | OperationId::ImageEdit
        | OperationId::DerivativeStatus => Err(Failure::not_found()),
    }
}

fn project(app: &App) -> Response {
    let config = &app.config;
    json(&Project {
        collaborators: Some(config.collaborators.clone()),
        name: config.project_name.clone(),
        pub_key: config.public_key.clone(),
        autostore_enabled: config.autostore,
    })
}

/// `Accept` must name the version.
fn check_version(headers: &HeaderMap) -> Result<(), Failure> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).map(|item| item.split(';').next().unwrap_or_default());
    if types.any(|item| item.trim() == MEDIA_TYPE) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::NOT_ACCEPTABLE,
        "Incorrect Accept header provided. Make sure to specify API version. Refer to REST API docs for details.",
    ))
}

fn authenticate(app: &App, parts: &Parts, body: &[u8]) -> Result<(), Failure> {
    let refused = |detail: &str| Failure::new(StatusCode::UNAUTHORIZED, detail);
    let incorrect = || refused("Incorrect authentication credentials.");
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());

    let (scheme, credentials) = text("authorization").and_then(|value| value.split_once(' ')).ok_or_else(incorrect)?;
    let (public_key, proof) = credentials.trim().split_once(':').ok_or_else(incorrect)?;
    let config = &app.config;
    match scheme {
        "Uploadcare.Simple" => {
            if !config.simple_over_http {
                return Err(Failure::new(
                    StatusCode::BAD_REQUEST,
                    "Simple authentication over HTTP is forbidden. Please, use HTTPS or signed requests instead.",
                ));
            }
            check_public_key(app, public_key)?;
            let known = config.secret_keys.iter().fold(false, |known, key| key.matches(proof) | known);
            if known { Ok(()) } else { Err(refused("Secret key not found.")) }
        }
        "Uploadcare" => {
            let date = text("x-uploadcare-date").or_else(|| text("date")).ok_or_else(incorrect)?;
            let at = parse_http_date(date).ok_or_else(incorrect)?;
            let now = u64::try_from(store::now().as_seconds()).unwrap_or_default();
            if at.abs_diff(now) > DATE_WINDOW_SECONDS {
                return Err(incorrect());
            }
            check_public_key(app, public_key)?;
            let request = RestRequest {
                method: parts.method.as_str(),
                body_md5: &body_md5(body),
                content_type: text("content-type").unwrap_or_default(),
                date,
                target: parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            };
            if verify_rest_signature(&config.secret_keys, &request, proof) {
                Ok(())
            } else {
                Err(refused("Invalid signature. Please check your Secret key."))
            }
        }
        _ => Err(incorrect()),
    }
}

fn check_public_key(app: &App, given: &str) -> Result<(), Failure> {
    if given == app.config.public_key.as_str() {
        Ok(())
    } else {
        Err(Failure::new(StatusCode::UNAUTHORIZED, format!("Public key {given} not found.")))
    }
}

/// A success. Its type has no parameter: one SDK compares it for equality.
pub(crate) fn json(value: &impl Serialize) -> Response {
    json_bytes(serde_json::to_vec(value).expect("wire types serialise"))
}

/// The same of what is JSON already.
fn json_bytes(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// A success of what starts or watches a job: recorded as plain JSON.
pub(crate) fn plain_json(value: &impl Serialize) -> Response {
    let mut response = json(value);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 204: no body, no type.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn refuse(failure: &Failure) -> Response {
    let mut response = json(&failure.body);
    *response.status_mut() = failure.status;
    response
}

/// 429 as this API writes it.
pub(crate) fn throttled(seconds: u64) -> Response {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    refuse(&Failure::new(
        StatusCode::TOO_MANY_REQUESTS,
        format!("Request was throttled. Expected available in {seconds} {unit}."),
    ))
}
