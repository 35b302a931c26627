//! Rows of files.

use super::{Change, Charge, Store, StoreError, Stretch, Window, search, timestamp, tokens, uuid};
use sqlx::{
    Row,
    sqlite::{SqliteExecutor, SqliteRow},
};
use std::{collections::BTreeMap, time::Duration};
use updock_types::{
    ContentInfo, FileUuid, Timestamp,
    rest::{Appdata, Totals},
};

/// A file as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileRow {
    pub(crate) uuid: FileUuid,
    pub(crate) original_filename: String,
    /// As declared.
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) uploaded_at: Timestamp,
    pub(crate) stored_at: Option<Timestamp>,
    pub(crate) removed_at: Option<Timestamp>,
    pub(crate) ready_at: Timestamp,
    pub(crate) is_image: bool,
    pub(crate) content_info: ContentInfo,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    /// What add-ons found.
    pub(crate) appdata: Appdata,
    /// Results of conversions by canonical path.
    pub(crate) variations: BTreeMap<String, FileUuid>,
    /// Are its bytes there?
    pub(crate) making: Making,
    /// Does it stand for something that cannot be made here?
    pub(crate) placeholder: bool,
}

/// Is a file whole, or announced before its bytes are there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    Whole,
    /// A local copy: reported ready, with size 0.
    Copy,
    /// A result of a conversion or an add-on: not ready, with size 0.
    Conversion,
}

impl Making {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Copy => "copy",
            Self::Conversion => "conversion",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "copy" => Self::Copy,
            "conversion" => Self::Conversion,
            _ => Self::Whole,
        }
    }
}

/// A file to be remembered; its bytes lie in its blob already.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) uuid: FileUuid,
    pub(crate) original_filename: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) stored: bool,
    /// How long after now it becomes ready.
    pub(crate) ready_after: Duration,
    pub(crate) is_image: bool,
    pub(crate) content_info: ContentInfo,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
}

/// What is done about keeping a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Stored, also when it was removed before; the first time of storing stays.
    Store,
    /// Removed; its row stays readable, the first time of removal stays.
    Remove,
}

/// A file after something was done to it.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) row: FileRow,
    /// Is anything different now?
    pub(crate) changed: bool,
}

/// A file before and after an edit; equal where the edit changed nothing.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(crate) before: FileRow,
    pub(crate) after: FileRow,
}

/// What to list.
#[derive(Debug, Clone)]
pub(crate) struct ListQuery {
    pub(crate) window: Window,
    pub(crate) stored: Option<bool>,
    pub(crate) removed: bool,
}

/// A stretch of the list.
#[derive(Debug)]
pub(crate) struct Listed<T = FileRow> {
    pub(crate) stretch: Stretch<T>,
    pub(crate) total: i64,
    pub(crate) totals: Totals,
}

macro_rules! columns {
    () => {
        "SELECT uuid, original_filename, mime_type, size, etag, uploaded_at, stored_at, removed_at, ready_at, is_image,
                content_info, metadata, tags, appdata, variations, provisional, placeholder"
    };
}
pub(super) const COLUMNS: &str = columns!();

pub(super) fn read(row: &SqliteRow) -> Result<FileRow, StoreError> {
    let time = |column: &str| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(timestamp))
    };
    Ok(FileRow {
        uuid: uuid(row.try_get("uuid")?)?,
        original_filename: row.try_get("original_filename")?,
        mime_type: row.try_get("mime_type")?,
        size: row.try_get::<i64, _>("size")?.cast_unsigned(),
        etag: row.try_get("etag")?,
        uploaded_at: timestamp(row.try_get("uploaded_at")?),
        stored_at: time("stored_at")?,
        removed_at: time("removed_at")?,
        ready_at: timestamp(row.try_get("ready_at")?),
        is_image: row.try_get("is_image")?,
        content_info: serde_json::from_str(row.try_get("content_info")?)?,
        metadata: serde_json::from_str(row.try_get("metadata")?)?,
        tags: serde_json::from_str(row.try_get("tags")?)?,
        appdata: serde_json::from_str(row.try_get("appdata")?)?,
        variations: serde_json::from_str(row.try_get("variations")?)?,
        making: Making::parse(row.try_get("provisional")?),
        placeholder: row.try_get("placeholder")?,
    })
}

impl Store {
    /// Remembers files whose blobs are whole, books the token, and publishes the blobs. All or none.
    pub(crate) async fn add_files(&self, files: &[NewFile], charge: Option<&Charge>) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if let Some(charge) = charge {
            tokens::book(&mut change, charge, files.len()).await?;
        }
        for file in files {
            self.insert(&mut change, file).await?;
        }
        change.commit().await?;
        for file in files {
            self.publish(file.uuid);
        }
        Ok(())
    }

    /// Moves the blob of a committed file to where it stays. The rename only tidies: where it fails the file is
    /// committed all the same, its blob is found where it gathered, and the next start tries again.
    pub(super) fn publish(&self, file: FileUuid) {
        if let Err(error) = self.blobs.publish(file) {
            tracing::warn!(%file, %error, "could not move a blob to its place");
        }
    }

    pub(super) async fn insert(&self, change: &mut Change, file: &NewFile) -> Result<(), StoreError> {
        let at = self.tick();
        let ready_after = i64::try_from(file.ready_after.as_micros()).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO files (uuid, original_filename, mime_type, size, etag, uploaded_at, stored_at, ready_at,
                                is_image, content_info, metadata, tags, name_words)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(file.uuid.to_string())
        .bind(&file.original_filename)
        .bind(&file.mime_type)
        .bind(file.size.cast_signed())
        .bind(&file.etag)
        .bind(at)
        .bind(file.stored.then_some(at))
        .bind(at.saturating_add(ready_after))
        .bind(file.is_image)
        .bind(serde_json::to_string(&file.content_info)?)
        .bind(serde_json::to_string(&file.metadata)?)
        .bind(serde_json::to_string(&file.tags)?)
        .bind(search::name_words(&file.original_filename))
        .execute(&mut **change)
        .await?;
        Ok(())
    }

    /// The file of that UUID, removed or not.
    pub(crate) async fn file(&self, file: FileUuid) -> Result<Option<FileRow>, StoreError> {
        const QUERY: &str = concat!(columns!(), " FROM files WHERE uuid = ?");
        let row = sqlx::query(QUERY).bind(file.to_string()).fetch_optional(&self.read).await?;
        row.as_ref().map(read).transpose()
    }

    /// Those of `files` that the project has, removed or not, oldest upload first.
    pub(crate) async fn files(&self, files: &[FileUuid]) -> Result<Vec<FileRow>, StoreError> {
        files_of(files, &self.read).await
    }

    /// Stores or removes those of `files` that the project has. Oldest upload first; all or none.
    pub(crate) async fn change_files(&self, files: &[FileUuid], keeping: Keeping) -> Result<Vec<Changed>, StoreError> {
        let mut change = self.change().await?;
        let mut changed = Vec::new();
        for file in files {
            let at = self.tick();
            let query = sqlx::query(match keeping {
                Keeping::Store => {
                    "UPDATE files SET stored_at = ?, removed_at = NULL WHERE uuid = ? AND stored_at IS NULL"
                }
                Keeping::Remove => {
                    "UPDATE files SET removed_at = ?, stored_at = NULL WHERE uuid = ? AND removed_at IS NULL"
                }
            });
            if query.bind(at).bind(file.to_string()).execute(&mut *change).await?.rows_affected() > 0 {
                changed.push(*file);
            }
        }
        let rows = files_of(files, &mut *change).await?;
        change.commit().await?;
        Ok(rows.into_iter().map(|row| Changed { changed: changed.contains(&row.uuid), row }).collect())
    }

    /// Stores or removes one file. `None` where there is no such file.
    pub(crate) async fn change_file(&self, file: FileUuid, keeping: Keeping) -> Result<Option<Changed>, StoreError> {
        Ok(self.change_files(&[file], keeping).await?.pop())
    }

    /// Edits what is noted about a file: metadata, tags, application data, variations. `edit` sees the row as nobody
    /// else can change it meanwhile, and may refuse. `None` where there is no such file.
    pub(crate) async fn edit_file<E: From<StoreError>>(
        &self,
        file: FileUuid,
        edit: impl FnOnce(&mut FileRow) -> Result<(), E>,
    ) -> Result<Option<Edited>, E> {
        let mut change = self.change().await?;
        let Some(before) = files_of(&[file], &mut *change).await?.pop() else { return Ok(None) };
        let mut after = before.clone();
        edit(&mut after)?;
        if before != after {
            let text = |value: serde_json::Result<String>| value.map_err(StoreError::from);
            sqlx::query("UPDATE files SET metadata = ?, tags = ?, appdata = ?, variations = ? WHERE uuid = ?")
                .bind(text(serde_json::to_string(&after.metadata))?)
                .bind(text(serde_json::to_string(&after.tags))?)
                .bind(text(serde_json::to_string(&after.appdata))?)
                .bind(text(serde_json::to_string(&after.variations))?)
                .bind(file.to_string())
                .execute(&mut *change)
                .await
                .map_err(StoreError::from)?;
            change.commit().await.map_err(StoreError::from)?;
        }
        Ok(Some(Edited { before, after }))
    }

    /// Forgets a file for good, bytes and all; groups keep an empty place. `false` where there is no such file.
    pub(crate) async fn purge_file(&self, file: FileUuid) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let purged =
            sqlx::query("DELETE FROM files WHERE uuid = ?").bind(file.to_string()).execute(&mut *change).await?;
        change.commit().await?;
        if purged.rows_affected() == 0 {
            return Ok(false);
        }
        self.blobs.remove(file)?;
        Ok(true)
    }

    /// One page of files. Costs the same however deep it lies.
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<Listed, StoreError> {
        self.list_as(query, COLUMNS, read, |file| file.uploaded_at).await
    }

    pub(super) async fn list_as<T>(
        &self,
        query: &ListQuery,
        columns: &str,
        read: fn(&SqliteRow) -> Result<T, StoreError>,
        at: fn(&T) -> Timestamp,
    ) -> Result<Listed<T>, StoreError> {
        let (window, source) = (&query.window, query.source());
        let rows = window.select(columns, source).build().fetch_all(&self.read).await?;
        let files = rows.iter().map(read).collect::<Result<_, _>>()?;
        let stretch = window.stretch(files, at, source, &self.read).await?;
        let totals = self.totals().await?;
        let total = match (query.removed, query.stored) {
            (false, None) => totals.stored + totals.unstored,
            (false, Some(true)) => totals.stored,
            (false, Some(false)) => totals.unstored,
            (true, None | Some(false)) => totals.removed,
            (true, Some(true)) => 0, // removal takes away that a file was stored
        };
        Ok(Listed { stretch, total, totals })
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        let rows = sqlx::query_as::<_, (String, i64)>("SELECT state, files FROM totals").fetch_all(&self.read).await?;
        let count = |state: &str| rows.iter().find(|row| row.0 == state).map_or(0, |row| row.1);
        Ok(Totals { removed: count("removed"), stored: count("stored"), unstored: count("unstored") })
    }
}

/// Those of `files` that are there, oldest upload first.
async fn files_of<'a>(files: &[FileUuid], connection: impl SqliteExecutor<'a>) -> Result<Vec<FileRow>, StoreError> {
    const QUERY: &str =
        concat!(columns!(), " FROM files WHERE uuid IN (SELECT value FROM json_each(?)) ORDER BY uploaded_at");
    let rows = sqlx::query(QUERY).bind(serde_json::to_string(files)?).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

impl ListQuery {
    /// Each of these has an index that is in the order of uploads.
    pub(super) fn source(&self) -> &'static str {
        match (self.removed, self.stored) {
            (false, None) => "FROM files WHERE removed_at IS NULL",
            (false, Some(true)) => "FROM files WHERE state = 'stored'",
            (false, Some(false)) => "FROM files WHERE state = 'unstored'",
            (true, None | Some(false)) => "FROM files WHERE state = 'removed'",
            (true, Some(true)) => "FROM files WHERE state = 'none'",
        }
    }
}
