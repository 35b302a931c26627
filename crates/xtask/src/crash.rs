//! `crash`: the stand-in, or the signer, is killed under load, round after round, and what it had acknowledged must be
//! there when it comes back. The tests are `crates/local/tests/behaviour/crash.rs`, which in a test run takes four rounds,
//! and `signer-backend/tests/suite/crash.rs`, which takes fifty.

use clap::Args;

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Victim {
    /// The stand-in
    Local,
    /// The signer
    Signer,
}

impl Victim {
    /// Its package, the package's test program, and the test in it.
    fn test(self) -> [&'static str; 3] {
        match self {
            Self::Local => [
                "updock-local",
                "behaviour",
                "crash::kill_9_at_random_points_under_load_loses_nothing_that_was_acknowledged",
            ],
            Self::Signer => [
                "updock-signer",
                "suite",
                "crash::kill_9_at_random_points_under_load_loses_no_intention_and_counts_nothing_twice",
            ],
        }
    }
}

#[derive(Args)]
pub(crate) struct Options {
    /// What is killed
    #[arg(long, value_enum, default_value = "local")]
    what: Victim,
    /// How often it is killed
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// Start from this seed instead of a new one, as a failure told it
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let [package, program, test] = options.what.test();
    Run::cargo("the crash test")
        .args(["test", "--package", package, "--test", program, "--", "--nocapture", "--exact", test])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("UPDOCK_CRASH_ROUNDS", options.rounds.to_string())
        .env("UPDOCK_CRASH_SEED", options.seed.unwrap_or(seconds).to_string())
        .shown()
}
