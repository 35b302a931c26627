//! Is the file that we have open still the one at its path? On Unix a file that was removed or replaced is written
//! to without an error, and what is written is gone with the process.

use super::StateError;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file in use, which should stay where it is.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Standing {
    /// The file that is at `path` now.
    pub(super) fn at(path: &Path) -> Result<Self, StateError> {
        let found = std::fs::metadata(path).map_err(|error| file(path, format!("it cannot be looked at: {error}")))?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Is it still there? One `stat`. The file is never opened for this: the first descriptor of it that a process
    /// closes takes all of SQLite's locks with it.
    pub(super) fn holds(&self) -> Result<(), StateError> {
        match std::fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (self.device, self.inode) => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(file(&self.path, format!("it cannot be looked at: {error}")))
            }
            Ok(_) | Err(_) => Err(file(
                &self.path,
                "the file was removed or replaced while it is in use, and what is written would be lost; put it back, \
                 or start the signer again, which goes on with the file that is there or makes a new one"
                    .to_owned(),
            )),
        }
    }
}

fn file(path: &Path, why: String) -> StateError {
    StateError::File { path: path.display().to_string(), why }
}
