//! What goes next, within the budget.

use super::{Engine, Flight, MOST_ACTIVE};
use crate::{
    Action, CredentialSource, FileKey, Millis, Request, RequestId,
    file::{Phase, Step, Work},
    judge::Asked,
    requests,
};
use std::sync::Arc;

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

    /// Sends what can be sent within the budget: first a credential that is waited for, then the steps of files under
    /// way, then new files.
    pub(super) fn pump(&mut self, now: Millis) {
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
    pub(super) fn start_next(&mut self) -> bool {
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
            credential: None,
            bytes: 0,
            sent: 0,
            moved: now,
        });
        self.signing_changed();
    }

    pub(super) fn send_next(&mut self, now: Millis, key: FileKey) {
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
    pub(super) fn refused_by_signer(&mut self, key: FileKey) -> bool {
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
}
