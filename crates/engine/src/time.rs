//! Time as the engine sees it.

/// Milliseconds since the driver's epoch; never runs backwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// This many whole seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Later by `wait`; stops at the end of time.
    #[must_use]
    pub const fn after(self, wait: Self) -> Self {
        Self(self.0.saturating_add(wait.0))
    }

    /// From `earlier` to this; zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}
