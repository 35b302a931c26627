//! How the stand-in behaves, decided once at start.

use crate::faults::Fault;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use updock_sign::SecretKey;
use updock_types::{PublicKey, rest::Collaborator, upload::limits};

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Rows in memory, bytes in a temporary directory; all gone in the end.
    Memory,
    /// Rows and bytes in this directory.
    Directory(PathBuf),
}

/// How the stand-in behaves.
#[derive(Debug, Clone)]
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
    /// How long a file stays unready.
    pub ready_delay: Duration,
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
            ready_delay: Duration::ZERO,
            simple_over_http: true,
            public_url: None,
            cdn_base: None,
            body_timeout: Duration::from_mins(1),
            header_timeout: Duration::from_secs(30),
            faults: Vec::new(),
        }
    }
}
