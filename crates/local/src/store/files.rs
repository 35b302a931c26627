//! Rows of files.

use super::{Charge, Store, StoreError, timestamp, tokens, uuid};
use sqlx::{QueryBuilder, Row, Sqlite, Transaction, sqlite::SqliteRow};
use std::{collections::BTreeMap, time::Duration};
use updock_types::{
    ContentInfo, FileUuid, Timestamp,
    rest::{Appdata, FilesOrdering, Totals},
};

/// A file as it is remembered.
#[derive(Debug, Clone)]
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

    fn parse(text: &str) -> Self {
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

/// What to list.
#[derive(Debug, Clone)]
pub(crate) struct ListQuery {
    pub(crate) limit: u16,
    pub(crate) ordering: FilesOrdering,
    pub(crate) cursor: Cursor,
    pub(crate) offset: u32,
    pub(crate) stored: Option<bool>,
    pub(crate) removed: bool,
}

/// Where in the list, in the requested order. Exclusive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cursor {
    Start,
    After(Timestamp),
    /// The rows nearest before this point.
    Before(Timestamp),
}

/// A stretch of the list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) files: Vec<FileRow>,
    /// Is there anything before the first row?
    pub(crate) more_before: bool,
    /// Is there anything after the last row?
    pub(crate) more_after: bool,
    pub(crate) total: i64,
    pub(crate) totals: Totals,
}

const COLUMNS: &str = "SELECT uuid, original_filename, mime_type, size, etag, uploaded_at, stored_at, removed_at, ready_at, is_image, content_info, metadata, tags, appdata, variations, provisional FROM files";

fn read(row: &SqliteRow) -> Result<FileRow, StoreError> {
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
            self.blobs.publish(file.uuid)?;
        }
        Ok(())
    }

    pub(super) async fn insert(
        &self,
        change: &mut Transaction<'static, Sqlite>,
        file: &NewFile,
    ) -> Result<(), StoreError> {
        let at = self.tick();
        let ready_after = i64::try_from(file.ready_after.as_micros()).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO files (uuid, original_filename, mime_type, size, etag, uploaded_at, stored_at, ready_at,
                                is_image, content_info, metadata, tags)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        .execute(&mut **change)
        .await?;
        Ok(())
    }

    /// The file of that UUID, removed or not.
    pub(crate) async fn file(&self, file: FileUuid) -> Result<Option<FileRow>, StoreError> {
        let query = QueryBuilder::<Sqlite>::new(COLUMNS)
            .push(" WHERE uuid = ")
            .push_bind(file.to_string())
            .build()
            .fetch_optional(&self.read)
            .await?;
        query.as_ref().map(read).transpose()
    }

    /// Stores a file, also one that was removed; the first time of storing stays. `None` where there is no such file.
    pub(crate) async fn keep_file(&self, file: FileUuid) -> Result<Option<FileRow>, StoreError> {
        let mut change = self.change().await?;
        let at = self.tick();
        sqlx::query("UPDATE files SET stored_at = coalesce(stored_at, ?), removed_at = NULL WHERE uuid = ?")
            .bind(at)
            .bind(file.to_string())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        self.file(file).await
    }

    /// Removes a file; its row stays readable. `None` where there is no such file.
    pub(crate) async fn remove_file(&self, file: FileUuid) -> Result<Option<FileRow>, StoreError> {
        let mut change = self.change().await?;
        let at = self.tick();
        sqlx::query("UPDATE files SET removed_at = coalesce(removed_at, ?), stored_at = NULL WHERE uuid = ?")
            .bind(at)
            .bind(file.to_string())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        self.file(file).await
    }

    /// One page of files. Costs the same however deep it lies.
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<Listed, StoreError> {
        let newest_first = query.ordering == FilesOrdering::NewestFirst;
        let (after, before) = if newest_first { (" < ", " > ") } else { (" > ", " < ") };
        let backwards = matches!(query.cursor, Cursor::Before(_));

        let mut select = filtered(COLUMNS, query);
        match query.cursor {
            Cursor::Start => {}
            Cursor::After(at) => {
                select.push(" AND uploaded_at").push(after).push_bind(at.as_micros());
            }
            Cursor::Before(at) => {
                select.push(" AND uploaded_at").push(before).push_bind(at.as_micros());
            }
        }
        select.push(if newest_first == backwards { " ORDER BY uploaded_at" } else { " ORDER BY uploaded_at DESC" });
        select.push(" LIMIT ").push_bind(i64::from(query.limit)).push(" OFFSET ").push_bind(i64::from(query.offset));
        let rows = select.build().fetch_all(&self.read).await?;
        let mut files = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if backwards {
            files.reverse();
        }

        let totals = self.totals().await?;
        Ok(Listed {
            more_before: self.any(query, files.first(), before).await?,
            more_after: self.any(query, files.last(), after).await?,
            total: match (query.removed, query.stored) {
                (false, None) => totals.stored + totals.unstored,
                (false, Some(true)) => totals.stored,
                (false, Some(false)) => totals.unstored,
                (true, None | Some(false)) => totals.removed,
                (true, Some(true)) => 0, // removal takes away that a file was stored
            },
            totals,
            files,
        })
    }

    async fn any(&self, query: &ListQuery, from: Option<&FileRow>, side: &'static str) -> Result<bool, StoreError> {
        let Some(from) = from else { return Ok(false) };
        let mut exists = filtered("SELECT EXISTS (SELECT 1 FROM files", query);
        exists.push(" AND uploaded_at").push(side).push_bind(from.uploaded_at.as_micros()).push(")");
        Ok(exists.build_query_scalar().fetch_one(&self.read).await?)
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        let rows = sqlx::query_as::<_, (String, i64)>("SELECT state, files FROM totals").fetch_all(&self.read).await?;
        let count = |state: &str| rows.iter().find(|row| row.0 == state).map_or(0, |row| row.1);
        Ok(Totals { removed: count("removed"), stored: count("stored"), unstored: count("unstored") })
    }
}

fn filtered(start: &'static str, query: &ListQuery) -> QueryBuilder<Sqlite> {
    let mut builder = QueryBuilder::new(start);
    builder.push(match (query.removed, query.stored) {
        (false, None) => " WHERE removed_at IS NULL",
        (false, Some(true)) => " WHERE state = 'stored'",
        (false, Some(false)) => " WHERE state = 'unstored'",
        (true, None | Some(false)) => " WHERE state = 'removed'",
        (true, Some(true)) => " WHERE state = 'none'",
    });
    builder
}
