//! One file in the list.

use super::{
    Shared, format, icons, list,
    model::{RowView, level},
    words,
};
use crate::dom::{Scope, Tree};
use std::rc::Rc;
use updock_engine::{Command, Failure, FileKey, Need, Remedy, Row, RowState, Which};
use updock_types::policy::Refusal;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/ui/ui.js")]
extern "C" {
    fn thumb(files: &JsValue, key: u32, parts: &JsValue, part: u32);
}

/// What a button of a row does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Start,
    Pause,
    Resume,
    Retry,
    Replace,
    Cancel,
    Remove,
    Continue,
    ChooseAgain,
    Discard,
}

impl Act {
    /// Its word and its icon.
    fn shown(self) -> (&'static str, icons::Icon) {
        match self {
            Self::Start => ("Upload", icons::UPLOAD),
            Self::Pause => ("Pause", icons::PAUSE),
            Self::Resume => ("Resume", icons::PLAY),
            Self::Retry => ("Retry", icons::RETRY),
            Self::Replace => ("Replace", icons::SWAP),
            Self::Cancel => ("Cancel", icons::CROSS),
            Self::Remove => ("Remove", icons::BIN),
            Self::Continue => (words::CONTINUE, icons::PLAY),
            Self::ChooseAgain => (words::CHOOSE_AGAIN, icons::UPLOAD),
            Self::Discard => (words::DISCARD, icons::BIN),
        }
    }
}

/// The two actions of a state; each kind has its own place, so that nothing moves under the pointer.
fn acts(state: &RowState) -> (Option<Act>, Act) {
    let first = match state {
        RowState::Ready => Some(Act::Start),
        RowState::Queued | RowState::Uploading | RowState::Waiting(_) | RowState::Retrying { .. } => Some(Act::Pause),
        RowState::Paused => Some(Act::Resume),
        RowState::Failed(failure) => match failure.remedy() {
            Remedy::Replace => Some(Act::Replace),
            // The owner may have mended it meanwhile.
            Remedy::Retry | Remedy::TellOwner => Some(Act::Retry),
        },
        RowState::Rejected(Refusal::TooMany { .. }) => None,
        RowState::Rejected(_) => Some(Act::Replace),
        RowState::NeedsFile(Need::Open) => Some(Act::Continue),
        RowState::NeedsFile(_) => Some(Act::ChooseAgain),
        _ => None,
    };
    let second = match state {
        RowState::NeedsFile(_) => Act::Discard,
        _ if list::is_over(state) => Act::Remove,
        _ => Act::Cancel,
    };
    (first, second)
}

/// Empty if the word says it all.
fn state_icon(state: &RowState) -> icons::Icon {
    match state {
        RowState::Done { .. } => icons::CHECK,
        RowState::Failed(Failure::Cancelled) => icons::CROSS,
        RowState::Failed(_) | RowState::Rejected(_) | RowState::NeedsFile(Need::Wrong(_)) => icons::ALERT,
        RowState::Waiting(_) => icons::CLOCK,
        RowState::Retrying { .. } => icons::RETRY,
        RowState::Paused | RowState::NeedsFile(_) => icons::PAUSE,
        _ => "",
    }
}

/// Do bytes of it move, or could they?
fn under_way(state: &RowState) -> bool {
    matches!(
        state,
        RowState::Queued
            | RowState::Uploading
            | RowState::Paused
            | RowState::Waiting(_)
            | RowState::Retrying { .. }
            | RowState::Processing
            | RowState::NeedsFile(_)
    )
}

/// A row's elements.
const ROW: &str = "li.row|part=file|@focusin=0
 div.water|part=waterline
  div.level
 div.thumb|part=thumbnail
  svg
 div.main
  div.name|part=file-name
   span|dir=auto
    span.stem
    span
  div.facts
 div.state
  svg
  span
 div.acts
  button.act|type=button|@click=1
   svg
  button.act|type=button|@click=2
   svg";

const ITEM: u32 = 0;
const WATER: u32 = 1;
const LEVEL: u32 = 2;
const THUMB: u32 = 3;
const TYPE: u32 = 4;
const NAME: u32 = 6;
const STEM: u32 = 8;
const ENDING: u32 = 9;
const FACTS: u32 = 10;
const MARK: u32 = 12;
const WORD: u32 = 13;
/// Each with its icon after it.
const BUTTONS: [u32; 2] = [15, 17];

/// Larger pictures keep their icon: decoding one could take hundreds of megabytes.
const LARGEST: u64 = 32_000_000;

/// Builds a row. An empty one if the file is gone already.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>, key: FileKey) -> Rc<Tree> {
    let weak = Rc::downgrade(shared);
    let tree = Rc::new(Tree::new(
        ROW,
        Box::new(move |code, _, _| {
            if let Some(shared) = weak.upgrade() {
                happened(&shared, key, code);
            }
        }),
    ));
    let Some(row) = shared.model.row(key) else { return tree };
    tree.set(ITEM, "data-key", &format::number(u64::from(key.0)));
    tree.set(TYPE, "d", icons::for_type(&row.media_type));
    // A name may be in any script, whatever the page's.
    let (stem, ending) = format::split_name(&row.name);
    tree.set(NAME, "title", &row.name);
    tree.text(STEM, stem);
    tree.text(ENDING, ending);
    if row.media_type.starts_with("image/")
        && row.size > 0
        && row.size <= LARGEST
        && let Some(driver) = &*shared.driver.borrow()
    {
        thumb(driver.files().raw(), key.0, tree.parts(), THUMB);
    }
    let view = shared.model.show(&row, Rc::clone(&tree));
    for paint in [place, paint_state] {
        let (shared, view) = (Rc::clone(shared), Rc::clone(&view));
        cx.effect(Box::new(move || paint(&shared, &view)));
    }
    let shared = Rc::clone(shared);
    cx.on_end(Box::new(move || shared.model.hide(&view)));
    tree
}

/// What is in the page is not the whole list: says where the row is in it. Tab leads to one row.
fn place(shared: &Shared, view: &RowView) {
    let (model, tree) = (&shared.model, &view.tree);
    model.order.get();
    let height = u64::from(model.options.get().density.row_height());
    let current = shared.current.get().filter(|current| model.index(*current).is_some());
    if let Some(index) = model.index(view.key) {
        tree.set(ITEM, ":inset-block-start", &format::pixels(height * index as u64));
        tree.set(ITEM, "aria-posinset", &format::number(index as u64 + 1));
        tree.set(ITEM, "aria-setsize", &format::number(model.len() as u64));
        let here = current.map_or(index == 0, |current| current == view.key);
        tree.set(ITEM, "tabindex", if here { "0" } else { "-1" });
    }
}

/// How full it is.
pub(super) fn paint_level(tree: &Tree, row: &Row) {
    let permille = u64::from(level(row));
    tree.set(LEVEL, ":translate", &format::level(permille));
    if under_way(&row.state) {
        tree.set(WATER, "aria-valuenow", &format::number(permille / 10));
    }
}

/// The second line, and what is said of the bar.
pub(super) fn paint_facts(tree: &Tree, row: &Row, text: &str, spoken: &str) {
    tree.text(FACTS, text);
    tree.set(FACTS, "title", words::detail(&row.state).unwrap_or(text));
    if under_way(&row.state) {
        tree.set(WATER, "aria-valuetext", spoken);
    }
}

fn paint_state(_: &Shared, view: &RowView) {
    let (row, tree) = (view.row.get(), &*view.tree);
    let said = words::state(&row.state);
    tree.set(ITEM, "data-state", words::state_name(&row.state));
    tree.mark(ITEM, "data-cancelled", matches!(row.state, RowState::Failed(Failure::Cancelled)));
    tree.set(ITEM, "aria-label", &words::join(&[&row.name, ", ", said]));
    tree.text(WORD, said);
    let icon = state_icon(&row.state);
    tree.set(MARK, "d", icon);
    tree.show(MARK, !icon.is_empty());
    if under_way(&row.state) {
        for (name, value) in
            [("role", "progressbar"), ("aria-label", &row.name), ("aria-valuemin", "0"), ("aria-valuemax", "100")]
        {
            tree.set(WATER, name, value);
        }
    } else {
        for name in ["role", "aria-label", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"] {
            tree.unset(WATER, name);
        }
    }
    paint_level(tree, &row);
    let (first, second) = acts(&row.state);
    for (button, act) in BUTTONS.into_iter().zip([first, Some(second)]) {
        tree.show(button, act.is_some());
        if let Some(act) = act {
            let (word, icon) = act.shown();
            tree.set(button, "aria-label", &words::join(&[word, " ", &row.name]));
            tree.set(button, "title", word);
            tree.set(button + 1, "d", icon);
        }
    }
    if first.is_none() && tree.focused(BUTTONS[0]) {
        tree.focus(BUTTONS[1]);
    }
}

/// The focus has come (0), or a button was pressed.
fn happened(shared: &Rc<Shared>, key: FileKey, code: u32) {
    let Some(row) = shared.model.row(key) else { return };
    let which = Which::One(key);
    let (first, second) = acts(&row.state);
    let act = match code {
        0 => return shared.current.update(Some(key)),
        1 => first,
        _ => Some(second),
    };
    shared.command(match act {
        Some(Act::Start) => Command::Start(which),
        Some(Act::Pause) => Command::Pause(which),
        Some(Act::Resume | Act::Continue) => Command::Resume(which),
        Some(Act::Retry) => Command::Retry(which),
        Some(Act::Cancel) => Command::Cancel(which),
        Some(Act::Remove | Act::Discard) => {
            list::leave(shared, key);
            Command::Remove(which)
        }
        Some(Act::Replace | Act::ChooseAgain) => return shared.pick(Some(key)),
        None => return,
    });
}
