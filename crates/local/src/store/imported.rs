//! Rows of files that come from an export, with the times they had there.

use super::{NewFile, Store, StoreError};
use updock_types::Timestamp;

/// A file to be remembered; its bytes lie in its blob already.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) file: NewFile,
    /// When it was uploaded and stored; now where absent.
    pub(crate) times: Option<(Timestamp, Option<Timestamp>)>,
}

impl Store {
    /// Remembers a file and publishes its blob. Where another was uploaded at the very same time, the time of the
    /// import stays: no two files may share one.
    pub(crate) async fn import(&self, imported: &Imported) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        self.insert(&mut change, &imported.file).await?;
        if let Some((uploaded, stored)) = imported.times {
            sqlx::query("UPDATE OR IGNORE files SET uploaded_at = ?1, stored_at = ?2, ready_at = ?1 WHERE uuid = ?3")
                .bind(uploaded.as_micros())
                .bind(stored.map(Timestamp::as_micros))
                .bind(imported.file.uuid.to_string())
                .execute(&mut *change)
                .await?;
            // It may come from a clock that is ahead; times that are given from here on must come after it.
            let mut last = self.clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last = uploaded.as_micros().max(*last);
        }
        change.commit().await?;
        Ok(self.blobs.publish(imported.file.uuid)?)
    }
}
