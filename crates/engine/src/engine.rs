//! The engine itself.

use crate::{Action, Config, FileKey, Input, Millis, Row, Snapshot, Totals};
use std::sync::Arc;

/// The state machine.
pub struct Engine {}

impl Engine {
    /// A new engine; `seed` feeds its jitter.
    pub fn new(config: Config, seed: u64) -> Self {
        let _ = (config, seed);
        Self {}
    }
    /// The key that the next added file will get.
    pub fn next_key(&self) -> FileKey {
        FileKey(0)
    }
    /// Applies what happened at `now`.
    pub fn handle(&mut self, now: Millis, input: Input) {
        let _ = (now, input);
    }
    /// The next thing the driver must do, until `None`.
    #[must_use]
    pub fn poll(&mut self) -> Option<Action> {
        None
    }
    /// When to call `handle` with `Input::Tick`, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        None
    }
    /// Rows that changed since the last call, in no particular order, each once.
    pub fn take_changes(&mut self) -> Vec<Arc<Row>> {
        Vec::new()
    }
    /// Sums over the list.
    pub fn totals(&self) -> Totals {
        Totals::default()
    }
    /// The whole list.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { rows: Vec::new(), totals: self.totals() }
    }
}
