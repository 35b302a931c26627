//! Python with the packages that `tests/conformance/python/requirements.txt` pins, in an environment of their own
//! below `target`. It is made anew only when that file is not the one that was installed last.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::npm::hex;
use super::{State, debian};
use crate::error::{Doing, Error, Result};
use crate::process::{Run, on_path};
use crate::workspace::Workspace;

const INSTALL: &str = "install Python 3.9 or later with its venv module (python.org, or your system's package)";

/// Whether Python and its packages are there.
pub(crate) fn state(workspace: &Workspace) -> State {
    match on_path("python3") {
        Some(_) if stamp(workspace).is_some_and(|(_, is_there)| is_there) => State::There("as the pins say".into()),
        Some(_) => State::CanSetUp("python3 -m venv, pip install".into()),
        None if debian::can_install() => State::CanSetUp("apt-get install python3 python3-venv".into()),
        None => State::Absent(INSTALL.into()),
    }
}

/// Makes sure of both and says which Python has the packages.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let folder = folder(workspace);
    let python = folder.join("bin/python");
    let (digest, is_there) = stamp(workspace)
        .ok_or_else(|| Error::Check("tests/conformance/python/requirements.txt cannot be read".into()))?;
    if is_there && python.is_file() {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&folder);
    super::announce("making a Python environment for the conformance tests");
    let make = || Run::new("python3 -m venv", "python3").args(["-m", "venv"]).arg(&folder).quiet();
    if let Err(why) = make() {
        // Debian has the module's heart in a package of its own.
        if !debian::can_install() {
            return Err(Error::Missing(format!("Python's venv is missing: {INSTALL} ({why})")));
        }
        debian::install(&["python3", "python3-venv"])?;
        let _ = fs::remove_dir_all(&folder);
        make()?;
    }
    Run::new("pip install", &python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary"])
        .args([":all:", "--requirement"])
        .arg(requirements(workspace))
        .quiet()?;
    let stamp = folder.join(STAMP);
    fs::write(&stamp, digest).doing_at("write", &stamp)?;
    Ok(python)
}

const STAMP: &str = ".updock-requirements";

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.scratch("python")
}

fn requirements(workspace: &Workspace) -> PathBuf {
    workspace.conformance().join("python/requirements.txt")
}

/// The digest of what should be installed, and whether that is what was installed last.
fn stamp(workspace: &Workspace) -> Option<(String, bool)> {
    let digest = hex(&Sha256::digest(fs::read(requirements(workspace)).ok()?));
    let was = fs::read_to_string(folder(workspace).join(STAMP));
    let is_there = was.is_ok_and(|was| was == digest);
    Some((digest, is_there))
}
