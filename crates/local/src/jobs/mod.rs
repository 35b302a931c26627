//! Jobs: what is asked for now and done later. Document and video conversion, add-ons, image derivatives.
//!
//! A job is a row before it is acknowledged ([`crate::store`]), and waits, works and ends in a task of its own, with
//! at most [`AT_ONCE`] at work; whatever has not ended when the process dies is taken up again at the next start, so
//! every step may be repeated. Computing happens on blocking threads; hostile input ends as a failed job. What one
//! machine cannot do is done by a placeholder that says so. Leaves the wire to [`crate::rest`] and [`crate::upload`].

pub(crate) mod addon;
mod background;
pub(crate) mod derivative;
pub(crate) mod document;
pub(crate) mod formats;
mod office;
mod pdf;
mod placeholder;
pub(crate) mod video;
mod video_file;
mod virus;

use crate::{
    app::App,
    events::Notice,
    make::Source,
    store::{self, FileRow, JobRow, JobState, Making, NewFile, Outcome, StoreError, Trouble},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};
use updock_types::{ContentInfo, Event, FileUuid, GroupId, Timestamp};

/// Jobs that work at the same time; the others wait their turn. Bounds the memory that they need.
const AT_ONCE: usize = 2;

/// What a job does. Written into its row, so that it survives a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Task {
    Document(document::DocumentTask),
    Video(video::VideoTask),
    Addon(addon::AddonTask),
    Derivative(derivative::DerivativeTask),
}

impl Task {
    /// A kind for each status endpoint.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Document(_) => "document",
            Self::Video(_) => "video",
            Self::Addon(task) => task.addon.as_str(),
            Self::Derivative(_) => "derivative",
        }
    }

    /// Conversions are named by a token.
    pub(crate) fn is_conversion(&self) -> bool {
        matches!(self, Self::Document(_) | Self::Video(_))
    }

    /// The file on which nothing of the same kind may run at the same time.
    pub(crate) fn exclusive_target(&self) -> Option<FileUuid> {
        match self {
            Self::Addon(task) => Some(task.target),
            _ => None,
        }
    }

    fn source(&self) -> Option<FileUuid> {
        match self {
            Self::Document(task) => Some(task.source),
            Self::Video(task) => Some(task.source),
            Self::Addon(task) => Some(task.target),
            Self::Derivative(task) => task.source,
        }
    }

    /// Files that were announced for it, and that go when it fails.
    fn announced(&self) -> Vec<FileUuid> {
        match self {
            Self::Document(task) => [task.output].into_iter().chain(task.pages.iter().copied()).collect(),
            Self::Video(task) => [task.output].into_iter().chain(task.thumbs.iter().copied()).collect(),
            Self::Addon(task) => task.output.into_iter().collect(),
            Self::Derivative(task) => task.output.into_iter().collect(),
        }
    }

    fn group(&self) -> Option<GroupId> {
        match self {
            Self::Video(task) => Some(task.group),
            _ => None,
        }
    }

    /// As deliveries name who did it.
    fn initiator(&self) -> &'static str {
        match self {
            Self::Document(_) => "zamzar_convert_document",
            Self::Video(_) => "zencoder_convert_video",
            Self::Addon(task) => task.addon.as_str(),
            Self::Derivative(_) => "ai_gateway",
        }
    }
}

/// Jobs under way.
pub(crate) struct Jobs {
    running: Mutex<JoinSet<()>>,
    turns: Semaphore,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { running: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Jobs {
    /// Stops every job where it is; its row is taken up again at the next start.
    pub(crate) fn stop(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// A file that a job made.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) mime_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Does it stand for something that cannot be made here?
    pub(crate) placeholder: bool,
}

/// Why a job did not come to its end.
#[derive(Debug)]
enum Stop {
    /// It cannot be done, and whoever asked is told why.
    Trouble(Trouble),
    /// It is not remembered any more.
    Forgotten,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Trouble {
    pub(crate) fn new(code: &str, title: impl Into<String>) -> Self {
        Self { code: code.to_owned(), title: title.into() }
    }
}

impl App {
    /// Starts a job that is remembered.
    pub(crate) fn launch(&self, job: JobRow) {
        let mut running = self.jobs.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {} // those that ended are kept until somebody looks
        running.spawn(run(self.clone(), job));
    }

    /// Takes up what had not ended at the last stop.
    pub(crate) async fn resume_jobs(&self) -> Result<(), StoreError> {
        for job in self.store.unfinished_jobs().await? {
            tracing::info!(job = job.id, kind = job.task.kind(), "taken up again");
            self.launch(job);
        }
        Ok(())
    }
}

async fn run(app: App, mut job: JobRow) {
    let trouble = match conduct(&app, &mut job).await {
        Ok(()) | Err(Stop::Forgotten) => return,
        Err(Stop::Trouble(trouble)) => trouble,
        Err(Stop::Store(error)) => {
            tracing::error!(job = job.id, %error, "a job failed");
            Trouble::new("internal_error", "Internal error.")
        }
    };
    if let Err(error) = app.store.fail_job(job.id, &trouble, &job.task.announced(), job.task.group()).await {
        tracing::error!(job = job.id, %error, "that a job failed could not be remembered; it is tried again at the next start");
    }
}

/// Pending for a quarter of its time, processing for the rest, and only then at work: so a job holds nothing while it
/// waits.
async fn conduct(app: &App, job: &mut JobRow) -> Result<(), Stop> {
    let time = app.config.job_time;
    until(job.created_at, time / 4).await;
    advance(app, job, JobState::Processing).await?;
    until(job.created_at, time).await;
    let _turn = app.jobs.turns.acquire().await.map_err(|_| Stop::Forgotten)?;
    match job.task.clone() {
        Task::Document(task) => document::run(app, job, task).await,
        Task::Video(task) => video::run(app, job, task).await,
        Task::Addon(task) => addon::run(app, job, task).await,
        Task::Derivative(task) => derivative::run(app, job, task).await,
    }
}

/// Waits until so long after `start`; never longer than `after`, whatever the clock did since.
async fn until(start: Timestamp, after: Duration) {
    let passed = store::now().as_micros().saturating_sub(start.as_micros());
    let passed = Duration::from_micros(u64::try_from(passed).unwrap_or(0));
    if let Some(left) = after.checked_sub(passed).filter(|left| !left.is_zero()) {
        tokio::time::sleep(left).await;
    }
}

async fn advance(app: &App, job: &JobRow, state: JobState) -> Result<(), Stop> {
    if app.store.advance_job(job.id, state).await? { Ok(()) } else { Err(Stop::Forgotten) }
}

/// Computes on a blocking thread. A panic there is a failed job, and nothing more.
async fn compute<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Stop> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            tracing::error!(%error, "a computation ended badly");
            Err(Trouble::new("internal_error", "The file could not be processed.").into())
        }
    }
}

/// The source, if it is still there.
async fn source(app: &App, file: FileUuid) -> Result<FileRow, Stop> {
    let row = app.store.file(file).await?.filter(|row| row.removed_at.is_none() && row.making == Making::Whole);
    row.ok_or_else(|| Trouble::new("source_not_found", "The source file is gone.").into())
}

/// All of a file's bytes, if there are at most `limit`.
async fn bytes(app: &App, row: &FileRow, limit: u64) -> Result<Vec<u8>, Stop> {
    if row.size > limit {
        return Err(Trouble::new("source_too_large", "The source file is too large.").into());
    }
    let blobs = app.store.blobs.clone();
    let file = row.uuid;
    let read = move || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        blobs.read(file)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other).and_then(|read| read);
    Ok(read.map_err(StoreError::from)?)
}

/// Fills an announced file and tells subscribers; a file that was filled before the last stop stays as it is.
async fn deliver(app: &App, job: &JobRow, file: FileUuid, piece: Piece) -> Result<(), Stop> {
    let source = Source::Bytes(piece.bytes.into());
    let filled = app.fill_file(file, piece.name, piece.mime_type.to_owned(), source).await?;
    if filled.is_some() {
        tell(app, job, Event::FileUploaded, file).await;
    }
    Ok(())
}

async fn tell(app: &App, job: &JobRow, event: Event, file: FileUuid) {
    let notice = Notice::by_addon(event, file, job.task.initiator(), Some(job.request.to_string()));
    let derived = job.task.source().filter(|source| *source != file);
    app.tell(match derived {
        Some(source) => notice.from_source(source),
        None => notice,
    })
    .await;
}

async fn finish(app: &App, job: &JobRow, outcome: &Outcome) -> Result<(), Stop> {
    app.store.finish_job(job.id, job.task.source(), outcome).await?;
    Ok(())
}

/// A file to be announced: size 0, nothing known of it.
pub(crate) fn announced(name: &str, stored: bool) -> NewFile {
    NewFile {
        uuid: crate::chance::uuid(),
        original_filename: name.to_owned(),
        mime_type: String::new(),
        size: 0,
        etag: String::new(),
        stored,
        ready_after: Duration::ZERO,
        is_image: false,
        content_info: ContentInfo::default(),
        metadata: std::collections::BTreeMap::new(),
        tags: Vec::new(),
    }
}

/// A file's name without its extension.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}
