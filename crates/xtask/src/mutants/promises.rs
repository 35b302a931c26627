//! One broken rule for each promise: the simulator's random schedules, and they alone, must notice, and must name the
//! promise. What to break is listed in `crates/engine/tests/promises.toml`; it is broken in a copy.

use std::fs;

use serde::Deserialize;

use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::tree::Tree;
use crate::workspace::Workspace;

/// As many as a test run tries.
const SCHEDULES: &str = "2000";
const LIST: &str = "crates/engine/tests/promises.toml";

/// A change to one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broken {
    promise: u8,
    /// What the engine does wrong then.
    breaks: String,
    /// Below `crates/engine/src`.
    file: String,
    /// Stands there exactly once.
    find: String,
    replace: String,
}

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let list = read(workspace)?;
    let tree = Tree::lay(workspace, workspace.scratch("promises").join("tree"), "crates/engine")?;
    let (kept, said) = simulate(workspace, &tree)?;
    if !kept {
        return Err(Error::Check(format!("the engine as it is does not keep its promises:\n{said}")));
    }
    let mut unnoticed = Vec::new();
    for broken in &list {
        let Broken { promise, breaks, file, .. } = broken;
        let path = format!("crates/engine/src/{file}");
        let whole = tree.read(&path)?;
        tree.write(&path, broken.apply(&whole)?)?;
        let simulated = simulate(workspace, &tree);
        tree.write(&path, whole)?;
        let (kept, said) = simulated?;
        if said.contains("could not compile") {
            return Err(Error::Check(format!("promise {promise}, {breaks}: it does not compile:\n{said}")));
        }
        let word = match (kept, names(&said, *promise)) {
            (false, true) => "noticed",
            (false, false) => "UNNAMED",
            (true, _) => "UNNOTICED",
        };
        println!("{word:<9}  promise {promise}: {breaks}");
        if word != "noticed" {
            unnoticed.push(format!("promise {promise} ({breaks})"));
        }
    }
    if unnoticed.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!(
        "random schedules do not notice, or do not say, what is broken: {}",
        unnoticed.join("; ")
    )))
}

/// Does a failure name the promise: in the words of the simulated world, or as the property that failed?
fn names(said: &str, promise: u8) -> bool {
    let property = format!("promise_{promise}_");
    said.contains(&format!("promise {promise} ("))
        || said.lines().any(|line| line.contains(&property) && line.ends_with("FAILED"))
}

impl Broken {
    fn apply(&self, text: &str) -> Result<String> {
        if text.matches(&self.find).count() == 1 {
            return Ok(text.replacen(&self.find, &self.replace, 1));
        }
        Err(Error::Check(format!("{LIST}: {:?} does not stand once in {}", self.find, self.file)))
    }
}

fn read(workspace: &Workspace) -> Result<Vec<Broken>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        broken: Vec<Broken>,
    }
    let path = workspace.root().join(LIST);
    let text = fs::read_to_string(&path).doing_at("read", &path)?;
    let list: List = toml::from_str(&text).map_err(|error| Error::Check(format!("{LIST}: {error}")))?;
    Ok(list.broken)
}

/// Runs the random schedules: did they find nothing, and what did they say?
fn simulate(workspace: &Workspace, tree: &Tree) -> Result<(bool, String)> {
    Run::cargo("the simulation")
        .args(["test", "--package", "updock-engine", "--test", "engine", "--", "promise_"])
        .dir(tree.root())
        .env("CARGO_TARGET_DIR", workspace.scratch("promises").join("target"))
        // Thousands of schedules take longer than the compiler does.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "2")
        .env("UPDOCK_SCHEDULES", SCHEDULES)
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .heard()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A rule that was rewritten leaves its mutation behind; better noticed here than in a run of minutes.
    #[test]
    fn every_promise_has_its_mutation_and_each_fits_the_source() {
        let workspace = Workspace::find();
        let list = read(&workspace).unwrap();
        let promises: BTreeSet<u8> = list.iter().map(|broken| broken.promise).collect();
        assert_eq!(promises, (1..=8).collect());
        for broken in list {
            let path = workspace.root().join("crates/engine/src").join(&broken.file);
            let text = fs::read_to_string(&path).unwrap();
            assert_ne!(broken.apply(&text).unwrap(), text, "{}", broken.breaks);
        }
    }
}
