//! Lists as lines: all pages of a list after one another, a JSON object a line (`Accept: application/x-ndjson`).
//!
//! The next page is asked for once the reader has taken the one before, so a slow reader slows us down and nothing
//! piles up. Invariant: a list that cannot be read to its end says why in its last line, a problem document, and then
//! the answer breaks off: nobody takes a part for the whole.

use crate::gateway::{self, Page};
use crate::patience;
use crate::problem::Fault;
use crate::signer::Signer;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::time::sleep;
use updock_client::Call;
use updock_types::rest::{FilesQuery, GroupsQuery, SearchPage};
use updock_types::signer::ProblemKind;

const MEDIA_TYPE: &str = "application/x-ndjson";
/// Rows of a page, where the caller does not say.
const PAGE: u16 = 250;
/// The most that the service takes of a search.
const SEARCH_PAGE: u16 = 100;
/// Between the line that says why and the end.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// The call for the first page, where `call` is a list and these headers ask for lines.
pub(crate) fn first(call: &Call, headers: &HeaderMap) -> Option<Call> {
    let asks = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains(MEDIA_TYPE));
    if !headers.get_all(header::ACCEPT).iter().any(asks) {
        return None;
    }
    match call.clone() {
        Call::FilesList(query) => Some(Call::FilesList(FilesQuery { limit: query.limit.or(Some(PAGE)), ..query })),
        Call::GroupsList(query) => Some(Call::GroupsList(GroupsQuery { limit: query.limit.or(Some(PAGE)), ..query })),
        Call::FilesSearch(search, page) => {
            Some(Call::FilesSearch(search, SearchPage { limit: page.limit.or(Some(SEARCH_PAGE)), ..page }))
        }
        _ => None,
    }
}

/// Reads a list for one caller.
pub(crate) struct Reader {
    pub(crate) signer: Signer,
    pub(crate) who: String,
    /// Where our REST front is reached.
    pub(crate) address: String,
    pub(crate) request_id: String,
}

/// What comes next.
enum Next {
    Page(Call),
    /// The reader knows why; now it must also notice.
    Break,
}

impl Reader {
    /// The answer; its first page is there already, so what is wrong from the start has a status of its own.
    pub(crate) async fn answer(self, first: Call) -> Result<Response, Fault> {
        let (rows, next) = match self.page(&first).await? {
            Page::Rows { rows, next } => (lines(&rows), next),
            Page::Answer(answer) => return Ok(answer),
        };
        let rest = stream::unfold((self, next.map(Next::Page)), |(reader, next)| async move {
            let call = match next? {
                Next::Page(call) => call,
                Next::Break => {
                    // Else the connection would be gone before its last line is.
                    sleep(LAST_WORDS).await;
                    return Some((Err(io::Error::other("the list broke off")), (reader, None)));
                }
            };
            Some(match reader.page(&call).await {
                Ok(Page::Rows { rows, next }) => (Ok(lines(&rows)), (reader, next.map(Next::Page))),
                Ok(Page::Answer(_)) => {
                    let sentence = "Uploadcare refused a page in the middle of the list; ask again.";
                    reader.broken(Fault::new(ProblemKind::UpstreamUnavailable, sentence))
                }
                Err(fault) => reader.broken(fault),
            })
        });
        let body = Body::from_stream(stream::iter([Ok(rows)]).chain(rest));
        let mut response = body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        Ok(response)
    }

    async fn page(&self, call: &Call) -> Result<Page, Fault> {
        // Nobody waits for the whole of a list, so each page may wait as long as any call.
        let asker = self.signer.upstream().for_caller(&self.who, patience::MOST);
        gateway::page(asker, &self.signer.policy(), &self.address, call).await
    }

    fn broken(self, fault: Fault) -> (Result<Bytes, io::Error>, (Self, Option<Next>)) {
        let problem = fault.into_problem(&self.request_id);
        let line = serde_json::to_vec(&problem).map_err(io::Error::other).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        });
        (line, (self, Some(Next::Break)))
    }
}

fn lines(rows: &[Value]) -> Bytes {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.to_string());
        text.push('\n');
    }
    text.into()
}
