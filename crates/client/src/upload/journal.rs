//! Where uploads are written down, so that they outlive their process: a folder with one file for each upload.
//!
//! A file is locked as long as a process has its upload, so that no two ever go on with the same one. It begins with a
//! line of this driver's own, which file of this machine it is about; then come the engine's records, each behind its
//! length. Nothing waits for the disk: what a power failure takes is only sent again.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use updock_engine::{Journal, Millis, Reach, Recovered};
use updock_types::FileUuid;

const ENDING: &str = "journal";
/// A file larger than this is none of ours: 10 000 URLs of half a kilobyte each are a tenth of it.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Nothing can be gone on with after a day.
const LIFE: Duration = Duration::from_hours(24);

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The file that is uploaded.
    path: PathBuf,
    /// Milliseconds since 1970.
    begun: u64,
}

/// The folder, and the files of it that this process has.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    open: HashMap<FileUuid, File>,
}

/// Where uploads of this user are written down, unless told otherwise: `updock/uploads` in the folder that the system
/// has for state. `None` where it has none.
pub fn state_folder() -> Option<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        from("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        std::env::home_dir().map(|home| home.join("Library/Application Support"))
    } else {
        from("XDG_STATE_HOME").or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
    };
    base.map(|base| base.join("updock").join("uploads"))
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: HashMap::new() }
    }

    /// Uploads of these files that nobody else has; from now on they are this process's. Deletes what is too old.
    pub(crate) fn take(&mut self, wanted: &[PathBuf]) -> Vec<Recovered> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let mut found = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(upload) = upload_of(&path) else { continue };
            let Ok(Some(file)) = lock(&path) else { continue };
            match read(&file) {
                Some((head, age, records)) if age < LIFE => {
                    // Others stay as they are; closing the file unlocks it.
                    if wanted.contains(&head.path) {
                        self.open.insert(upload, file);
                        let age = Millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
                        found.push(Recovered { upload, age, records, reach: Reach::Choose });
                    }
                }
                _ => {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        found
    }

    /// Does what the engine asks. `about` is the file of this machine that a new list is about.
    pub(crate) fn write(&mut self, journal: Journal, about: Option<&Path>) -> io::Result<()> {
        match journal {
            Journal::Begin { upload, record, .. } => {
                let about = about.ok_or(io::ErrorKind::Unsupported)?;
                let file = self.begin(upload, about, &record);
                if file.is_err() {
                    let _ = fs::remove_file(self.path_of(upload));
                }
                self.open.insert(upload, file?);
                Ok(())
            }
            Journal::Append { upload, record } => {
                let file = self.open.get_mut(&upload).ok_or(io::ErrorKind::NotFound)?;
                file.write_all(&frame(&record))
            }
            Journal::End { upload } => {
                self.open.remove(&upload);
                fs::remove_file(self.path_of(upload))
            }
            Journal::Leave { upload } => {
                self.open.remove(&upload);
                Ok(())
            }
        }
    }

    fn begin(&self, upload: FileUuid, about: &Path, record: &str) -> io::Result<File> {
        make_folder(&self.path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        private(&mut options);
        let mut file = options.open(self.path_of(upload))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        })?;
        let head = Head { path: about.to_owned(), begun: now() };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend(frame(record));
        file.write_all(&bytes)?;
        Ok(file)
    }

    fn path_of(&self, upload: FileUuid) -> PathBuf {
        self.path.join(upload.to_text()).with_extension(ENDING)
    }
}

fn now() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// A record behind its length.
fn frame(record: &str) -> Vec<u8> {
    format!("{}\n{record}", record.len()).into_bytes()
}

fn upload_of(path: &Path) -> Option<FileUuid> {
    if path.extension()? != ENDING {
        return None;
    }
    FileUuid::parse(path.file_stem()?.to_str()?).ok()
}

/// `None` when somebody else has it, or it is no file any more.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        // Whoever had it may have deleted it just before; its name is never used again.
        Ok(()) => Ok(fs::exists(path)?.then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Reads a file, and has the next record follow the last whole one. `None` for what is damaged.
fn read(mut file: &File) -> Option<(Head, Duration, Vec<String>)> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST_BYTES {
        return None;
    }
    // The last record may have been cut off within a letter.
    let text = std::str::from_utf8(&bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()])).ok()?;
    let (head, mut rest) = text.split_once('\n')?;
    let head: Head = serde_json::from_str(head).ok()?;
    let mut records = Vec::new();
    while let Some((length, after)) = rest.split_once('\n') {
        let Some((record, after)) = length.parse().ok().and_then(|length| after.split_at_checked(length)) else {
            break;
        };
        records.push(record.to_owned());
        rest = after;
    }
    let whole = (text.len() - rest.len()) as u64;
    file.set_len(whole).ok()?;
    file.seek(SeekFrom::Start(whole)).ok()?;
    // A clock that was set back makes it young; the service knows better then.
    let age = Duration::from_millis(now().saturating_sub(head.begun));
    Some((head, age, records))
}

/// Part URLs let whoever has them write: nobody else may read them.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_engine::FileKey;

    fn upload(at: u8) -> FileUuid {
        FileUuid::from_random_bytes([at; 16])
    }

    fn begun(folder: &mut Folder, at: u8, about: &str) {
        let begin = Journal::Begin { upload: upload(at), file: FileKey(0), record: "one\nwith lines".to_owned() };
        folder.write(begin, Some(Path::new(about))).unwrap();
    }

    fn append(folder: &mut Folder, at: u8, record: &str) {
        folder.write(Journal::Append { upload: upload(at), record: record.to_owned() }, None).unwrap();
    }

    #[test]
    fn what_is_written_is_found_by_its_file_once_nobody_has_it() {
        let place = tempfile::tempdir().unwrap();
        let wanted = [PathBuf::from("/a")];
        let (mut one, mut two) = (Folder::new(place.path().join("new")), Folder::new(place.path().join("new")));
        begun(&mut one, 1, "/a");
        begun(&mut one, 2, "/b");
        append(&mut one, 1, "p0");
        append(&mut one, 1, "");
        assert!(two.take(&wanted).is_empty(), "locked");
        drop(one);
        let found = two.take(&wanted);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].upload, found[0].records.clone()),
            (upload(1), vec!["one\nwith lines".into(), "p0".into(), String::new()])
        );
        append(&mut two, 1, "p1");
        drop(two);
        let mut three = Folder::new(place.path().join("new"));
        assert_eq!(three.take(&wanted)[0].records.len(), 4);
        three.write(Journal::End { upload: upload(1) }, None).unwrap();
        drop(three);
        let mut four = Folder::new(place.path().join("new"));
        assert!(four.take(&wanted).is_empty());
        assert_eq!(four.take(&[PathBuf::from("/b")]).len(), 1, "the other was left alone");
    }

    #[test]
    fn a_record_that_was_cut_off_is_none_and_the_next_takes_its_place() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(place.path().to_owned());
        begun(&mut folder, 1, "/a");
        append(&mut folder, 1, "p0");
        let path = folder.path_of(upload(1));
        drop(folder);
        let whole = fs::read(&path).unwrap();
        for cut in 1..4 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut folder = Folder::new(place.path().to_owned());
            assert_eq!(folder.take(&[PathBuf::from("/a")])[0].records, ["one\nwith lines"], "{cut}");
            append(&mut folder, 1, "p7");
            drop(folder);
            let mut folder = Folder::new(place.path().to_owned());
            assert_eq!(folder.take(&[PathBuf::from("/a")])[0].records, ["one\nwith lines", "p7"], "{cut}");
        }
    }

    #[test]
    fn what_is_damaged_or_too_old_is_deleted_and_what_is_not_ours_stays() {
        let place = tempfile::tempdir().unwrap();
        let name = |at: u8| place.path().join(upload(at).to_text()).with_extension(ENDING);
        fs::write(name(1), "no head").unwrap();
        fs::write(name(2), b"\xff\xfe\n").unwrap();
        fs::write(name(3), "{\"path\":\"/a\",\"begun\":1}\n3\nabc").unwrap();
        fs::write(place.path().join("notes.journal"), "mine").unwrap();
        fs::write(place.path().join("notes.txt"), "mine").unwrap();
        assert!(Folder::new(place.path().to_owned()).take(&[PathBuf::from("/a")]).is_empty());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(place.path().join("new"));
        begun(&mut folder, 1, "/a");
        for (path, mode) in [(folder.path.clone(), 0o700), (folder.path_of(upload(1)), 0o600)] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
    }
}
