//! Does what the engine asks, in a browser: requests, timers, frames, the page's word on the network.
//!
//! It decides nothing. Answers go to the engine at once, progress is gathered and goes once a frame, and the interface
//! hears of changes once a frame, however much has happened. Files stay here, as handles; their bytes never come in.
//!
//! Invariant: whatever calls in, also from within a callback, the engine handles one input at a time, in order.
//! When the driver is dropped, everything under way is broken off and every timer and listener is gone.

mod bytes;
mod clock;
mod intake;
mod json;
mod talk;

pub use bytes::{is_readable, name_of};
pub use clock::{Callback, Frame, Timer, hidden, now, window};
pub use intake::Intake;
pub use json::Json;

use crate::dom::Scope;
use bytes::Transfer;
use js_sys::Function;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
};
use talk::Talk;
use updock_engine::{
    Action, Answer, Body, Command, Config, Engine, FileKey, FormValue, Input, Network, NewFile, Request, RequestId,
    Row, Snapshot, Totals,
};
use web_sys::Blob;

/// Most changes told in one frame: ten thousand at once would hold the page up.
const MOST_TOLD: usize = 1_000;

/// Told once a frame what has changed.
pub type OnPaint = Box<dyn FnMut(Vec<Arc<Row>>, Totals)>;

/// Runs one engine in this page. Dropping it ends all that it does.
pub struct Driver {
    inner: Rc<Inner>,
}

struct Inner {
    engine: RefCell<Engine>,
    /// By key; `None` once nobody needs the bytes again.
    files: RefCell<Vec<Option<Blob>>>,
    flights: RefCell<Vec<(RequestId, Flight)>>,
    inbox: RefCell<VecDeque<Input>>,
    handling: Cell<bool>,
    on_paint: RefCell<Option<OnPaint>>,
    /// Changes that are not told yet, newest last.
    backlog: RefCell<VecDeque<Arc<Row>>>,
    /// The sums last told.
    told: Cell<Totals>,
    credentials: RefCell<Option<Function>>,
    timer: Timer,
    frame: Frame,
    #[expect(dead_code, reason = "held for its listeners")]
    scope: Scope,
}

enum Flight {
    Transfer(Transfer),
    #[expect(dead_code, reason = "held: dropping it breaks the request off")]
    Talk(Talk),
}

impl Driver {
    /// Starts an engine. `on_paint` is called once a frame in which something changed.
    pub fn new(config: Config, on_paint: OnPaint) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
        let seed = (js_sys::Math::random() * 9e15) as u64;
        let inner = Rc::new_cyclic(|weak: &Weak<Inner>| {
            let timer = {
                let weak = weak.clone();
                Timer::new(Box::new(move |_| with(&weak, Inner::tick)))
            };
            let frame = {
                let weak = weak.clone();
                Frame::new(Box::new(move |_| with(&weak, Inner::paint)))
            };
            Inner {
                engine: RefCell::new(Engine::new(config, seed)),
                files: RefCell::default(),
                flights: RefCell::default(),
                inbox: RefCell::default(),
                handling: Cell::new(false),
                on_paint: RefCell::new(Some(on_paint)),
                backlog: RefCell::default(),
                told: Cell::default(),
                credentials: RefCell::default(),
                timer,
                frame,
                scope: listeners(weak),
            }
        });
        if !window().navigator().on_line() {
            inner.feed(Input::Network(Network::Offline));
        }
        Self { inner }
    }

    /// From now on these settings hold.
    pub fn configure(&self, config: Config) {
        self.inner.feed(Input::Configured(Box::new(config)));
    }

    /// The page's own function for credentials.
    pub fn set_credentials(&self, function: Option<Function>) {
        self.inner.credentials.replace(function);
    }

    /// Takes files in; see [`Intake`] for many at once.
    pub fn add(&self, blobs: Vec<Blob>) {
        self.inner.add(blobs);
    }

    /// Where many files go in without the page standing still.
    pub fn intake(&self) -> Intake {
        let weak = Rc::downgrade(&self.inner);
        Intake::new(Box::new(move |blobs| with(&weak, |inner| inner.add(blobs))))
    }

    /// Passes a command on.
    pub fn command(&self, command: Command) {
        self.inner.feed(Input::Command(command));
    }

    /// The row is gone: nobody needs the handle.
    pub fn forget(&self, key: FileKey) {
        if let Some(file) = self.inner.files.borrow_mut().get_mut(key.0 as usize) {
            *file = None;
        }
    }

    /// The file's handle, while somebody needs it.
    pub fn file(&self, key: FileKey) -> Option<Blob> {
        self.inner.files.borrow().get(key.0 as usize)?.clone()
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

impl Drop for Driver {
    fn drop(&mut self) {
        // Callbacks that are still to come find nobody; what flies is broken off by dropping it.
        self.inner.on_paint.take();
        self.inner.credentials.take();
        let flights = self.inner.flights.take();
        drop(flights);
        self.inner.timer.set(None);
    }
}

/// Calls `run` if the driver is still there.
fn with(weak: &Weak<Inner>, run: impl FnOnce(&Rc<Inner>)) {
    if let Some(inner) = weak.upgrade() {
        run(&inner);
    }
}

fn listeners(weak: &Weak<Inner>) -> Scope {
    let scope = Scope::default();
    for (event, network) in [("online", Network::Online), ("offline", Network::Offline)] {
        let weak = weak.clone();
        scope.listen(&window(), event, Box::new(move |_| with(&weak, |inner| inner.feed(Input::Network(network)))));
    }
    if let Some(document) = window().document() {
        let weak = weak.clone();
        scope.listen(
            &document,
            "visibilitychange",
            Box::new(move |_| {
                with(&weak, |inner| {
                    inner.frame.ask_again();
                    // Timers of a hidden page come late: look at the clock now.
                    inner.tick();
                });
            }),
        );
    }
    scope
}

impl Inner {
    fn frame_ask(&self) {
        self.frame.ask();
    }

    fn answered(self: &Rc<Self>, request: RequestId, answer: Answer) {
        // Taken out before the engine speaks, so that a new request finds its place free.
        let flight = {
            let mut flights = self.flights.borrow_mut();
            flights.iter().position(|(id, _)| *id == request).map(|at| flights.swap_remove(at))
        };
        if let Some((_, Flight::Transfer(transfer))) = &flight
            && let Some(sent) = transfer.news()
        {
            self.inbox.borrow_mut().push_back(Input::Progressed { request, sent });
        }
        drop(flight);
        self.feed(Input::Answered { request, answer });
    }

    fn add(self: &Rc<Self>, blobs: Vec<Blob>) {
        let facts = blobs
            .iter()
            .map(|blob| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
                NewFile { name: name_of(blob), size: blob.size() as u64, media_type: blob.type_() }
            })
            .collect();
        {
            // Keys are given in order, so the handles' places are known before the engine has heard of them.
            let mut files = self.files.borrow_mut();
            files.extend(blobs.into_iter().map(Some));
        }
        self.feed(Input::FilesAdded(facts));
    }

    /// Hands an input to the engine and does what it asks. Inputs that come meanwhile wait for their turn.
    #[inline(never)]
    fn feed(self: &Rc<Self>, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        self.work();
        self.frame.ask();
    }

    fn work(self: &Rc<Self>) {
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
        self.timer.set(self.engine.borrow().deadline());
    }

    fn perform(self: &Rc<Self>, action: Action) {
        match action {
            Action::Send(request) => self.send(request),
            Action::AskPage { request, operations } => {
                let function = self.credentials.borrow().clone();
                let talk = function.and_then(|function| Talk::ask_page(self, &function, request, operations));
                self.fly(request, talk.map(Flight::Talk), Answer::Unreachable);
            }
            Action::Abort(request) => {
                let flight = {
                    let mut flights = self.flights.borrow_mut();
                    flights.iter().position(|(id, _)| *id == request).map(|at| flights.swap_remove(at))
                };
                drop(flight);
            }
            Action::Release(key) => {
                // A picture's handle stays for its thumbnail, until its row goes.
                if let Some(file) = self.files.borrow_mut().get_mut(key.0 as usize)
                    && !file.as_ref().is_some_and(|blob| blob.type_().starts_with("image/"))
                {
                    *file = None;
                }
            }
        }
    }

    fn send(self: &Rc<Self>, request: Request) {
        let id = request.id;
        if carries_bytes(&request.body) {
            let started = Transfer::start(self, request, &self.files.borrow());
            self.fly(id, started.map(Flight::Transfer), Answer::Unreadable);
        } else {
            let started = Talk::start(self, request);
            self.fly(id, started.map(Flight::Talk), Answer::Unreachable);
        }
    }

    fn fly(self: &Rc<Self>, id: RequestId, flight: Option<Flight>, otherwise: Answer) {
        match flight {
            Some(flight) => self.flights.borrow_mut().push((id, flight)),
            None => self.inbox.borrow_mut().push_back(Input::Answered { request: id, answer: otherwise }),
        }
    }

    /// Puts the noted progress of every transfer into the inbox. Was there any?
    fn gather(&self) -> bool {
        let mut inbox = self.inbox.borrow_mut();
        let before = inbox.len();
        for (request, flight) in &*self.flights.borrow() {
            if let Flight::Transfer(transfer) = flight
                && let Some(sent) = transfer.news()
            {
                inbox.push_back(Input::Progressed { request: *request, sent });
            }
        }
        inbox.len() > before
    }

    /// Looks at the clock. Progress goes first: frames may have stopped, and a transfer that moves is not stalled.
    fn tick(self: &Rc<Self>) {
        self.gather();
        self.feed(Input::Tick);
    }

    /// Once a frame: what was gathered goes in, and what has changed comes out.
    fn paint(self: &Rc<Self>) {
        self.frame.begun();
        if self.gather() {
            self.work();
        }
        let totals = {
            let mut engine = self.engine.borrow_mut();
            self.backlog.borrow_mut().extend(engine.take_changes());
            engine.totals()
        };
        let (changes, all) = {
            let mut backlog = self.backlog.borrow_mut();
            let count = backlog.len().min(MOST_TOLD);
            (backlog.drain(..count).collect::<Vec<_>>(), backlog.is_empty())
        };
        if changes.is_empty() {
            return;
        }
        // Sums must not run ahead of the rows they are made of.
        if all {
            self.told.set(totals);
        } else {
            self.frame.ask();
        }
        let totals = self.told.get();
        // Taken out while it runs: it may call in again.
        let on_paint = self.on_paint.take();
        if let Some(mut on_paint) = on_paint {
            on_paint(changes, totals);
            self.on_paint.borrow_mut().get_or_insert(on_paint);
        }
    }
}

fn carries_bytes(body: &Body) -> bool {
    match body {
        Body::Bytes { .. } => true,
        Body::Form(fields) => fields.iter().any(|field| matches!(field.value, FormValue::File { .. })),
        Body::Empty | Body::Json(_) => false,
    }
}
