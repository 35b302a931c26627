//! One strip above the footer: what concerns all files, and what to do about it. One at a time.

use super::{Shared, icons, words};
use crate::{
    dom::{El, Scope, Watched},
    driver::window,
};
use std::rc::Rc;
use updock_engine::{Command, RowState, Which};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notice {
    NoKey,
    Offline,
    /// So many files were refused.
    Refused(u32),
}

/// Builds it.
#[inline(never)]
pub(super) fn build(cx: &Scope, shared: &Rc<Shared>) -> El {
    let holder = El::new("div");
    let online = Watched::new(window().navigator().on_line());
    for (event, is_online) in [("online", true), ("offline", false)] {
        let online = online.clone();
        cx.listen(&window(), event, Box::new(move |_| online.update(is_online)));
    }
    let notice = Watched::new(None);
    let (current, model) = (notice.clone(), Rc::clone(shared));
    cx.effect(Box::new(move || {
        let totals = model.model.totals.get();
        let (ready, online) = (model.ready.get(), online.get());
        current.update(if !ready {
            Some(Notice::NoKey)
        } else if !online && totals.files > 0 {
            Some(Notice::Offline)
        } else if totals.rejected > 1 {
            // One alone says it in its row.
            Some(Notice::Refused(totals.rejected))
        } else {
            None
        });
    }));
    let (shown, shared) = (notice.clone(), Rc::clone(shared));
    holder.when(cx, Box::new(move || shown.get().is_some()), Box::new(move |scope| strip(scope, &shared, &notice)));
    holder
}

fn strip(cx: &Scope, shared: &Rc<Shared>, notice: &Watched<Option<Notice>>) -> El {
    let strip = El::classed("div", "notice");
    strip.attr("part", "notice");
    let (mark, text) = (icons::icon(icons::ALERT), El::new("span"));
    let button = El::classed("button", "quiet");
    button.attr("type", "button").text("Remove them");
    let remover = Rc::clone(shared);
    button.on(
        cx,
        "click",
        Box::new(move |_| {
            for row in remover.model.rows() {
                if matches!(row.state, RowState::Rejected(_)) {
                    remover.command(Command::Remove(Which::One(row.key)));
                }
            }
            let _ = remover.choose.html().focus();
        }),
    );
    strip.child(&mark).child(&text).child(&button);
    let notice = notice.clone();
    cx.effect(Box::new(move || {
        let Some(now) = notice.get() else { return };
        let (icon, sentence) = match now {
            Notice::NoKey => (icons::ALERT, words::NO_KEY.to_owned()),
            Notice::Offline => (icons::OFFLINE, words::OFFLINE.to_owned()),
            Notice::Refused(count) => {
                (icons::ALERT, words::join(&[&words::files(u64::from(count)), " not added. Each says why."]))
            }
        };
        icons::change(&mark, icon);
        text.text(&sentence);
        button.set_attr("hidden", (!matches!(now, Notice::Refused(_))).then_some(""));
    }));
    strip
}
