//! Does what the engine asks, natively: requests with bytes read from files as they are sent, timers, progress.
//!
//! It decides nothing. One task owns the engine; each request is a task of its own, and aborting it closes its
//! connection, so that nothing is sent afterwards. When an [`Upload`] is dropped, everything under way is broken off.

use super::calls::bearer;
use super::form::multipart;
use super::journal::Folder;
use super::outcome::{Outcome, UploadError, Uploaded};
use super::source::{Opened, Source, Stock};
use super::{Credentials, Uploader};
use crate::answer::retry_after;
use crate::http::{Http, Meter, Payload, Piece, USER_AGENT};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use updock_engine::{
    Action, Answer, Body, Command, Config, CredentialSource, Engine, Failure, FileKey, FileOptions, Fingerprint,
    FormField, FormValue, Input, Journal, Millis, Reply, Request, RequestId, Row, RowState, Totals, Which, read_reply,
};
use updock_types::{FileUuid, PublicKey};

/// How often progress is looked at and told.
const BEAT: Duration = Duration::from_millis(100);
/// Endpoints that a credential for uploads opens.
const SCOPE: &[&str] = &["/base/", "/multipart/*"];
/// The same where the service is to fetch some.
const SCOPE_WITH_URLS: &[&str] = &["/base/", "/multipart/*", "/from_url/"];

/// How files are uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOptions {
    /// What to say about every file.
    pub file: FileOptions,
    /// Files of this size and more travel in parts; 25 MiB otherwise, and never below what the API allows.
    pub multipart_from: u64,
    /// Most requests in flight; 8 otherwise, of which parts take three quarters.
    pub budget: u8,
    /// A folder in which files that go in parts are written down, so that an upload outlives its process: the next one
    /// of the same file, with the same things said about it, within 23 hours, goes on where it stopped. It holds URLs
    /// that let their bearer write parts of these uploads; others cannot read it. None otherwise; see
    /// [`crate::state_folder`].
    pub journal: Option<PathBuf>,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { file: FileOptions::default(), multipart_from: 25 * 1024 * 1024, budget: 8, journal: None }
    }
}

/// What changed since it was last told.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// Files that changed, as they are now. A file keeps its key.
    pub rows: &'a [Arc<Row>],
    /// Files whose upload began in an earlier process and goes on now; `sent` is what is there already.
    pub resumed: &'a [Arc<Row>],
    /// Sums over all files.
    pub totals: Totals,
}

/// Files on their way. Dropping it breaks everything off.
pub struct Upload {
    control: Control,
    driving: JoinHandle<Vec<Outcome>>,
}

/// Steers an [`Upload`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Control(mpsc::UnboundedSender<Order>);

#[derive(Debug)]
enum Order {
    Command(Command),
    Leave,
}

impl Control {
    /// Breaks everything off as if the process had ended: what is written down stays, and the next upload of the same
    /// file goes on there. What is not done ends as [`UploadError::Interrupted`].
    pub fn leave(&self) {
        self.order(Order::Leave);
    }

    /// Gives up what is not done: what is in flight is broken off, and nothing is sent afterwards.
    pub fn cancel(&self) {
        self.command(Command::Cancel(Which::All));
    }

    /// Stops sending and keeps what was sent.
    pub fn pause(&self) {
        self.command(Command::Pause(Which::All));
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.command(Command::Resume(Which::All));
    }

    /// Any command of the engine's.
    pub fn command(&self, command: Command) {
        self.order(Order::Command(command));
    }

    fn order(&self, order: Order) {
        // Whoever is done needs no orders.
        let _ = self.0.send(order);
    }
}

impl Upload {
    /// To steer it from elsewhere.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Waits for every file; how each ended, in the order they were given.
    pub async fn finish(mut self) -> Vec<Outcome> {
        match (&mut self.driving).await {
            Ok(outcomes) => outcomes,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Uploader {
    /// Uploads one file of this machine: directly if it is small, else in parts.
    pub async fn upload_path(&self, path: impl Into<PathBuf>, options: &UploadOptions) -> Outcome {
        let mut outcomes = self.upload(vec![Source::path(path)], options, |_| {}).finish().await;
        outcomes.pop().unwrap_or(Err(UploadError::Cancelled))
    }

    /// Uploads files: directly if they are small, else in parts, within one budget of requests. What goes wrong is
    /// tried again as `updock-engine` says. `on_change` hears of progress some ten times a second, and of the end.
    ///
    /// Must be called within a Tokio runtime.
    pub fn upload(
        &self,
        sources: Vec<Source>,
        options: &UploadOptions,
        on_change: impl FnMut(Changes<'_>) + Send + 'static,
    ) -> Upload {
        let settings = &self.0.settings;
        let mut config = Config::new(settings.public_key.clone());
        config.upload_base = settings.base.origin();
        config.store = options.file.store;
        config.multipart_from = options.multipart_from;
        config.budget = options.budget;
        if settings.credentials.are_some() {
            config.credentials = CredentialSource::Page;
        }
        let (commands, orders) = mpsc::unbounded_channel();
        let driver = Driver {
            engine: Engine::new(config, getrandom::u64().unwrap_or_default()),
            http: self.0.http.clone(),
            answer_limit: self.0.settings.answer_limit,
            public_key: settings.public_key.clone(),
            credentials: settings.credentials.clone(),
            options: Arc::new(options.file.clone()),
            scope: if sources.iter().any(Source::is_url) { SCOPE_WITH_URLS } else { SCOPE },
            folder: options.journal.clone().map(Folder::new),
            stocks: Vec::new(),
            outcomes: Vec::new(),
            places: Vec::new(),
            fingerprints: JoinSet::new(),
            written: HashMap::new(),
            returning: HashSet::new(),
            resumed: Vec::new(),
            flights: HashMap::new(),
            tasks: JoinSet::new(),
            epoch: Instant::now(),
            changed: HashMap::new(),
            told: Instant::now(),
            on_change: Box::new(on_change),
        };
        Upload { control: Control(commands), driving: tokio::spawn(driver.run(sources, orders)) }
    }
}

struct Driver {
    engine: Engine,
    http: Http,
    answer_limit: usize,
    public_key: PublicKey,
    credentials: Credentials,
    options: Arc<FileOptions>,
    /// What a credential opens.
    scope: &'static [&'static str],
    folder: Option<Folder>,
    /// By key, with what is said about each; keys of rows that are not asked for have none.
    stocks: Vec<Option<(Arc<Stock>, Arc<FileOptions>)>>,
    /// In the order the files were given; none while under way.
    outcomes: Vec<Option<Outcome>>,
    /// By key: where among the outcomes.
    places: Vec<Option<usize>>,
    fingerprints: JoinSet<(FileKey, Fingerprint)>,
    /// Uploads that are written down, and whose they are.
    written: HashMap<FileUuid, FileKey>,
    /// Rows from before that have their file and are being compared with it.
    returning: HashSet<FileKey>,
    /// Those that go on, not told yet.
    resumed: Vec<Arc<Row>>,
    flights: HashMap<RequestId, Flight>,
    tasks: JoinSet<(RequestId, Answer)>,
    epoch: Instant,
    /// Not told yet.
    changed: HashMap<FileKey, Arc<Row>>,
    told: Instant,
    on_change: Box<dyn FnMut(Changes<'_>) + Send>,
}

struct Flight {
    task: AbortHandle,
    /// How far its body is, and what of that the engine knows.
    meter: Arc<Meter>,
    known: u64,
}

impl Driver {
    async fn run(mut self, sources: Vec<Source>, mut orders: mpsc::UnboundedReceiver<Order>) -> Vec<Outcome> {
        self.add(sources).await;
        loop {
            self.work();
            if self.outcomes.iter().all(Option::is_some) {
                break;
            }
            if self.told.elapsed() >= BEAT {
                self.tell();
            }
            let deadline = self.engine.deadline().map(|at| self.epoch + Duration::from_millis(at.0));
            let beat = (!self.flights.is_empty() || !self.changed.is_empty()).then(|| Instant::now() + BEAT);
            let wake = deadline.into_iter().chain(beat).min();
            tokio::select! {
                Some(ended) = self.tasks.join_next() => {
                    // One that was aborted has nothing to say.
                    if let Ok((request, answer)) = ended {
                        self.answered(request, answer);
                    }
                }
                Some(Ok((file, fingerprint))) = self.fingerprints.join_next() => {
                    self.feed(Input::Fingerprinted { file, fingerprint });
                }
                Some(order) = orders.recv() => match order {
                    Order::Command(command) => self.feed(Input::Command(command)),
                    Order::Leave => break,
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    // Progress goes first: what moves is not stalled.
                    self.gather();
                    self.feed(Input::Tick);
                }
            }
        }
        self.tell();
        // Nothing is sent or written any more before anybody hears of the end.
        self.tasks.shutdown().await;
        let resumable =
            |place: usize| self.written.values().any(|key| self.places.get(key.0 as usize) == Some(&Some(place)));
        let left = |place| Err(UploadError::Interrupted { resumable: resumable(place) });
        self.outcomes
            .iter_mut()
            .enumerate()
            .map(|(place, outcome)| outcome.take().unwrap_or_else(|| left(place)))
            .collect()
    }

    /// Looks at files and at what was written about them off this thread: disks may be slow.
    async fn add(&mut self, sources: Vec<Source>) {
        let mut folder = self.folder.take();
        let looking = tokio::task::spawn_blocking(move || {
            let opened: Vec<_> = sources.into_iter().map(Source::open).collect();
            let path = |opened: &Opened| match opened {
                Opened::Here(_, stock) => stock.path(),
                Opened::There(_) => None,
            };
            let paths: Vec<_> = opened.iter().flatten().filter_map(path).collect();
            let found = folder.as_mut().map(|folder| folder.take(&paths)).unwrap_or_default();
            (opened, folder, found)
        });
        let (opened, folder, found) = looking.await.unwrap_or_default();
        self.folder = folder;
        for recovered in &found {
            let key = FileKey(u32::try_from(self.stocks.len()).unwrap_or(u32::MAX));
            self.written.insert(recovered.upload, key);
            self.stocks.push(None);
            self.places.push(None);
        }
        let mut inputs = vec![Input::Recovered(found)];
        for (place, opened) in opened.into_iter().enumerate() {
            self.outcomes.push(match opened {
                Ok(opened) => {
                    let (stock, options) = self.announce(opened, &mut inputs);
                    self.stocks.push(Some((Arc::new(stock), options)));
                    self.places.push(Some(place));
                    None
                }
                Err(error) => Some(Err(UploadError::Open(error))),
            });
        }
        for input in inputs {
            self.feed(input);
        }
        self.work();
        // Their files have changed since: nobody will ever bring back what they began with.
        for row in self.engine.snapshot().rows {
            if matches!(row.state, RowState::NeedsFile(_)) {
                self.feed(Input::Command(Command::Remove(Which::One(row.key))));
            }
        }
    }

    /// Adds a source to the inputs in their order, by which keys are given.
    fn announce(&self, opened: Opened, inputs: &mut Vec<Input>) -> (Stock, Arc<FileOptions>) {
        let said = |options: &mut Option<Arc<FileOptions>>| {
            Arc::clone(options.get_or_insert_with(|| Arc::clone(&self.options)))
        };
        match opened {
            Opened::Here(mut file, stock) => {
                let options = said(&mut file.options);
                match inputs.last_mut() {
                    Some(Input::FilesAdded(files)) => files.push(file),
                    _ => inputs.push(Input::FilesAdded(vec![file])),
                }
                (stock, options)
            }
            Opened::There(mut url) => {
                let options = said(&mut url.options);
                match inputs.last_mut() {
                    Some(Input::UrlsAdded(urls)) => urls.push(url),
                    _ => inputs.push(Input::UrlsAdded(vec![url])),
                }
                (Stock::nothing(), options)
            }
        }
    }

    fn now(&self) -> Millis {
        Millis(u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn feed(&mut self, input: Input) {
        let now = self.now();
        self.engine.handle(now, input);
    }

    fn answered(&mut self, request: RequestId, answer: Answer) {
        let Some(flight) = self.flights.remove(&request) else { return };
        let sent = flight.meter.sent();
        if sent > flight.known {
            self.feed(Input::Progressed { request, sent });
        }
        self.feed(Input::Answered { request, answer });
    }

    /// Tells the engine how far every body is.
    fn gather(&mut self) {
        let mut news = Vec::new();
        for (request, flight) in &mut self.flights {
            let sent = flight.meter.sent();
            if sent > flight.known {
                flight.known = sent;
                news.push(Input::Progressed { request: *request, sent });
            }
        }
        for input in news {
            self.feed(input);
        }
    }

    /// Does what the engine asks until it asks nothing more, and notes what has changed.
    fn work(&mut self) {
        while let Some(action) = self.engine.poll() {
            match action {
                Action::Send(request) => self.send(request),
                Action::AskPage { request, operations } => {
                    let issued = self.credentials.issue(&self.public_key, operations, self.scope);
                    let answer = issued.map_or(Answer::Unreachable, |issued| Answer::Credential(Box::new(issued)));
                    self.feed(Input::Answered { request, answer });
                }
                Action::Abort(request) => {
                    if let Some(flight) = self.flights.remove(&request) {
                        flight.task.abort();
                    }
                }
                Action::Release(key) => {
                    if let Some(stock) = self.stock(key) {
                        stock.close();
                    }
                }
                Action::Journal(journal) => self.write(journal),
                Action::Fingerprint(key) => self.fingerprint(key),
                Action::Adopt { file, row } => {
                    let (from, to) = (file.0 as usize, row.0 as usize);
                    self.stocks[to] = self.stocks[from].take();
                    self.places[to] = self.places[from].take();
                    self.returning.insert(row);
                }
                // It has none to open.
                Action::Open { row, .. } => self.feed(Input::NotOpened(row)),
            }
        }
        for row in self.engine.take_changes() {
            self.note(row);
        }
    }

    fn stock(&self, key: FileKey) -> Option<&Arc<Stock>> {
        self.stocks.get(key.0 as usize)?.as_ref().map(|(stock, _)| stock)
    }

    fn write(&mut self, journal: Journal) {
        let (upload, about) = match &journal {
            Journal::Begin { upload, file, .. } => {
                self.written.insert(*upload, *file);
                (*upload, self.stock(*file).and_then(|stock| stock.path()))
            }
            Journal::End { upload } => {
                // What was compared turned out to be another file.
                self.written.remove(upload).map(|key| self.returning.remove(&key));
                (*upload, None)
            }
            Journal::Append { upload, .. } | Journal::Leave { upload } => (*upload, None),
        };
        let written = self.folder.as_mut().is_some_and(|folder| folder.write(journal, about.as_deref()).is_ok());
        if !written {
            self.written.remove(&upload);
            self.feed(Input::JournalFailed(upload));
        }
    }

    /// Off this thread, as it reads the disk.
    fn fingerprint(&mut self, key: FileKey) {
        match (&self.folder, self.stocks.get(key.0 as usize).cloned().flatten()) {
            (Some(_), Some((stock, options))) => {
                self.fingerprints.spawn_blocking(move || {
                    let digest = stock.digest(&said(&options));
                    (key, digest.map_or(Fingerprint::Unavailable, Fingerprint::Known))
                });
            }
            _ => self.feed(Input::Fingerprinted { file: key, fingerprint: Fingerprint::Unavailable }),
        }
    }

    fn note(&mut self, row: Arc<Row>) {
        let Some(Some(place)) = self.places.get(row.key.0 as usize).copied() else { return };
        self.outcomes[place] = outcome(&row);
        if row.state.is_final()
            && let Some(stock) = self.stock(row.key)
        {
            stock.close();
        }
        if row.state != RowState::Checking && self.returning.remove(&row.key) {
            self.resumed.push(Arc::clone(&row));
        }
        self.changed.insert(row.key, row);
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        if self.changed.is_empty() {
            return;
        }
        let mut rows: Vec<_> = self.changed.drain().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.key);
        let resumed = std::mem::take(&mut self.resumed);
        (self.on_change)(Changes { rows: &rows, resumed: &resumed, totals: self.engine.totals() });
    }

    fn send(&mut self, request: Request) {
        let id = request.id;
        let meter = Arc::new(Meter::default());
        let flight = Exchange {
            http: self.http.clone(),
            answer_limit: self.answer_limit,
            stocks: self.stocks_of(&request.body),
            meter: Arc::clone(&meter),
        };
        let task = self.tasks.spawn(async move { (id, flight.run(request).await) });
        self.flights.insert(id, Flight { task, meter, known: 0 });
    }

    /// The bytes that a body needs.
    fn stocks_of(&self, body: &Body) -> Vec<(FileKey, Arc<Stock>)> {
        let stock = |key: FileKey| self.stock(key).map(|stock| (key, Arc::clone(stock)));
        match body {
            Body::Empty | Body::Json(_) => Vec::new(),
            Body::Bytes { file, .. } => stock(*file).into_iter().collect(),
            Body::Form(fields) => fields
                .iter()
                .filter_map(|field| match &field.value {
                    FormValue::File { file, .. } => stock(*file),
                    FormValue::Text(_) | FormValue::Secret(_) => None,
                })
                .collect(),
        }
    }
}

/// What is said about a file as one text, to compare it with what was said before.
fn said(options: &FileOptions) -> String {
    let field = |field: &FormField| match &field.value {
        FormValue::Text(text) => format!("{}={text}\n", field.name),
        FormValue::Secret(_) | FormValue::File { .. } => String::new(),
    };
    let labels: String = options.labels().iter().map(field).collect();
    format!("{:?}\n{labels}", options.store)
}

/// How a file ended, if it has.
fn outcome(row: &Row) -> Option<Outcome> {
    match &row.state {
        RowState::Done { uuid, stored, .. } => Some(Ok(Uploaded {
            file: *uuid,
            name: row.name.to_string(),
            size: row.size,
            media_type: row.media_type.to_string(),
            stored: *stored,
        })),
        RowState::Rejected(refusal) => Some(Err(UploadError::Rejected(refusal.clone()))),
        RowState::Failed(Failure::Cancelled) | RowState::Removed => Some(Err(UploadError::Cancelled)),
        RowState::Failed(failure) => Some(Err(UploadError::Failed(failure.clone()))),
        RowState::NeedsFile(_) => Some(Err(UploadError::Failed(Failure::Unreadable))),
        _ => None,
    }
}

/// One request and its answer.
struct Exchange {
    http: Http,
    answer_limit: usize,
    stocks: Vec<(FileKey, Arc<Stock>)>,
    meter: Arc<Meter>,
}

impl Exchange {
    async fn run(self, request: Request) -> Answer {
        let Ok(built) = self.build(&request) else { return Answer::Unreadable };
        // An address that is none: nothing to be reached there.
        let Ok(built) = built else { return Answer::Nonsense };
        let Ok(response) = self.http.request(built).await else { return self.broken() };
        let (head, body) = response.into_parts();
        let Ok(body) = Limited::new(body, self.answer_limit).collect().await else { return self.broken() };
        // What was read may have been written to meanwhile.
        if self.stocks.iter().any(|(_, stock)| stock.check().is_err()) {
            return Answer::Unreadable;
        }
        let body = body.to_bytes();
        let json: Option<serde_json::Value> =
            (!body.is_empty()).then(|| serde_json::from_slice(&body).unwrap_or_default());
        let wait = wait(&head.headers);
        let reply = Reply {
            status: head.status.as_u16(),
            retry_after: wait.as_deref(),
            body: json.as_ref().map(|json| json as &dyn updock_types::fields::Fields),
        };
        read_reply(&request.expects, &reply)
    }

    fn broken(&self) -> Answer {
        if self.meter.unreadable() { Answer::Unreadable } else { Answer::Unreachable }
    }

    /// The outer error: a file cannot be read. The inner: the request cannot be.
    fn build(&self, request: &Request) -> io::Result<Result<http::Request<Payload>, http::Error>> {
        let (content_type, pieces) = match &request.body {
            Body::Empty => (None, Vec::new()),
            Body::Json(json) => (Some("application/json".to_owned()), vec![Piece::Bytes(json.clone().into())]),
            Body::Bytes { file, range, media_type } => {
                (Some(media_type.clone()), vec![self.stock(*file)?.piece(range.clone())?])
            }
            Body::Form(fields) => {
                let mut failed = None;
                let (content_type, pieces) = multipart(fields, |key| {
                    self.whole(key).unwrap_or_else(|error| {
                        failed = Some(error);
                        Piece::Bytes(bytes::Bytes::new())
                    })
                });
                if let Some(error) = failed {
                    return Err(error);
                }
                (Some(content_type), pieces)
            }
        };
        let mut head = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url.as_str())
            .header(header::USER_AGENT, USER_AGENT);
        if let Some(content_type) = content_type {
            head = head.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = &request.bearer {
            match bearer(&token.0) {
                Ok(token) => head = head.header(header::AUTHORIZATION, token),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(head.body(Payload::metered(pieces, &self.meter)))
    }

    fn stock(&self, key: FileKey) -> io::Result<&Stock> {
        let found = self.stocks.iter().find(|(have, _)| *have == key);
        found.map(|(_, stock)| &**stock).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn whole(&self, key: FileKey) -> io::Result<Piece> {
        let stock = self.stock(key)?;
        stock.piece(0..stock.len())
    }
}

/// `Retry-After` in seconds: the engine has no wall clock to hold a date against.
fn wait(headers: &HeaderMap) -> Option<String> {
    Some(retry_after(headers)?.as_secs().to_string())
}
