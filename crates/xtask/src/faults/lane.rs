//! One lane of the matrix: a stand-in, a signer and a page of its own, so that rows do not meet each other's faults.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::error::{Doing, Error, Result};
use crate::samples::Hashing;
use crate::setup::npm::hex;
use crate::stack::Stack;

/// How often the stand-in is asked how far an upload is.
const LOOK: Duration = Duration::from_millis(100);

/// A request as `GET /_local/requests` tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Arrived {
    operation: Option<String>,
    received: u64,
    status: Option<u16>,
}

impl Arrived {
    fn carries(&self) -> bool {
        matches!(self.operation.as_deref(), Some("part" | "uploads.direct"))
    }
}

/// What arrived of one upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Vec<Arrived>);

impl Arrivals {
    /// Bytes of requests that carry a file's.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().filter(|request| request.carries()).map(|request| request.received).sum()
    }

    /// The most that one request carried.
    pub(crate) fn largest(&self) -> u64 {
        self.0.iter().filter(|request| request.carries()).map(|request| request.received).max().unwrap_or(0)
    }

    /// Requests in all.
    pub(crate) fn requests(&self) -> usize {
        self.0.len()
    }

    fn parts_stored(&self) -> usize {
        let stored = |one: &&Arrived| one.operation.as_deref() == Some("part") && one.status == Some(200);
        self.0.iter().filter(stored).count()
    }
}

/// See the module.
pub(crate) struct Lane {
    pub(crate) stack: Stack,
    local: Arc<str>,
    /// What arrived before the stand-in was killed.
    before: Arrivals,
}

impl Lane {
    pub(crate) fn new(stack: Stack) -> Self {
        let local = stack.local().unwrap_or_default().into();
        Self { stack, local, before: Arrivals::default() }
    }

    pub(crate) fn local(&self) -> &str {
        &self.local
    }

    /// Forgets the row before, and puts these faults in force.
    pub(crate) async fn begin(&mut self, rules: String) -> Result<()> {
        self.before = Arrivals::default();
        let local = Arc::clone(&self.local);
        blocking(move || {
            let asked = |error: ureq::Error| Error::Check(format!("the stand-in does not take the faults: {error}"));
            ureq::post(format!("{local}/_local/reset")).send_empty().map_err(asked)?;
            let config = ureq::config::Config::builder().http_status_as_error(false).build();
            let put = ureq::Agent::new_with_config(config).put(format!("{local}/_local/faults")).send(&rules);
            let mut answer = put.map_err(asked)?;
            if answer.status() == 200 {
                return Ok(());
            }
            let why = answer.body_mut().read_to_string().unwrap_or_default();
            Err(Error::Check(format!("the stand-in does not take {rules}: {why}")))
        })
        .await
    }

    /// What has arrived since [`Self::begin`].
    pub(crate) async fn arrivals(&self) -> Result<Arrivals> {
        let local = Arc::clone(&self.local);
        let now: Vec<Arrived> = blocking(move || {
            let asked = |error: ureq::Error| Error::Check(format!("the stand-in does not say what arrived: {error}"));
            let mut answer = ureq::get(format!("{local}/_local/requests")).call().map_err(asked)?;
            answer.body_mut().read_json().map_err(asked)
        })
        .await?;
        Ok(Arrivals(self.before.0.iter().cloned().chain(now).collect()))
    }

    /// Waits until so many parts are stored.
    pub(crate) async fn until_parts(&self, parts: usize) -> Result<()> {
        while self.arrivals().await?.parts_stored() < parts {
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes the stand-in away as a power cut would, and brings it back.
    pub(crate) async fn server_gone(&mut self, time: Duration) -> Result<()> {
        self.before = self.arrivals().await?;
        self.stack.kill_local().await;
        sleep(time).await;
        self.stack.restart_local().await
    }

    /// SHA-256 of a file that the stand-in has.
    pub(crate) async fn stored(&self, uuid: &str) -> Result<String> {
        let (local, uuid) = (Arc::clone(&self.local), uuid.to_owned());
        blocking(move || {
            let asked = |error: ureq::Error| Error::Check(format!("the stand-in does not give {uuid} back: {error}"));
            ureq::delete(format!("{local}/_local/faults")).call().map_err(asked)?;
            let mut original = ureq::get(format!("{local}/{uuid}/")).call().map_err(asked)?;
            let mut sink = Hashing { inner: io::sink(), hash: Sha256::new(), size: 0 };
            io::copy(&mut original.body_mut().as_reader(), &mut sink).doing(format!("read {uuid} back"))?;
            Ok(hex(&sink.hash.finalize()))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other).doing("wait for the stand-in")?
}
