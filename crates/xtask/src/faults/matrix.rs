//! The rows of the matrix, as `tests/faults/matrix.toml` lists them.

use std::fs;
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What takes seconds, as every test run plays it.
    Short,
    /// All of it at its real length.
    Full,
}

/// What goes wrong, and how it must end all the same. The fields are explained in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) fault: String,
    #[serde(default)]
    rules: Vec<toml::Table>,
    full_rules: Option<Vec<toml::Table>>,
    pub(crate) event: Option<Event>,
    #[serde(default)]
    pub(crate) file: FileKind,
    #[serde(default)]
    pub(crate) ends: Ends,
    pub(crate) again: u64,
    within: Option<u64>,
    full_within: Option<u64>,
    #[serde(default)]
    form: RowForm,
    #[serde(default = "Driver::both")]
    pub(crate) drivers: Vec<Driver>,
    #[serde(default)]
    pub(crate) signed: bool,
}

/// Which of the two sample files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileKind {
    #[default]
    Large,
    Small,
}

/// How a row must end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ends {
    #[default]
    Done,
    Failed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RowForm {
    #[default]
    Short,
    Full,
}

/// What performs the engine's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Driver {
    /// `updock-client`, in the command `updock upload`.
    Native,
    /// `<up-dock>` in Chromium.
    Browser,
    /// Uploadcare's own widget, for comparison.
    #[serde(skip)]
    Peer,
}

impl Driver {
    fn both() -> Vec<Self> {
        vec![Self::Native, Self::Browser]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "updock-client",
            Self::Browser => "up-dock",
            Self::Peer => "file-uploader",
        }
    }
}

/// What happens to a whole process in the middle of an upload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) what: Happening,
    /// Once so many parts are stored.
    pub(crate) after_parts: usize,
    #[serde(default)]
    seconds: u64,
    #[serde(default)]
    full_seconds: u64,
}

/// See [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Happening {
    /// The stand-in is killed, and started again later.
    ServerGone,
    /// The uploader's clock jumps ahead while nothing of it runs.
    Sleep,
    /// The page is loaded anew, and the person chooses the file again.
    Reload,
    /// What uploads is killed, without a word; then it is started again with the same file.
    Kill,
}

impl Event {
    /// Before a sleep all bytes have left: what still moves when a machine wakes up is not dead. Before a reload or a kill
    /// the parts that are stored are known to be.
    pub(crate) fn settles(&self) -> Duration {
        match self.what {
            Happening::ServerGone => Duration::ZERO,
            Happening::Sleep => Duration::from_secs(2),
            Happening::Reload | Happening::Kill => Duration::from_millis(500),
        }
    }

    pub(crate) fn lasts(&self, form: Form) -> Duration {
        Duration::from_secs(if form == Form::Full { self.full_seconds } else { self.seconds })
    }
}

impl Row {
    /// After this long it counts as a hang.
    pub(crate) fn within(&self, form: Form) -> Duration {
        let usual = self.within.unwrap_or(30);
        Duration::from_secs(if form == Form::Full { self.full_within.unwrap_or(usual) } else { usual })
    }

    pub(crate) fn is_in(&self, form: Form) -> bool {
        form == Form::Full || self.form == RowForm::Short
    }

    /// The faults as `PUT /_local/faults` takes them.
    pub(crate) fn rules(&self, form: Form) -> Result<String> {
        let rules = self.full_rules.as_ref().filter(|_| form == Form::Full).unwrap_or(&self.rules);
        serde_json::to_string(rules).map_err(|error| Error::Check(format!("{}: its rules: {error}", self.fault)))
    }
}

/// All rows, in the order of the file.
pub(crate) fn read(workspace: &Workspace) -> Result<Vec<Row>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Matrix {
        row: Vec<Row>,
    }
    let path = workspace.faults().join("matrix.toml");
    let text = fs::read_to_string(&path).doing_at("read", &path)?;
    let matrix: Matrix = toml::from_str(&text).map_err(|error| Error::Check(format!("{}: {error}", path.display())))?;
    Ok(matrix.row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_can_be_read_and_names_each_fault_once() {
        let rows = read(&Workspace::find()).unwrap();
        let mut names: Vec<_> = rows.iter().map(|row| &row.fault).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            assert!(row.rules(Form::Full).is_ok() && row.rules(Form::Short).is_ok(), "{}", row.fault);
            assert!(row.event.is_some() || !row.rules.is_empty(), "{}: nothing goes wrong", row.fault);
        }
    }
}
