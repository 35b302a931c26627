//! Who else on this machine can read or change what the signer keeps. Secret files are not looked at here: a policy that
//! points to one that others can read is not loaded at all.

use super::{Finding, State};
use crate::policy::{Place, Policy};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const CHECK: &str = "file-modes";
const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;

/// Could others change the policy? Then it is not loaded, and this may be why.
pub(super) fn of_policy(file: &Path, findings: &mut Vec<Finding>) {
    look(file, OTHERS_WRITE, "change what is allowed", findings);
}

pub(super) fn examine(file: &Path, policy: &Policy, findings: &mut Vec<Finding>) {
    let before = findings.len();
    let folder =
        |path: &Path| path.parent().filter(|path| !path.as_os_str().is_empty()).map_or(".".into(), Path::to_owned);
    let mut folders = vec![folder(file)];
    of_policy(file, findings);
    if let Place::Sqlite(path) = &policy.keeping.place {
        for path in with_companions(path) {
            look(&path, OTHERS, "read or change the audit log and the keys that sign", findings);
        }
        folders.push(folder(path));
    }
    folders.sort();
    folders.dedup();
    for path in folders {
        let Ok(found) = fs::metadata(&path) else { continue };
        // In a folder with the sticky bit nobody removes what is another's.
        if found.permissions().mode() & STICKY == 0 {
            look(&path, OTHERS_WRITE, "put another file in the place of ours", findings);
        }
    }
    if findings.len() == before {
        findings.push(Finding::new(CHECK, State::Good, "Nobody else on this machine can change or read what is kept."));
    }
}

/// The database, and what SQLite and we put beside it.
fn with_companions(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
    let mut paths: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn look(path: &Path, forbidden: u32, could: &str, findings: &mut Vec<Finding>) {
    let Ok(found) = fs::metadata(path) else { return };
    let mode = found.permissions().mode() & 0o777;
    let shown = path.display();
    if mode & forbidden != 0 {
        let sentence = format!(
            "Others on this machine could {could}: {shown} has mode {mode:03o}. Run: chmod go-{} {shown}",
            if forbidden == OTHERS { "rwx" } else { "w" }
        );
        findings.push(Finding::new(CHECK, State::Wrong, sentence));
    }
    if !is_ours(&found) {
        let sentence = format!("{shown} belongs to another user (number {}), who could {could}.", found.uid());
        findings.push(Finding::new(CHECK, State::Look, sentence));
    }
}

/// This user's, or the machine's.
fn is_ours(found: &Metadata) -> bool {
    let own = fs::metadata("/proc/self").map(|process| process.uid());
    found.uid() == 0 || own.is_ok_and(|own| own == found.uid())
}
