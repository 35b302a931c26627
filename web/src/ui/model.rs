//! What is on show: the rows as the engine last told them, and the values that the visible parts watch.
//!
//! The list is plain data; only rows inside the window have watched values. So ten thousand files cost what a dozen do.

use super::{
    format::{self, Rate},
    part, row, words,
};
use crate::{
    dom::{Told, Tree, Watched},
    driver::{Timer, now},
    options::Options,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use updock_engine::{FileKey, Millis, Need, Row, RowState, Totals};
use updock_types::policy::UploadPolicy;

/// What has happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It is in the list.
    Added,
    /// Its first byte leaves.
    Started,
    /// More bytes have left.
    Progressed,
    /// It is on the server.
    Succeeded,
    /// It has failed or was refused.
    Failed,
    /// Another file was chosen than the one its upload began with.
    Mistaken,
    /// It is gone.
    Removed,
}

/// One visible row.
pub struct RowView {
    /// Whose it is.
    pub key: FileKey,
    /// Its elements.
    pub tree: Rc<Tree>,
    /// Changes when the state does.
    pub row: Watched<Arc<Row>>,
    rate: Cell<Rate>,
}

/// See the module.
pub struct Model {
    /// The page's settings.
    pub options: Watched<Rc<Options>>,
    /// What may be uploaded, as the settings say.
    pub policy: RefCell<UploadPolicy>,
    /// Changes when rows come or go.
    pub order: Watched<u32>,
    /// Sums, changing with every painting in which they do.
    pub totals: Watched<Totals>,
    rows: RefCell<Vec<Arc<Row>>>,
    visible: RefCell<Vec<Rc<RowView>>>,
    rate: Cell<Rate>,
    /// Rings when numbers are due that count down.
    numbers: Timer,
}

impl Model {
    /// An empty list. `due` is called when [`Self::paint_numbers`] is to be.
    pub fn new(due: Told) -> Self {
        Self {
            policy: RefCell::default(),
            options: Watched::new(Rc::default()),
            order: Watched::new(0),
            totals: Watched::new(Totals::default()),
            rows: RefCell::default(),
            visible: RefCell::default(),
            rate: Cell::default(),
            numbers: Timer::new(due),
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.borrow().len()
    }

    /// Is the list empty?
    pub fn is_empty(&self) -> bool {
        self.rows.borrow().is_empty()
    }

    /// The keys of rows `from..to`, as far as there are any.
    pub fn keys(&self, from: usize, to: usize) -> Vec<u32> {
        let rows = self.rows.borrow();
        let to = to.min(rows.len());
        rows[from.min(to)..to].iter().map(|row| row.key.0).collect()
    }

    /// Where a row is. Keys only grow, and so does the list.
    pub fn index(&self, key: FileKey) -> Option<usize> {
        self.rows.borrow().binary_search_by_key(&key, |row| row.key).ok()
    }

    /// A row.
    pub fn row(&self, key: FileKey) -> Option<Arc<Row>> {
        let index = self.index(key)?;
        self.rows.borrow().get(index).cloned()
    }

    /// Every row.
    pub fn rows(&self) -> Vec<Arc<Row>> {
        self.rows.borrow().clone()
    }

    /// A row comes into view, as these elements.
    pub fn show(&self, row: &Arc<Row>, tree: Rc<Tree>) -> Rc<RowView> {
        let view = Rc::new(RowView { key: row.key, tree, row: Watched::new(Arc::clone(row)), rate: Cell::default() });
        self.paint_facts(&view, row);
        self.visible.borrow_mut().push(Rc::clone(&view));
        view
    }

    /// A row goes out of view.
    pub fn hide(&self, view: &Rc<RowView>) {
        self.visible.borrow_mut().retain(|seen| !Rc::ptr_eq(seen, view));
    }

    /// Takes in what the engine told, once a frame.
    ///
    /// Gives what happened to files, and whether anything but progress has changed.
    pub fn apply(&self, tree: &Tree, changes: Vec<Arc<Row>>, totals: Totals) -> (Vec<(Happened, Arc<Row>)>, bool) {
        let mut happened = Vec::new();
        let (mut reordered, mut removed, mut notable) = (false, false, false);
        {
            let mut rows = self.rows.borrow_mut();
            for row in changes {
                let at = rows.binary_search_by_key(&row.key, |row| row.key);
                match at {
                    Err(_) if row.state == RowState::Removed => {}
                    Err(at) => {
                        happened.push((Happened::Added, Arc::clone(&row)));
                        if let Some(what) = transition(None, &row) {
                            happened.push((what, Arc::clone(&row)));
                        }
                        rows.insert(at, row);
                        reordered = true;
                    }
                    Ok(at) => {
                        let was = std::mem::replace(&mut rows[at], Arc::clone(&row));
                        if let Some(what) = transition(Some(&was), &row) {
                            happened.push((what, Arc::clone(&row)));
                        }
                        notable |= was.state != row.state;
                        removed |= row.state == RowState::Removed;
                        self.show_change(&was, &row);
                    }
                }
            }
            if removed {
                rows.retain(|row| row.state != RowState::Removed);
            }
        }
        if reordered || removed {
            self.order.set(self.order.now().wrapping_add(1));
        }
        notable |= reordered || removed;
        // What can be done about rows may change while their numbers stay.
        if notable {
            self.totals.set(totals);
        } else {
            self.totals.update(totals);
        }
        // Mere progress is painted four times a second, and numbers with it: alone they would cost a painting of their own.
        self.paint_numbers(tree);
        (happened, notable)
    }

    fn show_change(&self, was: &Arc<Row>, row: &Arc<Row>) {
        let visible = self.visible.borrow();
        if let Some(view) = visible.iter().find(|view| view.key == row.key) {
            if was.state == row.state {
                row::paint_level(&view.tree, row);
            } else {
                view.row.set(Arc::clone(row));
                self.paint_facts(view, row);
            }
        }
    }

    /// Brings every number up to date.
    pub fn paint_numbers(&self, tree: &Tree) {
        let now = now();
        let mut again = false;
        for view in self.visible.borrow().iter() {
            let Some(row) = self.row(view.key) else { continue };
            if row.state == RowState::Uploading {
                let mut rate = view.rate.get();
                rate.note(now.0, row.sent);
                view.rate.set(rate);
            }
            again |= words::counts_down(&row.state);
            self.paint_facts(view, &row);
        }
        let totals = self.totals.now();
        let mut rate = self.rate.get();
        if totals.active > 0 {
            rate.note(now.0, totals.sent);
            self.rate.set(rate);
        }
        let summary = summary(&totals, &rate);
        tree.text(part::NUMBERS, &summary);
        tree.set(part::WHOLE, "aria-valuetext", &summary);
        if again {
            self.numbers.set(Some(now.after(Millis(1_000))));
        }
    }

    fn paint_facts(&self, view: &RowView, row: &Row) {
        let mut text = match &row.state {
            RowState::Uploading | RowState::Paused => format::bytes_of(row.sent, row.size),
            _ => words::reason(row, &self.policy.borrow(), now()).unwrap_or_else(|| format::bytes(row.size)),
        };
        let mut spoken = format::number(u64::from(level(row) / 10));
        spoken.push_str(" percent, ");
        spoken.push_str(&text);
        let rate = view.rate.get();
        if row.state == RowState::Uploading
            && let Some(speed) = rate.per_second()
        {
            text.push_str(" · ");
            text.push_str(&format::bytes(speed));
            text.push_str("/s");
            if let Some(left) = rate.seconds_left(row.size - row.sent) {
                text.push_str(" · ");
                text.push_str(&format::duration(left));
            }
        }
        row::paint_facts(&view.tree, row, &text, &spoken);
    }
}

/// Thousandths of a file that are sent.
pub fn level(row: &Row) -> u32 {
    if row.size == 0 {
        return 0;
    }
    u32::try_from(row.sent.saturating_mul(1000) / row.size).unwrap_or(1000)
}

fn summary(totals: &Totals, rate: &Rate) -> String {
    let mut text = words::summary(totals);
    if totals.active > 0 {
        text.push_str(" · ");
        text.push_str(&format::bytes_of(totals.sent, totals.bytes));
        if let Some(left) = rate.seconds_left(totals.bytes.saturating_sub(totals.sent)) {
            text.push_str(" · ");
            text.push_str(&format::duration(left));
            text.push_str(" left");
        }
    } else if totals.bytes > 0 {
        text.push_str(" · ");
        text.push_str(&format::bytes(totals.bytes));
    }
    text
}

/// Did the row change in a way that the page should hear of?
fn transition(was: Option<&Row>, row: &Row) -> Option<Happened> {
    let same_kind = was.is_some_and(|was| std::mem::discriminant(&was.state) == std::mem::discriminant(&row.state));
    match &row.state {
        RowState::Removed => Some(Happened::Removed),
        RowState::Done { .. } if !same_kind => Some(Happened::Succeeded),
        RowState::Failed(_) | RowState::Rejected(_) if !same_kind => Some(Happened::Failed),
        // Its first bytes may have left before it is shown.
        RowState::Uploading if !same_kind && was.is_none_or(|was| was.sent == 0) => Some(Happened::Started),
        RowState::NeedsFile(Need::Wrong(_)) => Some(Happened::Mistaken),
        _ if was.is_some_and(|was| was.sent != row.sent) => Some(Happened::Progressed),
        _ => None,
    }
}
