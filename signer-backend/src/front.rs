//! The REST front's one handler: parse, decide, record, forward. What an operation needs stands in the table.

use crate::body::{self, BATCH_LIMIT, Body, FRONT_LIMIT, Label};
use crate::decision::Need;
use crate::problem::Fault;
use crate::signer::{Asked, Signer, Visit};
use crate::{gateway, operation, sentence};
use axum::extract::{Request, State};
use axum::response::Response;
use updock_types::signer::{ProblemKind, paths};
use updock_types::{Area, Operation};

/// `/v1/uploadcare/...`, and the same at the root for SDKs that know no path in their base address.
pub(crate) async fn uploadcare(
    State(signer): State<Signer>,
    visit: Visit,
    request: Request,
) -> Result<Response, Fault> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (prefix, path) = match uri.path().strip_prefix(paths::UPLOADCARE) {
        Some(path) => (paths::UPLOADCARE, path),
        None => ("", uri.path()),
    };
    let address = operation::address(&method, path)?;
    let row = address.row;
    let read = if operation::has_body(row) { Some(read(row, request).await?) } else { None };
    let body = match &read {
        None => Body::NONE,
        Some((Label::Form, bytes)) => Body::Form(bytes),
        Some((_, bytes)) => Body::Json(bytes),
    };
    let call = operation::call(address, uri.query(), &body)?;
    let words = sentence::call_words(&call);
    let asked = Asked { operation: row.id.as_str(), words: &words, sentence_follows: false };
    let allowed = signer.decide(&visit, Need::of_call(&call), asked, call).await?;
    let address = format!("{}{prefix}", signer.address());
    match gateway::forward(signer.client(), signer.policy(), &address, &allowed).await {
        Ok(response) => Ok(response),
        Err(fault) => Err(signer.came_to_nothing(&visit, asked, fault).await?),
    }
}

/// The body with its label, one media type for each operation: a form only where official SDKs send one.
async fn read(row: &Operation, request: Request) -> Result<(Label, bytes::Bytes), Fault> {
    let label = Label::of(&request);
    let takes_form = row.area == Area::Webhooks;
    let limit = if row.batch_limit.is_some() { BATCH_LIMIT } else { FRONT_LIMIT };
    let bytes = body::read(request, limit).await?;
    match label {
        Label::Json => Ok((label, bytes)),
        Label::Form if takes_form => Ok((label, bytes)),
        _ if bytes.is_empty() => Err(Fault::new(ProblemKind::BadRequest, "This operation needs a body, as JSON.")),
        _ => Err(body::wrong_type()),
    }
}
