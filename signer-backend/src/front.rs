//! The REST front's one handler: parse, decide, record, forward. What an operation needs stands in the table.

use crate::body::{self, BATCH_LIMIT, Body, FRONT_LIMIT, Label};
use crate::decision::{Allowed, Need};
use crate::idempotency::Once;
use crate::problem::Fault;
use crate::signer::{Asked, Signer, Visit};
use crate::webhooks::ours::Ours;
use crate::{gateway, idempotency, listing, operation, patience, sentence};
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Method};
use std::time::Instant;
use updock_client::Call;
use updock_types::signer::{ProblemKind, paths};
use updock_types::{Area, Operation};

/// `/v1/uploadcare/...`, and the same at the root for SDKs that know no path in their base address.
pub(crate) async fn uploadcare(
    State(signer): State<Signer>,
    visit: Visit,
    mut request: Request,
) -> Result<Response, Fault> {
    // A GET whose body is left out, which the router sees to. Source: RFC 9110, 9.3.2.
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    if request.method() == Method::GET {
        return answer(signer, visit, request).await;
    }
    signer.clone().sees_through(Box::pin(answer(signer, visit, request))).await
}

async fn answer(signer: Signer, visit: Visit, request: Request) -> Result<Response, Fault> {
    let (Parts { method, uri, headers, .. }, body) = request.into_parts();
    let (prefix, path) = match uri.path().strip_prefix(paths::UPLOADCARE) {
        Some(path) => (paths::UPLOADCARE, path),
        None => ("", uri.path()),
    };
    let address = operation::address(&method, path)?;
    let row = address.row;
    let read = if operation::has_body(row) { Some(read(row, &headers, body).await?) } else { None };
    let body = match &read {
        None => Body::NONE,
        Some((Label::Form, bytes)) => Body::Form(bytes),
        Some((_, bytes)) => Body::Json(bytes),
    };
    let sent = read.as_ref().map(|(_, bytes)| bytes.as_ref()).unwrap_or_default();
    let query = uri.query().unwrap_or_default().as_bytes();
    let key = idempotency::asked(&headers, &[row.id.as_str().as_bytes(), path.as_bytes(), query, sent])?;
    let key = key.filter(|_| method != Method::GET);
    let no_ids = operation::no_ids(row, &body);
    let call = operation::call(address, uri.query(), &body)?;
    let words = sentence::call_words(&call);
    let wish = Wish { operation: row.id.as_str(), words: &words, need: Need::of_call(&call), key };
    let address = format!("{}{prefix}", signer.address());
    let lines = listing::first(&call, &headers);
    carry_out(&signer, &visit, wish, call, async |allowed| match lines {
        Some(first) => {
            let (who, request_id) = (visit.caller().id().to_owned(), visit.request_id().to_owned());
            let reader = listing::Reader { signer: signer.clone(), who, address, request_id };
            reader.answer(first).await
        }
        None => {
            let asker = signer.upstream().for_caller(visit.caller().id(), patience::of(&headers));
            let policy = signer.policy();
            let ours = Ours::known(&**signer.state(), allowed.what()).await?;
            if let Some(ours) = &ours {
                ours.stays(allowed.what(), asker, &policy).await?;
            }
            gateway::forward(asker, &policy, &address, allowed, &no_ids, ours.as_ref()).await
        }
    })
    .await
}

/// An operation that somebody asks for.
pub(crate) struct Wish<'a> {
    pub(crate) operation: &'static str,
    pub(crate) words: &'a str,
    pub(crate) need: Need,
    /// Its idempotency key, and what makes another request the same.
    pub(crate) key: Option<(String, String)>,
}

/// Decides, records, acts, and records what came of it; once only where the wish has a key. A repeat has an outcome too:
/// what has none counts as left by a crash.
pub(crate) async fn carry_out(
    signer: &Signer,
    visit: &Visit,
    wish: Wish<'_>,
    call: Call,
    act: impl AsyncFnOnce(&Allowed<Call>) -> Result<Response, Fault>,
) -> Result<Response, Fault> {
    let asked = Asked { operation: wish.operation, words: wish.words, sentence_follows: false };
    let secret = wish.need.redact;
    let allowed = signer.decide(visit, wish.need, asked, call).await?;
    let act = async {
        let start = Instant::now();
        match act(&allowed).await {
            Ok(response) => {
                signer.carried_out(visit, asked, response.status().as_u16(), start.elapsed()).await;
                Ok(response)
            }
            Err(fault) => Err(signer.came_to_nothing(visit, asked, fault).await?),
        }
    };
    match wish.key {
        None => act.await,
        Some(key) => {
            match idempotency::once(&**signer.state(), visit.caller().id(), key, secret, Box::pin(act)).await {
                Once::Now(done) => done,
                Once::Before(response) => {
                    signer.answered_as_before(visit, asked).await;
                    Ok(response)
                }
                Once::Not(fault) => Err(signer.came_to_nothing(visit, asked, fault).await?),
            }
        }
    }
}

/// The body with its label, one media type for each operation: a form only where official SDKs send one.
async fn read(row: &Operation, headers: &HeaderMap, body: axum::body::Body) -> Result<(Label, bytes::Bytes), Fault> {
    let label = Label::of(headers);
    let takes_form = row.area == Area::Webhooks;
    let limit = if row.batch_limit.is_some() { BATCH_LIMIT } else { FRONT_LIMIT };
    let bytes = body::read_of(headers, body, limit).await?;
    match label {
        Label::Json => Ok((label, bytes)),
        Label::Form if takes_form => Ok((label, bytes)),
        _ if bytes.is_empty() => Err(Fault::new(ProblemKind::BadRequest, "This operation needs a body, as JSON.")),
        _ => Err(body::wrong_type()),
    }
}
