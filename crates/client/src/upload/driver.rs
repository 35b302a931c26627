//! Does what the engine asks, natively: requests with bytes read from files as they are sent, timers, progress.
//!
//! It decides nothing. One task owns the engine; each request is a task of its own, and aborting it closes its
//! connection, so that nothing is sent afterwards. When an [`Upload`] is dropped, everything under way is broken off.

use super::calls::bearer;
use super::form::multipart;
use super::outcome::{Outcome, UploadError, Uploaded};
use super::source::{Opened, Source, Stock};
use super::{Credentials, Uploader};
use crate::answer::retry_after;
use crate::http::{Http, Meter, Payload, Piece, USER_AGENT};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use updock_engine::{
    Action, Answer, Body, Command, Config, CredentialSource, Engine, Failure, FileKey, FileOptions, Fingerprint,
    FormValue, Input, Millis, Reply, Request, RequestId, Row, RowState, Totals, Which, read_reply,
};
use updock_types::PublicKey;

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
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { file: FileOptions::default(), multipart_from: 25 * 1024 * 1024, budget: 8 }
    }
}

/// What changed since it was last told.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// Files that changed, as they are now. Keys count the files that could be opened, from 0.
    pub rows: &'a [Arc<Row>],
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
pub struct Control(mpsc::UnboundedSender<Command>);

impl Control {
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
        // Whoever is done needs no commands.
        let _ = self.0.send(command);
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
    pub async fn upload_path(&self, path: impl Into<std::path::PathBuf>, options: &UploadOptions) -> Outcome {
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
            stocks: Vec::new(),
            outcomes: Vec::new(),
            places: Vec::new(),
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
    /// By key.
    stocks: Vec<Arc<Stock>>,
    /// In the order the files were given; none while under way.
    outcomes: Vec<Option<Outcome>>,
    /// By key: where among the outcomes.
    places: Vec<usize>,
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
    async fn run(mut self, sources: Vec<Source>, mut orders: mpsc::UnboundedReceiver<Command>) -> Vec<Outcome> {
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
                Some(command) = orders.recv() => self.feed(Input::Command(command)),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    // Progress goes first: what moves is not stalled.
                    self.gather();
                    self.feed(Input::Tick);
                }
            }
        }
        self.tell();
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(UploadError::Cancelled))).collect()
    }

    /// Looks at files off this thread: disks may be slow.
    async fn add(&mut self, sources: Vec<Source>) {
        let opened = tokio::task::spawn_blocking(move || sources.into_iter().map(Source::open).collect::<Vec<_>>());
        let mut inputs: Vec<Input> = Vec::new();
        for (place, opened) in opened.await.unwrap_or_default().into_iter().enumerate() {
            self.outcomes.push(match opened {
                Ok(opened) => {
                    self.stocks.push(Arc::new(self.announce(opened, &mut inputs)));
                    self.places.push(place);
                    None
                }
                Err(error) => Some(Err(UploadError::Open(error))),
            });
        }
        for input in inputs {
            self.feed(input);
        }
    }

    /// Adds a source to the inputs in their order, by which keys are given.
    fn announce(&self, opened: Opened, inputs: &mut Vec<Input>) -> Stock {
        let said = |options: &mut Option<Arc<FileOptions>>| {
            options.get_or_insert_with(|| Arc::clone(&self.options));
        };
        match opened {
            Opened::Here(mut file, stock) => {
                said(&mut file.options);
                match inputs.last_mut() {
                    Some(Input::FilesAdded(files)) => files.push(file),
                    _ => inputs.push(Input::FilesAdded(vec![file])),
                }
                stock
            }
            Opened::There(mut url) => {
                said(&mut url.options);
                match inputs.last_mut() {
                    Some(Input::UrlsAdded(urls)) => urls.push(url),
                    _ => inputs.push(Input::UrlsAdded(vec![url])),
                }
                Stock::nothing()
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
                Action::Fingerprint(file) => {
                    self.feed(Input::Fingerprinted { file, fingerprint: Fingerprint::Unavailable });
                }
                Action::Journal(_) | Action::Open { .. } | Action::Adopt { .. } => {}
                Action::Release(key) => {
                    if let Some(stock) = self.stocks.get(key.0 as usize) {
                        stock.close();
                    }
                }
            }
        }
        for row in self.engine.take_changes() {
            self.note(row);
        }
    }

    fn note(&mut self, row: Arc<Row>) {
        let key = row.key.0 as usize;
        if let Some(place) = self.places.get(key) {
            self.outcomes[*place] = outcome(&row);
        }
        if row.state.is_final()
            && let Some(stock) = self.stocks.get(key)
        {
            stock.close();
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
        (self.on_change)(Changes { rows: &rows, totals: self.engine.totals() });
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
        let stock = |key: FileKey| self.stocks.get(key.0 as usize).map(|stock| (key, Arc::clone(stock)));
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
