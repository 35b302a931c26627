//! The audit log: what was asked, decided and done, kept so that a change to it shows.
//!
//! Each record holds the hash of the one before it, so no record can be changed, taken out or put in without all that
//! follow being written anew; now and then the chain's end is signed ([`Mark`]) and said aloud, so that a copy outside
//! of the database catches even that. What it cannot do: without such a copy, whoever owns the machine and its key can
//! write the whole log anew.
//!
//! One task writes. What waits when it comes by goes to the disk together, and each request goes on once its own
//! record is safe: before anything is sent to Uploadcare.

pub mod cli;
pub(crate) mod command;
mod entry;
mod export;
pub(crate) mod http;
mod verify;

pub use entry::Entry;
pub use export::{csv_head, csv_line};
pub(crate) use verify::has_outcome;
pub use verify::{Fault as ChainFault, Report, SpokenMark, verify};

use crate::log::{DecisionLog, LogError, Phase, Record, Recording};
use crate::policy::Policy;
use crate::signing::{Signing, hex};
use crate::state::{AuditRow, ChainEnd, ChainFor, Mark, MarkKind, State, StateError};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// Most records that may wait to be written, and most that are written at once.
const QUEUE: usize = 4096;
const BATCH: usize = 1024;
/// How long an outcome may wait to be written with what somebody waits for.
const COMPANY: Duration = Duration::from_millis(20);

/// All records since `from` (Unix microseconds), newest first.
pub(crate) fn recorded(
    state: Arc<dyn State>,
    from: i64,
) -> impl futures_util::Stream<Item = Result<AuditRow, StateError>> + Send {
    http::export(state, crate::state::AuditQuery { from: Some(from), ..Default::default() })
}

/// The name of the signing key in the state.
pub const KEY: &str = "audit";

/// The key that signs checkpoints: the policy's, or the one that is kept in the state.
pub async fn signing_key(policy: &Policy, state: &dyn State) -> Result<Signing, StateError> {
    match &policy.keeping.audit_key {
        Some(key) => Ok(key.clone()),
        None => Signing::kept(state, KEY).await,
    }
}

/// How the log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTerms {
    /// What happens to reads while nothing can be recorded.
    pub on_failure: OnFailure,
    /// How long records are kept; for ever if not said.
    pub keep: Option<Duration>,
    /// A checkpoint at least every so many records,
    pub checkpoint_records: u32,
    /// and, if there are new ones, after so long.
    pub checkpoint_after: Duration,
}

/// What happens to reads while nothing can be recorded. Writes are refused in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// They are refused.
    #[default]
    Refuse,
    /// They go on, and are counted.
    Count,
}

impl Default for AuditTerms {
    /// Refuses, keeps for ever, signs every 1000 records or every minute.
    fn default() -> Self {
        Self {
            on_failure: OnFailure::Refuse,
            keep: None,
            checkpoint_records: 1000,
            checkpoint_after: Duration::from_mins(1),
        }
    }
}

/// A record and who waits for it, or the wish to end in an orderly way.
enum Waiting {
    Record(Box<Record>, Option<oneshot::Sender<()>>),
    End(oneshot::Sender<()>),
}

/// Writes the audit log into a [`State`], and each sentence to another log too.
pub struct AuditLog {
    waiting: mpsc::Sender<Waiting>,
    news: watch::Receiver<()>,
}

impl AuditLog {
    /// Takes a chain and starts to write. `lines` gets each sentence once it is safe, and the checkpoints.
    pub async fn start(
        state: Arc<dyn State>,
        key: Signing,
        terms: AuditTerms,
        lines: Option<Arc<dyn DecisionLog>>,
    ) -> Result<Self, StateError> {
        Self::start_for(ChainFor::Signer, state, key, terms, lines).await
    }

    /// The same for a command beside a signer that may be running; it writes little, and forgets nothing.
    pub(crate) async fn for_command(policy: &Policy, state: Arc<dyn State>) -> Result<Self, StateError> {
        let key = signing_key(policy, &*state).await?;
        let terms = AuditTerms { keep: None, ..policy.keeping.audit.clone() };
        Self::start_for(ChainFor::Command, state, key, terms, None).await
    }

    async fn start_for(
        whose: ChainFor,
        state: Arc<dyn State>,
        key: Signing,
        terms: AuditTerms,
        lines: Option<Arc<dyn DecisionLog>>,
    ) -> Result<Self, StateError> {
        let end = state.take_chain(whose).await?;
        let (waiting, records) = mpsc::channel(QUEUE);
        let (told, news) = watch::channel(());
        if let Some(keep) = terms.keep {
            tokio::spawn(forget(Arc::downgrade(&state), key.clone(), keep));
        }
        let writer = Writer { whose, state, key, terms, lines, told, signed: end.seq, sign_by: None, end: Some(end) };
        tokio::spawn(writer.run(records));
        Ok(Self { waiting, news })
    }

    /// Signs the end of the chain. To be called when nothing is recorded any more.
    pub async fn end(&self) {
        let (ended, end) = oneshot::channel();
        if self.waiting.send(Waiting::End(ended)).await.is_ok() {
            let _ = end.await;
        }
    }

    /// Changes whenever this process has written something.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.clone()
    }
}

impl DecisionLog for AuditLog {
    fn record(&self, record: Record) -> Recording<'_> {
        Box::pin(async move {
            let (written, done) = oneshot::channel();
            self.waiting.send(Waiting::Record(Box::new(record), Some(written))).await.map_err(|_| LogError)?;
            done.await.map_err(|_| LogError)
        })
    }

    fn note(&self, record: Record) -> Recording<'_> {
        Box::pin(async move { self.waiting.send(Waiting::Record(Box::new(record), None)).await.map_err(|_| LogError) })
    }

    fn news(&self) -> Option<watch::Receiver<()>> {
        Some(Self::news(self))
    }
}

impl Waiting {
    /// May it wait for company? Only an outcome that nobody waits for: an event is told nowhere else.
    fn may_wait(&self) -> bool {
        matches!(self, Self::Record(record, None) if record.phase == Phase::Outcome)
    }
}

struct Writer {
    whose: ChainFor,
    state: Arc<dyn State>,
    key: Signing,
    terms: AuditTerms,
    lines: Option<Arc<dyn DecisionLog>>,
    told: watch::Sender<()>,
    /// Where the chain ends; unknown after an error, until the state says.
    end: Option<ChainEnd>,
    /// Up to which number the chain is signed, and when the next signature is due.
    signed: i64,
    sign_by: Option<Instant>,
}

/// What is written at once.
#[derive(Default)]
struct Batch {
    waiting: Vec<Waiting>,
    /// Of the first of them, which follow one another.
    rows: Vec<AuditRow>,
    /// How many of those that wait were looked at.
    chained: usize,
    /// Where the chain ends with these rows, where that is known.
    end: Option<ChainEnd>,
}

impl Batch {
    /// Makes rows of the records that came since the last time.
    fn chain(&mut self) {
        let Some(end) = &mut self.end else { return };
        for waiting in &self.waiting[self.chained..] {
            let Waiting::Record(record, _) = waiting else { continue };
            let row = entry::row(record, end);
            end.seq = row.seq;
            end.hash.clone_from(&row.hash);
            self.rows.push(row);
        }
        self.chained = self.waiting.len();
    }
}

impl Writer {
    async fn run(mut self, mut records: mpsc::Receiver<Waiting>) {
        let mut next = Batch { end: self.end.clone(), ..Batch::default() };
        loop {
            if next.waiting.is_empty() {
                let far = Instant::now() + Duration::from_hours(24);
                match timeout_at(self.sign_by.unwrap_or(far), records.recv_many(&mut next.waiting, BATCH)).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(_) => {
                        self.sign().await;
                        continue;
                    }
                }
            }
            // Whoever is ready to ask comes along: a transaction of many costs little more than one of few.
            tokio::task::yield_now().await;
            wait_for_company(&mut next.waiting, &mut records).await;
            let mut batch = std::mem::take(&mut next);
            match self.write(&mut batch, &mut next, &mut records).await {
                Ok(()) => self.end.clone_from(&batch.end),
                Err(error) => {
                    // Whoever waits is told by the drop of its sender. What came meanwhile follows rows that are not
                    // there: it is chained anew, to whatever the state says is the end.
                    tracing::error!(%error, "the audit log cannot be written");
                    batch.waiting.clear();
                    next = Batch { waiting: next.waiting, ..Batch::default() };
                    self.end = None;
                }
            }
            let Ok(ends) = self.say(batch.waiting).await else {
                // What cannot be said is refused from now on: nobody receives any more.
                break;
            };
            if !ends.is_empty() {
                self.sign().await;
            }
            for end in ends {
                let _ = end.send(());
            }
            let due = self.end.as_ref().map_or(0, |end| end.seq - self.signed);
            if due >= i64::from(self.terms.checkpoint_records) {
                self.sign().await;
            } else if due > 0 && self.sign_by.is_none() {
                self.sign_by = Some(Instant::now() + self.terms.checkpoint_after);
            }
        }
        self.sign().await;
    }

    /// Writes a batch and tells who waits for it. What comes while the disk works is put into `next`, chained to it.
    async fn write(
        &self,
        batch: &mut Batch,
        next: &mut Batch,
        records: &mut mpsc::Receiver<Waiting>,
    ) -> Result<(), StateError> {
        if batch.end.is_none() {
            batch.end = Some(self.state.take_chain(self.whose).await?);
        }
        batch.chain();
        next.end.clone_from(&batch.end);
        let rows = std::mem::take(&mut batch.rows);
        if !rows.is_empty() {
            let mut writing = self.state.append(Arc::from(rows));
            loop {
                let room = BATCH - next.waiting.len();
                tokio::select! {
                    written = &mut writing => break written?,
                    came = records.recv_many(&mut next.waiting, room), if room > 0 => {
                        if came == 0 {
                            break writing.await?;
                        }
                        next.chain();
                    }
                }
            }
        }
        for waiting in &mut batch.waiting {
            if let Waiting::Record(_, written) = waiting
                && let Some(written) = written.take()
            {
                let _ = written.send(());
            }
        }
        self.told.send_replace(());
        Ok(())
    }

    /// Says what is safe by now, all at once: whoever reads along is woken once for it. Gives who waits for the end.
    async fn say(&self, batch: Vec<Waiting>) -> Result<Vec<oneshot::Sender<()>>, LogError> {
        let mut ends = Vec::new();
        for waiting in batch {
            match (waiting, &self.lines) {
                (Waiting::Record(record, _), Some(lines)) => lines.note(*record).await?,
                (Waiting::Record(..), None) => {}
                (Waiting::End(end), _) => ends.push(end),
            }
        }
        Ok(ends)
    }

    /// Signs the chain's end and says it aloud.
    async fn sign(&mut self) {
        self.sign_by = None;
        let Some(end) = self.end.clone().filter(|end| end.seq > self.signed) else { return };
        let mark = marked(&self.key, MarkKind::Checkpoint, end.node, end.seq, end.hash);
        if let Err(error) = self.state.mark(mark.clone()).await {
            tracing::error!(%error, "a checkpoint of the audit log cannot be kept");
            self.sign_by = Some(Instant::now() + self.terms.checkpoint_after);
            return;
        }
        self.signed = mark.seq;
        if let Some(lines) = &self.lines {
            let spoken = SpokenMark { key: self.key.id().to_owned(), mark };
            // Waited for: at the end of the program this is the last line, and all before it are out by then.
            let _ = lines.record(Record::event(spoken.to_string())).await;
        }
    }
}

/// Outcomes alone are not worth an `fsync` of their own, for which the next decision would have to wait: they go with it
/// if it comes soon.
async fn wait_for_company(batch: &mut Vec<Waiting>, records: &mut mpsc::Receiver<Waiting>) {
    while batch.len() < BATCH
        && let Ok(waiting) = records.try_recv()
    {
        batch.push(waiting);
    }
    let until = Instant::now() + COMPANY;
    while batch.len() < BATCH && batch.iter().all(Waiting::may_wait) {
        match timeout_at(until, records.recv_many(batch, BATCH - batch.len())).await {
            Ok(some) if some > 0 => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn micros_now() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}

/// A signed statement that row `seq` of the chain `node` has this hash.
fn marked(key: &Signing, kind: MarkKind, node: String, seq: i64, hash: String) -> Mark {
    let mut mark = Mark { kind, node, seq, hash, at: micros_now(), signature: String::new() };
    mark.signature = hex(&key.sign(&verify::said(&mark)));
    mark
}

/// Deletes what has been kept long enough, in every chain, once an hour; a signed tombstone says where each now begins.
async fn forget(state: std::sync::Weak<dyn State>, key: Signing, keep: Duration) {
    loop {
        let Some(state) = state.upgrade() else { return };
        if let Err(error) = forget_once(&*state, &key, keep).await {
            tracing::error!(%error, "old records of the audit log cannot be deleted");
        }
        drop(state);
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
}

/// See [`forget`]. Says how many records went.
pub async fn forget_once(state: &dyn State, key: &Signing, keep: Duration) -> Result<u64, StateError> {
    const PAGE: u32 = 1000;
    let before = micros_now().saturating_sub(i64::try_from(keep.as_micros()).unwrap_or(i64::MAX));
    let mut gone = 0;
    for node in state.chains().await? {
        let (mut after, mut last): (i64, Option<AuditRow>) = (0, None);
        loop {
            let page = state.chain(node.clone(), after, PAGE).await?;
            let old: Vec<_> = page.iter().take_while(|row| row.at < before).collect();
            gone += old.len() as u64;
            if let Some(row) = old.last() {
                after = row.seq;
                last = Some((*row).clone());
            }
            if old.len() < PAGE as usize {
                break;
            }
        }
        if let Some(row) = last {
            state.mark(marked(key, MarkKind::Tombstone, node, row.seq, row.hash)).await?;
        }
    }
    Ok(gone)
}

impl Phase {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Event => "event",
        }
    }
}
