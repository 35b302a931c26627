//! The order of every request: note it, find its place, answer preflights, apply faults, run it, dress the answer.

use crate::{
    app::App,
    cdn,
    faults::{self, Effect, Reset},
    headers,
    hindrance::{Half, Slow, Watched},
    journal::{Following, Target},
    parts, rest,
    routes::{self, Place},
    server::Cut,
    subject, upload,
};
use axum::{Router, body::Body, response::Response};
use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use std::future::pending;
use tower::ServiceExt;
use updock_types::ErrorCode;

/// Answers one request.
pub(crate) async fn handle(app: App, control: Router, cut: Cut, request: Request<Incoming>) -> Response {
    let (parts, incoming) = request.into_parts();
    let place = routes::find(parts.uri.path());
    if matches!(place, Place::Control) {
        let request = Request::from_parts(parts, Body::new(incoming));
        let Ok(response) = control.oneshot(request).await;
        return response;
    }
    let mut target = target(&place, &parts);
    let following = app.journal.arrive(&target, &parts.uri, &parts.headers);
    let entry = following.0.clone();
    tracing::debug!(method = %parts.method, path = parts.uri.path(), "request");

    if parts.method == Method::OPTIONS {
        let response = headers::preflight(&place, &parts);
        entry.answer(response.status().as_u16());
        return response;
    }
    let mut body = Watched::new(incoming, entry.clone());
    if app.faults.ask_for_files() {
        target.files = subject::files(&app, &place, &parts, &mut body).await;
    }
    let effect = match app.faults.take(&target) {
        Some((name, effect)) => {
            entry.fault(name);
            effect
        }
        None => Effect::default(),
    };
    if let Some(delay) = effect.delay {
        tokio::time::sleep(delay).await;
    }
    if effect.reset == Some(Reset::BeforeBody) {
        return vanish(&cut, following).await;
    }
    if effect.reset == Some(Reset::MidBody) {
        let length = upload::form::content_length(&parts.headers).unwrap_or(0);
        body.cut_at(length / 2, cut.clone());
    }
    let body = match effect.bytes_per_second {
        Some(rate) => Body::new(Slow::new(body, rate)),
        None => Body::new(body),
    };
    let mut response = match fault_answer(&app, &place, &parts, &effect) {
        Some(response) => {
            // Answered only when the client has sent all: else it would see a broken connection, which is another fault.
            crate::body::BodyReader::new(body, app.config.body_timeout).drain().await;
            response
        }
        None => run(&app, &place, &parts, body, &effect).await,
    };
    if effect.reset == Some(Reset::BeforeAnswer) {
        return vanish(&cut, following).await;
    }
    if effect.no_answer {
        drop(following);
        return pending().await; // until the client gives up
    }
    headers::dress(&place, &parts, &mut response);
    if let Some(rate) = effect.bytes_per_second {
        response = response.map(|body| Body::new(Slow::new(body, rate)));
    }
    if effect.reset == Some(Reset::MidAnswer) {
        let announced = upload::form::content_length(response.headers());
        response = response.map(|body| Body::new(Half::new(body, announced, cut)));
    }
    entry.answer(response.status().as_u16());
    response
}

/// Cuts the connection; nothing is ever answered.
async fn vanish(cut: &Cut, following: Following) -> Response {
    drop(following);
    cut.now();
    pending().await
}

fn target(place: &Place, parts: &Parts) -> Target {
    let (mut operation, mut part) = (None, None);
    match place {
        _ if parts.method == Method::OPTIONS => {}
        Place::Upload(route) | Place::Rest(route, _) => {
            operation = route.operation(&parts.method).map(|operation| operation.id.as_str());
        }
        Place::Blob if parts.method == Method::PUT => {
            operation = Some("part");
            let mut query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
            part = query.find(|(name, _)| name == "partNumber").and_then(|(_, value)| value.parse().ok());
        }
        Place::Blob | Place::CdnOther => operation = Some("cdn"),
        Place::RestWithoutSlash(_) | Place::Control | Place::Nowhere => {}
    }
    Target { operation, method: parts.method.to_string(), path: parts.uri.path().to_owned(), part, files: Vec::new() }
}

async fn run(app: &App, place: &Place, parts: &Parts, body: Body, effect: &Effect) -> Response {
    match place {
        Place::Upload(route) => match route.operation(&parts.method) {
            Some(operation) => upload::run(app, operation.id, parts, body, effect).await,
            None => {
                let args = [parts.method.as_str(), route.path];
                upload::refuse(parts, &ErrorCode::MethodNotAllowedError.error(&args))
            }
        },
        Place::Rest(route, parameter) => rest::run(app, &route.operations, parts, parameter, body).await,
        Place::RestWithoutSlash(path) => {
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let mut response = empty(StatusCode::MOVED_PERMANENTLY);
            if let Ok(location) = HeaderValue::try_from(format!("{path}{query}")) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Place::Blob if parts.method == Method::PUT => parts::put(app, parts, body, effect).await,
        Place::Blob | Place::CdnOther if matches!(parts.method, Method::GET | Method::HEAD) => {
            cdn::serve(app, parts).await
        }
        Place::Blob | Place::CdnOther => empty(StatusCode::METHOD_NOT_ALLOWED),
        Place::Control | Place::Nowhere => {
            let page = "<!doctype html>\n<title>Not Found</title>\n<h1>Not Found</h1>\n<p>The requested resource was not found on this server.</p>\n";
            html(StatusCode::NOT_FOUND, page.to_owned())
        }
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn html(status: StatusCode, page: String) -> Response {
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The answer that a fault gives in the place of the operation's own.
fn fault_answer(app: &App, place: &Place, parts: &Parts, effect: &Effect) -> Option<Response> {
    let mut response = if effect.expired && matches!(place, Place::Blob) {
        parts::refuse(&storage_trouble(StatusCode::FORBIDDEN))
    } else if let Some(name) = &effect.error {
        let key = app.config.public_key.as_str();
        upload::refuse(parts, &faults::error_code(name)?.error(&[key]))
    } else {
        let status = StatusCode::from_u16(effect.status?).ok()?;
        match (place, status, &effect.body) {
            (_, _, Some(body)) => {
                let mut response = html(status, body.clone());
                if body.starts_with(['{', '[']) {
                    let json = HeaderValue::from_static("application/json");
                    response.headers_mut().insert(header::CONTENT_TYPE, json);
                }
                response
            }
            (Place::Upload(_), StatusCode::TOO_MANY_REQUESTS, None) => {
                upload::refuse(parts, &ErrorCode::RequestThrottledError.error(&[]))
            }
            (Place::Rest(..), StatusCode::TOO_MANY_REQUESTS, None) => rest::throttled(effect.retry_after.unwrap_or(1)),
            (Place::Blob, _, None) if parts.method == Method::PUT => parts::refuse(&storage_trouble(status)),
            _ => {
                let reason = status.canonical_reason().unwrap_or("Error");
                let title = format!("{} {reason}", status.as_u16());
                html(
                    status,
                    format!(
                        "<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n"
                    ),
                )
            }
        }
    };
    if let Some(seconds) = effect.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Some(response)
}

/// What the storage says with that status.
fn storage_trouble(status: StatusCode) -> parts::Refused {
    let (code, message) = match status.as_u16() {
        403 => ("AccessDenied", "Request has expired"),
        404 => ("NoSuchUpload", "The specified upload does not exist."),
        429 | 503 => ("SlowDown", "Please reduce your request rate."),
        400 => (
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
        _ => ("InternalError", "We encountered an internal error. Please try again."),
    };
    parts::Refused { status, code, message }
}
