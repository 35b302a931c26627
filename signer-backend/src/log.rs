//! Where decisions are recorded. [`DecisionLog`] is the seam: a line on standard output, the audit log in the state
//! ([`AuditLog`](crate::audit::AuditLog)), or whatever an application brings along.
//!
//! Invariant: recording comes first. A record that cannot be written is an error, and what it was about is then not
//! done. The queue is bounded: when the reader of our output stalls, callers wait instead of memory growing.

use crate::decision::Verdict;
use std::future::Future;
use std::io::{self, Write};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot, watch};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Somebody asked; this was decided, before anything was done.
    Decision,
    /// What came of it.
    Outcome,
    /// Something that nobody asked for.
    Event,
}

/// One record.
#[derive(Debug, Clone)]
pub struct Record {
    /// When.
    pub at: SystemTime,
    /// What it is about.
    pub phase: Phase,
    /// The request; the same id stands in its answer.
    pub request_id: Option<String>,
    /// From which address.
    pub peer: Option<IpAddr>,
    /// The agent's id, or `visitor`; absent for strangers.
    pub caller: Option<String>,
    /// The public part of the agent's key.
    pub key_id: Option<String>,
    /// The key that this key was derived from.
    pub parent_key: Option<String>,
    /// On whose behalf it called, by its verified token.
    pub on_behalf_of: Option<String>,
    /// Which operation, e.g. `files.delete`.
    pub operation: Option<&'static str>,
    /// What was decided.
    pub verdict: Option<Verdict>,
    /// Which area it is in.
    pub area: Option<&'static str>,
    /// Which level it needs there.
    pub level: Option<&'static str>,
    /// What the request was made of: names and sizes, never values.
    pub shape: Option<String>,
    /// The grant that would have been needed.
    pub missing: Option<String>,
    /// The place in the policy that decided, like `agents.media.files = read`.
    pub rule: Option<String>,
    /// What the shadow policy says, where it says otherwise: `allow` or `deny`.
    pub shadow: Option<&'static str>,
    /// Which policy it was, by its digest.
    pub policy: Option<Arc<str>>,
    /// Uploadcare's status.
    pub status: Option<u16>,
    /// How long Uploadcare took, in milliseconds.
    pub millis: Option<u64>,
    /// One plain sentence; safe to print.
    pub text: String,
}

impl Record {
    /// A sentence now, about something that nobody asked for, and nothing else.
    pub fn event(text: String) -> Self {
        Self {
            at: SystemTime::now(),
            phase: Phase::Event,
            request_id: None,
            peer: None,
            caller: None,
            key_id: None,
            parent_key: None,
            on_behalf_of: None,
            operation: None,
            verdict: None,
            area: None,
            level: None,
            shape: None,
            missing: None,
            rule: None,
            shadow: None,
            policy: None,
            status: None,
            millis: None,
            text,
        }
    }

    /// The record as one line, without its end.
    pub fn line(&self) -> String {
        let since = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
        let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let id = self.request_id.as_ref().map(|id| format!(" [{id}]")).unwrap_or_default();
        format!("{}  {}{id}", at.strftime("%Y-%m-%d %H:%M:%S UTC"), self.text)
    }
}

/// A record could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the decision log cannot be written")]
pub struct LogError;

/// Writing a record, under way.
pub type Recording<'a> = Pin<Box<dyn Future<Output = Result<(), LogError>> + Send + 'a>>;

/// Takes records; answers once a record is safe in its way.
pub trait DecisionLog: Send + Sync + 'static {
    /// Records.
    fn record(&self, record: Record) -> Recording<'_>;

    /// Records what need not be safe before anything goes on, such as an outcome: comes back as soon as it has a place
    /// in the queue.
    fn note(&self, record: Record) -> Recording<'_> {
        self.record(record)
    }

    /// Changes whenever something was recorded, where the log can tell.
    fn news(&self) -> Option<watch::Receiver<()>> {
        None
    }
}

/// One line a record on a writer of its own thread, flushed before it counts as recorded.
pub struct LineLog {
    records: mpsc::Sender<(Record, Option<oneshot::Sender<()>>)>,
}

impl LineLog {
    /// Most records that may wait to be written.
    const QUEUE: usize = 256;

    /// Lines on standard output.
    pub fn stdout() -> io::Result<Self> {
        Self::to(io::stdout())
    }

    /// Lines on any writer.
    pub fn to(mut writer: impl Write + Send + 'static) -> io::Result<Self> {
        let (records, mut waiting) = mpsc::channel::<(Record, Option<oneshot::Sender<()>>)>(Self::QUEUE);
        std::thread::Builder::new().name("decision log".to_owned()).spawn(move || {
            let mut batch = Vec::new();
            while waiting.blocking_recv_many(&mut batch, Self::QUEUE) > 0 {
                let text: String = batch.iter().map(|(record, _)| record.line() + "\n").collect();
                if let Err(error) = writer.write_all(text.as_bytes()).and_then(|()| writer.flush()) {
                    tracing::error!(%error, "decisions cannot be written any more; requests are refused from now on");
                    return; // closes the channel: whoever waits, and whoever comes, gets a `LogError`
                }
                for written in batch.drain(..).filter_map(|(_, written)| written) {
                    let _ = written.send(());
                }
            }
        })?;
        Ok(Self { records })
    }
}

impl DecisionLog for LineLog {
    fn record(&self, record: Record) -> Recording<'_> {
        Box::pin(async move {
            let (written, done) = oneshot::channel();
            self.records.send((record, Some(written))).await.map_err(|_| LogError)?;
            done.await.map_err(|_| LogError)
        })
    }

    fn note(&self, record: Record) -> Recording<'_> {
        Box::pin(async move { self.records.send((record, None)).await.map_err(|_| LogError) })
    }
}

/// Keeps records in memory: for tests, and for applications that embed the signer and show them elsewhere.
#[derive(Debug, Default)]
pub struct MemoryLog(Mutex<Vec<Record>>);

impl MemoryLog {
    /// What was recorded so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl DecisionLog for MemoryLog {
    fn record(&self, record: Record) -> Recording<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn record(text: &str) -> Record {
        Record {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_425_247),
            phase: Phase::Decision,
            request_id: Some("k3v9".to_owned()),
            ..Record::event(text.to_owned())
        }
    }

    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_a_line_that_reads_alone() {
        assert_eq!(
            record("Cleanup job asked to list files.").line(),
            "2026-11-23 09:14:07 UTC  Cleanup job asked to list files. [k3v9]"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_an_error_and_stays_one() {
        let log = LineLog::to(Broken).unwrap();
        assert_eq!(log.record(record("one")).await, Err(LogError));
        assert_eq!(log.record(record("two")).await, Err(LogError));
    }

    #[tokio::test]
    async fn lines_come_in_order_and_are_written_before_they_count() {
        let (reader, writer) = io::pipe().unwrap();
        let log = LineLog::to(writer).unwrap();
        for text in ["one", "two"] {
            log.record(record(text)).await.unwrap();
        }
        drop(log);
        let written = io::read_to_string(reader).unwrap();
        assert_eq!(written.matches("UTC  ").count(), 2);
        assert!(written.find("one").unwrap() < written.find("two").unwrap());
    }
}
