//! `simulate`: the engine's promises, held against random schedules of faults, commands and links. The properties are
//! in `crates/engine/tests/engine/promises.rs`; a test run tries each on 2 000 schedules.

use clap::Args;

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// How many schedules each promise is tried on
    #[arg(long, default_value_t = 100_000)]
    schedules: u32,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    Run::cargo("the simulation")
        .args(["test", "--release", "--package", "updock-engine", "--test", "engine", "--", "promise_"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("UPDOCK_SCHEDULES", options.schedules.to_string())
        .shown()
}
