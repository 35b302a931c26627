//! How long a caller wants to wait: `Prefer: wait=10`. Source: RFC 7240, section 4.3.
//!
//! A preference is no demand: what cannot be read is as if it were not there.

use http::HeaderMap;
use std::time::Duration;

/// Where nothing is said.
pub(crate) const USUAL: Duration = Duration::from_secs(5);
/// However much is said.
pub(crate) const MOST: Duration = Duration::from_secs(30);

/// What these headers say, if they say something.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
    let seconds = lines.flat_map(|line| line.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("wait") {
            return None;
        }
        value.trim().trim_matches('"').parse().ok()
    })?;
    Some(Duration::from_secs(seconds).min(MOST))
}

/// How long a call may wait for its turn.
pub(crate) fn of(headers: &HeaderMap) -> Duration {
    asked(headers).unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_where_it_can_be_and_bounded() {
        for (lines, expected) in [
            (&[][..], None),
            (&["wait=10"], Some(10)),
            (&["respond-async, Wait = \"7\""], Some(7)),
            (&["handling=lenient", "wait=3; foo=bar"], Some(3)),
            (&["wait=0"], Some(0)),
            (&["wait=100000"], Some(30)),
            (&["wait=99999999999999999999"], None),
            (&["wait=-1"], None),
            (&["wait"], None),
            (&["waiting=3"], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("prefer", line.parse().unwrap());
            }
            assert_eq!(asked(&headers), expected.map(Duration::from_secs), "{lines:?}");
        }
    }
}
