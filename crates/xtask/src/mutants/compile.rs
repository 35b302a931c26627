//! Builds the tests of a tree whose files hold mutants, and leaves out what the compiler does not take.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::process::Run;
use crate::tree::Tree;

use super::list::Mutant;
use super::switch::{self, Numbered, Part, Switched};
use super::{Pass, Subject};

/// One build with all mutants that can be in it.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its tests, one program for each pass.
    pub(super) tests: Vec<PathBuf>,
    /// Numbers of mutants that do not compile.
    pub(super) unviable: BTreeSet<usize>,
    /// Numbers of mutants that can only be built alone: in constants, or of functions that hide their type.
    pub(super) alone: BTreeSet<usize>,
}

/// Builds the subject with all these mutants.
pub(super) fn all(tree: &Tree, subject: Subject, mutants: &[Mutant], target: &Path) -> Result<Whole> {
    let lib = format!("{}/src/lib.rs", subject.folder());
    tree.write(&lib, tree.read(&lib)? + &switch::question())?;
    let mut sources: BTreeMap<&str, (String, Numbered)> = BTreeMap::new();
    for (number, mutant) in mutants.iter().enumerate() {
        if !sources.contains_key(mutant.file.as_str()) {
            sources.insert(&mutant.file, (tree.read(&mutant.file)?, Vec::new()));
        }
        sources.entry(&mutant.file).and_modify(|(_, inside)| inside.push((number, mutant)));
    }
    let (mut unviable, mut alone) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let mut files = BTreeMap::new();
        for (file, (source, inside)) in &mut sources {
            inside.retain(|(number, _)| !unviable.contains(number) && !alone.contains(number));
            let switched = switch::switch(source, inside).map_err(|error| Error::Check(format!("{file}: {error}")))?;
            tree.write(file, &switched.text)?;
            alone.extend(&switched.left);
            files.insert(*file, switched);
        }
        let complaints = match tests(tree, subject, target)? {
            Built::Tests(tests) => return Ok(Whole { tests, unviable, alone }),
            Built::Not(complaints) => complaints,
        };
        let known = unviable.len() + alone.len();
        let mut beside: BTreeSet<usize> = BTreeSet::new();
        for complaint in &complaints {
            match complaint.blames(&files) {
                Some(Part::Mutated(number)) => _ = unviable.insert(*number),
                Some(Part::Beside(numbers)) => beside.extend(numbers),
                None => {}
            }
        }
        unviable.retain(|number| !beside.contains(number));
        alone.extend(beside);
        if unviable.len() + alone.len() == known {
            let said: Vec<_> = complaints.into_iter().map(|complaint| complaint.rendered).collect();
            return Err(Error::Check(format!("the tests cannot be built:\n{}", said.join("\n"))));
        }
    }
}

/// How a build ended.
#[derive(Debug)]
pub(super) enum Built {
    /// One program for each pass.
    Tests(Vec<PathBuf>),
    Not(Vec<Complaint>),
}

/// Builds the tests of a tree as it is.
pub(super) fn tests(tree: &Tree, subject: Subject, target: &Path) -> Result<Built> {
    let passes = subject.passes();
    let (built, said) = Run::cargo("building the tests")
        .args(["test", "--no-run", "--message-format", "json", "--package", subject.package()])
        .args(passes.iter().flat_map(Pass::target))
        .dir(tree.root())
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", subject.optimised())
        .heard()?;
    let messages: Vec<Message> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if built {
        let program = |pass: &Pass| {
            let mut programs = messages.iter().filter_map(|message| message.test(pass));
            programs.next().ok_or_else(|| Error::Check(format!("cargo built no tests for {:?}", pass.target())))
        };
        return passes.iter().map(program).collect::<Result<_>>().map(Built::Tests);
    }
    let complaints: Vec<_> = messages.into_iter().filter_map(Message::complaint).collect();
    if complaints.is_empty() {
        return Err(Error::Check(format!("the tests cannot be built:\n{said}")));
    }
    Ok(Built::Not(complaints))
}

/// A line of cargo's.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact { target: Target, profile: Profile, executable: Option<PathBuf> },
    #[serde(rename = "compiler-message")]
    Complaint { message: Complaint },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

/// What the compiler does not like.
#[derive(Debug, Deserialize)]
pub(super) struct Complaint {
    level: String,
    rendered: String,
    spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
}

impl Message {
    fn test(&self, pass: &Pass) -> Option<PathBuf> {
        let Self::Artifact { target, profile: Profile { test: true }, executable } = self else { return None };
        let fits = match pass.suite {
            Some(suite) => target.name == suite && target.kind == ["test"],
            None => target.kind.iter().any(|kind| kind.ends_with("lib")),
        };
        executable.clone().filter(|_| fits)
    }

    fn complaint(self) -> Option<Complaint> {
        match self {
            Self::Complaint { message } if message.level.starts_with("error") => Some(message),
            _ => None,
        }
    }
}

impl Complaint {
    /// The mutant that any part of it points at, or else those whose original it points at.
    fn blames<'a>(&self, files: &'a BTreeMap<&str, Switched>) -> Option<&'a Part> {
        let part = |span: &Span| {
            let Span { file_name, byte_start, byte_end } = span;
            files.get(file_name.as_str())?.part(&Range { start: *byte_start, end: *byte_end })
        };
        let parts: Vec<_> = self.spans.iter().filter_map(part).collect();
        parts.iter().find(|part| matches!(part, Part::Mutated(_))).or(parts.first()).copied()
    }
}
