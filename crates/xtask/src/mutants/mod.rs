//! `mutants`: would the tests notice? cargo-mutants changes the engine's state machine, or what the signer decides and
//! verifies, in one place after another and runs the tests each time. What survives is either killed by a new test or
//! listed with a reason in the crate's `tests/mutants.toml`. With `--promises` one chosen rule of each promise is broken instead, and the
//! random schedules alone must notice.

mod promises;
mod score;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::process::{Run, without_cargo};
use crate::setup;
use crate::workspace::Workspace;

const VERSION: &str = "27.1.0";
/// Schedules of each property for each mutant: a tenth of a test run's. What lives on is looked at by a person.
const SCHEDULES: &str = "200";

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// The upload engine's state machine
    Engine,
    /// What the signer decides and verifies
    Signer,
}

/// The signer's modules that decide or verify; a mistake there opens something.
const SIGNER: [&str; 7] = ["decision", "key", "signing", "receipt", "clock", "audit/verify", "webhooks/receive"];

/// Tests of the signer that need no database server and kill nothing: the others take long and look elsewhere.
const SIGNER_SUITE: [&str; 11] = [
    "access::",
    "chain::",
    "confirm::",
    "credentials::",
    "door::",
    "hooks::",
    "keeping::",
    "matrix::",
    "policy_file::",
    "threats::",
    "visitors::",
];

impl Subject {
    /// Its folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Engine => "crates/engine",
            Self::Signer => "signer-backend",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Engine => "updock-engine",
            Self::Signer => "updock-signer",
        }
    }

    /// Which files are changed: all, or those that have `part` in their path.
    fn files(self, part: Option<&str>) -> Vec<String> {
        let fits = |file: &&&str| part.is_none_or(|part| file.contains(part));
        match (self, part) {
            (Self::Engine, None) => vec!["crates/engine/src/**/*.rs".to_owned()],
            (Self::Engine, Some(part)) => vec![format!("crates/engine/src/**/*{part}*")],
            (Self::Signer, _) => {
                SIGNER.iter().filter(fits).map(|file| format!("signer-backend/src/{file}.rs")).collect()
            }
        }
    }

    /// Which tests look, in passes: the second sees only what the first did not notice.
    fn passes(self) -> Vec<Vec<&'static str>> {
        match self {
            Self::Engine => vec![vec!["--lib", "--test", "engine"]],
            Self::Signer => vec![vec!["--lib"], [&["--test", "suite", "--"][..], &SIGNER_SUITE].concat()],
        }
    }
}

#[derive(Args)]
pub(crate) struct Options {
    /// What is changed
    #[arg(long, value_enum, default_value = "engine", conflicts_with = "promises")]
    what: Subject,
    /// Break one rule of each promise, and see that random schedules notice
    #[arg(long)]
    promises: bool,
    /// Only files whose path has this in it, such as `judge` or `engine/`
    #[arg(long, conflicts_with = "promises")]
    file: Option<String>,
    /// Stop after so many minutes; the score is then that of what was tried
    #[arg(long, conflicts_with = "promises")]
    minutes: Option<u64>,
    /// Only count what the last run left
    #[arg(long, conflicts_with = "promises")]
    report: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.promises {
        return promises::run(workspace);
    }
    let folder = match options.what {
        Subject::Engine => workspace.scratch("mutants"),
        Subject::Signer => workspace.scratch("mutants-signer"),
    };
    if !options.report {
        let tool = ensure(workspace)?;
        fs::create_dir_all(&folder).doing_at("make", &folder)?;
        demo::runtime()?.block_on(try_all(workspace, options, &tool, &folder))?;
    }
    score::Score::read(workspace, options.what, &folder.join("mutants.out"))?.judge()
}

/// cargo-mutants of exactly this version, in a folder of its own.
fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.scratch("cargo-mutants").join(VERSION);
    let tool = root.join("bin/cargo-mutants");
    if tool.is_file() {
        return Ok(tool);
    }
    setup::announce(&format!("installing cargo-mutants {VERSION}"));
    Run::cargo("installing cargo-mutants")
        .args(["install", "cargo-mutants", "--version", VERSION, "--locked", "--root"])
        .arg(&root)
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.scratch("cargo-mutants").join("build"))
        .shown()?;
    Ok(tool)
}

/// Runs each pass to its end, all of them to the time that was given, or until somebody presses Ctrl-C.
async fn try_all(workspace: &Workspace, options: &Options, tool: &Path, folder: &Path) -> Result<()> {
    let until = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    for (pass, tests) in options.what.passes().iter().enumerate() {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(());
        }
        let mut command = command(workspace, options, tool, folder);
        if pass > 0 {
            // The first pass has seen the tests pass on what is unchanged.
            command.args(["--iterate", "--baseline", "skip", "--timeout", "300"]);
        } else {
            command.args(["--minimum-test-timeout", "60"]);
        }
        command.arg("--").args(tests);
        if run_one(command, left).await? == Ended::Early {
            return Ok(());
        }
    }
    Ok(())
}

fn command(workspace: &Workspace, options: &Options, tool: &Path, folder: &Path) -> Command {
    let subject = options.what;
    let mut command = Command::new(tool);
    without_cargo(command.as_std_mut());
    command.args(["mutants", "--package", subject.package()]);
    for file in subject.files(options.file.as_deref()) {
        command.args(["--file", &file]);
    }
    command
        .args(["--exclude", "crates/engine/src/simulator/**", "--exclude", "crates/engine/src/lib.rs"])
        // In random order, so that the score of a part says something about the whole.
        .args(["--shuffle", "--jobs", "1", "--output"])
        .arg(folder)
        .current_dir(workspace.root())
        .env("CARGO", env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("UPDOCK_SCHEDULES", SCHEDULES)
        // Shrinking makes a failure readable; here it only has to be one.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// How a pass came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All was tried.
    Whole,
    /// The time was over, or somebody pressed Ctrl-C.
    Early,
}

async fn run_one(mut command: Command, left: Option<Duration>) -> Result<Ended> {
    let mut mutating = command.spawn().doing("start cargo-mutants")?;
    let time = async {
        match left {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = mutating.wait() => {
            // 2: some survived; 3: some took too long. The score says so.
            match ended.doing("wait for cargo-mutants")?.code() {
                Some(0 | 2 | 3) => Ok(Ended::Whole),
                code => Err(Error::Check(format!("cargo-mutants could not run (code {code:?})"))),
            }
        }
        () = time => stop(&mut mutating).await.map(|()| Ended::Early),
        _ = tokio::signal::ctrl_c() => stop(&mut mutating).await.map(|()| Ended::Early),
    }
}

async fn stop(mutating: &mut tokio::process::Child) -> Result<()> {
    if let Some(pid) = mutating.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        kill_process(pid, Signal::INT).map_err(std::io::Error::from).doing("stop cargo-mutants")?;
    }
    mutating.wait().await.doing("wait for cargo-mutants").map(drop)
}
