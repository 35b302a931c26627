//! State in one SQLite file: one instance, no other service.
//!
//! One task writes. What waits when it comes by goes into one transaction and is answered after one `fsync`: many
//! requests share the disk's wait. An error of the database is the disk's and not one request's (nothing here relies
//! on a constraint to fail), so it fails the whole batch. Reads have connections of their own and never wait for it.
//!
//! Nothing is written to a file that is no longer at its path: that is looked at before every transaction.

use super::file_system::network_file_system;
use super::memory::Rates;
use super::standing::Standing;
use super::{
    Answer, AuditQuery, AuditRow, ChainEnd, ChainFor, Claim, Delivery, Errand, ErrandOutcome, EventRow, KEYS_KEPT,
    KeptAnswer, KeyRow, Mark, MarkKind, Received, Spent, State, StateError, Taken,
};
use crate::policy::Rate;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// See the module.
pub struct SqliteState {
    path: PathBuf,
    standing: Standing,
    jobs: mpsc::Sender<Job>,
    read: SqlitePool,
    /// One instance needs no disk to count calls.
    rates: Mutex<Rates>,
    /// Held while this process writes the chain.
    chain: Mutex<Option<File>>,
}

/// Something to do within a transaction of the writer.
enum Job {
    Work(Work),
    /// By far the most frequent. Where nothing else waits it is a transaction by itself, one statement: each statement
    /// is a way to SQLite's thread and back.
    Append(Arc<[AuditRow]>, oneshot::Sender<()>),
}

/// Gives back what to do after the transaction.
type Work =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Pin<Box<dyn Future<Output = After> + Send + 'c>> + Send>;
/// Takes whether the transaction was committed. `Err` of the job itself: not at all.
type After = Result<Box<dyn FnOnce() + Send>, sqlx::Error>;
/// What a piece of work gives.
type Gives<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// Most jobs that may wait, and most that share a transaction.
const QUEUE: usize = 1024;
const BATCH: usize = 512;
/// Most rows of the audit log in one statement, and how many statements are kept.
const ROWS: usize = 64;
const STATEMENTS: usize = 128;
/// In bytes. A commit of the audit log appends to a few pages, each of which costs two writes into SQLite's journal.
const PAGE: u32 = 16 * 1024;
/// How often a command looks whether another one is done.
const PATIENCE: u32 = 200;

impl SqliteState {
    /// Opens or makes the file. A file of an older program is copied before it is brought up to date.
    pub async fn open(path: &Path) -> Result<Self, StateError> {
        let fault = |why: String| StateError::File { path: path.display().to_string(), why };
        let missing = !path.exists();
        // For this user only, from the first moment; SQLite gives its other files the same mode.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| fault(format!("the file cannot be opened: {error}")))?;
        let whole = path.canonicalize().map_err(|error| fault(format!("the file cannot be found: {error}")))?;
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if let Some(kind) = network_file_system(&mounts, &whole) {
            return Err(fault(format!(
                "this is on a network file system ({kind}), where SQLite's locks do not hold; \
                 name a file on a local disk, or use PostgreSQL"
            )));
        }
        let options = SqliteConnectOptions::new()
            .filename(&whole)
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .statement_cache_capacity(STATEMENTS)
            .page_size(PAGE)
            .disable_statement_logging();
        let mut write = options.connect().await?;
        let migrator = sqlx::migrate!("migrations/sqlite");
        if !missing {
            copy_before_migrating(&mut write, &migrator, &whole).await?;
        }
        migrator.run_direct(None, &mut write, false).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let standing = Standing::at(&whole)?;
        tokio::spawn(write_all(write, standing.clone(), waiting));
        Ok(Self { path: whole, standing, jobs, read, rates: Mutex::default(), chain: Mutex::default() })
    }

    /// Does `work` in a transaction that others may share; comes back once it is on the disk.
    fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Gives<'c, T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            let (done, wait) = oneshot::channel();
            let work: Work = Box::new(move |connection| {
                Box::pin(async move {
                    let value = work(connection).await?;
                    let after: Box<dyn FnOnce() + Send> = Box::new(move || {
                        let _ = done.send(value);
                    });
                    Ok(after)
                })
            });
            self.jobs.send(Job::Work(work)).await.map_err(|_| StateError::Closed)?;
            // The sender is dropped when the transaction fails; the log says why.
            wait.await.map_err(|_| StateError::Closed)
        })
    }
}

impl SqliteState {
    /// Takes the lock of a chain, which lasts as long as this does; `false` if somebody else has it.
    fn locked(&self, whose: ChainFor) -> Result<bool, StateError> {
        let mut held = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(true);
        }
        let end = match whose {
            ChainFor::Signer => "lock",
            ChainFor::Command => "command.lock",
        };
        let name = format!("{}.{end}", self.path.display());
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&name);
        let file = file.map_err(|error| StateError::File {
            path: self.path.display().to_string(),
            why: format!("{name} cannot be opened: {error}"),
        })?;
        if file.try_lock().is_err() {
            return Ok(false);
        }
        *held = Some(file);
        Ok(true)
    }
}

/// The writer: takes what waits, does it in one transaction, and answers.
async fn write_all(mut connection: SqliteConnection, standing: Standing, mut waiting: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if let Err(error) = write_batch(&mut connection, &standing, &mut batch).await {
            tracing::error!(%error, "the state cannot be written");
            batch.clear();
            // There may be no transaction any more; then this says so, and that is all.
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
    }
}

async fn write_batch(
    connection: &mut SqliteConnection,
    standing: &Standing,
    batch: &mut Vec<Job>,
) -> Result<(), StateError> {
    standing.holds()?;
    if let [Job::Append(rows, _)] = &**batch
        && rows.len() <= ROWS
    {
        append(connection, rows).await?;
        if let Some(Job::Append(_, done)) = batch.pop() {
            let _ = done.send(());
        }
        return Ok(());
    }
    let mut after = Vec::with_capacity(batch.len());
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for job in batch.drain(..) {
        after.push(match job {
            Job::Work(work) => work(connection).await?,
            Job::Append(rows, done) => {
                for rows in rows.chunks(ROWS) {
                    append(connection, rows).await?;
                }
                Box::new(move || {
                    let _ = done.send(());
                })
            }
        });
    }
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    for after in after {
        after();
    }
    Ok(())
}

/// Writes at most [`ROWS`] rows of the audit log. SQLite keeps the statement of each number of rows: reading it anew
/// costs more than writing what it says.
async fn append(connection: &mut SqliteConnection, rows: &[AuditRow]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO audit ");
    insert.push_values(rows, |mut to, row| {
        to.push_bind(&row.node).push_bind(row.seq).push_bind(row.at).push_bind(&row.phase);
        to.push_bind(&row.request).push_bind(&row.caller).push_bind(&row.operation);
        to.push_bind(&row.area).push_bind(&row.verdict).push_bind(&row.record).push_bind(&row.hash);
    });
    insert.build().persistent(true).execute(connection).await.map(drop)
}

/// Copies the file aside if this program is about to change its tables.
async fn copy_before_migrating(
    connection: &mut SqliteConnection,
    migrator: &sqlx::migrate::Migrator,
    path: &Path,
) -> Result<(), StateError> {
    let ours: Option<i64> = sqlx::query_scalar("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(&mut *connection)
        .await?;
    if ours.is_none() {
        return Ok(());
    }
    let have: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut *connection)
        .await?;
    if migrator.iter().all(|migration| migration.version <= have) {
        return Ok(());
    }
    let copy = format!("{}.before-{}", path.display(), have + 1);
    tracing::info!(%copy, "the state is brought up to date; this is a copy of it as it was");
    // It holds what the state holds, so it is for this user only; SQLite would make it by the process's own mask.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&copy)
        .map_err(|error| StateError::File { path: copy.clone(), why: format!("the copy cannot be made: {error}") })?;
    sqlx::query("VACUUM INTO ?").bind(copy).execute(connection).await?;
    Ok(())
}

fn audit_row(row: &SqliteRow) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        node: row.try_get(0)?,
        seq: row.try_get(1)?,
        at: row.try_get(2)?,
        phase: row.try_get(3)?,
        request: row.try_get(4)?,
        caller: row.try_get(5)?,
        operation: row.try_get(6)?,
        area: row.try_get(7)?,
        verdict: row.try_get(8)?,
        record: row.try_get(9)?,
        hash: row.try_get(10)?,
    })
}

fn key_row(row: &SqliteRow) -> Result<KeyRow, sqlx::Error> {
    Ok(KeyRow {
        id: row.try_get(0)?,
        agent: row.try_get(1)?,
        sha256: row.try_get(2)?,
        label: row.try_get(3)?,
        parent: row.try_get(4)?,
        narrowed: row.try_get(5)?,
        created_at: row.try_get(6)?,
        expires_at: row.try_get(7)?,
        revoked_at: row.try_get(8)?,
        used_at: row.try_get(9)?,
    })
}

fn errand(row: &SqliteRow) -> Result<Errand, sqlx::Error> {
    Ok(Errand {
        id: row.try_get(0)?,
        target: row.try_get(1)?,
        dedupe: row.try_get(2)?,
        event: row.try_get(3)?,
        body: row.try_get(4)?,
        at: row.try_get(5)?,
        attempts: row.try_get(6)?,
        error: row.try_get(7)?,
    })
}

fn all<T>(rows: &[SqliteRow], read: fn(&SqliteRow) -> Result<T, sqlx::Error>) -> Result<Vec<T>, StateError> {
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

impl State for SqliteState {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            // Said here too, because the writer cannot say why.
            self.standing.holds()?;
            self.write(|_| Box::pin(async { Ok(()) })).await
        })
    }

    fn take_chain(&self, whose: ChainFor) -> Answer<'_, ChainEnd> {
        Box::pin(async move {
            let node = match whose {
                ChainFor::Signer => "a",
                ChainFor::Command => "c",
            };
            let mut tries = 0;
            while !self.locked(whose)? {
                // A command is done in a moment.
                if whose == ChainFor::Signer || tries == PATIENCE {
                    let why = "another signer uses this file; give each its own, or let them share PostgreSQL";
                    return Err(StateError::File { path: self.path.display().to_string(), why: why.to_owned() });
                }
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            self.write(move |connection| {
                Box::pin(async move {
                    let end: Option<(i64, String)> = sqlx::query_as(
                        "SELECT seq, hash FROM (SELECT seq, hash FROM audit WHERE node = ?1
                             UNION ALL SELECT seq, hash FROM audit_marks WHERE node = ?1)
                         ORDER BY seq DESC LIMIT 1",
                    )
                    .bind(node)
                    .fetch_optional(connection)
                    .await?;
                    let (seq, hash) = end.unwrap_or_default();
                    Ok(ChainEnd { node: node.to_owned(), seq, hash })
                })
            })
            .await
        })
    }

    fn append(&self, rows: Arc<[AuditRow]>) -> Answer<'_, ()> {
        Box::pin(async move {
            let (done, wait) = oneshot::channel();
            self.jobs.send(Job::Append(rows, done)).await.map_err(|_| StateError::Closed)?;
            wait.await.map_err(|_| StateError::Closed)
        })
    }

    fn search(&self, what: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(async move {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM audit WHERE 1");
            for (column, value) in [
                ("caller", &what.caller),
                ("area", &what.area),
                ("operation", &what.operation),
                ("verdict", &what.verdict),
                ("request", &what.request),
            ] {
                if let Some(value) = value {
                    query.push(" AND ").push(column).push(" = ").push_bind(value);
                }
            }
            if let Some(text) = &what.text {
                query.push(" AND instr(lower(record), lower(").push_bind(text).push(")) > 0");
            }
            if let Some(from) = what.from {
                query.push(" AND at >= ").push_bind(from);
            }
            if let Some(to) = what.to {
                query.push(" AND at < ").push_bind(to);
            }
            if let Some((at, node, seq)) = &what.before {
                query.push(" AND (at, node, seq) < (").push_bind(at).push(", ").push_bind(node).push(", ");
                query.push_bind(seq).push(")");
            }
            query.push(" ORDER BY at DESC, node DESC, seq DESC LIMIT ").push_bind(what.most);
            all(&query.build().persistent(false).fetch_all(&self.read).await?, audit_row)
        })
    }

    fn chains(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let nodes = sqlx::query_scalar("SELECT node FROM audit UNION SELECT node FROM audit_marks ORDER BY 1");
            Ok(nodes.fetch_all(&self.read).await?)
        })
    }

    fn chain(&self, node: String, after: i64, most: u32) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM audit WHERE node = ? AND seq > ? ORDER BY seq LIMIT ?");
            all(&rows.bind(node).bind(after).bind(most).fetch_all(&self.read).await?, audit_row)
        })
    }

    fn marks(&self, node: String) -> Answer<'_, Vec<Mark>> {
        Box::pin(async move {
            let rows =
                sqlx::query("SELECT kind, node, seq, hash, at, signature FROM audit_marks WHERE node = ? ORDER BY seq")
                    .bind(node)
                    .fetch_all(&self.read)
                    .await?;
            all(&rows, |row| {
                Ok(Mark {
                    kind: MarkKind::parse(row.try_get(0)?),
                    node: row.try_get(1)?,
                    seq: row.try_get(2)?,
                    hash: row.try_get(3)?,
                    at: row.try_get(4)?,
                    signature: row.try_get(5)?,
                })
            })
        })
    }

    fn mark(&self, mark: Mark) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                if mark.kind == MarkKind::Tombstone {
                    for delete in [
                        "DELETE FROM audit WHERE node = ? AND seq <= ?",
                        "DELETE FROM audit_marks WHERE node = ? AND seq <= ?",
                    ] {
                        sqlx::query(delete).bind(&mark.node).bind(mark.seq).execute(&mut *connection).await?;
                    }
                }
                sqlx::query(
                    "INSERT INTO audit_marks (node, seq, kind, hash, at, signature) VALUES (?, ?, ?, ?, ?, ?)
                     ON CONFLICT DO NOTHING",
                )
                .bind(&mark.node)
                .bind(mark.seq)
                .bind(mark.kind.as_str())
                .bind(&mark.hash)
                .bind(mark.at)
                .bind(&mark.signature)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
    }

    fn add_key(&self, key: KeyRow) -> Answer<'_, bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let done =
                    sqlx::query("INSERT INTO agent_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
                        .bind(key.id)
                        .bind(key.agent)
                        .bind(key.sha256)
                        .bind(key.label)
                        .bind(key.parent)
                        .bind(key.narrowed)
                        .bind(key.created_at)
                        .bind(key.expires_at)
                        .bind(key.revoked_at)
                        .bind(key.used_at)
                        .execute(connection)
                        .await?;
                Ok(done.rows_affected() == 1)
            })
        })
    }

    fn key(&self, id: String) -> Answer<'_, Option<KeyRow>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM agent_keys WHERE id = ?").bind(id).fetch_optional(&self.read).await?;
            Ok(row.as_ref().map(key_row).transpose()?)
        })
    }

    fn keys(&self, agent: Option<String>) -> Answer<'_, Vec<KeyRow>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM agent_keys WHERE ?1 IS NULL OR agent = ?1 ORDER BY created_at, id");
            all(&rows.bind(agent).fetch_all(&self.read).await?, key_row)
        })
    }

    fn revoke_key(&self, id: String, at: i64) -> Answer<'_, bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let update = sqlx::query("UPDATE agent_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL");
                Ok(update.bind(at).bind(id).execute(connection).await?.rows_affected() == 1)
            })
        })
    }

    fn key_used(&self, id: String, at: i64) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                let update = sqlx::query("UPDATE agent_keys SET used_at = max(coalesce(used_at, 0), ?) WHERE id = ?");
                update.bind(at).bind(id).execute(connection).await?;
                Ok(())
            })
        })
    }

    fn take(&self, key: String, rate: Rate, at: i64) -> Answer<'_, Taken> {
        let taken = self.rates.lock().unwrap_or_else(PoisonError::into_inner).take(key, rate, at);
        Box::pin(std::future::ready(Ok(taken)))
    }

    fn spend(&self, key: String, window: i64, amount: u32, most: u32) -> Answer<'_, Spent> {
        self.write(move |connection| {
            Box::pin(async move {
                let spent: Option<u32> = sqlx::query_scalar(
                    "INSERT INTO quotas (key, period, used) SELECT ?1, ?2, ?3 WHERE ?3 <= ?4
                     ON CONFLICT (key, period) DO UPDATE SET used = used + ?3 WHERE used + ?3 <= ?4
                     RETURNING used",
                )
                .bind(&key)
                .bind(window)
                .bind(amount)
                .bind(most)
                .fetch_optional(&mut *connection)
                .await?;
                if let Some(used) = spent {
                    return Ok(Spent::Yes { left: most - used });
                }
                let used = sqlx::query_scalar("SELECT used FROM quotas WHERE key = ? AND period = ?")
                    .bind(key)
                    .bind(window)
                    .fetch_optional(connection)
                    .await?;
                Ok(Spent::No { used: used.unwrap_or(0) })
            })
        })
    }

    fn unspend(&self, key: String, window: i64, amount: u32) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE quotas SET used = max(used - ?, 0) WHERE key = ? AND period = ?")
                    .bind(amount)
                    .bind(key)
                    .bind(window)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
    }

    fn claim(&self, key: String, fingerprint: String, at: i64, lease: i64, keep: i64) -> Answer<'_, Claim> {
        self.write(move |connection| {
            Box::pin(async move {
                let mine = sqlx::query(
                    "INSERT INTO claims (key, fingerprint, lease, keep) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (key) DO UPDATE SET fingerprint = ?2, lease = ?3, keep = ?4,
                         status = NULL, content_type = NULL, body = NULL WHERE keep <= ?5",
                )
                .bind(&key)
                .bind(&fingerprint)
                .bind(lease)
                .bind(keep)
                .bind(at)
                .execute(&mut *connection)
                .await?;
                if mine.rows_affected() == 1 {
                    return Ok(Claim::Yours);
                }
                let row =
                    sqlx::query("SELECT fingerprint, lease, status, content_type, body FROM claims WHERE key = ?")
                        .bind(key)
                        .fetch_one(connection)
                        .await?;
                let status: Option<u16> = row.try_get(2)?;
                Ok(match status {
                    _ if row.try_get::<String, _>(0)? != fingerprint => Claim::Different,
                    Some(status) => {
                        Claim::Done(KeptAnswer { status, content_type: row.try_get(3)?, body: row.try_get(4)? })
                    }
                    None if row.try_get::<i64, _>(1)? > at => Claim::Running,
                    None => Claim::Lost,
                })
            })
        })
    }

    fn settle(&self, key: String, answer: Option<KeptAnswer>) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                match answer {
                    Some(KeptAnswer { status, content_type, body }) => {
                        sqlx::query("UPDATE claims SET status = ?, content_type = ?, body = ? WHERE key = ?")
                            .bind(status)
                            .bind(content_type)
                            .bind(body)
                            .bind(key)
                            .execute(connection)
                            .await?
                    }
                    None => sqlx::query("DELETE FROM claims WHERE key = ?").bind(key).execute(connection).await?,
                };
                Ok(())
            })
        })
    }

    fn receive(&self, delivery: Delivery) -> Answer<'_, Received> {
        self.write(move |connection| Box::pin(receive(connection, delivery)))
    }

    fn events(&self, after: i64, most: u32) -> Answer<'_, Vec<EventRow>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT position, event, file, body, at, late FROM events WHERE position > ? ORDER BY position LIMIT ?",
            )
            .bind(after)
            .bind(most)
            .fetch_all(&self.read)
            .await?;
            all(&rows, |row| {
                Ok(EventRow {
                    position: row.try_get(0)?,
                    event: row.try_get(1)?,
                    file: row.try_get(2)?,
                    body: row.try_get(3)?,
                    at: row.try_get(4)?,
                    late: row.try_get(5)?,
                })
            })
        })
    }

    fn newest_event(&self) -> Answer<'_, i64> {
        Box::pin(async move {
            Ok(sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events").fetch_one(&self.read).await?)
        })
    }

    fn due(&self, at: i64, lease: i64, most: u32) -> Answer<'_, Vec<Errand>> {
        Box::pin(async move {
            // Looking costs no transaction; mostly there is nothing.
            let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM errands WHERE next <= ?)")
                .bind(at)
                .fetch_one(&self.read)
                .await?;
            if !any {
                return Ok(Vec::new());
            }
            self.write(move |connection| {
                Box::pin(async move {
                    let rows = sqlx::query(
                        "UPDATE errands SET next = ?, attempts = attempts + 1
                         WHERE id IN (SELECT id FROM errands WHERE next <= ? ORDER BY id LIMIT ?)
                         RETURNING id, target, dedupe, event, body, at, attempts, error",
                    )
                    .bind(lease)
                    .bind(at)
                    .bind(most)
                    .fetch_all(connection)
                    .await?;
                    let mut errands: Vec<Errand> = rows.iter().map(errand).collect::<Result<_, _>>()?;
                    errands.sort_by_key(|errand| errand.id);
                    Ok(errands)
                })
            })
            .await
        })
    }

    fn ran(&self, id: i64, outcome: ErrandOutcome) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                let (next, error) = match outcome {
                    ErrandOutcome::Done => {
                        sqlx::query("DELETE FROM errands WHERE id = ?").bind(id).execute(connection).await?;
                        return Ok(());
                    }
                    ErrandOutcome::Again { at, error } => (Some(at), error),
                    ErrandOutcome::Dead { error } => (None, error),
                };
                let update = sqlx::query("UPDATE errands SET next = ?, error = ? WHERE id = ?");
                update.bind(next).bind(error).bind(id).execute(connection).await?;
                Ok(())
            })
        })
    }

    fn dead(&self, most: u32) -> Answer<'_, Vec<Errand>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT id, target, dedupe, event, body, at, attempts, error FROM errands WHERE next IS NULL
                 ORDER BY id DESC LIMIT ?",
            );
            all(&rows.bind(most).fetch_all(&self.read).await?, errand)
        })
    }

    fn revive(&self, id: i64, at: i64) -> Answer<'_, bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let update = sqlx::query("UPDATE errands SET next = ?, attempts = 0 WHERE id = ? AND next IS NULL");
                Ok(update.bind(at).bind(id).execute(connection).await?.rows_affected() == 1)
            })
        })
    }

    fn value(&self, name: String) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = ?");
            Ok(value.bind(name).fetch_optional(&self.read).await?)
        })
    }

    fn value_or(&self, name: String, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO settings VALUES (?, ?) ON CONFLICT DO NOTHING")
                    .bind(&name)
                    .bind(value)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query_scalar("SELECT value FROM settings WHERE name = ?").bind(name).fetch_one(connection).await
            })
        })
    }

    fn set_value(&self, name: String, value: Option<Vec<u8>>) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                match value {
                    Some(value) => sqlx::query(
                        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    )
                    .bind(name)
                    .bind(value)
                    .execute(connection)
                    .await?,
                    None => sqlx::query("DELETE FROM settings WHERE name = ?").bind(name).execute(connection).await?,
                };
                Ok(())
            })
        })
    }

    fn sweep(&self, at: i64, window: i64) -> Answer<'_, ()> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM quotas WHERE period < ?").bind(window).execute(&mut *connection).await?;
                sqlx::query("DELETE FROM claims WHERE keep <= ?").bind(at).execute(&mut *connection).await?;
                sqlx::query("DELETE FROM deliveries WHERE keep <= ?").bind(at).execute(&mut *connection).await?;
                sqlx::query(
                    "DELETE FROM agent_keys WHERE expires_at <= ?1 OR (parent IS NOT NULL AND revoked_at <= ?1)",
                )
                .bind(at - KEYS_KEPT)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
    }
}

async fn receive(connection: &mut SqliteConnection, delivery: Delivery) -> Result<Received, sqlx::Error> {
    let Delivery { dedupe, event, file, terminal, version, body, at, keep, targets } = delivery;
    let first = sqlx::query("INSERT INTO deliveries VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(&dedupe)
        .bind(keep)
        .execute(&mut *connection)
        .await?;
    if first.rows_affected() == 0 {
        return Ok(Received::Seen);
    }
    let mut late = false;
    if let Some(file) = &file {
        let before: Option<(bool, Option<String>)> =
            sqlx::query_as("SELECT ended, version FROM hook_files WHERE file = ?")
                .bind(file)
                .fetch_optional(&mut *connection)
                .await?;
        let (ended, newest) = before.unwrap_or_default();
        late = ended || (version.is_some() && version < newest);
        if before_changes(ended, terminal, version.as_ref(), newest.as_ref()) {
            sqlx::query(
                "INSERT INTO hook_files VALUES (?1, ?2, ?3)
                 ON CONFLICT (file) DO UPDATE SET ended = excluded.ended, version = excluded.version",
            )
            .bind(file)
            .bind(ended || terminal)
            .bind(version.max(newest))
            .execute(&mut *connection)
            .await?;
        }
    }
    let position = sqlx::query_scalar(
        "INSERT INTO events (event, file, body, at, late) VALUES (?, ?, ?, ?, ?) RETURNING position",
    )
    .bind(&event)
    .bind(file)
    .bind(&body)
    .bind(at)
    .bind(late)
    .fetch_one(&mut *connection)
    .await?;
    for target in targets.iter().filter(|_| !late) {
        sqlx::query(
            "INSERT INTO errands (target, dedupe, event, body, at, next, attempts) VALUES (?, ?, ?, ?, ?, ?, 0)",
        )
        .bind(target)
        .bind(&dedupe)
        .bind(&event)
        .bind(&body)
        .bind(at)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(Received::New { position, late })
}

/// Is there something to remember about the file? Most events say nothing about order.
pub(super) fn before_changes(ended: bool, terminal: bool, version: Option<&String>, newest: Option<&String>) -> bool {
    (terminal && !ended) || version > newest
}
