//! `fuzz`: the stand-in's fuzz targets for as long as one likes; a short form of the same runs with the native tests.
//! The targets themselves live in `crates/local/tests/fuzz`.

use clap::Args;

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

/// Must equal the table in `crates/local/tests/fuzz/main.rs`, where a test holds each against its name.
const TARGETS: [&str; 10] =
    ["form", "urlencoded", "json", "conversion", "query", "cdn", "part", "authorization", "jwt", "signature"];

#[derive(Args)]
pub(crate) struct Options {
    /// How long, for all targets together
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this target
    #[arg(long, value_parser = TARGETS)]
    target: Option<String>,
    /// Start from this seed instead of a new one, as a failure told it
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the targets one after the other, on one core. Built for development: overflow is checked there.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets: Vec<&str> = options.target.as_deref().map_or(TARGETS.to_vec(), |target| vec![target]);
    let seconds = (options.minutes * 60 / targets.len() as u64).max(1);
    let run = Run::cargo("fuzzing")
        .args([
            "test",
            "--package",
            "updock-local",
            "--test",
            "fuzz",
            "--",
            "--test-threads=1",
            "--nocapture",
            "--exact",
        ])
        .args(targets)
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("UPDOCK_FUZZ_SECONDS", seconds.to_string());
    match options.seed {
        Some(seed) => run.env("UPDOCK_FUZZ_SEED", seed.to_string()),
        None => run,
    }
    .shown()
}
