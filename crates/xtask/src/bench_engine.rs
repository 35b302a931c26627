//! `bench engine`: the engine's figures with their limits. What is measured natively, and how, is in
//! `crates/engine/benches/engine`.

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    native(workspace)
}

/// The state machine by itself, and its pace on simulated lines.
fn native(workspace: &Workspace) -> Result<()> {
    Run::cargo("the engine's benchmark")
        .args(["bench", "--package", "updock-engine", "--features", "simulator", "--bench", "engine"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}
