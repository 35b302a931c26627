//! Anything may come in, in any order: the engine never panics, never asks for what makes no sense, and comes to an end.
//!
//! Here there is no world, only a driver that answers whatever it likes: the wrong thing, to the wrong request, with any
//! number in it. What a world would notice is checked by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use crate::MIB;
use crate::promises::schedules;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use updock_engine::{
    Action, Answer, Body, Command, Config, CredentialSource, Digest, Engine, FileKey, Fingerprint, FormValue, Input,
    Journal, Millis, Network, NewFile, Reach, Recovered, Request, RequestId, RowState, ServerRefusal, Start, Which,
};
use updock_types::{
    ErrorCode, FileUuid, PublicKey,
    fields::FileFacts,
    policy::UploadPolicy,
    signer::{Confirmed, Credential, IssuedCredential},
    upload::{MultipartStarted, limits},
};

const SIZES: [u64; 12] = [
    0,
    1,
    5 * MIB - 1,
    5 * MIB,
    9_999_999,
    10_000_000,
    26 * MIB + 1,
    99_999_999,
    100_000_000,
    10_000_000_000,
    limits::MAX_FILE_SIZE,
    u64::MAX,
];

/// What the driver does next.
#[derive(Debug, Clone)]
enum Move {
    Add(Vec<NewFile>),
    /// Answers one of the requests in flight, or one that never was.
    Answer(usize, Reply),
    Stray(u32, Reply),
    Progress(usize, u64),
    Command(u8, u32),
    Network(bool),
    Budget(u8),
    Tick(u64),
    Back(u64),
    Recover(Vec<(u8, u64, Vec<String>, bool)>),
    /// What was written so far comes back: which list, and what was done to its bytes.
    Return(u8, u64, Vec<(usize, u8)>, usize),
    Fingerprint(u32, u8),
    Choose(u32, NewFile),
    NotOpened(u32),
    JournalFailed(u8),
    Configure(u8),
}

/// What is answered.
#[derive(Debug, Clone)]
enum Reply {
    /// What was asked for, as it should be.
    Right,
    /// The right kind, with these numbers in it.
    Odd(u64, u64),
    /// A start with so many URLs too many or too few, some of them alike.
    Urls(i8, bool),
    Refused(u16, String, Option<u64>),
    Nonsense,
    Unreachable,
    Unreadable,
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 0u64..100_000, any::<u64>(), Just(u64::MAX), prop::sample::select(SIZES.to_vec())]
}

fn replies() -> impl Strategy<Value = Reply> {
    let codes =
        prop_oneof![prop::sample::select(ErrorCode::ALL.to_vec()).prop_map(|code| code.name().to_owned()), ".{0,8}",];
    prop_oneof![
        8 => Just(Reply::Right),
        2 => (numbers(), numbers()).prop_map(|(one, two)| Reply::Odd(one, two)),
        2 => (-2i8..3, any::<bool>()).prop_map(|(more, alike)| Reply::Urls(more, alike)),
        3 => (prop_oneof![200u16..600, any::<u16>()], codes, prop::option::of(numbers()))
            .prop_map(|(status, code, wait)| Reply::Refused(status, code, wait)),
        1 => Just(Reply::Nonsense),
        1 => Just(Reply::Unreachable),
        1 => Just(Reply::Unreadable),
    ]
}

fn files() -> impl Strategy<Value = NewFile> {
    let name = prop_oneof![3 => "[ab]", 1 => "(?s).{0,6}"];
    let media_type = prop::sample::select(vec!["", "image/png", "a\nb"]);
    (name, prop::sample::select(SIZES.to_vec()), media_type, 0u64..2).prop_map(|(name, size, media_type, modified)| {
        NewFile { name, size, media_type: media_type.to_owned(), modified, options: None }
    })
}

fn records() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof!["(?s).{0,40}", "updock [0-9]{1,3}(\\n[a-z0-9 ]{0,9}){0,12}\\n[0-9]{1,20}"], 0..4)
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let edits = prop::collection::vec((any::<usize>(), any::<u8>()), 0..3);
    let one = prop_oneof![
        3 => prop::collection::vec(files(), 0..3).prop_map(Move::Add),
        12 => (any::<usize>(), replies()).prop_map(|(nth, reply)| Move::Answer(nth, reply)),
        1 => (any::<u32>(), replies()).prop_map(|(id, reply)| Move::Stray(id, reply)),
        3 => (any::<usize>(), numbers()).prop_map(|(nth, sent)| Move::Progress(nth, sent)),
        3 => (0u8..6, 0u32..8).prop_map(|(command, key)| Move::Command(command, key)),
        1 => any::<bool>().prop_map(Move::Network),
        1 => any::<u8>().prop_map(Move::Budget),
        4 => prop_oneof![0u64..100_000, numbers().prop_map(|time| time >> 8)].prop_map(Move::Tick),
        1 => numbers().prop_map(Move::Back),
        1 => prop::collection::vec((any::<u8>(), numbers(), records(), any::<bool>()), 0..3).prop_map(Move::Recover),
        3 => (any::<u8>(), prop_oneof![Just(0), numbers()], edits, any::<usize>())
            .prop_map(|(list, age, edits, keep)| Move::Return(list, age, edits, keep)),
        3 => (0u32..8, 0u8..4).prop_map(|(key, digest)| Move::Fingerprint(key, digest)),
        2 => (0u32..8, files()).prop_map(|(key, file)| Move::Choose(key, file)),
        1 => (0u32..8).prop_map(Move::NotOpened),
        1 => any::<u8>().prop_map(Move::JournalFailed),
        1 => any::<u8>().prop_map(Move::Configure),
    ];
    prop::collection::vec(one, 1..60)
}

fn config(kind: u8) -> Config {
    let mut config = Config::new(PublicKey::parse(if kind & 1 == 0 { "demopublickey" } else { "another" }).unwrap());
    config.upload_base = "http://upload".into();
    config.multipart_from = if kind & 2 == 0 { 0 } else { u64::MAX };
    config.credentials = match kind >> 2 & 3 {
        0 | 1 => CredentialSource::None,
        2 => CredentialSource::Url("http://signer".to_owned()),
        _ => CredentialSource::Page,
    };
    config.confirm_url = (kind & 16 != 0).then(|| "http://confirm".to_owned());
    config.start = if kind & 32 == 0 { Start::AtOnce } else { Start::OnCommand };
    config.policy.max_files = (kind & 64 != 0).then_some(3);
    config
}

/// A driver that holds the engine to what no input may make it do.
struct Driver {
    engine: Engine,
    now: u64,
    flights: BTreeMap<RequestId, Option<Request>>,
    used: BTreeSet<RequestId>,
    most: usize,
    sizes: BTreeMap<FileKey, u64>,
    sent: BTreeMap<FileKey, u64>,
    /// Sizes that servers told.
    told: BTreeSet<u64>,
    open: BTreeSet<FileUuid>,
    lists: BTreeMap<FileUuid, Vec<String>>,
    uploads: u8,
}

impl Driver {
    fn new(kind: u8) -> Self {
        let config = config(kind);
        Self {
            most: usize::from(config.budget),
            engine: Engine::new(config, 1),
            now: 0,
            flights: BTreeMap::new(),
            used: BTreeSet::new(),
            sizes: BTreeMap::new(),
            sent: BTreeMap::new(),
            told: BTreeSet::new(),
            open: BTreeSet::new(),
            lists: BTreeMap::new(),
            uploads: 0,
        }
    }

    fn uuid(&mut self) -> FileUuid {
        self.uploads = self.uploads.wrapping_add(1);
        FileUuid::from_random_bytes([self.uploads; 16])
    }

    fn feed(&mut self, input: Input) {
        self.engine.handle(Millis(self.now), input);
        while let Some(action) = self.engine.poll() {
            self.perform(action);
        }
        self.look();
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send(request) => {
                match &request.body {
                    Body::Bytes { file, range, .. } => {
                        let size = self.sizes[file];
                        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
                        assert!(range.end - range.start <= limits::PART_MAX_SIZE, "{range:?}");
                    }
                    Body::Form(fields) => {
                        for field in fields {
                            if let FormValue::File { file, .. } = field.value {
                                assert!(self.sizes[&file] <= limits::DIRECT_MAX_SIZE, "too much for one request");
                            }
                        }
                    }
                    Body::Empty | Body::Json(_) => {}
                }
                assert!(self.used.insert(request.id), "an id is used twice");
                self.flights.insert(request.id, Some(request));
            }
            Action::AskPage { request, operations } => {
                assert!(operations > 0 && self.used.insert(request));
                self.flights.insert(request, None);
            }
            Action::Abort(request) => {
                assert!(self.flights.remove(&request).is_some(), "aborted what was not in flight");
            }
            Action::Journal(Journal::Begin { upload, record, .. }) => {
                assert!(self.open.insert(upload), "a list begins twice");
                self.lists.insert(upload, vec![record]);
            }
            Action::Journal(Journal::Append { upload, record }) => {
                assert!(self.open.contains(&upload), "a record without a list");
                let list = self.lists.get_mut(&upload).unwrap();
                list.push(record);
                assert!(list.len() <= list[0].lines().count() + 2, "a list grows without end");
            }
            Action::Journal(Journal::End { upload } | Journal::Leave { upload }) => {
                self.open.remove(&upload);
            }
            Action::Adopt { file, row } => assert!(file != row && self.sizes[&file] == self.sizes[&row]),
            Action::Release(_) | Action::Fingerprint(_) | Action::Open { .. } => {}
        }
    }

    fn look(&mut self) {
        assert_eq!(self.flights.len(), self.engine.in_flight());
        assert!(self.flights.len() <= self.most, "{} in flight", self.flights.len());
        assert!(self.engine.deadline().is_none_or(|at| at.0 > self.now), "it would spin");
        for row in self.engine.take_changes() {
            let before = self.sent.insert(row.key, row.sent).unwrap_or(0);
            assert!(before <= row.sent && row.sent <= row.size, "from {before}: {row:?}");
            if let RowState::Done { .. } = row.state {
                assert!(self.told.contains(&row.size), "no server told that size: {row:?}");
            }
        }
        let shown = self.engine.snapshot();
        assert_eq!(shown.rows.len(), shown.totals.files as usize);
        assert!(shown.totals.sent <= shown.totals.bytes || shown.rows.iter().any(|row| row.size == u64::MAX));
    }

    /// Files get the next keys, whatever becomes of them.
    fn add(&mut self, files: Vec<NewFile>) {
        for (key, file) in (self.engine.next_key().0..).zip(&files) {
            self.sizes.insert(FileKey(key), file.size);
        }
        self.feed(Input::FilesAdded(files));
    }

    fn recover(&mut self, found: Vec<Recovered>) {
        let first = self.engine.next_key().0;
        for (key, recovered) in (first..).zip(&found) {
            self.open.insert(recovered.upload);
            self.lists.insert(recovered.upload, recovered.records.clone());
            self.sizes.insert(FileKey(key), 0);
        }
        self.feed_recovered(first, found);
    }

    /// The sizes are known only once the rows are.
    fn feed_recovered(&mut self, first: u32, found: Vec<Recovered>) {
        self.engine.handle(Millis(self.now), Input::Recovered(found));
        for row in self.engine.snapshot().rows {
            if row.key.0 >= first {
                self.sizes.insert(row.key, row.size);
            }
        }
        while let Some(action) = self.engine.poll() {
            self.perform(action);
        }
        self.look();
    }

    fn answer(&mut self, id: RequestId, request: Option<&Request>, reply: &Reply) {
        let answer = match reply {
            Reply::Refused(status, code, wait) => Answer::Refused(ServerRefusal {
                status: *status,
                code: code.clone(),
                detail: "A sentence.".to_owned(),
                retry_after: wait.map(Millis),
            }),
            Reply::Nonsense => Answer::Nonsense,
            Reply::Unreachable => Answer::Unreachable,
            Reply::Unreadable => Answer::Unreadable,
            Reply::Right | Reply::Odd(..) | Reply::Urls(..) => self.told_by(request, reply),
        };
        self.feed(Input::Answered { request: id, answer });
    }

    /// An answer of the kind that was asked for.
    fn told_by(&mut self, request: Option<&Request>, reply: &Reply) -> Answer {
        use updock_engine::Expect;
        let (one, two) = if let Reply::Odd(one, two) = reply { (*one, *two) } else { (600, 10_000) };
        let odd = matches!(reply, Reply::Odd(..));
        let size = |driver: &Self| {
            let sizes: Vec<u64> = driver.sizes.values().copied().collect();
            if odd || sizes.is_empty() { one } else { sizes[usize::from(driver.uploads) % sizes.len()] }
        };
        match request.map(|request| &request.expects) {
            None | Some(Expect::Credential) => Answer::Credential(Box::new(IssuedCredential {
                credential: Credential::Signature { signature: "s".to_owned(), expire: one },
                public_key: PublicKey::parse("demopublickey").unwrap(),
                expires_at: two.saturating_add(one),
                server_time: two,
                operations: odd.then_some(u32::try_from(two % 5).unwrap()),
                policy: UploadPolicy::default(),
            })),
            Some(Expect::Uploaded(_)) => Answer::Uploaded(self.uuid()),
            Some(Expect::Each(each)) => Answer::Each(each.iter().map(|_| Answer::Uploaded(self.uuid())).collect()),
            Some(Expect::ConfirmedAt(_) | Expect::Group | Expect::Fetch) => Answer::Nonsense,
            Some(Expect::PartStored) => Answer::PartStored,
            Some(Expect::Started) => {
                let field = |name: &str| -> u64 {
                    let Some(Request { body: Body::Form(fields), .. }) = request else { return 1 };
                    let field = fields.iter().find(|field| field.name == name).unwrap();
                    let FormValue::Text(text) = &field.value else { return 1 };
                    text.parse().unwrap()
                };
                let right = field("size").div_ceil(field("part_size"));
                assert!(right <= limits::MAX_PARTS || field("size") > limits::MAX_FILE_SIZE);
                let (more, alike) = if let Reply::Urls(more, alike) = reply { (*more, *alike) } else { (0, false) };
                let count = right.saturating_add_signed(i64::from(more)).min(limits::MAX_PARTS);
                let url =
                    |part: u64| format!("http://storage/?uploadId=1&partNumber={}&x=1", if alike { 0 } else { part });
                Answer::Started(MultipartStarted { uuid: self.uuid(), parts: (0..count).map(url).collect() })
            }
            Some(Expect::Facts) => {
                let size = size(self);
                self.told.insert(size);
                let (uuid, mime_type) = (self.uuid(), String::new());
                Answer::Facts(FileFacts { uuid, size, is_ready: !odd || two % 2 == 0, is_stored: true, mime_type })
            }
            Some(Expect::Confirmed) => {
                let size = size(self);
                self.told.insert(size);
                let Some(Request { body: Body::Json(json), .. }) = request else { return Answer::Nonsense };
                let uuid = FileUuid::parse(json.split('"').nth(3).unwrap()).unwrap();
                let uuid = if odd { self.uuid() } else { uuid };
                Answer::Confirmed(Confirmed { uuid, size, mime_type: String::new(), stored: true, receipt: None })
            }
        }
    }

    fn make(&mut self, what: &Move) {
        match what {
            Move::Add(files) => self.add(files.clone()),
            Move::Answer(nth, reply) => {
                let Some(id) = self.flights.keys().nth(nth % self.flights.len().max(1)).copied() else { return };
                let request = self.flights.remove(&id).flatten();
                self.answer(id, request.as_ref(), reply);
            }
            Move::Stray(id, reply) => {
                if !self.flights.contains_key(&RequestId(*id)) {
                    self.answer(RequestId(*id), None, reply);
                }
            }
            Move::Progress(nth, sent) => {
                let id = self.flights.keys().nth(nth % self.flights.len().max(1)).copied().unwrap_or(RequestId(7));
                self.feed(Input::Progressed { request: id, sent: *sent });
            }
            Move::Command(command, key) => {
                let which = if *key == 7 { Which::All } else { Which::One(FileKey(*key)) };
                let commands =
                    [Command::Start, Command::Pause, Command::Resume, Command::Retry, Command::Cancel, Command::Remove];
                self.feed(Input::Command(commands[usize::from(*command)](which)));
            }
            Move::Network(online) => {
                self.feed(Input::Network(if *online { Network::Online } else { Network::Offline }));
            }
            Move::Budget(budget) => {
                self.most = self.most.max(usize::from(*budget));
                self.feed(Input::Budget(*budget));
            }
            Move::Tick(time) => {
                self.now = self.now.saturating_add(*time).min(u64::MAX / 2);
                self.feed(Input::Tick);
            }
            // A clock that runs backwards; the driver's own goes on.
            Move::Back(time) => {
                self.engine.handle(Millis(self.now.saturating_sub(*time)), Input::Tick);
                while let Some(action) = self.engine.poll() {
                    self.perform(action);
                }
            }
            Move::Recover(found) => {
                let found = found.iter().map(|(upload, age, records, handle)| Recovered {
                    upload: FileUuid::from_random_bytes([*upload; 16]),
                    age: Millis(*age),
                    records: records.clone(),
                    reach: if *handle { Reach::Handle } else { Reach::Choose },
                });
                self.recover(found.collect());
            }
            Move::Return(list, age, edits, keep) => self.give_back(*list, *age, edits, *keep),
            Move::Fingerprint(key, digest) => {
                let fingerprint = match digest {
                    0 => Fingerprint::Unavailable,
                    digest => Fingerprint::Known(Digest::parse(&format!("{digest:064x}")).unwrap()),
                };
                self.feed(Input::Fingerprinted { file: FileKey(*key), fingerprint });
            }
            Move::Choose(key, file) => self.feed(Input::Chosen { row: FileKey(*key), file: file.clone() }),
            Move::NotOpened(key) => self.feed(Input::NotOpened(FileKey(*key))),
            Move::JournalFailed(upload) => {
                let upload = FileUuid::from_random_bytes([*upload; 16]);
                self.feed(Input::JournalFailed(upload));
            }
            Move::Configure(kind) => {
                let config = config(*kind);
                self.most = self.most.max(usize::from(config.budget));
                self.feed(Input::Configured(Box::new(config)));
            }
        }
    }

    /// A list that was written comes back, as it is or with some of its bytes changed and its end cut off.
    fn give_back(&mut self, list: u8, age: u64, edits: &[(usize, u8)], keep: usize) {
        let Some((upload, records)) = self.lists.iter().nth(usize::from(list) % self.lists.len().max(1)) else {
            return;
        };
        let (upload, mut records) = (*upload, records.clone());
        for (at, byte) in edits {
            let Some(record) = records.get_mut(at % 7) else { continue };
            let mut bytes = record.clone().into_bytes();
            let length = bytes.len().max(1);
            if let Some(place) = bytes.get_mut(at % length) {
                *place = *byte;
            }
            *record = String::from_utf8_lossy(&bytes).into_owned();
        }
        if !edits.is_empty() {
            records.truncate(keep % 9);
        }
        let (age, reach) = (Millis(age), Reach::Choose);
        self.recover(vec![Recovered { upload, age, records, reach }]);
    }

    /// The network fails for good, and time passes.
    fn run_out(&mut self) {
        self.feed(Input::Network(Network::Online));
        // Who shares a budget gives some of it in the end.
        self.feed(Input::Budget(1));
        for _ in 0..200_000 {
            if let Some(id) = self.flights.keys().next().copied() {
                self.flights.remove(&id);
                self.feed(Input::Answered { request: id, answer: Answer::Unreachable });
            } else if let Some(at) = self.engine.deadline() {
                self.now = at.0;
                self.feed(Input::Tick);
            } else {
                return;
            }
        }
        panic!("it never ends");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: schedules() / 2, ..ProptestConfig::default() })]

    #[test]
    fn any_inputs_in_any_order_end_in_typed_states(kind in any::<u8>(), moves in moves()) {
        let mut driver = Driver::new(kind);
        for what in &moves {
            driver.make(what);
        }
        driver.run_out();
        for row in driver.engine.snapshot().rows {
            let ended = row.state.is_final() || matches!(row.state, RowState::Ready | RowState::Paused);
            prop_assert!(ended, "{:?}", row);
        }
    }
}
