//! The list. Only rows near the window are in the page; each stands at its place by its index.

use super::{Shared, row, words};
use crate::{
    dom::{El, Scope, Watched},
    driver::Frame,
};
use std::rc::Rc;
use updock_engine::{Command, FileKey, RowState, Which};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, KeyboardEvent};

/// Rows above and below the window that are there already.
const MARGIN: usize = 4;
/// Before the list has been measured.
const FIRST_SIGHT: usize = 12;

/// What rows share with their list.
pub(super) struct Place {
    /// The row that Tab leads to.
    pub(super) current: Watched<Option<FileKey>>,
    list: El,
}

/// Builds it.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) -> El {
    let scroller = El::classed("div", "list");
    scroller.attr("part", "list");
    let list = El::new("ul");
    list.attr("role", "list").attr("aria-label", words::LIST);
    let window = Watched::new((0_usize, FIRST_SIGHT));
    let place = Rc::new(Place { current: Watched::new(None), list: list.clone() });

    let model = Rc::clone(shared);
    let sized = list.clone();
    cx.effect(Box::new(move || {
        model.model.order.get();
        let height = u64::from(model.model.options.get().density.row_height());
        let mut text = super::format::number(height * model.model.len() as u64);
        text.push_str("px");
        sized.style("block-size", &text);
    }));

    // Where the window is: measured after scrolling, resizing and growing, once a frame.
    let (measured, inner) = (scroller.clone(), list.clone());
    let (seen, model) = (window.clone(), Rc::clone(shared));
    let frame: Rc<Frame> = Rc::new_cyclic(|weak: &std::rc::Weak<Frame>| {
        let weak = weak.clone();
        Frame::new(Box::new(move |_| {
            if let Some(frame) = weak.upgrade() {
                frame.begun();
            }
            let height = f64::from(model.model.options.now().density.row_height());
            // What can be seen, whoever scrolls: this list, or the page around a list without a height of its own.
            let (frame, whole) = (measured.raw().get_bounding_client_rect(), inner.raw().get_bounding_client_rect());
            let screen = crate::driver::window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(0.0);
            let top = (frame.top().max(0.0) - whole.top()).max(0.0);
            let bottom = (frame.bottom().min(screen) - whole.top()).max(top);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows on a screen")]
            let (first, last) = ((top / height) as usize, (bottom / height) as usize + 1);
            seen.update((first.saturating_sub(MARGIN), (last + MARGIN).max(first + FIRST_SIGHT)));
        }))
    });
    let measure = Rc::clone(&frame);
    scroller.on(cx, "scroll", Box::new(move |_| measure.ask()));
    for event in ["resize", "scroll"] {
        let measure = Rc::clone(&frame);
        cx.listen(&crate::driver::window(), event, Box::new(move |_| measure.ask()));
    }
    let model = Rc::clone(shared);
    cx.effect(Box::new(move || {
        model.model.order.get();
        model.model.options.get();
        frame.ask();
    }));

    let (model, current) = (Rc::clone(shared), place.current.clone());
    let (maker, here) = (Rc::clone(shared), Rc::clone(&place));
    list.each(
        cx,
        Box::new(move || {
            model.model.order.get();
            let (first, last) = window.get();
            let mut keys = model.model.keys(first, last);
            // The row with the focus stays, wherever it is: else the focus would be lost by scrolling.
            if let Some(FileKey(key)) = current.get()
                && let Some(index) = model.model.index(FileKey(key))
            {
                if index < first {
                    keys.insert(0, key);
                } else if index >= last {
                    keys.push(key);
                }
            }
            keys
        }),
        Box::new(move |scope, key| row::build(scope, &maker, &here, FileKey(key))),
    );

    let (shared, keys) = (Rc::clone(shared), place);
    list.on(cx, "keydown", Box::new(move |event| press(&shared, &keys, &event)));
    scroller.child(&list);
    scroller
}

/// Arrow keys go from row to row, Delete takes one away. Keys on a row's buttons are the buttons' own.
fn press(shared: &Rc<Shared>, place: &Rc<Place>, event: &JsValue) {
    let event: &KeyboardEvent = event.unchecked_ref();
    let Some(key) = place.current.now() else { return };
    let Some(index) = shared.model.index(key) else { return };
    let last = shared.model.len().saturating_sub(1);
    let next = match event.key().as_str() {
        "ArrowDown" => (index + 1).min(last),
        "ArrowUp" => index.saturating_sub(1),
        "Home" => 0,
        "End" => last,
        "Delete" => {
            leave(shared, place, key);
            shared.command(Command::Remove(Which::One(key)));
            return;
        }
        _ => return,
    };
    event.unchecked_ref::<Event>().prevent_default();
    go(shared, place, next);
}

/// Gives the focus to the row at `index`, wherever it is.
fn go(shared: &Rc<Shared>, place: &Rc<Place>, index: usize) {
    let Some(key) = shared.model.keys(index, index + 1).first().copied() else { return };
    place.current.set(Some(FileKey(key)));
    focus_later(place, key);
}

/// The row may not be in the page yet: effects run after this task.
fn focus_later(place: &Rc<Place>, key: u32) {
    let place = Rc::clone(place);
    wasm_bindgen_futures::spawn_local(async move {
        // A second turn, so that effects that were set off in this one have run.
        for _ in 0..2 {
            let _ = wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&JsValue::NULL)).await;
        }
        let mut selector = String::from("[data-key=\"");
        super::format::push_number(&mut selector, u64::from(key));
        selector.push_str("\"]");
        if let Ok(Some(row)) = place.list.raw().query_selector(&selector) {
            let _ = El::from_element(row).html().focus();
        }
    });
}

/// Before a row with the focus leaves: the focus goes to the next row, else the one before, else the button.
pub(super) fn leave(shared: &Rc<Shared>, place: &Rc<Place>, key: FileKey) {
    let Some(index) = shared.model.index(key) else { return };
    let count = shared.model.len();
    if count <= 1 {
        place.current.set(None);
        let _ = shared.choose.html().focus();
    } else {
        go(shared, place, if index + 1 < count { index + 1 } else { index - 1 });
    }
}

/// Can the row be removed, or only cancelled?
pub(super) fn is_over(state: &RowState) -> bool {
    state.is_final() || matches!(state, RowState::Ready | RowState::Reading | RowState::Checking)
}
