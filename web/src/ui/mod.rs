//! What a person sees. One file a visible part; each shows what the model says and sends commands, and decides nothing.

mod announce;
mod drop_area;
mod footer;
pub mod format;
pub mod icons;
mod list;
pub mod model;
mod notice;
mod part;
mod row;
pub mod words;

use crate::{
    dom::{Port, Scope, Told, Tree, Watched},
    driver::{self, Driver, Intake},
    options::Options,
};
use announce::Announcer;
use js_sys::Array;
use model::{Happened, Model};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
};
use updock_engine::{Command, FileKey, Row, RowState, Totals, Which};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/ui/ui.js")]
extern "C" {
    fn forget(files: &JsValue, key: u32);
}

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
}

/// What the visible parts share. Effects hold it and it holds none of them; what the page calls holds it weakly. So
/// nothing goes in circles.
struct Shared {
    /// The panel; its parts are in [`part`].
    tree: Rc<Tree>,
    model: Model,
    driver: RefCell<Option<Driver>>,
    announcer: Announcer,
    intake: Intake,
    on_news: OnNews,
    credentials: RefCell<JsValue>,
    /// The file that the next chosen one takes the place of.
    replacing: Cell<Option<FileKey>>,
    /// Has the page a usable public key?
    ready: Watched<bool>,
    /// Is there a network, as far as is known?
    online: Watched<bool>,
    /// Where a drag with files is; see [`drop_area`].
    drag: Watched<i32>,
    /// Files found so far in a folder that is being read; -1 if none is.
    found: Watched<i32>,
    /// The row that Tab leads to.
    current: Watched<Option<FileKey>>,
    /// From which row to which one the list is in view.
    window: Watched<(usize, usize)>,
    #[expect(dead_code, reason = "held: the page tells whether there is a network")]
    news: Port,
}

impl Dock {
    /// Builds the widget into `root`, an element or a shadow root; only into a page.
    pub fn mount(root: &JsValue, options: Options, on_news: OnNews) -> Self {
        let shared = Rc::new_cyclic(|weak: &Weak<Shared>| {
            let told = |run: fn(&Rc<Shared>, u32, JsValue)| -> Told {
                let weak = Weak::clone(weak);
                Box::new(move |code, _, value| {
                    if let Some(shared) = weak.upgrade() {
                        run(&shared, code, value);
                    }
                })
            };
            let add = told(|shared, _, files| {
                if let Some(driver) = &*shared.driver.borrow() {
                    driver.add(&files);
                }
            });
            Shared {
                tree: Rc::new(Tree::new(part::PANEL, told(Shared::press))),
                model: Model::new(told(|shared, _, _| shared.model.paint_numbers(&shared.tree))),
                driver: RefCell::default(),
                announcer: Announcer::new(told(|shared, _, _| shared.announcer.say(&shared.tree, &shared.model))),
                intake: Intake::new(add),
                on_news,
                credentials: RefCell::default(),
                replacing: Cell::default(),
                ready: Watched::new(false),
                online: Watched::new(driver::online()),
                drag: Watched::new(drop_area::AWAY),
                found: Watched::new(-1),
                current: Watched::new(None),
                window: Watched::new((0, list::FIRST_SIGHT)),
                news: driver::news(told(|shared, code, _| {
                    if code < 2 {
                        shared.online.update(code == 1);
                    }
                })),
            }
        });
        for (part, label) in [
            (part::WHOLE_PANEL, words::PANEL),
            (part::INPUT, words::CHOOSE),
            (part::LIST, words::LIST),
            (part::WHOLE, words::ALL_FILES),
        ] {
            shared.tree.set(part, "aria-label", label);
        }
        shared.configure(options);
        let scope = Scope::default();
        drop_area::build(&scope, &shared);
        list::build(&scope, &shared);
        notice::build(&scope, &shared);
        footer::build(&scope, &shared);
        shared.tree.mount(root);
        Self { shared, scope: Some(scope) }
    }

    /// From now on these settings hold.
    pub fn configure(&self, options: Options) {
        self.shared.configure(options);
    }

    /// The page's own function for credentials, or undefined.
    pub fn set_credentials(&self, function: JsValue) {
        if let Some(driver) = &*self.shared.driver.borrow() {
            driver.set_credentials(function.clone());
        }
        self.shared.credentials.replace(function);
    }

    /// Takes an array of files in.
    pub fn add(&self, files: &JsValue) {
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
        let listed = self.shared.driver.borrow().as_ref().map_or(0, |driver| {
            let totals = driver.totals();
            totals.files - totals.done - totals.failed - totals.rejected
        });
        self.shared.intake.len() + listed
    }

    /// Opens the browser's file picker; only while the page handles a person's click or key.
    pub fn choose(&self) {
        self.shared.pick(None);
    }

    /// Puts the focus on the button.
    pub fn focus(&self) {
        self.shared.tree.focus(part::CHOOSE);
    }

    /// Effects and ports it holds; for tests of growth.
    pub fn weight(&self) -> usize {
        self.scope.as_ref().map_or(0, Scope::weight)
    }
}

impl Drop for Dock {
    fn drop(&mut self) {
        // The panel is gone at once; what flies is broken off before anything else can happen.
        self.scope.take();
        let driver = self.shared.driver.take();
        drop(driver);
        self.shared.intake.clear();
        self.shared.tree.leave();
    }
}

impl Shared {
    /// Runs `paint` now, and whenever what it read has changed.
    fn watch(self: &Rc<Self>, cx: &Scope, paint: fn(&Rc<Self>)) {
        let shared = Rc::clone(self);
        cx.effect(Box::new(move || paint(&shared)));
    }

    /// An event of the panel, by its code in the markup.
    fn press(self: &Rc<Self>, code: u32, event: JsValue) {
        match code {
            0 => self.pick(None),
            1 => list::press(self, event),
            _ => footer::press(self),
        }
    }

    fn configure(self: &Rc<Self>, options: Options) {
        let config = options.config();
        self.model.policy.replace(options.policy());
        self.model.options.update(Rc::new(options));
        self.ready.update(config.is_some());
        let Some(config) = config else { return };
        if let Some(driver) = &*self.driver.borrow() {
            driver.configure(config);
            return;
        }
        let weak = Rc::downgrade(self);
        let driver = Driver::new(
            config,
            Box::new(move |changes, totals| {
                if let Some(shared) = weak.upgrade() {
                    shared.painted(changes, totals);
                }
            }),
        );
        driver.set_credentials(self.credentials.borrow().clone());
        // Files may have come before there was a usable public key, and must find their uploads from before.
        let weak = Rc::downgrade(self);
        let begin = move || {
            if let Some(shared) = weak.upgrade() {
                shared.intake.begin();
            }
        };
        driver.open_journal(&self.model.options.now().scope, Box::new(begin));
        self.driver.replace(Some(driver));
    }

    /// Once a frame: what the engine told.
    fn painted(&self, changes: Vec<Arc<Row>>, totals: Totals) {
        let was = self.model.totals.now();
        let (files, notable) = self.model.apply(&self.tree, changes, totals);
        let news = News { files: &files, totals, notable, finished: was.active > 0 && totals.active == 0 };
        if let Some(driver) = &*self.driver.borrow() {
            for (happened, row) in news.files {
                if *happened == Happened::Removed {
                    forget(driver.files().raw(), row.key.0);
                    driver.forget(row.key);
                }
            }
        }
        self.announcer.note(&self.model, &news);
        (self.on_news)(&news);
    }

    /// Files by drop, paste or the page: they take no other file's place, whatever the picker was opened for.
    fn add(&self, files: &JsValue) {
        self.replacing.take();
        self.intake.take(files);
    }

    /// Files by the picker.
    fn chosen(&self, files: &JsValue) {
        let files: &Array = files.unchecked_ref();
        let replacing = self.replacing.take().filter(|_| files.length() > 0);
        let needs = |row: &Arc<Row>| matches!(row.state, RowState::NeedsFile(_));
        match replacing {
            Some(key) if self.model.row(key).as_ref().is_some_and(needs) => {
                if let Some(driver) = &*self.driver.borrow() {
                    driver.give(key, &files.shift());
                }
            }
            Some(key) => self.command(Command::Remove(Which::One(key))),
            None => {}
        }
        self.intake.take(files);
    }

    fn command(&self, command: Command) {
        if matches!(command, Command::Remove(Which::All)) {
            self.intake.clear();
        }
        if let Some(driver) = &*self.driver.borrow() {
            driver.command(command);
        }
    }

    /// Opens the picker; what is chosen takes `replacing`'s place.
    fn pick(&self, replacing: Option<FileKey>) {
        self.replacing.set(replacing);
        self.tree.click(part::INPUT);
    }
}
