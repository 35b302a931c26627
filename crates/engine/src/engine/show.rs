//! What is shown.

use super::Engine;
use crate::{
    CredentialSource, Millis, RowState, Stir, Totals,
    file::{Phase, Success},
};

impl Engine {
    /// Makes the rows of changed files anew.
    pub(super) fn refresh(&mut self, now: Millis) {
        let (offline, usable) = (!self.online, self.broker.usable(now));
        let mut stir = Stir::Nothing;
        for at in 0..self.changes.len() {
            let key = self.changes[at];
            let flying = self.flights.iter().filter(|flight| flight.carries(key));
            let in_air: u64 = flying.clone().map(|flight| flight.sent_of(key)).sum();
            let all_left = flying.clone().any(|flight| flight.sent == flight.bytes);
            let signs = self.config.credentials != CredentialSource::None;
            let Some(file) = self.file_mut(key) else { continue };
            let (state, sent) = match &file.phase {
                Phase::Rejected(refusal) => (RowState::Rejected(refusal.clone()), 0),
                Phase::Ready => (RowState::Ready, 0),
                Phase::Queued(_) => (RowState::Queued, 0),
                Phase::Paused(_) => (RowState::Paused, 0),
                Phase::Active(work) => {
                    let sent = work.kept_bytes(file.size).saturating_add(in_air);
                    (work.shown(now, offline, signs && !usable, all_left), sent)
                }
                Phase::Needs(need, work) => (RowState::NeedsFile(*need), work.kept_bytes(file.size)),
                Phase::Checking(_, work) => (RowState::Checking, work.kept_bytes(file.size)),
                Phase::Done(done) => {
                    let Success { uuid, stored, confirmed, receipt } = done.clone();
                    (RowState::Done { uuid, stored, confirmed, receipt }, file.size)
                }
                Phase::Failed(failure, _) => (RowState::Failed(failure.clone()), 0),
                Phase::Removed => (RowState::Removed, 0),
            };
            // It never falls. What the service fetches anew may have become smaller at its source.
            let sent = sent.max(file.row.sent).min(file.size);
            if file.row.state != state || file.row.sent != sent || file.row.size != file.size {
                // A service that is quick has processed a file before anybody could read that it does.
                let waits = file.row.state == state || state == RowState::Processing;
                stir = stir.max(if waits { Stir::Progress } else { Stir::State });
                let row = file.row_as(state, sent);
                let old = std::mem::replace(&mut file.row, row);
                let new = Totals::of(&file.row);
                self.totals.swap(&Totals::of(&old), &new);
            }
        }
        self.stir = self.stir.max(stir);
    }
}
