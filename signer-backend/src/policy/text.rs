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

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period.as_secs() {
            1 => write!(f, "{}/s", self.calls)?,
            60 => write!(f, "{}/m", self.calls)?,
            3_600 => write!(f, "{}/h", self.calls)?,
            other => write!(f, "{} in {other} seconds", self.calls)?,
        }
        if self.burst == self.calls { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl Rate {
    /// Does whoever keeps this rate keep `other` too?
    pub fn is_within(&self, other: &Self) -> bool {
        let own = u128::from(self.calls.get()) * other.period.as_nanos();
        own <= u128::from(other.calls.get()) * self.period.as_nanos() && self.burst <= other.burst
    }
}

/// So much in a time: the one way to write rates and quotas, `10/s burst 40` and `200/day`.
struct Per<'a> {
    number: u32,
    unit: &'a str,
    burst: Option<u32>,
}

impl<'a> Per<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst.trim().parse().ok()?)),
            None => (text, None),
        };
        let (number, unit) = rate.split_once('/')?;
        Some(Self { number: number.trim().parse().ok()?, unit, burst })
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Reads `10/s burst 40`; without `burst` as many at once as in a period.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a rate like \"10/s burst 40\" (s, m or h; numbers from 1)";
        let Per { number, unit, burst } = Per::read(text).ok_or(EXPECTED)?;
        let period = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "day" => return Err("so much a day is a quota; write it at `quota`, or a rate like \"10/s burst 40\""),
            _ => return Err(EXPECTED),
        };
        let calls = NonZeroU32::new(number).ok_or(EXPECTED)?;
        let burst = burst.map_or(Some(calls), NonZeroU32::new).ok_or(EXPECTED)?;
        Ok(Self { calls, period: Duration::from_secs(period), burst })
    }
}

/// Reads `200/day`.
pub(crate) fn quota(text: &str) -> Result<u32, &'static str> {
    const EXPECTED: &str = "expected a quota like \"200/day\"";
    match Per::read(text).ok_or(EXPECTED)? {
        Per { number, unit: "day", burst: None } => Ok(number),
        Per { unit: "s" | "m" | "h", .. } => Err("this is a rate; write it at `rates`, or a quota like \"200/day\""),
        Per { .. } => Err(EXPECTED),
    }
}

/// Where webhooks may go: everything below an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookPrefix {
    scheme: String,
    authority: String,
    path: String,
}

impl HookPrefix {
    /// Reads `https://hooks.example.com/` or `https://hooks.example.com/files/`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an address like \"https://hooks.example.com/\", \
            without user, query or escapes; what lies below it is meant too";
        let uri: http::Uri = text.parse().map_err(|_| EXPECTED)?;
        let whole = Self::of(&uri).filter(|prefix| prefix.is_plain() && uri.query().is_none()).ok_or(EXPECTED)?;
        if text.contains(['#', '\\']) { Err(EXPECTED) } else { Ok(whole) }
    }

    fn of(uri: &http::Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let web = matches!(scheme, "http" | "https") && !authority.contains('@');
        let own = || Self {
            scheme: scheme.to_owned(),
            authority: authority.to_ascii_lowercase(),
            path: uri.path().to_owned(),
        };
        web.then(own)
    }

    /// Nothing in the path that another reader could fold away or decode.
    fn is_plain(&self) -> bool {
        !self.path.contains(['%', ';', '\\']) && !self.path.split('/').skip(1).any(|part| part == "." || part == "..")
    }

    /// Does `url` lie below it?
    pub fn covers(&self, url: &str) -> bool {
        let Some(other) = url.parse().ok().and_then(|uri| Self::of(&uri)) else { return false };
        let below = other.path.strip_prefix(self.path.trim_end_matches('/'));
        other.is_plain()
            && (&other.scheme, &other.authority) == (&self.scheme, &self.authority)
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        for text in ["10/s burst 40", "5/m", "1/h burst 2"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for (one, other, within) in [
            ("1/s", "1/s", true),
            ("60/m burst 1", "1/s", true),
            ("61/m burst 1", "1/s", false),
            ("1/s burst 2", "1/s", false),
            ("1/h burst 5", "10/s burst 5", true),
        ] {
            assert_eq!(one.parse::<Rate>().unwrap().is_within(&other.parse().unwrap()), within, "{one} in {other}");
        }
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

    #[test]
    fn a_quota_is_written_as_a_rate_is() {
        assert_eq!(quota("200/day"), Ok(200));
        assert_eq!(quota("0/day"), Ok(0));
        for (text, told) in
            [("200/h", "this is a rate"), ("200", "expected a quota"), ("2/day burst 3", "expected a quota")]
        {
            assert!(quota(text).unwrap_err().starts_with(told), "{text}");
        }
        assert!("200/day".parse::<Rate>().unwrap_err().starts_with("so much a day is a quota"));
    }

    #[test]
    fn webhooks_go_below_a_listed_address_and_nowhere_else() {
        let prefix = HookPrefix::parse("https://hooks.example.com/files/").unwrap();
        for (url, expected) in [
            ("https://hooks.example.com/files/", true),
            ("https://hooks.example.com/files", true),
            ("https://hooks.example.com/files/a?b=c", true),
            ("https://HOOKS.example.com/files/a", true),
            ("http://hooks.example.com/files/", false),
            ("https://hooks.example.com/filesystem", false),
            ("https://hooks.example.com/", false),
            ("https://hooks.example.com/files/../other", false),
            ("https://hooks.example.com/files/%2e%2e/other", false),
            ("https://hooks.example.com:8443/files/", false),
            ("https://hooks.example.com.evil.test/files/", false),
            ("https://user@hooks.example.com/files/", false),
            ("https://evil.test/files/", false),
            ("", false),
        ] {
            assert_eq!(prefix.covers(url), expected, "{url}");
        }
        for bad in
            ["", "hooks.example.com", "https://u@a.test/", "https://a.test/?q", "https://a.test/%41", "ftp://a.test/"]
        {
            assert!(HookPrefix::parse(bad).is_err(), "{bad}");
        }
    }
}
