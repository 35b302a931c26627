//! What the engine promises, by name.

use std::fmt;

/// A promise of the engine's. The numbers are those of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// 1. A file that is reported done is on the server with the size that was sent.
    TrueSuccess = 1,
    /// 2. Every file ends: done, or in a final state with its reason, within bounded attempts and time.
    Ends = 2,
    /// 3. A part is finished once: what the server acknowledged is not sent again.
    PartsOnce = 3,
    /// 4. Progress never falls and never passes the whole.
    Progress = 4,
    /// 5. Cancel, pause and remove abort what is in flight, and nothing is sent afterwards.
    StopsAtOnce = 5,
    /// 6. The number of requests in flight never passes the budget.
    Budget = 6,
    /// 7. The journal suffices: a new engine made from it keeps the promises above.
    Journal = 7,
    /// 8. The same seed and inputs give the same actions.
    Same = 8,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::TrueSuccess => "never a false success",
            Self::Ends => "every file ends",
            Self::PartsOnce => "a part is finished once",
            Self::Progress => "progress never falls",
            Self::StopsAtOnce => "what is stopped sends nothing",
            Self::Budget => "the budget holds",
            Self::Journal => "the journal suffices",
            Self::Same => "same inputs, same actions",
        };
        write!(f, "promise {} ({words})", *self as u8)
    }
}

/// Panics when a promise is broken.
pub(super) fn keep(promise: Promise, kept: bool, detail: impl FnOnce() -> String) {
    assert!(kept, "{promise} is broken: {}", detail());
}
