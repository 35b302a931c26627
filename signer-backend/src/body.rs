//! Request bodies: small JSON, read whole within bounds of size and time, with one media type.
//!
//! The media type matters beyond form: a browser sends `application/json` to another origin only after asking, so a
//! page that is not listed cannot even make its visitors' browsers send us something.

use crate::problem::Fault;
use axum::extract::{FromRequest, Request};
use http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;
use updock_types::signer::ProblemKind;

/// Largest body in bytes.
const LIMIT: usize = 8 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body, or none at all, which counts as the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request).await?;
        if is_json { parse(&body).map(Self) } else { Err(wrong_type()) }
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request).await?;
        match (body.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse(&body).map(Self),
            (false, false) => Err(wrong_type()),
        }
    }
}

fn is_json(request: &Request) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type
        .and_then(|text| text.split(';').next())
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

fn wrong_type() -> Fault {
    Fault::new(ProblemKind::UnsupportedMediaType, "Send the body as JSON, with `Content-Type: application/json`.")
}

fn too_large() -> Fault {
    Fault::new(ProblemKind::TooLarge, format!("The body may have {LIMIT} bytes at most."))
}

async fn read(request: Request) -> Result<bytes::Bytes, Fault> {
    // What is announced as too large need not be read first.
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > LIMIT as u64) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), LIMIT).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Fault::new(ProblemKind::BadRequest, "The body broke off; send the request again.")),
        Err(_) => Err(Fault::new(ProblemKind::BadRequest, "The body did not arrive in time; send the request again.")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // serde would also read a struct from a list of its values; what we document is an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::new(ProblemKind::BadRequest, "The body should be a JSON object, in braces."));
    }
    serde_json::from_slice(body).map_err(|error| {
        // serde's text names the field and the place; what it quotes came from this very caller.
        let error = crate::sentence::quoted(&error.to_string());
        Fault::new(ProblemKind::BadRequest, format!("The body cannot be read: {}.", error.trim_matches('"')))
    })
}
