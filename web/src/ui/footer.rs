//! The whole at a glance: one waterline in bytes, one line of numbers, one thing to do.

use super::{Shared, format, words};
use crate::dom::{El, Scope, Watched};
use std::rc::Rc;
use updock_engine::{Command, Totals, Which};

/// What the primary button does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    None,
    Upload(u32),
    Pause,
    Resume,
    Retry(u32),
    Clear,
}

fn act(totals: &Totals) -> Act {
    let ended = totals.done + totals.failed + totals.rejected;
    let ready = totals.files.saturating_sub(ended + totals.paused + totals.active);
    if totals.active > 0 {
        Act::Pause
    } else if totals.paused > 0 {
        Act::Resume
    } else if ready > 0 {
        Act::Upload(ready)
    } else if totals.failed > 0 {
        Act::Retry(totals.failed)
    } else if totals.files > 0 {
        Act::Clear
    } else {
        Act::None
    }
}

fn label(act: Act) -> String {
    match act {
        Act::None => String::new(),
        Act::Upload(count) => words::join(&["Upload ", &words::files(u64::from(count))]),
        Act::Pause => words::PAUSE_ALL.to_owned(),
        Act::Resume => words::RESUME_ALL.to_owned(),
        Act::Retry(count) => words::join(&["Retry ", &words::files(u64::from(count))]),
        Act::Clear => words::CLEAR.to_owned(),
    }
}

/// Thousandths of the whole.
fn share(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(0)
}

/// Builds it.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) -> El {
    let footer = El::classed("div", "foot");
    footer.attr("part", "footer");
    let model = Rc::clone(shared);
    footer.live_attr(
        cx,
        "hidden",
        Box::new(move || {
            model.model.order.get();
            model.model.is_empty().then(String::new)
        }),
    );

    let bar = El::classed("div", "whole");
    bar.attr("part", "total-waterline").attr("aria-label", words::ALL_FILES);
    let sent = El::classed("div", "level");
    bar.child(&sent);
    let (line, model) = (bar.clone(), Rc::clone(shared));
    cx.effect(Box::new(move || {
        let totals = model.model.totals.get();
        let permille = share(totals.sent, totals.bytes);
        let mut text = format::number(permille / 10);
        let moving = totals.active > 0 || totals.paused > 0;
        line.set_attr("role", moving.then_some("progressbar"));
        line.set_attr("aria-valuenow", moving.then_some(&*text));
        line.attr(
            "data-state",
            if moving {
                "moving"
            } else if totals.failed > 0 {
                if totals.done > 0 { "mixed" } else { "failed" }
            } else {
                "done"
            },
        );
        text.push('.');
        format::push_number(&mut text, permille % 10);
        text.push('%');
        sent.style("inline-size", &text);
    }));

    let numbers = El::classed("p", "numbers");
    let (spoken, model) = (bar.clone(), Rc::clone(shared));
    let line = numbers.clone();
    cx.effect(Box::new(move || {
        let summary = model.model.summary.get();
        line.text(&summary);
        spoken.attr("aria-valuetext", &summary);
    }));

    let button = El::new("button");
    button.attr("type", "button").attr("part", "primary-button");
    let now = Watched::new(Act::None);
    let (current, model) = (now.clone(), Rc::clone(shared));
    cx.effect(Box::new(move || current.update(act(&model.model.totals.get()))));
    let (current, shown) = (now.clone(), button.clone());
    cx.effect(Box::new(move || {
        let act = current.get();
        // Pausing and clearing are there, but nothing that a person must do.
        shown.attr(
            "class",
            if matches!(act, Act::Upload(_) | Act::Retry(_) | Act::Resume) { "main-act" } else { "quiet" },
        );
        shown.set_attr("hidden", (act == Act::None).then_some(""));
        shown.text(&label(act));
    }));
    let shared = Rc::clone(shared);
    button.on(
        cx,
        "click",
        Box::new(move |_| {
            shared.command(match now.now() {
                Act::None => return,
                Act::Upload(_) => Command::Start(Which::All),
                Act::Pause => Command::Pause(Which::All),
                Act::Resume => Command::Resume(Which::All),
                Act::Retry(_) => Command::Retry(Which::All),
                Act::Clear => {
                    let _ = shared.choose.html().focus();
                    Command::Remove(Which::All)
                }
            });
        }),
    );
    footer.child(&bar).child(&numbers).child(&button);
    footer
}
