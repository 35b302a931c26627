//! The bytes of files: one blob a file, in a directory beside the database.
//!
//! A blob grows in `incoming/` and is published by a rename into `blobs/xx/` once the row that describes it is
//! committed: the row is the truth, the rename only tidies. A crash between the two leaves a blob in `incoming/` that
//! has a row, and [`Blobs::sweep`] publishes it at the next start; whatever has no row there was never acknowledged.
//! So nothing half-stored is ever visible, and start-up looks only at `incoming/`, however many files are stored.
//!
//! Bytes are handed to blocking threads in batches of [`BATCH`], at most two at a time for each upload, smaller ones
//! when many uploads share [`GATHERED`]: memory grows neither with a file's size nor with the crowd, and a slow client
//! holds no thread.

use super::sum::Sum;
use crate::config::Etags;
use bytes::Bytes;
use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, spawn_blocking},
};
use updock_types::FileUuid;

/// Bytes gathered before they are hashed and written: large enough that the hand-over to a thread costs nothing.
const BATCH: usize = 256 * 1024;
/// The batches of all uploads together aim to stay below this, down to [`LEAST_BATCH`] each.
const GATHERED: usize = 8 * 1024 * 1024;
const LEAST_BATCH: usize = 32 * 1024;
/// Uploads that are taking bytes.
static SINKS: AtomicUsize = AtomicUsize::new(0);
/// Batches being written at once: more threads than this would only wait for the disk.
static WRITERS: Semaphore = Semaphore::const_new(16);

const REMADE: &str = ".remade";

/// Where the bytes of files lie.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    incoming: PathBuf,
    published: PathBuf,
}

impl Blobs {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let blobs = Self { incoming: directory.join("incoming"), published: directory.join("blobs") };
        fs::create_dir_all(&blobs.incoming)?;
        fs::create_dir_all(&blobs.published)?;
        Ok(blobs)
    }

    /// A file of the given name where bytes may gather before they are acknowledged.
    pub(crate) fn incoming(&self, name: &str) -> PathBuf {
        self.incoming.join(name)
    }

    /// Where the blob of `file` gathers.
    pub(crate) fn gathering(&self, file: FileUuid) -> PathBuf {
        self.incoming(&file.to_string())
    }

    /// Where the blob of `file` is made anew when its parts do not lie as announced. Counts before [`Self::gathering`].
    pub(crate) fn remade(&self, file: FileUuid) -> PathBuf {
        self.incoming(&format!("{file}{REMADE}"))
    }

    /// Where the bytes of an announced file gather; swept at the next start.
    pub(crate) fn making(&self, file: FileUuid) -> PathBuf {
        self.incoming(&format!("{file}.making"))
    }

    fn published(&self, file: FileUuid) -> PathBuf {
        let name = file.to_string();
        self.published.join(&name[..2]).join(name)
    }

    /// Moves the blob of a committed file to where it stays.
    pub(crate) fn publish(&self, file: FileUuid) -> io::Result<()> {
        let to = self.published(file);
        fs::create_dir_all(to.parent().unwrap_or(&self.published))?;
        match fs::rename(self.remade(file), &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(self.gathering(file), &to),
            Err(error) => Err(error),
            Ok(()) => {
                // A direct upload has none; and what stays is swept at the next start.
                let _ = fs::remove_file(self.gathering(file));
                Ok(())
            }
        }
    }

    /// Removes the blob of a file that is no more.
    pub(crate) fn remove(&self, file: FileUuid) -> io::Result<()> {
        for place in [self.published(file), self.remade(file), self.gathering(file)] {
            match fs::remove_file(place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens the blob of a committed file, also in the moment between commit and rename.
    pub(crate) fn read(&self, file: FileUuid) -> io::Result<File> {
        let published = self.published(file);
        // Looked for again at last, for it may have moved between two looks.
        let places = [published.clone(), self.remade(file), self.gathering(file), published];
        let mut found = Err(io::ErrorKind::NotFound.into());
        for place in places {
            found = File::open(place);
            if !matches!(&found, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        found
    }

    /// Tidies up after a crash: publishes what was committed, keeps what multipart uploads under way need (by file
    /// name), removes the rest. Returns how many files were removed.
    pub(crate) fn sweep(&self, committed: &HashSet<FileUuid>, kept: &HashSet<String>) -> io::Result<usize> {
        for file in committed {
            self.publish(*file)?;
        }
        let mut removed = 0;
        for entry in fs::read_dir(&self.incoming)? {
            let entry = entry?;
            if !kept.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Files that have a blob in `incoming/`.
    pub(crate) fn gathered(&self) -> io::Result<HashSet<FileUuid>> {
        let file = |entry: io::Result<fs::DirEntry>| {
            let name = entry.ok()?.file_name();
            let name = name.to_str()?;
            FileUuid::parse(name.strip_suffix(REMADE).unwrap_or(name)).ok()
        };
        Ok(fs::read_dir(&self.incoming)?.filter_map(file).collect())
    }

    /// Removes every blob.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for directory in [&self.incoming, &self.published] {
            fs::remove_dir_all(directory)?;
            fs::create_dir_all(directory)?;
        }
        Ok(())
    }
}

/// A file that goes when this goes, unless it was kept.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    keep: bool,
}

impl Spool {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, keep: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From here on the file belongs to the database's row.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.keep {
            // It may never have been made; and what cannot be removed now is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What a [`Sink`] took in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes in the file.
    pub(crate) size: u64,
    /// Of all bytes that came; MD5 unless [`Sink::summing`] said otherwise.
    pub(crate) sum: [u8; 16],
}

/// Takes the bytes of one upload and writes and hashes them on blocking threads.
pub(crate) struct Sink {
    writer: Writing,
    batch: Vec<Bytes>,
    batched: usize,
}

enum Writing {
    Idle(Box<Writer>),
    Busy(JoinHandle<io::Result<Box<Writer>>>),
    Failed,
}

struct Writer {
    file: File,
    sum: Sum,
    size: u64,
    limit: u64,
    room: u64,
    /// Released only when no thread writes any more, even if the request was dropped half-way.
    _held: Option<Arc<dyn Send + Sync>>,
}

impl Sink {
    /// Writes a new file at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(OpenOptions::new().write(true).create(true).truncate(true).open(path)?, None))
    }

    /// Writes into an existing file from `offset` on. `held` lives until the last byte is written.
    pub(crate) fn at(path: &Path, offset: u64, held: Arc<dyn Send + Sync>) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self::new(file, Some(held)))
    }

    fn new(file: File, held: Option<Arc<dyn Send + Sync>>) -> Self {
        let writer = Writer { file, sum: Sum::new(Etags::Md5), size: 0, limit: u64::MAX, room: u64::MAX, _held: held };
        SINKS.fetch_add(1, Ordering::Relaxed);
        Self { writer: Writing::Idle(Box::new(writer)), batch: Vec::new(), batched: 0 }
    }

    /// Loses every byte after the first `bytes`: a fault that tests ask for.
    pub(crate) fn lose_after(mut self, bytes: Option<u64>) -> Self {
        if let (Writing::Idle(writer), Some(bytes)) = (&mut self.writer, bytes) {
            writer.limit = bytes;
        }
        self
    }

    /// Has no room for more than `bytes`: a fault that tests ask for.
    pub(crate) fn full_after(mut self, bytes: Option<u64>) -> Self {
        if let (Writing::Idle(writer), Some(bytes)) = (&mut self.writer, bytes) {
            writer.room = bytes;
        }
        self
    }

    /// What to make of the bytes beside writing them.
    pub(crate) fn summing(mut self, etags: Etags) -> Self {
        if let Writing::Idle(writer) = &mut self.writer {
            writer.sum = Sum::new(etags);
        }
        self
    }

    /// Takes the next bytes; waits while two batches are under way.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        self.batched += bytes.len();
        self.batch.push(bytes);
        let share = GATHERED / SINKS.load(Ordering::Relaxed).max(1);
        if self.batched >= share.clamp(LEAST_BATCH, BATCH) { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut writer = self.settle().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        let turn = WRITERS.acquire().await.map_err(io::Error::other)?;
        self.writer = Writing::Busy(spawn_blocking(move || {
            let _turn = turn;
            writer.write(&batch)?;
            Ok(writer)
        }));
        Ok(())
    }

    async fn settle(&mut self) -> io::Result<Box<Writer>> {
        match std::mem::replace(&mut self.writer, Writing::Failed) {
            Writing::Idle(writer) => Ok(writer),
            Writing::Busy(job) => job.await.map_err(io::Error::other)?,
            Writing::Failed => Err(io::Error::other("an earlier write failed")),
        }
    }

    /// Writes what is left. What this holds stays held until it is dropped.
    pub(crate) async fn finish(&mut self) -> io::Result<Written> {
        self.flush().await?;
        let writer = self.settle().await?;
        let written = Written { size: writer.size, sum: writer.sum.finish() };
        self.writer = Writing::Idle(writer);
        Ok(written)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        SINKS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Writer {
    fn write(&mut self, batch: &[Bytes]) -> io::Result<()> {
        for bytes in batch {
            self.sum.update(bytes);
        }
        let mut left = self.limit.saturating_sub(self.size);
        let mut slices = Vec::with_capacity(batch.len());
        for bytes in batch {
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            slices.push(IoSlice::new(&bytes[..taken]));
            left -= taken as u64;
            self.size += taken as u64;
        }
        if self.size > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        write_all_vectored(&mut self.file, &mut slices)
    }
}

/// `Write::write_all_vectored` is not stable yet.
fn write_all_vectored(file: &mut File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0); // drops leading empty slices
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A stretch of a file.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// Copies `from` into the file at `to` from `offset` on, which must exist.
pub(crate) fn copy_into(from: &Stretch, to: &Path, offset: u64) -> io::Result<()> {
    let mut target = OpenOptions::new().write(true).open(to)?;
    target.seek(SeekFrom::Start(offset))?;
    let mut source = File::open(&from.path)?;
    source.seek(SeekFrom::Start(from.offset))?;
    // io::copy uses copy_file_range where there is one: no byte passes through this process.
    let copied = io::copy(&mut source.take(from.size), &mut target)?;
    if copied == from.size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Makes the file at `to` of stretches of others, in order.
pub(crate) fn assemble(stretches: &[Stretch], to: &Path) -> io::Result<()> {
    File::create(to)?;
    let mut offset = 0;
    for stretch in stretches {
        copy_into(stretch, to, offset)?;
        offset += stretch.size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};

    #[tokio::test]
    async fn a_sink_writes_and_hashes_what_came_in_whatever_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blob");
        let bytes: Vec<u8> = (0..3 * BATCH + 17).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut sink = Sink::create(&path).unwrap();
        for piece in bytes.chunks(1000) {
            sink.push(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let written = sink.finish().await.unwrap();
        assert_eq!(written, Written { size: bytes.len() as u64, sum: Md5::digest(&bytes).into() });
        assert!(fs::read(&path).unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_sink_can_be_told_to_lose_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blob");
        let mut sink = Sink::create(&path).unwrap().lose_after(Some(7));
        sink.push(Bytes::from_static(b"hello")).await.unwrap();
        sink.push(Bytes::from_static(b"")).await.unwrap();
        sink.push(Bytes::from_static(b"world")).await.unwrap();
        assert_eq!(sink.finish().await.unwrap().size, 7);
        assert_eq!(fs::read(&path).unwrap(), b"hellowo");
    }

    #[test]
    fn a_blob_that_was_remade_counts_before_the_one_that_gathered() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path()).unwrap();
        let file = FileUuid::from_random_bytes([1; 16]);
        fs::write(blobs.gathering(file), "parts").unwrap();
        fs::write(blobs.remade(file), "whole").unwrap();
        blobs.sweep(&blobs.gathered().unwrap(), &HashSet::new()).unwrap();
        assert_eq!(io::read_to_string(blobs.read(file).unwrap()).unwrap(), "whole");
        assert!(!blobs.gathering(file).exists());
    }

    #[test]
    fn a_sweep_publishes_the_committed_and_removes_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path()).unwrap();
        let [committed, open, lost] = [1, 2, 3].map(|seed| FileUuid::from_random_bytes([seed; 16]));
        for file in [committed, open, lost] {
            fs::write(blobs.gathering(file), "bytes").unwrap();
        }
        fs::write(blobs.incoming("part.side"), "bytes").unwrap();
        let kept = HashSet::from([open.to_string()]);
        assert_eq!(blobs.sweep(&HashSet::from([committed]), &kept).unwrap(), 2);
        assert!(blobs.read(committed).is_ok() && blobs.gathering(open).exists());
        assert_eq!(blobs.gathered().unwrap(), HashSet::from([open]));
        assert!(blobs.read(lost).is_err());
    }
}
