//! What the signer remembers: the audit log, agent keys, rates, quotas, idempotency keys, webhooks seen and webhooks to
//! send on. One trait, [`State`]; SQLite for one instance, PostgreSQL for several, memory for tests and for embedding.
//! One suite of tests (`tests/suite/state.rs`) holds all of them to the same behaviour.
//!
//! Invariant: what a call has answered is committed. Times are the caller's, in Unix milliseconds: nothing here has a
//! clock, so the rules can be tested at any moment.

mod file_system;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod standing;
mod types;

pub use memory::MemoryState;
#[cfg(feature = "postgres")]
pub use postgres::PostgresState;
#[cfg(feature = "postgres")]
pub(crate) use postgres::is_address as is_postgres_address;
pub use sqlite::SqliteState;
pub use types::*;

use crate::policy::{Place, Rate};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A call of a [`State`], under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send + 'a>>;

/// The state of one signer, or of several that share it.
pub trait State: Send + Sync + 'static {
    /// Which it is, for people: `SQLite`, `PostgreSQL`, `memory`.
    fn name(&self) -> &'static str;
    /// Do several instances share it?
    fn shared(&self) -> bool {
        false
    }
    /// Does it answer?
    fn ready(&self) -> Answer<'_, ()>;

    // The audit log.

    /// Takes a chain that nobody else writes, and says where it ends. Asked again after an error of [`State::append`],
    /// it tells what was written and what was not.
    fn take_chain(&self, whose: ChainFor) -> Answer<'_, ChainEnd>;
    /// Appends rows that follow each other; all of them or none.
    fn append(&self, rows: Arc<[AuditRow]>) -> Answer<'_, ()>;
    /// Rows that fit, newest first.
    fn search(&self, what: AuditQuery) -> Answer<'_, Vec<AuditRow>>;
    /// The names of all chains.
    fn chains(&self) -> Answer<'_, Vec<String>>;
    /// Rows of a chain in order, after number `after`.
    fn chain(&self, node: String, after: i64, most: u32) -> Answer<'_, Vec<AuditRow>>;
    /// Checkpoints and tombstones of a chain in order.
    fn marks(&self, node: String) -> Answer<'_, Vec<Mark>>;
    /// Keeps a checkpoint, or, with a tombstone, deletes the rows that it stands for.
    fn mark(&self, mark: Mark) -> Answer<'_, ()>;

    // Agent keys.

    /// Keeps a new key; `false` if its id is taken.
    fn add_key(&self, key: KeyRow) -> Answer<'_, bool>;
    /// The key with this id.
    fn key(&self, id: String) -> Answer<'_, Option<KeyRow>>;
    /// All keys, oldest first; of one agent if named.
    fn keys(&self, agent: Option<String>) -> Answer<'_, Vec<KeyRow>>;
    /// Revokes a key; `false` if there is none or it is revoked already.
    fn revoke_key(&self, id: String, at: i64) -> Answer<'_, bool>;
    /// Notes that a key was used.
    fn key_used(&self, id: String, at: i64) -> Answer<'_, ()>;

    // Limits.

    /// Counts a call of `key` under `rate`.
    fn take(&self, key: String, rate: Rate, at: i64) -> Answer<'_, Taken>;
    /// Spends `amount` of the `most` that `key` has in the window `window` (its number, such as that of the day).
    fn spend(&self, key: String, window: i64, amount: u32, most: u32) -> Answer<'_, Spent>;
    /// Gives back what was spent on something that was not done.
    fn unspend(&self, key: String, window: i64, amount: u32) -> Answer<'_, ()>;

    // Idempotency.

    /// Claims `key` for a request with this fingerprint, until `lease`; the answer is kept until `keep`.
    fn claim(&self, key: String, fingerprint: String, at: i64, lease: i64, keep: i64) -> Answer<'_, Claim>;
    /// Keeps the answer of a claimed request; without one, gives the claim back.
    fn settle(&self, key: String, answer: Option<KeptAnswer>) -> Answer<'_, ()>;

    // Webhooks.

    /// Keeps a delivery that was not seen before, and an errand for each target, all at once.
    fn receive(&self, delivery: Delivery) -> Answer<'_, Received>;
    /// Events after a position, in order. Whatever is told once is never told out of order later.
    fn events(&self, after: i64, most: u32) -> Answer<'_, Vec<EventRow>>;
    /// The position of the newest event.
    fn newest_event(&self) -> Answer<'_, i64>;
    /// Takes errands that are due, and keeps others from them until `lease`.
    fn due(&self, at: i64, lease: i64, most: u32) -> Answer<'_, Vec<Errand>>;
    /// Says what came of an errand.
    fn ran(&self, id: i64, outcome: ErrandOutcome) -> Answer<'_, ()>;
    /// Errands that were given up, newest first.
    fn dead(&self, most: u32) -> Answer<'_, Vec<Errand>>;
    /// Sends a dead errand again from `at`; `false` if it is not dead.
    fn revive(&self, id: i64, at: i64) -> Answer<'_, bool>;

    // Small values: keys of our own.

    /// The value of this name.
    fn value(&self, name: String) -> Answer<'_, Option<Vec<u8>>>;
    /// Sets a value unless there is one; answers with the one that counts.
    fn value_or(&self, name: String, value: Vec<u8>) -> Answer<'_, Vec<u8>>;
    /// Sets a value.
    fn set_value(&self, name: String, value: Option<Vec<u8>>) -> Answer<'_, ()>;

    /// Forgets what has had its time: windows before `window`, answers and deliveries kept until `at`, keys that have
    /// been over for [`KEYS_KEPT`]. A key of the policy file that was revoked is never forgotten.
    fn sweep(&self, at: i64, window: i64) -> Answer<'_, ()>;
}

/// How long a key is remembered after its end, and a derived one after it was revoked, in milliseconds: a week.
pub const KEYS_KEPT: i64 = 7 * 86_400_000;

/// Where each chain was read to: what a live tail goes on from.
pub type TailPosition = BTreeMap<String, i64>;

/// Unix milliseconds.
pub fn now() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Opens the state at `place`.
pub async fn open(place: &Place) -> Result<Arc<dyn State>, StateError> {
    match place {
        Place::Memory => Ok(Arc::new(MemoryState::default())),
        Place::Sqlite(path) => Ok(Arc::new(SqliteState::open(path).await?)),
        #[cfg(feature = "postgres")]
        Place::Postgres(url) => Ok(Arc::new(PostgresState::open(url).await?)),
        #[cfg(not(feature = "postgres"))]
        Place::Postgres(_) => Err(StateError::Closed),
    }
}

/// Opens the state at `place` for whoever only reads it: what is not there is an error, and is not made. A log that was
/// made by looking at it would be empty, and whole.
pub async fn open_kept(place: &Place) -> Result<Arc<dyn State>, StateError> {
    match place {
        Place::Memory => Err(StateError::InMemory),
        Place::Sqlite(path) if !path.metadata().is_ok_and(|found| found.len() > 0) => {
            Err(StateError::Absent { place: path.display().to_string() })
        }
        #[cfg(feature = "postgres")]
        Place::Postgres(url) => Ok(Arc::new(PostgresState::open_kept(url).await?)),
        place => open(place).await,
    }
}
