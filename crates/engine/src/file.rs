//! One file: where it is on its way, and the row that shows it.

use crate::{
    Cause, Digest, Failure, FileKey, FileOptions, Millis, Need, NewFile, RequestId, Row, RowState, WaitReason, backoff,
    judge::Asked, parts::Parts, queue::Turn, story::Story,
};
use std::sync::Arc;
use updock_types::{FileUuid, policy::Refusal};

/// A file of the list.
pub(crate) struct File {
    pub(crate) size: u64,
    /// Milliseconds since 1970; 0 when unknown.
    pub(crate) modified: u64,
    pub(crate) phase: Phase,
    /// What is written down about it, once it travels in parts.
    pub(crate) diary: Diary,
    /// What to say about it.
    pub(crate) options: Option<Arc<FileOptions>>,
    /// Where the service is to fetch it; none if its bytes are here.
    pub(crate) remote: Option<Box<Remote>>,
    /// The row as last shown. Its `sent` is the high-water mark of progress.
    pub(crate) row: Arc<Row>,
    /// When it was added.
    pub(crate) added: Millis,
    /// What happened since, if anything did.
    pub(crate) story: Option<Box<Story>>,
    /// Is it among the changes to be shown?
    pub(crate) changed: bool,
}

/// A file that the service fetches.
pub(crate) struct Remote {
    pub(crate) url: String,
    pub(crate) name: Option<String>,
}

/// Where a file is. Each state holds exactly the data that is true in it.
pub(crate) enum Phase {
    Rejected(Refusal),
    Ready,
    Queued(Box<Work>),
    Active(Box<Work>),
    Paused(Box<Work>),
    /// Its upload began before this engine; the file is to come.
    Needs(Need, Box<Work>),
    /// A file has come for it, and is being compared.
    Checking(Check, Box<Work>),
    Done(Success),
    /// With what can be taken up again on a retry.
    Failed(Failure, Box<Work>),
    Removed,
}

/// A file that is being compared with the one an upload began with.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    pub(crate) came: Came,
    pub(crate) then: Then,
    /// The driver has so long.
    pub(crate) until: Millis,
}

/// How a file came to a row that needs one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// Among added files: if it is another one, it is uploaded all the same, from its start.
    Added,
    /// For this row: if it is another one, it is refused.
    Chosen,
}

/// What happens after the comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Pause,
}

/// What is written down about a file.
#[derive(Default)]
pub(crate) enum Diary {
    /// Nothing yet.
    #[default]
    None,
    /// Its fingerprint is being taken.
    Asked,
    /// It can be written.
    Closed(Digest),
    /// This upload is written.
    Open(Digest, FileUuid),
    /// It cannot be written.
    Off,
}

/// How a file is done.
#[derive(Clone)]
pub(crate) struct Success {
    pub(crate) uuid: FileUuid,
    pub(crate) stored: bool,
    pub(crate) confirmed: bool,
    pub(crate) receipt: Option<Arc<str>>,
}

/// What is left to do for a file.
pub(crate) struct Work {
    pub(crate) step: Step,
    /// When it is due among the others.
    pub(crate) turn: Turn,
    /// The request in flight, if the step has one. Parts fly apart.
    pub(crate) request: Option<RequestId>,
    /// Why and until when it waits.
    pub(crate) hold: Option<Hold>,
    /// Failures of this step in a row.
    pub(crate) failed: u32,
    /// Times it was asked to wait.
    pub(crate) throttled: u32,
    /// Times it was looked at and found not ready.
    pub(crate) looks: u32,
    /// Times its credential was refused in a row.
    pub(crate) renewed: u32,
    /// Times its multipart upload was started anew.
    pub(crate) restarted: u32,
    /// Its upload began before this engine, so that more may have happened to it than is known.
    pub(crate) resumed: bool,
    /// With how many files it may share a request.
    pub(crate) together: u8,
    /// The service wants a credential even where it usually takes none.
    pub(crate) signed: bool,
}

/// What comes next.
pub(crate) enum Step {
    /// `POST /base/`.
    Direct,
    /// `POST /from_url/`.
    Fetch,
    /// `GET /from_url/status/`.
    Fetching(Box<Fetching>),
    /// `POST /multipart/start/`.
    Start,
    /// Parts.
    Parts(Parts),
    /// `POST /multipart/complete/`.
    Complete(FileUuid),
    /// `GET /info/`.
    Inspect(FileUuid, Inspecting),
    /// The signer's confirmation.
    Confirm(FileUuid),
}

/// A file on its way to the service from elsewhere.
pub(crate) struct Fetching {
    pub(crate) token: String,
    /// Bytes that the service has.
    pub(crate) done: u64,
    /// How often it was asked after.
    pub(crate) looks: u32,
}

/// Why a file is inspected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inspecting {
    /// To learn its size, and when it is ready.
    Readiness,
    /// To learn whether a completion whose answer was lost took place.
    Completion,
    /// Storage does not take parts any more: to learn whether everything took place before this engine.
    Resumption,
}

/// A wait.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) until: Millis,
    pub(crate) why: HoldReason,
}

#[derive(Clone, Copy)]
pub(crate) enum HoldReason {
    Failed(Cause),
    Throttled,
    Readiness,
    Fetching,
}

impl Work {
    pub(crate) fn new(step: Step) -> Self {
        Self {
            step,
            turn: Turn::UNSET,
            request: None,
            hold: None,
            failed: 0,
            throttled: 0,
            looks: 0,
            renewed: 0,
            restarted: 0,
            resumed: false,
            together: u8::MAX,
            signed: false,
        }
    }

    /// Goes on to `step`; what went wrong before is forgotten.
    pub(crate) fn advance(&mut self, step: Step) {
        self.step = step;
        self.request = None;
        self.hold = None;
        self.failed = 0;
        self.throttled = 0;
        self.looks = 0;
        self.renewed = 0;
        self.together = u8::MAX;
    }

    /// Takes up after a failure or cancel, as a person asked.
    pub(crate) fn renew(&mut self) {
        self.hold = None;
        self.request = None;
        self.turn = Turn::UNSET;
        (self.failed, self.throttled, self.looks, self.renewed, self.restarted) = (0, 0, 0, 0, 0);
        if let Step::Parts(parts) = &mut self.step {
            parts.forgive();
        }
    }

    /// Another attempt of the same step at `at`, unless there were enough.
    pub(crate) fn try_again(&mut self, at: Millis, cause: Cause) -> Result<(), Failure> {
        self.failed += 1;
        if self.failed >= backoff::MAX_ATTEMPTS {
            return Err(Failure::GaveUp(cause));
        }
        self.hold = Some(Hold { until: at, why: HoldReason::Failed(cause) });
        Ok(())
    }

    /// Does the next request carry a credential?
    pub(crate) fn needs_credential(&self) -> bool {
        matches!(self.step, Step::Direct | Step::Fetch | Step::Start)
            || self.signed && matches!(self.step, Step::Complete(_))
    }

    /// Have all its bytes left?
    pub(crate) fn delivered(&self) -> bool {
        matches!(self.step, Step::Fetching(_) | Step::Complete(_) | Step::Inspect(..) | Step::Confirm(_))
    }

    /// Bytes of the file that the next request carries, about.
    pub(crate) fn next_bytes(&self, size: u64) -> u64 {
        match &self.step {
            Step::Direct => size,
            Step::Parts(parts) => parts.part_size(),
            _ => 0,
        }
    }

    /// Which request comes next.
    pub(crate) fn asks(&self) -> Asked {
        match self.step {
            Step::Direct => Asked::Direct,
            Step::Fetch | Step::Fetching(_) => Asked::Fetch,
            Step::Start => Asked::Start,
            Step::Parts(_) => Asked::Part,
            Step::Complete(_) => Asked::Complete,
            Step::Inspect(..) => Asked::Inspect,
            Step::Confirm(_) => Asked::Confirm,
        }
    }

    fn held(&self, now: Millis) -> bool {
        self.hold.is_some_and(|hold| hold.until > now)
    }

    /// Could a request of it go at `now`, credential and budget aside?
    pub(crate) fn ready(&self, now: Millis, most_parts: usize) -> bool {
        if self.held(now) {
            return false;
        }
        match &self.step {
            Step::Parts(parts) => parts.flying() < most_parts && parts.ready(now),
            _ => self.request.is_none(),
        }
    }

    /// When it becomes ready by time alone.
    pub(crate) fn wakes_at(&self) -> Option<Millis> {
        match (&self.hold, &self.step) {
            (Some(hold), _) => Some(hold.until),
            (None, Step::Parts(parts)) => parts.waits().map(|wait| wait.0),
            (None, _) => None,
        }
    }

    /// Bytes that are surely with the service.
    pub(crate) fn kept_bytes(&self, size: u64) -> u64 {
        match &self.step {
            Step::Direct | Step::Fetch | Step::Start => 0,
            Step::Fetching(fetching) => fetching.done,
            Step::Parts(parts) => parts.finished_bytes(),
            Step::Complete(_) | Step::Inspect(..) | Step::Confirm(_) => size,
        }
    }

    /// The state a row shows. `sent_all`: has every byte of a direct upload left? `signing`: is the credential that it
    /// needs still to come?
    pub(crate) fn shown(&self, now: Millis, offline: bool, signing: bool, sent_all: bool) -> RowState {
        let flying = self.request.is_some() || matches!(&self.step, Step::Parts(parts) if parts.flying() > 0);
        if offline && !flying {
            return RowState::Waiting(WaitReason::Offline);
        }
        if let Some(hold) = self.hold.filter(|hold| hold.until > now && !flying) {
            return match hold.why {
                HoldReason::Failed(cause) => RowState::Retrying { attempt: self.failed + 1, at: hold.until, cause },
                HoldReason::Throttled => RowState::Waiting(WaitReason::Throttled(hold.until)),
                HoldReason::Readiness => RowState::Processing,
                HoldReason::Fetching => RowState::Uploading,
            };
        }
        match &self.step {
            Step::Direct | Step::Fetch | Step::Start if signing && !flying => RowState::Waiting(WaitReason::Signing),
            Step::Direct if sent_all => RowState::Processing,
            Step::Direct | Step::Fetch | Step::Fetching(_) | Step::Start => RowState::Uploading,
            Step::Parts(parts) => match parts.waits() {
                Some((at, failed, Some(cause))) if !flying && !parts.ready(now) => {
                    RowState::Retrying { attempt: failed + 1, at, cause }
                }
                _ => RowState::Uploading,
            },
            Step::Complete(_) | Step::Inspect(..) | Step::Confirm(_) => RowState::Processing,
        }
    }
}

impl File {
    pub(crate) fn new(key: FileKey, new: &NewFile, phase: Phase) -> Self {
        let NewFile { size, modified, .. } = *new;
        let (name, media_type) = (new.name.as_str().into(), new.media_type.as_str().into());
        let row = Row { key, name, size, media_type, sent: 0, same_as: None, state: RowState::Reading };
        Self {
            size,
            modified,
            phase,
            diary: Diary::None,
            options: new.options.clone(),
            remote: None,
            row: Arc::new(row),
            added: Millis(0),
            story: None,
            changed: false,
        }
    }

    /// The row in another state. Rows that were shown never change.
    pub(crate) fn row_as(&self, state: RowState, sent: u64) -> Arc<Row> {
        let (key, size) = (self.row.key, self.size);
        let (name, media_type) = (Arc::clone(&self.row.name), Arc::clone(&self.row.media_type));
        let same_as = self.row.same_as;
        Arc::new(Row { key, name, size, media_type, sent, same_as, state })
    }

    pub(crate) fn work_mut(&mut self) -> Option<&mut Work> {
        match &mut self.phase {
            Phase::Active(work) => Some(work),
            _ => None,
        }
    }

    /// Takes the work out of whatever phase holds some, leaving `Removed`; the caller sets the next phase.
    pub(crate) fn take_work(&mut self) -> Option<Box<Work>> {
        match std::mem::replace(&mut self.phase, Phase::Removed) {
            Phase::Queued(work)
            | Phase::Active(work)
            | Phase::Paused(work)
            | Phase::Needs(_, work)
            | Phase::Checking(_, work)
            | Phase::Failed(_, work) => Some(work),
            other => {
                self.phase = other;
                None
            }
        }
    }
}
