//! The Upload API. Each operation is one function that answers or fails; how a failure is written is decided here,
//! once. Source: Upload API, Errors.

mod complete;
mod credential;
mod derivative;
mod direct;
pub(crate) mod form;
mod from_url;
mod group;
mod info;
mod metadata;
mod start;

use crate::{
    app::App,
    body::BodyReader,
    config::Standing,
    faults::Effect,
    store::{NewFile, StoreError},
};
use axum::{body::Body, response::Response};
use form::Params;
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use std::path::PathBuf;
use updock_types::{ErrorCode, ErrorEnvelope, OperationId, UploadApiError};

/// Why an operation has no success to answer with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service would say so.
    Refused(UploadApiError),
    /// Our own trouble.
    Internal(StoreError),
}

impl From<UploadApiError> for Failure {
    fn from(error: UploadApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TokenSpent => Self::Refused(ErrorCode::OperationsLimitExceededError.error(&[])),
            error => Self::Internal(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// One request on its way through the Upload API.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a mut BodyReader,
    /// What a fault asks of this request.
    pub(crate) effect: &'a Effect,
}

/// Runs the operation and writes its answer.
pub(crate) async fn run(app: &App, operation: OperationId, parts: &Parts, body: Body, effect: &Effect) -> Response {
    let mut body = BodyReader::new(body, app.config.body_timeout);
    // Before any key is looked at. The body is read all the same, or the client would see a broken connection.
    if let Err(seconds) = app.throttle.upload() {
        body.drain().await;
        let mut response = refuse(parts, &ErrorCode::RequestThrottledError.error(&[]));
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return response;
    }
    let call = Call { app, parts, body: &mut body, effect };
    let result = match operation {
        OperationId::UploadDirect => direct::upload(call).await,
        OperationId::MultipartStart => start::start(call).await,
        OperationId::MultipartComplete => complete::complete(call).await,
        OperationId::FromUrl => from_url::upload(call).await,
        OperationId::FromUrlStatus => from_url::status(call).await,
        OperationId::UploadInfo => info::info(call).await,
        OperationId::GroupCreate => group::create(call).await,
        OperationId::UploadGroupInfo => group::info(call).await,
        OperationId::ImageGenerate => derivative::generate(call).await,
        OperationId::ImageEdit => derivative::edit(call).await,
        OperationId::DerivativeStatus => derivative::status(call).await,
        // The router sends only operations of this API here.
        _ => Err(ErrorCode::UploadViewsError.error(&[]).into()),
    };
    body.drain().await;
    let error = match result {
        Ok(response) => return response,
        Err(Failure::Refused(error)) => error,
        Err(Failure::Internal(error)) => {
            tracing::error!(operation = operation.as_str(), %error, "could not answer");
            ErrorCode::UploadAPIError.error(&[])
        }
    };
    refuse(parts, &error)
}

/// Writes a refusal in the form that the request asks for.
pub(crate) fn refuse(parts: &Parts, error: &UploadApiError) -> Response {
    if wants_envelope(parts) {
        return json(&ErrorEnvelope { error: error.clone() });
    }
    let mut response = Response::new(Body::from(error.content.clone()));
    *response.status_mut() = StatusCode::from_u16(error.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// `jsonerrors` decides where it is given; else an `Accept` that names plain JSON.
fn wants_envelope(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "jsonerrors");
    if let Some((_, value)) = asked {
        return !matches!(&*value, "" | "0");
    }
    let accepts = parts.headers.get_all(header::ACCEPT);
    accepts.iter().any(|value| value.to_str().is_ok_and(|value| value.contains("application/json")))
}

/// A successful answer.
pub(crate) fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("wire types serialise");
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Checks the public key in the parameter that this endpoint reads it from.
fn check_key(app: &App, params: &Params, parameter: &'static str) -> Result<(), UploadApiError> {
    match params.get(parameter) {
        None => Err(ErrorCode::ProjectPublicKeyRequiredError.error(&[parameter])),
        Some(key) if key != app.config.public_key.as_str() => {
            Err(ErrorCode::ProjectPublicKeyInvalidError.error(&[parameter]))
        }
        Some(key) if app.config.standing == Standing::Removed => {
            Err(ErrorCode::ProjectPublicKeyRemovedError.error(&[key]))
        }
        Some(_) => Ok(()),
    }
}

/// Refuses what writes where the account may not.
fn check_standing(app: &App) -> Result<(), UploadApiError> {
    let code = match app.config.standing {
        Standing::Good | Standing::Removed => return Ok(()),
        Standing::Blocked => ErrorCode::AccountBlockedError,
        Standing::Unpaid => ErrorCode::AccountUnpaidError,
        Standing::LimitsReached => ErrorCode::AccountLimitsExceededError,
    };
    Err(code.error(&[]))
}

/// `1` stores at once, `0` does not; anything else leaves it to the project.
fn stores(app: &App, params: &Params, parameter: &str) -> bool {
    match params.get(parameter) {
        Some("1" | "true") => true,
        Some("0" | "false") => false,
        _ => app.config.autostore,
    }
}

/// Looks into the blob of a file to be, and refuses what the project does not take.
async fn describe(app: &App, mut file: NewFile, blob: PathBuf) -> Result<NewFile, Failure> {
    let found =
        tokio::task::spawn_blocking(move || crate::content::look(&blob)).await.map_err(std::io::Error::other)??;
    if app.config.forbids(&found) {
        return Err(ErrorCode::FileTypeForbiddenError.error(&[]).into());
    }
    file.is_image = found.image.is_some();
    file.content_info = found;
    Ok(file)
}
