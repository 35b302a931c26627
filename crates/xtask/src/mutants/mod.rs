//! `mutants`: would the engine's tests notice? cargo-mutants changes the state machine in one place after another and
//! runs the tests each time. What survives is either killed by a new test or listed with a reason in
//! `crates/engine/tests/mutants.toml`. With `--promises` one chosen rule of each promise is broken instead, and the
//! random schedules alone must notice.

mod promises;
mod score;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

#[derive(Args)]
pub(crate) struct Options {
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
    let folder = workspace.scratch("mutants");
    if !options.report {
        let tool = ensure(workspace)?;
        fs::create_dir_all(&folder).doing_at("make", &folder)?;
        demo::runtime()?.block_on(try_all(workspace, options, &tool, &folder))?;
    }
    score::Score::read(workspace, &folder.join("mutants.out"))?.judge()
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

/// Runs it to its end, to the time that was given, or until somebody presses Ctrl-C.
async fn try_all(workspace: &Workspace, options: &Options, tool: &Path, folder: &Path) -> Result<()> {
    let files = match &options.file {
        Some(text) => format!("crates/engine/src/**/*{text}*"),
        None => "crates/engine/src/**/*.rs".to_owned(),
    };
    let mut command = Command::new(tool);
    without_cargo(command.as_std_mut());
    command
        .args(["mutants", "--package", "updock-engine", "--file", &files])
        .args(["--exclude", "crates/engine/src/simulator/**", "--exclude", "crates/engine/src/lib.rs"])
        // In random order, so that the score of a part says something about the whole.
        .args(["--shuffle", "--jobs", "1", "--minimum-test-timeout", "60", "--output"])
        .arg(folder)
        .args(["--", "--lib", "--test", "engine"])
        .current_dir(workspace.root())
        .env("CARGO", env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("UPDOCK_SCHEDULES", SCHEDULES)
        // Shrinking makes a failure readable; here it only has to be one.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .process_group(0)
        .kill_on_drop(true);
    let mut mutating = command.spawn().doing("start cargo-mutants")?;
    let time = async {
        match options.minutes {
            Some(minutes) => tokio::time::sleep(Duration::from_secs(minutes * 60)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = mutating.wait() => {
            // 2: some survived; 3: some took too long. The score says so.
            match ended.doing("wait for cargo-mutants")?.code() {
                Some(0 | 2 | 3) => Ok(()),
                code => Err(Error::Check(format!("cargo-mutants could not run (code {code:?})"))),
            }
        }
        () = time => stop(&mut mutating).await,
        _ = tokio::signal::ctrl_c() => stop(&mut mutating).await,
    }
}

async fn stop(mutating: &mut tokio::process::Child) -> Result<()> {
    if let Some(pid) = mutating.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        kill_process(pid, Signal::INT).map_err(std::io::Error::from).doing("stop cargo-mutants")?;
    }
    mutating.wait().await.doing("wait for cargo-mutants").map(drop)
}
