//! A world for the engine: a virtual clock, a network with latency, bandwidth, loss and faults, and a model of the
//! Upload API and of the signer. For our own tests, and for whoever writes a driver or a policy and wants to see what
//! the engine does with it. Behind the feature `simulator`.
//!
//! Requests are read as a server would read them, from their URLs and fields, so that what is checked is what really
//! goes over the wire. The world holds the engine to its [`Promise`]s on every step and panics when one is broken;
//! that is what it is for. Everything is deterministic: the same calls give the same world.
//!
//! ```
//! use updock_engine::simulator::{Endpoint, Fault, Link, World};
//! use updock_engine::{Millis, RowState};
//!
//! let mut world = World::new(|_| {}).fault(Endpoint::Part, 3, Fault::Status(503));
//! world.link = Link { bytes_per_second: Some(12_500_000), ..Link::default() }; // 100 Mbit/s
//! let files = world.add(&[64 * 1024 * 1024]);
//! world.run();
//! assert!(matches!(world.state(files[0]), RowState::Done { .. }));
//! assert!(world.now < Millis(6_500));
//! ```

mod journal;
mod kill;
mod link;
mod promise;
mod service;

pub use journal::{Damage, Lists, OnDisk};
pub use kill::{Excused, Kill, Then};
pub use link::Link;
pub use promise::Promise;
pub use service::{Endpoint, Fault};

use crate::{
    Action, Answer, Command, Config, CredentialSource, Engine, FileKey, FileOptions, Fingerprint, Hears, Input,
    Journal, Millis, Network, NewFile, NewUrl, Reach, Recovered, Request, RequestId, Row, RowState, ServerRefusal,
    Which,
};
use link::{Connection, News, Transfer};
use promise::keep;
use service::{Service, Wanted};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use updock_types::{FileUuid, PublicKey};

/// Steps after which a run counts as endless.
const ENDLESS: u32 = 2_000_000;

/// A request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Millis,
    /// To where.
    pub endpoint: Endpoint,
    /// With which file's bytes; the first one's of a batch.
    pub file: Option<FileKey>,
    /// With how many files.
    pub files: usize,
    /// Which part, from 0.
    pub part: Option<usize>,
}

/// An engine and everything around it.
pub struct World {
    /// The engine, to be looked at.
    pub engine: Engine,
    /// The time.
    pub now: Millis,
    /// The rows as last shown.
    pub rows: BTreeMap<FileKey, Arc<Row>>,
    /// Every request sent.
    pub sent: Vec<Sent>,
    /// Every action with its time, from [`Self::recording`] on; two worlds that did the same have the same.
    pub trace: Option<Vec<String>>,
    /// The way to the server.
    pub link: Link,
    /// The Upload API and the signer.
    pub service: Service,
    /// How fast fingerprints are taken.
    pub fingerprinting: Fingerprinting,
    /// Can the journal be written?
    pub journaling: Journaling,
    /// What may be sent a second time because of kills.
    pub excused: Excused,
    /// Uploads that nobody takes up again: shown as done, or excused.
    over: BTreeSet<FileUuid>,
    config: Config,
    kills: u64,
    /// When this engine began; its own clock began then.
    epoch: Millis,
    /// By how much the wall clock was moved.
    wall_moved: i64,
    /// The engine is being killed: so many actions of it are still done.
    dies_after: Option<usize>,
    lists: Lists,
    fingerprints: BTreeMap<FileKey, Millis>,
    /// Requests that came to nothing by the engine's own doing: refused because there were too many at once, or broken
    /// off without a person asking for it.
    pub wasted: usize,
    flights: BTreeMap<RequestId, Flight>,
    budget: usize,
    released: BTreeSet<FileKey>,
    stopped: BTreeSet<FileKey>,
    /// Parts whose storage the engine was told of.
    acknowledged: BTreeSet<(FileUuid, usize)>,
    /// The last of them, while the engine is at it.
    fresh: Option<(FileUuid, usize)>,
    files: BTreeMap<FileKey, OnDisk>,
    /// Files that the service fetches.
    elsewhere: BTreeSet<FileKey>,
    /// Keys of added files whose rows have others.
    adopted: BTreeMap<FileKey, FileKey>,
    /// Connections that are kept alive, by what they lead to.
    kept: BTreeMap<Host, Vec<Connection>>,
}

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Api,
    Storage,
}

/// How fast fingerprints are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fingerprinting {
    /// Within this time.
    Within(Millis),
    /// They cannot be taken.
    Unavailable,
    /// The driver never answers.
    Never,
}

/// Can the journal be written?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journaling {
    /// Yes.
    Works,
    /// It is full, or forbidden.
    Fails,
}

struct Flight {
    request: Request,
    wanted: Wanted,
    transfer: Transfer,
    /// There were too many at once.
    turned_away: bool,
}

impl World {
    /// An open project, whose settings may be changed.
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(PublicKey::parse("demopublickey").expect("a public key"));
        config.upload_base = "http://upload".into();
        change(&mut config);
        Self {
            budget: usize::from(config.budget),
            engine: Engine::new(config.clone(), 7),
            fingerprinting: Fingerprinting::Within(Millis(0)),
            journaling: Journaling::Works,
            excused: Excused::default(),
            over: BTreeSet::new(),
            config,
            kills: 0,
            epoch: Millis(0),
            wall_moved: 0,
            dies_after: None,
            lists: Lists::default(),
            fingerprints: BTreeMap::new(),
            now: Millis(0),
            rows: BTreeMap::new(),
            sent: Vec::new(),
            trace: None,
            link: Link::default(),
            service: Service::default(),
            flights: BTreeMap::new(),
            released: BTreeSet::new(),
            stopped: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            fresh: None,
            files: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            adopted: BTreeMap::new(),
            kept: BTreeMap::new(),
            wasted: 0,
        }
    }

    /// With a signer: credentials and confirmation.
    pub fn signed(change: impl FnOnce(&mut Config)) -> Self {
        Self::new(|config| {
            config.credentials = CredentialSource::Url("http://signer/credential".to_owned());
            config.confirm_url = Some("http://signer/confirm".to_owned());
            change(config);
        })
    }

    /// The `nth` request (from 1) to an endpoint meets this fault.
    #[must_use]
    pub fn fault(mut self, endpoint: Endpoint, nth: usize, fault: Fault) -> Self {
        self.service.faults.push((endpoint, nth, fault));
        self
    }

    /// Every request to an endpoint meets this fault.
    #[must_use]
    pub fn always(self, endpoint: Endpoint, fault: Fault) -> Self {
        self.fault(endpoint, 0, fault)
    }

    /// Keeps every action in [`Self::trace`].
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.trace = Some(Vec::new());
        self
    }

    /// Adds files of these sizes; gives their keys.
    pub fn add(&mut self, sizes: &[u64]) -> Vec<FileKey> {
        self.add_with(sizes, None)
    }

    /// Adds files of these sizes, of which the same is said; gives their keys.
    pub fn add_with(&mut self, sizes: &[u64], options: Option<&Arc<FileOptions>>) -> Vec<FileKey> {
        let file = |(at, size): (usize, &u64)| OnDisk {
            facts: NewFile {
                name: format!("file {at} of {size}"),
                size: *size,
                media_type: "image/png".into(),
                modified: 1,
                options: options.cloned(),
            },
            content: 0,
        };
        let at = self.engine.next_key().0 as usize;
        self.add_files(sizes.iter().enumerate().map(|(more, size)| file((at + more, size))).collect())
    }

    /// Adds files; gives the keys of their rows, which are those of earlier uploads where these are gone on with.
    pub fn add_files(&mut self, files: Vec<OnDisk>) -> Vec<FileKey> {
        let first = self.engine.next_key().0;
        let keys: Vec<FileKey> = (first..).take(files.len()).map(FileKey).collect();
        let facts = files.iter().map(|file| file.facts.clone()).collect();
        self.files.extend(keys.iter().copied().zip(files));
        self.adopted.clear();
        self.input(Input::FilesAdded(facts));
        keys.into_iter().map(|key| self.adopted.get(&key).copied().unwrap_or(key)).collect()
    }

    /// Moves the wall clock, by which the journal tells how old it is; 0 is where it was.
    pub fn wall_clock(&mut self, moved: i64) {
        self.wall_moved = moved;
    }

    fn wall(&self) -> u64 {
        (1_000_000_000_000 + self.now.0).saturating_add_signed(self.wall_moved)
    }

    /// From now on only so many actions of the engine are done: it dies in the middle of something. [`Self::kill`] ends it.
    pub fn dies_after(&mut self, actions: usize) {
        self.dies_after = Some(actions);
    }

    /// The journal as it is now, to be put back with [`Self::restore_journal`].
    pub fn journal_copy(&self) -> Lists {
        self.lists.clone()
    }

    /// The journal is as it was then.
    pub fn restore_journal(&mut self, lists: Lists) {
        self.acknowledged.clear();
        self.lists = lists;
    }

    /// What a driver hands to the next engine now.
    pub fn recovered(&self, reach: Reach) -> Vec<Recovered> {
        self.lists.recovered(self.wall(), reach)
    }

    /// Lists in the journal.
    pub fn journals(&self) -> usize {
        self.lists.len()
    }

    /// A person chooses another file, of this size, for a row.
    pub fn replace(&mut self, row: FileKey, size: u64) {
        let file = NewFile { name: format!("file {size}"), size, ..NewFile::default() };
        self.files.insert(self.engine.next_key(), OnDisk { facts: file.clone(), content: 0 });
        self.input(Input::Replaced { row, file });
    }

    /// Adds a file of this size that the service is to fetch.
    pub fn add_url(&mut self, url: &str, source: Result<u64, &'static str>) -> FileKey {
        let key = self.engine.next_key();
        self.service.sources.insert(url.to_owned(), source);
        self.elsewhere.insert(key);
        self.input(Input::UrlsAdded(vec![NewUrl { url: url.to_owned(), ..NewUrl::default() }]));
        key
    }

    /// A person asks for something.
    pub fn command(&mut self, command: Command) {
        let (stops, which) = match command {
            Command::Pause(which) | Command::Cancel(which) | Command::Remove(which) => (true, which),
            Command::Start(which) | Command::Resume(which) | Command::Retry(which) => (false, which),
            Command::First(_) => return self.input(Input::Command(command)),
        };
        let keys: Vec<FileKey> = match which {
            // Whoever stops a file before it is there stops nothing.
            Which::One(key) => vec![key].into_iter().filter(|key| self.rows.contains_key(key)).collect(),
            Which::All => self.rows.keys().copied().collect(),
        };
        if !stops {
            self.stopped.retain(|key| !keys.contains(key));
        }
        self.input(Input::Command(command));
        if stops {
            for key in keys {
                let flying = self.in_flight_of(key);
                keep(Promise::StopsAtOnce, flying == 0, || format!("{flying} requests of {key:?} fly on"));
                self.stopped.insert(key);
            }
        }
    }

    /// The system's opinion of the network changes.
    pub fn network(&mut self, network: Network) {
        self.input(Input::Network(network));
    }

    /// The machine sleeps: time passes, nothing is answered, and every connection is dead afterwards.
    pub fn sleep(&mut self, time: Millis) {
        self.now = self.now.after(time);
        self.input(Input::Tick);
        for request in self.flights.keys().copied().collect::<Vec<_>>() {
            if self.flights.remove(&request).is_some() {
                self.input(Input::Answered { request, answer: Answer::Unreachable });
            }
        }
    }

    /// A file's state as last shown.
    pub fn state(&self, key: FileKey) -> &RowState {
        &self.rows[&key].state
    }

    /// Does nothing happen to any file any more?
    pub fn all_final(&self) -> bool {
        self.rows.values().all(|row| row.state.is_final())
    }

    /// Requests in flight to an endpoint.
    pub fn in_flight(&self, endpoint: Endpoint) -> usize {
        self.flights.values().filter(|flight| flight.wanted.endpoint == endpoint).count()
    }

    /// A file as the person has it.
    pub fn file(&self, key: FileKey) -> &OnDisk {
        &self.files[&key]
    }

    /// Requests in flight with a file's bytes.
    pub fn in_flight_of(&self, key: FileKey) -> usize {
        self.flights.values().filter(|flight| service::files_of(&flight.request).contains(&key)).count()
    }

    /// How many requests reached an endpoint.
    pub fn times(&self, endpoint: Endpoint) -> usize {
        self.service.times(endpoint)
    }

    /// Gives the engine an input, does what it asks, and holds it to its promises.
    pub fn input(&mut self, input: Input) {
        if self.dies_after == Some(0) {
            return;
        }
        let by_a_person = matches!(input, Input::Command(_) | Input::Configured(_));
        self.engine.handle(self.now.since(self.epoch), input);
        while let Some(action) = self.engine.poll() {
            if let Some(left) = &mut self.dies_after {
                if *left == 0 {
                    return;
                }
                *left -= 1;
            }
            if let Some(trace) = &mut self.trace {
                trace.push(format!("{} {action:?}", self.now.0));
            }
            self.wasted += usize::from(!by_a_person && matches!(action, Action::Abort(_)));
            self.perform(action);
        }
        if self.dies_after == Some(0) {
            return;
        }
        self.fresh = None;
        let flying = self.flights.len();
        keep(Promise::Budget, flying <= self.budget, || format!("{flying} requests in flight of {}", self.budget));
        assert_eq!(flying, self.engine.in_flight(), "the engine counts its requests wrongly");
        for row in self.engine.take_changes() {
            self.look_at(&row);
            if let RowState::Done { uuid, .. } = row.state {
                self.over.insert(uuid);
            }
            self.rows.insert(row.key, row);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send(request) => self.send(request),
            Action::AskPage { request, .. } => {
                let answer = self.service.issue(self.now);
                self.input(Input::Answered { request, answer });
            }
            Action::Abort(request) => {
                assert!(self.flights.remove(&request).is_some(), "aborted what was not in flight");
            }
            Action::Release(key) => assert!(self.released.insert(key), "released twice"),
            Action::Journal(journal) => self.write(journal),
            Action::Fingerprint(key) => match self.fingerprinting {
                Fingerprinting::Within(time) => {
                    self.fingerprints.insert(key, self.now.after(time));
                }
                Fingerprinting::Unavailable => {
                    self.input(Input::Fingerprinted { file: key, fingerprint: Fingerprint::Unavailable });
                }
                Fingerprinting::Never => {}
            },
            Action::Open { row, upload } => match self.lists.file(upload).cloned() {
                Some(file) => self.choose(row, file),
                None => self.input(Input::NotOpened(row)),
            },
            Action::Adopt { file, row } => {
                self.adopted.insert(file, row);
                let bytes = self.files.remove(&file).expect("a file that was added");
                self.hand_over(row, bytes);
            }
        }
    }

    fn write(&mut self, journal: Journal) {
        match (self.journaling, &journal) {
            (Journaling::Fails, Journal::Begin { upload, .. } | Journal::Append { upload, .. }) => {
                self.lists.forget(*upload);
                self.input(Input::JournalFailed(*upload));
            }
            _ => {
                let files = &self.files;
                let stored = self.fresh.map(|fresh| fresh.1);
                self.lists.write(self.wall(), journal, stored, |key| files[&key].clone());
            }
        }
    }

    fn look_at(&self, row: &Row) {
        let (sent, size) = self.rows.get(&row.key).map_or((0, 0), |before| (before.sent, before.size));
        // What the service fetches may have become smaller; its share must not fall.
        let (before, now) = if row.size < size {
            (u128::from(sent) * u128::from(row.size), u128::from(row.sent) * u128::from(size))
        } else {
            (u128::from(sent), u128::from(row.sent))
        };
        keep(Promise::Progress, now >= before, || format!("it fell from {sent} of {size}: {row:?}"));
        keep(Promise::Progress, row.sent <= row.size, || format!("more than there is: {row:?}"));
        if let RowState::Done { uuid, .. } = &row.state {
            let kept = self.service.kept(*uuid);
            let whole = kept.is_some_and(|kept| kept.size == row.size);
            keep(Promise::TrueSuccess, whole, || format!("{kept:?} is stored of {row:?}"));
            let same = self.elsewhere.contains(&row.key)
                || kept.is_some_and(|kept| kept.contents.iter().eq([&self.files[&row.key].content]));
            keep(Promise::TrueSuccess, same, || format!("{kept:?} is a mixture, or not {row:?}"));
        }
    }

    fn send(&mut self, request: Request) {
        let wanted = service::wanted(&request, |key| self.files[&key].facts.size);
        let Wanted { endpoint, file, bytes, upload } = wanted;
        let files = service::files_of(&request);
        for file in &files {
            assert!(!self.released.contains(file), "bytes of a released file are wanted");
            keep(Promise::StopsAtOnce, !self.stopped.contains(file), || format!("{file:?} sends after it was stopped"));
        }
        if let Some((uuid, part)) = upload {
            let again = self.acknowledged.contains(&(uuid, part));
            let promise = if self.kills == 0 { Promise::PartsOnce } else { Promise::Journal };
            keep(promise, !again, || format!("part {part} of {uuid} was stored, and is sent again"));
        }
        self.sent.push(Sent { at: self.now, endpoint, file, files: files.len(), part: upload.map(|upload| upload.1) });
        let kept = self.kept.get_mut(&wanted.host()).and_then(Vec::pop);
        let mut transfer = Transfer::new(&self.link, self.now, bytes, request.id.0, kept);
        let same = |flight: &&Flight| flight.wanted.host() == wanted.host() && !flight.turned_away;
        let served = self.flights.values().filter(same).count();
        let turned_away = self.service.at_once.is_some_and(|most| served >= most);
        if turned_away {
            transfer.turn_away(&self.link, self.now);
        }
        self.flights.insert(request.id, Flight { request, wanted, transfer, turned_away });
    }

    /// Lets time pass until the next thing happens; `false` when nothing ever will.
    pub fn step(&mut self) -> bool {
        if self.dies_after == Some(0) {
            return false;
        }
        loop {
            let windows = link::windows(self.flights.values().map(|flight| &flight.transfer));
            let arrival =
                self.flights.values().filter_map(|flight| flight.transfer.next(&self.link, self.now, windows)).min();
            let fingerprint = self.fingerprints.iter().map(|(key, at)| (*at, *key)).min();
            let deadline = self.engine.deadline().map(|at| self.epoch.after(at));
            let all = [arrival, fingerprint.map(|next| next.0), deadline];
            let Some(to) = all.into_iter().flatten().min() else { return false };
            let to = to.max(self.now);
            let passed = to.since(self.now);
            self.now = to;
            let transfers = self.flights.values_mut().map(|flight| &mut flight.transfer);
            link::pass(&self.link, to, passed, windows, transfers);
            // Of what happens at the same time, an arrival comes first.
            for (id, flight) in &mut self.flights {
                if let Some(news) = flight.transfer.news(&self.link, to, windows) {
                    let (id, hears) = (*id, flight.request.hears);
                    match news {
                        News::Left(_) if hears == Hears::Nothing => {}
                        News::Left(sent) => self.input(Input::Progressed { request: id, sent }),
                        News::Arrived => self.arrive(id),
                    }
                    return true;
                }
            }
            if let Some((_, key)) = fingerprint.filter(|next| next.0 <= to) {
                self.fingerprints.remove(&key);
                let fingerprint = match self.files.get(&key) {
                    Some(file) => Fingerprint::Known(file.digest()),
                    None => Fingerprint::Unavailable,
                };
                self.input(Input::Fingerprinted { file: key, fingerprint });
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= to) {
                self.input(Input::Tick);
                return true;
            }
        }
    }

    /// Runs until nothing is left to happen.
    pub fn run(&mut self) {
        for _ in 0..ENDLESS {
            if !self.step() {
                return;
            }
        }
        keep(Promise::Ends, false, || format!("still running at {:?}", self.now));
    }

    /// Runs until something is so.
    pub fn run_until(&mut self, until: impl Fn(&Self) -> bool) {
        for _ in 0..ENDLESS {
            if until(self) {
                return;
            }
            assert!(self.step(), "nothing is left to happen");
        }
        keep(Promise::Ends, false, || format!("it never happens; it is {:?}", self.now));
    }

    /// A request has arrived, and is answered.
    fn arrive(&mut self, id: RequestId) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let wanted = flight.wanted;
        let hears = flight.request.hears == Hears::Bytes;
        if hears && wanted.bytes > 0 && self.link.bytes_per_second.is_none() && !flight.turned_away {
            self.input(Input::Progressed { request: id, sent: wanted.bytes / 2 });
            self.input(Input::Progressed { request: id, sent: wanted.bytes });
        }
        let Some(mut flight) = self.flights.remove(&id) else { return };
        let answer = if flight.turned_away {
            self.wasted += 1;
            Some(refusal(503, "", None))
        } else {
            self.service.answer(self.now, &flight.request, |key| self.files[&key].clone())
        };
        let Some(answer) = answer else {
            flight.transfer.silence();
            self.flights.insert(id, flight);
            return;
        };
        self.kept.entry(wanted.host()).or_default().push(flight.transfer.connection);
        if let (Answer::PartStored, Some(part)) = (&answer, wanted.upload) {
            self.acknowledged.insert(part);
            self.fresh = Some(part);
        }
        self.input(Input::Answered { request: id, answer });
    }
}

fn refusal(status: u16, code: &str, retry_after: Option<Millis>) -> Answer {
    Answer::Refused(ServerRefusal { status, code: code.to_owned(), detail: "A sentence.".to_owned(), retry_after })
}
