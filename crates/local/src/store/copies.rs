//! What announced copies are made of, remembered so that a crash loses none that was acknowledged.

use super::{Store, StoreError};
use sqlx::Row;
use updock_types::FileUuid;

/// A copy that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyRow {
    /// The copy, which is announced already.
    pub(crate) file: FileUuid,
    pub(crate) source: FileUuid,
    /// CDN operations to apply, like `resize/x800/`; or nothing.
    pub(crate) effects: String,
}

impl Store {
    /// Remembers a copy. Answer the client only after this.
    pub(crate) async fn add_copy(&self, copy: &CopyRow) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        sqlx::query("INSERT INTO copies (file, source, effects) VALUES (?, ?, ?)")
            .bind(copy.file.to_string())
            .bind(copy.source.to_string())
            .bind(&copy.effects)
            .execute(&mut *change)
            .await?;
        Ok(change.commit().await?)
    }

    /// Forgets a copy that was made.
    pub(crate) async fn drop_copy(&self, file: FileUuid) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        sqlx::query("DELETE FROM copies WHERE file = ?").bind(file.to_string()).execute(&mut *change).await?;
        Ok(change.commit().await?)
    }

    /// Copies that were not made before the last stop. Announced ones of which nobody was told are forgotten.
    pub(crate) async fn copies(&self) -> Result<Vec<CopyRow>, StoreError> {
        let mut change = self.change().await?;
        sqlx::query("DELETE FROM files WHERE provisional = 'copy' AND uuid NOT IN (SELECT file FROM copies)")
            .execute(&mut *change)
            .await?;
        let rows = sqlx::query("SELECT file, source, effects FROM copies").fetch_all(&mut *change).await?;
        change.commit().await?;
        let copy = |row: &sqlx::sqlite::SqliteRow| -> Result<CopyRow, StoreError> {
            Ok(CopyRow {
                file: super::uuid(row.try_get("file")?)?,
                source: super::uuid(row.try_get("source")?)?,
                effects: row.try_get("effects")?,
            })
        };
        rows.iter().map(copy).collect()
    }
}
