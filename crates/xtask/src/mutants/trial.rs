//! Runs tests that are built, until one fails.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::error::{Doing, Error, Result};

use super::switch::VARIABLE;

/// Schedules of each property for each mutant: a tenth of a test run's. What lives on is looked at by a person.
const SCHEDULES: &str = "200";
/// What a program may take, in KiB: some mutants never stop asking for more.
const MEMORY: u64 = 8 * 1024 * 1024;
/// Tests at a time: most of them wait for something.
const THREADS: &str = "8";
/// A mutant's tests may take so many times the processor time that the original's took on the clock, and at least so
/// much.
const PATIENCE: (u32, Duration) = (3, Duration::from_secs(30));
/// And so many times that on the clock. A machine that has something else to do makes nobody late who works.
const WAITING: u32 = 10;

/// What the tests said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    TimedOut,
}

impl Verdict {
    /// As cargo-mutants names the file in which it lists such mutants.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Passed => "missed",
            Self::Failed => "caught",
            Self::TimedOut => "timeout",
        }
    }
}

/// The tests of one subject, in passes: each looks only at what those before it did not notice.
#[derive(Debug)]
pub(super) struct Trial {
    passes: Vec<TestRun>,
    /// Where they run.
    folder: PathBuf,
    /// For what they leave behind.
    rubbish: PathBuf,
}

/// A program, which of its tests, and how much processor time they may take.
#[derive(Debug)]
struct TestRun {
    program: PathBuf,
    only: &'static [&'static str],
    limit: Duration,
}

impl Trial {
    /// Runs the tests of the original, which must pass, and takes the time.
    pub(super) async fn prepare(
        programs: Vec<(PathBuf, &'static [&'static str])>,
        folder: PathBuf,
        rubbish: PathBuf,
    ) -> Result<Self> {
        let mut trial = Self { passes: Vec::new(), folder, rubbish };
        for (program, only) in programs {
            let mut pass = TestRun { program, only, limit: Duration::from_mins(10) };
            let started = Instant::now();
            if trial.pass(&pass, None).await? != Verdict::Passed {
                return Err(Error::Check(format!("{} fails on the original already", pass.program.display())));
            }
            pass.limit = PATIENCE.1.max(started.elapsed() * PATIENCE.0);
            trial.passes.push(pass);
        }
        Ok(trial)
    }

    /// Runs them with this mutant, or as they were built.
    pub(super) async fn run(&self, mutant: Option<usize>) -> Result<Verdict> {
        for pass in &self.passes {
            match self.pass(pass, mutant).await? {
                Verdict::Passed => {}
                verdict => return Ok(verdict),
            }
        }
        Ok(Verdict::Passed)
    }

    async fn pass(&self, pass: &TestRun, mutant: Option<usize>) -> Result<Verdict> {
        let _ = fs::remove_dir_all(&self.rubbish);
        fs::create_dir_all(&self.rubbish).doing_at("make", &self.rubbish)?;
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -v {MEMORY} && ulimit -t {} && exec \"$0\" \"$@\"", pass.limit.as_secs())])
            .arg(&pass.program)
            .args(pass.only)
            .current_dir(&self.folder)
            .envs(mutant.map(|number| (VARIABLE, number.to_string())))
            .env("TMPDIR", &self.rubbish)
            .env("RUST_TEST_THREADS", THREADS)
            .env("UPDOCK_SCHEDULES", SCHEDULES)
            // Shrinking makes a failure readable; here it only has to be one.
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .doing("start the tests")?;
        let verdict = tokio::time::timeout(pass.limit * WAITING, listen(&mut child)).await;
        if let Some(group) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        child.wait().await.doing("wait for the tests")?;
        verdict.unwrap_or(Ok(Verdict::TimedOut))
    }
}

/// Waits for the first test that fails, or for the end.
async fn listen(child: &mut Child) -> Result<Verdict> {
    let stdout = child.stdout.take().expect("standard output was asked to be piped");
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.doing("hear the tests")? {
        if line.starts_with("test ") && line.ends_with("FAILED") {
            return Ok(Verdict::Failed);
        }
    }
    let ended = child.wait().await.doing("wait for the tests")?;
    Ok(match ended.signal() {
        _ if ended.success() => Verdict::Passed,
        Some(signal) if signal == Signal::XCPU.as_raw() => Verdict::TimedOut,
        _ => Verdict::Failed,
    })
}
