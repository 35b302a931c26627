//! Files that the stand-in makes by itself: copies, conversions, results of add-ons, derivatives.
//!
//! Each is announced ([`App::announce_file`]) and filled later ([`App::fill_file`]).
//! Leaves to the caller what kind of file it is, and telling subscribers.

use crate::{
    app::App,
    content,
    store::{FileRow, Making, NewFile, Sink, Spool, StoreError},
};
use bytes::Bytes;
use std::{collections::BTreeMap, fs, io};
use tokio::task::spawn_blocking;
use updock_types::{ContentInfo, FileUuid};

/// A file to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewMade {
    pub(crate) name: String,
    /// As a client would declare it.
    pub(crate) mime_type: String,
    pub(crate) stored: bool,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Where its bytes come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Bytes(Bytes),
    /// The same bytes as another file's.
    CopyOf(Box<FileRow>),
}

impl App {
    /// Announces a file whose bytes come later: size 0, nothing found in it.
    pub(crate) async fn announce_file(&self, new: NewMade, making: Making) -> Result<FileRow, StoreError> {
        let file = blank(new);
        self.store.announce_file(&file, making).await?;
        self.known(file.uuid).await
    }

    /// Makes an announced file whole, under its final name and type. `None` where it is announced no more.
    pub(crate) async fn fill_file(
        &self,
        announced: FileUuid,
        name: String,
        mime_type: String,
        source: Source,
    ) -> Result<Option<FileRow>, StoreError> {
        let mut file = blank(NewMade { name, mime_type, stored: false, metadata: BTreeMap::new() });
        file.uuid = announced;
        let spool = Spool::new(self.store.blobs.making(announced));
        let file = self.write(file, source, &spool).await?;
        // Filling moves the bytes away; where nothing is filled, the spool goes.
        if self.store.fill_file(&file).await? { Ok(Some(self.known(announced).await?)) } else { Ok(None) }
    }

    async fn known(&self, file: FileUuid) -> Result<FileRow, StoreError> {
        let row = self.store.file(file).await?;
        row.ok_or_else(|| io::Error::other("a file that was just made is gone").into())
    }

    /// Writes the bytes and notes what they are.
    async fn write(&self, mut file: NewFile, source: Source, spool: &Spool) -> Result<NewFile, StoreError> {
        match source {
            Source::Bytes(bytes) => {
                let mut sink = Sink::create(spool.path())?;
                sink.push(bytes).await?;
                let written = sink.finish().await?;
                (file.size, file.etag) = (written.size, crate::hex(&written.sum));
            }
            Source::CopyOf(row) => {
                let (mut from, to) = (self.store.blobs.read(row.uuid)?, spool.path().to_owned());
                // io::copy uses copy_file_range where there is one: no byte passes through this process.
                let copied = spawn_blocking(move || io::copy(&mut from, &mut fs::File::create(to)?)).await;
                file.size = copied.map_err(io::Error::other)??;
                file.etag.clone_from(&row.etag);
            }
        }
        let path = spool.path().to_owned();
        let found = spawn_blocking(move || content::look(&path)).await.map_err(io::Error::other)??;
        file.is_image = found.image.is_some();
        file.content_info = found;
        Ok(file)
    }
}

fn blank(new: NewMade) -> NewFile {
    NewFile {
        uuid: FileUuid::from_random_bytes(crate::chance::bytes()),
        original_filename: new.name,
        mime_type: new.mime_type,
        size: 0,
        etag: String::new(),
        stored: new.stored,
        ready_after: std::time::Duration::ZERO,
        is_image: false,
        content_info: ContentInfo::default(),
        metadata: new.metadata,
        tags: Vec::new(),
    }
}
