//! A model of the Upload API and of the signer, and what goes wrong with them.

use super::{Host, OnDisk, refusal};
use crate::{Answer, Body, FileKey, FormField, FormValue, Millis, Request};
use std::collections::{BTreeMap, BTreeSet};
use updock_types::{
    FileUuid, GroupId, PublicKey,
    fields::{Fetch, FileFacts, Grouped},
    policy::UploadPolicy,
    signer::{ConfirmRequest, Confirmed, Credential, IssuedCredential},
    upload::{MultipartStarted, limits},
};

/// Which endpoint a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /base/`.
    Base,
    /// `POST /multipart/start/`.
    Start,
    /// `PUT` of a part.
    Part,
    /// `POST /multipart/complete/`.
    Complete,
    /// `GET /info/`.
    Info,
    /// `POST /group/`.
    Group,
    /// `POST /from_url/`.
    Fetch,
    /// `GET /from_url/status/`.
    Fetching,
    /// The signer's credential.
    Credential,
    /// The signer's confirmation.
    Confirm,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
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
    /// A file is not fetched yet, and nothing moves.
    StillWaiting,
    /// A file is not fetched yet; each time it is asked for there is a byte more.
    Trickling,
    /// Done, but the file is not ready yet.
    NotReady,
    /// Done, but of the last of several files fewer bytes are kept than were sent.
    TruncatedLast,
    /// Done, but the answer does not name the last of several files.
    ForgottenLast,
}

struct Upload {
    begun: Millis,
    size: u64,
    part_size: u64,
    /// Bytes of each part, and what stands for their content.
    parts: BTreeMap<usize, (u64, u8)>,
    complete: bool,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) size: u64,
    /// What its bytes are of: one thing, or it is a mixture.
    pub(super) contents: BTreeSet<u8>,
}

/// The servers.
pub struct Service {
    /// How many credentials were issued.
    pub token: u32,
    /// How long a credential lives, seconds.
    pub token_life: u64,
    /// For how many files a credential is good.
    pub token_operations: Option<u32>,
    /// The signer's policy.
    pub signer_policy: UploadPolicy,
    /// How many requests a host, the API's or storage's, serves at a time; it refuses more at once, with 503. `None`: any.
    pub at_once: Option<usize>,
    /// A request with a file of this size is refused as a whole, and a confirmation of it alone.
    pub forbidden: Option<u64>,
    /// Bytes behind each address; none: there is nothing, and the service says so with this code.
    pub sources: BTreeMap<String, Result<u64, &'static str>>,
    /// By token: bytes, and how often it was looked at.
    jobs: BTreeMap<String, (Result<u64, &'static str>, u64)>,
    /// The groups that were made, with their files.
    pub groups: Vec<Vec<FileUuid>>,
    /// Tags that came with a direct upload, by file.
    pub tags: BTreeMap<FileUuid, String>,
    /// Files that each credential was used for.
    spent: BTreeMap<u32, u32>,
    pub(super) faults: Vec<(Endpoint, usize, Fault)>,
    seen: BTreeMap<Endpoint, usize>,
    uploads: BTreeMap<FileUuid, Upload>,
    stored: BTreeMap<FileUuid, Stored>,
    next_uuid: u32,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            token: 0,
            token_life: 600,
            token_operations: None,
            signer_policy: UploadPolicy::default(),
            at_once: None,
            forbidden: None,
            sources: BTreeMap::new(),
            jobs: BTreeMap::new(),
            groups: Vec::new(),
            tags: BTreeMap::new(),
            spent: BTreeMap::new(),
            faults: Vec::new(),
            seen: BTreeMap::new(),
            uploads: BTreeMap::new(),
            stored: BTreeMap::new(),
            next_uuid: 0,
        }
    }
}

impl Service {
    /// Bytes of a file that is there.
    pub fn stored(&self, file: FileUuid) -> Option<u64> {
        self.stored.get(&file).map(|stored| stored.size)
    }

    /// From now on nothing goes wrong.
    pub fn mend(&mut self) {
        self.faults.clear();
    }

    pub(super) fn uploads(&self) -> impl Iterator<Item = FileUuid> {
        self.uploads.keys().copied()
    }

    pub(super) fn kept(&self, file: FileUuid) -> Option<&Stored> {
        self.stored.get(&file)
    }

    /// How many files are there.
    pub fn files(&self) -> usize {
        self.stored.len()
    }

    pub(super) fn times(&self, endpoint: Endpoint) -> usize {
        self.seen.get(&endpoint).copied().unwrap_or(0)
    }

    /// Takes a request and answers it, or never does.
    pub(super) fn answer(
        &mut self,
        now: Millis,
        request: &Request,
        file_of: impl Fn(FileKey) -> OnDisk,
    ) -> Option<Answer> {
        let endpoint = endpoint(request);
        let nth = self.seen.entry(endpoint).or_default();
        *nth += 1;
        let nth = *nth;
        let fault = self.faults.iter().find(|fault| fault.0 == endpoint && (fault.1 == nth || fault.1 == 0));
        Some(match fault.map(|fault| fault.2) {
            None => self.serve(now, request, file_of, Keeping::All),
            Some(Fault::Truncated) => self.serve(now, request, file_of, Keeping::Half),
            Some(Fault::NotReady) => match self.serve(now, request, file_of, Keeping::All) {
                Answer::Facts(facts) => Answer::Facts(FileFacts { is_ready: false, ..facts }),
                answer => answer,
            },
            Some(Fault::StillWaiting) => Answer::Fetch(Fetch::Going { done: 0, total: None }),
            Some(Fault::Trickling) => Answer::Fetch(Fetch::Going { done: nth as u64, total: None }),
            Some(Fault::TruncatedLast) => self.serve(now, request, file_of, Keeping::HalfOfLast),
            Some(Fault::ForgottenLast) => match self.serve(now, request, file_of, Keeping::All) {
                Answer::Each(mut each) => {
                    each.pop();
                    each.push(Answer::Nonsense);
                    Answer::Each(each)
                }
                _ => Answer::Nonsense,
            },
            Some(Fault::Status(status)) => refusal(status, "", None),
            Some(Fault::Throttled(seconds)) => {
                refusal(429, "RequestThrottledError", Some(Millis::from_seconds(seconds)))
            }
            Some(Fault::Code(status, code)) => refusal(status, code, None),
            Some(Fault::Reset) => Answer::Unreachable,
            Some(Fault::LostAnswer) => {
                let _ = self.serve(now, request, file_of, Keeping::All);
                Answer::Unreachable
            }
            Some(Fault::Silence) => return None,
            Some(Fault::Html) => Answer::Nonsense,
            Some(Fault::Unreadable) => Answer::Unreadable,
        })
    }

    /// A new credential.
    pub(super) fn issue(&mut self, now: Millis) -> Answer {
        self.token += 1;
        let second = now.0 / 1000;
        Answer::Credential(Box::new(IssuedCredential {
            credential: Credential::Jwt { token: format!("{}:{}", self.token, second + self.token_life) },
            public_key: PublicKey::parse("demopublickey").expect("a public key"),
            expires_at: 1_000_000 + second + self.token_life,
            server_time: 1_000_000 + second,
            operations: self.token_operations,
            policy: self.signer_policy.clone(),
        }))
    }

    /// A credential pays for every file that it opens; it is not to be overdrawn.
    fn charge(&mut self, request: &Request) -> Option<Answer> {
        let files = match endpoint(request) {
            Endpoint::Base => files_of(request).len(),
            Endpoint::Start | Endpoint::Fetch => 1,
            _ => return None,
        };
        let token: u32 = request.bearer.as_ref()?.0.split(':').next()?.parse().ok()?;
        let spent = self.spent.entry(token).or_default();
        let all = *spent + u32::try_from(files).unwrap_or(u32::MAX);
        if self.token_operations.is_some_and(|most| all > most) {
            return Some(refusal(403, "OperationsLimitExceededError", None));
        }
        *spent = all;
        None
    }

    fn uuid(&mut self) -> FileUuid {
        self.next_uuid += 1;
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.next_uuid.to_be_bytes());
        FileUuid::from_random_bytes(bytes)
    }

    fn serve(
        &mut self,
        now: Millis,
        request: &Request,
        file_of: impl Fn(FileKey) -> OnDisk,
        keeping: Keeping,
    ) -> Answer {
        let refuse = |status, code| refusal(status, code, None);
        let content = files_of(request).first().map_or(0, |key| file_of(*key).content);
        let size_of = |key| file_of(key).facts.size;
        let keep = |size: u64| match keeping {
            Keeping::All | Keeping::HalfOfLast => size,
            Keeping::Half => size / 2,
        };
        if let Some(refusal) = self.charge(request) {
            return refusal;
        }
        match endpoint(request) {
            Endpoint::Credential => self.issue(now),
            Endpoint::Base => {
                let files = files_of(request);
                if files.iter().any(|file| Some(size_of(*file)) == self.forbidden) {
                    return refuse(400, "FileTypeForbiddenError");
                }
                let mut uuids = Vec::new();
                for (at, file) in files.iter().enumerate() {
                    let uuid = self.uuid();
                    let size = size_of(*file);
                    if let Some(tags) = optional(request, "tags") {
                        self.tags.insert(uuid, tags);
                    }
                    let last = at > 0 && at == files.len() - 1;
                    let cut = last && keeping == Keeping::HalfOfLast;
                    let size = if cut { size / 2 } else { keep(size) };
                    let contents = BTreeSet::from([file_of(*file).content]);
                    self.stored.insert(uuid, Stored { size, contents });
                    uuids.push(Answer::Uploaded(uuid));
                }
                one_or_each(uuids)
            }
            Endpoint::Start => {
                let (size, part_size): (u64, u64) = (number(request, "size"), number(request, "part_size"));
                let uuid = self.uuid();
                let parts = (0..size.div_ceil(part_size)).map(|part| format!("http://storage/{uuid}/{part}")).collect();
                self.uploads
                    .insert(uuid, Upload { begun: now, size, part_size, parts: BTreeMap::new(), complete: false });
                Answer::Started(MultipartStarted { uuid, parts })
            }
            Endpoint::Part => {
                let part = part_of(request).expect("a request of the engine's");
                let uuid = FileUuid::parse(request.url.split('/').nth(3).expect("a request of the engine's"))
                    .expect("a request of the engine's");
                let Some(upload) = self.uploads.get_mut(&uuid).filter(|upload| !upload.complete) else {
                    return refuse(404, "");
                };
                if now.since(upload.begun) > Millis::from_seconds(limits::PART_URL_SECONDS) {
                    return refuse(403, "");
                }
                let bytes = request.body.file_bytes(|_| 0);
                assert!(bytes == upload.part_size || part as u64 == upload.size.div_ceil(upload.part_size) - 1);
                upload.parts.insert(part, (keep(bytes), content));
                Answer::PartStored
            }
            Endpoint::Complete => {
                let uuid = FileUuid::parse(&field(request, "uuid")).expect("a request of the engine's");
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
                let size = keep(upload.parts.values().map(|part| part.0).sum());
                let contents = upload.parts.values().map(|part| part.1).collect();
                self.stored.insert(uuid, Stored { size, contents });
                facts(uuid, size)
            }
            Endpoint::Info => {
                let uuid = request.url.rsplit('=').next().expect("a request of the engine's");
                let uuid = FileUuid::parse(uuid).expect("a request of the engine's");
                match self.stored.get(&uuid) {
                    Some(stored) => facts(uuid, stored.size),
                    None => refuse(404, "FileNotFoundError"),
                }
            }
            Endpoint::Group => {
                let Body::Form(fields) = &request.body else { panic!("no form") };
                let members = fields.iter().filter(|field| field.name.starts_with("files["));
                let uuid = |field: &FormField| match &field.value {
                    FormValue::Text(text) => FileUuid::parse(text).expect("a request of the engine's"),
                    FormValue::Secret(_) | FormValue::File { .. } => panic!("no text"),
                };
                let members: Vec<FileUuid> = members.map(uuid).collect();
                let files = members.iter().map(|uuid| match facts(*uuid, self.stored[uuid].size) {
                    Answer::Facts(facts) => facts,
                    _ => unreachable!(),
                });
                let files = files.collect();
                let count = u16::try_from(members.len()).expect("a thousand at most");
                let id = GroupId::new(self.uuid(), count).expect("a thousand at most");
                self.groups.push(members);
                Answer::Grouped(Grouped { id, cdn_url: "http://cdn/".to_owned(), files })
            }
            Endpoint::Fetch => {
                let source = self.sources.get(&field(request, "source_url")).copied();
                let token = self.uuid().to_string();
                self.jobs.insert(token.clone(), (source.unwrap_or(Err("DownloadFileHTTPClientError")), 0));
                Answer::Fetch(Fetch::Taken(token))
            }
            Endpoint::Fetching => {
                let token = request.url.rsplit('=').next().expect("a request of the engine's").to_owned();
                let Some((source, looks)) = self.jobs.get_mut(&token) else { return Answer::Fetch(Fetch::Unknown) };
                *looks += 1;
                Answer::Fetch(match (*source, *looks) {
                    (_, 1) => Fetch::Going { done: 0, total: None },
                    (Ok(size), looks @ 2..5) => Fetch::Going { done: size * (looks - 1) / 4, total: Some(size) },
                    (Ok(size), _) => {
                        let uuid = self.uuid();
                        self.stored.insert(uuid, Stored { size, contents: BTreeSet::from([0]) });
                        let Answer::Facts(facts) = facts(uuid, size) else { unreachable!() };
                        Fetch::There(facts)
                    }
                    (Err(code), _) => Fetch::Failed { code: code.to_owned(), detail: "A sentence.".to_owned() },
                })
            }
            Endpoint::Confirm => {
                let Body::Json(body) = &request.body else { panic!("no JSON") };
                let uuids = body.split('"').filter_map(|text| FileUuid::parse(text).ok());
                let confirmed = uuids.map(|uuid| match self.stored[&uuid].size {
                    size if Some(size) == self.forbidden => refuse(422, "urn:updock:problem:policy-violation"),
                    size => {
                        let mime_type = "image/png".into();
                        Answer::Confirmed(Confirmed { uuid, size, mime_type, stored: true, receipt: None })
                    }
                });
                let confirmed: Vec<_> = confirmed.collect();
                assert!(confirmed.len() <= ConfirmRequest::MOST, "too many at once");
                one_or_each(confirmed)
            }
        }
    }
}

/// How much of a file is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    All,
    Half,
    /// Of the last of several files.
    HalfOfLast,
}

fn one_or_each(mut answers: Vec<Answer>) -> Answer {
    if answers.len() == 1 { answers.remove(0) } else { Answer::Each(answers) }
}

fn facts(uuid: FileUuid, size: u64) -> Answer {
    Answer::Facts(FileFacts { uuid, size, is_ready: true, is_stored: true, mime_type: "image/png".into() })
}

pub(super) fn endpoint(request: &Request) -> Endpoint {
    let path = request.url.strip_prefix("http://").expect("a request of the engine's");
    match path.split('?').next().expect("a request of the engine's") {
        "upload/base/" => Endpoint::Base,
        "upload/multipart/start/" => Endpoint::Start,
        "upload/multipart/complete/" => Endpoint::Complete,
        "upload/info/" => Endpoint::Info,
        "upload/group/" => Endpoint::Group,
        "upload/from_url/" => Endpoint::Fetch,
        "upload/from_url/status/" => Endpoint::Fetching,
        "signer/credential" => Endpoint::Credential,
        "signer/confirm" => Endpoint::Confirm,
        path if path.starts_with("storage/") => {
            assert_eq!(request.bearer, None, "a part URL must not see a credential");
            Endpoint::Part
        }
        other => panic!("no such endpoint: {other}"),
    }
}

/// What a request wants, as its URL and fields say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) endpoint: Endpoint,
    /// With which file's bytes, and how many.
    pub(super) file: Option<FileKey>,
    pub(super) bytes: u64,
    /// Of a part: of which upload, and which, from 0.
    pub(super) upload: Option<(FileUuid, usize)>,
}

impl Wanted {
    pub(super) fn host(self) -> Host {
        if self.upload.is_some() { Host::Storage } else { Host::Api }
    }
}

/// Reads a request as a server would.
pub(super) fn wanted(request: &Request, size_of: impl Fn(FileKey) -> u64) -> Wanted {
    Wanted {
        endpoint: endpoint(request),
        file: files_of(request).first().copied(),
        bytes: request.body.file_bytes(size_of),
        upload: upload_of(request).zip(part_of(request)),
    }
}

/// Which multipart upload a part belongs to.
pub(super) fn upload_of(request: &Request) -> Option<FileUuid> {
    FileUuid::parse(request.url.strip_prefix("http://storage/")?.split('/').next()?).ok()
}

/// Which part, from 0.
pub(super) fn part_of(request: &Request) -> Option<usize> {
    request.url.strip_prefix("http://storage/")?.split('/').nth(1)?.parse().ok()
}

/// With which files' bytes.
pub(super) fn files_of(request: &Request) -> Vec<FileKey> {
    match &request.body {
        Body::Bytes { file, .. } => vec![*file],
        Body::Form(fields) => fields
            .iter()
            .filter_map(|field| match field.value {
                FormValue::File { file, .. } => Some(file),
                FormValue::Text(_) | FormValue::Secret(_) => None,
            })
            .collect(),
        Body::Empty | Body::Json(_) => Vec::new(),
    }
}

fn field(request: &Request, name: &str) -> String {
    optional(request, name).unwrap_or_else(|| panic!("no field {name}"))
}

fn optional(request: &Request, name: &str) -> Option<String> {
    let Body::Form(fields) = &request.body else { panic!("no form") };
    match &fields.iter().find(|field| field.name == name)?.value {
        FormValue::Text(text) => Some(text.clone()),
        FormValue::Secret(_) | FormValue::File { .. } => panic!("no text"),
    }
}

fn number(request: &Request, name: &str) -> u64 {
    field(request, name).parse().expect("a request of the engine's")
}
