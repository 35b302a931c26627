//! One strip above the footer: what concerns all files, and what to do about it. One at a time.

use super::{Shared, icons, part, words};
use crate::dom::{Scope, Tree};
use std::rc::Rc;
use updock_engine::{Command, RowState, Which};

const STRIP: &str = "div.notice|part=notice
 svg
 span
 button.quiet|type=button|@click=0";

const MARK: u32 = 1;
const SENTENCE: u32 = 2;
const REMOVE: u32 = 3;

/// Keeps it up to date.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) {
    let shared = Rc::clone(shared);
    let mut strip = None;
    cx.effect(Box::new(move || {
        let totals = shared.model.totals.get();
        let (ready, online) = (shared.ready.get(), shared.online.get());
        let refused;
        let mut act = words::REMOVE_THEM;
        let (icon, sentence) = if !ready {
            (icons::ALERT, words::NO_KEY)
        } else if !online && totals.files > 0 {
            (icons::OFFLINE, words::OFFLINE)
        } else if totals.rejected > 1 {
            // One alone says it in its row.
            refused = words::join(&[&words::files(u64::from(totals.rejected)), " not added. Each says why."]);
            (icons::ALERT, &*refused)
        } else if totals.needs_file > 0 {
            refused = words::from_before(totals.needs_file);
            act = words::DISCARD;
            (icons::RETRY, &*refused)
        } else {
            strip = None;
            return;
        };
        let strip = strip.get_or_insert_with(|| make(&shared));
        strip.set(MARK, "d", icon);
        strip.text(SENTENCE, sentence);
        strip.text(REMOVE, act);
        strip.show(REMOVE, ready && icon != icons::OFFLINE);
    }));
}

fn make(shared: &Rc<Shared>) -> Tree {
    let weak = Rc::downgrade(shared);
    let strip = Tree::new(
        STRIP,
        Box::new(move |_, _, _| {
            let Some(shared) = weak.upgrade() else { return };
            // What the strip is about: uploads from before only when nothing was refused.
            let refused = shared.model.totals.now().rejected > 1;
            for row in shared.model.rows() {
                let about = match row.state {
                    RowState::Rejected(_) => refused,
                    RowState::NeedsFile(_) => !refused,
                    _ => false,
                };
                if about {
                    shared.command(Command::Remove(Which::One(row.key)));
                }
            }
            shared.tree.focus(part::CHOOSE);
        }),
    );
    shared.tree.put(part::NOTICE, &strip, 0);
    strip
}
