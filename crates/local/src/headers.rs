//! The headers that every answer carries, and the answers to preflights.
//! Source: Upload API, CORS and headers; REST API v0.7, headers.

use crate::{
    chance,
    routes::{Place, Route},
};
use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

const UPLOAD_HEADERS: &str = "Authorization, Content-Type, DNT, X-PINGOTHER, X-UC-User-Agent";

/// Answers `OPTIONS`, before any key is looked at.
pub(crate) fn preflight(place: &Place, parts: &Parts) -> Response {
    let mut response = Response::new(Body::empty());
    if matches!(place, Place::Nowhere) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    dress(place, parts, &mut response);
    response
}

/// Adds to an answer what its place always sends.
pub(crate) fn dress(place: &Place, parts: &Parts, response: &mut Response) {
    let headers = response.headers_mut();
    match place {
        Place::Upload(route) => {
            cross_origin(headers, parts, &upload_methods(route), UPLOAD_HEADERS, "Warning, Retry-After");
            set(headers, "access-control-max-age", "1");
            set(headers, "access-control-allow-credentials", "true");
            set(headers, "vary", "Accept-Encoding, Origin");
            service(headers);
        }
        Place::Rest(route, _) => {
            set(headers, "allow", &route.allowed());
            rest(headers);
        }
        Place::RestWithoutSlash(_) => rest(headers),
        Place::Blob | Place::CdnOther => {
            let exposed = "ETag, Content-Length, Content-Range, Accept-Ranges, Retry-After";
            cross_origin(headers, parts, "GET, HEAD, PUT, OPTIONS", "Content-Type, Range", exposed);
            set(headers, "x-content-type-options", "nosniff");
            if parts.method == Method::PUT {
                set(headers, "server", "AmazonS3");
                set(headers, "x-amz-request-id", &chance::hex::<8>().to_uppercase());
            } else {
                set(headers, "cross-origin-resource-policy", "cross-origin");
                set(headers, "timing-allow-origin", "*");
            }
        }
        Place::Nowhere => {
            cross_origin(headers, parts, "GET, HEAD, POST, OPTIONS", UPLOAD_HEADERS, "Warning, Retry-After");
            service(headers);
        }
        Place::Control => {}
    }
}

/// Answers a preflight of the controls: open to any page, for they are tools of development.
pub(crate) fn control(parts_headers: &HeaderMap, headers: &mut HeaderMap) {
    set(headers, "access-control-allow-origin", "*");
    set(headers, "access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    allow_headers(headers, parts_headers, "Content-Type");
    set(headers, "cache-control", "no-store");
}

fn upload_methods(route: &Route) -> String {
    // The service advertises GET for creating groups too.
    if route.path == "/group/" { "GET, HEAD, OPTIONS, POST".to_owned() } else { route.allowed() }
}

fn cross_origin(headers: &mut HeaderMap, parts: &Parts, methods: &str, allowed: &str, exposed: &str) {
    set(headers, "access-control-allow-origin", "*");
    set(headers, "access-control-allow-methods", methods);
    set(headers, "access-control-expose-headers", exposed);
    allow_headers(headers, &parts.headers, allowed);
    // A page on a public address asks before it may talk to this machine.
    if parts.headers.contains_key("access-control-request-private-network") {
        set(headers, "access-control-allow-private-network", "true");
    }
}

fn allow_headers(headers: &mut HeaderMap, asked: &HeaderMap, otherwise: &str) {
    let asked = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let allowed = asked.or_else(|| HeaderValue::from_str(otherwise).ok());
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
}

fn rest(headers: &mut HeaderMap) {
    set(headers, "access-control-allow-origin", "https://uploadcare.com");
    set(headers, "vary", "Accept");
    set(headers, "x-frame-options", "SAMEORIGIN");
    set(headers, "x-robots-tag", "noindex, nofollow, nosnippet, noarchive");
    service(headers);
}

fn service(headers: &mut HeaderMap) {
    set(headers, "x-uploadcare-request-id", &chance::uuid().to_string());
    set(headers, "x-xss-protection", "1; mode=block");
    set(headers, "x-content-type-options", "nosniff");
    set(headers, "server", "nginx");
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
