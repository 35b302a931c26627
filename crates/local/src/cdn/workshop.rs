//! Where pictures are computed: on blocking threads, a few at a time, each result kept for the next who asks.

use super::{
    cache::Cache,
    operations::Operation,
    transform::{self, TransformError},
};
use crate::{
    picture::{Format, Picture, PictureError},
    store::{Blobs, FileRow},
};
use sha2::{Digest, Sha256};
use std::{io::BufReader, path::Path, sync::Arc, thread::available_parallelism};
use tokio::{sync::Semaphore, task::spawn_blocking};
use updock_types::FileUuid;

/// The service works on files below this size. Source: Uploadcare, image processing limitations.
const MAX_SOURCE: u64 = 100_000_000;

/// Computes pictures and keeps them.
#[derive(Debug)]
pub(crate) struct Workshop {
    cache: Cache,
    /// A decoded picture may take hundreds of megabytes, so few are decoded at once.
    places: Arc<Semaphore>,
}

/// What is to be made of a file.
#[derive(Debug)]
pub(super) struct Order {
    operations: Vec<Operation>,
    webp: bool,
    key: String,
}

impl Order {
    pub(super) fn new(row: &FileRow, operations: Vec<Operation>, webp: bool) -> Self {
        let mut digest = Sha256::new();
        // Results of earlier versions of this program are not those of this one.
        digest.update(concat!(env!("CARGO_PKG_VERSION"), " 1 "));
        digest.update(format!("{} {} {webp}", row.uuid, row.etag));
        for operation in &operations {
            digest.update(operation.to_string());
        }
        let key = crate::hex(&digest.finalize()[..16]);
        Self { operations, webp, key }
    }

    /// Says which file, which operations, and what the client takes: the same key is the same picture.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

/// Why there is no picture. The sentence is for a person.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Transform(#[from] TransformError),
    #[error("The file is larger than 100 MB; image operations are for smaller ones.")]
    TooHeavy,
    #[error("The image is damaged and cannot be worked on.")]
    Panicked,
}

impl Workshop {
    pub(crate) fn new(data: &Path) -> Self {
        let places = available_parallelism().map_or(2, usize::from).clamp(1, 4);
        Self { cache: Cache::new(data), places: Arc::new(Semaphore::new(places)) }
    }

    /// Forgets every picture. Blocks on the disk for a moment.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        self.cache.clear()
    }

    /// The picture that was ordered.
    pub(super) async fn make(
        self: &Arc<Self>,
        blobs: &Blobs,
        row: &FileRow,
        order: Order,
    ) -> Result<(Format, Vec<u8>), WorkError> {
        let (shop, blobs, file) = (self.clone(), blobs.clone(), row.uuid);
        self.work(row.size, move || {
            if let Some(kept) = shop.cache.get(&order.key) {
                return Ok(kept);
            }
            let (format, bytes) = transform::run(open(&blobs, file)?, &order.operations, order.webp)?;
            shop.cache.put(&order.key, format, &bytes);
            Ok((format, bytes))
        })
        .await
    }

    /// The colours that cover most of it, after these operations.
    pub(super) async fn main_colours(
        &self,
        blobs: &Blobs,
        row: &FileRow,
        operations: Vec<Operation>,
        count: u8,
    ) -> Result<Vec<[u8; 3]>, WorkError> {
        let (blobs, file) = (blobs.clone(), row.uuid);
        self.work(row.size, move || {
            let mut picture = open(&blobs, file)?;
            transform::apply(&mut picture, &operations)?;
            transform::main_colours(&mut picture, count.into())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        size: u64,
        job: impl FnOnce() -> Result<T, TransformError> + Send + 'static,
    ) -> Result<T, WorkError> {
        if size > MAX_SOURCE {
            return Err(WorkError::TooHeavy);
        }
        let place = self.places.clone().acquire_owned().await.map_err(|_| WorkError::Panicked)?;
        // The place is held until the thread is done, also when nobody waits for it any more.
        let working = spawn_blocking(move || {
            let _place = place;
            job()
        });
        // A decoder that panics on a hostile file ends its own thread's work only.
        Ok(working.await.map_err(|_| WorkError::Panicked)??)
    }
}

fn open(blobs: &Blobs, file: FileUuid) -> Result<Picture, TransformError> {
    let blob = blobs.read(file).map_err(PictureError::Read)?;
    Ok(Picture::decode(BufReader::new(blob))?)
}
