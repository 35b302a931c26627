//! How the stand-in behaves, decided once at start.

use crate::{faults::Fault, remote::RemoteStorage};
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};
use updock_sign::SecretKey;
use updock_types::{ContentInfo, PublicKey, rest::Collaborator, upload::limits};

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Rows in memory, bytes in a temporary directory; all gone in the end.
    Memory,
    /// Rows and bytes in this directory.
    Directory(PathBuf),
}

/// What the `ETag` of a part is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Etags {
    /// The MD5 of its bytes, as the storage behind the service gives it. Costs more than all else about a part.
    #[default]
    Md5,
    /// Another sum of its bytes that costs next to nothing, as storages give for objects that they encrypt. Clients of
    /// the Upload API ignore it. Source: Amazon S3, Object, `ETag`.
    Fast,
}

/// How a project stands with the service. Source: Upload API, Errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Uploads are welcome.
    #[default]
    Good,
    /// The project is marked as removed.
    Removed,
    /// The account is blocked.
    Blocked,
    /// The account is blocked because it was not paid for.
    Unpaid,
    /// The account has reached its limits.
    LimitsReached,
}

/// How the stand-in behaves.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, named where it is set")]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where everything is kept.
    pub storage: Storage,
    /// The project's public key.
    pub public_key: PublicKey,
    /// The project's secret keys; any of them opens.
    pub secret_keys: Vec<SecretKey>,
    /// Must uploads bring a credential?
    pub signed_uploads: bool,
    /// Are uploads stored unless they say otherwise?
    pub autostore: bool,
    /// The project's name.
    pub project_name: String,
    /// Who works on the project.
    pub collaborators: Vec<Collaborator>,
    /// Largest file, bytes.
    pub max_file_size: u64,
    /// Smallest file that multipart takes, bytes.
    pub multipart_min_size: u64,
    /// What the `ETag` of a part is.
    pub part_etags: Etags,
    /// How long a file stays unready.
    pub ready_delay: Duration,
    /// How long a conversion, a run of an add-on or an image derivative takes, beside its work.
    pub job_time: Duration,
    /// Must image derivatives bring a token? The service asks for one unless a project says otherwise.
    pub signed_derivatives: bool,
    /// May the project use webhooks?
    pub webhooks: bool,
    /// May webhooks be told to private addresses, this machine's among them? The real service refuses these.
    pub private_webhooks: bool,
    /// How long a webhook's target may take to answer.
    pub webhook_timeout: Duration,
    /// May files be uploaded from URLs with private addresses? The real service refuses these.
    pub private_urls: bool,
    /// How long fetching a file from a URL may take.
    pub from_url_timeout: Duration,
    /// How fast time passes for files that expire and deliveries that are repeated: `1` is real time, `10 000` makes a
    /// day of nine seconds, `0` stops it.
    pub clock_speed: f64,
    /// How many requests a second each API takes; as many as come when absent. Parts and the CDN are not counted.
    pub throttle: Option<NonZeroU32>,
    /// Types of files that are refused, as their bytes tell them: `image/svg+xml`, or `video/*` for all of a kind.
    pub forbidden_types: Vec<String>,
    /// How the project stands with the service; anything but good refuses uploads.
    pub standing: Standing,
    /// May `Uploadcare.Simple` come over plain HTTP? The real service refuses it.
    pub simple_over_http: bool,
    /// What links start with, without `/` at the end; from the request's `Host` when absent.
    pub public_url: Option<String>,
    /// What CDN links start with, without `/` at the end; [`Self::public_url`] when absent.
    pub cdn_base: Option<String>,
    /// How long a client may send nothing in the middle of a body.
    pub body_timeout: Duration,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// Storages of the project's that copies can go out to.
    pub remote_storages: Vec<RemoteStorage>,
    /// Faults in force from the start.
    pub faults: Vec<Fault>,
}

impl Default for Config {
    /// The project `demopublickey` / `demosecretkey`, open, in memory, on a free port of this machine.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            storage: Storage::Memory,
            public_key: PublicKey::parse("demopublickey").expect("a public key"),
            secret_keys: vec![SecretKey::parse("demosecretkey").expect("a secret key")],
            signed_uploads: false,
            autostore: true,
            project_name: "local".to_owned(),
            collaborators: Vec::new(),
            max_file_size: limits::MAX_FILE_SIZE,
            multipart_min_size: limits::MULTIPART_MIN_SIZE,
            part_etags: Etags::Md5,
            ready_delay: Duration::ZERO,
            job_time: Duration::ZERO,
            signed_derivatives: true,
            webhooks: true,
            private_webhooks: true,
            webhook_timeout: Duration::from_secs(10),
            private_urls: true,
            from_url_timeout: Duration::from_mins(10),
            clock_speed: 1.0,
            throttle: None,
            forbidden_types: Vec::new(),
            standing: Standing::Good,
            simple_over_http: true,
            public_url: None,
            cdn_base: None,
            body_timeout: Duration::from_mins(1),
            header_timeout: Duration::from_secs(30),
            remote_storages: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Config {
    /// Is a file refused in which this was found?
    pub(crate) fn forbids(&self, found: &ContentInfo) -> bool {
        let Some(mime) = &found.mime else { return false };
        self.forbidden_types.iter().any(|forbidden| match forbidden.strip_suffix("/*") {
            Some(kind) => kind.eq_ignore_ascii_case(&mime.kind),
            None => forbidden.eq_ignore_ascii_case(&mime.mime),
        })
    }
}
