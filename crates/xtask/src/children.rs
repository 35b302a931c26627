//! Programs that run beside us: started, waited for until they say where they listen, and gone
//! when we are.
//!
//! Each runs in its own process group, so that Ctrl-C reaches us first and we stop them in order;
//! what they say on standard error goes to a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{Doing, Error, Result};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running program.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: tokio::process::Child,
    origin: String,
    log: PathBuf,
}

impl Child {
    /// Starts `program` and waits for its line "... is listening on http://...". Every other line
    /// of its standard output goes to `on_line`.
    pub(crate) async fn start(
        program: &Path,
        args: &[String],
        envs: &[(&str, String)],
        log: &Path,
        on_line: impl Fn(&str) + Send + 'static,
    ) -> Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log_file = File::create(log).doing_at("write", log)?;
        let mut process = Command::new(program)
            .args(args)
            .envs(envs.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .doing(format!("start {name}"))?;
        let stdout = process.stdout.take().expect("standard output was asked to be piped");
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(async move {
            let mut ready = Some(ready);
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                match origin_in(&line) {
                    Some(origin) if ready.is_some() => {
                        let _ = ready.take().expect("just looked").send(origin);
                    }
                    _ => on_line(&line),
                }
            }
        });
        let mut child = Self { name, process, origin: String::new(), log: log.to_path_buf() };
        match timeout(READY_WITHIN, is_ready).await {
            Ok(Ok(origin)) => child.origin = origin,
            Ok(Err(_)) => {
                let status = child.process.wait().await.doing("wait for a program")?;
                return Err(child.failed(&format!("ended at once ({status})")));
            }
            Err(_) => return Err(child.failed("did not say where it listens")),
        }
        Ok(child)
    }

    /// `http://host:port`, as the program said it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Comes back only when the program has ended by itself, with the reason.
    pub(crate) async fn ended(&mut self) -> Error {
        match self.process.wait().await {
            Ok(status) => self.failed(&format!("ended by itself ({status})")),
            Err(error) => self.failed(&format!("cannot be watched ({error})")),
        }
    }

    /// Asks it to stop, and kills it when it does not.
    pub(crate) async fn stop(mut self) {
        if let Some(pid) = self.process.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            let _ = kill_process(pid, Signal::TERM);
            if timeout(STOP_WITHIN, self.process.wait()).await.is_ok() {
                return;
            }
        }
        let _ = self.process.kill().await;
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) {
        let _ = self.process.kill().await;
    }

    fn failed(&self, how: &str) -> Error {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
        let last = if last.is_empty() { last } else { format!(":\n  {last}") };
        Error::Check(format!("{} {how}{last}", self.name))
    }
}

fn origin_in(line: &str) -> Option<String> {
    let (_, origin) = line.split_once(" is listening on ")?;
    origin.starts_with("http://").then(|| origin.trim().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(script: &str, folder: &Path) -> Result<Child> {
        let args = ["-c".to_owned(), script.to_owned()];
        Child::start(Path::new("/bin/sh"), &args, &[], &folder.join("log"), |_| ()).await
    }

    fn is_running(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    #[tokio::test]
    async fn a_stopped_child_is_gone_even_when_it_does_not_want_to() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; echo x is listening on http://127.0.0.1:9; while :; do read -t 1 x; done";
        let child = start(script, folder.path()).await.unwrap();
        assert_eq!(child.origin(), "http://127.0.0.1:9");
        let pid = child.pid().unwrap();
        assert!(is_running(pid));
        child.kill().await;
        assert!(!is_running(pid));
    }

    #[tokio::test]
    async fn a_child_that_ends_at_once_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let error = start("echo port is taken >&2; exit 3", folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("ended at once") && error.contains("port is taken"), "{error}");
    }
}
