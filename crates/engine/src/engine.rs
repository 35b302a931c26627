//! The engine itself: applies inputs, decides what goes next, and keeps rows true.

use crate::{
    Action, Answer, Cause, Command, Config, CredentialSource, Failure, FileKey, Input, Millis, Network, NewFile,
    Request, RequestId, Row, RowState, Snapshot, Start, Totals, Which,
    backoff::{self, Chance},
    broker::{self, Broker, Generation},
    file::{File, Hold, HoldReason, Inspecting, Phase, Step, Success, Work},
    judge::{Asked, Verdict, judge, judge_timeout},
    parts::{Outgoing, Parts, part_size},
    requests,
};
use std::{collections::VecDeque, sync::Arc};
use updock_types::{fields::FileFacts, policy::UploadPolicy, upload::limits};

/// Nothing of a body has moved for so long: broken off.
const STALL: Millis = Millis(30_000);
/// The whole body has left and no answer came for so long: broken off.
const ANSWER: Millis = Millis(60_000);
/// The signer has so long to answer.
const SIGNER_ANSWER: Millis = Millis(15_000);
/// Between two looks at a file that is not ready: growing, within these.
const READINESS: (Millis, Millis) = (Millis(250), Millis(5_000));
/// Looks before a file counts as never ready: about four minutes.
const MOST_LOOKS: u32 = 60;
/// Files under way at once, waiting ones included.
const MOST_ACTIVE: usize = 12;
/// Times a credential may be refused in a row, and a multipart upload started anew.
const MOST_RENEWALS: u32 = 2;
const MOST_RESTARTS: u32 = 3;

/// The state machine. See the crate's documentation.
pub struct Engine {
    config: Config,
    /// The signer's own policy, once heard.
    signer_policy: Option<UploadPolicy>,
    chance: Chance,
    online: bool,
    now: Millis,
    files: Vec<Option<Box<File>>>,
    order: Vec<FileKey>,
    queue: VecDeque<FileKey>,
    active: Vec<FileKey>,
    flights: Vec<Flight>,
    broker: Broker,
    next_request: u32,
    actions: VecDeque<Action>,
    changes: Vec<FileKey>,
    gone: Vec<Arc<Row>>,
}

/// A request in flight.
struct Flight {
    id: RequestId,
    file: Option<FileKey>,
    asked: Asked,
    part: Option<Outgoing>,
    credential: Option<Generation>,
    /// Bytes of the file that it carries, and how many of them have left.
    bytes: u64,
    sent: u64,
    moved: Millis,
}

impl Flight {
    fn times_out_at(&self) -> Millis {
        let limit = match self.asked {
            Asked::Credential | Asked::Confirm => SIGNER_ANSWER,
            _ if self.sent < self.bytes => STALL,
            _ => ANSWER,
        };
        self.moved.after(limit)
    }
}

impl Engine {
    /// A new engine; `seed` feeds the jitter of its waits and nothing else.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            signer_policy: None,
            chance: Chance::new(seed),
            online: true,
            now: Millis(0),
            files: Vec::new(),
            order: Vec::new(),
            queue: VecDeque::new(),
            active: Vec::new(),
            flights: Vec::new(),
            broker: Broker::default(),
            next_request: 0,
            actions: VecDeque::new(),
            changes: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The key that the next added file will get; the ones after it follow.
    pub fn next_key(&self) -> FileKey {
        FileKey(u32::try_from(self.files.len()).unwrap_or(u32::MAX))
    }

    /// Applies what happened at `now`. What makes no sense any more (an answer to a request that was broken off, a
    /// command for a file that is gone) changes nothing.
    pub fn handle(&mut self, now: Millis, input: Input) {
        // A clock that runs backwards is taken to stand still.
        let now = now.max(self.now);
        self.now = now;
        match input {
            Input::FilesAdded(files) => self.add(files),
            Input::Command(command) => self.command(now, command),
            Input::Progressed { request, sent } => self.progressed(now, request, sent),
            Input::Answered { request, answer } => self.answered(now, request, &answer),
            Input::Network(network) => self.network(now, network),
            Input::Budget(budget) => self.config.budget = budget.max(1),
            Input::Configured(config) => self.configure(*config),
            Input::Tick => {}
        }
        self.time_out(now);
        self.pump(now);
        self.refresh(now);
    }

    /// The next thing the driver must do, until `None`.
    #[must_use]
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Tick`], if nothing happens before; `None` to sleep until something does.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        let flights = self.flights.iter().map(Flight::times_out_at);
        if !self.online {
            return flights.min();
        }
        let works = self.active_works().filter_map(Work::wakes_at);
        let broker = self.wants_credential(self.now).then(|| self.broker.may_ask_at()).flatten();
        // What is due already waits for something else: the budget, an answer.
        let due = |at: &Millis| *at > self.now;
        flights.chain(works.chain(broker).filter(due)).min()
    }

    /// Rows that changed since the last call, each once, in no particular order; removed ones come a last time.
    pub fn take_changes(&mut self) -> Vec<Arc<Row>> {
        let mut rows = std::mem::take(&mut self.gone);
        for key in std::mem::take(&mut self.changes) {
            if let Some(file) = self.file_mut(key) {
                file.changed = false;
                rows.push(Arc::clone(&file.row));
            }
        }
        rows
    }

    /// Sums over the list.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for file in self.files.iter().flatten() {
            totals.files += 1;
            match &file.phase {
                Phase::Rejected(_) => {
                    totals.rejected += 1;
                    continue;
                }
                Phase::Done(_) => totals.done += 1,
                Phase::Failed(..) => totals.failed += 1,
                Phase::Paused(_) => totals.paused += 1,
                Phase::Queued(_) | Phase::Active(_) => totals.active += 1,
                Phase::Ready | Phase::Removed => {}
            }
            totals.bytes += file.size;
            totals.sent += file.row.sent;
        }
        totals
    }

    /// The whole list.
    pub fn snapshot(&self) -> Snapshot {
        let rows = self.order.iter().filter_map(|key| self.file(*key).map(|file| Arc::clone(&file.row))).collect();
        Snapshot { rows, totals: self.totals() }
    }

    /// Requests in flight; never more than the budget.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    // Files

    fn file(&self, key: FileKey) -> Option<&File> {
        self.files.get(key.0 as usize)?.as_deref()
    }

    fn file_mut(&mut self, key: FileKey) -> Option<&mut File> {
        self.files.get_mut(key.0 as usize)?.as_deref_mut()
    }

    fn active_works(&self) -> impl Iterator<Item = &Work> {
        self.active.iter().filter_map(|key| match &self.file(*key)?.phase {
            Phase::Active(work) => Some(&**work),
            _ => None,
        })
    }

    fn changed(&mut self, key: FileKey) {
        if let Some(file) = self.file_mut(key)
            && !file.changed
        {
            file.changed = true;
            self.changes.push(key);
        }
    }

    fn add(&mut self, files: Vec<NewFile>) {
        let rejected = |file: &File| matches!(file.phase, Phase::Rejected(_));
        let mut present = self.files.iter().flatten().filter(|file| !rejected(file)).count();
        for new in files {
            let key = self.next_key();
            let policy = &self.config.policy;
            let verdict = policy
                .check(&new.name, new.size, &new.media_type)
                .and_then(|()| policy.check_count(u32::try_from(present).unwrap_or(u32::MAX)));
            let phase = match verdict {
                Err(refusal) => Phase::Rejected(refusal),
                Ok(()) => {
                    present += 1;
                    match self.config.start {
                        Start::AtOnce => Phase::Queued(self.first_work(new.size)),
                        Start::OnCommand => Phase::Ready,
                    }
                }
            };
            if matches!(phase, Phase::Queued(_)) {
                self.queue.push_back(key);
            }
            self.files.push(Some(Box::new(File::new(key, &new.name, new.size, &new.media_type, phase))));
            self.order.push(key);
            self.changed(key);
        }
    }

    fn first_work(&self, size: u64) -> Box<Work> {
        let from = self.config.multipart_from.clamp(limits::MULTIPART_MIN_SIZE, limits::DIRECT_MAX_SIZE);
        Box::new(Work::new(if size >= from { Step::Start } else { Step::Direct }))
    }

    fn configure(&mut self, config: Config) {
        let same = config.public_key == self.config.public_key && config.credentials == self.config.credentials;
        self.config = config;
        if !same {
            self.signer_policy = None;
            self.broker.reset();
            // An answer of the old signer's must not be taken for the new one's.
            if let Some(flight) = self.broker.request.take().and_then(|request| self.take_flight(request)) {
                self.actions.push_back(Action::Abort(flight.id));
            }
        }
    }

    // Commands

    fn command(&mut self, now: Millis, command: Command) {
        let (Command::Start(which)
        | Command::Pause(which)
        | Command::Resume(which)
        | Command::Retry(which)
        | Command::Cancel(which)
        | Command::Remove(which)) = command;
        let keys = match which {
            Which::One(key) => vec![key],
            Which::All => self.order.clone(),
        };
        for key in &keys {
            self.command_one(now, command, *key);
        }
        if matches!(command, Command::Remove(_)) {
            let files = &self.files;
            self.order.retain(|key| files.get(key.0 as usize).is_some_and(Option::is_some));
        }
    }

    fn command_one(&mut self, now: Millis, command: Command, key: FileKey) {
        let Some(size) = self.file(key).map(|file| file.size) else { return };
        let first = self.first_work(size);
        let Some(file) = self.file_mut(key) else { return };
        match (command, &file.phase) {
            (Command::Start(_), Phase::Ready) => {
                file.phase = Phase::Queued(first);
                self.queue.push_back(key);
            }
            (Command::Pause(_), Phase::Queued(_) | Phase::Active(_)) => {
                self.call_back(now, key);
                self.rephase(key, &mut Phase::Paused);
            }
            (Command::Resume(_), Phase::Paused(_)) => {
                self.rephase(key, &mut Phase::Queued);
                self.queue.push_front(key);
            }
            (Command::Retry(_), Phase::Failed(failure, _)) => {
                let anew = matches!(failure, Failure::SizeDiffers { .. } | Failure::Unreadable | Failure::Lost);
                let mut first = anew.then_some(first);
                self.rephase(key, &mut |mut work| {
                    work.renew();
                    Phase::Queued(first.take().unwrap_or(work))
                });
                self.queue.push_back(key);
            }
            (Command::Cancel(_), Phase::Queued(_) | Phase::Active(_) | Phase::Paused(_)) => {
                self.call_back(now, key);
                self.rephase(key, &mut |work| Phase::Failed(Failure::Cancelled, work));
            }
            (Command::Remove(_), _) => {
                self.call_back(now, key);
                self.remove(key);
            }
            _ => return,
        }
        self.changed(key);
    }

    /// Moves a file's work into another phase.
    fn rephase(&mut self, key: FileKey, phase: &mut dyn FnMut(Box<Work>) -> Phase) {
        let mut active = false;
        if let Some(file) = self.file_mut(key) {
            if let Some(work) = file.take_work() {
                file.phase = phase(work);
            }
            active = matches!(file.phase, Phase::Active(_));
        }
        if !active {
            self.retire(key);
        }
        self.changed(key);
    }

    /// It is not under way any more.
    fn retire(&mut self, key: FileKey) {
        self.active.retain(|active| *active != key);
    }

    fn remove(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(key.0 as usize).and_then(Option::take) else { return };
        self.retire(key);
        self.gone.push(file.row_as(RowState::Removed, file.row.sent));
        if !matches!(file.phase, Phase::Done(_)) {
            self.actions.push_back(Action::Release(key));
        }
    }

    /// Breaks off everything in flight for a file; its work is as if never sent.
    fn call_back(&mut self, now: Millis, key: FileKey) {
        while let Some(at) = self.flights.iter().position(|flight| flight.file == Some(key)) {
            let flight = self.flights.swap_remove(at);
            self.actions.push_back(Action::Abort(flight.id));
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

    // What happens to requests

    fn take_flight(&mut self, request: RequestId) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.id == request)?;
        Some(self.flights.swap_remove(at))
    }

    fn progressed(&mut self, now: Millis, request: RequestId, sent: u64) {
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == request) else { return };
        if sent > flight.sent {
            flight.sent = sent.min(flight.bytes);
            flight.moved = now;
            if let Some(key) = flight.file {
                self.changed(key);
            }
        }
    }

    fn answered(&mut self, now: Millis, request: RequestId, answer: &Answer) {
        let Some(flight) = self.take_flight(request) else { return };
        let Some(key) = flight.file else {
            self.credential_answered(now, answer);
            return;
        };
        self.changed(key);
        let confirm = self.config.confirm_url.is_some();
        let Some(file) = self.file_mut(key) else { return };
        let size = file.size;
        let Some(work) = file.work_mut() else { return };
        work.request = None;
        match (answer, &mut work.step) {
            (Answer::Uploaded(uuid), Step::Direct) => {
                let uuid = *uuid;
                work.advance(if confirm { Step::Confirm(uuid) } else { Step::Inspect(uuid, Inspecting::Readiness) });
            }
            (Answer::Started(started), Step::Start) => {
                match Parts::new(started.uuid, started.parts.clone(), size, part_size(size)) {
                    Some(parts) => work.advance(Step::Parts(parts)),
                    None => self.apply(now, key, &flight, Verdict::Again(Cause::Nonsense)),
                }
            }
            (Answer::PartStored, Step::Parts(parts)) => {
                work.throttled = 0;
                if let Some(outgoing) = flight.part {
                    parts.finish(outgoing);
                }
                if parts.all_finished() {
                    let uuid = parts.uuid;
                    work.advance(Step::Complete(uuid));
                }
            }
            (Answer::Facts(facts), Step::Complete(_) | Step::Inspect(..)) => self.inspected(now, key, facts),
            (Answer::Confirmed(confirmed), Step::Confirm(uuid)) => {
                if confirmed.uuid != *uuid {
                    self.apply(now, key, &flight, Verdict::Again(Cause::Nonsense));
                } else if confirmed.size == size {
                    let receipt = confirmed.receipt.as_deref().map(Arc::from);
                    let success = Success { uuid: *uuid, stored: confirmed.stored, confirmed: true, receipt };
                    self.done(key, success);
                } else {
                    self.fail(now, key, Failure::SizeDiffers { stored: confirmed.size });
                }
            }
            _ => self.apply(now, key, &flight, judge(flight.asked, answer)),
        }
    }

    /// The service told a file's facts. Never a false success: the size must be what was sent.
    fn inspected(&mut self, now: Millis, key: FileKey, facts: &FileFacts) {
        let confirm = self.config.confirm_url.is_some();
        let Some(file) = self.file_mut(key) else { return };
        let size = file.size;
        let Some(work) = file.work_mut() else { return };
        if facts.size != size {
            self.fail(now, key, Failure::SizeDiffers { stored: facts.size });
        } else if confirm {
            work.advance(Step::Confirm(facts.uuid));
        } else if facts.is_ready {
            let (uuid, stored) = (facts.uuid, facts.is_stored);
            self.done(key, Success { uuid, stored, confirmed: false, receipt: None });
        } else {
            let looks = work.looks;
            work.step = Step::Inspect(facts.uuid, Inspecting::Readiness);
            work.looks += 1;
            (work.failed, work.throttled) = (0, 0);
            let wait = Millis(READINESS.0.0 << looks.min(5)).min(READINESS.1);
            work.hold = Some(Hold { until: now.after(wait), why: HoldReason::Readiness });
            if looks >= MOST_LOOKS {
                self.fail(now, key, Failure::NotReady);
            }
        }
    }

    fn credential_answered(&mut self, now: Millis, answer: &Answer) {
        self.broker.request = None;
        if let Answer::Credential(issued) = answer {
            self.broker.receive(now, issued);
            self.signer_policy = Some(issued.policy.clone());
            if !self.broker.usable(now) {
                // Dead on arrival: expired by its own clock, or good for no file. Asking at once again would never end.
                self.credential_again(now, Cause::Nonsense);
            }
        } else {
            match judge(Asked::Credential, answer) {
                Verdict::Wait(wait) if self.broker.failures < backoff::MAX_THROTTLES => {
                    self.broker.failures += 1;
                    self.broker.not_before = now.after(asked_wait(wait));
                }
                Verdict::Wait(_) => self.credential_failed(now, &Failure::Throttled),
                Verdict::Fail(failure) => self.credential_failed(now, &failure),
                Verdict::Again(cause) => self.credential_again(now, cause),
                _ => self.credential_again(now, Cause::Nonsense),
            }
        }
        self.signing_changed();
    }

    fn credential_again(&mut self, now: Millis, cause: Cause) {
        self.broker.failures += 1;
        if self.broker.failures >= broker::MAX_FAILURES {
            self.credential_failed(now, &Failure::CredentialUnavailable { cause });
        } else {
            self.broker.not_before = now.after(self.chance.wait(self.broker.failures));
        }
    }

    /// Nobody gets a credential: every file that waits for one fails, the others go on.
    fn credential_failed(&mut self, now: Millis, failure: &Failure) {
        self.broker.failures = 0;
        self.broker.not_before = now;
        for key in self.order.clone() {
            let waits = self.file(key).is_some_and(|file| match &file.phase {
                Phase::Queued(work) | Phase::Active(work) => work.needs_credential() && work.request.is_none(),
                _ => false,
            });
            if waits {
                self.fail(now, key, failure.clone());
            }
        }
    }

    /// Rows of files that wait for a credential may read differently now.
    fn signing_changed(&mut self) {
        for key in self.active.clone() {
            self.changed(key);
        }
    }

    /// Does what a verdict says.
    fn apply(&mut self, now: Millis, key: FileKey, flight: &Flight, verdict: Verdict) {
        let wait = self.chance.wait(flight.part.map_or_else(
            || self.file(key).map_or(1, |file| if let Phase::Active(work) = &file.phase { work.failed + 1 } else { 1 }),
            |part| part.failed + 1,
        ));
        let online = self.online;
        let signs = self.config.credentials != CredentialSource::None;
        if let (Verdict::Renew { .. }, Some(generation)) = (&verdict, flight.credential) {
            self.broker.refused(generation);
        }
        let multipart = self.file(key).is_some_and(|file| file.size >= limits::MULTIPART_MIN_SIZE);
        let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
        work.request = None;
        let failure = match verdict {
            Verdict::Fail(failure) => failure,
            // A network that is known to be away costs no attempt.
            Verdict::Again(Cause::Network) if !online => {
                if let (Step::Parts(parts), Some(part)) = (&mut work.step, flight.part) {
                    parts.put_back(part, now);
                }
                return;
            }
            Verdict::Again(cause) => match (&mut work.step, flight.part) {
                (Step::Parts(parts), Some(part)) if part.failed + 1 < backoff::MAX_ATTEMPTS => {
                    parts.fail(part, now.after(wait), cause);
                    return;
                }
                (Step::Parts(_), _) => Failure::GaveUp(cause),
                _ => match work.try_again(now.after(wait), cause) {
                    Ok(()) => return,
                    Err(failure) => failure,
                },
            },
            Verdict::Wait(asked) => {
                work.throttled += 1;
                if work.throttled <= backoff::MAX_THROTTLES {
                    if let (Step::Parts(parts), Some(part)) = (&mut work.step, flight.part) {
                        parts.put_back(part, now);
                    }
                    work.hold = Some(Hold { until: now.after(asked_wait(asked)), why: HoldReason::Throttled });
                    return;
                }
                Failure::Throttled
            }
            Verdict::Renew { detail } => {
                work.renewed += 1;
                // Completion goes without a credential; this project wants one there too.
                let asks_anew = flight.credential.is_none() && matches!(work.step, Step::Complete(_)) && !work.signed;
                work.signed |= asks_anew && signs;
                let enough = work.renewed > MOST_RENEWALS || !signs || flight.credential.is_none() && !asks_anew;
                if !enough {
                    return;
                }
                Failure::CredentialRefused { detail: detail.as_str().into() }
            }
            Verdict::Restart(cause) => {
                work.restarted += 1;
                if work.restarted <= MOST_RESTARTS && multipart {
                    let restarted = work.restarted;
                    self.call_back(now, key);
                    let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
                    work.advance(Step::Start);
                    work.restarted = restarted;
                    work.hold = Some(Hold { until: now.after(wait), why: HoldReason::Failed(cause) });
                    return;
                }
                Failure::GaveUp(cause)
            }
            Verdict::Inspect(cause) => {
                let Step::Complete(uuid) = work.step else { return };
                work.step = Step::Inspect(uuid, Inspecting::Completion);
                match work.try_again(now.after(wait), cause) {
                    Ok(()) => return,
                    Err(failure) => failure,
                }
            }
            Verdict::CompleteAgain => {
                let lost = matches!(work.step, Step::Inspect(_, Inspecting::Readiness));
                if let Step::Inspect(uuid, Inspecting::Completion) = work.step {
                    work.step = Step::Complete(uuid);
                }
                match work.try_again(now.after(wait), Cause::Server(404)) {
                    Ok(()) => return,
                    Err(_) if lost => Failure::Lost,
                    Err(failure) => failure,
                }
            }
        };
        if let (Step::Parts(parts), Some(part)) = (&mut work.step, flight.part) {
            parts.put_back(part, now);
        }
        self.fail(now, key, failure);
    }

    fn done(&mut self, key: FileKey, success: Success) {
        self.retire(key);
        if let Some(file) = self.file_mut(key) {
            file.phase = Phase::Done(success);
        }
        self.changed(key);
        self.actions.push_back(Action::Release(key));
    }

    fn fail(&mut self, now: Millis, key: FileKey, failure: Failure) {
        self.call_back(now, key);
        let mut failure = Some(failure);
        self.rephase(key, &mut |work| Phase::Failed(failure.take().unwrap_or(Failure::Cancelled), work));
    }

    fn network(&mut self, now: Millis, network: Network) {
        self.online = network == Network::Online;
        for key in self.active.clone() {
            if self.online
                && let Some(work) = self.file_mut(key).and_then(File::work_mut)
            {
                if matches!(work.hold, Some(Hold { why: HoldReason::Failed(Cause::Network | Cause::Timeout), .. })) {
                    work.hold = None;
                }
                if let Step::Parts(parts) = &mut work.step {
                    parts.wake(now);
                }
            }
            self.changed(key);
        }
        if self.online {
            self.broker.not_before = self.broker.not_before.min(now);
        }
    }

    fn time_out(&mut self, now: Millis) {
        while let Some(at) = self.flights.iter().position(|flight| flight.times_out_at() <= now) {
            let flight = self.flights.swap_remove(at);
            self.actions.push_back(Action::Abort(flight.id));
            match flight.file {
                Some(key) => {
                    self.changed(key);
                    self.apply(now, key, &flight, judge_timeout(flight.asked));
                }
                None => {
                    self.broker.request = None;
                    self.credential_again(now, Cause::Timeout);
                    self.signing_changed();
                }
            }
        }
    }

    // What goes next

    fn needs_signing(&self, work: &Work) -> bool {
        work.needs_credential() && self.config.credentials != CredentialSource::None
    }

    /// Does a file wait for a credential and for nothing else?
    fn wants_credential(&self, now: Millis) -> bool {
        !self.broker.usable(now)
            && self.active_works().any(|work| self.needs_signing(work) && work.ready(now, usize::MAX))
    }

    fn budget(&self) -> usize {
        usize::from(self.config.budget.max(1))
    }

    /// Sends what can be sent within the budget: first a credential that is waited for, then the steps of files under
    /// way, then new files.
    fn pump(&mut self, now: Millis) {
        if !self.online {
            return;
        }
        // One long file must leave room for others.
        let most_parts = self.budget().saturating_sub(2).max(1);
        while self.flights.len() < self.budget() {
            if self.wants_credential(now) && self.broker.may_ask_at().is_some_and(|at| at <= now) {
                self.ask_credential(now);
                continue;
            }
            let sendable = |key: &FileKey| {
                self.file(*key).is_some_and(|file| match &file.phase {
                    Phase::Active(work) => {
                        work.ready(now, most_parts) && (!self.needs_signing(work) || self.broker.usable(now))
                    }
                    _ => false,
                })
            };
            let flying = |key: &FileKey| self.flights.iter().filter(|flight| flight.file == Some(*key)).count();
            if let Some(key) = self.active.iter().copied().filter(sendable).min_by_key(flying) {
                self.send_next(now, key);
            } else if !self.start_next() {
                break;
            }
        }
    }

    /// Takes the next file from the queue; `false` when there is none or enough are under way.
    fn start_next(&mut self) -> bool {
        while self.active.len() < MOST_ACTIVE {
            let Some(key) = self.queue.pop_front() else { return false };
            if self.file(key).is_some_and(|file| matches!(file.phase, Phase::Queued(_))) {
                self.active.push(key);
                self.rephase(key, &mut Phase::Active);
                return true;
            }
        }
        false
    }

    fn next_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    fn ask_credential(&mut self, now: Millis) {
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
            credential: None,
            bytes: 0,
            sent: 0,
            moved: now,
        });
        self.signing_changed();
    }

    fn send_next(&mut self, now: Millis, key: FileKey) {
        let id = self.next_id();
        self.changed(key);
        if self.refused_by_signer(key) {
            return;
        }
        let Self { config, files, broker, .. } = self;
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
        let (mut part, mut bytes) = (None, 0);
        let request: Request = match &mut work.step {
            Step::Direct => {
                bytes = size;
                requests::direct(id, config, &row, credential)
            }
            Step::Start => requests::start(id, config, &row, credential),
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
            credential: generation,
            bytes,
            sent: 0,
            moved: now,
        });
    }

    /// The signer's policy is stricter than the page's: better told now than after the upload.
    fn refused_by_signer(&mut self, key: FileKey) -> bool {
        let Some(policy) = &self.signer_policy else { return false };
        let Some(file) = self.file(key) else { return false };
        let needs = matches!(&file.phase, Phase::Active(work) if work.needs_credential());
        let counted =
            |other: &&FileKey| self.file(**other).is_some_and(|file| !matches!(file.phase, Phase::Rejected(_)));
        let before = || self.order.iter().take_while(|other| **other != key).filter(counted).count();
        let count = if policy.max_files.is_some() { u32::try_from(before()).unwrap_or(u32::MAX) } else { 0 };
        let checked = policy.check(&file.row.name, file.size, &file.row.media_type);
        let Err(refusal) = checked.and_then(|()| policy.check_count(count)) else { return false };
        if needs {
            self.rephase(key, &mut |_| Phase::Rejected(refusal.clone()));
        }
        needs
    }

    // What is shown

    /// Makes the rows of changed files anew.
    fn refresh(&mut self, now: Millis) {
        let (offline, usable) = (!self.online, self.broker.usable(now));
        for at in 0..self.changes.len() {
            let key = self.changes[at];
            let flying = self.flights.iter().filter(|flight| flight.file == Some(key));
            let in_air: u64 = flying.clone().map(|flight| flight.sent).sum();
            let all_left = flying.clone().any(|flight| flight.bytes > 0 && flight.sent == flight.bytes);
            let signs = self.config.credentials != CredentialSource::None;
            let Some(file) = self.file_mut(key) else { continue };
            let (state, sent) = match &file.phase {
                Phase::Rejected(refusal) => (RowState::Rejected(refusal.clone()), 0),
                Phase::Ready => (RowState::Ready, 0),
                Phase::Queued(_) => (RowState::Queued, 0),
                Phase::Paused(_) => (RowState::Paused, 0),
                Phase::Active(work) => {
                    let sent = match &work.step {
                        Step::Direct => in_air,
                        Step::Start => 0,
                        Step::Parts(parts) => parts.finished_bytes() + in_air,
                        Step::Complete(_) | Step::Inspect(..) | Step::Confirm(_) => file.size,
                    };
                    (work.shown(now, offline, signs && !usable, all_left), sent)
                }
                Phase::Done(done) => {
                    let Success { uuid, stored, confirmed, receipt } = done.clone();
                    (RowState::Done { uuid, stored, confirmed, receipt }, file.size)
                }
                Phase::Failed(failure, _) => (RowState::Failed(failure.clone()), 0),
                Phase::Removed => (RowState::Removed, 0),
            };
            let sent = sent.min(file.size).max(file.row.sent);
            if file.row.state != state || file.row.sent != sent {
                file.row = file.row_as(state, sent);
            }
        }
    }
}

fn asked_wait(asked: Option<Millis>) -> Millis {
    asked.unwrap_or(backoff::THROTTLED).min(backoff::LONGEST_WAIT)
}

impl Work {
    /// Another attempt of the same step at `at`, unless there were enough.
    fn try_again(&mut self, at: Millis, cause: Cause) -> Result<(), Failure> {
        self.failed += 1;
        if self.failed >= backoff::MAX_ATTEMPTS {
            return Err(Failure::GaveUp(cause));
        }
        self.hold = Some(Hold { until: at, why: HoldReason::Failed(cause) });
        Ok(())
    }
}
