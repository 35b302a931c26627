//! `bench local`: the stand-in's own figures, beside bare servers, with their limits. What is measured and how is in
//! `crates/local/benches/local`; this only lets a crowd in.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::error::{Doing, Result};
use crate::process::Run;
use crate::workspace::Workspace;

/// Connections at both ends of a thousand idle ones and two hundred uploads, and some more.
const OPEN_FILES: u64 = 4096;

/// Lets this process and its children open so many files.
pub(crate) fn let_a_crowd_in() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < OPEN_FILES) {
        limit.current = Some(limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES)));
        setrlimit(Resource::Nofile, limit).map_err(Into::into).doing("allow more open files")?;
    }
    Ok(())
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let_a_crowd_in()?;
    Run::cargo("the stand-in's benchmark")
        .args(["bench", "--package", "updock-local", "--bench", "local"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}
