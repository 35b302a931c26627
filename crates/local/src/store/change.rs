//! Changes, and the edition that tells whether anything may have changed.

use super::{Store, StoreError};
use sqlx::{
    Sqlite, SqliteConnection, Transaction,
    query::Query,
    sqlite::{SqliteArguments, SqliteQueryResult},
};
use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts changes. What was read while an edition lasted holds as long as it lasts.
#[derive(Debug, Clone, Default)]
pub(super) struct Edition(Arc<AtomicU64>);

impl Edition {
    fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A change under way; nothing of it is seen before [`Change::commit`], and dropping it takes it back.
pub(super) struct Change {
    transaction: Transaction<'static, Sqlite>,
    edition: Edition,
}

impl Change {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        let committed = self.transaction.commit().await;
        // Before anybody is answered, and also when nobody knows whether it was done.
        self.edition.end();
        committed
    }
}

impl Deref for Change {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl Store {
    /// The edition now: ask before reading what is to be kept.
    pub(crate) fn edition(&self) -> u64 {
        self.edition.0.load(Ordering::SeqCst)
    }

    pub(super) async fn change(&self) -> Result<Change, StoreError> {
        let transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Change { transaction, edition: self.edition.clone() })
    }

    /// A change that is one statement.
    pub(super) async fn execute(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, StoreError> {
        let done = query.execute(&self.write).await;
        self.edition.end();
        Ok(done?)
    }
}
