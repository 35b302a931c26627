//! One file in the list.

use super::{
    Shared, format, icons,
    list::{self, Place},
    words,
};
use crate::dom::{El, Scope};
use std::rc::Rc;
use updock_engine::{Command, Failure, FileKey, Remedy, Row, RowState, Which};
use updock_types::policy::Refusal;

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
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "Upload",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Retry => "Retry",
            Self::Replace => "Replace",
            Self::Cancel => "Cancel",
            Self::Remove => "Remove",
        }
    }

    fn icon(self) -> icons::Icon {
        match self {
            Self::Start => icons::UPLOAD,
            Self::Pause => icons::PAUSE,
            Self::Resume => icons::PLAY,
            Self::Retry => icons::RETRY,
            Self::Replace => icons::SWAP,
            Self::Cancel => icons::CROSS,
            Self::Remove => icons::BIN,
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
        RowState::Rejected(_) | RowState::NeedsFile => Some(Act::Replace),
        _ => None,
    };
    (first, if list::is_over(state) { Act::Remove } else { Act::Cancel })
}

fn state_icon(state: &RowState) -> Option<icons::Icon> {
    match state {
        RowState::Done { .. } => Some(icons::CHECK),
        RowState::Failed(Failure::Cancelled) => Some(icons::CROSS),
        RowState::Failed(_) | RowState::Rejected(_) | RowState::NeedsFile => Some(icons::ALERT),
        RowState::Waiting(_) => Some(icons::CLOCK),
        RowState::Retrying { .. } => Some(icons::RETRY),
        RowState::Paused => Some(icons::PAUSE),
        _ => None,
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
    )
}

/// Builds a row. An empty one if the file is gone already.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>, place: &Rc<Place>, key: FileKey) -> El {
    let li = El::classed("li", "row");
    let Some(first) = shared.model.row(key) else { return li };
    let view = shared.model.show(&first);
    let (hiding, seen) = (Rc::clone(shared), Rc::clone(&view));
    cx.on_end(Box::new(move || hiding.model.hide(key, &seen)));

    li.attr("part", "file").attr("data-key", &format::number(u64::from(key.0)));
    // What is in the page is not the whole list: say where the row is in it.
    let (order, at) = (Rc::clone(shared), li.clone());
    cx.effect(Box::new(move || {
        order.model.order.get();
        let height = u64::from(order.model.options.get().density.row_height());
        if let Some(index) = order.model.index(key) {
            let mut top = format::number(height * index as u64);
            top.push_str("px");
            at.style("inset-block-start", &top);
            at.attr("aria-posinset", &format::number(index as u64 + 1));
            at.attr("aria-setsize", &format::number(order.model.len() as u64));
        }
    }));
    let (place_of, order) = (Rc::clone(place), Rc::clone(shared));
    li.live_attr(
        cx,
        "tabindex",
        Box::new(move || {
            order.model.order.get();
            let current = place_of.current.get().filter(|current| order.model.index(*current).is_some());
            let here = match current {
                Some(current) => current == key,
                None => order.model.index(key) == Some(0),
            };
            Some(if here { "0" } else { "-1" }.to_owned())
        }),
    );
    let place_of = Rc::clone(place);
    li.on(cx, "focusin", Box::new(move |_| place_of.current.update(Some(key))));

    let water = El::classed("div", "water");
    water.attr("part", "waterline");
    let level = El::classed("div", "level");
    water.child(&level);
    let thumb = shared.thumbs.build(cx, shared, &first);
    let main = El::classed("div", "main");
    let name = El::classed("div", "name");
    // A name may be in any script, whatever the page's.
    name.attr("title", &first.name).attr("part", "file-name");
    let text = El::new("span");
    text.attr("dir", "auto");
    let (stem, end) = format::split_name(&first.name);
    let (stem_el, end_el) = (El::classed("span", "stem"), El::new("span"));
    stem_el.text(stem);
    end_el.text(end);
    text.child(&stem_el).child(&end_el);
    name.child(&text);
    let facts = El::classed("div", "facts");
    main.child(&name).child(&facts);
    let state = El::classed("div", "state");
    let (mark, word) = (icons::icon(icons::CHECK), El::new("span"));
    state.child(&mark).child(&word);
    let actions = El::classed("div", "acts");
    let buttons = [button(cx, shared, place, key, true), button(cx, shared, place, key, false)];
    actions.child(&buttons[0]).child(&buttons[1]);
    li.child(&water).child(&thumb).child(&main).child(&state).child(&actions);

    let (seen, bar) = (Rc::clone(&view), water.clone());
    cx.effect(Box::new(move || {
        let permille = seen.level.get();
        let mut text = format::number(u64::from(permille / 10));
        if under_way(&seen.row.now().state) {
            bar.attr("aria-valuenow", &text);
        }
        text.push('.');
        format::push_number(&mut text, u64::from(permille % 10));
        text.push('%');
        level.style("inline-size", &text);
    }));
    let (seen, bar, model) = (Rc::clone(&view), water.clone(), Rc::clone(shared));
    cx.effect(Box::new(move || {
        let said = seen.facts.get();
        facts.text(&said.text);
        let detail = seen.row.peek(|row| words::detail(&row.state).map(str::to_owned));
        facts.attr("title", detail.as_deref().unwrap_or(&said.text));
        let row = model.model.row(key);
        if row.is_some_and(|row| under_way(&row.state)) {
            bar.attr("aria-valuetext", &said.spoken);
        }
    }));
    let item = li.clone();
    cx.effect(Box::new(move || {
        let row = seen_row(&view);
        paint_state(&row, &item, &water, &mark, &word, &buttons);
        if under_way(&row.state) {
            water.attr("aria-valuenow", &format::number(u64::from(view.level.now() / 10)));
            water.attr("aria-valuetext", &view.facts.now().spoken);
        }
    }));
    li
}

fn seen_row(view: &super::model::RowView) -> std::sync::Arc<Row> {
    view.row.get()
}

#[inline(never)]
fn paint_state(row: &Row, item: &El, water: &El, mark: &El, word: &El, buttons: &[El; 2]) {
    let said = words::state(&row.state);
    item.attr("data-state", words::state_name(&row.state));
    item.set_attr("data-cancelled", matches!(row.state, RowState::Failed(Failure::Cancelled)).then_some(""));
    item.attr("aria-label", &words::join(&[&row.name, ", ", said]));
    word.text(said);
    match state_icon(&row.state) {
        Some(icon) => {
            icons::change(mark, icon);
            mark.set_attr("hidden", None);
        }
        None => {
            mark.attr("hidden", "");
        }
    }
    if under_way(&row.state) {
        water.attr("role", "progressbar").attr("aria-label", &row.name);
        water.attr("aria-valuemin", "0").attr("aria-valuemax", "100");
    } else {
        for name in ["role", "aria-label", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"] {
            water.set_attr(name, None);
        }
    }
    let (first, second) = acts(&row.state);
    paint_button(&buttons[0], first, &row.name);
    paint_button(&buttons[1], Some(second), &row.name);
    if first.is_none() && buttons[0].raw().matches(":focus").unwrap_or(false) {
        let _ = buttons[1].html().focus();
    }
}

fn paint_button(button: &El, act: Option<Act>, name: &str) {
    button.set_attr("hidden", act.is_none().then_some(""));
    if let Some(act) = act {
        let label = words::join(&[act.word(), " ", name]);
        button.attr("aria-label", &label).attr("title", act.word());
        if let Some(icon) = button.raw().first_element_child() {
            icons::change(&El::from_element(icon), act.icon());
        }
    }
}

fn button(cx: &Scope, shared: &Rc<Shared>, place: &Rc<Place>, key: FileKey, is_first: bool) -> El {
    let button = El::classed("button", "act");
    button.attr("type", "button").child(&icons::icon(icons::CROSS));
    let (shared, place) = (Rc::clone(shared), Rc::clone(place));
    button.on(
        cx,
        "click",
        Box::new(move |_| {
            let Some(row) = shared.model.row(key) else { return };
            let (first, second) = acts(&row.state);
            let which = Which::One(key);
            let command = match if is_first { first } else { Some(second) } {
                Some(Act::Start) => Command::Start(which),
                Some(Act::Pause) => Command::Pause(which),
                Some(Act::Resume) => Command::Resume(which),
                Some(Act::Retry) => Command::Retry(which),
                Some(Act::Cancel) => Command::Cancel(which),
                Some(Act::Remove) => {
                    list::leave(&shared, &place, key);
                    Command::Remove(which)
                }
                Some(Act::Replace) => return shared.pick(Some(key)),
                None => return,
            };
            shared.command(command);
        }),
    );
    button
}
