//! `GET /v1/events?token=...`: what happens to a few files, told to a browser as it happens.
//!
//! A browser's `EventSource` can send no header, so its token stands in the address: it is good for one purpose, for
//! the files that it names, and for minutes. `POST /v1/event-tokens` makes one for whoever may upload.

use crate::body::Json;
use crate::decision::Need;
use crate::own;
use crate::problem::Fault;
use crate::signer::{Asked, Signer, Visit};
use crate::signing::Signing;
use crate::state::{EventRow, State as Store};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use http::{HeaderMap, Uri};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use updock_types::FileUuid;
use updock_types::signer::{EventTokenRequest, IssuedEventToken, ProblemKind};

/// The type in a token's header.
pub const EVENTS_TYPE: &str = "updock-events+jwt";
/// The name of the signing key in the state.
pub(super) const KEY: &str = "events";
/// How long a token is good, in seconds.
const TTL: u64 = 600;
/// Most files that a token names.
const MOST_FILES: usize = 100;
/// Most streams of one caller, and of all.
const MOST_STREAMS: usize = 16;
const MOST_STREAMS_OF_ALL: usize = 512;
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often to look for what other instances heard.
const LOOK: Duration = Duration::from_millis(500);
const PAGE: u32 = 200;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventToken {
    /// Unix seconds; not good from then on.
    pub exp: u64,
    /// Who asked for it.
    pub sub: String,
    /// The files it is about.
    pub files: Vec<FileUuid>,
    /// Events before this position are not told.
    pub from: i64,
}

/// How many streams each caller has.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<String, usize>>);

/// A place among the streams; given back when dropped.
struct Place {
    streams: Arc<Streams>,
    caller: String,
}

impl Streams {
    fn take(self: &Arc<Self>, caller: &str) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= MOST_STREAMS_OF_ALL {
            return None;
        }
        let own = taken.entry(caller.to_owned()).or_default();
        if *own >= MOST_STREAMS {
            return None;
        }
        *own += 1;
        Some(Place { streams: Arc::clone(self), caller: caller.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

fn unix_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

pub(crate) fn mint(key: &Signing, token: &EventToken) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(EVENTS_TYPE.to_owned());
    jsonwebtoken::encode(&header, token, &EncodingKey::from_ed_der(&key.pkcs8()))
        .expect("a token is text and numbers, and the key is whole")
}

pub(crate) fn read(key: &Signing, text: &str, now: u64) -> Option<EventToken> {
    let header = jsonwebtoken::decode_header(text).ok()?;
    if header.typ.as_deref() != Some(EVENTS_TYPE) {
        return None;
    }
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false; // below, without leeway
    validation.required_spec_claims.clear();
    let public = DecodingKey::from_ed_der(&key.verifying().bytes());
    let token = jsonwebtoken::decode::<EventToken>(text, &public, &validation).ok()?.claims;
    (token.exp > now).then_some(token)
}

/// `POST /v1/event-tokens`: a token to hear what happens to some files. Needs `uploads: read`.
pub(crate) async fn issue(
    State(signer): State<Signer>,
    visit: Visit,
    Json(EventTokenRequest { files }): Json<EventTokenRequest>,
) -> Result<Response, Fault> {
    let asked = Asked { operation: own::EVENT_TOKEN.id, words: own::EVENT_TOKEN.words, sentence_follows: false };
    signer.decide(&visit, Need::own(&own::EVENT_TOKEN), asked, ()).await?;
    if files.is_empty() || files.len() > MOST_FILES {
        let sentence = format!("`files` should name 1 to {MOST_FILES} files.");
        return Err(Fault::new(ProblemKind::BadRequest, sentence));
    }
    let key = signer.events_key().ok_or_else(off)?;
    let from = signer.state().newest_event().await.map_err(|error| unread(&error))?;
    let expires_at = unix_now() + TTL;
    let token = mint(key, &EventToken { exp: expires_at, sub: visit.caller().id().to_owned(), files, from });
    Ok(axum::Json(IssuedEventToken { token, expires_at }).into_response())
}

fn off() -> Fault {
    Fault::new(ProblemKind::NotFound, "This signer hears of no events; its policy has no section [webhooks].")
}

fn unread(error: &crate::state::StateError) -> Fault {
    tracing::error!(%error, "events cannot be read");
    Fault::new(ProblemKind::Unavailable, "Events cannot be read right now; try again later.")
}

/// `GET /v1/events?token=...`: the stream.
pub(crate) async fn events(State(signer): State<Signer>, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    let key = signer.events_key().ok_or_else(off)?;
    let query = uri.query().unwrap_or_default();
    let mut tokens = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "token");
    let token = tokens.next().and_then(|(_, text)| read(key, &text, unix_now())).ok_or_else(|| {
        let sentence = "This token is not good, or not any more; ask for another at /v1/event-tokens.";
        Fault::new(ProblemKind::Unauthenticated, sentence)
    })?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let place = signer.streams().take(&token.sub).ok_or_else(|| {
        Fault::new(ProblemKind::Throttled, "There are too many streams; close one, or come back in a minute.")
            .retry_after(Duration::from_mins(1))
    })?;
    let follow = Follow {
        state: Arc::clone(signer.state()),
        files: token.files.iter().map(ToString::to_string).collect(),
        // Not from before the token was made, whatever a reader asks for.
        after: last.unwrap_or(token.from).max(token.from),
        until: token.exp,
        waiting: VecDeque::new(),
        heard: signer.hears(),
        closing: signer.closing(),
        _place: place,
    };
    Ok(Sse::new(stream_of(follow)).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

struct Follow {
    state: Arc<dyn Store>,
    files: HashSet<String>,
    after: i64,
    until: u64,
    waiting: VecDeque<EventRow>,
    heard: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
    _place: Place,
}

fn stream_of(follow: Follow) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(follow, |mut follow| async move {
        loop {
            while let Some(row) = follow.waiting.pop_front() {
                follow.after = row.position;
                let ours = !row.late && row.file.as_ref().is_some_and(|file| follow.files.contains(file));
                if ours {
                    return Some((Ok(told(&row)), follow));
                }
            }
            if *follow.closing.borrow() || unix_now() >= follow.until {
                return None;
            }
            match follow.state.events(follow.after, PAGE).await {
                Ok(rows) if !rows.is_empty() => follow.waiting = rows.into(),
                Ok(_) => {
                    tokio::select! {
                        _ = follow.heard.changed() => {}
                        _ = follow.closing.changed() => {}
                        () = tokio::time::sleep(LOOK) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events cannot be followed any more");
                    return None;
                }
            }
        }
    })
}

/// What a browser hears: which event, which file, when. The rest of the payload is not for browsers.
fn told(row: &EventRow) -> Event {
    let data = serde_json::json!({ "event": row.event, "uuid": row.file, "at": row.at });
    Event::default().id(row.position.to_string()).event(row.event.clone()).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_time_its_purpose_and_its_key() {
        let key = Signing::from_seed([3; 32]);
        let file = FileUuid::from_random_bytes([7; 16]);
        let token = EventToken { exp: 100, sub: "visitor".to_owned(), files: vec![file], from: 5 };
        let text = mint(&key, &token);
        assert_eq!(read(&key, &text, 99), Some(token.clone()));
        assert_eq!(read(&key, &text, 100), None);
        assert_eq!(read(&Signing::from_seed([4; 32]), &text, 99), None);
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(crate::receipt::RECEIPT_TYPE.to_owned());
        let other = jsonwebtoken::encode(&header, &token, &EncodingKey::from_ed_der(&key.pkcs8())).unwrap();
        assert_eq!(read(&key, &other, 99), None, "a receipt opens no stream");
        assert_eq!(read(&key, "", 0), None);
    }

    #[test]
    fn a_caller_has_so_many_streams_and_no_more() {
        let streams = Arc::new(Streams::default());
        let mut places: Vec<_> = (0..MOST_STREAMS).map(|_| streams.take("a").unwrap()).collect();
        assert!(streams.take("a").is_none());
        assert!(streams.take("b").is_some());
        places.pop();
        assert!(streams.take("a").is_some());
    }
}
