//! What can go wrong in a task, always said in a sentence a person can act on.
//!
//! A task never panics at its user: everything ends here and `main` prints it.

use std::io;
use std::path::Path;

/// Why a task did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something has to be installed that this program cannot install by itself.
    #[error("{0}")]
    Missing(String),
    /// A program ran and failed; `output` is empty when it went to the terminal already.
    #[error("{what} failed ({how}){output}")]
    Command { what: String, how: String, output: String },
    /// The machine would not do it.
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
    /// The task ran and what it checks does not hold.
    #[error("{0}")]
    Check(String),
}

/// The result of a task or of a step of one.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Names what was being done when the machine refused.
pub(crate) trait Doing<T> {
    /// `what` follows "cannot": "read the budget file".
    fn doing(self, what: impl Into<String>) -> Result<T>;
    /// The same for a file: "cannot read web/Cargo.toml: ...".
    fn doing_at(self, verb: &str, path: &Path) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Io { what: what.into(), source })
    }

    fn doing_at(self, verb: &str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { what: format!("{verb} {}", path.display()), source })
    }
}
