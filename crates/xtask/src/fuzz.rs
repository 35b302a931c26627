//! `fuzz`: the fuzz targets of the stand-in or of the signer for as long as one likes; a short form of the same runs with
//! the native tests. The targets themselves live in `crates/local/tests/fuzz` and `signer-backend/tests/suite/fuzz`.

use clap::Args;

use crate::error::{Error, Result};
use crate::process::Run;
use crate::workspace::Workspace;

/// Must equal the table in `crates/local/tests/fuzz/main.rs`, where a test holds each against its name.
const LOCAL: &[&str] =
    &["form", "urlencoded", "json", "conversion", "query", "cdn", "part", "authorization", "jwt", "signature"];
/// A test in `signer-backend/tests/suite/fuzz` holds each against its name.
const SIGNER: &[&str] = &[
    "fuzz::requests::path",
    "fuzz::requests::body",
    "fuzz::requests::request",
    "fuzz::requests::hook",
    "fuzz::requests::answer",
    "fuzz::texts::policy",
    "fuzz::texts::key",
    "fuzz::texts::chain",
];

/// What is fuzzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The stand-in
    Local,
    /// The signer
    Signer,
}

#[derive(Args)]
pub(crate) struct Options {
    /// What is fuzzed
    #[arg(long, value_enum, default_value = "local")]
    what: What,
    /// How long, for all targets together
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
    /// Start from this seed instead of a new one, as a failure told it
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the targets one after the other, on one core. Built for development: overflow is checked there.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let (package, program, all) = match options.what {
        What::Local => ("updock-local", "fuzz", LOCAL),
        What::Signer => ("updock-signer", "suite", SIGNER),
    };
    let short = |target: &str| target.rsplit(':').next().unwrap_or(target).to_owned();
    let wanted = |target: &&str| options.target.as_ref().is_none_or(|name| short(target) == *name);
    let targets: Vec<&str> = all.iter().copied().filter(wanted).collect();
    if targets.is_empty() {
        let known: Vec<String> = all.iter().map(|target| short(target)).collect();
        return Err(Error::Check(format!("no target is called that; there are {}", known.join(", "))));
    }
    let seconds = (options.minutes * 60 / targets.len() as u64).max(1);
    let run = Run::cargo("fuzzing")
        .args(["test", "--package", package, "--test", program, "--", "--test-threads=1", "--nocapture", "--exact"])
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
