//! How far our clock is from Uploadcare's, by the `Date` of an answer. REST requests carry our time, and Uploadcare takes
//! none that is off by more than 15 minutes; upload credentials expire by Uploadcare's clock.

use http::{HeaderMap, header};
use std::fmt;
use std::time::{Duration, SystemTime};
use updock_sign::parse_http_date;

/// From here on somebody should look at it.
const OFF: Duration = Duration::from_mins(1);
/// From here on requests are about to be refused.
const WRONG: Duration = Duration::from_mins(10);

/// How far, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    /// Ours is behind by so much.
    Behind(Duration),
    /// Ours is ahead.
    Ahead(Duration),
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Good,
    Off,
    Wrong,
}

/// The offset of an answer that has just come; nothing if it says no time.
pub(crate) fn offset(answer: &HeaderMap) -> Option<Offset> {
    let theirs = parse_http_date(answer.get(header::DATE)?.to_str().ok()?)?;
    let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Some(between(ours, theirs))
}

fn between(ours: u64, theirs: u64) -> Offset {
    match ours.checked_sub(theirs) {
        Some(ahead) => Offset::Ahead(Duration::from_secs(ahead)),
        None => Offset::Behind(Duration::from_secs(theirs - ours)),
    }
}

impl Offset {
    pub(crate) fn judged(self) -> Judged {
        let (Self::Behind(by) | Self::Ahead(by)) = self;
        if by < OFF {
            Judged::Good
        } else if by < WRONG {
            Judged::Off
        } else {
            Judged::Wrong
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, way) = match self {
            Self::Behind(by) => (by.as_secs(), "behind"),
            Self::Ahead(by) => (by.as_secs(), "ahead of"),
        };
        match self.judged() {
            Judged::Good => write!(f, "This machine's clock agrees with Uploadcare's, to the minute."),
            Judged::Off => write!(f, "This machine's clock is {by} seconds {way} Uploadcare's; set it right."),
            Judged::Wrong => write!(
                f,
                "This machine's clock is {by} seconds {way} Uploadcare's, which refuses what is off by more than 15 \
                 minutes; set it right."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_looked_at_and_ten_are_wrong_either_way() {
        for (seconds, expected) in [(0, Judged::Good), (59, Judged::Good), (60, Judged::Off), (599, Judged::Off)]
            .into_iter()
            .chain([(600, Judged::Wrong), (900, Judged::Wrong)])
        {
            for offset in [between(2_000, 2_000 + seconds), between(2_000 + seconds, 2_000)] {
                assert_eq!(offset.judged(), expected, "{seconds} s");
            }
        }
        let told = between(1_000, 1_061).to_string();
        assert_eq!(told, "This machine's clock is 61 seconds behind Uploadcare's; set it right.");
        assert!(between(2_000, 1_000).to_string().contains("1000 seconds ahead of Uploadcare's"));
    }
}
