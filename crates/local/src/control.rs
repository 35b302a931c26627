//! `/_local/`: what the real service does not have. What is stored, what arrived, faults, and a fresh start.

use crate::{
    app::App,
    faults::Fault,
    headers,
    origin::Origins,
    store::{DeliveryRecord, ListQuery, StoreError, Window},
    view,
};
use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, Serialize};
use updock_types::{ConversionToken, Event, FileUuid, Timestamp, WebhookId, sanitised_name};

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/_local/files", get(files))
        .route("/_local/files/{uuid}", delete(purge))
        .route("/_local/requests", get(requests).delete(forget_requests))
        .route("/_local/faults", get(faults).put(set_faults).delete(clear_faults))
        .route("/_local/jobs", get(jobs))
        .route("/_local/webhooks", get(webhooks))
        .route("/_local/events", get(events))
        .route("/_local/reset", post(reset))
        .layer(middleware::from_fn(open_to_pages))
        // The page itself is for people, not for other pages.
        .merge(crate::page::router())
        .with_state(app)
}

async fn open_to_pages(request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response =
        if request.method() == Method::OPTIONS { Response::new(Body::empty()) } else { next.run(request).await };
    headers::control(&asked, response.headers_mut());
    response
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[derive(Deserialize)]
struct FilesParams {
    #[serde(default = "hundred")]
    limit: u16,
}

fn hundred() -> u16 {
    100
}

/// A stored file as the demo page lists it.
#[derive(Serialize)]
struct StoredFile {
    uuid: FileUuid,
    original_filename: String,
    size: u64,
    mime_type: String,
    is_image: bool,
    is_stored: bool,
    is_ready: bool,
    datetime_uploaded: Timestamp,
    url: String,
}

/// `GET /_local/files`: newest first, removed ones left out.
async fn files(State(app): State<App>, Query(params): Query<FilesParams>, asked: HeaderMap) -> Response {
    let window = Window::files(params.limit.clamp(1, 1000), true);
    let query = ListQuery { window, stored: None, removed: false };
    let origins = Origins::of(&app.config, app.address, &asked);
    match app.store.list(&query).await {
        Ok(listed) => {
            let files = listed.stretch.rows.into_iter().map(|row| StoredFile {
                uuid: row.uuid,
                size: row.size,
                is_image: row.is_image,
                is_stored: row.stored_at.is_some(),
                is_ready: view::is_ready(&row),
                datetime_uploaded: row.uploaded_at,
                url: format!("{}/{}/{}", origins.cdn, row.uuid, sanitised_name(&row.original_filename)),
                original_filename: row.original_filename,
                mime_type: row.mime_type,
            });
            json(&files.collect::<Vec<_>>())
        }
        Err(error) => failed(&error),
    }
}

/// `DELETE /_local/files/{uuid}`: purges a file, bytes and all, as the service does some time after its removal.
async fn purge(State(app): State<App>, Path(file): Path<FileUuid>) -> Response {
    match app.store.purge_file(file).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(%error, "could not answer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// `GET /_local/requests`: what arrived, oldest first.
async fn requests(State(app): State<App>) -> Response {
    json(&app.journal.list())
}

async fn forget_requests(State(app): State<App>) -> StatusCode {
    app.journal.clear();
    StatusCode::NO_CONTENT
}

/// A conversion or an add-on, as far as it is.
#[derive(Serialize)]
struct JobLine {
    id: i64,
    kind: &'static str,
    state: &'static str,
    token: Option<ConversionToken>,
    created: Timestamp,
    trouble: Option<String>,
}

/// `GET /_local/jobs`: newest first.
async fn jobs(State(app): State<App>, Query(params): Query<FilesParams>) -> Response {
    match app.store.recent_jobs(params.limit.clamp(1, 1000)).await {
        Ok(rows) => {
            let lines = rows.into_iter().map(|row| JobLine {
                id: row.id,
                kind: row.task.kind(),
                state: row.state.as_str(),
                token: row.token,
                created: row.created_at,
                trouble: row.trouble.map(|trouble| trouble.title),
            });
            json(&lines.collect::<Vec<_>>())
        }
        Err(error) => failed(&error),
    }
}

/// A subscription, and what was delivered to it last, newest first.
#[derive(Serialize)]
struct WebhookLog {
    id: WebhookId,
    event: Event,
    target_url: String,
    is_active: bool,
    /// Are its deliveries signed? The secret itself is for the REST API to tell.
    is_signed: bool,
    deliveries: Vec<DeliveryRecord>,
}

/// `GET /_local/webhooks`: subscriptions with their last deliveries.
async fn webhooks(State(app): State<App>, Query(params): Query<FilesParams>) -> Response {
    let log = async {
        let mut log = Vec::new();
        for row in app.store.webhooks().await? {
            let deliveries = app.store.deliveries(row.id, params.limit.clamp(1, 1000)).await?;
            log.push(WebhookLog {
                id: row.id,
                event: row.wish.event,
                target_url: row.wish.target_url,
                is_active: row.wish.is_active,
                is_signed: row.wish.signing_secret.is_some(),
                deliveries,
            });
        }
        Ok::<_, StoreError>(log)
    };
    match log.await {
        Ok(log) => json(&log),
        Err(error) => failed(&error),
    }
}

/// `GET /_local/events`: what happened to files, oldest first, whether anybody had subscribed or not.
async fn events(State(app): State<App>) -> Response {
    json(&app.events.list())
}

async fn faults(State(app): State<App>) -> Response {
    json(&app.faults.list())
}

/// `PUT /_local/faults`: these rules, in JSON or as a scenario in TOML, instead of those before.
async fn set_faults(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parsed = if content_type.starts_with("application/toml") {
        Fault::parse_scenario(&body)
    } else {
        Fault::parse_list(&body)
    };
    match parsed {
        Ok(faults) => {
            app.faults.set(faults);
            faults_now(&app)
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

fn faults_now(app: &App) -> Response {
    json(&app.faults.list())
}

async fn clear_faults(State(app): State<App>) -> StatusCode {
    app.faults.set(Vec::new());
    StatusCode::NO_CONTENT
}

/// `POST /_local/reset`: no files, groups, faults or remembered requests any more.
async fn reset(State(app): State<App>) -> Response {
    match app.reset().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

impl App {
    /// Forgets everything but who it is.
    pub(crate) async fn reset(&self) -> Result<(), StoreError> {
        self.faults.set(Vec::new());
        self.journal.clear();
        self.events.clear();
        let workshop = self.workshop.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || workshop.clear()).await {
            tracing::warn!(%error, "could not remove finished pictures");
        }
        self.store.reset().await
    }
}
