//! State in PostgreSQL, for several instances behind one address.
//!
//! Each instance writes a chain of its own: a name (`n1`, `n2`, ...) that it holds by an advisory lock on the very
//! connection it writes with. An instance that dies loses the lock with its connection, and the next one to start
//! goes on with the chain.

use super::memory::{cell, wait};
use super::sqlite::before_changes;
use super::types::said;
use super::{
    Answer, AuditQuery, AuditRow, ChainEnd, ChainFor, Claim, Delivery, Errand, ErrandOutcome, EventRow, KEYS_KEPT,
    KeptAnswer, KeyRow, Mark, MarkKind, Received, Spent, State, StateError, Taken,
};
use crate::policy::Rate;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres, QueryBuilder, Row};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// See the module.
pub struct PostgresState {
    pool: PgPool,
    options: PgConnectOptions,
    /// The connection that writes the chain, and the chain's name.
    chain: Mutex<Option<(PgConnection, String)>>,
}

/// Our advisory locks: `updock` in ASCII, and below it the chain's number.
const LOCKS: i64 = 0x7570_646f_636b << 16;
/// Most instances that can write at a time.
const MOST_NODES: i64 = 999;
/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl PostgresState {
    /// Connects by an address like `postgres://user:password@host/database`, and brings the tables up to date.
    pub async fn open(url: &str) -> Result<Self, StateError> {
        Self::connected(url).await?.up_to_date().await
    }

    /// The same where tables of ours are there already; in an empty database nothing is made.
    pub(super) async fn open_kept(url: &str) -> Result<Self, StateError> {
        let state = Self::connected(url).await?;
        let ours: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&state.pool).await?;
        if !ours {
            let name = state.options.get_database().unwrap_or_default();
            return Err(StateError::Absent { place: format!("the PostgreSQL database {name:?}") });
        }
        state.up_to_date().await
    }

    async fn connected(url: &str) -> Result<Self, StateError> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("updock-signer").disable_statement_logging();
        // One connection first: a pool asks again and again, and says at last that it has waited.
        let unreachable = |why: String| StateError::Unreachable { place: place(&options), why };
        match timeout(PATIENCE, options.connect()).await {
            Ok(Ok(connection)) => drop(connection.close().await),
            Ok(Err(error)) => return Err(unreachable(said(&error))),
            Err(_) => return Err(unreachable(format!("it does not answer within {} seconds", PATIENCE.as_secs()))),
        }
        let pool =
            PgPoolOptions::new().max_connections(16).acquire_timeout(PATIENCE).connect_with(options.clone()).await?;
        Ok(Self { pool, options, chain: Mutex::default() })
    }

    async fn up_to_date(self) -> Result<Self, StateError> {
        // sqlx takes a lock meanwhile, so instances that start together do not meet here. A copy of the database
        // before a change is the database administrator's.
        sqlx::migrate!("migrations/postgres").run(&self.pool).await?;
        Ok(self)
    }

    async fn own_chain(&self) -> Result<(PgConnection, String), StateError> {
        let mut connection = self.options.connect().await?;
        for number in 1..=MOST_NODES {
            let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(LOCKS | number)
                .fetch_one(&mut connection)
                .await?;
            if mine {
                return Ok((connection, format!("n{number}")));
            }
        }
        Err(StateError::Closed)
    }
}

/// Is this the address of a PostgreSQL database? Nothing of it is repeated, for it may hold a password.
pub(crate) fn is_address(text: &str) -> bool {
    let scheme = text.starts_with("postgres://") || text.starts_with("postgresql://");
    scheme && text.parse::<PgConnectOptions>().is_ok()
}

/// Where that is, for people, and without the password.
fn place(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let database = options.get_database().map(|name| format!(", database {name:?}")).unwrap_or_default();
    format!("{host} (user {:?}{database})", options.get_username())
}

fn audit_row(row: &PgRow) -> Result<AuditRow, sqlx::Error> {
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

fn key_row(row: &PgRow) -> Result<KeyRow, sqlx::Error> {
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

fn errand(row: &PgRow) -> Result<Errand, sqlx::Error> {
    Ok(Errand {
        id: row.try_get(0)?,
        target: row.try_get(1)?,
        dedupe: row.try_get(2)?,
        event: row.try_get(3)?,
        body: row.try_get(4)?,
        at: row.try_get(5)?,
        attempts: count(row.try_get(6)?),
        error: row.try_get(7)?,
    })
}

fn all<T>(rows: &[PgRow], read: fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<Vec<T>, StateError> {
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// A count as PostgreSQL keeps it; it has no unsigned numbers.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

impl State for PostgresState {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn shared(&self) -> bool {
        true
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
    }

    fn take_chain(&self, _: ChainFor) -> Answer<'_, ChainEnd> {
        Box::pin(async move {
            let mut chain = self.chain.lock().await;
            // Whether a connection still lives, and with it its lock, is known when it answers.
            let lives = match chain.as_mut() {
                Some((connection, _)) => connection.ping().await.is_ok(),
                None => false,
            };
            if !lives {
                *chain = None;
                *chain = Some(self.own_chain().await?);
            }
            let (connection, node) = chain.as_mut().ok_or(StateError::Closed)?;
            let end: Option<(i64, String)> = sqlx::query_as(
                "SELECT seq, hash FROM (SELECT seq, hash FROM audit WHERE node = $1
                     UNION ALL SELECT seq, hash FROM audit_marks WHERE node = $1) AS ends
                 ORDER BY seq DESC LIMIT 1",
            )
            .bind(&*node)
            .fetch_optional(connection)
            .await?;
            let (seq, hash) = end.unwrap_or_default();
            Ok(ChainEnd { node: node.clone(), seq, hash })
        })
    }

    fn append(&self, rows: Arc<[AuditRow]>) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut chain = self.chain.lock().await;
            let (connection, _) = chain.as_mut().ok_or(StateError::Closed)?;
            // One statement, whatever the number of rows: one journey and one wait for the disk.
            let column = |read: fn(&AuditRow) -> &String| rows.iter().map(|row| read(row).clone()).collect::<Vec<_>>();
            let maybe = |read: fn(&AuditRow) -> &Option<String>| {
                rows.iter().map(|row| read(row).clone()).collect::<Vec<Option<String>>>()
            };
            let done = sqlx::query(
                "INSERT INTO audit (node, seq, at, phase, request, caller, operation, area, verdict, record, hash)
                 SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                                      $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])",
            )
            .bind(column(|row| &row.node))
            .bind(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
            .bind(column(|row| &row.phase))
            .bind(maybe(|row| &row.request))
            .bind(maybe(|row| &row.caller))
            .bind(maybe(|row| &row.operation))
            .bind(maybe(|row| &row.area))
            .bind(maybe(|row| &row.verdict))
            .bind(column(|row| &row.record))
            .bind(column(|row| &row.hash))
            .execute(connection)
            .await;
            if let Err(error) = done {
                // The lock may be gone with the connection: the next chain is asked for anew.
                *chain = None;
                return Err(error.into());
            }
            Ok(())
        })
    }

    fn search(&self, what: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(async move {
            let mut query = QueryBuilder::<Postgres>::new("SELECT * FROM audit WHERE true");
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
                query.push(" AND position(lower(").push_bind(text).push(") in lower(record)) > 0");
            }
            if let Some(from) = what.from {
                query.push(" AND at >= ").push_bind(from);
            }
            if let Some(to) = what.to {
                query.push(" AND at < ").push_bind(to);
            }
            if let Some((at, node, seq)) = &what.before {
                query.push(" AND (at, node COLLATE \"C\", seq) < (").push_bind(at).push(", ").push_bind(node);
                query.push(", ").push_bind(seq).push(")");
            }
            query.push(" ORDER BY at DESC, node COLLATE \"C\" DESC, seq DESC LIMIT ").push_bind(i64::from(what.most));
            all(&query.build().persistent(false).fetch_all(&self.pool).await?, audit_row)
        })
    }

    fn chains(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let nodes = sqlx::query_scalar("SELECT node FROM audit UNION SELECT node FROM audit_marks ORDER BY 1");
            Ok(nodes.fetch_all(&self.pool).await?)
        })
    }

    fn chain(&self, node: String, after: i64, most: u32) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM audit WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3");
            all(&rows.bind(node).bind(after).bind(i64::from(most)).fetch_all(&self.pool).await?, audit_row)
        })
    }

    fn marks(&self, node: String) -> Answer<'_, Vec<Mark>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT kind, node, seq, hash, at, signature FROM audit_marks WHERE node = $1 ORDER BY seq",
            )
            .bind(node)
            .fetch_all(&self.pool)
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
        Box::pin(async move {
            let mut transaction = self.pool.begin().await?;
            if mark.kind == MarkKind::Tombstone {
                for delete in [
                    "DELETE FROM audit WHERE node = $1 AND seq <= $2",
                    "DELETE FROM audit_marks WHERE node = $1 AND seq <= $2",
                ] {
                    sqlx::query(delete).bind(&mark.node).bind(mark.seq).execute(&mut *transaction).await?;
                }
            }
            sqlx::query(
                "INSERT INTO audit_marks (node, seq, kind, hash, at, signature) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
            )
            .bind(&mark.node)
            .bind(mark.seq)
            .bind(mark.kind.as_str())
            .bind(&mark.hash)
            .bind(mark.at)
            .bind(&mark.signature)
            .execute(&mut *transaction)
            .await?;
            Ok(transaction.commit().await?)
        })
    }

    fn add_key(&self, key: KeyRow) -> Answer<'_, bool> {
        Box::pin(async move {
            let done = sqlx::query(
                "INSERT INTO agent_keys VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            )
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
            .execute(&self.pool)
            .await?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn key(&self, id: String) -> Answer<'_, Option<KeyRow>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM agent_keys WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
            Ok(row.as_ref().map(key_row).transpose()?)
        })
    }

    fn keys(&self, agent: Option<String>) -> Answer<'_, Vec<KeyRow>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT * FROM agent_keys WHERE $1::text IS NULL OR agent = $1 ORDER BY created_at, id COLLATE \"C\"",
            );
            all(&rows.bind(agent).fetch_all(&self.pool).await?, key_row)
        })
    }

    fn revoke_key(&self, id: String, at: i64) -> Answer<'_, bool> {
        Box::pin(async move {
            let update = sqlx::query("UPDATE agent_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
            Ok(update.bind(at).bind(id).execute(&self.pool).await?.rows_affected() == 1)
        })
    }

    fn key_used(&self, id: String, at: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            let update = sqlx::query("UPDATE agent_keys SET used_at = greatest(used_at, $1) WHERE id = $2");
            update.bind(at).bind(id).execute(&self.pool).await?;
            Ok(())
        })
    }

    fn take(&self, key: String, rate: Rate, at: i64) -> Answer<'_, Taken> {
        Box::pin(async move {
            let at = at.saturating_mul(1000);
            let (between, ahead) = cell(rate);
            let taken = sqlx::query(
                "INSERT INTO rates (key, tat) VALUES ($1, $2::bigint + $3::bigint)
                 ON CONFLICT (key) DO UPDATE SET tat = greatest(rates.tat, $2::bigint) + $3::bigint
                 WHERE rates.tat <= $2::bigint + $4::bigint",
            )
            .bind(&key)
            .bind(at)
            .bind(between)
            .bind(ahead)
            .execute(&self.pool)
            .await?;
            if taken.rows_affected() == 1 {
                return Ok(Taken::Yes);
            }
            let tat: Option<i64> =
                sqlx::query_scalar("SELECT tat FROM rates WHERE key = $1").bind(key).fetch_optional(&self.pool).await?;
            Ok(Taken::Wait(wait(tat.unwrap_or(at), ahead, at)))
        })
    }

    fn spend(&self, key: String, window: i64, amount: u32, most: u32) -> Answer<'_, Spent> {
        Box::pin(async move {
            let spent: Option<i64> = sqlx::query_scalar(
                "INSERT INTO quotas (key, period, used) SELECT $1::text, $2::bigint, $3::bigint WHERE $3::bigint <= $4::bigint
                 ON CONFLICT (key, period) DO UPDATE SET used = quotas.used + $3::bigint
                 WHERE quotas.used + $3::bigint <= $4::bigint
                 RETURNING used",
            )
            .bind(&key)
            .bind(window)
            .bind(i64::from(amount))
            .bind(i64::from(most))
            .fetch_optional(&self.pool)
            .await?;
            let whole = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
            if let Some(used) = spent {
                return Ok(Spent::Yes { left: most - whole(used) });
            }
            let used: Option<i64> = sqlx::query_scalar("SELECT used FROM quotas WHERE key = $1 AND period = $2")
                .bind(key)
                .bind(window)
                .fetch_optional(&self.pool)
                .await?;
            Ok(Spent::No { used: whole(used.unwrap_or(0)) })
        })
    }

    fn unspend(&self, key: String, window: i64, amount: u32) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("UPDATE quotas SET used = greatest(used - $1, 0) WHERE key = $2 AND period = $3")
                .bind(i64::from(amount))
                .bind(key)
                .bind(window)
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn claim(&self, key: String, fingerprint: String, at: i64, lease: i64, keep: i64) -> Answer<'_, Claim> {
        Box::pin(async move {
            let mine = sqlx::query(
                "INSERT INTO claims (key, fingerprint, lease, keep) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (key) DO UPDATE SET fingerprint = $2, lease = $3, keep = $4,
                     status = NULL, content_type = NULL, body = NULL WHERE claims.keep <= $5",
            )
            .bind(&key)
            .bind(&fingerprint)
            .bind(lease)
            .bind(keep)
            .bind(at)
            .execute(&self.pool)
            .await?;
            if mine.rows_affected() == 1 {
                return Ok(Claim::Yours);
            }
            let row = sqlx::query("SELECT fingerprint, lease, status, content_type, body FROM claims WHERE key = $1")
                .bind(key)
                .fetch_optional(&self.pool)
                .await?;
            // Given back in between: whoever had it is done with it, and asking again is right.
            let Some(row) = row else { return Ok(Claim::Running) };
            let status: Option<i32> = row.try_get(2)?;
            Ok(match status {
                _ if row.try_get::<String, _>(0)? != fingerprint => Claim::Different,
                Some(status) => Claim::Done(KeptAnswer {
                    status: u16::try_from(status).unwrap_or(500),
                    content_type: row.try_get(3)?,
                    body: row.try_get(4)?,
                }),
                None if row.try_get::<i64, _>(1)? > at => Claim::Running,
                None => Claim::Lost,
            })
        })
    }

    fn settle(&self, key: String, answer: Option<KeptAnswer>) -> Answer<'_, ()> {
        Box::pin(async move {
            match answer {
                Some(KeptAnswer { status, content_type, body }) => {
                    sqlx::query("UPDATE claims SET status = $1, content_type = $2, body = $3 WHERE key = $4")
                        .bind(i32::from(status))
                        .bind(content_type)
                        .bind(body)
                        .bind(key)
                        .execute(&self.pool)
                        .await?
                }
                None => sqlx::query("DELETE FROM claims WHERE key = $1").bind(key).execute(&self.pool).await?,
            };
            Ok(())
        })
    }

    fn receive(&self, delivery: Delivery) -> Answer<'_, Received> {
        Box::pin(async move {
            let Delivery { dedupe, event, file, terminal, version, body, at, keep, targets } = delivery;
            let mut transaction = self.pool.begin().await?;
            // Two instances with the same delivery meet here: the second waits for the first one's commit.
            let first = sqlx::query("INSERT INTO deliveries VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&dedupe)
                .bind(keep)
                .execute(&mut *transaction)
                .await?;
            if first.rows_affected() == 0 {
                return Ok(Received::Seen);
            }
            let mut late = false;
            if let Some(file) = &file {
                // Held until the end, so that two events of one file are judged one after the other.
                sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 7570))")
                    .bind(file)
                    .execute(&mut *transaction)
                    .await?;
                let before: Option<(bool, Option<String>)> =
                    sqlx::query_as("SELECT ended, version FROM hook_files WHERE file = $1")
                        .bind(file)
                        .fetch_optional(&mut *transaction)
                        .await?;
                let (ended, newest) = before.unwrap_or_default();
                late = ended || (version.is_some() && version < newest);
                if before_changes(ended, terminal, version.as_ref(), newest.as_ref()) {
                    sqlx::query(
                        "INSERT INTO hook_files VALUES ($1, $2, $3)
                         ON CONFLICT (file) DO UPDATE SET ended = excluded.ended, version = excluded.version",
                    )
                    .bind(file)
                    .bind(ended || terminal)
                    .bind(version.max(newest))
                    .execute(&mut *transaction)
                    .await?;
                }
            }
            let position = sqlx::query_scalar(
                "INSERT INTO events (event, file, body, at, late) VALUES ($1, $2, $3, $4, $5) RETURNING position",
            )
            .bind(&event)
            .bind(file)
            .bind(&body)
            .bind(at)
            .bind(late)
            .fetch_one(&mut *transaction)
            .await?;
            if !late && !targets.is_empty() {
                sqlx::query(
                    "INSERT INTO errands (target, dedupe, event, body, at, next, attempts)
                     SELECT target, $2::text, $3::text, $4::text, $5::bigint, $5::bigint, 0 FROM unnest($1::text[]) AS target",
                )
                .bind(&targets)
                .bind(&dedupe)
                .bind(&event)
                .bind(&body)
                .bind(at)
                .execute(&mut *transaction)
                .await?;
            }
            transaction.commit().await?;
            Ok(Received::New { position, late })
        })
    }

    fn events(&self, after: i64, most: u32) -> Answer<'_, Vec<EventRow>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT position, event, file, body, at, late FROM events
                 WHERE position > $1 AND position < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                 ORDER BY position LIMIT $2",
            )
            .bind(after)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
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
            let newest = sqlx::query_scalar(
                "SELECT coalesce(max(position), 0) FROM events
                 WHERE position < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            );
            Ok(newest.fetch_one(&self.pool).await?)
        })
    }

    fn due(&self, at: i64, lease: i64, most: u32) -> Answer<'_, Vec<Errand>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "UPDATE errands SET next = $1, attempts = attempts + 1
                 WHERE id IN (SELECT id FROM errands WHERE next <= $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
                 RETURNING id, target, dedupe, event, body, at, attempts, error",
            )
            .bind(lease)
            .bind(at)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await?;
            let mut errands = all(&rows, errand)?;
            errands.sort_by_key(|errand| errand.id);
            Ok(errands)
        })
    }

    fn ran(&self, id: i64, outcome: ErrandOutcome) -> Answer<'_, ()> {
        Box::pin(async move {
            let (next, error) = match outcome {
                ErrandOutcome::Done => {
                    sqlx::query("DELETE FROM errands WHERE id = $1").bind(id).execute(&self.pool).await?;
                    return Ok(());
                }
                ErrandOutcome::Again { at, error } => (Some(at), error),
                ErrandOutcome::Dead { error } => (None, error),
            };
            let update = sqlx::query("UPDATE errands SET next = $1, error = $2 WHERE id = $3");
            update.bind(next).bind(error).bind(id).execute(&self.pool).await?;
            Ok(())
        })
    }

    fn dead(&self, most: u32) -> Answer<'_, Vec<Errand>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT id, target, dedupe, event, body, at, attempts, error FROM errands WHERE next IS NULL
                 ORDER BY id DESC LIMIT $1",
            );
            all(&rows.bind(i64::from(most)).fetch_all(&self.pool).await?, errand)
        })
    }

    fn revive(&self, id: i64, at: i64) -> Answer<'_, bool> {
        Box::pin(async move {
            let update = sqlx::query("UPDATE errands SET next = $1, attempts = 0 WHERE id = $2 AND next IS NULL");
            Ok(update.bind(at).bind(id).execute(&self.pool).await?.rows_affected() == 1)
        })
    }

    fn value(&self, name: String) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1");
            Ok(value.bind(name).fetch_optional(&self.pool).await?)
        })
    }

    fn value_or(&self, name: String, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            sqlx::query("INSERT INTO settings VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&name)
                .bind(value)
                .execute(&self.pool)
                .await?;
            let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1");
            Ok(value.bind(name).fetch_one(&self.pool).await?)
        })
    }

    fn set_value(&self, name: String, value: Option<Vec<u8>>) -> Answer<'_, ()> {
        Box::pin(async move {
            match value {
                Some(value) => {
                    sqlx::query(
                        "INSERT INTO settings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    )
                    .bind(name)
                    .bind(value)
                    .execute(&self.pool)
                    .await?
                }
                None => sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(&self.pool).await?,
            };
            Ok(())
        })
    }

    fn sweep(&self, at: i64, window: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM quotas WHERE period < $1").bind(window).execute(&self.pool).await?;
            sqlx::query("DELETE FROM claims WHERE keep <= $1").bind(at).execute(&self.pool).await?;
            sqlx::query("DELETE FROM deliveries WHERE keep <= $1").bind(at).execute(&self.pool).await?;
            sqlx::query("DELETE FROM agent_keys WHERE expires_at <= $1 OR (parent IS NOT NULL AND revoked_at <= $1)")
                .bind(at - KEYS_KEPT)
                .execute(&self.pool)
                .await?;
            sqlx::query("DELETE FROM rates WHERE tat <= $1").bind(at.saturating_mul(1000)).execute(&self.pool).await?;
            Ok(())
        })
    }
}
