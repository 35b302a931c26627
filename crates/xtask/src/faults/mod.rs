//! `faults`: every fault that the stand-in knows, with real sockets, against the native driver and `<up-dock>` in
//! Chromium; in the long form beside Uploadcare's own widget in the same run, into `docs/faults.md`.
//!
//! The rows are in `tests/faults/matrix.toml`. Each runs against a stand-in that holds nothing else; what is stored is
//! read back and held against what was sent, so that no false success goes unnoticed.

mod browser;
mod lane;
mod matrix;
mod native;
mod report;

pub(crate) use matrix::Form;
pub(crate) use report::check_docs;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Mutex as AsyncMutex;

use crate::demo;
use crate::error::{Error, Result};
use crate::process::Run;
use crate::samples::{self, Sample};
use crate::setup::{self, npm};
use crate::stack::{self, Build, Plan, Ports, SignedUploads, Stack};
use crate::test::Counts;
use crate::wasm::{self, Mode};
use crate::workspace::Workspace;
use browser::Browser;
use lane::{Arrivals, Lane};
use matrix::{Driver, FileKind, Happening, Row};

/// Rows under way at once. In the long form most of them wait most of the time.
fn lanes(form: Form) -> usize {
    if form == Form::Full { 8 } else { 4 }
}

/// Six parts of 5 MiB, the last one short; above the threshold of every driver.
const LARGE: u64 = 27_000_001;
const SMALL: u64 = 1_000_003;
/// How long the official widget may do nothing.
const PEER_PATIENCE: Duration = Duration::from_secs(75);

/// How to play it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// The rows that take long too, at their real length, beside the official widget; writes docs/faults.md
    #[arg(long)]
    full: bool,
    /// Only rows whose fault has this in its name
    #[arg(long)]
    row: Option<String>,
    /// Only this driver
    #[arg(long, value_enum)]
    driver: Option<Driver>,
    /// Build nothing: take what was built last
    #[arg(long)]
    as_built: bool,
}

impl Options {
    /// As a test run plays it.
    pub(crate) fn of_test() -> Self {
        Self { as_built: false, ..Self::default() }
    }
}

/// How an upload ended, as its driver says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Done { uuid: String },
    Failed { why: String },
    NotYet,
}

/// How it really ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// On the server, byte for byte.
    Done,
    /// Said so, and why.
    Failed(String),
    /// Neither, after its time.
    Hang,
    /// Said to be done, and what is stored is something else.
    FalseSuccess,
}

/// One row, played by one driver.
#[derive(Debug, Clone)]
struct Played {
    row: usize,
    driver: Driver,
    outcome: Outcome,
    took: Duration,
    /// Bytes that arrived beyond those of the file.
    extra: u64,
    /// The most bytes that may have arrived beyond, as the row says.
    most_extra: u64,
    requests: usize,
}

/// Plays it, prints it, and fails when a row does not end as it must.
pub(crate) fn run(workspace: &Workspace, options: &Options, counts: &mut Counts) -> Result<()> {
    let form = if options.full { Form::Full } else { Form::Short };
    let rows = matrix::read(workspace)?;
    if !options.as_built {
        wasm::build(workspace, Mode::Release)?;
        stack::build_parts(workspace, Build::Dev)?;
        Run::cargo("building updock")
            .args(["build", "--package", "updock-cli"])
            .dir(workspace.root())
            .env("CARGO_TARGET_DIR", workspace.target())
            .shown()?;
    }
    npm::ensure_packages(&workspace.e2e())?;
    if options.full {
        npm::ensure_packages(&workspace.conformance().join("npm"))?;
    }
    let chromium = setup::browser::ensure(setup::browser::CHROMIUM)?;
    let wanted = |row: &Row| {
        row.is_in(form)
            && options.row.as_ref().is_none_or(|text| row.fault.to_lowercase().contains(&text.to_lowercase()))
    };
    let mut queue: Vec<(usize, Driver)> = Vec::new();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| wanted(row)) {
        let drivers = row.drivers.iter().copied().chain(options.full.then_some(Driver::Peer));
        let drivers = drivers.filter(|driver| options.driver.is_none_or(|only| only == *driver));
        queue.extend(drivers.map(|driver| (at, driver)));
    }
    if queue.is_empty() {
        return Err(Error::Check("no row is called that".into()));
    }
    // The longest first, so that nobody waits for one row at the end.
    queue.sort_by_key(|(at, _)| std::cmp::Reverse(rows[*at].within(form)));

    let folder = workspace.scratch("faults");
    let stage = Stage {
        program: workspace.target().join("debug/updock"),
        large: samples::noise(&folder.join("files"), "large.bin", LARGE)?,
        small: samples::noise(&folder.join("files"), "small.bin", SMALL)?,
        folder,
        rows: &rows,
        form,
        queue: Mutex::new(queue.into()),
        played: AsyncMutex::new(Vec::new()),
        next: AtomicU64::new(1),
    };
    let start = Instant::now();
    let played = demo::runtime()?.block_on(async {
        let browser = Browser::start(workspace, &chromium)?;
        let lanes = (0..lanes(form)).map(|number| stage.lane(workspace, &browser, number));
        futures_util::future::try_join_all(lanes).await?;
        Ok::<_, Error>(stage.played.into_inner())
    })?;
    let took = start.elapsed();
    let wrong = report::judge(&rows, &played);
    counts.failed += wrong.len() as u64;
    counts.passed += played.iter().filter(|one| one.driver != Driver::Peer).count().saturating_sub(wrong.len()) as u64;
    let table = report::Table { workspace, rows: &rows, played: &played, took };
    println!("\n{}", table.text());
    if !wrong.is_empty() {
        return Err(Error::Check(format!("the fault matrix does not hold:\n  {}", wrong.join("\n  "))));
    }
    if options.full && options.row.is_none() && options.driver.is_none() {
        table.write()?;
    }
    Ok(())
}

/// What all lanes share.
struct Stage<'a> {
    program: PathBuf,
    large: Sample,
    small: Sample,
    folder: PathBuf,
    rows: &'a [Row],
    form: Form,
    queue: Mutex<VecDeque<(usize, Driver)>>,
    played: AsyncMutex<Vec<Played>>,
    next: AtomicU64,
}

impl Stage<'_> {
    /// Plays rows until none is left.
    async fn lane(&self, workspace: &Workspace, browser: &Browser, number: usize) -> Result<()> {
        let plan = Plan {
            ports: Ports::Free,
            build: Build::Dev,
            real: None,
            signer_secret: None,
            signed_uploads: SignedUploads::Off,
            connect: Vec::new(),
            folder: self.folder.join(format!("lane-{number}")),
            keep: false,
            mounts: vec![("/e2e/", workspace.e2e().join("pages"))],
        };
        let mut lane = Lane::new(Stack::start(workspace, plan).await?);
        let mut ended = Ok(());
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((at, driver)) = next else { break };
            match self.play(&mut lane, browser, at, driver).await {
                Ok(played) => {
                    eprintln!(
                        "  {}: {:?}: {:?} ({:.1} s)",
                        driver.name(),
                        self.rows[at].fault,
                        played.outcome,
                        played.took.as_secs_f64()
                    );
                    self.played.lock().await.push(played);
                }
                Err(error) => {
                    ended = Err(Error::Check(format!("{} ({}): {error}", self.rows[at].fault, driver.name())));
                    break;
                }
            }
        }
        lane.stack.stop().await;
        ended
    }

    async fn play(&self, lane: &mut Lane, browser: &Browser, at: usize, driver: Driver) -> Result<Played> {
        let row = &self.rows[at];
        let file = match row.file {
            FileKind::Large => &self.large,
            FileKind::Small => &self.small,
        };
        lane.begin(row.rules(self.form)?).await?;
        let (end, took) = match driver {
            Driver::Native => self.natively(lane, row, file).await?,
            Driver::Browser | Driver::Peer => self.in_browser(lane, browser, row, file, driver).await?,
        };
        let arrivals = lane.arrivals().await?;
        let outcome = match end {
            End::Done { uuid } if lane.stored(&uuid).await? == file.sha256 => Outcome::Done,
            End::Done { .. } => Outcome::FalseSuccess,
            End::Failed { why } => Outcome::Failed(why),
            End::NotYet => Outcome::Hang,
        };
        Ok(Played {
            row: at,
            driver,
            outcome,
            took,
            extra: extra(&arrivals, file),
            most_extra: row.again * (arrivals.largest() + FORM),
            requests: arrivals.requests(),
        })
    }

    /// What happens to a whole process in the middle, if anything; `uploader` does to the uploading one what is said.
    async fn happen(
        &self,
        lane: &mut Lane,
        row: &Row,
        uploader: impl AsyncFnOnce(Happening, Duration) -> Result<()>,
    ) -> Result<()> {
        let Some(event) = &row.event else { return Ok(()) };
        lane.until_parts(event.after_parts).await?;
        tokio::time::sleep(event.settles()).await;
        let time = event.lasts(self.form);
        match event.what {
            Happening::ServerGone => lane.server_gone(time).await,
            what => uploader(what, time).await,
        }
    }

    async fn natively(&self, lane: &mut Lane, row: &Row, file: &Sample) -> Result<(End, Duration)> {
        let home = self.folder.join(format!("home-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        let start = Instant::now();
        let local = lane.local().to_owned();
        let begin = || native::Uploading::start(&self.program, &file.path, &local, row.signed, &home);
        let within = row.within(self.form);
        let uploading = begin()?;
        if row.event.as_ref().is_some_and(|event| event.what == Happening::Kill) {
            let event = self.happen(lane, row, async |_, _| uploading.kill().await);
            not_too_late(tokio::time::timeout(within, event).await)?;
            return Ok((begin()?.end(within).await?, start.elapsed()));
        }
        let pid = uploading.pid().unwrap_or_default();
        let event = self.happen(lane, row, async |what, time| match what {
            Happening::Sleep => native::Uploading::freeze(pid, time).await,
            _ => Err(Error::Check(format!("{what:?} does not happen to a command"))),
        });
        let (end, happened) = tokio::join!(uploading.end(within), tokio::time::timeout(within, event));
        not_too_late(happened)?;
        Ok((end?, start.elapsed()))
    }

    async fn in_browser(
        &self,
        lane: &mut Lane,
        browser: &Browser,
        row: &Row,
        file: &Sample,
        driver: Driver,
    ) -> Result<(End, Duration)> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let signer = row.signed.then(|| lane.stack.signer());
        let sleeps = row.event.as_ref().is_some_and(|event| event.what == Happening::Sleep);
        let order = json!({
            "page": lane.stack.page(),
            "local": lane.local(),
            "file": file.path,
            "attributes": { "signer-url": signer },
            "sleeps": sleeps,
        });
        let uploading = browser.upload(id, driver, order).await?;
        let within = row.within(self.form);
        let within = if driver == Driver::Peer { within.min(PEER_PATIENCE) } else { within };
        let event = self.happen(lane, row, async |what, time| browser.happen(id, what, time).await);
        let (end, happened) = tokio::join!(browser.end(uploading, within), tokio::time::timeout(within, event));
        not_too_late(happened)?;
        end
    }
}

/// An event that never came has tested nothing.
fn not_too_late(happened: Result<Result<()>, tokio::time::error::Elapsed>) -> Result<()> {
    happened.unwrap_or_else(|_| Err(Error::Check("the upload never came to where something was to happen".into())))
}

/// A form around a file is smaller.
const FORM: u64 = 4096;

/// Bytes that arrived beyond the file's. The few hundred of a form around it do not count.
fn extra(arrivals: &Arrivals, file: &Sample) -> u64 {
    let extra = arrivals.bytes().saturating_sub(file.size);
    if extra <= FORM { 0 } else { extra }
}
