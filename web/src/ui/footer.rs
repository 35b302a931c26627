//! The whole at a glance: one waterline in bytes, one line of numbers, one thing to do.

use super::{Shared, format, part, words};
use crate::dom::Scope;
use std::{rc::Rc, sync::Arc};
use updock_engine::{Command, Need, Row, RowState, Which};

/// What the primary button does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    None,
    Upload(u32),
    Pause,
    Resume,
    Continue,
    ChooseAgain,
    Retry(u32),
    Clear,
}

fn act(shared: &Shared) -> Act {
    let totals = shared.model.totals.now();
    let ended = totals.done + totals.failed + totals.rejected;
    let ready = totals.files.saturating_sub(ended + totals.paused + totals.needs_file + totals.active);
    if totals.active > 0 {
        Act::Pause
    } else if totals.needs_file > 0 {
        let opens = |row: &Arc<Row>| row.state == RowState::NeedsFile(Need::Open);
        if shared.model.rows().iter().any(opens) { Act::Continue } else { Act::ChooseAgain }
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
        Act::Continue => words::CONTINUE.to_owned(),
        Act::ChooseAgain => words::CHOOSE_AGAIN.to_owned(),
        Act::Retry(count) => words::join(&["Retry ", &words::files(u64::from(count))]),
        Act::Clear => words::CLEAR.to_owned(),
    }
}

/// Thousandths of the whole.
fn share(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(0)
}

/// Keeps it up to date.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) {
    shared.watch(cx, paint);
}

fn paint(shared: &Rc<Shared>) {
    let (totals, tree) = (shared.model.totals.get(), &shared.tree);
    let permille = share(totals.sent, totals.bytes);
    let moving = totals.active + totals.paused + totals.needs_file > 0;
    let state = if moving {
        tree.set(part::WHOLE, "role", "progressbar");
        tree.set(part::WHOLE, "aria-valuenow", &format::number(permille / 10));
        "moving"
    } else {
        tree.unset(part::WHOLE, "role");
        tree.unset(part::WHOLE, "aria-valuenow");
        match (totals.failed, totals.done) {
            (0, _) => "done",
            (_, 0) => "failed",
            _ => "mixed",
        }
    };
    tree.set(part::WHOLE, "data-state", state);
    tree.set(part::WHOLE_LEVEL, ":translate", &format::level(permille));
    let act = act(shared);
    // Pausing and clearing are there, but nothing that a person must do.
    let main = matches!(act, Act::Upload(_) | Act::Retry(_) | Act::Resume | Act::Continue | Act::ChooseAgain);
    tree.set(part::PRIMARY, "class", if main { "main-act" } else { "quiet" });
    tree.show(part::PRIMARY, act != Act::None);
    tree.text(part::PRIMARY, &label(act));
}

/// The primary button was pressed.
pub(super) fn press(shared: &Shared) {
    shared.command(match act(shared) {
        Act::None => return,
        Act::Upload(_) => Command::Start(Which::All),
        Act::Pause => Command::Pause(Which::All),
        Act::Resume | Act::Continue => Command::Resume(Which::All),
        // Each finds its own row.
        Act::ChooseAgain => return shared.pick(None),
        Act::Retry(_) => Command::Retry(Which::All),
        Act::Clear => {
            shared.tree.focus(part::CHOOSE);
            Command::Remove(Which::All)
        }
    });
}
