//! `Idempotency-Key`: a request that is sent again with the same key gets the answer that it got, and is not done again.
//!
//! A key belongs to one caller and one request: with another request it is refused. Kept for a day, in clear, for
//! whoever reads the database: so secrets are told once, and are not in what is kept. Source: the IETF
//! draft "The Idempotency-Key HTTP Header Field".

use crate::gateway::redact;
use crate::problem::Fault;
use crate::signing::hex;
use crate::state::{Claim, KeptAnswer, State, StateError, now};
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use std::future::Future;
use updock_types::Redaction;
use updock_types::signer::ProblemKind;

const HEADER: &str = "idempotency-key";
/// Longest key in characters.
const LONGEST: usize = 200;
const KEPT: i64 = 86_400_000;
/// How long a request may take before it counts as lost: longer than any call of Uploadcare.
const LEASE: i64 = 120_000;

/// The key of a request; `None` without one.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && text.len() <= LONGEST);
    match (text, given.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => {
            let sentence = format!("`Idempotency-Key` should stand there once, with 1 to {LONGEST} plain characters.");
            Err(Fault::new(ProblemKind::BadRequest, sentence))
        }
    }
}

/// In front of what keeps no key: whoever counts on one is refused, instead of being done again with each repeat.
pub(crate) async fn not_kept(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && request.headers().contains_key(HEADER) {
        let sentence = "No Idempotency-Key is kept at this address, so nothing was done; leave the header out, and look \
            at what came of a request before you send it again.";
        return Fault::new(ProblemKind::BadRequest, sentence).into_response();
    }
    next.run(request).await
}

/// The key of a request that is made of these parts, and what makes another one the same.
pub(crate) fn asked(headers: &HeaderMap, parts: &[&[u8]]) -> Result<Option<(String, String)>, Fault> {
    Ok(key(headers)?.map(|key| (key.to_owned(), fingerprint(parts))))
}

/// What makes a request the same as another: its parts, told apart.
fn fingerprint(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// What became of a request with a key.
pub(crate) enum Once {
    /// It was carried out, now.
    Now(Result<Response, Fault>),
    /// It was carried out before, and this was its answer. Nothing was done now.
    Before(Response),
    /// Its key stands against it. Nothing was done.
    Not(Fault),
}

/// Acts once for `caller`'s `key`, and gives the same answer from then on, without what is `secret` in it.
pub(crate) async fn once(
    state: &dyn State,
    caller: &str,
    (key, fingerprint): (String, String),
    secret: Redaction,
    act: impl Future<Output = Result<Response, Fault>>,
) -> Once {
    let key = format!("{caller}:{key}");
    match claim(state, key.clone(), fingerprint).await {
        Ok(None) => Once::Now(act_and_settle(state, key, secret, act).await),
        Ok(Some(answer)) => Once::Before(again(answer)),
        Err(fault) => Once::Not(fault),
    }
}

fn unkept(error: &StateError) -> Fault {
    tracing::error!(%error, "an idempotency key cannot be kept");
    Fault::new(ProblemKind::Unavailable, "The key cannot be kept, so nothing was done; try again later.")
}

/// Claims the key. What was answered before, if it was.
async fn claim(state: &dyn State, key: String, fingerprint: String) -> Result<Option<KeptAnswer>, Fault> {
    let at = now();
    match state.claim(key, fingerprint, at, at + LEASE, at + KEPT).await.map_err(|error| unkept(&error))? {
        Claim::Yours => Ok(None),
        Claim::Done(answer) => Ok(Some(answer)),
        Claim::Running => {
            let sentence = "The same request is being carried out right now; ask again for its answer.";
            Err(Fault::new(ProblemKind::Conflict, sentence).retry_after(std::time::Duration::from_secs(1)))
        }
        Claim::Different => {
            let sentence = "This Idempotency-Key came with another request before; take a new one.";
            Err(Fault::new(ProblemKind::KeyReused, sentence))
        }
        Claim::Lost => {
            let sentence = "This request was begun before, and nobody knows what came of it; look before you send it \
                again, with a new Idempotency-Key.";
            Err(Fault::new(ProblemKind::Conflict, sentence))
        }
    }
}

async fn act_and_settle(
    state: &dyn State,
    key: String,
    secret: Redaction,
    act: impl Future<Output = Result<Response, Fault>>,
) -> Result<Response, Fault> {
    let response = match act.await {
        Ok(response) => response,
        Err(fault) => {
            // Where nobody knows whether Uploadcare did it, the key stays taken: sending it again might do it twice.
            if !matches!(fault.status(), 502 | 504) {
                state.settle(key, None).await.map_err(|error| unkept(&error))?;
            }
            return Err(fault);
        }
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let answer = KeptAnswer {
        status: parts.status.as_u16(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: without(secret, &body),
    };
    // Done is done: that it cannot be kept does not change the answer.
    if let Err(error) = state.settle(key, Some(answer)).await {
        tracing::error!(%error, "an answer cannot be kept under its idempotency key");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A body as it is kept. What cannot be read is not kept: nobody knows what is in it.
fn without(secret: Redaction, body: &[u8]) -> Vec<u8> {
    if secret == Redaction::None {
        return body.to_vec();
    }
    let value = serde_json::from_slice::<serde_json::Value>(body);
    value.map_or_else(
        |_| Vec::new(),
        |mut value| {
            redact(&mut value, secret);
            value.to_string().into_bytes()
        },
    )
}

fn again(answer: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    if let Ok(content_type) = HeaderValue::from_str(&answer.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MemoryState;

    async fn ask(state: &MemoryState, fingerprint: &str, answer: Result<u16, ProblemKind>) -> (u16, bool) {
        let act = async {
            match answer {
                Ok(status) => Ok((StatusCode::from_u16(status).unwrap(), "done").into_response()),
                Err(kind) => Err(Fault::new(kind, "No.")),
            }
        };
        let key = ("k".to_owned(), fingerprint.to_owned());
        let response = match once(state, "media", key, Redaction::None, act).await {
            Once::Now(done) => done.into_response(),
            Once::Before(response) => response,
            Once::Not(fault) => fault.into_response(),
        };
        (response.status().as_u16(), response.headers().contains_key("idempotent-replayed"))
    }

    #[tokio::test]
    async fn a_request_is_done_once_and_answered_the_same() {
        let state = MemoryState::default();
        assert_eq!(
            ask(&state, "one", Err(ProblemKind::Throttled)).await,
            (429, false),
            "what was not done is not kept"
        );
        assert_eq!(ask(&state, "one", Ok(201)).await, (201, false));
        assert_eq!(ask(&state, "one", Ok(500)).await, (201, true));
        assert_eq!(ask(&state, "two", Ok(200)).await, (422, false));
    }

    #[tokio::test]
    async fn what_may_have_been_done_is_not_done_again() {
        let state = MemoryState::default();
        assert_eq!(ask(&state, "one", Err(ProblemKind::UpstreamTimeout)).await, (504, false));
        assert_eq!(ask(&state, "one", Ok(201)).await, (409, false));
    }

    #[tokio::test]
    async fn a_request_that_is_under_way_is_not_begun_again_and_counts_as_lost_after_two_minutes() {
        let state = MemoryState::default();
        let claimed = async |later: i64| {
            let at = now() + later;
            state.claim("media:k".to_owned(), "one".to_owned(), at, at, at).await.unwrap()
        };
        let act = async {
            assert_eq!(ask(&state, "one", Ok(200)).await, (409, false));
            assert!(matches!(claimed(LEASE - 10_000).await, Claim::Running));
            assert!(matches!(claimed(LEASE + 10_000).await, Claim::Lost));
            Ok(StatusCode::CREATED.into_response())
        };
        let key = ("k".to_owned(), "one".to_owned());
        assert!(matches!(once(&state, "media", key, Redaction::None, act).await, Once::Now(Ok(_))));
        assert_eq!(ask(&state, "one", Ok(200)).await, (201, true));
        assert!(matches!(claimed(KEPT - 10_000).await, Claim::Done(_)));
        assert!(matches!(claimed(KEPT + 10_000).await, Claim::Yours), "a day later the key may be taken anew");
    }

    #[test]
    fn a_key_stands_there_once() {
        let headers = |values: &[&str]| -> HeaderMap {
            let value = |value: &&str| (http::HeaderName::from_static(HEADER), HeaderValue::from_str(value).unwrap());
            values.iter().map(value).collect()
        };
        assert_eq!(key(&headers(&[])).unwrap(), None);
        for good in ["abc", &"x".repeat(200)] {
            assert_eq!(key(&headers(&[good])).unwrap(), Some(good));
        }
        for bad in [&["a", "b"][..], &[""], &[&"x".repeat(201)]] {
            assert!(key(&headers(bad)).is_err(), "{bad:?}");
        }
        assert_ne!(fingerprint(&[b"a", b"bc"]), fingerprint(&[b"ab", b"c"]));
    }
}
