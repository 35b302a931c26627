//! Rows of files with their JSON columns as they lie: for answers that only pass them on, nothing is parsed in order to
//! be written again. A page of a hundred files has five hundred such texts.

use super::{ListQuery, Listed, Making, Store, StoreError, timestamp};
use sqlx::{Row, sqlite::SqliteRow};
use updock_types::{FileUuid, Timestamp};

/// A file as it is remembered, in texts. See [`FileRow`](super::FileRow) for what they mean.
#[derive(Debug)]
pub(crate) struct FileText {
    pub(crate) uuid: String,
    pub(crate) original_filename: String,
    pub(crate) mime_type: String,
    pub(crate) size: i64,
    pub(crate) uploaded_at: Timestamp,
    pub(crate) stored_at: Option<Timestamp>,
    pub(crate) removed_at: Option<Timestamp>,
    pub(crate) ready_at: Timestamp,
    pub(crate) is_image: bool,
    pub(crate) content_info: String,
    pub(crate) metadata: String,
    pub(crate) tags: String,
    pub(crate) appdata: String,
    pub(crate) variations: String,
    pub(crate) making: Making,
}

macro_rules! columns {
    () => {
        "SELECT uuid, original_filename, mime_type, size, uploaded_at, stored_at, removed_at, ready_at, is_image,
                content_info, metadata, tags, appdata, variations, provisional"
    };
}

fn read(row: &SqliteRow) -> Result<FileText, StoreError> {
    let time = |column: &str| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(timestamp))
    };
    Ok(FileText {
        uuid: row.try_get("uuid")?,
        original_filename: row.try_get("original_filename")?,
        mime_type: row.try_get("mime_type")?,
        size: row.try_get("size")?,
        uploaded_at: timestamp(row.try_get("uploaded_at")?),
        stored_at: time("stored_at")?,
        removed_at: time("removed_at")?,
        ready_at: timestamp(row.try_get("ready_at")?),
        is_image: row.try_get("is_image")?,
        content_info: row.try_get("content_info")?,
        metadata: row.try_get("metadata")?,
        tags: row.try_get("tags")?,
        appdata: row.try_get("appdata")?,
        variations: row.try_get("variations")?,
        making: Making::parse(row.try_get("provisional")?),
    })
}

impl Store {
    /// Like [`Store::file`].
    pub(crate) async fn file_text(&self, file: FileUuid) -> Result<Option<FileText>, StoreError> {
        const QUERY: &str = concat!(columns!(), " FROM files WHERE uuid = ?");
        let row = sqlx::query(QUERY).bind(file.to_string()).fetch_optional(&self.read).await?;
        row.as_ref().map(read).transpose()
    }

    /// Like [`Store::list`].
    pub(crate) async fn list_texts(&self, query: &ListQuery) -> Result<Listed<FileText>, StoreError> {
        self.list_as(query, columns!(), read, |file| file.uploaded_at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        origin::Origins,
        store::{Database, NewFile, Window},
        view,
    };
    use std::{collections::BTreeMap, time::Duration};
    use updock_types::{ContentInfo, MimeInfo};

    #[tokio::test]
    async fn texts_are_written_as_the_wire_types_are() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Database::Memory).await.unwrap();
        let file = |at: u8| NewFile {
            uuid: FileUuid::from_random_bytes([at; 16]),
            original_filename: "say \"hi\" \\ ü.txt".to_owned(),
            mime_type: "text/plain; x=\"\"".to_owned(),
            size: 7,
            etag: String::new(),
            stored: at > 1,
            ready_after: Duration::ZERO,
            is_image: false,
            content_info: ContentInfo { mime: Some(MimeInfo::new("text/plain")), ..ContentInfo::default() },
            metadata: BTreeMap::from([("k".to_owned(), "v \u{1} \u{2028}".to_owned())]),
            tags: vec!["cat".to_owned()],
        };
        for (at, making) in [(1, Making::Whole), (2, Making::Copy), (3, Making::Conversion)] {
            store.announce_file(&file(at), making).await.unwrap();
        }
        store.change_file(file(2).uuid, crate::store::Keeping::Remove).await.unwrap();
        let origins = Origins { own: "http://own".to_owned(), cdn: "http://cdn".to_owned() };
        for removed in [false, true] {
            let query = ListQuery { window: Window::files(9, false), stored: None, removed };
            let (rows, texts) = (store.list(&query).await.unwrap(), store.list_texts(&query).await.unwrap());
            for (row, text) in rows.stretch.rows.iter().zip(&texts.stretch.rows) {
                let mut expected = view::file(row, &origins);
                expected.appdata = Some(row.appdata.clone());
                let mut written = Vec::new();
                view::write_file(&mut written, text, &origins, true);
                assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&expected).unwrap());
            }
        }
    }
}
