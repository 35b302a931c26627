//! What goes next, within the budget.

use super::{Engine, Flight, MOST_ACTIVE, MOST_SENDING, batch::travellers, tell::errand};
use crate::{
    Action, CredentialSource, FULL, FileKey, Hears, Millis, Request, RequestId, Row,
    file::{File, Phase, Step, Work},
    judge::Asked,
    queue::Turn,
    requests,
    story::Event,
};
use std::sync::Arc;
use updock_types::policy::{Refusal, UploadPolicy};

/// Something that could be sent.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    due: Turn,
    pub(super) key: FileKey,
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
pub(super) fn most_parts(budget: usize) -> usize {
    budget - budget / 4
}

impl Engine {
    pub(super) fn needs_signing(&self, work: &Work) -> bool {
        work.needs_credential() && self.config.credentials != CredentialSource::None
    }

    /// Does a file wait for a credential and for nothing else?
    pub(super) fn wants_credential(&self, now: Millis) -> bool {
        self.group_needs_credential(now)
            || !self.broker.usable(now)
                && self.active_works().any(|work| self.needs_signing(work) && work.ready(now, usize::MAX))
    }

    /// Will files soon need a credential that ends about now?
    pub(super) fn wants_renewal(&self, now: Millis) -> bool {
        self.broker.ages(now) && self.signs_further()
    }

    /// When a credential that is needed further on should be renewed.
    pub(super) fn renews_at(&self) -> Option<Millis> {
        self.broker.ages_at().filter(|_| self.signs_further())
    }

    fn signs_further(&self) -> bool {
        self.queue.len() > 0 || self.active_works().any(|work| self.needs_signing(work))
    }

    pub(super) fn budget(&self) -> usize {
        usize::from(self.config.budget.max(1).min(self.share))
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
            if (self.wants_credential(now) || self.wants_renewal(now))
                && self.broker.may_ask_at().is_some_and(|at| at <= now)
            {
                self.ask_credential(now);
                continue;
            }
            if self.flights.len() >= self.window() {
                break;
            }
            if self.ask_group(now) {
                continue;
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
        if self.under_way(|work| !work.delivered()) >= MOST_SENDING || self.under_way(|_| true) >= MOST_ACTIVE {
            return None;
        }
        self.first_waiting()
    }

    /// The file that is due first among those that wait.
    pub(super) fn first_waiting(&mut self) -> Option<Candidate> {
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
    pub(super) fn begin(&mut self, key: FileKey) {
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
        let operations = u32::try_from(waiting).unwrap_or(u32::MAX).clamp(1, requests::MOST_OPERATIONS);
        let id = self.next_id();
        self.broker.request = Some(id);
        self.actions.push_back(match &self.config.credentials {
            CredentialSource::Url(url) => Action::Send(requests::credential(id, url, operations)),
            CredentialSource::Page | CredentialSource::None => Action::AskPage { request: id, operations },
        });
        self.flights.push(Flight {
            id,
            file: None,
            along: Vec::new(),
            asked: Asked::Credential,
            part: None,
            part_size: 0,
            credential: None,
            bytes: 0,
            sent: 0,
            hears: Hears::Nothing,
            begun: now,
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
        let along = self.companions(now, key);
        let travellers = travellers(key, &along);
        let uuids = self.uuids(&travellers);
        let rows = self.rows(&travellers);
        // An opening pace is about to use the whole budget.
        let parallel = most_parts(self.budget()).min(self.pace.opens_to(self.config.pacing, self.budget()));
        let Self { config, files, broker, queue, pace, .. } = self;
        let Some(file) = files.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else { return };
        let (row, options, size) = (Arc::clone(&file.row), file.options.clone(), file.size);
        let options = options.as_deref();
        let File { phase: Phase::Active(work), remote, .. } = file else { return };
        let credential = if work.needs_credential() { broker.spend(now, travellers.len()) } else { None };
        let (generation, credential) = match credential {
            Some((credential, generation)) => (Some(generation), Some(credential)),
            None => (None, None),
        };
        let asked = work.asks();
        let part_size = pace.part_size(size, parallel);
        let (mut part, mut bytes) = (None, 0);
        let mut request: Request = match &mut work.step {
            Step::Direct => {
                bytes = rows.iter().map(|row| row.size).sum();
                requests::direct(id, config, &rows, options, credential)
            }
            Step::Fetch if FULL => {
                let Some(remote) = remote else { return };
                requests::fetch(id, config, remote, options, credential)
            }
            Step::Fetching(fetching) if FULL => requests::fetching(id, config, &fetching.token),
            Step::Fetch | Step::Fetching(_) => return,
            Step::Start => requests::start(id, config, &row, options, part_size, credential),
            Step::Parts(parts) => {
                let Some(outgoing) = parts.take(now) else { return };
                let range = parts.range(outgoing.part);
                bytes = range.end - range.start;
                part = Some(outgoing);
                requests::part(id, &row, parts.url(outgoing.part), range)
            }
            Step::Complete(uuid) => requests::complete(id, config, *uuid, credential),
            Step::Inspect(uuid, _) => requests::info(id, config, *uuid),
            Step::Confirm(_) => requests::confirm(id, config, &uuids),
        };
        if bytes > 0 && work.turn != Turn::FIRST {
            queue.spend(due);
            work.turn = due;
        }
        if part.is_some() {
            work.hold = None;
        } else {
            let what =
                Event::Sent { request: errand(asked), files: u16::try_from(travellers.len()).unwrap_or(u16::MAX) };
            for key in &travellers {
                self.takes_off(*key, id);
                // Looks are many; they are told when something comes of them.
                if !matches!(asked, Asked::Inspect | Asked::Fetch) {
                    self.tell(now, *key, what);
                }
            }
        }
        if asked == Asked::Direct {
            request.hears = self.hears(bytes, request.bearer.as_ref());
        }
        let hears = request.hears;
        self.actions.push_back(Action::Send(request));
        self.flights.push(Flight {
            id,
            file: Some(key),
            along,
            asked,
            part,
            part_size,
            credential: generation,
            bytes,
            sent: 0,
            hears,
            begun: now,
            moved: now,
        });
    }

    /// A file's step is on its way.
    fn takes_off(&mut self, key: FileKey, id: RequestId) {
        self.changed(key);
        if let Some(work) = self.file_mut(key).and_then(File::work_mut) {
            (work.hold, work.request) = (None, Some(id));
        }
    }

    fn rows(&self, files: &[FileKey]) -> Vec<Arc<Row>> {
        files.iter().filter_map(|key| self.file(*key)).map(|file| Arc::clone(&file.row)).collect()
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
    // What the service is to fetch has no size yet.
    let size = if file.remote.is_some() { file.size.max(1) } else { file.size };
    let check = || policy.check(&file.row.name, size, &file.row.media_type);
    if opens { check().and_then(|()| policy.check_count(present)).err() } else { None }
}
