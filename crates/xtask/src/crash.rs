//! `crash`: the stand-in is killed under load, round after round, and what it had acknowledged must be there when it
//! comes back. The test is `crates/local/tests/behaviour/crash.rs`, which in a test run takes four rounds.

use clap::Args;

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

const TEST: &str = "crash::kill_9_at_random_points_under_load_loses_nothing_that_was_acknowledged";

#[derive(Args)]
pub(crate) struct Options {
    /// How often it is killed
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// Start from this seed instead of a new one, as a failure told it
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    Run::cargo("the crash test")
        .args(["test", "--package", "updock-local", "--test", "behaviour", "--", "--nocapture", "--exact", TEST])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("UPDOCK_CRASH_ROUNDS", options.rounds.to_string())
        .env("UPDOCK_CRASH_SEED", options.seed.unwrap_or(seconds).to_string())
        .shown()
}
