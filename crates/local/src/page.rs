//! The page at `/_local/`: what is stored, what is under way and what arrived, for a person.
//!
//! It is a few files that are part of this program, and shows what the JSON routes of [`crate::control`] tell. It
//! shares its origin with uploaded files, so its policy lets it run nothing but itself.

use axum::{
    Router,
    http::{HeaderName, header},
    response::{IntoResponse, Redirect},
    routing::get,
};

/// Own files and own data only; no inline script or style, no frame around it, no markup from strings.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/_local", get(async || Redirect::permanent("/_local/")))
        .route("/_local/", get(async || file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/_local/icon.svg", get(async || file("image/svg+xml", include_str!("page/icon.svg"))))
        .route("/_local/page.css", get(async || file("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/_local/page.js", get(async || file("text/javascript; charset=utf-8", include_str!("page/page.js"))))
}

fn file(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, text)
}
