//! The demo page's own small server: static files under a strict content security policy, where
//! the parts are (`/demo/config.json`), and the signer's sentences as they come (`/demo/decisions`).

use std::convert::Infallible;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio_stream::wrappers::BroadcastStream;

use crate::decisions::Decisions;

/// What `/demo/config.json` says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    pub(crate) public_key: String,
    pub(crate) upload_base_url: String,
    pub(crate) cdn_base_url: String,
    pub(crate) signer_url: String,
    /// Lists what the stand-in has; the real service does not show that to a browser.
    pub(crate) stored_url: Option<String>,
}

/// A URL prefix and the folder behind it.
pub(crate) type Mount = (&'static str, PathBuf);

/// Everything the page is made of.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The first prefix that fits wins.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) config: Config,
    /// Other origins that the page talks to, beside those in `config`.
    pub(crate) connect: Vec<String>,
    pub(crate) decisions: Decisions,
}

/// The router of the page.
pub(crate) fn router(page: Page) -> Router {
    let policy = HeaderValue::from_str(&page.content_security_policy()).expect("origins hold no control characters");
    Router::new()
        .route("/demo/config.json", get(config))
        .route("/demo/decisions", get(decisions))
        .fallback(file)
        .layer(middleware::from_fn(move |request, next| with_policy(policy.clone(), request, next)))
        .with_state(Arc::new(page))
}

impl Page {
    /// As strict as pages get; the widget must work under it.
    fn content_security_policy(&self) -> String {
        let Config { upload_base_url, cdn_base_url, signer_url, .. } = &self.config;
        let mut connect = vec![upload_base_url.clone(), signer_url.clone()];
        connect.extend(self.connect.iter().cloned());
        connect.dedup();
        format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             connect-src 'self' {}; img-src 'self' blob: {cdn_base_url}; font-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            connect.join(" ")
        )
    }
}

async fn with_policy(policy: HeaderValue, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn config(State(page): State<Arc<Page>>) -> Json<Config> {
    Json(page.config.clone())
}

/// The sentences so far, then each as it comes.
async fn decisions(State(page): State<Arc<Page>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (so_far, coming) = page.decisions.follow();
    let coming = BroadcastStream::new(coming).filter_map(|line| async { line.ok() });
    let lines = stream::iter(so_far).chain(coming);
    Sse::new(lines.map(|line| Ok(Event::default().data(line)))).keep_alive(KeepAlive::default())
}

async fn file(State(page): State<Arc<Page>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let Some(path) = resolve(&page.mounts, request.uri().path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match tokio::fs::read(&path).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, media_type(&path))], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file for a path, never outside its folder. Percent signs find nothing: no name of ours has one.
fn resolve(mounts: &[Mount], path: &str) -> Option<PathBuf> {
    let (prefix, folder) = mounts.iter().find(|(prefix, _)| path.starts_with(prefix))?;
    let mut rest = Path::new(path.strip_prefix(prefix)?).to_path_buf();
    if !rest.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    if path.ends_with('/') {
        rest.push("index.html");
    }
    Some(folder.join(rest))
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|kind| kind.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_into_its_folder_and_never_out_of_it() {
        let mounts: Vec<Mount> = vec![("/updock/", "dist".into()), ("/", "demo".into())];
        for (path, file) in [
            ("/", Some("demo/index.html")),
            ("/demo.js", Some("demo/demo.js")),
            ("/updock/updock.js", Some("dist/updock.js")),
            ("/updock/../secret", None),
            ("/../secret", None),
            ("//etc/passwd", None),
        ] {
            assert_eq!(resolve(&mounts, path), file.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn the_policy_names_our_own_parts_and_nobody_else() {
        let page = Page {
            mounts: Vec::new(),
            config: Config {
                public_key: "k".into(),
                upload_base_url: "http://127.0.0.1:1".into(),
                cdn_base_url: "http://127.0.0.1:1".into(),
                signer_url: "http://127.0.0.1:2".into(),
                stored_url: None,
            },
            connect: Vec::new(),
            decisions: Decisions::default(),
        };
        let policy = page.content_security_policy();
        assert!(policy.contains("connect-src 'self' http://127.0.0.1:1 http://127.0.0.1:2;"), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains('*'), "{policy}");
    }
}
