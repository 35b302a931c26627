//! `GET /v1/audit`: the log, searched, followed and exported. `audit: read` shows a caller its own records, `audit:
//! full` everyone's.

use super::{Entry, command, csv_head, csv_line, entry::micros};
use crate::decision::{Need, Verdict};
use crate::own;
use crate::policy::seconds;
use crate::problem::Fault;
use crate::query;
use crate::signer::{Asked, Signer, Visit};
use crate::state::{AuditQuery, AuditRow, State as Store, StateError, TailPosition, now};
use axum::body::Body;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, Uri, header};
use serde_json::{Value, json, value::RawValue};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use updock_types::signer::ProblemKind;
use updock_types::{Area, Level};

const DEFAULT_LIMIT: u32 = 100;
const MOST: u32 = 1000;
/// What a search takes.
const PARAMETERS: &[&str] =
    &["caller", "area", "operation", "verdict", "request", "text", "from", "to", "limit", "before"];
/// How often a tail looks for what other instances wrote.
const LOOK: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Tail,
    Lines,
    Table,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first =
            |name: &str| accept.split(',').any(|part| part.split(';').next().unwrap_or_default().trim() == name);
        match () {
            () if first("text/event-stream") => Self::Tail,
            () if first("application/x-ndjson") => Self::Lines,
            () if first("text/csv") => Self::Table,
            () => Self::Page,
        }
    }
}

/// Search, tail, export.
pub(crate) async fn audit(
    State(signer): State<Signer>,
    visit: Visit,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let mut query = read_query(uri.query().unwrap_or_default())?;
    let form = Form::of(&headers);
    let foreign = query.caller.as_deref().is_some_and(|caller| caller != visit.caller().id());
    let everyone = visit.caller().grants().level(Area::Audit) == Level::Full;
    let asked = Asked {
        operation: own::AUDIT_READ.id,
        words: match form {
            Form::Page => "search the audit log",
            Form::Tail => "follow the audit log",
            Form::Lines | Form::Table => "export the audit log",
        },
        sentence_follows: false,
    };
    // One's own records, or everyone's.
    let level = if foreign { Level::Full } else { own::AUDIT_READ.level };
    signer.decide(&visit, Need::own(&own::AUDIT_READ).at(level), asked, ()).await?;
    if !everyone {
        query.caller = Some(visit.caller().id().to_owned());
    }
    let state = Arc::clone(signer.state());
    Ok(match form {
        Form::Page => page(&*state, query).await?,
        Form::Tail => tail(&signer, state, query, headers.get("last-event-id")).await?,
        Form::Lines => streamed("application/x-ndjson", None, export(state, query), |row| row.record.clone() + "\n"),
        Form::Table => streamed("text/csv; charset=utf-8", Some(csv_head()), export(state, query), |row| {
            serde_json::from_str::<Entry<'_>>(&row.record).map(|entry| csv_line(&entry)).unwrap_or_default()
        }),
    })
}

pub(super) fn read_query(text: &str) -> Result<AuditQuery, Fault> {
    let mut wanted = AuditQuery { most: DEFAULT_LIMIT, ..AuditQuery::default() };
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let told = |meant: String, expected: &str| {
            Fault::new(ProblemKind::BadRequest, format!("{meant}`{name}` should be {expected}."))
        };
        let wrong = |expected: &str| told(String::new(), expected);
        let ago = || Some((now() - i64::from(seconds(&value).ok()?) * 1000).saturating_mul(1000));
        let time = || {
            let at = micros(&value).or_else(ago);
            at.ok_or_else(|| wrong("a date and time, like 2026-09-21T12:44:02Z, or so long ago, like 1d"))
        };
        // What no record can hold is a slip of whoever asks, and not an empty answer.
        let known = |names: &mut dyn Iterator<Item = &'static str>, what: &str| {
            let names: Vec<_> = names.collect();
            if names.contains(&&*value) {
                return Ok(Some(value.to_string()));
            }
            Err(told(query::meant(&value, names.into_iter()), what))
        };
        let text = || if value.len() <= 200 { Ok(Some(value.to_string())) } else { Err(wrong("shorter")) };
        match name.as_ref() {
            "caller" => wanted.caller = text()?,
            "area" => wanted.area = known(&mut Area::ALL.iter().map(|area| area.as_str()), "an area, like files")?,
            "operation" => {
                let mut all = own::ids().chain(command::OPERATIONS);
                wanted.operation = known(&mut all, "an operation, like files.delete")?;
            }
            "verdict" => {
                let all = [Verdict::Allow, Verdict::Deny, Verdict::NeedsApproval].map(Verdict::as_str);
                wanted.verdict = known(&mut all.into_iter(), "allow, deny or needs_approval")?;
            }
            "request" => wanted.request = text()?,
            "text" => wanted.text = text()?,
            "from" => wanted.from = Some(time()?),
            "to" => wanted.to = Some(time()?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                wanted.most = limit.ok_or_else(|| wrong("a number from 1 to 1000"))?;
            }
            "before" => wanted.before = Some(cursor(&value).ok_or_else(|| wrong("the `next` of a page before"))?),
            _ => return Err(query::unknown(&name, PARAMETERS)),
        }
    }
    Ok(wanted)
}

/// `<microseconds>.<node>.<number>`.
fn cursor(text: &str) -> Option<(i64, String, i64)> {
    let (at, rest) = text.split_once('.')?;
    let (node, seq) = rest.rsplit_once('.')?;
    Some((at.parse().ok()?, node.to_owned(), seq.parse().ok()?))
}

fn next(row: &AuditRow) -> String {
    format!("{}.{}.{}", row.at, row.node, row.seq)
}

fn failed(error: &StateError) -> Fault {
    tracing::error!(%error, "the audit log cannot be read");
    Fault::new(ProblemKind::Unavailable, "The audit log cannot be read right now; try again later.")
}

/// A record as it is kept, with its hash: so a reader can check the chain.
fn shown(row: &AuditRow) -> Value {
    let mut value: Value = serde_json::from_str(&row.record).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("hash".to_owned(), Value::String(row.hash.clone()));
    }
    value
}

async fn page(state: &dyn Store, query: AuditQuery) -> Result<Response, Fault> {
    let most = query.most;
    let rows = state.search(query).await.map_err(|error| failed(&error))?;
    let more = rows.len() == usize::try_from(most).unwrap_or(usize::MAX);
    let records: Vec<Value> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "records": records, "next": rows.last().filter(|_| more).map(next) })).into_response())
}

/// All rows that fit, newest first, a page at a time: the reader's pace is ours.
pub(super) fn export(
    state: Arc<dyn Store>,
    query: AuditQuery,
) -> impl Stream<Item = Result<AuditRow, StateError>> + Send {
    let first = (state, Some(AuditQuery { most: MOST, ..query }), VecDeque::<AuditRow>::new());
    stream::try_unfold(first, |(state, mut query, mut rows)| async move {
        if rows.is_empty()
            && let Some(asked) = query.take()
        {
            rows = state.search(asked.clone()).await?.into();
            let full = rows.len() == usize::try_from(MOST).unwrap_or(usize::MAX);
            let last = rows.back().filter(|_| full);
            query = last.map(|row| AuditQuery { before: Some((row.at, row.node.clone(), row.seq)), ..asked });
        }
        Ok(rows.pop_front().map(|row| (row, (state, query, rows))))
    })
}

fn streamed(
    media_type: &'static str,
    head: Option<&'static str>,
    rows: impl Stream<Item = Result<AuditRow, StateError>> + Send + 'static,
    write: fn(&AuditRow) -> String,
) -> Response {
    let head = stream::iter(head.map(|head| Ok(head.to_owned())));
    let body = head.chain(rows.map(move |row| row.map(|row| write(&row))));
    ([(header::CONTENT_TYPE, media_type)], Body::from_stream(body)).into_response()
}

/// Follows the log: what fits and comes from now on, or from where a reader was before. Its event id says how far each
/// chain was read.
async fn tail(
    signer: &Signer,
    state: Arc<dyn Store>,
    query: AuditQuery,
    last: Option<&http::HeaderValue>,
) -> Result<Response, Fault> {
    let position = match last {
        Some(value) => value.to_str().ok().and_then(position).ok_or_else(|| {
            Fault::new(ProblemKind::BadRequest, "`Last-Event-ID` should be the id of an event of this stream.")
        })?,
        None => ends(&*state).await.map_err(|error| failed(&error))?,
    };
    let events = follow(signer, state, query, position).map(|(row, position)| {
        let data = RawValue::from_string(shown(&row).to_string()).unwrap_or_default();
        Ok::<_, Infallible>(Event::default().id(position_text(&position)).event("record").data(data.get()))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// Where each chain ends.
pub(super) async fn ends(state: &dyn Store) -> Result<TailPosition, StateError> {
    let mut position = TailPosition::new();
    for node in state.chains().await? {
        let mut end = state.marks(node.clone()).await?.last().map_or(0, |mark| mark.seq);
        // From the last checkpoint on; that is a short way.
        loop {
            let page = state.chain(node.clone(), end, MOST).await?;
            let Some(row) = page.last() else { break };
            end = row.seq;
        }
        position.insert(node, end);
    }
    Ok(position)
}

fn position_text(position: &TailPosition) -> String {
    let ends: Vec<String> = position.iter().map(|(node, seq)| format!("{node}:{seq}")).collect();
    ends.join(",")
}

fn position(text: &str) -> Option<TailPosition> {
    let one = |part: &str| {
        let (node, seq) = part.split_once(':')?;
        Some((node.to_owned(), seq.parse().ok()?))
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

/// Rows as they come, each with the position after it.
fn follow(
    signer: &Signer,
    state: Arc<dyn Store>,
    query: AuditQuery,
    position: TailPosition,
) -> impl Stream<Item = (AuditRow, TailPosition)> + Send + use<> {
    let news = signer.log().news();
    let closing = signer.closing();
    let first = (state, query, position, VecDeque::<AuditRow>::new(), news, closing);
    stream::unfold(first, |(state, query, mut position, mut rows, mut news, mut closing)| async move {
        loop {
            while let Some(row) = rows.pop_front() {
                position.insert(row.node.clone(), row.seq);
                if fits(&row, &query) {
                    return Some(((row, position.clone()), (state, query, position, rows, news, closing)));
                }
            }
            if *closing.borrow() {
                return None;
            }
            match more(&*state, &position).await {
                Ok(found) if !found.is_empty() => rows = found,
                Ok(_) => wait(news.as_mut(), &mut closing).await,
                Err(error) => {
                    tracing::warn!(%error, "the audit log cannot be followed any more");
                    return None;
                }
            }
        }
    })
}

async fn wait(news: Option<&mut tokio::sync::watch::Receiver<()>>, closing: &mut tokio::sync::watch::Receiver<bool>) {
    let told = async {
        match news {
            // An error means that the log has ended; then only time goes on.
            Some(news) => {
                if news.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = told => {}
        _ = closing.changed() => {}
        () = tokio::time::sleep(LOOK) => {}
    }
}

pub(super) async fn more(state: &dyn Store, position: &TailPosition) -> Result<VecDeque<AuditRow>, StateError> {
    let mut rows = Vec::new();
    for node in state.chains().await? {
        let after = position.get(&node).copied().unwrap_or(0);
        rows.extend(state.chain(node, after, DEFAULT_LIMIT).await?);
    }
    rows.sort_by(|a, b| (a.at, &a.node, a.seq).cmp(&(b.at, &b.node, b.seq)));
    Ok(rows.into())
}

pub(super) fn fits(row: &AuditRow, query: &AuditQuery) -> bool {
    let is = |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
    is(&query.caller, &row.caller)
        && is(&query.area, &row.area)
        && is(&query.operation, &row.operation)
        && is(&query.verdict, &row.verdict)
        && is(&query.request, &row.request)
        && query.text.as_ref().is_none_or(|text| row.record.to_lowercase().contains(&text.to_lowercase()))
}
