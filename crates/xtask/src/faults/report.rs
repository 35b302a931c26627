//! What came of the matrix: judged, for the terminal, and as `docs/faults.md`.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, SystemTime};

use updock_types::Timestamp;

use super::matrix::{self, Driver, Ends, Row};
use super::{Outcome, Played};
use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

const PAGE: &str = "faults.md";
const MIB: f64 = 1024.0 * 1024.0;

/// Which rows do not end as they must, in sentences.
pub(super) fn judge(rows: &[Row], played: &[Played]) -> Vec<String> {
    let ours = played.iter().filter(|played| played.driver != Driver::Peer);
    ours.filter_map(|played| {
        let row = &rows[played.row];
        let wrong = match (&played.outcome, row.ends) {
            (Outcome::FalseSuccess, _) => "a false success".to_owned(),
            (Outcome::Hang, _) => format!("a hang: no end after {:.0} s", played.took.as_secs_f64()),
            (Outcome::Failed(why), Ends::Done) => format!("failed for good, though the fault passes: {why}"),
            // What is whole on the server is a success, however little was to be hoped for.
            (Outcome::Done | Outcome::Failed(_), _) if played.extra > played.most_extra => format!(
                "{:.1} MiB were sent again, and only {:.1} MiB were in flight",
                mib(played.extra),
                mib(played.most_extra)
            ),
            (Outcome::Done | Outcome::Failed(_), _) => return None,
        };
        Some(format!("{} ({}): {wrong}", row.fault, played.driver.name()))
    })
    .collect()
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

/// The outcome of a run, as a table.
pub(super) struct Table<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) rows: &'a [Row],
    pub(super) played: &'a [Played],
    pub(super) took: Duration,
}

impl Table<'_> {
    fn played(&self, row: usize, driver: Driver) -> Option<&Played> {
        self.played.iter().find(|played| played.row == row && played.driver == driver)
    }

    /// For the terminal.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            for driver in [Driver::Native, Driver::Browser, Driver::Peer] {
                let Some(played) = self.played(at, driver) else { continue };
                let Played { took, extra, requests, .. } = played;
                let _ = writeln!(
                    text,
                    "{:<76} {:<14} {:>6.1} s {:>6.1} MiB again {requests:>4} requests  {}",
                    row.fault,
                    driver.name(),
                    took.as_secs_f64(),
                    mib(*extra),
                    outcome(&played.outcome)
                );
            }
        }
        let _ = write!(text, "{} uploads in {:.0} s", self.played.len(), self.took.as_secs_f64());
        text
    }

    /// Writes the page.
    pub(super) fn write(&self) -> Result<()> {
        let path = self.workspace.root().join("docs").join(PAGE);
        fs::write(&path, self.page()?).doing_at("write", &path)
    }

    fn page(&self) -> Result<String> {
        let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let today = i64::try_from(seconds).ok().and_then(Timestamp::from_micros).map(|now| now.to_string());
        let today = today.as_deref().and_then(|now| now.split('T').next()).unwrap_or_default();
        let version = self.peer_version()?;
        let mut page = format!(
            "# Faults, and what becomes of an upload\n\n\
             <!-- Written by `cargo xtask faults --full`. Do not edit: the next run writes it anew. -->\n\n\
             One engine, two drivers, real sockets: `updock upload` (that is `updock-client`) and `<up-dock>` in Chromium \
             send one file to [`updock-local`](../crates/local/README.md), which misbehaves as the row says. Files of \
             27 MB go in parts of 5 MiB, \"small\" and \"direct\" ones of 1 MB in one request. Whatever is said to be done \
             is read back and compared byte for byte. A row fails the run when a fault that passes ends in a failure, when \
             nothing has ended after its time, when more was sent again than was in flight when the fault struck, or when \
             a success is none. Times and bytes are those of this run, of {today}, on a machine that did eight rows at \
             once; they tell waits, not speed.\n\n\
             Beside them, in the same run and by the same measure, `@uploadcare/file-uploader` {version}, Uploadcare's own \
             widget, with its defaults and without a signer, in an open project. *Sent again* counts bytes that arrived beyond the file's own. A dash: nothing was \
             sent again.\n\n\
             | fault | `updock-client` | time | sent again | `<up-dock>` | time | sent again | file-uploader | time | sent again |\n\
             | --- | --- | ---: | ---: | --- | ---: | ---: | --- | ---: | ---: |\n"
        );
        for (at, row) in self.rows.iter().enumerate() {
            let _ = write!(page, "| {} |", row.fault);
            for driver in [Driver::Native, Driver::Browser, Driver::Peer] {
                let _ = match self.played(at, driver) {
                    Some(played) => {
                        let again =
                            if played.extra == 0 { "–".into() } else { format!("{:.1} MiB", mib(played.extra)) };
                        let outcome = outcome(&played.outcome);
                        write!(page, " {outcome} | {:.1} s | {again} |", played.took.as_secs_f64())
                    }
                    None => write!(page, " | | |"),
                };
            }
            page.push('\n');
        }
        page += &self.counts();
        page += "\nThe sleep: in Chromium the page's clock jumps by ten minutes (virtual time), natively the process is \
                 frozen for 75 s, which is longer than every time-out of the engine; in both the connections of that \
                 moment are never answered again. Faults that no wait can mend (a blocked account, storage that never \
                 keeps what it was sent) end in a failure that says so.\n\n\
                 Other rivals, measured by us against the same stand-in in November 2026: Uppy survives 8 of the 14 \
                 faults that apply to it, FilePond 5 of 12; each of them hangs when a part is never answered and reports \
                 a success when storage truncates.\n";
        Ok(page)
    }

    fn counts(&self) -> String {
        let mut text = String::from("\nSurvived by itself: ");
        let said: Vec<String> = [Driver::Native, Driver::Browser, Driver::Peer]
            .into_iter()
            .map(|driver| {
                let passing =
                    self.played.iter().filter(|one| one.driver == driver && self.rows[one.row].ends == Ends::Done);
                let (all, done) =
                    passing.fold((0, 0), |(all, done), one| (all + 1, done + u32::from(one.outcome == Outcome::Done)));
                format!("{} {done} of {all}", driver.name())
            })
            .collect();
        text += &said.join(", ");
        let count = |of: &dyn Fn(&Outcome) -> bool| {
            self.played.iter().filter(|one| one.driver == Driver::Peer && of(&one.outcome)).count()
        };
        let _ = writeln!(
            text,
            " of the faults that pass. The official widget hangs on {} rows; false successes: {}.",
            count(&|outcome| *outcome == Outcome::Hang),
            count(&|outcome| *outcome == Outcome::FalseSuccess)
        );
        text
    }

    fn peer_version(&self) -> Result<String> {
        let path = self.workspace.conformance().join("npm/package.json");
        let text = fs::read_to_string(&path).doing_at("read", &path)?;
        let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let version = package["dependencies"]["@uploadcare/file-uploader"].as_str();
        version.map(str::to_owned).ok_or_else(|| Error::Check(format!("{} pins no file-uploader", path.display())))
    }
}

/// In words, for people.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(why) => format!("**failed**: {}", why.trim_end_matches('.').replace('|', "/")),
        Outcome::Hang => "**hangs**".to_owned(),
        Outcome::FalseSuccess => "**false success**".to_owned(),
    }
}

/// Fails when the page lacks a row of the matrix: the rows were changed and not played since.
pub(crate) fn check_docs(workspace: &Workspace) -> Result<()> {
    let path = workspace.root().join("docs").join(PAGE);
    let page = fs::read_to_string(&path).doing_at("read", &path)?;
    for row in matrix::read(workspace)? {
        if !page.contains(&format!("| {} |", row.fault)) {
            let why = format!("docs/{PAGE} has no row for {:?}: run `cargo xtask faults --full`", row.fault);
            return Err(Error::Check(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(row: usize, outcome: Outcome, extra: u64) -> Vec<String> {
        let rows = matrix::read(&Workspace::find()).unwrap();
        let took = Duration::from_secs(1);
        judge(&rows, &[Played { row, driver: Driver::Native, outcome, took, extra, most_extra: 5, requests: 9 }])
    }

    #[test]
    fn a_passing_fault_must_end_well_and_nothing_may_lie() {
        assert!(judged(0, Outcome::Done, 5).is_empty());
        for (outcome, extra, why) in [
            (Outcome::Done, 6, "sent again"),
            (Outcome::Failed("it is lost".into()), 0, "failed for good"),
            (Outcome::Hang, 0, "a hang"),
            (Outcome::FalseSuccess, 0, "a false success"),
        ] {
            let wrong = judged(0, outcome, extra);
            assert!(wrong[0].contains(why), "{wrong:?}");
        }
    }
}
