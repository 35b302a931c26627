//! What happens to requests: progress, answers, silence.

use super::{Engine, Flight, MOST_LOOKS, MOST_RENEWALS, MOST_RESTARTS, READINESS, next::most_parts};
use crate::{
    Action, Answer, Cause, CredentialSource, FULL, Failure, FileKey, Millis, Network, RequestId, backoff, broker,
    file::{File, Hold, HoldReason, Inspecting, Phase, Step, Success},
    judge::{Asked, Verdict, judge, judge_timeout},
    parts::Parts,
    story::Event,
};
use std::sync::Arc;
use updock_types::{fields::FileFacts, upload::limits};

impl Engine {
    pub(super) fn take_flight(&mut self, request: RequestId) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.id == request)?;
        Some(self.flights.swap_remove(at))
    }

    pub(super) fn progressed(&mut self, now: Millis, request: RequestId, sent: u64) {
        let (full, budget) = (self.is_full(None), self.budget());
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == request) else { return };
        let sent = sent.min(flight.bytes);
        if sent > flight.sent {
            if full {
                self.pace.moved(now, sent - flight.sent, budget);
            }
            flight.sent = sent;
            flight.moved = now;
            for key in flight.files().collect::<Vec<_>>() {
                self.changed(key);
            }
        }
    }

    pub(super) fn answered(&mut self, now: Millis, request: RequestId, answer: &Answer) {
        let Some(flight) = self.take_flight(request) else { return };
        let Some(key) = flight.file else {
            if FULL && flight.asked == Asked::Group {
                self.group_answered(now, &flight, answer);
            } else {
                self.credential_answered(now, flight.begun, answer);
            }
            return;
        };
        self.pace_answered(now, &flight, answer);
        if matches!(answer, Answer::Uploaded(_) | Answer::Each(_)) && flight.asked == Asked::Direct {
            self.observe_speed(now, &flight);
        }
        if !matches!(answer, Answer::Refused(_) | Answer::Nonsense | Answer::Unreachable | Answer::Unreadable) {
            self.retries.give_back(now);
        }
        if flight.along.is_empty() {
            self.file_answered(now, key, &flight, answer);
        } else {
            self.batch_answered(now, &flight, answer);
        }
    }

    /// What a request's answer says about one of its files.
    pub(super) fn file_answered(&mut self, now: Millis, key: FileKey, flight: &Flight, answer: &Answer) {
        self.changed(key);
        let confirm = self.config.confirm_url.is_some();
        let hold = self.waits_for_group(now);
        let Some(file) = self.file_mut(key) else { return };
        let size = file.size;
        let Some(work) = file.work_mut() else { return };
        work.request = None;
        match (answer, &mut work.step) {
            (Answer::Uploaded(uuid), Step::Direct) => {
                let uuid = *uuid;
                self.tell(now, key, Event::Arrived);
                let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
                work.advance(if confirm { Step::Confirm(uuid) } else { Step::Inspect(uuid, Inspecting::Readiness) });
                work.hold = hold;
            }
            (Answer::Started(started), Step::Start) => {
                match Parts::new(started.uuid, started.parts.clone(), size, flight.part_size) {
                    Some(parts) => {
                        work.advance(Step::Parts(parts));
                        self.begin_journal(key);
                        let parts = u16::try_from(started.parts.len()).unwrap_or(u16::MAX);
                        self.tell(now, key, Event::Started { parts });
                    }
                    None => self.apply(now, key, flight, Verdict::Again(Cause::Nonsense)),
                }
            }
            (Answer::PartStored, Step::Parts(parts)) => {
                work.throttled = 0;
                let Some(outgoing) = flight.part else { return };
                parts.finish(outgoing);
                let whole = parts.all_finished().then_some(parts.uuid);
                if let Some(uuid) = whole {
                    work.advance(Step::Complete(uuid));
                    self.tell(now, key, Event::Arrived);
                }
                self.note_part(key, outgoing.part);
                if whole.is_some() {
                    self.note_completion(key);
                }
            }
            (Answer::Fetch(fetch), Step::Fetch | Step::Fetching(_)) if FULL => self.fetched(now, key, flight, fetch),
            (Answer::Facts(facts), Step::Complete(_) | Step::Inspect(..)) => self.inspected(now, key, facts),
            (Answer::Confirmed(confirmed), Step::Confirm(uuid)) => {
                if confirmed.uuid != *uuid {
                    self.apply(now, key, flight, Verdict::Again(Cause::Nonsense));
                } else if confirmed.size == size {
                    let receipt = confirmed.receipt.as_deref().map(Arc::from);
                    let success = Success { uuid: *uuid, stored: confirmed.stored, confirmed: true, receipt };
                    self.done(now, key, success);
                } else {
                    self.fail(now, key, Failure::SizeDiffers { stored: confirmed.size });
                }
            }
            (_, step) => {
                let verdict = forgiving(judge(flight.asked, answer), step, flight);
                self.apply(now, key, flight, verdict);
            }
        }
    }

    /// Are as many requests in flight as may be, with the one that has just landed? Where all are parts, fewer may be.
    #[inline(never)]
    fn is_full(&self, landed: Option<&Flight>) -> bool {
        let mut parts = landed.map_or(0, |flight| usize::from(flight.part.is_some()));
        for flight in &self.flights {
            parts += usize::from(flight.part.is_some());
        }
        let flights = self.flights.len() + usize::from(landed.is_some());
        flights >= self.window() || parts >= most_parts(self.budget())
    }

    /// What an answer tells about the pace. The signer's own limits are no measure of the line.
    fn pace_answered(&mut self, now: Millis, flight: &Flight, answer: &Answer) {
        let (others, budget) = (self.flights.len(), self.budget());
        let full = self.is_full(Some(flight));
        match answer {
            _ if flight.asked == Asked::Confirm => {}
            Answer::Nonsense | Answer::Unreachable | Answer::Unreadable => {}
            Answer::Refused(refusal) => {
                if matches!(refusal.status, 429 | 503) {
                    self.pace.refused(now, others);
                }
            }
            _ => {
                let delay = (flight.sent == flight.bytes).then(|| now.since(flight.moved));
                if full {
                    self.pace.moved(now, flight.bytes - flight.sent, budget);
                }
                let flying = full.then_some(others + 1);
                self.pace.succeeded(now, flying, flight.bytes, delay, budget);
            }
        }
    }

    /// The service told a file's facts. Never a false success: the size must be what was sent.
    pub(super) fn inspected(&mut self, now: Millis, key: FileKey, facts: &FileFacts) {
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
            self.done(now, key, Success { uuid, stored, confirmed: false, receipt: None });
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

    pub(super) fn credential_answered(&mut self, now: Millis, asked: Millis, answer: &Answer) {
        self.broker.request = None;
        if let Answer::Credential(issued) = answer {
            self.broker.receive(now, asked, issued);
            for key in self.active.clone() {
                if self
                    .file(key)
                    .is_some_and(|file| matches!(&file.phase, Phase::Active(work) if work.needs_credential()))
                {
                    self.tell(now, key, Event::Credential);
                }
            }
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

    pub(super) fn credential_again(&mut self, now: Millis, cause: Cause) {
        // A network that is known to be away costs no attempt.
        if !self.online && matches!(cause, Cause::Network | Cause::Timeout) {
            return;
        }
        if self.broker.usable(now) {
            self.broker.not_before = now.after(self.chance.wait(self.broker.early_failure()));
            return;
        }
        self.broker.failures += 1;
        if self.broker.failures >= broker::MAX_FAILURES {
            self.credential_failed(now, &Failure::CredentialUnavailable { cause });
        } else {
            self.broker.not_before = now.after(self.chance.wait(self.broker.failures));
        }
    }

    /// Nobody gets a credential: every file that waits for one fails, the others go on.
    pub(super) fn credential_failed(&mut self, now: Millis, failure: &Failure) {
        self.broker.failures = 0;
        self.broker.not_before = now;
        if self.broker.usable(now) {
            self.broker.stop_renewing();
            return;
        }
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
    pub(super) fn signing_changed(&mut self) {
        for key in self.active.clone() {
            self.changed(key);
        }
    }

    /// Does what a verdict says.
    pub(super) fn apply(&mut self, now: Millis, key: FileKey, flight: &Flight, verdict: Verdict) {
        let wait = self.chance.wait(flight.part.map_or_else(
            || self.file(key).map_or(1, |file| if let Phase::Active(work) = &file.phase { work.failed + 1 } else { 1 }),
            |part| part.failed + 1,
        ));
        let wait = self.pay_retry(now, &verdict, wait);
        self.apply_after(now, key, flight, verdict, wait);
    }

    /// What is tried again waits longer when the page has tried too much of late.
    pub(super) fn pay_retry(&mut self, now: Millis, verdict: &Verdict, wait: Millis) -> Millis {
        let costs = matches!(verdict, Verdict::Again(_)) && self.online;
        if costs { wait.max(self.retries.take(now)) } else { wait }
    }

    /// Does what a verdict says; what is tried again waits as long as told.
    pub(super) fn apply_after(&mut self, now: Millis, key: FileKey, flight: &Flight, verdict: Verdict, wait: Millis) {
        let online = self.online;
        let signs = self.config.credentials != CredentialSource::None;
        if let (Verdict::Renew { .. }, Some(generation)) = (&verdict, flight.credential) {
            self.broker.refused(generation);
        }
        let multipart = self.file(key).is_some_and(|file| file.size >= limits::MULTIPART_MIN_SIZE);
        self.tell_verdict(now, key, flight, &verdict, wait);
        let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
        work.request = None;
        let failure = match verdict {
            Verdict::Fail(failure) => failure,
            // A network that is known to be away costs no attempt.
            Verdict::Again(Cause::Network | Cause::Timeout) if !online => {
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
            Verdict::Restart(cause) if work.resumed => {
                work.resumed = false;
                let Step::Parts(Parts { uuid, .. }) = work.step else {
                    return self.apply(now, key, flight, Verdict::Restart(cause));
                };
                self.call_back(now, key);
                if let Some(work) = self.file_mut(key).and_then(File::work_mut) {
                    work.advance(Step::Inspect(uuid, Inspecting::Resumption));
                }
                return;
            }
            Verdict::Restart(cause) => {
                work.restarted += 1;
                if work.restarted <= MOST_RESTARTS && multipart {
                    let restarted = work.restarted;
                    self.call_back(now, key);
                    self.end_journal(key);
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
                if !online && matches!(cause, Cause::Network | Cause::Timeout) {
                    return;
                }
                match work.try_again(now.after(wait), cause) {
                    Ok(()) => return,
                    Err(failure) => failure,
                }
            }
            Verdict::CompleteAgain if matches!(work.step, Step::Inspect(_, Inspecting::Resumption)) => {
                return self.apply(now, key, flight, Verdict::Restart(Cause::Server(404)));
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

    pub(super) fn done(&mut self, now: Millis, key: FileKey, success: Success) {
        self.tell(now, key, Event::Done);
        self.retire(key);
        self.end_journal(key);
        if let Some(file) = self.file_mut(key) {
            file.phase = Phase::Done(success);
        }
        self.changed(key);
        self.actions.push_back(Action::Release(key));
    }

    pub(super) fn fail(&mut self, now: Millis, key: FileKey, failure: Failure) {
        self.call_back(now, key);
        self.tell(now, key, Event::Failed(failure.code()));
        if failure.ends_upload() {
            self.end_journal(key);
        }
        let mut failure = Some(failure);
        self.rephase(key, &mut |work| Phase::Failed(failure.take().unwrap_or(Failure::Cancelled), work));
    }

    pub(super) fn network(&mut self, now: Millis, network: Network) {
        let online = network == Network::Online;
        let news = online != self.online;
        self.online = online;
        self.pace.forget();
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
            if news {
                self.tell(now, key, if online { Event::Online } else { Event::Offline });
            }
            self.changed(key);
        }
        if self.online {
            self.broker.not_before = self.broker.not_before.min(now);
        }
    }

    pub(super) fn time_out(&mut self, now: Millis) {
        self.time_out_checks(now);
        while let Some(at) = self.flights.iter().position(|flight| flight.times_out_at() <= now) {
            let flight = self.flights.swap_remove(at);
            self.actions.push_back(Action::Abort(flight.id));
            match flight.file {
                Some(key) => {
                    self.changed(key);
                    self.pace.refused(now, self.flights.len());
                    self.apply_all(now, &flight, judge_timeout(flight.asked));
                }
                None if FULL && flight.asked == Asked::Group => self.group_timed_out(now, &flight),
                None => {
                    self.broker.request = None;
                    self.credential_again(now, Cause::Timeout);
                    self.signing_changed();
                }
            }
        }
    }
}

pub(super) fn asked_wait(asked: Option<Millis>) -> Millis {
    asked.unwrap_or(backoff::THROTTLED).min(backoff::LONGEST_WAIT)
}

/// One 403 may be a proxy's mood, and costs a part. Addresses that have expired refuse that part again, or another one
/// meanwhile, and only then the whole upload is begun anew.
fn forgiving(verdict: Verdict, step: &Step, flight: &Flight) -> Verdict {
    match (verdict, step, flight.part) {
        (Verdict::Restart(cause @ Cause::Server(403)), Step::Parts(parts), Some(part))
            if part.failed == 0 && !parts.waits_after(cause) =>
        {
            Verdict::Again(cause)
        }
        (verdict, ..) => verdict,
    }
}
