//! What arrived: the last requests, without secrets, for tests that ask what a client really sent.

use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};
use updock_types::Timestamp;

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

/// What a request is aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// An operation of the table, `part` or `cdn`.
    pub(crate) operation: Option<&'static str>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) part: Option<u64>,
    /// UUIDs and original names of the files it is about; only where a fault asks.
    pub(crate) files: Vec<String>,
}

/// One request as it is told.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// Counts from 1 up.
    pub id: u64,
    /// When its head had arrived.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path as it was sent.
    pub path: String,
    /// Query as it was sent, secrets left out.
    pub query: Option<String>,
    /// An operation of the table, `part` or `cdn`.
    pub operation: Option<&'static str>,
    /// Number of the part.
    pub part: Option<u64>,
    /// The page that sent it.
    pub origin: Option<String>,
    /// What `Content-Length` announced.
    pub content_length: Option<u64>,
    /// Bytes of the body that have arrived.
    pub received: u64,
    /// What was answered; null while nothing was, and for ever if the connection ended before.
    pub status: Option<u16>,
    /// Which fault struck: its name, or its place in the list.
    pub fault: Option<String>,
    /// How long it took until the answer's head, or the end without one, milliseconds.
    pub duration_ms: Option<u64>,
    /// Did the connection end before an answer?
    pub aborted: bool,
    /// Requests that were under way when this one came, itself included.
    pub at_once: u32,
}

/// A request under way or over.
#[derive(Debug)]
pub(crate) struct Entry {
    record: RequestRecord,
    started: Instant,
    received: AtomicU64,
    status: AtomicU16,
    fault: OnceLock<String>,
    /// Milliseconds plus one; zero while under way.
    ended: AtomicU64,
}

impl Entry {
    pub(crate) fn receive(&self, bytes: u64) -> u64 {
        self.received.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    pub(crate) fn fault(&self, name: String) {
        let _ = self.fault.set(name); // one fault strikes a request
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
        self.end();
    }

    fn end(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        let _ = self.ended.compare_exchange(0, elapsed + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn tell(&self) -> RequestRecord {
        let status = Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0);
        let duration_ms = self.ended.load(Ordering::Relaxed).checked_sub(1);
        RequestRecord {
            received: self.received.load(Ordering::Relaxed),
            fault: self.fault.get().cloned(),
            aborted: status.is_none() && duration_ms.is_some(),
            status,
            duration_ms,
            ..self.record.clone()
        }
    }
}

/// Ends its entry when it goes: also a request that was cut off is over then.
pub(crate) struct Following(pub(crate) Arc<Entry>, Arc<AtomicU32>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.end();
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The last requests.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Mutex<VecDeque<Arc<Entry>>>,
    next: AtomicU64,
    under_way: Arc<AtomicU32>,
}

impl Journal {
    /// Notes a request whose head has arrived.
    pub(crate) fn arrive(&self, target: &Target, uri: &http::Uri, headers: &http::HeaderMap) -> Following {
        let text = |name: http::HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let record = RequestRecord {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            at: crate::store::now(),
            method: target.method.clone(),
            path: uri.path().to_owned(),
            query: uri.query().map(without_secrets),
            operation: target.operation,
            part: target.part,
            origin: text(http::header::ORIGIN),
            content_length: text(http::header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
            received: 0,
            status: None,
            fault: None,
            duration_ms: None,
            aborted: false,
            at_once: self.under_way.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let entry = Arc::new(Entry {
            record,
            started: Instant::now(),
            received: AtomicU64::default(),
            status: AtomicU16::default(),
            fault: OnceLock::new(),
            ended: AtomicU64::default(),
        });
        let mut entries = self.lock();
        if entries.len() == REMEMBERED {
            entries.pop_front();
        }
        entries.push_back(entry.clone());
        Following(entry, Arc::clone(&self.under_way))
    }

    /// All that are remembered, oldest first.
    pub(crate) fn list(&self) -> Vec<RequestRecord> {
        self.lock().iter().map(|entry| entry.tell()).collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A query with the values left out that open something.
fn without_secrets(query: &str) -> String {
    const SECRET: [&str; 6] = ["signature", "x-amz-signature", "x-amz-credential", "uploadid", "token", "secret"];
    let is = |name: &str, secret: &str| crate::percent::decode(name).eq_ignore_ascii_case(secret.as_bytes());
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.iter().any(|secret| is(name, secret)) => format!("{name}=..."),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn what_opens_something_is_left_out() {
        assert_eq!(
            without_secrets("pub_key=demo&%73ignature=abc&expire=5&X-Amz-Signature=def&uploadId=1&partNumber=3"),
            "pub_key=demo&%73ignature=...&expire=5&X-Amz-Signature=...&uploadId=...&partNumber=3"
        );
    }
}
