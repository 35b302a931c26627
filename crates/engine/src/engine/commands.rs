//! What people ask for.

use super::Engine;
use crate::{
    Action, Command, Failure, FileKey, Millis, Need, RowState, Stir, Totals, Which,
    file::{File, Inspecting, Phase, Step, Then, Work},
    queue::Turn,
    story::Event,
};

impl Engine {
    pub(super) fn command(&mut self, now: Millis, command: Command) {
        let (Command::Start(which)
        | Command::Pause(which)
        | Command::Resume(which)
        | Command::Retry(which)
        | Command::Cancel(which)
        | Command::Remove(which)
        | Command::First(which)) = command;
        if command == Command::Retry(Which::All) {
            self.retry_group();
        }
        let keys = match which {
            Which::One(key) => vec![key],
            Which::All => self.order.clone(),
        };
        for key in &keys {
            self.command_one(now, command, *key);
        }
        // Rows that left leave holes; they are closed once they are half of the list, so that removing file after file
        // does not walk the list for each.
        if self.order.len() > 2 * self.totals.files as usize {
            let files = &self.files;
            self.order.retain(|key| files.get(key.0 as usize).is_some_and(Option::is_some));
        }
    }

    pub(super) fn command_one(&mut self, now: Millis, command: Command, key: FileKey) {
        let Some(first) = self.first_work_of(key) else { return };
        let Some(file) = self.file_mut(key) else { return };
        match (command, &file.phase) {
            (Command::Start(_), Phase::Ready) => {
                file.phase = Phase::Queued(first);
                self.enqueue(key);
            }
            (Command::Pause(_), Phase::Queued(_) | Phase::Active(_)) => {
                self.call_back(now, key);
                self.rephase(key, &mut Phase::Paused);
                self.tell(now, key, Event::Paused);
            }
            (Command::Resume(_), Phase::Needs(Need::Open, _)) => self.open(key),
            (Command::Pause(_), Phase::Checking(..)) => self.after_check(key, Then::Pause),
            (Command::Resume(_), Phase::Checking(..)) => self.after_check(key, Then::GoOn),
            // What was not compared must not be gone on with.
            (Command::Cancel(_), Phase::Checking(..)) => {
                self.end_journal(key);
                let mut first = Some(first);
                self.rephase(key, &mut |work| Phase::Failed(Failure::Cancelled, first.take().unwrap_or(work)));
            }
            (Command::Resume(_), Phase::Paused(_)) => {
                self.rephase(key, &mut Phase::Queued);
                self.enqueue(key);
                self.tell(now, key, Event::Resumed);
            }
            (Command::Retry(_), Phase::Failed(failure, _)) => {
                let anew = matches!(
                    failure,
                    Failure::SizeDiffers { .. } | Failure::Unreadable | Failure::Lost | Failure::NotFetched { .. }
                );
                if anew {
                    self.end_journal(key);
                }
                let mut first = anew.then_some(first);
                self.rephase(key, &mut |mut work| {
                    work.renew();
                    Phase::Queued(first.take().unwrap_or(work))
                });
                self.enqueue(key);
                self.begin_journal(key);
                self.tell(now, key, Event::Retried);
            }
            (Command::First(_), Phase::Queued(_) | Phase::Active(_) | Phase::Paused(_)) => {
                if let Phase::Queued(work) | Phase::Active(work) | Phase::Paused(work) = &mut file.phase {
                    work.turn = Turn::FIRST;
                }
                if matches!(file.phase, Phase::Queued(_)) {
                    self.queue.forget();
                    self.enqueue(key);
                }
            }
            (Command::Cancel(_), Phase::Queued(_) | Phase::Active(_) | Phase::Paused(_)) => {
                self.call_back(now, key);
                self.end_journal(key);
                self.rephase(key, &mut |work| Phase::Failed(Failure::Cancelled, work));
                self.tell(now, key, Event::Cancelled);
            }
            (Command::Remove(_), _) => {
                self.call_back(now, key);
                self.end_journal(key);
                self.remove(key);
            }
            _ => return,
        }
        self.changed(key);
    }

    /// A queued file takes its turn among the others.
    pub(super) fn enqueue(&mut self, key: FileKey) {
        let Self { files, queue, .. } = self;
        let Some(file) = files.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else { return };
        if let Phase::Queued(work) = &mut file.phase {
            queue.join(key, file.size, &mut work.turn);
        }
    }

    /// Gives a file another place in the list.
    pub(super) fn move_to(&mut self, key: FileKey, before: Option<FileKey>) {
        if before == Some(key) {
            return;
        }
        let Some(from) = self.order.iter().position(|other| *other == key) else { return };
        self.order.remove(from);
        // A row that has left may still have its place here, and nobody may see that.
        let before = before.filter(|before| self.file(*before).is_some());
        let to = before.and_then(|before| self.order.iter().position(|other| *other == before));
        self.order.insert(to.unwrap_or(self.order.len()), key);
    }

    /// Moves a file's work into another phase.
    pub(super) fn rephase(&mut self, key: FileKey, phase: &mut dyn FnMut(Box<Work>) -> Phase) {
        let (mut queued, mut active) = (false, false);
        if let Some(file) = self.file_mut(key) {
            queued = matches!(file.phase, Phase::Queued(_));
            if let Some(work) = file.take_work() {
                file.phase = phase(work);
            }
            active = matches!(file.phase, Phase::Active(_));
        }
        if !active {
            self.retire(key);
            if queued {
                self.queue.forget();
            }
        }
        self.changed(key);
    }

    /// It is not under way any more.
    pub(super) fn retire(&mut self, key: FileKey) {
        self.active.retain(|active| *active != key);
    }

    pub(super) fn remove(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(key.0 as usize).and_then(Option::take) else { return };
        self.retire(key);
        if matches!(file.phase, Phase::Queued(_)) {
            self.queue.forget();
        }
        self.totals.swap(&Totals::of(&file.row), &Totals::default());
        self.gone.push(file.row_as(RowState::Removed, file.row.sent));
        self.stir = Stir::State;
        if !matches!(file.phase, Phase::Done(_) | Phase::Needs(..)) {
            self.actions.push_back(Action::Release(key));
        }
    }

    /// Breaks off everything in flight for a file; its work is as if never sent.
    pub(super) fn call_back(&mut self, now: Millis, key: FileKey) {
        while let Some(at) = self.flights.iter().position(|flight| flight.carries(key)) {
            let flight = self.flights.swap_remove(at);
            self.actions.push_back(Action::Abort(flight.id));
            for other in flight.files().filter(|other| *other != key) {
                // They go again at once.
                if let Some(work) = self.file_mut(other).and_then(File::work_mut) {
                    work.request = None;
                }
                self.changed(other);
            }
            let Some(work) = self.file_mut(key).and_then(File::work_mut) else { continue };
            work.request = None;
            match (&mut work.step, flight.part) {
                (Step::Parts(parts), Some(outgoing)) => parts.put_back(outgoing, now),
                // Whether the completion took place, nobody knows now.
                (Step::Complete(uuid), _) => work.step = Step::Inspect(*uuid, Inspecting::Completion),
                _ => {}
            }
        }
    }
}
