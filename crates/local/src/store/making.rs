//! Files that are announced before their bytes are there: local copies, results of conversions and add-ons.
//!
//! The bytes gather under a name of their own, are moved to where a committed file's blob is looked for, and only then
//! does the row say that the file is whole. A crash in between leaves a provisional row; whoever makes the file makes
//! it again.

use super::{Making, NewFile, Store, StoreError};
use std::fs;

impl Store {
    /// Remembers a file whose bytes come later: size 0, nothing found in it.
    pub(crate) async fn announce_file(&self, file: &NewFile, making: Making) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        self.insert(&mut change, file).await?;
        sqlx::query("UPDATE files SET provisional = ? WHERE uuid = ?")
            .bind(making.as_str())
            .bind(file.uuid.to_string())
            .execute(&mut *change)
            .await?;
        Ok(change.commit().await?)
    }

    /// Makes an announced file whole. Its bytes lie at [`Blobs::making`](super::Blobs::making). `false`, and nothing
    /// is changed, where it is announced no more.
    pub(crate) async fn fill_file(&self, file: &NewFile) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let ready_at = self.tick().saturating_add(i64::try_from(file.ready_after.as_micros()).unwrap_or(i64::MAX));
        let filled = sqlx::query(
            "UPDATE files SET original_filename = ?, mime_type = ?, size = ?, etag = ?, is_image = ?, content_info = ?,
                              name_words = ?, ready_at = ?, provisional = '' WHERE uuid = ? AND provisional <> ''",
        )
        .bind(&file.original_filename)
        .bind(&file.mime_type)
        .bind(file.size.cast_signed())
        .bind(&file.etag)
        .bind(file.is_image)
        .bind(serde_json::to_string(&file.content_info)?)
        .bind(super::search::name_words(&file.original_filename))
        .bind(ready_at)
        .bind(file.uuid.to_string())
        .execute(&mut *change)
        .await?;
        if filled.rows_affected() == 0 {
            return Ok(false);
        }
        fs::rename(self.blobs.making(file.uuid), self.blobs.gathering(file.uuid))?;
        change.commit().await?;
        self.publish(file.uuid);
        Ok(true)
    }
}
