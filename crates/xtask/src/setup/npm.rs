//! Node.js, and the npm packages by their lock files.
//!
//! `npm ci` runs only when the lock file is not the one that was installed last.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{State, debian};
use crate::error::{Doing, Error, Result};
use crate::process::{Run, on_path};

const STAMP: &str = "node_modules/.updock-lock";
const INSTALL_NODE: &str = "install Node.js 20 or later with npm (nodejs.org, or your system's package)";

/// Whether Node.js and npm are there.
pub(crate) fn node_state() -> State {
    match (on_path("node"), on_path("npm")) {
        (Some(node), Some(_)) => State::There(node.display().to_string()),
        _ if debian::can_install() => State::CanSetUp("apt-get install nodejs npm".into()),
        _ => State::Absent(INSTALL_NODE.into()),
    }
}

/// Makes sure that Node.js and npm are there.
pub(crate) fn ensure_node() -> Result<()> {
    match node_state() {
        State::There(_) => Ok(()),
        State::CanSetUp(_) => debian::install(&["nodejs", "npm"]),
        State::Absent(how) => Err(Error::Missing(format!("Node.js is missing: {how}"))),
    }
}

/// Whether the packages that `folder`'s lock file names are installed.
pub(crate) fn packages_state(folder: &Path) -> State {
    match lock_digest(folder) {
        None => State::There("nothing to install".into()),
        Some(digest) if fs::read_to_string(folder.join(STAMP)).is_ok_and(|was| was == digest) => {
            State::There("as the lock file says".into())
        }
        Some(_) => State::CanSetUp("npm ci".into()),
    }
}

/// Installs what `folder`'s lock file names, unless that is what is there.
pub(crate) fn ensure_packages(folder: &Path) -> Result<()> {
    ensure_node()?;
    let (State::CanSetUp(_), Some(digest)) = (packages_state(folder), lock_digest(folder)) else {
        return Ok(());
    };
    super::announce(&format!("installing npm packages in {}", folder.display()));
    Run::new(format!("npm ci in {}", folder.display()), "npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .dir(folder)
        .quiet()?;
    let stamp = folder.join(STAMP);
    // A package without dependencies gets no folder from npm.
    fs::create_dir_all(folder.join("node_modules")).doing_at("make", folder)?;
    fs::write(&stamp, digest).doing_at("write", &stamp)
}

fn lock_digest(folder: &Path) -> Option<String> {
    let lock = fs::read(folder.join("package-lock.json")).ok()?;
    Some(hex(&Sha256::digest(lock)))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_again_only_when_the_lock_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(packages_state(folder), State::There("nothing to install".into()));
        fs::write(folder.join("package-lock.json"), "{}").unwrap();
        assert_eq!(packages_state(folder), State::CanSetUp("npm ci".into()));
        fs::create_dir(folder.join("node_modules")).unwrap();
        fs::write(folder.join(STAMP), lock_digest(folder).unwrap()).unwrap();
        assert!(matches!(packages_state(folder), State::There(_)));
        fs::write(folder.join("package-lock.json"), "{\"a\":1}").unwrap();
        assert_eq!(packages_state(folder), State::CanSetUp("npm ci".into()));
    }
}
