//! The cursor of lists: what a query asks for, and the addresses of the pages beside it.
//! Source: REST API v0.7, Pagination.

use super::Failure;
use crate::{
    percent,
    store::{Cursor, ListQuery},
};
use http::StatusCode;
use updock_types::{Timestamp, rest::FilesOrdering};

/// A query, and how it was written: links keep the request's own parameters in their order.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: ListQuery,
    raw: Vec<(String, String)>,
}

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1000;

impl Asked {
    pub(super) fn parse(query: &str) -> Result<Self, Failure> {
        let refused = |name: &str, why: &str| Failure::new(StatusCode::BAD_REQUEST, format!("`{name}` {why}."));
        let mut asked = ListQuery {
            limit: DEFAULT_LIMIT,
            ordering: FilesOrdering::OldestFirst,
            cursor: Cursor::Start,
            offset: 0,
            stored: None,
            removed: false,
        };
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
                    asked.limit = limit.ok_or_else(|| refused("limit", "should be from 1 to 1000"))?;
                }
                "ordering" => {
                    asked.ordering = match &*value {
                        "datetime_uploaded" => FilesOrdering::OldestFirst,
                        "-datetime_uploaded" => FilesOrdering::NewestFirst,
                        _ => return Err(refused("ordering", "should be datetime_uploaded or -datetime_uploaded")),
                    }
                }
                "from" => asked.cursor = Cursor::After(time()?),
                "to" => asked.cursor = Cursor::Before(time()?),
                "offset" => {
                    asked.offset = value.parse().map_err(|_| refused("offset", "should be a whole number"))?;
                }
                "stored" => asked.stored = Some(flag()?),
                "removed" => asked.removed = flag()?,
                _ => {} // unknown parameters are ignored
            }
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        let raw = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
        Ok(Self { query: asked, raw })
    }

    /// The page that starts after the row of that time.
    pub(super) fn next(&self, base: &str, last: Timestamp) -> String {
        self.link(base, ("from", "to"), last)
    }

    /// The page that ends before the row of that time.
    pub(super) fn previous(&self, base: &str, first: Timestamp) -> String {
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
            let asked = Asked::parse(query).unwrap();
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
            assert!(Asked::parse(query).is_err(), "{query}");
        }
        assert!(Asked::parse("query_parameters=%7B%7D&include=total_count").is_ok());
    }
}
