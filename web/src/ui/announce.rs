//! What screen readers are told: one polite voice, one urgent one, each at most once a second.

use super::{
    News,
    model::{Happened, Model},
    part, words,
};
use crate::{
    dom::{Told, Tree},
    driver::{Timer, now},
};
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};
use updock_engine::{Millis, Row, RowState};

/// What happens together is told together.
const GATHER: Millis = Millis(120);
const BETWEEN: Millis = Millis(1_000);

/// The two voices, and what waits to be said.
pub(super) struct Announcer {
    waiting: RefCell<Waiting>,
    said_at: Cell<Millis>,
    timer: Timer,
}

#[derive(Default)]
struct Waiting {
    added: Few,
    done: Few,
    failed: Few,
    removed: Few,
    from_before: Few,
    wrong: Option<Arc<Row>>,
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

impl Announcer {
    /// `due` is called when [`Self::say`] is to be.
    pub(super) fn new(due: Told) -> Self {
        Self { waiting: RefCell::default(), said_at: Cell::default(), timer: Timer::new(due) }
    }

    /// Notes what is worth telling.
    pub(super) fn note(&self, model: &Model, news: &News<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        let mut some = false;
        for (happened, row) in news.files {
            let few = match happened {
                Happened::Added if matches!(row.state, RowState::NeedsFile(_)) => &mut waiting.from_before,
                Happened::Added => &mut waiting.added,
                Happened::Mistaken => {
                    waiting.wrong = Some(Arc::clone(row));
                    some = true;
                    continue;
                }
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
            self.timer.set(Some(at));
        }
    }

    /// Says what waits to be said.
    pub(super) fn say(&self, tree: &Tree, model: &Model) {
        self.said_at.set(now());
        let waiting = self.waiting.take();
        let polite = match waiting.finished {
            Some(summary) => Some(summary),
            None => waiting
                .done
                .say("uploaded")
                .or_else(|| waiting.added.say("added"))
                .or_else(|| waiting.from_before.say("can go on from before"))
                .or_else(|| waiting.removed.say("removed")),
        };
        if let Some(text) = polite {
            tree.text(part::STATUS, &text);
        }
        let urgent =
            waiting.failed.say("not uploaded").map(|text| match (&waiting.failed.last, waiting.failed.count) {
                (Some(row), 1) => {
                    let reason = words::reason(row, &model.policy.borrow(), now()).unwrap_or_default();
                    words::join(&[&text, ". ", &reason])
                }
                _ => text,
            });
        let wrong = waiting.wrong.and_then(|row| words::reason(&row, &model.policy.borrow(), now()));
        if let Some(text) = urgent.or(wrong) {
            tree.text(part::ALERT, &text);
        }
    }
}
