//! What is uploaded: a file of this machine, bytes at hand, or a file that the service fetches from an address.
//!
//! A file is opened when the first of its bytes are needed and closed when none is any more, so that ten thousand of
//! them can wait. It must stay as it was when it was added: before and after each use its length and time of change
//! are compared, so that no mixture of two versions is ever taken for a file.

use crate::http::Piece;
use bytes::Bytes;
use sha2::Sha256;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use updock_engine::{Digest, FileOptions, NewFile, NewUrl};

/// What is read of a file to tell its type.
const HEAD: u64 = 8192;
/// What is read at either end to tell a file from another.
const ENDS: u64 = 64 * 1024;

/// A file to upload.
#[derive(Debug, Clone)]
pub struct Source {
    content: Content,
    name: Option<String>,
    media_type: Option<String>,
    options: Option<Arc<FileOptions>>,
}

#[derive(Debug, Clone)]
enum Content {
    Path(PathBuf),
    Bytes(Bytes),
    Url(String),
}

/// A source that was looked at.
pub(crate) enum Opened {
    /// Its facts, and where its bytes are.
    Here(NewFile, Stock),
    /// Elsewhere.
    There(NewUrl),
}

impl Source {
    /// A file of this machine, of any size; it is read while it is sent.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { content: Content::Path(path.into()), name: None, media_type: None, options: None }
    }

    /// Bytes at hand, under this name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Bytes(bytes.into()), name: Some(name.into()), media_type: None, options: None }
    }

    /// A file at this `http` or `https` address: the service fetches it, no byte passes through here.
    pub fn url(url: impl Into<String>) -> Self {
        Self { content: Content::Url(url.into()), name: None, media_type: None, options: None }
    }

    /// Is it elsewhere?
    pub(crate) fn is_url(&self) -> bool {
        matches!(self.content, Content::Url(_))
    }

    /// Under another name than the path's last part.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With this media type, instead of what the first bytes and the name tell.
    #[must_use]
    pub fn typed(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Says this about it, instead of what is said about every file.
    #[must_use]
    pub fn with(mut self, options: FileOptions) -> Self {
        self.options = Some(Arc::new(options));
        self
    }

    /// Looks at it: its facts, and where its bytes are.
    pub(crate) fn open(self) -> io::Result<Opened> {
        let mut modified = 0;
        let (size, head, place, own_name) = match self.content {
            Content::Url(url) => return Ok(Opened::There(NewUrl { url, name: self.name, options: self.options })),
            Content::Bytes(bytes) => {
                let head = bytes.slice(..bytes.len().min(8192));
                (bytes.len() as u64, head, Place::Memory(bytes), None)
            }
            Content::Path(path) => {
                let file = File::open(&path)?;
                let facts = file.metadata()?;
                if !facts.is_file() {
                    let what = if facts.is_dir() { "it is a directory" } else { "it is no regular file" };
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
                }
                let mut head = Vec::new();
                (&file).take(HEAD).read_to_end(&mut head)?;
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                modified = facts.modified().ok().map_or(0, since_1970);
                let place = Place::Path { path, seen: Seen::of(&facts), open: Mutex::default() };
                (facts.len(), head.into(), place, name)
            }
        };
        let name = self.name.or(own_name).unwrap_or_default();
        let media_type = self.media_type.unwrap_or_else(|| media_type(&name, &head));
        Ok(Opened::Here(NewFile { name, size, media_type, modified, options: self.options }, Stock(place)))
    }
}

/// Whole milliseconds; 0 for what is older.
fn since_1970(time: SystemTime) -> u64 {
    let passed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// By the first bytes, where they tell, else by the name; empty when neither does.
fn media_type(name: &str, head: &[u8]) -> String {
    if let Some(kind) = infer::get(head) {
        return kind.mime_type().to_owned();
    }
    mime_guess::from_path(Path::new(name)).first_raw().unwrap_or_default().to_owned()
}

/// Where a file's bytes are.
pub(crate) struct Stock(Place);

impl Stock {
    /// For a file whose bytes are not here; nobody asks for them.
    pub(crate) fn nothing() -> Self {
        Self(Place::Memory(Bytes::new()))
    }
}

enum Place {
    Memory(Bytes),
    Path { path: PathBuf, seen: Seen, open: Mutex<Option<Arc<File>>> },
}

/// What shows that a file was changed.
#[derive(PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(facts: &Metadata) -> Self {
        Self { len: facts.len(), modified: facts.modified().ok() }
    }
}

impl Stock {
    /// A range of the bytes, to be sent. An error if the file is not what it was.
    pub(crate) fn piece(&self, range: Range<u64>) -> io::Result<Piece> {
        match &self.0 {
            Place::Memory(bytes) => {
                let whole = |at: u64| usize::try_from(at).map_err(io::Error::other);
                Ok(Piece::Bytes(bytes.slice(whole(range.start)?..whole(range.end)?)))
            }
            Place::Path { .. } => Ok(Piece::File(self.file()?, range)),
        }
    }

    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::Path { seen, .. } => seen.len,
        }
    }

    /// Is the file what it was? To be asked after its bytes were read, too.
    pub(crate) fn check(&self) -> io::Result<()> {
        match &self.0 {
            Place::Memory(_) => Ok(()),
            Place::Path { .. } => self.file().map(drop),
        }
    }

    /// The bytes are not needed again for now.
    pub(crate) fn close(&self) {
        if let Place::Path { open, .. } = &self.0 {
            open.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Where it is on this machine, if it is a file: spelled the same however it was given.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match &self.0 {
            Place::Memory(_) => None,
            Place::Path { path, .. } => std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok(),
        }
    }

    /// A hash of its first and last bytes, and of `more`: what else makes it another upload. Reads the disk.
    pub(crate) fn digest(&self, more: &str) -> io::Result<Digest> {
        use sha2::Digest as _;
        let mut hash = Sha256::new();
        match &self.0 {
            Place::Memory(bytes) => hash.update(bytes),
            Place::Path { path, .. } => {
                self.check()?;
                // One of its own: where the other reads must not move.
                let mut file = File::open(path)?;
                io::copy(&mut (&file).take(ENDS), &mut Hashing(&mut hash))?;
                file.seek(SeekFrom::Start(self.len().saturating_sub(ENDS)))?;
                io::copy(&mut (&file).take(ENDS), &mut Hashing(&mut hash))?;
                self.check()?;
            }
        }
        hash.update(more);
        Digest::parse(&base16ct::lower::encode_string(&hash.finalize()))
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let Place::Path { path, seen, open } = &self.0 else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &*open {
            Some(file) => Arc::clone(file),
            None => Arc::clone(open.insert(Arc::new(File::open(path)?))),
        };
        if Seen::of(&file.metadata()?) == *seen {
            Ok(file)
        } else {
            open.take();
            Err(io::Error::other("the file has changed"))
        }
    }
}

/// Hashes what is written to it.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sha2::Digest::update(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_type_is_told_by_bytes_before_names() {
        let png = b"\x89PNG\r\n\x1a\n";
        for (name, head, expected) in [
            ("a.jpg", &png[..], "image/png"),
            ("a.txt", b"hello", "text/plain"),
            ("a.csv", b"1,2", "text/csv"),
            ("a", b"hello", ""),
        ] {
            assert_eq!(media_type(name, head), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_file_or_has_changed_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Source::path(folder.path()).open().is_err());
        assert!(Source::path(folder.path().join("nothing")).open().is_err());
        let path = folder.path().join("a.txt");
        fs::write(&path, "hello").unwrap();
        let Opened::Here(facts, stock) = Source::path(&path).open().unwrap() else { panic!("it is here") };
        assert_eq!((facts.name.as_str(), facts.size), ("a.txt", 5));
        assert!(stock.piece(1..3).is_ok());
        fs::write(&path, "hello, world").unwrap();
        assert!(stock.check().is_err());
        assert!(stock.piece(1..3).is_err());
        // Back to the same length: the time tells.
        fs::write(&path, "jello").unwrap();
        let later = fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
        File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert!(stock.piece(1..3).is_err());
    }

    #[test]
    fn a_digest_tells_files_apart_by_their_ends_and_by_what_is_said_about_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let digest = |bytes: &[u8], more: &str| {
            fs::write(&path, bytes).unwrap();
            let Opened::Here(_, stock) = Source::path(&path).open().unwrap() else { panic!("it is elsewhere") };
            stock.digest(more).unwrap().as_str().to_owned()
        };
        let mut bytes = vec![7; 300_000];
        let one = digest(&bytes, "");
        assert_eq!(one, digest(&bytes, ""));
        assert_ne!(one, digest(&bytes, "tags=cat"));
        for at in [0, 65_535, 300_000 - 65_536, 299_999] {
            bytes[at] ^= 1;
            assert_ne!(one, digest(&bytes, ""), "{at}");
            bytes[at] ^= 1;
        }
    }
}
