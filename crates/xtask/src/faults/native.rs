//! `updock-client`, as the command `updock upload` drives it: a process of its own, so that it can be frozen.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::End;
use crate::error::{Doing, Error, Result};
use crate::stack::Keys;

/// A frozen process is frozen for this long at most: longer than every time-out that the engine knows, so that more
/// would change nothing.
pub(super) const LONGEST_FREEZE: Duration = Duration::from_secs(75);

/// One `updock upload` under way.
pub(super) struct Uploading {
    process: Child,
}

impl Uploading {
    /// Starts it. What it keeps for itself goes below `home`.
    pub(super) fn start(program: &Path, file: &Path, local: &str, signed: bool, home: &PathBuf) -> Result<Self> {
        let Keys { public, secret } = Keys::demo();
        let mut command = Command::new(program);
        command
            .args(["upload", "--json", "--public-key", &public, "--base-url", local])
            .arg(file)
            .env_remove("UPLOADCARE_SECRET_KEY")
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if signed {
            command.env("UPLOADCARE_SECRET_KEY", secret);
        }
        Ok(Self { process: command.spawn().doing("start updock")? })
    }

    /// Stops the process for some time, as a machine that sleeps does.
    pub(super) async fn freeze(pid: u32, time: Duration) -> Result<()> {
        let signal = |signal| {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or_else(|| Error::Check("updock has ended before it could be frozen".into()))?;
            kill_process(pid, signal).map_err(std::io::Error::from).doing("freeze updock")
        };
        signal(Signal::STOP)?;
        sleep(time.min(LONGEST_FREEZE)).await;
        signal(Signal::CONT)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Kills it (SIGKILL); it says nothing more.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.process.kill().await.doing("kill updock")
    }

    /// Waits for its end, but not for ever.
    pub(super) async fn end(self, within: Duration) -> Result<End> {
        let Ok(output) = timeout(within, self.process.wait_with_output()).await else { return Ok(End::NotYet) };
        let output = output.doing("wait for updock")?;
        read(&String::from_utf8_lossy(&output.stdout), &String::from_utf8_lossy(&output.stderr))
    }
}

#[derive(Deserialize)]
struct Uploaded {
    uuid: String,
}

#[derive(Deserialize)]
struct Complaint {
    error: String,
}

fn read(stdout: &str, stderr: &str) -> Result<End> {
    if let Some(Uploaded { uuid }) = stdout.lines().find_map(|line| serde_json::from_str(line).ok()) {
        return Ok(End::Done { uuid });
    }
    let mut complaints = stderr.lines().filter_map(|line| serde_json::from_str::<Complaint>(line).ok());
    match complaints.next() {
        // The file's name goes before the reason.
        Some(Complaint { error }) => {
            let why = error.split_once(": ").map_or(error.as_str(), |(_, why)| why);
            Ok(End::Failed { why: why.to_owned() })
        }
        None => Err(Error::Check(format!("updock said neither success nor failure: {stdout}{stderr}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_and_failure_are_read_from_what_updock_prints() {
        let done = read("{\"uuid\":\"17be4678\",\"name\":\"a\"}\n", "").unwrap();
        assert_eq!(done, End::Done { uuid: "17be4678".into() });
        let failed = read("", "{\"error\":\"/tmp/a: the server has lost it\",\"exit_code\":1}\n").unwrap();
        assert_eq!(failed, End::Failed { why: "the server has lost it".into() });
        assert!(read("", "thread panicked").is_err());
    }
}
