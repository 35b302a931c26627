//! Chromium, driven by `tests/faults/browser.mjs`: one process for all lanes, which takes orders and tells ends, one JSON
//! document a line.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::time::timeout;

use super::End;
use super::matrix::{Driver, Happening};
use crate::error::{Doing, Error, Result};
use crate::process::without_cargo;
use crate::setup::browser;
use crate::workspace::Workspace;

/// A page takes its time to load on a busy machine; this is not counted as part of an upload.
const OPENED_WITHIN: Duration = Duration::from_secs(30);

/// What the script tells of an upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "told")]
enum Told {
    /// The page is there and the file is chosen.
    Begun { id: u64 },
    /// The upload is done.
    Done { id: u64, uuid: String, seconds: f64 },
    /// It failed for good.
    Failed { id: u64, why: String, seconds: f64 },
    /// The script could not do it.
    Trouble { id: u64, why: String },
}

#[derive(Default)]
struct Waiting {
    begun: HashMap<u64, oneshot::Sender<()>>,
    ends: HashMap<u64, oneshot::Sender<Result<(End, Duration)>>>,
}

/// The running browser. Ends when dropped.
pub(super) struct Browser {
    orders: AsyncMutex<ChildStdin>,
    waiting: Arc<Mutex<Waiting>>,
    _process: Child,
}

/// An upload in a page.
pub(super) struct Uploading {
    id: u64,
    ended: oneshot::Receiver<Result<(End, Duration)>>,
}

impl Browser {
    /// Must be called within a Tokio runtime.
    pub(super) fn start(workspace: &Workspace, chromium: &Path) -> Result<Self> {
        let mut command = Command::new("node");
        without_cargo(command.as_std_mut());
        let mut process = command
            .arg(workspace.faults().join("browser.mjs"))
            .env("UPDOCK_CHROMIUM", chromium)
            .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .doing("start node")?;
        let orders = process.stdin.take().expect("standard input was asked to be piped");
        let stdout = process.stdout.take().expect("standard output was asked to be piped");
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let waiters = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                match serde_json::from_str(&line) {
                    Ok(told) => pass_on(&waiters, told),
                    Err(_) => eprintln!("{line}"),
                }
            }
            // Whoever still waits hears that nothing comes.
            *waiters.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
        });
        Ok(Self { orders: AsyncMutex::new(orders), waiting, _process: process })
    }

    /// Opens a page, chooses the file, and comes back when the upload has begun.
    pub(super) async fn upload(&self, id: u64, driver: Driver, order: Value) -> Result<Uploading> {
        let (begun, has_begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.begun.insert(id, begun);
            waiting.ends.insert(id, end);
        }
        self.order(id, driver.name(), order).await?;
        let mut uploading = Uploading { id, ended };
        match timeout(OPENED_WITHIN, has_begun).await {
            Ok(Ok(())) => Ok(uploading),
            _ => match uploading.ended.try_recv() {
                Ok(Err(trouble)) => Err(trouble),
                _ => Err(Error::Check(format!("the page of {} did not open", driver.name()))),
            },
        }
    }

    /// What happens to the page in the middle: its clock jumps ahead, as after a sleep of the machine; or it is loaded
    /// anew, or its process killed and another page opened, and then the file is chosen again.
    pub(super) async fn happen(&self, id: u64, what: Happening, time: Duration) -> Result<()> {
        let what = match what {
            Happening::Sleep => "sleep",
            Happening::Reload => "reload",
            Happening::Kill => "kill",
            Happening::ServerGone => return Err(Error::Check("a server's end is not the page's business".into())),
        };
        self.order(id, what, json!({ "seconds": time.as_secs() })).await
    }

    /// Waits for the end, but not for ever; the page is closed then.
    pub(super) async fn end(&self, uploading: Uploading, within: Duration) -> Result<(End, Duration)> {
        let id = uploading.id;
        let ended = match timeout(within, uploading.ended).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Err(Error::Check("the browser's script has ended".into())),
            Err(_) => Ok((End::NotYet, within)),
        };
        self.order(id, "close", json!({})).await?;
        ended
    }

    async fn order(&self, id: u64, what: &str, mut order: Value) -> Result<()> {
        order["id"] = json!(id);
        order["order"] = json!(what);
        let mut orders = self.orders.lock().await;
        orders.write_all(format!("{order}\n").as_bytes()).await.doing("give the browser's script an order")
    }
}

fn pass_on(waiting: &Mutex<Waiting>, told: Told) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let mut end = |id, how| {
        // Whoever does not wait any more has heard enough.
        if let Some(end) = waiting.ends.remove(&id) {
            let _ = end.send(how);
        }
    };
    match told {
        Told::Done { id, uuid, seconds } => end(id, Ok((End::Done { uuid }, Duration::from_secs_f64(seconds)))),
        Told::Failed { id, why, seconds } => end(id, Ok((End::Failed { why }, Duration::from_secs_f64(seconds)))),
        Told::Trouble { id, why } => {
            end(id, Err(Error::Check(format!("the browser's script: {why}"))));
            waiting.begun.remove(&id);
        }
        Told::Begun { id } => {
            if let Some(begun) = waiting.begun.remove(&id) {
                let _ = begun.send(());
            }
        }
    }
}
