//! Request bodies: small JSON, read whole within bounds of size and time, with one media type.
//!
//! The media type matters beyond form: a browser sends `application/json` to another origin only after asking, so a
//! page that is not listed cannot even make its visitors' browsers send us something.

use crate::problem::Fault;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;
use updock_types::signer::ProblemKind;

/// Largest body of our own requests, in bytes.
const LIMIT: usize = 8 * 1024;
/// Largest body of a request to the REST front: a search, a conversion of many files.
pub(crate) const FRONT_LIMIT: usize = 64 * 1024;
/// Largest list of ids.
pub(crate) const BATCH_LIMIT: usize = 256 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// The body of a request to the REST front, as its label says: JSON, or a form where official SDKs send one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Json(&'a [u8]),
    Form(&'a [u8]),
}

impl<'a> Body<'a> {
    /// For operations that read none.
    pub(crate) const NONE: Self = Self::Json(b"");

    /// The JSON value.
    pub(crate) fn json<T: serde::Deserialize<'a>>(&self) -> Result<T, Fault> {
        match self {
            Self::Json(bytes) => serde_json::from_slice(bytes).map_err(|error| {
                Fault::new(ProblemKind::BadRequest, format!("The body cannot be read: {}.", told(&error)))
            }),
            Self::Form(_) => Err(wrong_type()),
        }
    }

    #[cfg(test)]
    pub(crate) fn json_of(bytes: &'a [u8]) -> Self {
        Self::Json(bytes)
    }

    #[cfg(test)]
    pub(crate) fn form_of(bytes: &'a [u8]) -> Self {
        Self::Form(bytes)
    }
}

/// The label of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Json,
    Form,
    Other,
}

impl Label {
    /// Of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let is = |name: &str| media_type.eq_ignore_ascii_case(name);
        if is("application/json") || is(updock_types::rest::MEDIA_TYPE) {
            Self::Json
        } else if is("application/x-www-form-urlencoded") {
            Self::Form
        } else {
            Self::Other
        }
    }
}

/// A JSON body, or none at all, which counts as the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request, LIMIT).await?;
        if is_json { parse(&body).map(Self) } else { Err(wrong_type()) }
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request, LIMIT).await?;
        match (body.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse(&body).map(Self),
            (false, false) => Err(wrong_type()),
        }
    }
}

fn is_json(request: &Request) -> bool {
    Label::of(request.headers()) == Label::Json
}

pub(crate) fn wrong_type() -> Fault {
    Fault::new(ProblemKind::UnsupportedMediaType, "Send the body as JSON, with `Content-Type: application/json`.")
}

fn too_large(limit: usize) -> Fault {
    Fault::new(ProblemKind::TooLarge, format!("The body may have {limit} bytes at most."))
}

/// The whole body, within bounds of size and time.
pub(crate) async fn read(request: Request, limit: usize) -> Result<bytes::Bytes, Fault> {
    let (parts, body) = request.into_parts();
    read_of(&parts.headers, body, limit).await
}

/// See [`read`]; for whoever still needs the headers.
pub(crate) async fn read_of(headers: &HeaderMap, body: axum::body::Body, limit: usize) -> Result<bytes::Bytes, Fault> {
    read_within(headers, body, limit, PATIENCE).await
}

async fn read_within(
    headers: &HeaderMap,
    body: axum::body::Body,
    limit: usize,
    patience: Duration,
) -> Result<bytes::Bytes, Fault> {
    // What is announced as too large need not be read first.
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let body = Limited::new(body, limit).collect();
    match tokio::time::timeout(patience, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Fault::new(ProblemKind::BadRequest, "The body broke off; send the request again.")),
        Err(_) => Err(Fault::new(ProblemKind::BadRequest, "The body did not arrive in time; send the request again.")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // serde would also read a struct from a list of its values; what we document is an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::new(ProblemKind::BadRequest, "The body should be a JSON object, in braces."));
    }
    Body::Json(body).json()
}

/// serde's text, which names the field and the place; what it quotes came from this very caller.
pub(crate) fn told(error: &serde_json::Error) -> String {
    crate::sentence::explanation(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use std::io;

    #[test]
    fn what_is_wrong_with_a_body_is_told_whole_and_escaped_once() {
        use updock_types::signer::{CredentialRequest, IssueKeyRequest};
        fn detail<T: DeserializeOwned>(body: &str) -> String {
            parse::<T>(body.as_bytes()).err().map(|fault| fault.detail().to_owned()).unwrap_or_default()
        }
        let wrong_life = detail::<IssueKeyRequest>(r#"{"expires_in": true}"#);
        assert!(wrong_life.contains(r#"or "never""#) && !wrong_life.contains('\\'), "{wrong_life}");
        let unknown = detail::<CredentialRequest>(r#"{"tll": 3}"#);
        for name in ["`tll`", "`ttl`", "`operations`", "`scope`", "`for`", "`kind`", "line 1"] {
            assert!(unknown.contains(name), "{name} is not in: {unknown}");
        }
        let broken = detail::<CredentialRequest>("{\"a\\nb\u{202e}\": 1}");
        assert!(broken.contains(r"a\u{a}b\u{202e}"), "{broken}");
        let long = detail::<CredentialRequest>(&format!("{{\"{}\": 1}}", "é".repeat(4000)));
        assert!(long.chars().count() < 450 && long.ends_with("...."), "{long}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let begun = stream::iter([Ok::<_, io::Error>("{")]).chain(stream::pending());
        let body = axum::body::Body::from_stream(begun);
        let fault = read_within(&HeaderMap::new(), body, LIMIT, Duration::from_millis(20)).await.unwrap_err();
        assert!(fault.detail().contains("did not arrive in time"), "{}", fault.detail());
    }
}
