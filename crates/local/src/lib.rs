#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod body;
mod cdn;
mod chance;
mod clock;
mod config;
mod content;
mod control;
mod events;
mod expiry;
mod faults;
mod fetch;
mod front;
mod headers;
mod hindrance;
mod jobs;
mod journal;
mod make;
mod origin;
mod outward;
mod page;
mod part_url;
mod parts;
mod percent;
mod picture;
mod remote;
mod rest;
mod routes;
mod server;
mod store;
mod subject;
mod throttle;
mod transfer;
mod upload;
mod view;

pub use config::{Config, Etags, Standing, Storage};
pub use faults::{Effect, Fault, FaultError, Reset};
pub use journal::RequestRecord;
pub use remote::{RemotePlace, RemoteStorage, RemoteStorageError, S3Bucket};
pub use transfer::{Import, TransferError};

use app::App;
use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};
use store::{Database, Store};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

/// Why the stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on; is it taken?
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}: {source}", directory.display())]
    Directory {
        /// What was asked for.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process works in the data directory.
    #[error("another updock-local works in {}; stop it, or choose another --data-dir", .0.display())]
    InUse(PathBuf),
    /// What lies in the data directory cannot be read.
    #[error("cannot read what is stored: {0}")]
    Store(String),
}

/// A running stand-in. It stops when this is dropped, and what lay in memory is gone.
pub struct LocalUploadcare {
    app: App,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    /// What goes on beside requests; ends when this goes.
    _background: JoinSet<()>,
    // Dropped last: the lock of the data directory, or the directory itself.
    _lock: Option<File>,
    _directory: Option<tempfile::TempDir>,
}

impl LocalUploadcare {
    /// Starts with [`Config::default`]: in memory, on a free port, for the project `demopublickey`.
    pub async fn start() -> Result<Self, StartError> {
        Self::with(Config::default()).await
    }

    /// Starts as `config` says. It serves when this returns.
    pub async fn with(config: Config) -> Result<Self, StartError> {
        let (directory, lock, temporary) = match &config.storage {
            Storage::Memory => {
                let temporary = tempfile::Builder::new().prefix("updock-local-").tempdir();
                let temporary =
                    temporary.map_err(|source| StartError::Directory { directory: std::env::temp_dir(), source })?;
                (temporary.path().to_owned(), None, Some(temporary))
            }
            Storage::Directory(directory) => (directory.clone(), Some(lock(directory)?), None),
        };
        let file = directory.join("updock-local.sqlite");
        let database = if temporary.is_some() { Database::Memory } else { Database::File(&file) };
        let store = Store::open(&directory, &database).await.map_err(|error| StartError::Store(error.to_string()))?;

        let address = config.listen;
        let listening = TcpListener::bind(address).await;
        let listener = listening.map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        let faults = faults::Faults::default();
        faults.set(config.faults.clone());
        let (sources, asked) = fetch::Sources::new(&config);
        let app = App {
            store: Arc::new(store),
            faults: Arc::new(faults),
            events: Arc::new(events::Events::new(&config)),
            sources: Arc::new(sources),
            throttle: Arc::new(throttle::Throttle::new(&config)),
            kept: Arc::default(),
            journal: Arc::default(),
            workshop: Arc::new(cdn::Workshop::new(&directory)),
            jobs: Arc::default(),
            config: Arc::new(config),
            address,
        };
        let resumed = rest::copies::resume(&app).await;
        resumed.map_err(|error| StartError::Store(error.to_string()))?;
        app.resume_jobs().await.map_err(|error| StartError::Store(error.to_string()))?;
        let mut background = JoinSet::new();
        background.spawn(events::deliver(app.clone()));
        background.spawn(expiry::expire(app.clone()));
        background.spawn(fetch::fetch_all(app.clone(), asked));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server::serve(listener, app.clone(), stopped));
        Ok(Self { app, stop: Some(stop), serving, _background: background, _lock: lock, _directory: temporary })
    }

    /// Where it is reached, without `/` at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.app.address)
    }

    /// What it listens on.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// Puts these faults in force instead of those before.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.app.faults.set(faults);
    }

    /// What arrived so far, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.app.journal.list()
    }

    /// Forgets all files, groups, jobs, webhooks, faults and what arrived, as `POST /_local/reset` does.
    pub async fn reset(&self) -> Result<(), StartError> {
        self.app.reset().await.map_err(|error| StartError::Store(error.to_string()))
    }

    /// Stops accepting and waits until requests under way have ended, ten seconds at most.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        // It ends by itself; that it panicked is in the log already.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for LocalUploadcare {
    fn drop(&mut self) {
        self.serving.abort();
        self.app.jobs.stop();
    }
}

fn lock(directory: &PathBuf) -> Result<File, StartError> {
    let failed = |source| StartError::Directory { directory: directory.clone(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let lock = File::create(directory.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse(directory.clone())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}
