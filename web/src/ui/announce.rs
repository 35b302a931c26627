//! What screen readers are told: one polite voice, one urgent one, each at most once a second.

use super::{
    News, Shared,
    model::{Happened, Model},
    words,
};
use crate::{
    dom::{El, Scope, Watched},
    driver::{Timer, now},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use updock_engine::{Millis, Row};

/// What happens together is told together.
const GATHER: Millis = Millis(120);
const BETWEEN: Millis = Millis(1_000);

/// The two voices, and what waits to be said.
pub(super) struct Announcer {
    polite: Watched<String>,
    urgent: Watched<String>,
    waiting: RefCell<Waiting>,
    said_at: Cell<Millis>,
    timer: RefCell<Option<Timer>>,
}

#[derive(Default)]
struct Waiting {
    added: Few,
    done: Few,
    failed: Few,
    removed: Few,
    finished: Option<String>,
}

/// How many, and the last of them.
#[derive(Default)]
struct Few {
    count: u64,
    last: Option<Arc<Row>>,
}

impl Few {
    fn note(&mut self, row: &Arc<Row>) {
        self.count += 1;
        self.last = Some(Arc::clone(row));
    }

    /// `holiday.jpg uploaded`, or `3 files uploaded`.
    fn say(&self, what: &str) -> Option<String> {
        let last = self.last.as_ref()?;
        Some(if self.count == 1 {
            words::join(&[&last.name, " ", what])
        } else {
            words::join(&[&words::files(self.count), " ", what])
        })
    }
}

impl Default for Announcer {
    fn default() -> Self {
        Self {
            polite: Watched::new(String::new()),
            urgent: Watched::new(String::new()),
            waiting: RefCell::default(),
            said_at: Cell::default(),
            timer: RefCell::default(),
        }
    }
}

impl Announcer {
    pub(super) fn start(shared: &Rc<Shared>) {
        let weak = Rc::downgrade(shared);
        shared.announcer.timer.replace(Some(Timer::new(Box::new(move |_| {
            if let Some(shared) = weak.upgrade() {
                shared.announcer.say(&shared.model);
            }
        }))));
    }

    /// The two regions; they must be in the page before there is anything to say.
    pub(super) fn build(&self, cx: &Scope, panel: &El) {
        for (role, voice) in [("status", &self.polite), ("alert", &self.urgent)] {
            let region = El::classed("div", "told");
            region.attr("role", role);
            let voice = voice.clone();
            region.live_text(cx, Box::new(move || voice.get()));
            panel.child(&region);
        }
    }

    /// Notes what is worth telling.
    pub(super) fn note(&self, model: &Model, news: &News<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        let mut some = false;
        for (happened, row) in news.files {
            let few = match happened {
                Happened::Added => &mut waiting.added,
                Happened::Succeeded => &mut waiting.done,
                Happened::Failed => &mut waiting.failed,
                Happened::Removed => &mut waiting.removed,
                Happened::Started | Happened::Progressed => continue,
            };
            few.note(row);
            some = true;
        }
        if news.finished && news.totals.files > 1 {
            waiting.finished = Some(words::summary(&model.totals.now()));
        }
        drop(waiting);
        if some {
            let at = now().after(GATHER).max(self.said_at.get().after(BETWEEN));
            if let Some(timer) = &*self.timer.borrow() {
                timer.set(Some(at));
            }
        }
    }

    /// Says something urgent now.
    pub(super) fn warn(&self, text: &str) {
        self.urgent.set(text.to_owned());
    }

    fn say(&self, model: &Model) {
        self.said_at.set(now());
        let waiting = self.waiting.take();
        let polite = match waiting.finished {
            Some(summary) => Some(summary),
            None => waiting
                .done
                .say("uploaded")
                .or_else(|| waiting.added.say("added"))
                .or_else(|| waiting.removed.say("removed")),
        };
        if let Some(text) = polite {
            self.polite.set(text);
        }
        let urgent =
            waiting.failed.say("not uploaded").map(|text| match (&waiting.failed.last, waiting.failed.count) {
                (Some(row), 1) => {
                    let reason = words::reason(row, &model.policy.borrow(), now()).unwrap_or_default();
                    words::join(&[&text, ". ", &reason])
                }
                _ => text,
            });
        if let Some(text) = urgent {
            self.urgent.set(text);
        }
    }
}
