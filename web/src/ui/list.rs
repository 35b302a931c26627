//! The list. Only rows near the window are in the page; each stands at its place by its index.

use super::{Shared, format, part, row};
use crate::{
    dom::{Each, Port, Scope},
    driver::Json,
};
use std::rc::Rc;
use updock_engine::{Command, FileKey, RowState, Which};
use updock_types::fields::Fields;
use wasm_bindgen::prelude::*;

/// Rows above and below the window that are there already.
const MARGIN: usize = 4;
/// Before the list has been measured.
pub(super) const FIRST_SIGHT: usize = 12;

#[wasm_bindgen(module = "/src/ui/ui.js")]
extern "C" {
    fn sight(told: &JsValue, parts: &JsValue, scroller: u32, list: u32) -> JsValue;
    fn reach(parts: &JsValue, list: u32, key: u32);
}

/// Builds it.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) {
    let weak = Rc::downgrade(shared);
    // Where the window is: measured after scrolling, resizing and growing, once a frame.
    let measure = Port::new(
        Box::new(move |count, first, _| {
            if let Some(shared) = weak.upgrade() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows on a screen")]
                let first = first as usize;
                let last = first + (count as usize + MARGIN).max(FIRST_SIGHT);
                shared.window.update((first.saturating_sub(MARGIN), last));
            }
        }),
        &|told| sight(told, shared.tree.parts(), part::SCROLLER, part::LIST),
    );
    let sized = Rc::clone(shared);
    cx.effect(Box::new(move || {
        let (model, tree) = (&sized.model, &sized.tree);
        model.order.get();
        let height = model.options.get().density.row_height();
        tree.set(part::LIST, ":block-size", &format::pixels(u64::from(height) * model.len() as u64));
        tree.mark(part::WHOLE_PANEL, "data-filled", !model.is_empty());
        tree.show(part::FOOT, !model.is_empty());
        measure.tell(f64::from(height));
    }));
    let maker = Rc::clone(shared);
    let mut rows = Each::new(
        Rc::clone(&shared.tree),
        part::LIST,
        Box::new(move |scope, key| row::build(scope, &maker, FileKey(key))),
    );
    let shared = Rc::clone(shared);
    cx.effect(Box::new(move || rows.show(&keys(&shared))));
}

/// The rows to have in the page.
fn keys(shared: &Shared) -> Vec<u32> {
    shared.model.order.get();
    let (first, last) = shared.window.get();
    let mut keys = shared.model.keys(first, last);
    // The row with the focus stays, wherever it is: else the focus would be lost by scrolling.
    if let Some(key) = shared.current.get()
        && let Some(index) = shared.model.index(key)
    {
        if index < first {
            keys.insert(0, key.0);
        } else if index >= last {
            keys.push(key.0);
        }
    }
    keys
}

/// Arrow keys go from row to row, Delete takes one away. Keys on a row's buttons are the buttons' own.
pub(super) fn press(shared: &Rc<Shared>, event: JsValue) {
    let Some(key) = shared.current.now() else { return };
    let Some(index) = shared.model.index(key) else { return };
    let last = shared.model.len().saturating_sub(1);
    let event = Json::new(event);
    let next = match event.text(&["key"]).as_deref() {
        Some("ArrowDown") => (index + 1).min(last),
        Some("ArrowUp") => index.saturating_sub(1),
        Some("Home") => 0,
        Some("End") => last,
        Some("Delete") => {
            leave(shared, key);
            shared.command(Command::Remove(Which::One(key)));
            return;
        }
        _ => return,
    };
    event.raw().unchecked_ref::<web_sys::Event>().prevent_default();
    go(shared, next);
}

/// Gives the focus to the row at `index`, wherever it is.
fn go(shared: &Rc<Shared>, index: usize) {
    let Some(key) = shared.model.keys(index, index + 1).first().copied() else { return };
    shared.current.set(Some(FileKey(key)));
    reach(shared.tree.parts(), part::LIST, key);
}

/// Before a row with the focus leaves: the focus goes to the next row, else the one before, else the button.
pub(super) fn leave(shared: &Rc<Shared>, key: FileKey) {
    let Some(index) = shared.model.index(key) else { return };
    let count = shared.model.len();
    if count <= 1 {
        shared.current.set(None);
        shared.tree.focus(part::CHOOSE);
    } else {
        go(shared, if index + 1 < count { index + 1 } else { index - 1 });
    }
}

/// Can the row be removed, or only cancelled?
pub(super) fn is_over(state: &RowState) -> bool {
    state.is_final() || matches!(state, RowState::Ready | RowState::Reading | RowState::Checking)
}
