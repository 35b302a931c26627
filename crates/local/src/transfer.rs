//! Everything out into a directory, and a directory in: originals as plain files, and `index.json` with what is known
//! of them. A directory without an index is taken as it is: each file in it becomes a stored file.
//!
//! Files that were removed, and files that are still being made, stay behind. Nobody is told of files that come in so.

use crate::{
    LocalUploadcare,
    app::App,
    store::{FileRow, Imported, ListQuery, NewFile, Sink, Spool, StoreError, Window},
    view,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
    time::Duration,
};
use tokio::task::spawn_blocking;
use updock_types::{FileUuid, Timestamp, sanitised_name};

const INDEX: &str = "index.json";
/// What the index says it is.
const FORMAT: &str = "updock-local/1";
const PAGE: u16 = 1000;

/// Why a directory could not be written or taken in.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file or directory cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is an index, but not one of ours.
    #[error("{} is no index of an export: {reason}", path.display())]
    Index {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory to export to holds something already.
    #[error("{} is not empty; export to a new directory", .0.display())]
    NotEmpty(PathBuf),
    /// The stand-in could not remember or find a file.
    #[error("the stand-in failed: {0}")]
    Store(String),
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What came of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Import {
    /// Files that are there now.
    pub imported: usize,
    /// Files of the index that were there already, and were left as they are.
    pub known: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    format: String,
    files: Vec<Entry>,
}

/// One file of an export.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    uuid: FileUuid,
    /// Where its bytes lie, below the directory.
    path: String,
    original_filename: String,
    mime_type: String,
    size: u64,
    datetime_uploaded: Timestamp,
    datetime_stored: Option<Timestamp>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    tags: Vec<String>,
}

impl LocalUploadcare {
    /// Takes in a directory: one that [`Self::export`] wrote, with ids, times, metadata and tags; any other file by
    /// file, as stored files with their names, and types by their endings. Hidden files and links are passed over.
    pub async fn import(&self, directory: &Path) -> Result<Import, TransferError> {
        let files = if directory.join(INDEX).is_file() { indexed(directory)? } else { found(directory)? };
        let mut import = Import::default();
        for (path, file) in files {
            if take_in(&self.app, &path, file).await? {
                import.imported += 1;
            } else {
                import.known += 1;
            }
        }
        Ok(import)
    }

    /// Writes every file's original and `index.json` into `directory`, which must be empty or not there. Returns how
    /// many files that are.
    pub async fn export(&self, directory: &Path) -> Result<usize, TransferError> {
        fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
        if fs::read_dir(directory).map_err(|source| failed(directory, source))?.next().is_some() {
            return Err(TransferError::NotEmpty(directory.to_owned()));
        }
        let mut query = ListQuery { window: Window::files(PAGE, false), stored: None, removed: false };
        let mut files = Vec::new();
        loop {
            let listed = self.app.store.list(&query).await?.stretch;
            if let Some(last) = listed.rows.last() {
                query.window.cursor = crate::store::Cursor::After(last.uploaded_at);
            }
            for row in listed.rows.into_iter().filter(view::is_ready) {
                files.push(put_out(&self.app, directory, row).await?);
            }
            if !listed.more_after {
                break;
            }
        }
        let (count, path) = (files.len(), directory.join(INDEX));
        let index = Index { format: FORMAT.to_owned(), files };
        let json = serde_json::to_vec_pretty(&index).map_err(|error| TransferError::Store(error.to_string()))?;
        fs::write(&path, json).map_err(|source| failed(&path, source))?;
        Ok(count)
    }
}

fn failed(path: &Path, source: io::Error) -> TransferError {
    TransferError::Io { path: path.to_owned(), source }
}

async fn put_out(app: &App, directory: &Path, row: FileRow) -> Result<Entry, TransferError> {
    let path = format!("files/{}/{}", row.uuid, sanitised_name(&row.original_filename));
    let to = directory.join(&path);
    let mut from = app.store.blobs.read(row.uuid).map_err(|source| failed(&to, source))?;
    let copied = spawn_blocking(move || {
        let parent = to.parent().unwrap_or(&to);
        let copied = fs::create_dir_all(parent).and_then(|()| io::copy(&mut from, &mut fs::File::create(&to)?));
        copied.map_err(|source| failed(&to, source))
    });
    copied.await.map_err(|error| TransferError::Store(error.to_string()))??;
    Ok(Entry {
        uuid: row.uuid,
        path,
        original_filename: row.original_filename,
        mime_type: row.mime_type,
        size: row.size,
        datetime_uploaded: row.uploaded_at,
        datetime_stored: row.stored_at,
        metadata: row.metadata,
        tags: row.tags,
    })
}

type Files = Vec<(PathBuf, Imported)>;

/// The files of an export, by its index.
fn indexed(directory: &Path) -> Result<Files, TransferError> {
    let path = directory.join(INDEX);
    let wrong = |reason: String| TransferError::Index { path: path.clone(), reason };
    let json = fs::read(&path).map_err(|source| failed(&path, source))?;
    let index: Index = serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
    if index.format != FORMAT {
        return Err(wrong(format!("its format is `{}`, not `{FORMAT}`", index.format)));
    }
    let entry = |entry: Entry| {
        let inside = Path::new(&entry.path);
        if inside.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(wrong(format!("`{}` leads out of the directory", entry.path)));
        }
        let file = directory.join(inside);
        let size = fs::metadata(&file).map_err(|source| failed(&file, source))?.len();
        if size != entry.size {
            return Err(wrong(format!("`{}` has {size} bytes, and should have {}", entry.path, entry.size)));
        }
        let times = Some((entry.datetime_uploaded, entry.datetime_stored));
        let new = NewFile {
            metadata: entry.metadata,
            tags: entry.tags,
            ..blank(entry.uuid, entry.original_filename, entry.mime_type)
        };
        Ok((file, Imported { file: new, times }))
    };
    index.files.into_iter().map(entry).collect()
}

/// Every file below `directory`, in the order of their paths.
fn found(directory: &Path) -> Result<Files, TransferError> {
    let (mut files, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).map_err(|source| failed(&directory, source))? {
            let entry = entry.map_err(|source| failed(&directory, source))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().map_err(|source| failed(&path, source))?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() {
                let mime_type = mime_guess::from_path(&path).first_or_octet_stream().to_string();
                let file = blank(crate::chance::uuid(), name, mime_type);
                files.push((path, Imported { file, times: None }));
            }
        }
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}

fn blank(uuid: FileUuid, original_filename: String, mime_type: String) -> NewFile {
    NewFile {
        uuid,
        original_filename,
        mime_type,
        size: 0,
        etag: String::new(),
        stored: true,
        ready_after: Duration::ZERO,
        is_image: false,
        content_info: updock_types::ContentInfo::default(),
        metadata: BTreeMap::new(),
        tags: Vec::new(),
    }
}

/// False where a file of that UUID is there already.
async fn take_in(app: &App, path: &Path, mut imported: Imported) -> Result<bool, TransferError> {
    let uuid = imported.file.uuid;
    if app.store.file(uuid).await?.is_some() {
        return Ok(false);
    }
    let mut source = fs::File::open(path).map_err(|source| failed(path, source))?;
    let spool = Spool::new(app.store.blobs.gathering(uuid));
    let mut sink = Sink::create(spool.path()).map_err(|source| failed(spool.path(), source))?;
    loop {
        let read = spawn_blocking(move || {
            let mut piece = vec![0; 256 * 1024];
            let count = source.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, io::Error>((source, piece))
        });
        let read = read.await.map_err(io::Error::other).and_then(|read| read);
        let (rest, piece) = read.map_err(|source| failed(path, source))?;
        source = rest;
        if piece.is_empty() {
            break;
        }
        sink.push(Bytes::from(piece)).await.map_err(|source| failed(spool.path(), source))?;
    }
    let written = sink.finish().await.map_err(|source| failed(spool.path(), source))?;
    let blob = spool.path().to_owned();
    let looked = spawn_blocking(move || crate::content::look(&blob)).await.map_err(io::Error::other);
    let content = looked.and_then(|looked| looked).map_err(|source| failed(path, source))?;
    imported.file.size = written.size;
    imported.file.etag = crate::hex(&written.sum);
    imported.file.is_image = content.image.is_some();
    imported.file.content_info = content;
    app.store.import(&imported).await?;
    spool.keep();
    Ok(true)
}
