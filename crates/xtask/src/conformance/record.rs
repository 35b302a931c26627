//! What the last whole run saw, committed beside the suites as `record.json`, and through signers as `signer.json`. The tables in `docs/` are made of it, so
//! that they can be held against the sources without running anything.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use updock_types::{OPERATIONS, Operation};

use super::Way;
use super::report::{Deviations, Kind, Report};
use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

/// Every SDK, in the order they ran.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) sdks: Vec<SdkRecord>,
}

/// What was seen of one SDK.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SdkRecord {
    pub(crate) peer: String,
    pub(crate) name: String,
    pub(crate) registry: String,
    pub(crate) version: String,
    pub(crate) functions: Vec<Seen>,
    /// Operations that it asked for with success.
    pub(crate) operations: Vec<String>,
}

/// What was seen of one function.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// Cases in which the service does as asked.
    pub(crate) successes: usize,
    /// Cases in which it refuses.
    pub(crate) errors: usize,
    pub(crate) passed: usize,
    /// Why there is no case of an error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) cannot_fail: Option<String>,
    /// Ids of the deviations that it shows.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) deviations: Vec<String>,
}

impl SdkRecord {
    pub(crate) fn cases(&self) -> usize {
        self.functions.iter().map(|seen| seen.successes + seen.errors).sum()
    }

    pub(crate) fn passed(&self) -> usize {
        self.functions.iter().map(|seen| seen.passed).sum()
    }

    /// Functions with cases.
    pub(crate) fn exercised(&self) -> usize {
        self.functions.iter().filter(|seen| seen.successes + seen.errors > 0).count()
    }

    /// Functions all of whose cases passed.
    pub(crate) fn whole(&self) -> usize {
        self.functions.iter().filter(|seen| seen.passed > 0 && seen.passed == seen.successes + seen.errors).count()
    }
}

impl Record {
    pub(crate) fn of(reports: &[Report], deviations: &Deviations) -> Self {
        let peer = |report: &Report| SdkRecord {
            peer: report.peer.clone(),
            name: report.name.clone(),
            registry: report.registry.clone(),
            version: report.version.clone(),
            functions: report
                .functions
                .iter()
                .map(|function| {
                    let of = |kind| function.cases.iter().filter(|case| case.kind == kind).count();
                    let shown = function.cases.iter().filter_map(|case| deviations.of(report, function, case));
                    Seen {
                        name: function.name.clone(),
                        successes: of(Kind::Success),
                        errors: of(Kind::Error),
                        passed: function.cases.iter().filter(|case| case.passed).count(),
                        cannot_fail: function.cannot_fail.clone(),
                        deviations: shown.map(|known| known.id.clone()).collect(),
                    }
                })
                .collect(),
            operations: report.operations.clone(),
        };
        Self { sdks: reports.iter().map(peer).collect() }
    }

    /// "Functions exercised / passed per SDK", for the terminal.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let _ = writeln!(
            table,
            "{:<16}{:>10}{:>11}{:>11}{:>8}{:>8}{:>8}{:>12}",
            "SDK", "version", "functions", "exercised", "passed", "cases", "passed", "operations"
        );
        for sdk in &self.sdks {
            let _ = writeln!(
                table,
                "{:<16}{:>10}{:>11}{:>11}{:>8}{:>8}{:>8}{:>12}",
                sdk.peer,
                sdk.version,
                sdk.functions.len(),
                sdk.exercised(),
                sdk.whole(),
                sdk.cases(),
                sdk.passed(),
                sdk.operations.len()
            );
        }
        table
    }

    /// The SDKs that asked for this operation.
    pub(crate) fn peers_of(&self, operation: &str) -> Vec<&str> {
        let asked = |sdk: &&SdkRecord| sdk.operations.iter().any(|one| one == operation);
        self.sdks.iter().filter(asked).map(|sdk| sdk.peer.as_str()).collect()
    }

    /// Operations that no SDK asked for and nobody said why, and those of which the contrary is true.
    pub(crate) fn unmet(&self, deviations: &Deviations) -> Vec<String> {
        let mut wrong = Vec::new();
        for operation in OPERATIONS {
            let id = operation.id.as_str();
            let excused =
                deviations.unused.iter().any(|unused| unused.operation == id && !unused.reason.trim().is_empty());
            match (self.peers_of(id).is_empty(), excused) {
                (true, false) => wrong.push(format!("no SDK asked for {id}, and deviations.toml does not say why")),
                (false, true) => wrong.push(format!("{id} is asked for now: take it off the list of unused ones")),
                _ => {}
            }
        }
        wrong
    }

    pub(crate) fn read(workspace: &Workspace, way: Way) -> Result<Self> {
        let path = path(workspace, way);
        let text = fs::read_to_string(&path).doing_at("read", &path)?;
        let wrong = |error| Error::Check(format!("{} cannot be read: {error}", path.display()));
        serde_json::from_str(&text).map_err(wrong)
    }

    pub(crate) fn write(&self, workspace: &Workspace, way: Way) -> Result<()> {
        let path = path(workspace, way);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::Check(format!("record.json cannot be written: {error}")))?;
        text.push('\n');
        fs::write(&path, text).doing_at("write", &path)
    }
}

/// The operation of this id; none for parts and the CDN, which are no operations of the table.
pub(crate) fn row(id: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|row| row.id.as_str() == id)
}

fn path(workspace: &Workspace, way: Way) -> PathBuf {
    let name = match way {
        Way::Direct => "record.json",
        Way::Signer => "signer.json",
    };
    workspace.conformance().join(name)
}
