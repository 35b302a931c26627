//! `mutants`: would the tests notice? cargo-mutants lists what to change in the engine's state machine, or in what the
//! signer decides and verifies. All these mutants are put into one build, each behind a question, and the tests run once
//! for each: cargo-mutants itself builds anew every time, which takes days. What survives is either killed by a new test
//! or listed with a reason in the crate's `tests/mutants.toml`. With `--promises` one chosen rule of each promise is
//! broken instead, and the random schedules alone must notice.

mod compile;
mod list;
mod promises;
mod score;
mod switch;
mod trial;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::demo;
use crate::error::{Doing, Result};
use crate::process::Run;
use crate::setup;
use crate::tree::Tree;
use crate::workspace::Workspace;

use compile::{Built, Whole};
use list::Mutant;
use trial::Trial;

const VERSION: &str = "27.1.0";

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// The upload engine's state machine
    Engine,
    /// What the signer decides and verifies
    Signer,
}

/// The signer's modules that decide or verify; a mistake there opens something.
const SIGNER: [&str; 30] = [
    "audit/verify",
    "caller",
    "clock",
    "confirm",
    "credentials",
    "decision",
    "idempotency",
    "key",
    "keys/held",
    "keys/http",
    "keys/list",
    "keys/make",
    "keys/narrowed",
    "keys/standing",
    "limiter",
    "limits",
    "operation",
    "peers",
    "policy/agents",
    "policy/hooks",
    "policy/keeping",
    "policy/tokens",
    "private",
    "receipt",
    "signing",
    "strangers",
    "tokens",
    "webhooks/ours",
    "webhooks/outward",
    "webhooks/receive",
];

/// Tests of the signer that need no database server and kill nothing: the others take long and look elsewhere. The quick
/// ones come first.
const SIGNER_SUITE: [&[&str]; 3] = [
    &[
        "access::",
        "chain::",
        "credentials::",
        "grants::",
        "hooks::",
        "key_ends::",
        "key_lines::",
        "keys::",
        "lists::",
        "policy_agents::",
        "policy_asked::",
        "policy_file::",
        "queries::",
        "repeated::",
        "strangers::",
        "threats::",
        "visitors::",
    ],
    &["confirm::", "doctor::", "keeping::", "refusing::", "tokens::"],
    &["door::", "matrix::"],
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

    /// Which tests look, in passes: each sees only what those before it did not notice.
    fn passes(self) -> Vec<Pass> {
        let unit = Pass { suite: None, only: &[] };
        match self {
            Self::Engine => vec![unit, Pass { suite: Some("engine"), only: &[] }],
            Self::Signer => {
                let suite = SIGNER_SUITE.map(|only| Pass { suite: Some("suite"), only });
                [unit].into_iter().chain(suite).collect()
            }
        }
    }

    /// For the compiler. Schedules take long; the signer's tests mostly wait, and its dependencies are many.
    fn optimised(self) -> &'static str {
        match self {
            Self::Engine => "1",
            Self::Signer => "0",
        }
    }
}

/// Some of a subject's tests.
#[derive(Debug)]
struct Pass {
    /// Of `tests`; without it, those that stand beside the code.
    suite: Option<&'static str>,
    /// Those whose name has one of these in it; without any, all.
    only: &'static [&'static str],
}

impl Pass {
    /// For cargo.
    fn target(&self) -> Vec<&'static str> {
        self.suite.map_or_else(|| vec!["--lib"], |suite| vec!["--test", suite])
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
    /// Only those that this file names, such as the log of an earlier run: what lived then, wherever it stands now
    #[arg(long, value_name = "LOG", conflicts_with = "promises")]
    only: Option<PathBuf>,
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
    let found = folder.join("mutants.out");
    if !options.report {
        let mut list = list(workspace, options)?;
        if let Some(log) = &options.only {
            list = list::named(&list, &fs::read_to_string(log).doing_at("read", log)?)?;
        }
        let _ = fs::remove_dir_all(&found);
        fs::create_dir_all(&found).doing_at("make", &found)?;
        fs::write(found.join("mutants.json"), &list).doing_at("write", &found)?;
        try_all(workspace, options, &list::shuffled(&list)?, &folder)?;
    }
    score::Score::read(workspace, options.what, &found)?.judge()
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

/// What cargo-mutants would change.
fn list(workspace: &Workspace, options: &Options) -> Result<String> {
    let files = options.what.files(options.file.as_deref());
    Run::own("listing the mutants", ensure(workspace)?)
        .args(["mutants", "--list", "--json", "--package", options.what.package()])
        .args(files.iter().flat_map(|file| ["--file", file]))
        .args(["--exclude", "crates/engine/src/simulator/**", "--exclude", "crates/engine/src/lib.rs"])
        .dir(workspace.root())
        .output()
}

/// Runs the tests on each mutant to the end, to the time that was given, or until somebody presses Ctrl-C. What comes
/// of it is written down at once, in files that are named as cargo-mutants names its own.
fn try_all(workspace: &Workspace, options: &Options, mutants: &[Mutant], folder: &Path) -> Result<()> {
    let (subject, target) = (options.what, folder.join("target"));
    let until = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let note = |number: usize, outcome: &str| {
        if matches!(outcome, "missed" | "timeout") {
            println!("{outcome}: {}", mutants[number].name);
        }
        let file = folder.join("mutants.out").join(outcome).with_extension("txt");
        let opened = File::options().create(true).append(true).open(&file);
        opened.and_then(|mut file| writeln!(file, "{}", mutants[number].name)).doing_at("write", &file)
    };
    let tree = Tree::lay(workspace, folder.join("tree"), subject.folder())?;
    // As they were laid: whoever works on while this runs changes nothing about it.
    let mut originals = BTreeMap::new();
    for mutant in mutants {
        if !originals.contains_key(&mutant.file) {
            originals.insert(mutant.file.clone(), tree.read(&mutant.file)?);
        }
    }
    setup::announce(&format!("building {} mutants", mutants.len()));
    let Whole { tests, unviable, alone } = compile::all(&tree, subject, mutants, &target)?;
    for number in &unviable {
        note(*number, "unviable")?;
    }
    let runtime = demo::runtime()?;
    let programs = tests.into_iter().zip(subject.passes().into_iter().map(|pass| pass.only)).collect();
    let (tested, rubbish) = (tree.root().join(subject.folder()), folder.join("rubbish"));
    let trial = runtime.block_on(Trial::prepare(programs, tested, rubbish))?;
    // Says whether to go on.
    let attempt = |number: usize, asked: Option<usize>| {
        let time = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let verdict = runtime.block_on(async {
            tokio::select! {
                verdict = trial.run(asked) => verdict.map(Some),
                () = tokio::time::sleep(time) => Ok(None),
                _ = tokio::signal::ctrl_c() => Ok(None),
            }
        })?;
        let Some(verdict) = verdict else { return Ok(false) };
        note(number, verdict.file()).map(|()| true)
    };
    setup::announce(&format!("trying those that compile; {} must be built alone", alone.len()));
    for number in (0..mutants.len()).filter(|number| !unviable.contains(number) && !alone.contains(number)) {
        if !attempt(number, Some(number))? {
            return Ok(());
        }
    }
    for (file, whole) in &originals {
        tree.write(file, whole)?;
    }
    for number in alone {
        let mutant = &mutants[number];
        let whole = &originals[&mutant.file];
        tree.write(&mutant.file, mutant.apply(whole))?;
        let built = compile::tests(&tree, subject, &target)?;
        tree.write(&mutant.file, whole)?;
        match built {
            Built::Not(_) => note(number, "unviable")?,
            Built::Tests(_) if attempt(number, None)? => {}
            Built::Tests(_) => return Ok(()),
        }
    }
    Ok(())
}
