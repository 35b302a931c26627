//! A group of all files, in the order of the list, once all are there.
//!
//! Its answer holds what the service knows of every file: where there is no signer to confirm them, files that arrived
//! wait a moment for the others and are all verified by it, with one request instead of one each.

use super::{Engine, Flight, answers::asked_wait};
use crate::{
    Action, Answer, CredentialSource, Failure, FileKey, Hears, Millis, RequestId, WhenDone, backoff,
    broker::Generation,
    file::{Hold, HoldReason, Inspecting, Phase, Step, Work},
    judge::{Asked, Verdict, judge, judge_timeout},
    requests,
};
use std::sync::Arc;
use updock_types::{FileUuid, GroupId, fields::Grouped};

/// How long a file that has arrived waits to be verified with all others.
const TOGETHER: Millis = Millis(1_500);

/// The group of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Group {
    /// None is wanted, or not all files are there yet.
    #[default]
    None,
    /// The service is asked.
    Making,
    /// It is there, and holds the files of the list as it was then, in their order.
    Made {
        /// Its id.
        id: GroupId,
        /// Where the CDN serves it.
        cdn_url: Arc<str>,
    },
    /// It could not be made; [`crate::Command::Retry`] for all tries again.
    Failed(Failure),
}

/// The work on it.
#[derive(Default)]
pub(super) struct Grouping {
    pub(super) group: Group,
    /// Of which files.
    of: Vec<FileUuid>,
    request: Option<RequestId>,
    not_before: Millis,
    failed: u32,
    throttled: u32,
    renewed: u32,
}

impl Engine {
    /// The group of all files, if [`crate::Config::when_done`] wants one.
    pub fn group(&self) -> &Group {
        &self.grouping.group
    }

    fn wants_group(&self) -> bool {
        self.config.when_done != WhenDone::Nothing
    }

    /// What a file that has arrived waits for before it is looked at alone.
    pub(super) fn waits_for_group(&self, now: Millis) -> Option<Hold> {
        let together = self.wants_group() && self.config.confirm_url.is_none();
        together.then(|| Hold { until: now.after(TOGETHER), why: HoldReason::Readiness })
    }

    /// The files of the list in order, if all have arrived and there is one.
    fn arrived(&self) -> Option<Vec<FileUuid>> {
        if !self.wants_group() || self.queue.len() > 0 || !self.active_works().all(has_arrived) {
            return None;
        }
        let mut files = Vec::new();
        for file in self.order.iter().filter_map(|key| self.file(*key)) {
            match &file.phase {
                Phase::Done(done) => files.push(done.uuid),
                Phase::Active(work) => match work.step {
                    Step::Inspect(uuid, _) => files.push(uuid),
                    _ => return None,
                },
                Phase::Rejected(_) => {}
                _ => return None,
            }
        }
        (!files.is_empty()).then_some(files)
    }

    /// Files of which a group is to be made now, a credential aside.
    pub(super) fn group_due(&self) -> Option<Vec<FileUuid>> {
        if self.grouping.request.is_some() {
            return None;
        }
        let files = self.arrived()?;
        let settled = matches!(self.grouping.group, Group::Made { .. } | Group::Failed(_));
        (!settled || files != self.grouping.of).then_some(files)
    }

    pub(super) fn group_needs_credential(&self, now: Millis) -> bool {
        self.config.credentials != CredentialSource::None
            && self.broker.show(now).is_none()
            && self.group_due().is_some()
    }

    /// When it may be asked for.
    pub(super) fn group_at(&self) -> Option<Millis> {
        self.group_due().map(|_| self.grouping.not_before)
    }

    /// Asks for the group if it is time; `false` when there is nothing to do.
    pub(super) fn ask_group(&mut self, now: Millis) -> bool {
        if self.grouping.not_before > now || self.group_needs_credential(now) {
            return false;
        }
        let Some(files) = self.group_due() else {
            return false;
        };
        if files != self.grouping.of {
            self.grouping = Grouping { of: files, ..Grouping::default() };
        }
        let id = self.next_id();
        let (credential, generation): (_, Option<Generation>) = self.broker.show(now).unzip();
        let request = requests::group(id, &self.config, &self.grouping.of, credential);
        self.grouping.group = Group::Making;
        self.grouping.request = Some(id);
        self.actions.push_back(Action::Send(request));
        self.flights.push(Flight {
            id,
            file: None,
            along: Vec::new(),
            asked: Asked::Group,
            part: None,
            part_size: 0,
            credential: generation,
            bytes: 0,
            sent: 0,
            hears: Hears::Nothing,
            begun: now,
            moved: now,
        });
        true
    }

    pub(super) fn group_answered(&mut self, now: Millis, flight: &Flight, answer: &Answer) {
        self.grouping.request = None;
        if let Answer::Grouped(Grouped { id, cdn_url, files }) = answer {
            self.grouping.group = Group::Made { id: *id, cdn_url: cdn_url.as_str().into() };
            let arrived: Vec<(FileKey, FileUuid)> = self.active.iter().filter_map(|key| self.waits(*key)).collect();
            for (key, uuid) in arrived {
                if let Some(facts) = files.iter().find(|facts| facts.uuid == uuid) {
                    self.inspected(now, key, facts);
                }
                self.changed(key);
            }
            // One of them is not what was sent: this is not the group of the list.
            if self.arrived().as_ref() != Some(&self.grouping.of) {
                self.grouping.group = Group::None;
            }
        } else {
            self.group_failed(now, flight, judge(Asked::Group, answer));
        }
    }

    pub(super) fn group_timed_out(&mut self, now: Millis, flight: &Flight) {
        self.grouping.request = None;
        self.group_failed(now, flight, judge_timeout(Asked::Group));
    }

    /// A person wants another try.
    pub(super) fn retry_group(&mut self) {
        if matches!(self.grouping.group, Group::Failed(_)) {
            self.grouping = Grouping::default();
        }
    }

    fn waits(&self, key: FileKey) -> Option<(FileKey, FileUuid)> {
        match &self.file(key)?.phase {
            Phase::Active(work) if has_arrived(work) => match work.step {
                Step::Inspect(uuid, _) => Some((key, uuid)),
                _ => None,
            },
            _ => None,
        }
    }

    fn group_failed(&mut self, now: Millis, flight: &Flight, verdict: Verdict) {
        let grouping = &mut self.grouping;
        grouping.group = Group::None;
        let failure = match verdict {
            Verdict::Fail(failure) => failure,
            Verdict::Wait(asked) => {
                grouping.throttled += 1;
                grouping.not_before = now.after(asked_wait(asked));
                if grouping.throttled <= backoff::MAX_THROTTLES {
                    return;
                }
                Failure::Throttled
            }
            Verdict::Renew { detail } => {
                grouping.renewed += 1;
                if let Some(generation) = flight.credential {
                    self.broker.refused(generation);
                }
                if grouping.renewed <= super::MOST_RENEWALS && flight.credential.is_some() {
                    return;
                }
                Failure::CredentialRefused { detail: detail.as_str().into() }
            }
            Verdict::Again(cause) | Verdict::Restart(cause) | Verdict::Inspect(cause) => {
                grouping.failed += 1;
                let failed = grouping.failed;
                grouping.not_before = now.after(self.chance.wait(failed));
                if failed < backoff::MAX_ATTEMPTS {
                    return;
                }
                Failure::GaveUp(cause)
            }
            Verdict::CompleteAgain => Failure::Lost,
        };
        self.grouping.group = Group::Failed(failure);
    }
}

/// Is it there, and only its readiness is not known yet?
fn has_arrived(work: &Work) -> bool {
    matches!(work.step, Step::Inspect(_, Inspecting::Readiness)) && work.request.is_none()
}
