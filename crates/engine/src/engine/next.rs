//! What goes next, within the budget.

use super::{Engine, Flight, MOST_ACTIVE, MOST_SENDING};
use crate::{
    Action, CredentialSource, FileKey, Millis, Request, RequestId,
    file::{File, Phase, Step, Work},
    judge::Asked,
    queue::Turn,
    requests,
};
use std::sync::Arc;
use updock_types::policy::{Refusal, UploadPolicy};

/// Something that could be sent.
#[derive(Clone, Copy)]
struct Candidate {
    due: Turn,
    key: FileKey,
    size: u64,
}

impl Candidate {
    /// Does this waiting file go before a step of a file under way? If it is due, and smaller: of files alike, the
    /// first is finished before the next is begun.
    fn passes(&self, step: &Self) -> bool {
        self.due < step.due && (self.due == Turn::FIRST || self.size < step.size)
    }
}

/// Most parts in flight, of all files. They leave room for other requests: a file that is added while a large one fills
/// the line should not wait for the end of a part, which may take minutes.
fn most_parts(budget: usize) -> usize {
    budget - budget / 4
}

impl Engine {
    pub(super) fn needs_signing(&self, work: &Work) -> bool {
        work.needs_credential() && self.config.credentials != CredentialSource::None
    }

    /// Does a file wait for a credential and for nothing else?
    pub(super) fn wants_credential(&self, now: Millis) -> bool {
        !self.broker.usable(now)
            && self.active_works().any(|work| self.needs_signing(work) && work.ready(now, usize::MAX))
    }

    pub(super) fn budget(&self) -> usize {
        usize::from(self.config.budget.max(1))
    }

    /// Most requests in flight now.
    pub(super) fn window(&self) -> usize {
        self.pace.window(self.config.pacing, self.budget())
    }

    /// Sends what can be sent within the budget: first a credential that is waited for, then whatever is due first
    /// among the steps of files under way and the files that wait.
    pub(super) fn pump(&mut self, now: Millis) {
        if !self.online {
            return;
        }
        while self.flights.len() < self.budget() {
            if self.wants_credential(now) && self.broker.may_ask_at().is_some_and(|at| at <= now) {
                self.ask_credential(now);
                continue;
            }
            if self.flights.len() >= self.window() {
                break;
            }
            match (self.next_step(now), self.next_file()) {
                (Some(step), file) if !file.is_some_and(|file| file.passes(&step)) => {
                    self.send_next(now, step.key, step.due);
                }
                (_, Some(file)) => self.begin(file.key),
                _ => break,
            }
        }
    }

    /// The step that is due first among files under way.
    fn next_step(&self, now: Millis) -> Option<Candidate> {
        let parts = self.flights.iter().filter(|flight| flight.part.is_some()).count();
        let most_parts = if parts < most_parts(self.budget()) { usize::MAX } else { 0 };
        let candidate = |key: &FileKey| {
            let file = self.file(*key)?;
            let Phase::Active(work) = &file.phase else { return None };
            let sendable = work.ready(now, most_parts) && (!self.needs_signing(work) || self.broker.usable(now));
            let due = self.queue.due(work.turn, work.next_bytes(file.size));
            sendable.then_some(Candidate { due, key: *key, size: file.size })
        };
        self.active.iter().filter_map(candidate).min_by_key(|candidate| (candidate.due, candidate.key))
    }

    /// The file that is due first among those that wait, if there may be one more under way.
    fn next_file(&mut self) -> Option<Candidate> {
        let sending = self.active_works().filter(|work| !work.delivered()).count();
        if sending >= MOST_SENDING || self.active.len() >= MOST_ACTIVE {
            return None;
        }
        let Self { queue, files, .. } = self;
        let mut size = 0;
        let (due, key) = queue.first(|key, turn| {
            let Some(file) = files.get(key.0 as usize).and_then(Option::as_deref) else { return false };
            size = file.size;
            matches!(&file.phase, Phase::Queued(work) if work.turn == turn)
        })?;
        Some(Candidate { due, key, size })
    }

    /// The first file of the queue goes under way.
    fn begin(&mut self, key: FileKey) {
        self.queue.leave();
        self.active.push(key);
        self.rephase(key, &mut Phase::Active);
        let Some(file) = self.file_mut(key) else { return };
        let size = file.size;
        if let Some(work) = file.work_mut() {
            work.turn = work.turn.begun(size);
        }
    }

    pub(super) fn next_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    pub(super) fn ask_credential(&mut self, now: Millis) {
        let waiting = self.active_works().filter(|work| work.needs_credential()).count() + self.queue.len();
        let operations = u32::try_from(waiting).unwrap_or(u32::MAX).min(requests::MOST_OPERATIONS);
        let id = self.next_id();
        self.broker.request = Some(id);
        self.actions.push_back(match &self.config.credentials {
            CredentialSource::Url(url) => Action::Send(requests::credential(id, url, operations)),
            CredentialSource::Page | CredentialSource::None => Action::AskPage { request: id, operations },
        });
        self.flights.push(Flight {
            id,
            file: None,
            asked: Asked::Credential,
            part: None,
            part_size: 0,
            credential: None,
            bytes: 0,
            sent: 0,
            moved: now,
        });
        self.signing_changed();
    }

    pub(super) fn send_next(&mut self, now: Millis, key: FileKey, due: Turn) {
        let id = self.next_id();
        self.changed(key);
        if self.refused_by_signer(key) {
            return;
        }
        // An opening pace is about to use the whole budget.
        let parallel = most_parts(self.budget()).min(self.pace.opens_to(self.config.pacing, self.budget()));
        let Self { config, files, broker, queue, pace, .. } = self;
        let Some(file) = files.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else { return };
        let row = Arc::clone(&file.row);
        let size = file.size;
        let Some(work) = file.work_mut() else { return };
        let credential = if work.needs_credential() { broker.spend(now) } else { None };
        let (generation, credential) = match credential {
            Some((credential, generation)) => (Some(generation), Some(credential)),
            None => (None, None),
        };
        let asked = work.asks();
        let part_size = pace.part_size(size, parallel);
        let (mut part, mut bytes) = (None, 0);
        let request: Request = match &mut work.step {
            Step::Direct => {
                bytes = size;
                requests::direct(id, config, &row, credential)
            }
            Step::Start => requests::start(id, config, &row, part_size, credential),
            Step::Parts(parts) => {
                let Some(outgoing) = parts.take(now) else { return };
                let range = parts.range(outgoing.part);
                bytes = range.end - range.start;
                part = Some(outgoing);
                requests::part(id, &row, parts.url(outgoing.part), range)
            }
            Step::Complete(uuid) => requests::complete(id, config, *uuid, credential),
            Step::Inspect(uuid, _) => requests::info(id, config, *uuid),
            Step::Confirm(uuid) => requests::confirm(id, config, *uuid),
        };
        if bytes > 0 && work.turn != Turn::FIRST {
            queue.spend(due);
            work.turn = due;
        }
        work.hold = None;
        if part.is_none() {
            work.request = Some(id);
        }
        self.actions.push_back(Action::Send(request));
        self.flights.push(Flight {
            id,
            file: Some(key),
            asked,
            part,
            part_size,
            credential: generation,
            bytes,
            sent: 0,
            moved: now,
        });
    }

    /// The signer's policy is stricter than the page's: better told now than after the upload.
    pub(super) fn refused_by_signer(&mut self, key: FileKey) -> bool {
        let Some(policy) = self.signer_policy.take() else { return false };
        if policy.max_files.is_some_and(|most| self.present() > most) {
            // One too many: all that are, at once, so that the list is not counted again for each.
            let mut present = 0;
            for at in 0..self.order.len() {
                let Some(file) = self.order.get(at).and_then(|key| self.file(*key)) else { continue };
                let key = file.row.key;
                let refused = refusal(&policy, file, present);
                let rejected = refused.is_some() || matches!(file.phase, Phase::Rejected(_) | Phase::Needs(..));
                if let Some(refusal) = refused {
                    self.reject(key, refusal);
                }
                present += u32::from(!rejected);
            }
        } else if let Some(refusal) = self.file(key).and_then(|file| refusal(&policy, file, 0)) {
            self.reject(key, refusal);
        }
        self.signer_policy = Some(policy);
        self.file(key).is_none_or(|file| matches!(file.phase, Phase::Rejected(_)))
    }

    fn reject(&mut self, key: FileKey, refusal: Refusal) {
        let mut refusal = Some(refusal);
        self.rephase(key, &mut |_| Phase::Rejected(refusal.take().unwrap_or(Refusal::Empty)));
    }
}

/// Why a file that is still to be opened at the service may not be, with so many before it.
fn refusal(policy: &UploadPolicy, file: &File, present: u32) -> Option<Refusal> {
    let (Phase::Queued(work) | Phase::Active(work)) = &file.phase else { return None };
    let opens = work.needs_credential() && work.request.is_none();
    let check = || policy.check(&file.row.name, file.size, &file.row.media_type);
    if opens { check().and_then(|()| policy.check_count(present)).err() } else { None }
}
