//! The button, the drop area, and everything by which files come in: picker, drop, folders, paste.

use super::{Shared, icons, part, words};
use crate::dom::{Port, Scope};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/ui/ui.js")]
extern "C" {
    fn doors(told: &JsValue, parts: &JsValue, button: u32, input: u32) -> JsValue;
}

/// No drag; else how many files are dragged over the panel, 0 if the browser does not tell.
pub(super) const AWAY: i32 = -1;
/// A drag somewhere over the page.
const PAGE: i32 = -2;

/// Keeps it up to date, and opens the panel to drops and pastes.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) {
    shared.tree.set(part::CHOOSE_ICON, "d", icons::UPLOAD);
    let weak = Rc::downgrade(shared);
    cx.keep(Port::new(
        Box::new(move |code, number, value| {
            if let Some(shared) = weak.upgrade() {
                #[expect(clippy::cast_possible_truncation, reason = "a count of files")]
                came(&shared, code, number as i32, &value);
            }
        }),
        &|told| doors(told, shared.tree.parts(), part::CHOOSE, part::INPUT),
    ));
    shared.watch(cx, paint_settings);
    shared.watch(cx, paint_drag);
}

fn paint_settings(shared: &Rc<Shared>) {
    let (options, tree) = (shared.model.options.get(), &shared.tree);
    tree.text(part::CHOOSE_LABEL, if options.multiple { words::CHOOSE } else { words::CHOOSE_ONE });
    // What the button may, dropping and pasting may too: they look at it.
    tree.mark(part::CHOOSE, "disabled", !shared.ready.get() || options.disabled);
    tree.mark(part::INPUT, "multiple", options.multiple);
    if options.accept.is_empty() {
        tree.unset(part::INPUT, "accept");
    } else {
        tree.set(part::INPUT, "accept", &options.accept);
    }
    // Handles of files are of use only to the journal.
    tree.mark(part::INPUT, "data-plain", options.scope.is_empty());
    tree.text(part::LIMITS, &words::limits(&shared.model.policy.borrow()));
    tree.set(part::WHOLE_PANEL, "data-density", options.density.name());
}

fn paint_drag(shared: &Rc<Shared>) {
    let multiple = shared.model.options.get().multiple;
    let (drag, found) = (shared.drag.get(), shared.found.get());
    let text;
    let hint = if let Ok(found) = u32::try_from(found) {
        text = words::reading_folder(found);
        &text
    } else if let Ok(count) = u32::try_from(drag) {
        text = words::drop_count(count);
        &text
    } else if drag == PAGE {
        words::DROP_HERE
    } else if multiple {
        words::HINT
    } else {
        words::HINT_ONE
    };
    shared.tree.text(part::HINT, hint);
    match drag {
        AWAY => shared.tree.unset(part::WHOLE_PANEL, "data-drag"),
        PAGE => shared.tree.set(part::WHOLE_PANEL, "data-drag", "page"),
        _ => shared.tree.set(part::WHOLE_PANEL, "data-drag", "here"),
    }
}

/// Something is at the doors, by the codes of `ui.js`.
fn came(shared: &Rc<Shared>, code: u32, number: i32, files: &JsValue) {
    match code {
        // Over the page counts only while it is over nothing nearer.
        0 if number == PAGE && shared.drag.now() != AWAY => {}
        0 => shared.drag.update(number),
        1 => shared.add(files),
        2 => shared.found.update(number),
        3 => {
            let lost = words::files(u64::from(number.unsigned_abs()));
            shared.tree.text(part::ALERT, &words::join(&[&lost, " of the folder could not be read."]));
        }
        4 => shared.chosen(files),
        _ => shared.replacing.set(None),
    }
}
