//! What the stand-in remembers: rows in SQLite, bytes in [`Blobs`].
//!
//! One connection writes, several read. A call that changes something returns once the change is committed; nothing
//! is answered to a client before. With `--in-memory` there is one connection, which is the database.

pub(crate) mod blobs;
mod change;
mod copies;
mod files;
mod groups;
mod imported;
mod jobs;
mod lives;
mod making;
mod search;
mod sum;
mod texts;
mod tokens;
mod uploads;
mod urls;
mod webhooks;
mod window;

use change::{Change, Edition};

pub(crate) use blobs::{Blobs, Sink, Spool};
pub(crate) use copies::CopyRow;
pub(crate) use files::{Changed, Edited, FileRow, Keeping, ListQuery, Listed, Making, NewFile};
pub(crate) use groups::{GroupRow, Member};
pub(crate) use imported::Imported;
pub(crate) use jobs::{JobRow, JobState, Outcome, Trouble};
pub(crate) use search::Terms;
pub(crate) use texts::FileText;
pub(crate) use tokens::Charge;
pub(crate) use uploads::{Claims, PartRow, UploadRow};
pub(crate) use urls::{UrlState, UrlUpload};
pub(crate) use webhooks::{Attempt, DeliveryRecord, DueDelivery, WebhookRow, Wish, Written, event_named};
pub(crate) use window::{Cursor, Stretch, Window};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{collections::HashSet, io, path::Path, sync::Arc, sync::Mutex, time::Duration};
use updock_types::{FileUuid, Timestamp};

/// Why something could not be remembered or found again. None of these is the client's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database is not ours or too new: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("a stored row cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    /// The token's operations are spent; nothing was changed.
    #[error("the token's operations are spent")]
    TokenSpent,
}

/// Rows and bytes.
pub(crate) struct Store {
    read: SqlitePool,
    write: SqlitePool,
    edition: Edition,
    pub(crate) blobs: Blobs,
    pub(crate) claims: Arc<Claims>,
    /// The last time that was given to a row.
    clock: Mutex<i64>,
    /// Signs part URLs; kept in the database, so that they outlive a restart.
    pub(crate) part_key: [u8; 32],
}

/// Where the database is.
pub(crate) enum Database<'a> {
    /// In this process only.
    Memory,
    /// A file that is made when missing.
    File(&'a Path),
}

impl Store {
    /// Opens or makes the store in `directory`, and tidies up after a crash.
    pub(crate) async fn open(directory: &Path, database: &Database<'_>) -> Result<Self, StoreError> {
        let blobs = Blobs::open(directory)?;
        let options = SqliteConnectOptions::new()
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let (write, read) = match database {
            Database::Memory => {
                let one = pool().min_connections(1).max_connections(1).connect_with(options.in_memory(true)).await?;
                (one.clone(), one)
            }
            Database::File(path) => {
                // WAL without an fsync for each commit survives the death of the process, not that of the machine.
                let options = options
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal);
                let write = pool().max_connections(1).connect_with(options.clone()).await?;
                (write, pool().max_connections(4).connect_lazy_with(options))
            }
        };
        sqlx::migrate!().run(&write).await?;
        let part_key = Self::part_key(&write).await?;
        let last: i64 = sqlx::query_scalar(
            "SELECT max(coalesce((SELECT max(uploaded_at) FROM files), 0),
                        coalesce((SELECT max(created_at) FROM file_groups), 0))",
        )
        .fetch_one(&write)
        .await?;
        let edition = Edition::default();
        let store = Self { read, write, edition, blobs, claims: Arc::default(), clock: Mutex::new(last), part_key };
        store.sweep().await?;
        Ok(store)
    }

    async fn part_key(write: &SqlitePool) -> Result<[u8; 32], StoreError> {
        sqlx::query("INSERT INTO settings VALUES ('part_key', ?) ON CONFLICT DO NOTHING")
            .bind(&crate::chance::bytes::<32>()[..])
            .execute(write)
            .await?;
        let key: Vec<u8> =
            sqlx::query_scalar("SELECT value FROM settings WHERE name = 'part_key'").fetch_one(write).await?;
        key.try_into().map_err(|_| io::Error::other("the key of part URLs has the wrong length").into())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let mut committed = HashSet::new();
        for file in self.blobs.gathered()? {
            let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM files WHERE uuid = ?)")
                .bind(file.to_string())
                .fetch_one(&self.write)
                .await?;
            if known {
                committed.insert(file);
            }
        }
        let kept: Vec<String> =
            sqlx::query_scalar("SELECT uuid FROM uploads UNION SELECT side FROM parts WHERE side IS NOT NULL")
                .fetch_all(&self.write)
                .await?;
        let removed = self.blobs.sweep(&committed, &kept.into_iter().collect())?;
        if removed > 0 {
            tracing::info!(removed, "swept what was not acknowledged before the last stop");
        }
        Ok(())
    }

    /// Forgets everything but the key of part URLs.
    pub(crate) async fn reset(&self) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for table in [
            "DELETE FROM files",
            "DELETE FROM uploads",
            "DELETE FROM file_groups",
            "DELETE FROM token_operations",
            "DELETE FROM jobs",
            "DELETE FROM page_groups",
            "DELETE FROM webhooks",
            "DELETE FROM url_uploads",
            "DELETE FROM url_files",
        ] {
            sqlx::query(table).execute(&mut *change).await?;
        }
        change.commit().await?;
        Ok(self.blobs.clear()?)
    }

    /// The time for the next row. Strictly increasing, and called only while a change is under way, so that rows
    /// become visible in the order of their times and no cursor misses one.
    fn tick(&self) -> i64 {
        let mut last = self.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = now().as_micros().max(*last + 1);
        *last
    }
}

/// The time now, to the microsecond.
pub(crate) fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A time that was stored by us, which is always in range.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap_or_else(|| Timestamp::from_micros(0).expect("1970 is in range"))
}

fn uuid(text: &str) -> Result<FileUuid, StoreError> {
    FileUuid::parse(text).map_err(|error| sqlx::Error::Decode(error.into()).into())
}
