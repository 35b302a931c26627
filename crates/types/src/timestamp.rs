//! Points in time as the REST API writes them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time, to the microsecond. Written `2026-09-21T12:44:02.902248Z`; read with or without fraction, with
/// `Z`, an offset, or nothing (then UTC). Source: REST API v0.7, Timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

/// Why a text is no [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time: expected ISO 8601, like 2026-09-21T12:44:02.902248Z")]
pub struct TimestampError;

impl Timestamp {
    /// From microseconds since 1970; `None` outside years -9999 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        jiff::Timestamp::from_microsecond(micros).ok().map(Self)
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since 1970.
    pub fn as_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// Reads ISO 8601.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(at));
        }
        let naive = text.parse::<jiff::civil::DateTime>().map_err(|_| TimestampError)?;
        jiff::tz::Offset::UTC.to_timestamp(naive).map(Self).map_err(|_| TimestampError)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_sdks_send_is_read_and_one_is_written() {
        for text in [
            "2015-10-21T00:00:00",
            "2015-10-21T00:00:00.000Z",
            "2015-10-21T00:00:00.000000+00:00",
            "2015-10-21T02:00:00+02:00",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), "2015-10-21T00:00:00.000000Z", "{text}");
        }
        for text in ["", "nope", "2015-13-21T00:00:00Z", "2015-10-21T25:00:00"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
