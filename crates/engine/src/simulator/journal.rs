//! What outlives an engine: the files on a person's disk, and the journal.

use crate::{Digest, FileKey, Journal, Millis, NewFile, Reach, Recovered};
use std::collections::BTreeMap;
use updock_types::FileUuid;

/// A file on a person's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    /// Its facts.
    pub facts: NewFile,
    /// Stands for its bytes: files of the same number have the same.
    pub content: u8,
}

impl OnDisk {
    pub(super) fn digest(&self) -> Digest {
        Digest::parse(&format!("{:064x}", self.content)).expect("a digest")
    }
}

/// What becomes of the journal when the engine is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// The last record of each list is cut off after so many bytes.
    Cut(usize),
    /// One byte of each list is another: which one, counted over all its records.
    Byte(usize),
    /// Everything is gone.
    Lost,
}

/// The journal.
#[derive(Debug, Clone, Default)]
pub struct Lists(BTreeMap<FileUuid, List>);

#[derive(Debug, Clone)]
struct List {
    /// By the wall clock.
    begun: u64,
    file: OnDisk,
    /// Each with the part that was stored just before, if one was.
    records: Vec<(String, Option<usize>)>,
    /// How many there may be.
    most: usize,
}

impl Lists {
    /// Does what the engine asks; `stored` is the part whose storage it was just told of.
    pub(super) fn write(
        &mut self,
        wall: u64,
        journal: Journal,
        stored: Option<usize>,
        file_of: impl Fn(FileKey) -> OnDisk,
    ) {
        match journal {
            Journal::Begin { upload, file, record } => {
                let most = record.lines().count() + 2;
                let list = List { begun: wall, file: file_of(file), records: vec![(record, None)], most };
                assert!(self.0.insert(upload, list).is_none(), "a list begins twice");
            }
            Journal::Append { upload, record } => {
                let list = self.0.get_mut(&upload).expect("a list that was begun");
                list.records.push((record, stored));
                assert!(list.records.len() <= list.most, "a list grows without end");
            }
            Journal::End { upload } => {
                self.0.remove(&upload);
            }
            Journal::Leave { .. } => {}
        }
    }

    pub(super) fn forget(&mut self, upload: FileUuid) {
        self.0.remove(&upload);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The file an upload began with.
    pub(super) fn file(&self, upload: FileUuid) -> Option<&OnDisk> {
        self.0.get(&upload).map(|list| &list.file)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &OnDisk> {
        self.0.values().map(|list| &list.file)
    }

    /// Does the damage. Gives the parts that nobody knows of any more.
    pub(super) fn suffer(&mut self, damage: Damage) -> Vec<(FileUuid, usize)> {
        let mut forgotten = Vec::new();
        for (upload, list) in &mut self.0 {
            let last = list.records.len() - 1;
            let at = match damage {
                Damage::None | Damage::Lost => continue,
                Damage::Cut(keep) => {
                    let record = &mut list.records[last].0;
                    let mut keep = keep.min(record.len().saturating_sub(1));
                    while !record.is_char_boundary(keep) {
                        keep -= 1;
                    }
                    record.truncate(keep);
                    last
                }
                Damage::Byte(byte) => {
                    let lengths = list.records.iter().map(|record| record.0.len());
                    let mut byte = byte % lengths.clone().sum::<usize>().max(1);
                    let mut found = 0;
                    for (at, length) in lengths.enumerate() {
                        found = at;
                        if byte < length {
                            break;
                        }
                        byte -= length;
                    }
                    let record = &mut list.records[found].0;
                    let mut bytes = record.clone().into_bytes();
                    if let Some(byte) = bytes.get_mut(byte) {
                        *byte ^= 1;
                    }
                    *record = String::from_utf8_lossy(&bytes).into_owned();
                    found
                }
            };
            forgotten.extend(list.records[at].1.map(|part| (*upload, part)));
        }
        if damage == Damage::Lost {
            self.0.clear();
        }
        forgotten
    }

    /// As a driver reads it at start.
    pub(super) fn recovered(&self, wall: u64, reach: Reach) -> Vec<Recovered> {
        let recovered = |(upload, list): (&FileUuid, &List)| Recovered {
            upload: *upload,
            age: Millis(wall.saturating_sub(list.begun)),
            records: list.records.iter().map(|record| record.0.clone()).collect(),
            reach,
        };
        self.0.iter().map(recovered).collect()
    }
}
