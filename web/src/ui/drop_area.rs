//! The button, the drop area, and everything by which files come in: picker, drop, folders, paste.

use super::{Shared, folders, icons, words};
use crate::{
    dom::{El, Scope, Watched},
    driver::window,
};
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ClipboardEvent, DataTransfer, DragEvent, Event, HtmlInputElement, Node};

/// Where a drag with files is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drag {
    Away,
    /// Somewhere over the page.
    Page,
    /// Over the panel, with so many files; 0 if the browser does not tell.
    Here(u32),
}

/// Builds it into the panel, which as a whole takes drops and pastes.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>, panel: &El) {
    let drag = Watched::new(Drag::Away);
    let area = El::classed("div", "drop");
    area.attr("part", "drop-area");

    let button = &shared.choose;
    button.attr("type", "button").attr("class", "choose").attr("part", "choose-button");
    let label = El::new("span");
    let options = Rc::clone(shared);
    label.live_text(
        cx,
        Box::new(move || {
            if options.model.options.get().multiple { words::CHOOSE } else { words::CHOOSE_ONE }.to_owned()
        }),
    );
    button.child(&icons::icon(icons::UPLOAD)).child(&label);
    let able = Rc::clone(shared);
    button.live_attr(cx, "disabled", Box::new(move || (!may_add(&able, true)).then(String::new)));
    let picker = Rc::clone(shared);
    button.on(cx, "click", Box::new(move |_| picker.pick(None)));

    let hint = El::classed("span", "hint");
    let (options, where_to, folder) = (Rc::clone(shared), drag.clone(), Watched::new(None::<u32>));
    let reading = folder.clone();
    hint.live_text(
        cx,
        Box::new(move || {
            let multiple = options.model.options.get().multiple;
            match (reading.get(), where_to.get()) {
                (Some(found), _) => words::reading_folder(found),
                (None, Drag::Away) if multiple => words::HINT.to_owned(),
                (None, Drag::Away) => words::HINT_ONE.to_owned(),
                (None, Drag::Page) => words::DROP_HERE.to_owned(),
                (None, Drag::Here(count)) => words::drop_count(count),
            }
        }),
    );
    let limits = El::classed("p", "limits");
    let options = Rc::clone(shared);
    limits.live_text(
        cx,
        Box::new(move || {
            options.model.options.get();
            words::limits(&options.model.policy.borrow())
        }),
    );
    area.child(button).child(&hint).child(&limits);
    panel.child(&area).child(&input(cx, shared));

    let state = drag.clone();
    panel.live_attr(
        cx,
        "data-drag",
        Box::new(move || {
            Some(
                match state.get() {
                    Drag::Away => return None,
                    Drag::Page => "page",
                    Drag::Here(_) => "here",
                }
                .to_owned(),
            )
        }),
    );
    watch_drags(cx, shared, panel, &drag, &folder);
}

/// The browser's own file input does the choosing. It is out of sight; the button stands for it.
fn input(cx: &Scope, shared: &Rc<Shared>) -> El {
    let input = &shared.input;
    input.attr("type", "file").attr("hidden", "").attr("aria-label", words::CHOOSE);
    let options = Rc::clone(shared);
    input.live_attr(cx, "multiple", Box::new(move || options.model.options.get().multiple.then(String::new)));
    let options = Rc::clone(shared);
    input.live_attr(
        cx,
        "accept",
        Box::new(move || Some(options.model.options.get().accept.clone()).filter(|accept| !accept.is_empty())),
    );
    let taker = Rc::clone(shared);
    let chosen = input.clone();
    input.on(
        cx,
        "change",
        Box::new(move |_| {
            let input: &HtmlInputElement = chosen.raw().unchecked_ref();
            if let Some(files) = input.files() {
                // A list of its own: clearing the input empties the browser's.
                let files = Array::from(&files);
                input.set_value("");
                taker.chosen(files);
            }
        }),
    );
    let cancelled = Rc::clone(shared);
    input.on(
        cx,
        "cancel",
        Box::new(move |_| {
            cancelled.replacing.take();
        }),
    );
    input.clone()
}

fn may_add(shared: &Shared, watch: bool) -> bool {
    if watch {
        shared.ready.get() && !shared.model.options.get().disabled
    } else {
        shared.ready.now() && !shared.model.options.now().disabled
    }
}

fn transfer(event: &JsValue) -> Option<DataTransfer> {
    event.dyn_ref::<DragEvent>()?.data_transfer()
}

fn has_files(transfer: &DataTransfer) -> bool {
    transfer.types().includes(&JsValue::from_str("Files"), 0)
}

fn watch_drags(cx: &Scope, shared: &Rc<Shared>, panel: &El, drag: &Watched<Drag>, folder: &Watched<Option<u32>>) {
    for event in ["dragenter", "dragover"] {
        let (state, able) = (drag.clone(), Rc::clone(shared));
        panel.on(
            cx,
            event,
            Box::new(move |event| {
                let Some(transfer) = transfer(&event).filter(|transfer| has_files(transfer) && may_add(&able, false))
                else {
                    return;
                };
                let raw: &Event = event.unchecked_ref();
                raw.prevent_default();
                // The innermost target wins: the page's own drop area must not take them too.
                raw.stop_propagation();
                transfer.set_drop_effect("copy");
                state.update(Drag::Here(transfer.items().length()));
            }),
        );
    }
    let (state, home) = (drag.clone(), panel.clone());
    panel.on(
        cx,
        "dragleave",
        Box::new(move |event| {
            let to = event.unchecked_ref::<DragEvent>().related_target();
            let inside = to.is_some_and(|to| to.dyn_ref::<Node>().is_some_and(|to| home.raw().contains(Some(to))));
            if !inside {
                state.update(Drag::Away);
            }
        }),
    );
    let (state, taker, found) = (drag.clone(), Rc::clone(shared), folder.clone());
    panel.on(
        cx,
        "drop",
        Box::new(move |event| {
            state.update(Drag::Away);
            let Some(transfer) = transfer(&event).filter(|transfer| has_files(transfer) && may_add(&taker, false))
            else {
                return;
            };
            let raw: &Event = event.unchecked_ref();
            raw.prevent_default();
            raw.stop_propagation();
            folders::take(&taker, &transfer, &found);
        }),
    );
    let taker = Rc::clone(shared);
    panel.on(
        cx,
        "paste",
        Box::new(move |event| {
            let Some(files) = event.unchecked_ref::<ClipboardEvent>().clipboard_data().and_then(|data| data.files())
            else {
                return;
            };
            if files.length() > 0 && may_add(&taker, false) {
                event.unchecked_ref::<Event>().prevent_default();
                taker.add(Array::from(&files));
            }
        }),
    );
    // Over the page but not over the panel: the panel only says that it is there.
    let window = window();
    let (state, able) = (drag.clone(), Rc::clone(shared));
    cx.listen(
        &window,
        "dragenter",
        Box::new(move |event| {
            if transfer(&event).is_some_and(|transfer| has_files(&transfer))
                && may_add(&able, false)
                && state.now() == Drag::Away
            {
                state.set(Drag::Page);
            }
        }),
    );
    let state = drag.clone();
    cx.listen(
        &window,
        "dragleave",
        Box::new(move |event| {
            if event.unchecked_ref::<DragEvent>().related_target().is_none() {
                state.update(Drag::Away);
            }
        }),
    );
    for event in ["drop", "dragend", "blur", "keydown"] {
        let state = drag.clone();
        cx.listen(&window, event, Box::new(move |_| state.update(Drag::Away)));
    }
}
