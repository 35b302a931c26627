//! `soak`: the signer under load of every kind, for long, with its memory and its open files looked at. The test is
//! `signer-backend/tests/suite/soak.rs`, which in a test run takes some seconds.

use clap::Args;

use crate::error::Result;
use crate::process::Run;
use crate::workspace::Workspace;

/// What is put under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// The signer
    Signer,
}

#[derive(Args)]
pub(crate) struct Options {
    /// What is put under load
    #[arg(value_enum, default_value = "signer")]
    what: Subject,
    /// For how long; the audit log takes some 6 MB a minute meanwhile
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Build it as it is shipped, which takes longer
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Subject::Signer = options.what;
    let test = "soak::under_load_of_every_kind_memory_stays_flat_and_no_file_stays_open";
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    Run::cargo("the soak test")
        .args(["test", "--package", "updock-signer", "--test", "suite"])
        .args(profile)
        .args(["--", "--nocapture", "--exact", test])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("UPDOCK_SOAK_SECONDS", (options.minutes * 60).to_string())
        .shown()
}
