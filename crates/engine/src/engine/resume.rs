//! What outlives this engine, and what it takes up from one before: writing the journal, reading it, and comparing the
//! files that come with those that uploads began with.

use super::Engine;
use crate::{
    Action, FileKey, Fingerprint, Journal, Millis, Mismatch, Need, NewFile, Reach, Recovered, Totals,
    file::{Came, Check, Diary, File, Phase, Step, Then},
    journal::{self, Saved, Unusable},
};
use updock_types::FileUuid;

/// The driver has so long to take a fingerprint.
const FINGERPRINT: Millis = Millis(60_000);

impl Engine {
    // Writing

    /// Writes the upload of a file down, once its fingerprint is known; asks for that if need be.
    pub(super) fn begin_journal(&mut self, key: FileKey) {
        let Self { config, files, actions, .. } = self;
        let Some(file) = files.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else { return };
        let (Phase::Queued(work) | Phase::Active(work) | Phase::Paused(work)) = &file.phase else { return };
        let Step::Parts(parts) = &work.step else { return };
        match &file.diary {
            Diary::None => {
                file.diary = Diary::Asked;
                actions.push_back(Action::Fingerprint(key));
            }
            Diary::Closed(digest) => {
                let Some(record) = journal::begin(config, &file.row, file.modified, digest, parts) else { return };
                let upload = parts.uuid;
                file.diary = Diary::Open(digest.clone(), upload);
                actions.push_back(Action::Journal(Journal::Begin { upload, file: key, record }));
            }
            Diary::Asked | Diary::Open(..) | Diary::Off => {}
        }
    }

    /// One more record, if the upload is written down.
    fn append(&mut self, key: FileKey, record: impl FnOnce() -> String) {
        if let Some(Diary::Open(_, upload)) = self.file(key).map(|file| &file.diary) {
            let append = Journal::Append { upload: *upload, record: record() };
            self.actions.push_back(Action::Journal(append));
        }
    }

    pub(super) fn note_part(&mut self, key: FileKey, part: usize) {
        self.append(key, || journal::part(part));
    }

    pub(super) fn note_completion(&mut self, key: FileKey) {
        self.append(key, journal::completion);
    }

    /// The upload is done, or of no use any more.
    pub(super) fn end_journal(&mut self, key: FileKey) {
        let Some(file) = self.file_mut(key) else { return };
        match std::mem::take(&mut file.diary) {
            Diary::Open(digest, upload) => {
                file.diary = Diary::Closed(digest);
                self.actions.push_back(Action::Journal(Journal::End { upload }));
            }
            other => file.diary = other,
        }
    }

    pub(super) fn journal_failed(&mut self, upload: FileUuid) {
        // Of one that is still to be compared, nothing is written, and what was read is needed.
        let writing =
            |file: &File| file.writes(upload) && !matches!(file.phase, Phase::Needs(..) | Phase::Checking(..));
        if let Some(file) = self.files.iter_mut().flatten().find(|file| writing(file)) {
            file.diary = Diary::Off;
        }
    }

    pub(super) fn fingerprinted(&mut self, key: FileKey, fingerprint: Fingerprint) {
        let Some(file) = self.file_mut(key) else { return };
        if matches!(file.phase, Phase::Checking(..)) {
            self.compared(key, fingerprint);
        } else if matches!(file.diary, Diary::Asked) {
            file.diary = Diary::of(fingerprint);
            self.begin_journal(key);
        }
    }

    // Taking up

    pub(super) fn recover(&mut self, found: Vec<Recovered>) {
        for Recovered { upload, age, records, reach } in found {
            let key = self.next_key();
            let mut row = None;
            if !self.files.iter().flatten().any(|file| file.writes(upload)) {
                match journal::read(&self.config, upload, &records) {
                    Ok(saved) if age < journal::LIFE && self.allows(&saved.file) => {
                        row = Some(Box::new(File::saved(key, upload, saved, reach)));
                    }
                    Err(Unusable::Foreign) if age < journal::LIFE => {
                        self.actions.push_back(Action::Journal(Journal::Leave { upload }));
                    }
                    _ => self.actions.push_back(Action::Journal(Journal::End { upload })),
                }
            }
            let shown = row.is_some();
            if let Some(file) = &row {
                self.totals.swap(&Totals::default(), &Totals::of(&file.row));
            }
            self.files.push(row);
            if shown {
                self.order.push(key);
                self.needy.push(key);
                self.changed(key);
            }
        }
    }

    fn allows(&self, file: &NewFile) -> bool {
        self.config.policy.check(&file.name, file.size, &file.media_type).is_ok()
    }

    /// Gives an added file to the row that waits for it, if there is one: from now on `key` is nobody's.
    pub(super) fn adopted(&mut self, now: Millis, key: FileKey, new: &NewFile) -> bool {
        let waits = |row: &&FileKey| {
            self.file(**row).is_some_and(|file| matches!(file.phase, Phase::Needs(..)) && file.mismatch(new).is_none())
        };
        let Some(row) = self.needy.iter().find(waits).copied() else { return false };
        if let Some(file) = self.file_mut(row) {
            file.options.clone_from(&new.options);
        }
        self.files.push(None);
        self.actions.push_back(Action::Adopt { file: key, row });
        self.compare(now, row, Came::Added);
        true
    }

    pub(super) fn chosen(&mut self, now: Millis, row: FileKey, new: &NewFile) {
        let Some(file) = self.file_mut(row) else { return };
        let mismatch = file.mismatch(new);
        let Phase::Needs(need, _) = &mut file.phase else { return };
        if let Some(mismatch) = mismatch {
            *need = Need::Wrong(mismatch);
            self.actions.push_back(Action::Release(row));
            self.changed(row);
        } else {
            file.options.clone_from(&new.options);
            self.compare(now, row, Came::Chosen);
        }
    }

    pub(super) fn not_opened(&mut self, row: FileKey) {
        if let Some(Phase::Needs(need @ Need::Open, _)) = self.file_mut(row).map(|file| &mut file.phase) {
            *need = Need::Choose;
            self.changed(row);
        }
    }

    /// A person wants to go on, and the driver has a handle.
    pub(super) fn open(&mut self, row: FileKey) {
        if let Some(Diary::Open(_, upload)) = self.file(row).map(|file| &file.diary) {
            let upload = *upload;
            self.actions.push_back(Action::Open { row, upload });
        }
    }

    fn compare(&mut self, now: Millis, row: FileKey, came: Came) {
        let check = Check { came, then: Then::GoOn, until: now.after(FINGERPRINT) };
        self.rephase(row, &mut |work| Phase::Checking(check, work));
        self.actions.push_back(Action::Fingerprint(row));
    }

    pub(super) fn after_check(&mut self, row: FileKey, then: Then) {
        if let Some(Phase::Checking(check, _)) = self.file_mut(row).map(|file| &mut file.phase) {
            check.then = then;
        }
    }

    /// The fingerprint of a file that came for a row is here, or will never be.
    fn compared(&mut self, row: FileKey, fingerprint: Fingerprint) {
        let Some(file) = self.file(row) else { return };
        let Phase::Checking(check, _) = file.phase else { return };
        let same =
            matches!((&file.diary, &fingerprint), (Diary::Open(began, _), Fingerprint::Known(is)) if began == is);
        if !same && check.came == Came::Chosen {
            self.actions.push_back(Action::Release(row));
            self.rephase(row, &mut |work| Phase::Needs(Need::Wrong(Mismatch::Content), work));
            return;
        }
        let mut anew = None;
        if !same {
            anew = Some(self.first_work(file.size));
            self.end_journal(row);
            if let Some(file) = self.file_mut(row) {
                file.diary = Diary::of(fingerprint);
            }
        }
        self.rephase(row, &mut |work| {
            let work = anew.take().unwrap_or(work);
            if check.then == Then::Pause { Phase::Paused(work) } else { Phase::Queued(work) }
        });
        if check.then == Then::GoOn {
            self.enqueue(row);
        }
    }

    fn checks(&self) -> impl Iterator<Item = (FileKey, Millis)> {
        self.needy.iter().filter_map(|key| match self.file(*key)?.phase {
            Phase::Checking(check, _) => Some((*key, check.until)),
            _ => None,
        })
    }

    /// When the first comparison has lasted too long.
    pub(super) fn checks_end_at(&self) -> Option<Millis> {
        self.checks().map(|check| check.1).min()
    }

    pub(super) fn time_out_checks(&mut self, now: Millis) {
        let late = |engine: &Self| engine.checks().find(|check| check.1 <= now);
        while let Some((row, _)) = late(self) {
            self.compared(row, Fingerprint::Unavailable);
        }
        let files = &self.files;
        self.needy.retain(|key| {
            let file = files.get(key.0 as usize).and_then(Option::as_deref);
            file.is_some_and(|file| matches!(file.phase, Phase::Needs(..) | Phase::Checking(..)))
        });
    }
}

impl Diary {
    fn of(fingerprint: Fingerprint) -> Self {
        match fingerprint {
            Fingerprint::Known(digest) => Self::Closed(digest),
            Fingerprint::Unavailable => Self::Off,
        }
    }
}

impl File {
    /// The row of an upload from before.
    fn saved(key: FileKey, upload: FileUuid, saved: Saved, reach: Reach) -> Self {
        let need = match reach {
            Reach::Choose => Need::Choose,
            Reach::Handle => Need::Open,
        };
        let mut file = Self::new(key, &saved.file, Phase::Needs(need, Box::new(saved.work)));
        file.diary = Diary::Open(saved.digest, upload);
        file
    }

    /// Is this upload written down for it?
    fn writes(&self, upload: FileUuid) -> bool {
        matches!(self.diary, Diary::Open(_, open) if open == upload)
    }

    /// What shows at once that `new` is another file.
    fn mismatch(&self, new: &NewFile) -> Option<Mismatch> {
        if *self.row.name != *new.name {
            Some(Mismatch::Name)
        } else if self.size != new.size {
            Some(Mismatch::Size)
        } else if *self.row.media_type != *new.media_type {
            Some(Mismatch::Type)
        } else if self.modified != new.modified {
            Some(Mismatch::Modified)
        } else {
            None
        }
    }
}
