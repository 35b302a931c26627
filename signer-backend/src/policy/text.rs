//! Small values written as text in the policy file: spans of time, rates, origins.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Reads `90s`, `10m`, `24h`, `7d`.
pub(crate) fn seconds(text: &str) -> Result<u32, &'static str> {
    const EXPECTED: &str = "expected a number and a unit, like \"90s\", \"10m\" or \"24h\"";
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(EXPECTED),
    };
    number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit)).ok_or(EXPECTED)
}

/// How often somebody may call: so many in a period, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls in a period.
    pub calls: NonZeroU32,
    /// The period.
    pub period: Duration,
    /// Calls at once.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    /// `10/s burst 40`.
    fn default() -> Self {
        let (calls, burst) = (NonZeroU32::MIN.saturating_add(9), NonZeroU32::MIN.saturating_add(39));
        Self { calls, period: Duration::from_secs(1), burst }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Reads `10/s burst 40`; without `burst` as many at once as in a period.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a rate like \"10/s burst 40\" (s, m or h; numbers from 1)";
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let (calls, unit) = rate.split_once('/').ok_or(EXPECTED)?;
        let period = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(EXPECTED),
        };
        let number = |text: &str| text.trim().parse::<NonZeroU32>().map_err(|_| EXPECTED);
        let calls = number(calls)?;
        let burst = burst.map_or(Ok(calls), number)?;
        Ok(Self { calls, period: Duration::from_secs(period), burst })
    }
}

/// A web origin exactly as browsers write it: `https://app.example.com`, `http://127.0.0.1:4000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin; the error says what is wrong with it. Whatever a browser would never send is refused,
    /// because it could never match.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            return Err("`*` stands for pages we do not know; write each origin in full".to_owned());
        }
        let Some((scheme, host)) = text.split_once("://") else {
            return Err("it has no scheme; write it like https://app.example.com".to_owned());
        };
        if !matches!(scheme, "http" | "https") {
            return Err("an origin begins with http:// or https://".to_owned());
        }
        if host.contains(['/', '?', '#', '@']) {
            let bare = host.split(['/', '?', '#']).next().unwrap_or_default();
            return Err(format!("an origin has no path and no user; write {scheme}://{bare}"));
        }
        let authority = host.parse::<http::uri::Authority>().ok().filter(|authority| !authority.host().is_empty());
        let Some(authority) = authority.filter(|authority| !authority.as_str().ends_with(':')) else {
            return Err("its host cannot be read; write letters beyond ASCII as xn--...".to_owned());
        };
        if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("browsers write it in small letters: {}", text.to_ascii_lowercase()));
        }
        match (scheme, authority.port_u16()) {
            ("https", Some(443)) | ("http", Some(80)) => {
                Err(format!("browsers leave out the usual port; write {scheme}://{}", authority.host()))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, expected) in [("90s", Some(90)), ("10m", Some(600)), ("24h", Some(86_400)), ("1d", Some(86_400))] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        for text in ["", "10", "m", "10 m", "-1s", "1.5h", "99999999999h", "4000000000h", "1é"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        let rate: Rate = "10/s burst 40".parse().unwrap();
        assert_eq!((rate.calls.get(), rate.period.as_secs(), rate.burst.get()), (10, 1, 40));
        assert_eq!(rate, Rate::default());
        assert_eq!("5/m".parse::<Rate>().unwrap().burst.get(), 5);
        for text in ["", "10", "0/s", "10/d", "10/s burst 0", "10/s burst", "x/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in
            ["https://app.example.com", "http://127.0.0.1:4000", "http://[::1]:4000", "https://xn--e1afmkfd.test"]
        {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "*",
            "https://*.example.com",
            "app.example.com",
            "null",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://u@app.example.com",
            "ftp://a",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://a:80",
            "https://пример.test",
            "https://a b",
            "https://a:",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
