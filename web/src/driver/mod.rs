//! Does what the engine asks, in a browser: requests, timers, frames, the page's word on the network.
//!
//! It decides nothing. Answers go to the engine at once, progress is gathered. The interface hears of changes once a frame,
//! however much has happened, and of mere progress four times a second. Files stay here, as handles; their bytes never come in.
//!
//! Invariant: whatever calls in, also from within a callback, the engine handles one input at a time, in order.
//! When the driver is dropped, everything under way is broken off and every timer and listener is gone.

mod clock;
mod files;
mod flight;
mod journal;
mod json;
mod share;

pub use clock::{Frame, Timer, now};
pub use files::{Files, Intake, readable};
pub use json::Json;

use crate::dom::{Port, Told};
use flight::Flight;
use journal::{Journal, Task};
use share::Share;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
};
use updock_engine::{
    Action, Command, Config, Engine, FileKey, Fingerprint, Input, Journal as Written, Network, Pacing, RequestId, Row,
    Snapshot, Stir, Totals,
};
use updock_types::FileUuid;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    #[wasm_bindgen(js_name = online)]
    fn is_online() -> bool;
    #[wasm_bindgen(js_name = news)]
    fn hear(told: &JsValue) -> JsValue;
    fn chance() -> f64;
    #[wasm_bindgen(js_name = saves)]
    fn saves_data() -> bool;
}

/// Is there a network, as far as the browser knows?
pub fn online() -> bool {
    is_online()
}

/// Calls with 0 when the network goes, 1 when it comes, 2 when the page is hidden or shown.
pub fn news(told: Told) -> Port {
    Port::new(told, &hear)
}

/// Most changes told in one frame: ten thousand at once would hold the page up.
const MOST_TOLD: usize = 1_000;

/// Told once a frame what has changed.
pub type OnPaint = Box<dyn Fn(Vec<Arc<Row>>, Totals)>;

/// Runs one engine in this page. Dropping it ends all that it does.
pub struct Driver {
    inner: Rc<Inner>,
}

struct Inner {
    me: Weak<Inner>,
    engine: RefCell<Engine>,
    files: Files,
    flights: RefCell<Vec<Flight>>,
    inbox: RefCell<VecDeque<Input>>,
    handling: Cell<bool>,
    on_paint: RefCell<Option<Rc<OnPaint>>>,
    /// Changes that are not told yet, oldest first.
    backlog: RefCell<Vec<Arc<Row>>>,
    /// The sums last told.
    told: Cell<Totals>,
    credentials: RefCell<JsValue>,
    /// None before it is known where the widget stands.
    journal: RefCell<Option<Journal>>,
    timer: Timer,
    share: Share,
    frame: Frame,
    #[expect(dead_code, reason = "held: the page tells whether there is a network, and whether it is in sight")]
    news: Port,
}

impl Driver {
    /// Starts an engine. `on_paint` is called once a frame in which something changed.
    pub fn new(mut config: Config, on_paint: OnPaint) -> Self {
        sparing(&mut config);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
        let seed = chance() as u64;
        let slots = config.budget;
        let inner = Rc::new_cyclic(|me: &Weak<Inner>| {
            let with = |run: fn(&Inner, u32)| -> Told {
                let me = Weak::clone(me);
                Box::new(move |code, _, _| {
                    if let Some(inner) = me.upgrade() {
                        run(&inner, code);
                    }
                })
            };
            Inner {
                me: Weak::clone(me),
                engine: RefCell::new(Engine::new(config, seed)),
                files: Files::default(),
                flights: RefCell::default(),
                inbox: RefCell::default(),
                handling: Cell::new(false),
                on_paint: RefCell::new(Some(Rc::new(on_paint))),
                backlog: RefCell::default(),
                told: Cell::default(),
                credentials: RefCell::default(),
                journal: RefCell::default(),
                timer: Timer::new(with(|inner, _| inner.tick())),
                share: Share::new(slots, {
                    let me = Weak::clone(me);
                    Box::new(move |_, budget, _| {
                        if let Some(inner) = me.upgrade() {
                            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful")]
                            inner.feed(Input::Budget(budget as u8));
                        }
                    })
                }),
                frame: Frame::new(with(|inner, _| inner.paint())),
                news: news(with(Inner::heard)),
            }
        });
        if inner.share.is_shared() {
            inner.feed(Input::Budget(0));
        }
        if !online() {
            inner.feed(Input::Network(Network::Offline));
        }
        Self { inner }
    }

    /// Opens the journal of the widget that stands at `scope` in the page: uploads that it was at before come as rows that
    /// need their file. Without a scope nothing is written or found. `ready` is called once what could be found is
    /// there; files that are added before do not find their uploads.
    pub fn open_journal(&self, scope: &str, ready: Box<dyn Fn()>) {
        let journal = Journal::open(&self.inner.me, &self.inner.files, scope, ready);
        self.inner.journal.replace(Some(journal));
    }

    /// A person says that this is the file that `row` needs.
    pub fn give(&self, row: FileKey, file: &JsValue) {
        self.inner.files.put(row, file);
        self.inner.feed(Input::Chosen { row, file: self.inner.files.facts(row) });
    }

    /// From now on these settings hold.
    pub fn configure(&self, mut config: Config) {
        sparing(&mut config);
        self.inner.feed(Input::Configured(Box::new(config)));
    }

    /// The page's own function for credentials, or undefined.
    pub fn set_credentials(&self, function: JsValue) {
        self.inner.credentials.replace(function);
    }

    /// Takes an array of files in; see [`Intake`] for many at once.
    pub fn add(&self, files: &JsValue) {
        let facts = self.inner.files.take(files);
        self.inner.feed(Input::FilesAdded(facts));
    }

    /// Passes a command on.
    pub fn command(&self, command: Command) {
        self.inner.feed(Input::Command(command));
    }

    /// The row is gone: nobody needs the handle.
    pub fn forget(&self, key: FileKey) {
        self.inner.files.release(key, true);
    }

    /// The files' handles, while somebody needs them.
    pub fn files(&self) -> &Files {
        &self.inner.files
    }

    /// The whole list.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.engine.borrow().snapshot()
    }

    /// Sums over the list, as of now.
    pub fn totals(&self) -> Totals {
        self.inner.engine.borrow().totals()
    }

    /// Has it anything under way? For tests.
    pub fn flights(&self) -> usize {
        self.inner.flights.borrow().len()
    }
}

/// Few requests at a time where the person has asked the browser to save data.
fn sparing(config: &mut Config) {
    if saves_data() {
        config.pacing = Pacing::Saver;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Callbacks that are still to come find nobody; what flies is broken off by dropping it.
        self.inner.on_paint.take();
        let flights = self.inner.flights.take();
        drop(flights);
        self.inner.timer.set(None);
    }
}

impl Inner {
    /// The page's news, by their codes in `driver.js`.
    fn heard(&self, code: u32) {
        match code {
            0 => self.feed(Input::Network(Network::Offline)),
            1 => self.feed(Input::Network(Network::Online)),
            _ => {
                self.frame.ask_again();
                // Timers of a hidden page come late: look at the clock now.
                self.tick();
            }
        }
    }

    /// So many bytes of a request have left.
    fn note(&self, id: RequestId, sent: u64) {
        if let Some(flight) = self.flights.borrow_mut().iter_mut().find(|flight| flight.id == id) {
            flight.news = Some(sent);
        }
        self.frame.ask_in_time();
    }

    /// Taken out before the engine speaks, so that a new request finds its place free.
    fn land(&self, id: RequestId) -> Option<Flight> {
        let mut flights = self.flights.borrow_mut();
        let at = flights.iter().position(|flight| flight.id == id)?;
        Some(flights.swap_remove(at))
    }

    fn ended(&self, request: RequestId, status: f64, answer: &JsValue) {
        let Some(mut flight) = self.land(request) else { return };
        let answer = flight.read(status, answer);
        if let Some(sent) = flight.news.take() {
            self.inbox.borrow_mut().push_back(Input::Progressed { request, sent });
        }
        drop(flight);
        self.feed(Input::Answered { request, answer });
    }

    /// Hands an input to the engine and does what it asks. Inputs that come meanwhile wait for their turn.
    #[inline(never)]
    fn feed(&self, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        self.work();
        match self.engine.borrow_mut().take_stir() {
            Stir::Nothing => {}
            Stir::Progress => self.frame.ask_in_time(),
            Stir::State => self.frame.ask(),
        }
    }

    #[inline(never)]
    fn work(&self) {
        if self.handling.replace(true) {
            return;
        }
        loop {
            let next = self.inbox.borrow_mut().pop_front();
            if let Some(input) = next {
                self.engine.borrow_mut().handle(now(), input);
                continue;
            }
            let action = self.engine.borrow_mut().poll();
            match action {
                Some(action) => self.perform(action),
                None if self.inbox.borrow().is_empty() => break,
                None => {}
            }
        }
        self.handling.set(false);
        let (deadline, busy) = {
            let engine = self.engine.borrow();
            (engine.deadline(), engine.is_busy())
        };
        self.timer.set(deadline);
        self.share.note(busy.then(|| self.flights.borrow().len()));
    }

    fn perform(&self, action: Action) {
        let flight = match action {
            Action::Send(request) => Flight::start(&self.me, &request, &self.files),
            Action::AskPage { request, operations } => {
                // Cloned, not held: the page's function may call back in.
                let give = self.credentials.borrow().clone();
                Flight::ask(&self.me, request, &give, operations)
            }
            Action::Abort(request) => {
                self.land(request);
                return;
            }
            Action::Release(key) => return self.files.release(key, false),
            Action::Adopt { file, row } => return self.files.adopt(file, row),
            Action::Fingerprint(file) => return self.write(Task::Fingerprint, file, None, ""),
            Action::Open { row, upload } => return self.write(Task::Open, row, Some(upload), ""),
            Action::Journal(journal) => {
                let nobody = FileKey(0);
                return match journal {
                    Written::Begin { upload, file, record } => self.write(Task::Begin, file, Some(upload), &record),
                    Written::Append { upload, record } => self.write(Task::Append, nobody, Some(upload), &record),
                    Written::End { upload } => self.write(Task::End, nobody, Some(upload), ""),
                    Written::Leave { upload } => self.write(Task::Leave, nobody, Some(upload), ""),
                };
            }
        };
        self.flights.borrow_mut().push(flight);
    }

    fn write(&self, task: Task, file: FileKey, upload: Option<FileUuid>, record: &str) {
        if let Some(journal) = &*self.journal.borrow() {
            journal.ask(task, file, upload, record);
        } else if matches!(task, Task::Fingerprint) {
            let fingerprint = Fingerprint::Unavailable;
            self.inbox.borrow_mut().push_back(Input::Fingerprinted { file, fingerprint });
        }
    }

    /// Puts the noted progress of every transfer into the inbox. Was there any?
    #[inline(never)]
    fn gather(&self) -> bool {
        let mut inbox = self.inbox.borrow_mut();
        let before = inbox.len();
        for flight in &mut *self.flights.borrow_mut() {
            if let Some(sent) = flight.news.take() {
                inbox.push_back(Input::Progressed { request: flight.id, sent });
            }
        }
        inbox.len() > before
    }

    /// Looks at the clock. Progress goes first: frames may have stopped, and a transfer that moves is not stalled.
    fn tick(&self) {
        self.gather();
        self.feed(Input::Tick);
    }

    /// Once a frame at most: what was gathered goes in, and what has changed comes out.
    fn paint(&self) {
        if self.gather() {
            self.work();
        }
        let (totals, loses) = {
            let mut engine = self.engine.borrow_mut();
            self.backlog.borrow_mut().extend(engine.take_changes());
            engine.take_stir();
            (engine.totals(), engine.would_lose())
        };
        self.share.guard(loses);
        let mut changes = self.backlog.take();
        if changes.is_empty() {
            return;
        }
        if changes.len() > MOST_TOLD {
            // Sums must not run ahead of the rows they are made of.
            self.backlog.replace(changes.split_off(MOST_TOLD));
            self.frame.ask();
        } else {
            self.told.set(totals);
        }
        // Cloned, not held: it may call in again.
        let on_paint = self.on_paint.borrow().clone();
        if let Some(on_paint) = on_paint {
            on_paint(changes, self.told.get());
        }
    }
}
