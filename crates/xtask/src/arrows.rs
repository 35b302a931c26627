//! `arrows`: which crate may depend on which, as data, held against what cargo says.
//!
//! ARCHITECTURE.md draws this map; a new arrow changes the architecture and is added here on
//! purpose. Dependencies of tests alone are free, except that `crates/` never knows the products.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::process::Run;
use crate::workspace::Workspace;

/// Each crate and what of ours it may depend on.
const MAP: &[(&str, &[&str])] = &[
    ("updock-types", &[]),
    ("updock-sign", &["updock-types"]),
    ("updock-engine", &["updock-types"]),
    ("updock-client", &["updock-types", "updock-sign", "updock-engine"]),
    ("updock-cli", &["updock-types", "updock-sign", "updock-client"]),
    ("updock-local", &["updock-types", "updock-sign"]),
    ("updock", &["updock-types", "updock-engine"]),
    ("updock-signer", &["updock-types", "updock-sign", "updock-client"]),
    ("xtask", &["updock-types"]),
];

/// What people use; nothing below knows of them, not even its tests.
const PRODUCTS: &[&str] = &["updock", "updock-signer", "updock-cli"];

/// Fails with one line for each arrow that is not on the map.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let json = Run::cargo("cargo metadata")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .dir(workspace.root())
        .output()?;
    let metadata: Metadata =
        serde_json::from_str(&json).map_err(|error| Error::Check(format!("cargo metadata cannot be read: {error}")))?;
    let wrong = wrong_arrows(&metadata.packages);
    if wrong.is_empty() {
        println!("the arrows between our {} crates point as drawn", metadata.packages.len());
        return Ok(());
    }
    Err(Error::Check(format!("the arrows between our crates are not as drawn:\n  {}", wrong.join("\n  "))))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for the normal kind.
    kind: Option<String>,
    /// Present for crates of this workspace.
    path: Option<String>,
}

fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let from = package.name.as_str();
        let Some((_, allowed)) = MAP.iter().find(|(name, _)| *name == from) else {
            wrong.push(format!("{from} is not on the map: say in crates/xtask/src/arrows.rs where it stands"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let to = dependency.name.as_str();
            let only_tests = dependency.kind.as_deref() == Some("dev");
            let fine =
                if only_tests { !PRODUCTS.contains(&to) || PRODUCTS.contains(&from) } else { allowed.contains(&to) };
            if !fine {
                let knows = if allowed.is_empty() { "none of our crates".into() } else { allowed.join(", ") };
                wrong.push(format!("{from} depends on {to}, but may know only {knows}"));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, to: &str, kind: Option<&str>) -> Vec<Package> {
        vec![Package {
            name: name.into(),
            dependencies: vec![Dependency {
                name: to.into(),
                kind: kind.map(Into::into),
                path: Some("somewhere".into()),
            }],
        }]
    }

    #[test]
    fn arrows_that_are_not_drawn_are_named() {
        for (from, to, kind, fine) in [
            ("updock-sign", "updock-types", None, true),
            ("updock-types", "updock-sign", None, false),
            ("updock-local", "updock-client", None, false),
            ("updock-local", "updock-client", Some("dev"), true),
            ("updock-local", "updock-client", Some("build"), false),
            ("updock-client", "updock-signer", Some("dev"), false),
            ("updock-signer", "updock-local", Some("dev"), true),
            ("updock-surprise", "updock-types", None, false),
        ] {
            let wrong = wrong_arrows(&package(from, to, kind));
            assert_eq!(wrong.is_empty(), fine, "{from} -> {to} ({kind:?}): {wrong:?}");
            assert!(wrong.iter().all(|line| line.contains(from)), "{wrong:?}");
        }
    }

    #[test]
    fn the_map_has_no_circle() {
        // Every crate stands after all that it knows, in some order: peel until nothing is left.
        let mut left: Vec<_> = MAP.to_vec();
        while !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
            let before = left.len();
            left.retain(|(_, knows)| knows.iter().any(|name| names.contains(name)));
            assert!(left.len() < before, "these know each other in a circle: {names:?}");
        }
    }
}
