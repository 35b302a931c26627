//! `bench engine`: the engine's figures with their limits. What is measured natively, and how, is in
//! `crates/engine/benches/engine`; what in a browser, beside Uploadcare's bare client, in `bench_browser`.

use crate::bench_browser;
use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

/// Both halves, whatever becomes of the first.
pub(crate) fn run(workspace: &Workspace, as_built: bool) -> Result<()> {
    let native = native(workspace);
    let browser = bench_browser::run(workspace, as_built);
    native.and(browser)
}

/// The state machine by itself, and its pace on simulated lines.
fn native(workspace: &Workspace) -> Result<()> {
    Run::cargo("the engine's benchmark")
        .args(["bench", "--package", "updock-engine", "--features", "simulator", "--bench", "engine"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}
