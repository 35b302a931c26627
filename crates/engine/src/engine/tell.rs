//! Keeps each file's story.

use super::{Engine, Flight, answers::asked_wait};
use crate::{
    Cause, FULL, FileKey, Millis,
    judge::{Asked, Verdict},
    story::{Errand, Event, Story},
};

impl Engine {
    /// What happened to a file so far; `None` when there is no such file.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn story(&self, key: FileKey) -> Option<Story> {
        let file = self.file(key)?;
        let told = file.story.as_deref().cloned();
        Some(told.unwrap_or_else(|| Story { added: file.added, ..Story::default() }))
    }

    /// Something happened to a file.
    pub(super) fn tell(&mut self, now: Millis, key: FileKey, what: Event) {
        if FULL && let Some(file) = self.file_mut(key) {
            let added = file.added;
            file.story.get_or_insert_with(|| Box::new(Story { added, ..Story::default() })).tell(now, what);
        }
    }

    /// A request came to nothing, and this is what follows.
    pub(super) fn tell_verdict(&mut self, now: Millis, key: FileKey, flight: &Flight, verdict: &Verdict, wait: Millis) {
        let part = flight.part.map_or(0, |out| u16::try_from(out.part + 1).unwrap_or(u16::MAX));
        let request = errand(flight.asked);
        self.tell(
            now,
            key,
            match verdict {
                Verdict::Again(cause) => Event::Again { request, part, cause: *cause, wait },
                Verdict::Wait(asked) => Event::Throttled { wait: asked_wait(*asked) },
                Verdict::Renew { .. } => Event::Renewed,
                Verdict::Restart(cause) => Event::Anew(*cause),
                Verdict::Inspect(cause) => Event::Inspected(*cause),
                Verdict::CompleteAgain => Event::Again { request, part, cause: Cause::Server(404), wait },
                // It is told when it fails.
                Verdict::Fail(_) => return,
            },
        );
    }
}

pub(super) fn errand(asked: Asked) -> Errand {
    match asked {
        Asked::Direct | Asked::Group => Errand::Upload,
        Asked::Start => Errand::Start,
        Asked::Part => Errand::Part,
        Asked::Complete => Errand::Complete,
        Asked::Inspect => Errand::Look,
        Asked::Fetch => Errand::Fetch,
        Asked::Confirm => Errand::Confirm,
        Asked::Credential => Errand::Credential,
    }
}
