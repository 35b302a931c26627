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

mod link;
mod promise;
mod service;

pub use link::Link;
pub use promise::Promise;
pub use service::{Endpoint, Fault};

use crate::{
    Action, Answer, Command, Config, CredentialSource, Engine, FileKey, Input, Millis, Network, NewFile, Request,
    RequestId, Row, RowState, ServerRefusal, Which,
};
use link::Transfer;
use promise::keep;
use service::Service;
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
    /// With which file's bytes.
    pub file: Option<FileKey>,
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
    flights: BTreeMap<RequestId, Flight>,
    budget: usize,
    released: BTreeSet<FileKey>,
    stopped: BTreeSet<FileKey>,
    /// Parts whose storage the engine was told of.
    acknowledged: BTreeSet<(FileUuid, usize)>,
    sizes: BTreeMap<FileKey, u64>,
}

struct Flight {
    request: Request,
    transfer: Transfer,
}

impl World {
    /// An open project, whose settings may be changed.
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(PublicKey::parse("demopublickey").expect("a public key"));
        config.upload_base = "http://upload".into();
        change(&mut config);
        Self {
            budget: usize::from(config.budget),
            engine: Engine::new(config, 7),
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
            sizes: BTreeMap::new(),
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
        let first = self.engine.next_key().0;
        let keys: Vec<FileKey> = (first..).take(sizes.len()).map(FileKey).collect();
        for (key, size) in keys.iter().zip(sizes) {
            self.sizes.insert(*key, *size);
        }
        let file = |size: &u64| NewFile { name: format!("file {size}"), size: *size, media_type: "image/png".into() };
        self.input(Input::FilesAdded(sizes.iter().map(file).collect()));
        keys
    }

    /// A person asks for something.
    pub fn command(&mut self, command: Command) {
        let (stops, which) = match command {
            Command::Pause(which) | Command::Cancel(which) | Command::Remove(which) => (true, which),
            Command::Start(which) | Command::Resume(which) | Command::Retry(which) => (false, which),
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

    /// Requests in flight with a file's bytes.
    pub fn in_flight_of(&self, key: FileKey) -> usize {
        self.flights.values().filter(|flight| service::file_of(&flight.request) == Some(key)).count()
    }

    /// How many requests reached an endpoint.
    pub fn times(&self, endpoint: Endpoint) -> usize {
        self.service.times(endpoint)
    }

    /// Gives the engine an input, does what it asks, and holds it to its promises.
    pub fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        while let Some(action) = self.engine.poll() {
            if let Some(trace) = &mut self.trace {
                trace.push(format!("{} {action:?}", self.now.0));
            }
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
            }
        }
        let flying = self.flights.len();
        keep(Promise::Budget, flying <= self.budget, || format!("{flying} requests in flight of {}", self.budget));
        assert_eq!(flying, self.engine.in_flight(), "the engine counts its requests wrongly");
        for row in self.engine.take_changes() {
            self.look_at(&row);
            self.rows.insert(row.key, row);
        }
    }

    fn look_at(&self, row: &Row) {
        let before = self.rows.get(&row.key).map_or(0, |before| before.sent);
        keep(Promise::Progress, row.sent >= before, || format!("it fell from {before}: {row:?}"));
        keep(Promise::Progress, row.sent <= row.size, || format!("more than there is: {row:?}"));
        if let RowState::Done { uuid, .. } = &row.state {
            let stored = self.service.stored(*uuid);
            keep(Promise::TrueSuccess, stored == Some(row.size), || format!("{stored:?} is stored of {row:?}"));
        }
    }

    fn send(&mut self, request: Request) {
        let (endpoint, file, part) =
            (service::endpoint(&request), service::file_of(&request), service::part_of(&request));
        if let Some(file) = file {
            assert!(!self.released.contains(&file), "bytes of a released file are wanted");
            keep(Promise::StopsAtOnce, !self.stopped.contains(&file), || {
                format!("{file:?} sends after it was stopped")
            });
        }
        if let (Some(uuid), Some(part)) = (service::upload_of(&request), part) {
            let again = self.acknowledged.contains(&(uuid, part));
            keep(Promise::PartsOnce, !again, || format!("part {part} of {uuid} was stored, and is sent again"));
        }
        self.sent.push(Sent { at: self.now, endpoint, file, part });
        let bytes = request.body.file_bytes(|key| self.sizes[&key]);
        let transfer = Transfer::new(&self.link, self.now, bytes);
        self.flights.insert(request.id, Flight { request, transfer });
    }

    /// Lets time pass until the next thing happens; `false` when nothing ever will.
    pub fn step(&mut self) -> bool {
        let sending = self.flights.values().filter(|flight| flight.transfer.is_sending()).count();
        let rate = self.link.rate(sending);
        let next = self.flights.iter().filter_map(|(id, flight)| Some((flight.transfer.next(self.now, rate)?, *id)));
        let (next, deadline) = (next.min(), self.engine.deadline());
        let (to, event) = match (next, deadline) {
            (Some((at, id)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => (at, Some(id)),
            (_, Some(deadline)) => (deadline, None),
            (_, None) => return false,
        };
        let to = to.max(self.now);
        let passed = to.since(self.now);
        self.now = to;
        for flight in self.flights.values_mut() {
            flight.transfer.pass(&self.link, to, passed, rate);
        }
        match event {
            None => self.input(Input::Tick),
            Some(id) => self.arrive(id),
        }
        true
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

    /// Something of a request has arrived: bytes, or all of it and its answer.
    fn arrive(&mut self, id: RequestId) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        if let Some(sent) = flight.transfer.progress(self.now) {
            self.input(Input::Progressed { request: id, sent });
            return;
        }
        let request = flight.request.clone();
        let bytes = request.body.file_bytes(|key| self.sizes[&key]);
        if bytes > 0 {
            if self.link.bytes_per_second.is_none() {
                self.input(Input::Progressed { request: id, sent: bytes / 2 });
            }
            self.input(Input::Progressed { request: id, sent: bytes });
        }
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let Some(answer) = self.service.answer(self.now, &request, |key| self.sizes[&key]) else {
            flight.transfer.silence();
            return;
        };
        self.flights.remove(&id);
        if let (Answer::PartStored, Some(uuid), Some(part)) =
            (&answer, service::upload_of(&request), service::part_of(&request))
        {
            self.acknowledged.insert((uuid, part));
        }
        self.input(Input::Answered { request: id, answer });
    }
}

fn refusal(status: u16, code: &str, retry_after: Option<Millis>) -> Answer {
    Answer::Refused(ServerRefusal { status, code: code.to_owned(), detail: "A sentence.".to_owned(), retry_after })
}
