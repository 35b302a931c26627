//! HTTP dates, as the REST signature covers them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far a request's date may lie from the server's clock, either side, in seconds. Source: REST API v0.7, Authentication.
pub const DATE_WINDOW_SECONDS: u64 = 15 * 60;

/// `Mon, 23 Nov 2026 09:14:07 GMT`. Source: RFC 9110, section 5.6.7 (IMF-fixdate). Years past 9999 stop there.
pub fn http_date(unix_seconds: u64) -> String {
    const END: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds.min(END)))
}

/// Reads what SDKs send as a date: IMF-fixdate, with or without a comma after the year (the Python SDK writes one).
/// Gives Unix seconds.
pub fn parse_http_date(text: &str) -> Option<u64> {
    let plain = match text.match_indices(',').nth(1) {
        Some((comma, _)) => format!("{}{}", &text[..comma], &text[comma + 1..]),
        None => text.to_owned(),
    };
    let at: SystemTime = httpdate::parse_http_date(&plain).ok()?;
    at.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_that_sdks_send_are_read() {
        assert_eq!(http_date(1_541_423_681), "Mon, 05 Nov 2018 13:14:41 GMT");
        for text in ["Mon, 05 Nov 2018 13:14:41 GMT", "Mon, 05 Nov 2018, 13:14:41 GMT"] {
            assert_eq!(parse_http_date(text), Some(1_541_423_681));
        }
        for bad in
            ["", "Mon", "Mon, 23 Nov 2026", "Mon, 23 Nvo 2026 09:14:07 GMT", "Mon, 99 Nov 2026 09:14:07 GMT", ",,,"]
        {
            assert_eq!(parse_http_date(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0u64..8_000_000_000) {
            proptest::prop_assert_eq!(parse_http_date(&http_date(seconds)), Some(seconds));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse_http_date(&text);
        }
    }
}
