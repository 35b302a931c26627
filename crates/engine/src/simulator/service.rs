//! A model of the Upload API and of the signer, and what goes wrong with them.

use super::{Host, OnDisk, refusal};
use crate::{Answer, Body, FileKey, FormValue, Millis, Request};
use std::collections::{BTreeMap, BTreeSet};
use updock_types::{
    FileUuid, PublicKey,
    fields::FileFacts,
    policy::UploadPolicy,
    signer::{Confirmed, Credential, IssuedCredential},
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
        let content = super::service::file_of(request).map_or(0, |key| file_of(key).content);
        let size_of = |key| file_of(key).facts.size;
        let keep = |size: u64| match keeping {
            Keeping::All => size,
            Keeping::Half => size / 2,
        };
        match endpoint(request) {
            Endpoint::Credential => self.issue(now),
            Endpoint::Base => {
                let uuid = self.uuid();
                let size = keep(request.body.file_bytes(size_of));
                self.stored.insert(uuid, Stored { size, contents: BTreeSet::from([content]) });
                Answer::Uploaded(uuid)
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
            Endpoint::Confirm => {
                let Body::Json(body) = &request.body else { panic!("no JSON") };
                let uuid = FileUuid::parse(body.split('"').nth(3).expect("a request of the engine's"))
                    .expect("a request of the engine's");
                let size = self.stored[&uuid].size;
                Answer::Confirmed(Confirmed { uuid, size, mime_type: "image/png".into(), stored: true, receipt: None })
            }
        }
    }
}

/// How much of a file is kept.
#[derive(Clone, Copy)]
enum Keeping {
    All,
    Half,
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
        file: file_of(request),
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

/// With which file's bytes.
pub(super) fn file_of(request: &Request) -> Option<FileKey> {
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
    field(request, name).parse().expect("a request of the engine's")
}
