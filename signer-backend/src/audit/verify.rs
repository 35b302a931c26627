//! Is the log whole? Every record's hash, every link, every number, what searches look at, and every signature.

use super::entry::{Entry, digest, micros};
use crate::signing::{Verifying, from_hex};
use crate::state::{AuditRow, Mark, MarkKind, State, StateError};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Chains that were read.
    pub chains: usize,
    /// Records that were read.
    pub records: u64,
    /// Checkpoints that were held against them, those from outside included.
    pub checkpoints: u64,
    /// Decisions to allow whose outcome is not there, of requests and of commands: what ran when a process died, or runs
    /// right now.
    pub open: u64,
    /// What is wrong; nothing, if the log is whole.
    pub faults: Vec<Fault>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// In which chain.
    pub node: String,
    /// At which number.
    pub seq: i64,
    /// What, in a sentence.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of chain {}: {}", self.seq, self.node, self.what)
    }
}

/// A checkpoint as it is said aloud, on one line: the copy that the database cannot change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenMark {
    /// Which key signed.
    pub key: String,
    /// The checkpoint.
    pub mark: Mark,
}

impl fmt::Display for SpokenMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { node, seq, hash, at, signature, .. } = &self.mark;
        write!(
            f,
            "Checkpoint of the audit log: node={node} seq={seq} hash={hash} at={at} key={} sig={signature}",
            self.key
        )
    }
}

impl SpokenMark {
    /// Finds a checkpoint in a line of output.
    pub fn find(line: &str) -> Option<Self> {
        let (_, said) = line.split_once("Checkpoint of the audit log: ")?;
        let field = |name: &str| {
            let mut words = said.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        Some(Self {
            key: field("key")?,
            mark: Mark {
                kind: MarkKind::Checkpoint,
                node: field("node")?,
                seq: field("seq")?.parse().ok()?,
                hash: field("hash")?,
                at: field("at")?.parse().ok()?,
                signature: field("sig")?,
            },
        })
    }
}

/// What a mark's signature is over.
pub(super) fn said(mark: &Mark) -> Vec<u8> {
    let Mark { kind, node, seq, hash, at, .. } = mark;
    format!("updock audit {}\n{node}\n{seq}\n{hash}\n{at}\n", kind.as_str()).into_bytes()
}

/// Reads the whole log. `outside` are checkpoints that were kept elsewhere.
pub async fn verify(state: &dyn State, key: &Verifying, outside: &[SpokenMark]) -> Result<Report, StateError> {
    const PAGE: u32 = 1000;
    let mut report = Report::default();
    let mut nodes = state.chains().await?;
    nodes.extend(outside.iter().map(|spoken| spoken.mark.node.clone()));
    nodes.sort();
    nodes.dedup();
    for node in nodes {
        report.chains += 1;
        let mut marks = state.marks(node.clone()).await?;
        marks.extend(outside.iter().filter(|spoken| spoken.mark.node == node).map(|spoken| spoken.mark.clone()));
        let mut chain = Chain::new(&node, key, marks, &mut report);
        loop {
            let page = state.chain(node.clone(), chain.seq, PAGE).await?;
            for row in &page {
                chain.row(row, &mut report);
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        chain.end(&mut report);
    }
    Ok(report)
}

struct Chain {
    node: String,
    seq: i64,
    hash: String,
    /// Checkpoints by number: what is still to be met.
    expected: BTreeMap<i64, Vec<String>>,
    /// Requests that were allowed and whose outcome has not come.
    open: std::collections::HashSet<String>,
}

impl Chain {
    fn new(node: &str, key: &Verifying, marks: Vec<Mark>, report: &mut Report) -> Self {
        let mut chain = Self {
            node: node.to_owned(),
            seq: 0,
            hash: String::new(),
            expected: BTreeMap::new(),
            open: std::collections::HashSet::new(),
        };
        for mark in marks {
            if !from_hex(&mark.signature).is_some_and(|signature| key.verify(&said(&mark), &signature)) {
                chain.fault(mark.seq, format!("its {} is not signed by this key", mark.kind.as_str()), report);
                continue;
            }
            match mark.kind {
                MarkKind::Tombstone if mark.seq > chain.seq => (chain.seq, chain.hash) = (mark.seq, mark.hash),
                MarkKind::Tombstone => {}
                MarkKind::Checkpoint => chain.expected.entry(mark.seq).or_default().push(mark.hash),
            }
        }
        // What was deleted because of its age cannot be compared any more, but for the very last of it.
        let before = std::mem::take(&mut chain.expected);
        for (seq, hashes) in before {
            if seq == chain.seq && hashes.iter().any(|hash| *hash != chain.hash) {
                chain.fault(seq, "a checkpoint said something else than the tombstone".to_owned(), report);
            }
            report.checkpoints += hashes.len() as u64;
            if seq > chain.seq {
                chain.expected.insert(seq, hashes);
            }
        }
        chain
    }

    fn fault(&self, seq: i64, what: String, report: &mut Report) {
        report.faults.push(Fault { node: self.node.clone(), seq, what });
    }

    fn row(&mut self, row: &AuditRow, report: &mut Report) {
        report.records += 1;
        if row.seq != self.seq + 1 {
            let what = format!("{} records before it are missing", row.seq - self.seq - 1);
            self.fault(row.seq, what, report);
        }
        if digest(&row.record) != row.hash {
            self.fault(row.seq, "it was changed: its hash does not fit".to_owned(), report);
        }
        match serde_json::from_str::<Entry<'_>>(&row.record) {
            Ok(entry) => {
                if entry.prev != self.hash && row.seq == self.seq + 1 {
                    self.fault(row.seq, "it does not follow the record before it".to_owned(), report);
                }
                if !says_the_same(&entry, row) {
                    let what = "what searches look at is not what the record says";
                    self.fault(row.seq, what.to_owned(), report);
                }
                let acts = has_outcome(entry.operation.as_deref(), entry.caller.as_deref());
                if let Some(request) = entry.request.filter(|_| acts) {
                    match (&*entry.phase, entry.verdict.as_deref()) {
                        ("decision", Some("allow")) => {
                            self.open.insert(request.into_owned());
                        }
                        ("outcome", _) => {
                            self.open.remove(&*request);
                        }
                        _ => {}
                    }
                }
            }
            Err(_) => self.fault(row.seq, "it cannot be read".to_owned(), report),
        }
        for hash in self.expected.remove(&row.seq).unwrap_or_default() {
            if hash != row.hash {
                self.fault(row.seq, "a checkpoint said something else here".to_owned(), report);
            }
        }
        self.seq = row.seq;
        self.hash.clone_from(&row.hash);
    }

    fn end(self, report: &mut Report) {
        report.open += self.open.len() as u64;
        for seq in self.expected.keys() {
            let what = "a checkpoint was made here, and there is no such record any more";
            self.fault(*seq, what.to_owned(), report);
        }
    }
}

/// Does it end in a call of Uploadcare, or is it a command's (whoever else is let in has a name), and so in a second
/// record?
pub(crate) fn has_outcome(operation: Option<&str>, caller: Option<&str>) -> bool {
    let calls = |operation: &str| {
        operation == "uploads.confirm" || updock_types::OPERATIONS.iter().any(|row| row.id.as_str() == operation)
    };
    operation.is_some_and(|operation| caller.is_none() || calls(operation))
}

fn says_the_same(entry: &Entry<'_>, row: &AuditRow) -> bool {
    let same = |said: &Option<Cow<'_, str>>, looked_at: &Option<String>| said.as_deref() == looked_at.as_deref();
    (&*entry.node, entry.seq, micros(&entry.at), &*entry.phase) == (&*row.node, row.seq, Some(row.at), &*row.phase)
        && same(&entry.request, &row.request)
        && same(&entry.caller, &row.caller)
        && same(&entry.operation, &row.operation)
        && same(&entry.area, &row.area)
        && same(&entry.verdict, &row.verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry;
    use crate::decision::Verdict;
    use crate::log::{Phase, Record};
    use crate::signing::{Signing, hex};
    use crate::state::{ChainEnd, MemoryState};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_checkpoint_is_read_back_from_the_line_it_was_said_in() {
        let spoken = SpokenMark {
            key: "0123".to_owned(),
            mark: Mark {
                kind: MarkKind::Checkpoint,
                node: "a".to_owned(),
                seq: 7,
                hash: "ab".to_owned(),
                at: 9,
                signature: "cd".to_owned(),
            },
        };
        assert_eq!(SpokenMark::find(&format!("2026-11-23 09:14:07 UTC  {spoken}")), Some(spoken));
        for line in ["", "Checkpoint of the audit log: node=a", "Checkpoint of the audit log: node=a seq=x hash=y at=z"]
        {
            assert_eq!(SpokenMark::find(line), None);
        }
    }

    const CONFIRM: &str = "uploads.confirm";
    const READ: &str = "files.list";
    const ISSUE: &str = "keys.issue";
    const SYNC: &str = "webhooks.sync";

    fn key() -> Signing {
        Signing::from_seed([7; 32])
    }

    /// About request `request`: what is about nothing that anybody asked for is an event.
    fn record(request: u8, phase: Phase, verdict: Option<Verdict>, operation: &'static str) -> Record {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(request.into());
        let request_id = Some(format!("r{request}"));
        let (caller, area) = (Some("media".to_owned()), Some("files"));
        let event = Record::event(format!("About {request}."));
        Record { at, phase, request_id, verdict, operation: Some(operation), caller, area, ..event }
    }

    /// The rows of a chain of these records.
    fn rows(records: &[Record]) -> Vec<AuditRow> {
        let mut end = ChainEnd { node: "a".to_owned(), seq: 0, hash: String::new() };
        let mut row = |record| {
            let row = entry::row(record, &end);
            (end.seq, end.hash) = (row.seq, row.hash.clone());
            row
        };
        records.iter().map(&mut row).collect()
    }

    /// Eight of them.
    fn chain() -> Vec<AuditRow> {
        let decided = |number| record(number, Phase::Decision, Some(Verdict::Deny), READ);
        rows(&(1..=8).map(decided).collect::<Vec<_>>())
    }

    fn mark(kind: MarkKind, seq: i64, hash: &str) -> Mark {
        let mut mark = Mark { kind, node: "a".to_owned(), seq, hash: hash.to_owned(), at: 9, signature: String::new() };
        mark.signature = hex(&key().sign(&said(&mark)));
        mark
    }

    fn report(rows: &[AuditRow], marks: Vec<Mark>) -> Report {
        let mut report = Report::default();
        let mut chain = Chain::new("a", &key().verifying(), marks, &mut report);
        for row in rows {
            chain.row(row, &mut report);
        }
        chain.end(&mut report);
        report
    }

    fn faults(report: &Report) -> Vec<(i64, &str)> {
        report.faults.iter().map(|fault| (fault.seq, fault.what.as_str())).collect()
    }

    #[test]
    fn what_was_allowed_is_open_until_its_outcome_is_there() {
        let decision = |verdict, operation| record(1, Phase::Decision, Some(verdict), operation);
        let outcome = |request| record(request, Phase::Outcome, None, READ);
        let by_command = |record| Record { caller: None, ..record };
        for (records, open) in [
            (vec![decision(Verdict::Allow, READ)], 1),
            (vec![decision(Verdict::Allow, CONFIRM)], 1),
            (vec![decision(Verdict::Allow, READ), outcome(1)], 0),
            (vec![decision(Verdict::Allow, READ), outcome(2)], 1),
            (vec![decision(Verdict::Deny, READ)], 0),
            (vec![decision(Verdict::NeedsApproval, READ)], 0),
            // The signer answers these by itself: nothing comes after.
            (vec![decision(Verdict::Allow, "audit.search")], 0),
            (vec![record(1, Phase::Event, None, READ)], 0),
            (vec![decision(Verdict::Allow, ISSUE)], 0),
            // Commands have an outcome whatever they do.
            (vec![by_command(decision(Verdict::Allow, ISSUE))], 1),
            (vec![by_command(decision(Verdict::Allow, SYNC))], 1),
            (vec![by_command(decision(Verdict::Allow, SYNC)), by_command(record(1, Phase::Outcome, None, SYNC))], 0),
            // As they were written before they had one.
            (vec![by_command(record(1, Phase::Event, None, ISSUE))], 0),
        ] {
            let report = report(&rows(&records), Vec::new());
            assert_eq!((report.open, faults(&report)), (open, vec![]), "{records:?}");
        }
    }

    #[test]
    fn marks_are_held_against_the_records_that_are_still_there() {
        use MarkKind::{Checkpoint, Tombstone};
        let whole = chain();
        let hash = |seq: usize| whole[seq - 1].hash.as_str();
        let other = "00";
        let no_such = "a checkpoint was made here, and there is no such record any more";
        for (from, marks, expected) in [
            (1, vec![mark(Checkpoint, 4, hash(4)), mark(Checkpoint, 8, hash(8))], vec![]),
            (1, vec![mark(Checkpoint, 4, other)], vec![(4, "a checkpoint said something else here")]),
            (1, vec![mark(Checkpoint, 9, other)], vec![(9, no_such)]),
            (4, vec![mark(Tombstone, 3, hash(3))], vec![]),
            (4, vec![mark(Tombstone, 3, hash(3)), mark(Tombstone, 2, hash(2))], vec![]),
            (4, vec![mark(Tombstone, 3, other)], vec![(4, "it does not follow the record before it")]),
            (4, vec![mark(Tombstone, 2, hash(2))], vec![(4, "1 records before it are missing")]),
            (4, vec![mark(Tombstone, 3, hash(3)), mark(Checkpoint, 2, other), mark(Checkpoint, 3, hash(3))], vec![]),
            (
                4,
                vec![mark(Checkpoint, 3, other), mark(Tombstone, 3, hash(3))],
                vec![(3, "a checkpoint said something else than the tombstone")],
            ),
            (
                1,
                vec![Mark { seq: 5, ..mark(Checkpoint, 4, hash(4)) }],
                vec![(5, "its checkpoint is not signed by this key")],
            ),
        ] {
            let signed = marks.iter().filter(|mark| mark.kind == Checkpoint && mark.seq != 5).count() as u64;
            let report = report(&whole[from - 1..], marks.clone());
            assert_eq!(faults(&report), expected, "from {from} with {marks:?}");
            assert_eq!((report.records, report.checkpoints), (9 - from as u64, signed), "{marks:?}");
        }
    }

    #[test]
    fn whatever_is_done_to_a_record_is_found() {
        type Change = fn(&mut Vec<AuditRow>);
        let does_not_follow = "it does not follow the record before it";
        let looked_at = "what searches look at is not what the record says";
        let cases: [(Change, &[(i64, &str)]); 11] = [
            (|_| {}, &[]),
            (|rows| _ = rows.remove(2), &[(4, "1 records before it are missing")]),
            (|rows| _ = rows.drain(2..5), &[(6, "3 records before it are missing")]),
            (
                |rows| rows[2].hash = digest("other"),
                &[(3, "it was changed: its hash does not fit"), (4, does_not_follow)],
            ),
            (
                |rows| {
                    rows[2].record = rows[2].record.replace("About", "Of");
                    rows[2].hash = digest(&rows[2].record);
                },
                &[(4, does_not_follow)],
            ),
            (
                |rows| {
                    rows[7].record = "{}".to_owned();
                    rows[7].hash = digest("{}");
                },
                &[(8, "it cannot be read")],
            ),
            (|rows| rows[2].caller = None, &[(3, looked_at)]),
            (|rows| rows[2].at += 1, &[(3, looked_at)]),
            (|rows| rows[2].phase = "event".to_owned(), &[(3, looked_at)]),
            (|rows| rows[2].area = None, &[(3, looked_at)]),
            (|rows| rows[2].verdict = Some("allow".to_owned()), &[(3, looked_at)]),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            let mut rows = chain();
            change(&mut rows);
            assert_eq!(faults(&report(&rows, Vec::new())), expected, "change {number}");
        }
    }

    /// Pages of a thousand: one less, as many, and one more.
    #[tokio::test]
    async fn a_log_of_any_length_is_read_to_its_end() {
        let records: Vec<_> = (0..1001).map(|_| record(1, Phase::Event, None, READ)).collect();
        let rows = rows(&records);
        for length in [999, 1000, 1001] {
            let state = MemoryState::default();
            state.append(rows[..length].into()).await.unwrap();
            let report = verify(&state, &key().verifying(), &[]).await.unwrap();
            assert_eq!((report.records, report.chains, faults(&report)), (length as u64, 1, vec![]));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in ".*", tail in "[a-z0-9= ]{0,60}") {
            let _ = SpokenMark::find(&line);
            let _ = SpokenMark::find(&format!("Checkpoint of the audit log: {tail}"));
        }
    }
}
