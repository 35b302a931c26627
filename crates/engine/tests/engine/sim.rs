//! A world for the engine: a virtual clock, a network with faults, and a model of the Upload API and of the signer.
//! It reads requests as a server would, from their URLs and fields, so that it checks what really goes over the wire.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use updock_engine::{
    Action, Answer, Body, Command, Config, CredentialSource, Engine, FileKey, FormValue, Input, Millis, Network,
    NewFile, Request, RequestId, Row, RowState, ServerRefusal, Which,
};
use updock_types::{
    FileUuid, PublicKey,
    fields::FileFacts,
    policy::UploadPolicy,
    signer::{Confirmed, Credential, IssuedCredential},
    upload::MultipartStarted,
};

pub(crate) const MIB: u64 = 1024 * 1024;

/// Which endpoint a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Base,
    Start,
    Part,
    Complete,
    Info,
    Credential,
    Confirm,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with this status and nothing done.
    Status(u16),
    /// 429, with `Retry-After` in seconds.
    Throttled(u64),
    /// A refusal of the catalogue.
    Code(u16, &'static str),
    /// The connection breaks before anything is done.
    Reset,
    /// It is done, and the answer is lost.
    LostAnswer,
    /// Never answered.
    Silence,
    /// A page of HTML under 200.
    Html,
    /// Done, but fewer bytes are kept than were sent.
    Truncated,
    /// The file cannot be read any more.
    Unreadable,
}

struct Upload {
    size: u64,
    part_size: u64,
    parts: BTreeMap<usize, u64>,
    complete: bool,
}

struct InFlight {
    request: Request,
    at: Millis,
}

pub(crate) struct Sim {
    pub(crate) engine: Engine,
    pub(crate) now: Millis,
    pub(crate) rows: BTreeMap<FileKey, Arc<Row>>,
    /// Every request sent, with its time.
    pub(crate) sent: Vec<(Millis, Endpoint, Option<FileKey>, Option<usize>)>,
    pub(crate) trace: Vec<String>,
    faults: Vec<(Endpoint, usize, Fault)>,
    seen: BTreeMap<Endpoint, usize>,
    uploads: BTreeMap<FileUuid, Upload>,
    stored: BTreeMap<FileUuid, u64>,
    flights: BTreeMap<RequestId, InFlight>,
    next_uuid: u8,
    budget: usize,
    pub(crate) token: u32,
    pub(crate) token_life: u64,
    pub(crate) token_operations: Option<u32>,
    pub(crate) signer_policy: UploadPolicy,
    released: BTreeSet<FileKey>,
    sizes: BTreeMap<FileKey, u64>,
    latency: Millis,
}

impl Sim {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(PublicKey::parse("demopublickey").unwrap());
        config.upload_base = "http://upload".into();
        change(&mut config);
        Self {
            budget: usize::from(config.budget),
            engine: Engine::new(config, 7),
            now: Millis(0),
            rows: BTreeMap::new(),
            sent: Vec::new(),
            trace: Vec::new(),
            faults: Vec::new(),
            seen: BTreeMap::new(),
            uploads: BTreeMap::new(),
            stored: BTreeMap::new(),
            flights: BTreeMap::new(),
            next_uuid: 0,
            token: 0,
            token_life: 600,
            token_operations: None,
            signer_policy: UploadPolicy::default(),
            released: BTreeSet::new(),
            sizes: BTreeMap::new(),
            latency: Millis(20),
        }
    }

    /// With a signer: credentials and confirmation.
    pub(crate) fn signed(change: impl FnOnce(&mut Config)) -> Self {
        Self::new(|config| {
            config.credentials = CredentialSource::Url("http://signer/credential".to_owned());
            config.confirm_url = Some("http://signer/confirm".to_owned());
            change(config);
        })
    }

    /// The `nth` request (from 1) to an endpoint meets this fault.
    #[must_use]
    pub(crate) fn fault(mut self, endpoint: Endpoint, nth: usize, fault: Fault) -> Self {
        self.faults.push((endpoint, nth, fault));
        self
    }

    /// Every request to an endpoint from the `first`-th meets this fault.
    #[must_use]
    pub(crate) fn always(mut self, endpoint: Endpoint, fault: Fault) -> Self {
        self.faults.push((endpoint, 0, fault));
        self
    }

    pub(crate) fn add(&mut self, sizes: &[u64]) -> Vec<FileKey> {
        let first = self.engine.next_key().0;
        let keys: Vec<_> = (0..u32::try_from(sizes.len()).unwrap()).map(|at| FileKey(first + at)).collect();
        for (key, size) in keys.iter().zip(sizes) {
            self.sizes.insert(*key, *size);
        }
        let files = sizes
            .iter()
            .map(|size| NewFile { name: format!("file {size}"), size: *size, media_type: "image/png".into() })
            .collect();
        self.input(Input::FilesAdded(files));
        keys
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    pub(crate) fn network(&mut self, network: Network) {
        self.input(Input::Network(network));
    }

    pub(crate) fn state(&self, key: FileKey) -> &RowState {
        &self.rows[&key].state
    }

    pub(crate) fn all_final(&self) -> bool {
        self.rows.values().all(|row| row.state.is_final())
    }

    pub(crate) fn in_flight_of(&self, key: FileKey) -> usize {
        self.flights.values().filter(|flight| file_of(&flight.request) == Some(key)).count()
    }

    pub(crate) fn times(&self, endpoint: Endpoint) -> usize {
        self.seen.get(&endpoint).copied().unwrap_or(0)
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        while let Some(action) = self.engine.poll() {
            self.trace.push(format!("{} {action:?}", self.now.0));
            match action {
                Action::Send(request) => self.send(request),
                Action::AskPage { request, .. } => {
                    let answer = self.issue();
                    self.input(Input::Answered { request, answer });
                }
                Action::Abort(request) => {
                    assert!(self.flights.remove(&request).is_some(), "aborted what was not in flight");
                }
                Action::Release(key) => assert!(self.released.insert(key), "released twice"),
            }
        }
        assert!(self.flights.len() <= self.budget, "{} requests in flight", self.flights.len());
        assert_eq!(self.flights.len(), self.engine.in_flight());
        for row in self.engine.take_changes() {
            if let Some(before) = self.rows.get(&row.key) {
                assert!(row.sent >= before.sent, "progress fell: {before:?} -> {row:?}");
            }
            assert!(row.sent <= row.size);
            if let RowState::Done { uuid, .. } = &row.state {
                assert_eq!(self.stored.get(uuid), Some(&row.size), "a false success: {row:?}");
            }
            self.rows.insert(row.key, row);
        }
    }

    fn send(&mut self, request: Request) {
        let endpoint = endpoint(&request);
        let file = file_of(&request);
        if let Some(file) = file {
            assert!(!self.released.contains(&file), "bytes of a released file are wanted");
        }
        self.sent.push((self.now, endpoint, file, part_of(&request)));
        let at = self.now.after(self.latency);
        self.flights.insert(request.id, InFlight { request, at });
    }

    /// Lets time pass until the next thing happens; `false` when nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let answer = self.flights.iter().map(|(id, flight)| (flight.at, *id)).min();
        let deadline = self.engine.deadline();
        match (answer, deadline) {
            (Some((at, id)), deadline) if at.0 < u64::MAX && deadline.is_none_or(|deadline| at <= deadline) => {
                self.now = self.now.max(at);
                self.deliver(id);
            }
            (_, Some(deadline)) => {
                self.now = self.now.max(deadline);
                self.input(Input::Tick);
            }
            _ => return false,
        }
        true
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        for _ in 0..200_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it never ends");
    }

    pub(crate) fn run_until(&mut self, until: impl Fn(&Self) -> bool) {
        for _ in 0..200_000 {
            if until(self) {
                return;
            }
            assert!(self.step(), "nothing is left to happen");
        }
        panic!("it never happens");
    }

    fn deliver(&mut self, id: RequestId) {
        let flight = self.flights.get(&id).unwrap();
        let request = flight.request.clone();
        let endpoint = endpoint(&request);
        let bytes = request.body.file_bytes(|key| self.sizes[&key]);
        if bytes > 0 {
            self.input(Input::Progressed { request: id, sent: bytes / 2 });
            self.input(Input::Progressed { request: id, sent: bytes });
            if !self.flights.contains_key(&id) {
                return;
            }
        }
        let nth = self.seen.entry(endpoint).or_default();
        *nth += 1;
        let nth = *nth;
        let fault = self.faults.iter().find(|fault| fault.0 == endpoint && (fault.1 == nth || fault.1 == 0));
        let refusal = |status, code: &str, retry_after| {
            let detail = "A sentence.".to_owned();
            Answer::Refused(ServerRefusal { status, code: code.to_owned(), detail, retry_after })
        };
        let answer = match fault.map(|fault| fault.2) {
            None => self.serve(&request, endpoint, false),
            Some(Fault::Truncated) => self.serve(&request, endpoint, true),
            Some(Fault::Status(status)) => refusal(status, "", None),
            Some(Fault::Throttled(seconds)) => {
                refusal(429, "RequestThrottledError", Some(Millis::from_seconds(seconds)))
            }
            Some(Fault::Code(status, code)) => refusal(status, code, None),
            Some(Fault::Reset) => Answer::Unreachable,
            Some(Fault::LostAnswer) => {
                let _ = self.serve(&request, endpoint, false);
                Answer::Unreachable
            }
            Some(Fault::Silence) => {
                self.flights.get_mut(&id).unwrap().at = Millis(u64::MAX);
                return;
            }
            Some(Fault::Html) => Answer::Nonsense,
            Some(Fault::Unreadable) => Answer::Unreadable,
        };
        self.flights.remove(&id);
        self.input(Input::Answered { request: id, answer });
    }

    fn issue(&mut self) -> Answer {
        self.token += 1;
        let second = self.now.0 / 1000;
        Answer::Credential(Box::new(IssuedCredential {
            credential: Credential::Jwt { token: format!("{}:{}", self.token, second + self.token_life) },
            public_key: PublicKey::parse("demopublickey").unwrap(),
            expires_at: 1_000_000 + second + self.token_life,
            server_time: 1_000_000 + second,
            operations: self.token_operations,
            policy: self.signer_policy.clone(),
        }))
    }

    fn uuid(&mut self) -> FileUuid {
        self.next_uuid += 1;
        FileUuid::from_random_bytes([self.next_uuid; 16])
    }

    fn serve(&mut self, request: &Request, endpoint: Endpoint, truncate: bool) -> Answer {
        let refuse = |status, code: &str| {
            let (code, detail) = (code.to_owned(), "A sentence.".to_owned());
            Answer::Refused(ServerRefusal { status, code, detail, retry_after: None })
        };
        let keep = |size: u64| if truncate { size / 2 } else { size };
        match endpoint {
            Endpoint::Credential => self.issue(),
            Endpoint::Base => {
                let uuid = self.uuid();
                self.stored.insert(uuid, keep(request.body.file_bytes(|key| self.sizes[&key])));
                Answer::Uploaded(uuid)
            }
            Endpoint::Start => {
                let (size, part_size): (u64, u64) = (number(request, "size"), number(request, "part_size"));
                let uuid = self.uuid();
                let parts = (0..size.div_ceil(part_size)).map(|part| format!("http://storage/{uuid}/{part}")).collect();
                self.uploads.insert(uuid, Upload { size, part_size, parts: BTreeMap::new(), complete: false });
                Answer::Started(MultipartStarted { uuid, parts })
            }
            Endpoint::Part => {
                let part = part_of(request).unwrap();
                let uuid = FileUuid::parse(request.url.split('/').nth(3).unwrap()).unwrap();
                let Some(upload) = self.uploads.get_mut(&uuid).filter(|upload| !upload.complete) else {
                    return refuse(404, "");
                };
                let bytes = request.body.file_bytes(|_| 0);
                assert!(bytes == upload.part_size || part as u64 == upload.size.div_ceil(upload.part_size) - 1);
                upload.parts.insert(part, keep(bytes));
                Answer::PartStored
            }
            Endpoint::Complete => {
                let uuid = FileUuid::parse(&field(request, "uuid")).unwrap();
                let Some(upload) = self.uploads.get_mut(&uuid) else {
                    return refuse(404, "MultipartFileNotFoundError");
                };
                if upload.complete {
                    return refuse(400, "MultipartFileAlreadyUploadedError");
                }
                if upload.parts.len() as u64 != upload.size.div_ceil(upload.part_size) {
                    return refuse(400, "MultipartUploadSizeTooSmallError");
                }
                upload.complete = true;
                let size = upload.parts.values().sum::<u64>();
                self.stored.insert(uuid, keep(size));
                facts(uuid, keep(size))
            }
            Endpoint::Info => {
                let uuid = request.url.rsplit('=').next().unwrap();
                let uuid = FileUuid::parse(uuid).unwrap();
                match self.stored.get(&uuid) {
                    Some(size) => facts(uuid, *size),
                    None => refuse(404, "FileNotFoundError"),
                }
            }
            Endpoint::Confirm => {
                let Body::Json(body) = &request.body else { panic!("no JSON") };
                let uuid = FileUuid::parse(body.split('"').nth(3).unwrap()).unwrap();
                let size = self.stored[&uuid];
                Answer::Confirmed(Confirmed { uuid, size, mime_type: "image/png".into(), stored: true, receipt: None })
            }
        }
    }
}

fn facts(uuid: FileUuid, size: u64) -> Answer {
    Answer::Facts(FileFacts { uuid, size, is_ready: true, is_stored: true, mime_type: "image/png".into() })
}

fn endpoint(request: &Request) -> Endpoint {
    let path = request.url.strip_prefix("http://").unwrap();
    match path.split('?').next().unwrap() {
        "upload/base/" => Endpoint::Base,
        "upload/multipart/start/" => Endpoint::Start,
        "upload/multipart/complete/" => Endpoint::Complete,
        "upload/info/" => Endpoint::Info,
        "signer/credential" => Endpoint::Credential,
        "signer/confirm" => Endpoint::Confirm,
        path if path.starts_with("storage/") => {
            assert_eq!(request.bearer, None, "a part URL must not see a credential");
            Endpoint::Part
        }
        other => panic!("no such endpoint: {other}"),
    }
}

fn part_of(request: &Request) -> Option<usize> {
    request.url.strip_prefix("http://storage/")?.split('/').nth(1)?.parse().ok()
}

fn file_of(request: &Request) -> Option<FileKey> {
    match &request.body {
        Body::Bytes { file, .. } => Some(*file),
        Body::Form(fields) => fields.iter().find_map(|field| match field.value {
            FormValue::File { file, .. } => Some(file),
            FormValue::Text(_) | FormValue::Secret(_) => None,
        }),
        Body::Empty | Body::Json(_) => None,
    }
}

fn field(request: &Request, name: &str) -> String {
    let Body::Form(fields) = &request.body else { panic!("no form") };
    match &fields.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("no field {name}")).value {
        FormValue::Text(text) => text.clone(),
        FormValue::Secret(_) | FormValue::File { .. } => panic!("no text"),
    }
}

fn number(request: &Request, name: &str) -> u64 {
    field(request, name).parse().unwrap()
}

/// For all files.
pub(crate) const ALL: Which = Which::All;
