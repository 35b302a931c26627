//! Every failure on its way out: one [`Fault`], rendered as a problem document (RFC 9457) in one place.
//!
//! Official SDKs read an answer only under Uploadcare's own media type, and of an error show the member `detail`. Who
//! asks for that type gets the same document under it.
//!
//! A [`Fault`] travels to the outermost layer as an extension of an empty response; there [`render`] gives it its
//! request id and its body. Its sentence is for the caller and never holds a secret; causes go to the log.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::time::Duration;
use updock_types::signer::{Problem, ProblemKind};

const MEDIA_TYPE: &str = "application/problem+json";

/// Under which media type a problem travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// RFC 9457's own.
    Problem,
    /// The REST API's, for whoever asks for it.
    Uploadcare,
}

impl Label {
    /// What a request with these headers asks for.
    pub(crate) fn asked(headers: &HeaderMap) -> Self {
        let asks = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains(updock_types::rest::MEDIA_TYPE));
        if headers.get_all(header::ACCEPT).iter().any(asks) { Self::Uploadcare } else { Self::Problem }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Problem => MEDIA_TYPE,
            Self::Uploadcare => updock_types::rest::MEDIA_TYPE,
        }
    }
}

/// Why a request failed, in words for the caller.
#[derive(Debug, Clone)]
pub struct Fault(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    problem: Problem,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

impl Fault {
    /// A fault of a kind, with one plain sentence and a next step in it.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts { problem: Problem::new(kind, detail), retry_after: None, allow: None }))
    }

    /// Names the grant that would have been needed.
    #[must_use]
    pub fn missing(mut self, grant: String) -> Self {
        self.0.problem.missing = Some(grant);
        self
    }

    /// Says when to come again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says which methods there are.
    #[must_use]
    pub fn allow(mut self, methods: impl Into<String>) -> Self {
        self.0.allow = Some(methods.into());
        self
    }

    /// The grant that would have been needed.
    pub(crate) fn missing_grant(&self) -> Option<&str> {
        self.0.problem.missing.as_deref()
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.problem.status
    }

    /// The document, for an answer that holds several.
    pub(crate) fn into_problem(self, request_id: &str) -> Problem {
        Problem { request_id: Some(request_id.to_owned()), ..self.0.problem }
    }

    /// The sentence.
    pub fn detail(&self) -> &str {
        &self.0.problem.detail
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() =
            StatusCode::from_u16(self.0.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a response that carries a [`Fault`] its body; leaves every other as it is.
pub(crate) fn render(mut response: Response, request_id: &str, label: Label) -> Response {
    let Some(Fault(parts)) = response.extensions_mut().remove::<Fault>() else { return response };
    let Parts { mut problem, retry_after, allow } = *parts;
    problem.request_id = Some(request_id.to_owned());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(label.as_str()));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if let Some(methods) = allow.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
        headers.insert(header::ALLOW, methods);
    }
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"updock-signer\""));
    }
    let body = serde_json::to_vec(&problem).expect("a problem is text and numbers");
    *response.body_mut() = body.into();
    response
}
