//! The signer's sentences: kept for whoever comes later, passed on to whoever listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

/// How many sentences a page that opens late still gets.
const KEPT: usize = 200;

/// A shared, growing list of lines.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    so_far: Arc<Mutex<Vec<String>>>,
    live: broadcast::Sender<String>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { so_far: Arc::default(), live: broadcast::channel(KEPT).0 }
    }
}

impl Decisions {
    /// Adds a line and tells everybody who follows.
    pub(crate) fn push(&self, line: &str) {
        let mut so_far = self.lines();
        so_far.push(line.to_owned());
        // Nobody listening is no failure.
        let _ = self.live.send(line.to_owned());
    }

    /// All lines so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.lines().clone()
    }

    /// The last lines so far and all that come, none missing and none twice.
    pub(crate) fn follow(&self) -> (Vec<String>, broadcast::Receiver<String>) {
        let so_far = self.lines();
        let from = so_far.len().saturating_sub(KEPT);
        (so_far[from..].to_vec(), self.live.subscribe())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        // A list of lines is whole after a panic, too.
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_gets_what_was_said_and_then_what_is_said() {
        let decisions = Decisions::default();
        decisions.push("one");
        let (so_far, mut coming) = decisions.follow();
        decisions.push("two");
        assert_eq!(so_far, ["one"]);
        assert_eq!(coming.try_recv().unwrap(), "two");
    }
}
