//! A copy of the checkout that a task may break.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::process::Run;
use crate::workspace::Workspace;

/// The copy.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Copies what git has or would take. Files that are the same keep their time, so that cargo builds only what has
    /// changed; `folder`, whose files will be changed, is copied anew, without what is no longer there.
    pub(crate) fn lay(workspace: &Workspace, root: PathBuf, folder: &str) -> Result<Self> {
        let listed = Run::new("asking git for the files", "git")
            .args(["ls-files", "-co", "--exclude-standard"])
            .dir(workspace.root())
            .output()?;
        let _ = fs::remove_dir_all(root.join(folder));
        let tree = Self { root };
        for file in listed.lines() {
            if let Ok(bytes) = fs::read(workspace.root().join(file)) {
                tree.write(file, bytes)?;
            }
        }
        // Some tests ask git for the project's files.
        for args in [&["init", "--quiet"][..], &["add", "--all"]] {
            Run::new("making the copy a checkout", "git").args(args).dir(&tree.root).quiet()?;
        }
        Ok(tree)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        let path = self.root.join(file);
        fs::read_to_string(&path).doing_at("read", &path)
    }

    /// Writes a file, unless it holds that already.
    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.root.join(file);
        if fs::read(&path).is_ok_and(|old| old == bytes.as_ref()) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).doing_at("make", folder)?;
        }
        fs::write(&path, bytes).doing_at("write", &path)
    }
}
