//! Finished pictures on disk, so that a page that is loaded again costs nothing. Bounded; what was not used for the
//! longest time goes first. Only ever holds what can be computed again, so every failure here is silent.

use crate::picture::Format;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Bytes of all pictures together.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Pictures by key. Blocks on the disk; called on blocking threads only.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    max_bytes: u64,
    /// What lies in the directory; looked up when first needed, not at start.
    index: Mutex<Option<Index>>,
}

#[derive(Debug, Default)]
struct Index {
    entries: HashMap<String, Entry>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    format: Format,
    bytes: u64,
    used: u64,
}

const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

impl Cache {
    pub(super) fn new(data: &Path) -> Self {
        Self { directory: data.join("cache"), max_bytes: MAX_BYTES, index: Mutex::new(None) }
    }

    /// The picture of that key.
    pub(super) fn get(&self, key: &str) -> Option<(Format, Vec<u8>)> {
        let format = {
            let mut index = self.index();
            let index = index.get_or_insert_with(|| self.load());
            index.clock += 1;
            let entry = index.entries.get_mut(key)?;
            entry.used = index.clock;
            entry.format
        };
        let bytes = fs::read(self.path(key, format)).ok().filter(|bytes| !bytes.is_empty());
        if bytes.is_none() {
            // Somebody tidied the directory by hand.
            self.forget(key);
        }
        Some((format, bytes?))
    }

    /// Keeps a picture, and lets others go when there are too many.
    pub(super) fn put(&self, key: &str, format: Format, bytes: &[u8]) {
        if let Err(error) = self.try_put(key, format, bytes) {
            tracing::debug!(%error, "could not keep a picture");
        }
    }

    fn try_put(&self, key: &str, format: Format, bytes: &[u8]) -> io::Result<()> {
        let size = bytes.len() as u64;
        if size > self.max_bytes / 4 {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        // Under a name of its own until it is whole.
        let new = self.directory.join(format!("{key}.{}.new", crate::chance::hex::<4>()));
        fs::write(&new, bytes).and_then(|()| fs::rename(&new, self.path(key, format))).inspect_err(|_| {
            let _ = fs::remove_file(&new); // swept when next loaded, if it stays
        })?;
        let mut index = self.index();
        let index = index.get_or_insert_with(|| self.load());
        index.clock += 1;
        let entry = Entry { format, bytes: size, used: index.clock };
        index.bytes += size;
        if let Some(before) = index.entries.insert(key.to_owned(), entry) {
            index.bytes -= before.bytes;
            if before.format != format {
                let _ = fs::remove_file(self.path(key, before.format));
            }
        }
        self.sweep(index);
        Ok(())
    }

    /// Removes everything.
    pub(super) fn clear(&self) -> io::Result<()> {
        let mut index = self.index();
        *index = Some(Index::default());
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Down to nine tenths, so that not every new picture sweeps.
    fn sweep(&self, index: &mut Index) {
        if index.bytes <= self.max_bytes {
            return;
        }
        let mut oldest: Vec<(u64, String)> = index.entries.iter().map(|(key, e)| (e.used, key.clone())).collect();
        oldest.sort_unstable();
        for (_, key) in oldest {
            if index.bytes <= self.max_bytes / 10 * 9 {
                break;
            }
            if let Some(entry) = index.entries.remove(&key) {
                index.bytes -= entry.bytes;
                let _ = fs::remove_file(self.path(&key, entry.format)); // found again when next loaded
            }
        }
    }

    fn forget(&self, key: &str) {
        if let Some(index) = self.index().as_mut()
            && let Some(entry) = index.entries.remove(key)
        {
            index.bytes -= entry.bytes;
        }
    }

    /// Reads the directory; what is half-written or not ours goes.
    fn load(&self) -> Index {
        let mut index = Index::default();
        for file in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let known = name.split_once('.').and_then(|(key, extension)| {
                let format = FORMATS.into_iter().find(|format| format.extension() == extension)?;
                let bytes = file.metadata().ok()?.len();
                Some((key.to_owned(), Entry { format, bytes, used: 0 }))
            });
            match known {
                Some((key, entry)) => {
                    index.bytes += entry.bytes;
                    if let Some(before) = index.entries.insert(key, entry) {
                        index.bytes -= before.bytes;
                    }
                }
                None => _ = fs::remove_file(file.path()),
            }
        }
        self.sweep(&mut index);
        index
    }

    fn path(&self, key: &str, format: Format) -> PathBuf {
        self.directory.join(format!("{key}.{}", format.extension()))
    }

    fn index(&self) -> MutexGuard<'_, Option<Index>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(directory: &Path, max_bytes: u64) -> Cache {
        Cache { max_bytes, ..Cache::new(directory) }
    }

    #[test]
    fn what_is_kept_is_found_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        cache(directory.path(), 1000).put("a", Format::WebP, b"picture");
        fs::write(directory.path().join("cache/b.1234.new"), "half").unwrap();
        let again = cache(directory.path(), 1000);
        assert_eq!(again.get("a"), Some((Format::WebP, b"picture".to_vec())));
        assert_eq!(again.get("b"), None);
        assert!(!directory.path().join("cache/b.1234.new").exists());
        again.clear().unwrap();
        assert_eq!(again.get("a"), None);
    }

    #[test]
    fn it_stays_within_its_bound_and_lets_the_least_used_go() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path(), 1000);
        for key in ["a", "b", "c", "d"] {
            cache.put(key, Format::Png, &[7; 240]);
        }
        assert!(cache.get("a").is_some());
        cache.put("e", Format::Png, &[7; 240]);
        let left: Vec<&str> = ["a", "b", "c", "d", "e"].into_iter().filter(|key| cache.get(key).is_some()).collect();
        assert_eq!(left, ["a", "d", "e"], "1200 bytes are swept down to 900");
        let on_disk: u64 = fs::read_dir(directory.path().join("cache"))
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(on_disk <= 1000, "{on_disk}");
        cache.put("huge", Format::Png, &[7; 600]);
        assert!(cache.get("huge").is_none() && cache.get("e").is_some());
    }
}
