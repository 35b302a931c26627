//! The engine itself: applies inputs, decides what goes next, and keeps rows true.

mod answers;
mod batch;
mod commands;
mod fetch;
mod group;
mod list;
mod next;
mod resume;
mod show;
mod tell;

use crate::{
    Action, Config, FileKey, Hears, Input, Millis, NewFile, RequestId, Row, Snapshot, Start, Stir, Totals,
    backoff::{Chance, Retries},
    broker::{Broker, Generation},
    file::{Diary, File, Phase, Step, Work},
    judge::Asked,
    pace::Pace,
    parts::Outgoing,
    queue::Queue,
};
use batch::{Along, Speed};
pub use group::Group;
use group::Grouping;
use list::Seen;
use std::{collections::VecDeque, sync::Arc};
use updock_types::{
    policy::{Refusal, UploadPolicy},
    upload::limits,
};

/// Nothing of a body has left for so long, so that there is no connection: broken off.
const CONNECT: Millis = Millis(20_000);
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
/// Files under way at once: those with bytes to send, and all together. The rest waits for the server to be ready.
const MOST_SENDING: usize = 12;
const MOST_ACTIVE: usize = 64;
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
    /// What it was given of a budget that it shares with others.
    share: u8,
    now: Millis,
    files: Vec<Option<Box<File>>>,
    order: Vec<FileKey>,
    queue: Queue,
    active: Vec<FileKey>,
    /// Rows that need a file, and rows whose file is being compared; some that are so no more.
    needy: Vec<FileKey>,
    flights: Vec<Flight>,
    broker: Broker,
    pace: Pace,
    speed: Speed,
    grouping: Grouping,
    seen: Seen,
    retries: Retries,
    next_request: u32,
    actions: VecDeque<Action>,
    changes: Vec<FileKey>,
    gone: Vec<Arc<Row>>,
    stir: Stir,
    totals: Totals,
}

/// A request in flight.
struct Flight {
    id: RequestId,
    /// The file that it is for; none for a credential.
    file: Option<FileKey>,
    /// More files that share it.
    along: Vec<Along>,
    asked: Asked,
    part: Option<Outgoing>,
    /// What the parts of the upload that it starts are to have.
    part_size: u64,
    credential: Option<Generation>,
    /// Bytes of files that it carries, and how many of them have left.
    bytes: u64,
    sent: u64,
    hears: Hears,
    begun: Millis,
    moved: Millis,
}

impl Flight {
    pub(super) fn times_out_at(&self) -> Millis {
        let limit = match self.asked {
            Asked::Credential | Asked::Confirm => SIGNER_ANSWER,
            _ if self.sent < self.bytes => match self.hears {
                Hears::Bytes if self.sent == 0 => CONNECT,
                _ => STALL,
            },
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
            share: u8::MAX,
            now: Millis(0),
            files: Vec::new(),
            order: Vec::new(),
            queue: Queue::default(),
            active: Vec::new(),
            needy: Vec::new(),
            flights: Vec::new(),
            broker: Broker::default(),
            pace: Pace::new(),
            speed: Speed::default(),
            grouping: Grouping::default(),
            seen: Seen::default(),
            retries: Retries::default(),
            next_request: 0,
            actions: VecDeque::new(),
            changes: Vec::new(),
            gone: Vec::new(),
            stir: Stir::Nothing,
            totals: Totals::default(),
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
            Input::FilesAdded(files) => self.add(now, files),
            #[cfg(feature = "full")]
            Input::UrlsAdded(urls) => self.add_urls(urls),
            #[cfg(feature = "full")]
            Input::Replaced { row, file } => self.replace(now, row, file),
            Input::Command(command) => self.command(now, command),
            Input::Progressed { request, sent } => self.progressed(now, request, sent),
            Input::Answered { request, answer } => self.answered(now, request, &answer),
            Input::Network(network) => self.network(now, network),
            Input::Budget(budget) => self.share = budget,
            Input::Configured(config) => self.configure(*config),
            Input::Recovered(found) => self.recover(found),
            Input::Fingerprinted { file, fingerprint } => self.fingerprinted(file, fingerprint),
            Input::Chosen { row, file } => self.chosen(now, row, &file),
            Input::NotOpened(row) => self.not_opened(row),
            Input::JournalFailed(upload) => self.journal_failed(upload),
            #[cfg(feature = "full")]
            Input::Moved { file, before } => self.move_to(file, before),
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
        let flights = self.flights.iter().map(Flight::times_out_at).chain(self.checks_end_at());
        if !self.online {
            return flights.min();
        }
        let works = self.active_works().filter_map(Work::wakes_at);
        let asks = self.wants_credential(self.now) || self.wants_renewal(self.now);
        let broker = if asks { self.broker.may_ask_at() } else { self.renews_at() };
        // What is due already waits for something else: the budget, an answer.
        let due = |at: &Millis| *at > self.now;
        flights.chain(works.chain(broker).chain(self.group_at()).filter(due)).min()
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

    /// How much rows have changed since the last call: how soon [`Self::take_changes`] is worth asking.
    pub fn take_stir(&mut self) -> Stir {
        std::mem::take(&mut self.stir)
    }

    /// Sums over the list.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The whole list.
    pub fn snapshot(&self) -> Snapshot {
        let rows = self.order.iter().filter_map(|key| self.file(*key).map(|file| Arc::clone(&file.row))).collect();
        Snapshot { rows, totals: self.totals() }
    }

    /// Is a file under way, or does one wait for its turn? Only then does it want a share of a budget.
    pub fn is_busy(&self) -> bool {
        self.totals.active > 0 || !self.flights.is_empty()
    }

    /// Would bytes be lost if this engine ended now: is a file under way whose upload is not written down?
    pub fn would_lose(&self) -> bool {
        self.files.iter().flatten().any(|file| {
            let moves =
                matches!(file.phase, Phase::Queued(_) | Phase::Active(_) | Phase::Paused(_) | Phase::Checking(..));
            moves && !matches!(file.diary, Diary::Open(..))
        })
    }

    /// Requests in flight; never more than the budget.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    // Files

    pub(super) fn file(&self, key: FileKey) -> Option<&File> {
        self.files.get(key.0 as usize)?.as_deref()
    }

    pub(super) fn file_mut(&mut self, key: FileKey) -> Option<&mut File> {
        self.files.get_mut(key.0 as usize)?.as_deref_mut()
    }

    pub(super) fn active_works(&self) -> impl Iterator<Item = &Work> {
        self.active.iter().filter_map(|key| match &self.file(*key)?.phase {
            Phase::Active(work) => Some(&**work),
            _ => None,
        })
    }

    pub(super) fn changed(&mut self, key: FileKey) {
        if let Some(file) = self.file_mut(key)
            && !file.changed
        {
            file.changed = true;
            self.changes.push(key);
        }
    }

    pub(super) fn add(&mut self, now: Millis, files: Vec<NewFile>) {
        let mut present = self.present();
        for new in files {
            let key = self.next_key();
            if self.adopted(now, key, &new) {
                present += 1;
                continue;
            }
            let phase = match self.may_add(&new.name, new.size, &new.media_type, present) {
                Err(refusal) => Phase::Rejected(refusal),
                Ok(()) => match self.config.start {
                    Start::AtOnce => Phase::Queued(self.first_work(new.size)),
                    Start::OnCommand => Phase::Ready,
                },
            };
            present += u32::from(!matches!(phase, Phase::Rejected(_)));
            let same_as = self.same_as(key, &new);
            let mut file = File::new(key, &new, phase);
            Arc::make_mut(&mut file.row).same_as = same_as;
            self.enlist(key, file);
        }
    }

    /// Files of the list that are here and not rejected.
    pub(super) fn present(&self) -> u32 {
        self.totals.files - self.totals.rejected - self.totals.needs_file
    }

    /// Does the page's policy let one more file in, beside so many others?
    pub(super) fn may_add(&self, name: &str, size: u64, media_type: &str, present: u32) -> Result<(), Refusal> {
        let policy = &self.config.policy;
        policy.check(name, size, media_type).and_then(|()| policy.check_count(present))
    }

    /// A new row at the end.
    pub(super) fn enlist(&mut self, key: FileKey, mut file: File) {
        file.added = self.now;
        self.totals.swap(&Totals::default(), &Totals::of(&file.row));
        self.files.push(Some(Box::new(file)));
        self.order.push(key);
        self.enqueue(key);
        self.changed(key);
    }

    pub(super) fn first_work(&self, size: u64) -> Box<Work> {
        let from = self.config.multipart_from.clamp(limits::MULTIPART_MIN_SIZE, limits::DIRECT_MAX_SIZE);
        Box::new(Work::new(if size >= from { Step::Start } else { Step::Direct }))
    }

    pub(super) fn configure(&mut self, config: Config) {
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
}
