//! Running other programs: to the terminal, or quietly with the output shown only on failure.
//!
//! Variables that cargo sets for this process are not passed on, so that a child cargo with
//! another toolchain starts as if a person had typed it.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// A program with its arguments, named for what it does.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    what: String,
}

impl Run {
    /// `what` begins the sentence "... failed".
    pub(crate) fn new(what: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        without_cargo(&mut command);
        command.stdin(Stdio::null());
        Self { command, what: what.into() }
    }

    /// Cargo of the toolchain that runs this program.
    pub(crate) fn cargo(what: impl Into<String>) -> Self {
        Self::own(what, env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// A program of the toolchain that runs this program. It must be told which that is: else rustup asks the folder
    /// that rustc is started in, and some crates carry a `rust-toolchain` file of their own.
    pub(crate) fn own(what: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        let run = Self::new(what, program);
        match env::var_os("RUSTUP_TOOLCHAIN") {
            Some(toolchain) => run.env("RUSTUP_TOOLCHAIN", toolchain),
            None => run,
        }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it with its output going where ours goes.
    pub(crate) fn shown(mut self) -> Result<()> {
        let status = self.command.status();
        self.judge(status.map(|status| (status, String::new())))
    }

    /// Runs it with its output going where ours goes, and shows every line of its standard output
    /// to `on_line` as well.
    pub(crate) fn watched(mut self, mut on_line: impl FnMut(&str)) -> Result<()> {
        let ran = self.command.stdout(Stdio::piped()).spawn().and_then(|mut child| {
            let stdout = child.stdout.take().expect("standard output was asked to be piped");
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                println!("{line}");
                on_line(&line);
            }
            child.wait()
        });
        self.judge(ran.map(|status| (status, String::new())))
    }

    /// Runs it in silence; what it printed becomes part of the error.
    pub(crate) fn quiet(self) -> Result<()> {
        self.output().map(drop)
    }

    /// Runs it and gives its standard output.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.command.output();
        let mut stdout = String::new();
        let judged = output.map(|output| {
            stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
            (output.status, said)
        });
        self.judge(judged)?;
        Ok(stdout)
    }

    /// Runs it in silence: did it succeed, and everything it said?
    pub(crate) fn heard(mut self) -> Result<(bool, String)> {
        let output = self.command.output();
        let output = output.map_err(|error| Error::Io { what: format!("run {}", self.what), source: error })?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    fn judge(&self, ran: std::io::Result<(std::process::ExitStatus, String)>) -> Result<()> {
        let failed = |how: String, output: String| Err(Error::Command { what: self.what.clone(), how, output });
        match ran {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, said)) => failed(status.to_string(), tail(&said)),
            Err(error) => failed(format!("{}: {error}", self.command.get_program().to_string_lossy()), String::new()),
        }
    }
}

/// Takes away what cargo sets for this process.
pub(crate) fn without_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if set_by_cargo(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
}

/// True for what `cargo run` and rustup's proxies set for the program they start.
fn set_by_cargo(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || matches!(name, "CARGO" | "RUSTUP_TOOLCHAIN" | "RUST_RECURSION_COUNT" | "RUSTUP_TOOLCHAIN_SOURCE")
}

/// The end of what a program said: where compilers and npm put the reason.
fn tail(said: &str) -> String {
    const LINES: usize = 60;
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!(":\n{}", last.join("\n"))
}

/// The first program of that name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_tried_and_what_the_program_said() {
        let error = Run::new("the weather report", "sh")
            .args(["-c", "echo storm >&2; exit 3"])
            .quiet()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("the weather report failed"), "{error}");
        assert!(error.contains("storm"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Run::new("the lint", "no-such-program-here").quiet().unwrap_err().to_string();
        assert!(error.contains("no-such-program-here"), "{error}");
    }
}
