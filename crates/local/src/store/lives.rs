//! What has come to its end. Each call ends at most [`AT_ONCE`], so that no request waits long for its turn to write.

use super::{Store, StoreError, uuid};
use updock_types::FileUuid;

const AT_ONCE: u16 = 200;

impl Store {
    /// Removes files that were uploaded before then and are not stored.
    pub(crate) async fn remove_unstored(&self, before: i64) -> Result<Vec<FileUuid>, StoreError> {
        let mut change = self.change().await?;
        let removed: Vec<String> = sqlx::query_scalar(
            "UPDATE files SET removed_at = ? WHERE uuid IN (
                 SELECT uuid FROM files WHERE state = 'unstored' AND uploaded_at <= ? AND provisional = '' LIMIT ?
             ) RETURNING uuid",
        )
        .bind(self.tick())
        .bind(before)
        .bind(AT_ONCE)
        .fetch_all(&mut *change)
        .await?;
        change.commit().await?;
        removed.iter().map(|text| uuid(text)).collect()
    }

    /// Files that were removed before then.
    pub(crate) async fn removed_before(&self, before: i64) -> Result<Vec<FileUuid>, StoreError> {
        let query = "SELECT uuid FROM files WHERE state = 'removed' AND removed_at <= ? AND provisional = '' LIMIT ?";
        let uuids: Vec<String> = sqlx::query_scalar(query).bind(before).bind(AT_ONCE).fetch_all(&self.read).await?;
        uuids.iter().map(|text| uuid(text)).collect()
    }

    /// Multipart uploads that were started before then.
    pub(crate) async fn uploads_before(&self, before: i64) -> Result<Vec<FileUuid>, StoreError> {
        let query = "SELECT uuid FROM uploads WHERE started_at <= ? LIMIT ?";
        let uuids: Vec<String> = sqlx::query_scalar(query).bind(before).bind(AT_ONCE).fetch_all(&self.read).await?;
        uuids.iter().map(|text| uuid(text)).collect()
    }

    /// Forgets a multipart upload with its parts; what they lie in is told by name.
    pub(crate) async fn abandon_upload(&self, upload: FileUuid) -> Result<Vec<String>, StoreError> {
        let mut change = self.change().await?;
        let mut files: Vec<String> = sqlx::query_scalar("SELECT side FROM parts WHERE upload = ? AND side IS NOT NULL")
            .bind(upload.to_string())
            .fetch_all(&mut *change)
            .await?;
        let gone =
            sqlx::query("DELETE FROM uploads WHERE uuid = ?").bind(upload.to_string()).execute(&mut *change).await?;
        if gone.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        change.commit().await?;
        files.push(upload.to_string());
        Ok(files)
    }

    /// Forgets uploads from URLs that were asked for before then and have ended: their tokens are unknown from now on.
    pub(crate) async fn forget_url_uploads(&self, before: i64) -> Result<(), StoreError> {
        let ended = "DELETE FROM url_uploads WHERE created_at <= ? AND (file IS NOT NULL OR trouble IS NOT NULL)";
        self.execute(sqlx::query(ended).bind(before)).await?;
        Ok(())
    }

    /// Forgets what was booked on tokens that ended before then, in Unix seconds.
    pub(crate) async fn forget_tokens(&self, before: i64) -> Result<(), StoreError> {
        self.execute(sqlx::query("DELETE FROM token_operations WHERE expires_at < ?").bind(before)).await?;
        Ok(())
    }
}
