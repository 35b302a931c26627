//! Rows of uploads from URLs, and which file each remembered URL became.
//!
//! A row is committed before its token is answered, so the token outlives the process, and what was under way then is
//! fetched again at the next start.

use super::{Charge, NewFile, Store, StoreError, now, tokens, uuid};
use serde::{Deserialize, Serialize};
use sqlx::{Row, sqlite::SqliteRow};
use std::collections::BTreeMap;
use updock_types::{FileUuid, UploadApiError};

/// An upload from a URL, as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct UrlUpload {
    /// Names it; shaped like a file's UUID, and no file's.
    pub(crate) token: FileUuid,
    pub(crate) source_url: String,
    /// The name it shall have.
    pub(crate) filename: Option<String>,
    pub(crate) stored: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    /// Shall the URL be remembered with the file?
    pub(crate) remember: bool,
}

/// How far one is.
#[derive(Debug)]
pub(crate) enum UrlState {
    UnderWay,
    Done(FileUuid),
    Failed(UploadApiError),
}

/// An error as a row holds it.
#[derive(Serialize, Deserialize)]
struct Trouble {
    code: String,
    content: String,
    status: u16,
}

fn read(row: &SqliteRow) -> Result<UrlUpload, StoreError> {
    Ok(UrlUpload {
        token: uuid(row.try_get("token")?)?,
        source_url: row.try_get("source_url")?,
        filename: row.try_get("filename")?,
        stored: row.try_get("stored")?,
        metadata: serde_json::from_str(row.try_get("metadata")?)?,
        tags: serde_json::from_str(row.try_get("tags")?)?,
        remember: row.try_get("remember")?,
    })
}

impl Store {
    /// Remembers what was asked for and books the token that allowed it.
    pub(crate) async fn add_url_upload(&self, upload: &UrlUpload, charge: Option<&Charge>) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if let Some(charge) = charge {
            tokens::book(&mut change, charge, 1).await?;
        }
        sqlx::query(
            "INSERT INTO url_uploads (token, source_url, filename, stored, metadata, tags, remember, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(upload.token.to_string())
        .bind(&upload.source_url)
        .bind(&upload.filename)
        .bind(upload.stored)
        .bind(serde_json::to_string(&upload.metadata)?)
        .bind(serde_json::to_string(&upload.tags)?)
        .bind(upload.remember)
        .bind(now().as_micros())
        .execute(&mut *change)
        .await?;
        Ok(change.commit().await?)
    }

    /// What was under way when the process died, oldest first.
    pub(crate) async fn url_uploads_under_way(&self) -> Result<Vec<UrlUpload>, StoreError> {
        let query = "SELECT * FROM url_uploads WHERE file IS NULL AND trouble IS NULL ORDER BY created_at";
        sqlx::query(query).fetch_all(&self.read).await?.iter().map(read).collect()
    }

    /// How far the upload of that token is; `None` where there is none.
    pub(crate) async fn url_upload(&self, token: FileUuid) -> Result<Option<UrlState>, StoreError> {
        let row = sqlx::query("SELECT file, trouble FROM url_uploads WHERE token = ?")
            .bind(token.to_string())
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (file, trouble): (Option<&str>, Option<&str>) = (row.try_get("file")?, row.try_get("trouble")?);
        Ok(Some(match (file, trouble) {
            (Some(file), _) => UrlState::Done(uuid(file)?),
            (None, Some(trouble)) => {
                let Trouble { code, content, status } = serde_json::from_str(trouble)?;
                UrlState::Failed(UploadApiError { status_code: status, content, error_code: code })
            }
            (None, None) => UrlState::UnderWay,
        }))
    }

    /// Turns an upload whose blob is whole into a file, and remembers its URL if it asked for that. `false`, and
    /// nothing is changed, where it is under way no more.
    pub(crate) async fn finish_url_upload(&self, upload: &UrlUpload, file: &NewFile) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let finished =
            sqlx::query("UPDATE url_uploads SET file = ? WHERE token = ? AND file IS NULL AND trouble IS NULL")
                .bind(file.uuid.to_string())
                .bind(upload.token.to_string())
                .execute(&mut *change)
                .await?;
        if finished.rows_affected() == 0 {
            return Ok(false);
        }
        self.insert(&mut change, file).await?;
        if upload.remember {
            sqlx::query("INSERT OR REPLACE INTO url_files (source_url, file) VALUES (?, ?)")
                .bind(&upload.source_url)
                .bind(file.uuid.to_string())
                .execute(&mut *change)
                .await?;
        }
        change.commit().await?;
        self.publish(file.uuid);
        Ok(true)
    }

    /// Notes why an upload failed for good.
    pub(crate) async fn fail_url_upload(&self, token: FileUuid, error: &UploadApiError) -> Result<(), StoreError> {
        let UploadApiError { status_code, content, error_code } = error.clone();
        let trouble = serde_json::to_string(&Trouble { code: error_code, content, status: status_code })?;
        let failed = sqlx::query("UPDATE url_uploads SET trouble = ? WHERE token = ? AND file IS NULL")
            .bind(trouble)
            .bind(token.to_string());
        self.execute(failed).await?;
        Ok(())
    }

    /// The file that a remembered URL became.
    pub(crate) async fn file_of_url(&self, source_url: &str) -> Result<Option<FileUuid>, StoreError> {
        let file: Option<String> = sqlx::query_scalar("SELECT file FROM url_files WHERE source_url = ?")
            .bind(source_url)
            .fetch_optional(&self.read)
            .await?;
        file.as_deref().map(uuid).transpose()
    }
}
