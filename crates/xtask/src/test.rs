//! `test`: everything CI runs, from a clean clone. All steps run, whatever fails before them;
//! the end says how many tests passed and where the time went.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::setup::npm;
use crate::setup::postgres::Postgres;
use crate::setup::wasm_target::{self, WasmCargo};
use crate::workspace::Workspace;
use crate::{arrows, check, conformance, demo, e2e, faults, runner, size, wasm};

/// Off by default; on for what is tested, because a second build of everything without would cost minutes. What the
/// demo, the SDKs and the fault matrix run is built without.
const TESTED_TOO: [&str; 2] = ["--features", "updock-signer/otel"];

/// Tests that ran and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds what a line says, if it is the closing line of some test runner.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            // libtest and wasm-bindgen-test: "ok. 3 passed; 0 failed; 0 ignored; ..."
            for part in result.split(['.', ';']) {
                self.add(part.trim());
            }
        } else if line.split(' ').count() <= 3 {
            // Playwright: "12 passed (30.1s)", "1 failed".
            self.add(line);
        }
    }

    fn add(&mut self, part: &str) {
        let mut words = part.split(' ');
        let (Some(Ok(count)), Some(word)) = (words.next().map(str::parse::<u64>), words.next()) else {
            return;
        };
        match word {
            "passed" => self.passed += count,
            "failed" | "flaky" => self.failed += count,
            _ => {}
        }
    }
}

struct Done {
    name: &'static str,
    took: Duration,
    counts: Counts,
    error: Option<Error>,
}

/// Runs everything; fails when anything failed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Asked for now: later steps may build this program anew, and then the old file is gone.
    let xtask: PathBuf = env::current_exe().doing("find this program")?;
    let mut done = Vec::new();
    let mut step = |name: &'static str, work: &mut dyn FnMut(&mut Counts) -> Result<()>| {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let mut counts = Counts::default();
        let error = work(&mut counts).err();
        match &error {
            Some(error) => {
                eprintln!("xtask: {error}");
                counts.failed = counts.failed.max(1);
            }
            // A check without tests of its own is one that passed.
            None if counts == Counts::default() => counts.passed = 1,
            None => {}
        }
        done.push(Done { name, took: start.elapsed(), counts, error });
    };

    step("formatting", &mut |_| fmt(workspace, true));
    step("arrows", &mut |_| arrows::run(workspace));
    step("lints", &mut |_| lint(workspace));
    step("native tests", &mut |counts| native_tests(workspace, counts));
    step("widget for release", &mut |_| wasm::build(workspace, wasm::Mode::Release));
    step("types of the npm package", &mut |_| npm_types(workspace));
    step("size", &mut |_| size::run(workspace, false));
    step("widget in the browser", &mut |counts| runner::browser_tests(workspace, &xtask, |line| counts.read(line)));
    step("demo leaves nothing running", &mut |_| demo::stops(workspace, &xtask));
    step("demo --check", &mut |_| check::run(workspace, None, true));
    step("demo --check with a wrong secret", &mut |_| check::fails_with_wrong_secret(workspace));
    step("official SDKs", &mut |counts| {
        let options = conformance::Options::of_test(conformance::Way::Direct);
        conformance::run(workspace, &options, conformance::Form::Short, counts)
    });
    step("official SDKs through the signer", &mut |counts| {
        let options = conformance::Options::of_test(conformance::Way::Signer);
        conformance::run(workspace, &options, conformance::Form::Short, counts)
    });
    step("fault matrix", &mut |counts| faults::run(workspace, &faults::Options::of_test(), counts));
    step("end to end", &mut |counts| e2e::run(workspace, &e2e::Options::default(), |line| counts.read(line)));
    finish(&done)
}

fn finish(done: &[Done]) -> Result<()> {
    println!();
    for step in done {
        let Counts { passed, failed } = step.counts;
        let mark = if step.error.is_none() { "ok    " } else { "FAILED" };
        println!("{mark}  {:<34}{:>7.1} s  {passed:>5} passed{failed:>5} failed", step.name, step.took.as_secs_f64());
    }
    let sum = |of: fn(&Counts) -> u64| -> u64 { done.iter().map(|step| of(&step.counts)).sum() };
    let (passed, failed) = (sum(|counts| counts.passed), sum(|counts| counts.failed));
    println!("\n{passed} passed, {failed} failed");
    let broken: Vec<&str> = done.iter().filter(|step| step.error.is_some()).map(|step| step.name).collect();
    if broken.is_empty() { Ok(()) } else { Err(Error::Check(format!("failed: {}", broken.join(", ")))) }
}

/// Formats all Rust, or only says whether it is formatted.
pub(crate) fn fmt(workspace: &Workspace, check: bool) -> Result<()> {
    Run::cargo("formatting").args(["fmt", "--all"]).args(check.then_some("--check")).dir(workspace.root()).shown()
}

/// Clippy over everything, natively, and over the widget for wasm32 where this toolchain can; and whether the tables in
/// `docs/` are those of this source.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    let clippy = |what: &str, scope: &[&str]| {
        Run::cargo(what)
            .arg("clippy")
            .args(scope)
            .args(["--", "-D", "warnings"])
            .dir(workspace.root())
            .env("CARGO_TARGET_DIR", workspace.target())
            .shown()
    };
    clippy("clippy", &[&["--workspace", "--all-targets"], &TESTED_TOO[..]].concat())?;
    clippy("clippy over the signer as it comes", &["--package", "updock-signer"])?;
    // Debian's toolchain has no clippy of its own version.
    if wasm_target::ensure(workspace)? == WasmCargo::Own {
        clippy(
            "clippy for wasm32",
            &["--package", "updock", "--all-targets", "--features", "element", "--target", wasm_target::TARGET],
        )?;
    }
    conformance::check_docs(workspace)?;
    faults::check_docs(workspace)
}

/// TypeScript over the shell, whose imports the wasm build has just made.
fn npm_types(workspace: &Workspace) -> Result<()> {
    npm::ensure_packages(&workspace.npm())?;
    Run::new("npm run check in web/npm", "npm").args(["run", "--silent", "check"]).dir(workspace.npm()).shown()
}

fn native_tests(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let postgres = Postgres::start()?;
    Run::cargo("the native tests")
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(TESTED_TOO)
        .dir(workspace.root())
        .env("DATABASE_URL", postgres.url())
        .env("UPDOCK_WHOLE_RUN", "1")
        .env("CARGO_TARGET_DIR", workspace.target())
        .watched(|line| counts.read(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_every_runner_are_counted() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored",
            "  7 passed (1.2m)",
            "  1 flaky",
            "2 files passed on to the reviewer",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { passed: 21, failed: 4 });
    }
}
