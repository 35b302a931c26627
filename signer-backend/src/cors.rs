//! Cross-origin rules for browsers: exact origins of the visitors' rule, on the three addresses that the widget calls.
//!
//! Invariant: the header names an origin of our own list or is absent; `Vary: Origin` is always there; credentials
//! (cookies) are never allowed, and nothing below the REST front is opened to browsers.

use crate::caller::listed;
use crate::policy::Policy;
use crate::problem::Fault;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use updock_types::signer::ProblemKind;

/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Adds what a browser needs to hand `response` to the page that asked.
pub(crate) fn open(response: &mut Response, asked: &HeaderMap, policy: &Policy) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = listed(asked, policy).and_then(|origin| HeaderValue::from_str(origin.as_str()).ok()) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
}

/// Answers a preflight: whether a listed page may send `method` with a JSON body.
pub(crate) fn preflight(asked: &HeaderMap, policy: &Policy, method: &'static str) -> Response {
    if listed(asked, policy).is_none() {
        return Fault::new(ProblemKind::Forbidden, "The origin of this page is not among those that may call.")
            .into_response();
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(method));
    // A page of an application may bring its user's token; an agent key has no place in a browser.
    let allowed = if policy.tokens.is_some() { "authorization, content-type" } else { "content-type" };
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    response
}
