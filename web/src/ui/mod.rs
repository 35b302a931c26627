//! What a person sees. One file a visible part; each shows what the model says and sends commands, and decides nothing.

mod announce;
mod drop_area;
mod folders;
mod footer;
pub mod format;
pub mod icons;
mod list;
pub mod model;
mod notice;
mod row;
mod thumb;
pub mod words;

use crate::{
    dom::{El, Scope, Watched},
    driver::{Driver, Intake, Timer},
    options::{Density, Options},
};
use announce::Announcer;
use js_sys::Function;
use model::{Happened, Model};
use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    sync::Arc,
};
use thumb::Thumbs;
use updock_engine::{Command, FileKey, Row, Totals, Which};

/// What the page hears of, once a frame.
pub struct News<'a> {
    /// What happened to files, in order.
    pub files: &'a [(Happened, Arc<Row>)],
    /// Sums.
    pub totals: Totals,
    /// Has anything but progress changed?
    pub notable: bool,
    /// Has the last file just ended?
    pub finished: bool,
}

/// Called with news.
pub type OnNews = Box<dyn Fn(&News<'_>)>;

/// One widget: its engine, and its part of the page. Dropping it breaks off what is under way and takes it all away.
pub struct Dock {
    shared: Rc<Shared>,
    scope: Option<Scope>,
    panel: El,
}

/// What the visible parts share. Effects and listeners hold it; it holds none of them, so nothing goes in circles.
struct Shared {
    model: Model,
    driver: RefCell<Option<Driver>>,
    thumbs: Thumbs,
    announcer: Announcer,
    /// Has the page a usable public key?
    ready: Watched<bool>,
    /// The file that the next chosen one takes the place of.
    replacing: RefCell<Option<FileKey>>,
    /// Where the focus goes when a row that has it leaves.
    choose: El,
    input: El,
    hook: Hook,
    intake: RefCell<Option<Intake>>,
    /// Files that came before there was a usable public key.
    early: RefCell<Vec<js_sys::Array>>,
    credentials: RefCell<Option<Function>>,
}

/// Where news goes.
pub struct Hook {
    on_news: OnNews,
    shared: Weak<Shared>,
}

impl Hook {
    fn told(&self, files: &[(Happened, Arc<Row>)], was: Totals, totals: Totals, notable: bool) {
        let finished = was.active > 0 && totals.active == 0;
        let news = News { files, totals, notable, finished };
        if let Some(shared) = self.shared.upgrade() {
            for (happened, row) in files {
                if *happened == Happened::Removed {
                    shared.thumbs.forget(row.key);
                    if let Some(driver) = &*shared.driver.borrow() {
                        driver.forget(row.key);
                    }
                }
            }
            shared.announcer.note(&shared.model, &news);
        }
        (self.on_news)(&news);
    }
}

impl Dock {
    /// Builds the widget into `root`, an element or a shadow root; only into a page.
    pub fn mount(root: &web_sys::Node, options: Options, on_news: OnNews) -> Self {
        // Err means that it is set already, by the page's own Leptos application or by another widget.
        #[cfg(feature = "csr")]
        let _ = any_spawner::Executor::init_wasm_bindgen();
        let shared = Rc::new_cyclic(|weak: &Weak<Shared>| Shared {
            model: Model::new(Options::default()),
            driver: RefCell::default(),
            thumbs: Thumbs::default(),
            announcer: Announcer::default(),
            ready: Watched::new(false),
            replacing: RefCell::default(),
            choose: El::new("button"),
            input: El::new("input"),
            hook: Hook { on_news, shared: weak.clone() },
            intake: RefCell::default(),
            early: RefCell::default(),
            credentials: RefCell::default(),
        });
        let weak = Rc::downgrade(&shared);
        shared.model.set_timer(Timer::new(Box::new(move |_| {
            if let Some(shared) = weak.upgrade() {
                shared.model.paint_numbers();
            }
        })));
        Announcer::start(&shared);
        let scope = Scope::default();
        let panel = El::classed("section", "panel");
        panel.attr("part", "panel").attr("aria-label", words::PANEL);
        let mut dock = Self { shared, scope: None, panel };
        dock.configure(options);
        dock.build(&scope);
        dock.scope = Some(scope);
        let _ = root.append_child(dock.panel.raw());
        dock
    }

    fn build(&self, cx: &Scope) {
        let shared = &self.shared;
        drop_area::build(cx, shared, &self.panel);
        self.panel.child(&list::build(cx, shared));
        self.panel.child(&notice::build(cx, shared));
        self.panel.child(&footer::build(cx, shared));
        shared.announcer.build(cx, &self.panel);
        let model = Rc::clone(shared);
        self.panel.live_attr(
            cx,
            "data-filled",
            Box::new(move || {
                model.model.order.get();
                (!model.model.is_empty()).then(String::new)
            }),
        );
        let model = Rc::clone(shared);
        self.panel.live_attr(
            cx,
            "data-density",
            Box::new(move || {
                Some(
                    match model.model.options.get().density {
                        Density::Comfortable => "comfortable",
                        Density::Compact => "compact",
                    }
                    .to_owned(),
                )
            }),
        );
    }

    /// From now on these settings hold.
    pub fn configure(&self, options: Options) {
        self.shared.configure(options);
    }

    /// The page's own function for credentials.
    pub fn set_credentials(&self, function: Option<Function>) {
        if let Some(driver) = &*self.shared.driver.borrow() {
            driver.set_credentials(function.clone());
        }
        self.shared.credentials.replace(function);
    }

    /// Takes files in.
    pub fn add(&self, files: js_sys::Array) {
        self.shared.add(files);
    }

    /// Passes a command on.
    pub fn command(&self, command: Command) {
        self.shared.command(command);
    }

    /// Every row, as it stands.
    pub fn rows(&self) -> Vec<Arc<Row>> {
        self.shared.driver.borrow().as_ref().map(|driver| driver.snapshot().rows).unwrap_or_default()
    }

    /// How many files are neither done nor failed nor refused, also those that still wait to go in.
    pub fn unfinished(&self) -> u32 {
        let shared = &self.shared;
        let early: u32 = shared.early.borrow().iter().map(js_sys::Array::length).sum();
        let going_in = shared.intake.borrow().as_ref().map_or(0, Intake::len);
        let listed = shared.driver.borrow().as_ref().map_or(0, |driver| {
            let totals = driver.totals();
            totals.files - totals.done - totals.failed - totals.rejected
        });
        early + going_in + listed
    }

    /// Opens the browser's file picker; only while the page handles a person's click or key.
    pub fn choose(&self) {
        self.shared.pick(None);
    }

    /// Puts the focus on the button.
    pub fn focus(&self) {
        let _ = self.shared.choose.html().focus();
    }

    /// Effects, listeners and visible rows it holds; for tests of growth.
    pub fn weight(&self) -> usize {
        self.scope.as_ref().map_or(0, Scope::weight)
    }
}

impl Drop for Dock {
    fn drop(&mut self) {
        // The panel is gone at once; what flies is broken off before anything else can happen.
        self.scope.take();
        self.shared.intake.take();
        let driver = self.shared.driver.take();
        drop(driver);
        self.panel.remove();
    }
}

impl Shared {
    fn configure(self: &Rc<Self>, options: Options) {
        let config = options.config();
        self.model.policy.replace(options.policy());
        self.model.options.update(Rc::new(options));
        self.ready.update(config.is_some());
        let Some(config) = config else { return };
        let driver = self.driver.borrow();
        if let Some(driver) = &*driver {
            driver.configure(config);
            return;
        }
        drop(driver);
        let weak = Rc::downgrade(self);
        let driver = Driver::new(
            config,
            Box::new(move |changes, totals| {
                if let Some(shared) = weak.upgrade() {
                    shared.model.apply(changes, totals, &shared.hook);
                }
            }),
        );
        driver.set_credentials(self.credentials.borrow().clone());
        self.intake.replace(Some(driver.intake()));
        self.driver.replace(Some(driver));
        let early = self.early.take();
        for files in early {
            self.take(files);
        }
    }

    /// Files by drop, paste or the page: they take no other file's place, whatever the picker was opened for.
    fn add(&self, files: js_sys::Array) {
        self.replacing.take();
        self.take(files);
    }

    /// Files by the picker.
    fn chosen(&self, files: js_sys::Array) {
        if let Some(key) = self.replacing.take()
            && files.length() > 0
        {
            self.command(Command::Remove(Which::One(key)));
        }
        self.take(files);
    }

    fn take(&self, files: js_sys::Array) {
        // Cloned, not held: adding may call back in.
        let intake = self.intake.borrow().clone();
        if let Some(intake) = intake {
            intake.take(files);
        } else {
            self.early.borrow_mut().push(files);
        }
    }

    fn command(&self, command: Command) {
        if matches!(command, Command::Remove(Which::All)) {
            self.early.take();
            if let Some(intake) = &*self.intake.borrow() {
                intake.clear();
            }
        }
        if let Some(driver) = &*self.driver.borrow() {
            driver.command(command);
        }
    }

    /// Opens the picker; what is chosen takes `replacing`'s place.
    fn pick(&self, replacing: Option<FileKey>) {
        self.replacing.replace(replacing);
        self.input.html().click();
    }
}
