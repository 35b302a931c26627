//! The cursor of lists: what a query asks for, and the addresses of the pages beside it.
//! Source: REST API v0.7, Pagination.

use super::Failure;
use crate::{
    percent,
    store::{Cursor, Stretch, Window},
};
use updock_types::{
    Timestamp,
    rest::{Page, Totals},
};

/// A query, and how it was written: links keep the request's own parameters in their order.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) window: Window,
    /// Files only.
    pub(super) stored: Option<bool>,
    /// Files only.
    pub(super) removed: bool,
    raw: Vec<(String, String)>,
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Files,
    Groups,
}

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1000;

impl Asked {
    pub(super) fn parse(list: List, query: &str) -> Result<Self, Failure> {
        let refused = |name: &str, why: &str| Failure::bad(format!("`{name}` {why}."));
        let (field, mut window) = match list {
            List::Files => ("datetime_uploaded", Window::files(DEFAULT_LIMIT, false)),
            List::Groups => ("datetime_created", Window::groups(DEFAULT_LIMIT, false)),
        };
        let (mut stored, mut removed) = (None, false);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let flag = || match &*value {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(refused(&name, "should be true or false")),
            };
            let time = || Timestamp::parse(&value).map_err(|_| refused(&name, "should be a date and time in ISO 8601"));
            match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    window.limit = limit.ok_or_else(|| refused("limit", "should be from 1 to 1000"))?;
                }
                "ordering" => {
                    window.newest_first = match value.strip_prefix('-') {
                        Some(name) if name == field => true,
                        None if value == field => false,
                        _ => return Err(refused("ordering", &format!("should be {field} or -{field}"))),
                    };
                }
                "from" => window.cursor = Cursor::After(time()?),
                "to" => window.cursor = Cursor::Before(time()?),
                "offset" => {
                    window.offset = value.parse().map_err(|_| refused("offset", "should be a whole number"))?;
                }
                "stored" if list == List::Files => stored = Some(flag()?),
                "removed" if list == List::Files => removed = flag()?,
                _ => {} // unknown parameters are ignored
            }
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        let raw = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
        Ok(Self { window, stored, removed, raw })
    }

    /// A page as it is answered. `at` tells a row's point in time, `describe` writes it out.
    pub(super) fn page<R, T>(
        &self,
        base: &str,
        stretch: &Stretch<R>,
        (total, totals): (i64, Option<Totals>),
        at: impl Fn(&R) -> Timestamp,
        describe: impl Fn(&R) -> T,
    ) -> Page<T> {
        let next = stretch.rows.last().filter(|_| stretch.more_after);
        let previous = stretch.rows.first().filter(|_| stretch.more_before);
        Page {
            next: next.map(|row| self.next(base, at(row))),
            previous: previous.map(|row| self.previous(base, at(row))),
            total,
            totals,
            per_page: self.window.limit,
            results: stretch.rows.iter().map(describe).collect(),
        }
    }

    /// The page that starts after the row of that time.
    fn next(&self, base: &str, last: Timestamp) -> String {
        self.link(base, ("from", "to"), last)
    }

    /// The page that ends before the row of that time.
    fn previous(&self, base: &str, first: Timestamp) -> String {
        self.link(base, ("to", "from"), first)
    }

    fn link(&self, base: &str, (set, dropped): (&str, &str), at: Timestamp) -> String {
        let at = at.to_string().replace('Z', "+00:00"); // links write the offset out
        let cursor = [(set, percent::encode(&at)), ("offset", "0".to_owned())];
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (name, value) in self.raw.iter().filter(|(name, _)| name != dropped) {
            let value = cursor.iter().find(|(set, _)| set == name).map_or(value.as_str(), |(_, new)| new);
            pairs.push((name, value));
        }
        for (name, value) in &cursor {
            if pairs.iter().all(|(present, _)| present != name) {
                pairs.push((name, value));
            }
        }
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{base}?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_parameters_of_the_request_in_their_order() {
        let at = Timestamp::parse("2015-10-20T14:31:47.315379Z").unwrap();
        for (query, next, previous) in [
            (
                "from=2015-10-21T00%3A00%3A00&ordering=-datetime_uploaded&limit=5",
                "from=2015-10-20T14%3A31%3A47.315379%2B00%3A00&ordering=-datetime_uploaded&limit=5&offset=0",
                "ordering=-datetime_uploaded&limit=5&to=2015-10-20T14%3A31%3A47.315379%2B00%3A00&offset=0",
            ),
            (
                "",
                "from=2015-10-20T14%3A31%3A47.315379%2B00%3A00&offset=0",
                "to=2015-10-20T14%3A31%3A47.315379%2B00%3A00&offset=0",
            ),
            (
                "limit=1&to=2015-10-20T14%3A31%3A47.315379%2B00%3A00&offset=7&x=%7B%7D",
                "limit=1&offset=0&x=%7B%7D&from=2015-10-20T14%3A31%3A47.315379%2B00%3A00",
                "limit=1&to=2015-10-20T14%3A31%3A47.315379%2B00%3A00&offset=0&x=%7B%7D",
            ),
        ] {
            let asked = Asked::parse(List::Files, query).unwrap();
            assert_eq!(asked.next("http://a/files/", at), format!("http://a/files/?{next}"));
            assert_eq!(asked.previous("http://a/files/", at), format!("http://a/files/?{previous}"));
        }
    }

    #[test]
    fn what_the_service_refuses_is_refused() {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "ordering=size",
            "from=invalid-date",
            "to=x",
            "offset=-1",
            "stored=yes",
            "removed=1",
        ] {
            assert!(Asked::parse(List::Files, query).is_err(), "{query}");
        }
        assert!(Asked::parse(List::Files, "query_parameters=%7B%7D&include=total_count").is_ok());
    }
}
