//! The end of an engine, and the beginning of the next one.

use super::{Damage, Endpoint, Flight, OnDisk, World};
use crate::{Command, Engine, FileKey, Input, NewFile, Reach, RowState, Which};

/// How an engine ends, and what the next one finds. The default: nothing in flight arrives, the journal is whole, and
/// the person adds the same files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// Which of the requests in flight are done although nobody hears of it, a bit each in order.
    pub arrive: u32,
    /// What becomes of the journal.
    pub damage: Damage,
    /// What the person does afterwards.
    pub then: Then,
}

/// What may be sent a second time because of all kills so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Excused {
    /// Uploads that were being started, or of which the dying engine had not written anything yet.
    pub starts: usize,
    /// Parts in flight, or that the dying engine had not written down yet.
    pub parts: usize,
}

/// What a person does after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Adds the same files.
    Add,
    /// Adds them, changed meanwhile: other bytes, another time.
    AddChanged,
    /// Adds them, changed meanwhile, and name, size and time tell nothing.
    AddForged,
    /// Chooses the right file for each row that needs one, and adds the others.
    Choose,
    /// Chooses a changed file for each row that needs one, then the right one, and adds the others.
    ChooseChanged,
    /// Has the driver open what it kept, and adds the others.
    Open,
    /// Nothing.
    Leave,
    /// Nothing yet; the driver kept handles to the files.
    Keep,
}

impl Default for Kill {
    fn default() -> Self {
        Self { arrive: 0, damage: Damage::None, then: Then::Add }
    }
}

impl World {
    /// Ends the engine and begins a new one, from the journal and the same files. Gives the keys of the files that were
    /// not over, in the order of their old keys; a file that nobody brings back has none.
    pub fn kill(&mut self, kill: Kill) -> Vec<FileKey> {
        self.excuse();
        for (at, (_, Flight { request, .. })) in std::mem::take(&mut self.flights).into_iter().enumerate() {
            if kill.arrive >> (at % 32) & 1 == 1 {
                let files = &self.files;
                let _ = self.service.answer(self.now, &request, |key| files[&key].clone());
            }
        }
        let mut forgotten = self.lists.suffer(kill.damage);
        forgotten.extend(self.fresh.take());
        for part in forgotten {
            self.acknowledged.remove(&part);
        }
        let over = |key: &FileKey| match self.rows.get(key).map(|row| &row.state) {
            None | Some(RowState::NeedsFile(_)) => false,
            Some(RowState::Failed(failure)) => failure.ends_upload(),
            Some(state) => state.is_final(),
        };
        let mut files: Vec<OnDisk> =
            self.files.iter().filter(|(key, _)| !over(key)).map(|(_, file)| file.clone()).collect();
        // Those that nobody has brought back since an earlier end.
        for file in self.lists.files() {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        self.begin_anew();
        let reach = if matches!(kill.then, Then::Open | Then::Keep) { Reach::Handle } else { Reach::Choose };
        self.input(Input::Recovered(self.recovered(reach)));
        self.bring_back(kill.then, files)
    }

    /// Notes what the next engine cannot know. That a file is done counts as known once it was shown.
    fn excuse(&mut self) {
        self.excused.starts += self.in_flight(Endpoint::Start);
        self.excused.parts += self.in_flight(Endpoint::Part) + usize::from(self.fresh.is_some());
        for upload in self.service.uploads() {
            if self.lists.file(upload).is_none() && self.over.insert(upload) {
                self.excused.starts += 1;
                self.excused.parts += self.acknowledged.iter().filter(|part| part.0 == upload).count();
            }
        }
    }

    fn begin_anew(&mut self) {
        self.kills += 1;
        self.engine = Engine::new(self.config.clone(), 7 + self.kills);
        self.epoch = self.now;
        self.dies_after = None;
        self.rows.clear();
        self.files.clear();
        self.elsewhere.clear();
        self.released.clear();
        self.stopped.clear();
        self.fingerprints.clear();
    }

    fn bring_back(&mut self, then: Then, files: Vec<OnDisk>) -> Vec<FileKey> {
        let changed = |file: &OnDisk| OnDisk {
            facts: NewFile { modified: file.facts.modified + 1, ..file.facts.clone() },
            content: file.content.wrapping_add(1),
        };
        let forged = |file: &OnDisk| OnDisk { content: file.content.wrapping_add(1), ..file.clone() };
        match then {
            Then::Leave | Then::Keep => return Vec::new(),
            Then::Add => return self.add_files(files),
            Then::AddChanged => return self.add_files(files.iter().map(changed).collect()),
            Then::AddForged => return self.add_files(files.iter().map(forged).collect()),
            Then::Open => self.command(Command::Resume(Which::All)),
            Then::Choose | Then::ChooseChanged => {}
        }
        let mut keys = Vec::new();
        for file in files {
            let same = |row: &crate::Row| *row.name == *file.facts.name && row.size == file.facts.size;
            let row = self.rows.values().find(|row| same(row) && !keys.contains(&row.key)).map(|row| row.key);
            match row {
                Some(row) => {
                    if then == Then::ChooseChanged {
                        self.choose(row, changed(&file));
                        self.choose(row, forged(&file));
                    }
                    self.choose(row, file);
                    keys.push(row);
                }
                None => keys.extend(self.add_files(vec![file])),
            }
        }
        keys
    }

    /// A row has a file: whatever was said while it had none is void.
    pub(super) fn hand_over(&mut self, row: FileKey, file: OnDisk) {
        self.released.remove(&row);
        self.stopped.remove(&row);
        self.files.insert(row, file);
    }

    /// A person chooses a file for a row.
    pub fn choose(&mut self, row: FileKey, file: OnDisk) {
        if matches!(self.state(row), RowState::NeedsFile(_)) {
            let facts = file.facts.clone();
            self.hand_over(row, file);
            self.input(Input::Chosen { row, file: facts });
        }
    }
}
