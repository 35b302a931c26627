//! Lists as streams, page by page as they are read.
//!
//! Of a page's link to the next only the query is taken, and it is read into typed values: whatever host, path or
//! parameter a link names, what is asked next is a page of the same list at the same address.

use crate::{Client, Error};
use form_urlencoded::parse;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use std::borrow::Cow;
use updock_types::rest::{
    File, FilesOrdering, FilesQuery, Found, Group, GroupsOrdering, GroupsQuery, Page, Search, SearchPage,
};

/// `offset + limit` of a search is at most this. Source: REST API v0.7, File search.
const SEARCH_DEPTH: u16 = 1000;
/// Largest page of a search.
const SEARCH_PAGE: u16 = 100;

impl Client {
    /// Files from the query's place on, in its order; its limit is the size of a page. Ends with the first error.
    pub fn files(&self, query: FilesQuery) -> impl Stream<Item = Result<File, Error>> + Send + '_ {
        pages(query, move |query| self.files_list(query), files_query)
    }

    /// Groups, as [`Client::files`] gives files.
    pub fn groups(&self, query: GroupsQuery) -> impl Stream<Item = Result<Group, Error>> + Send + '_ {
        pages(query, move |query| self.groups_list(query), groups_query)
    }

    /// What a search finds; the service gives the first thousand at most. Ends with the first error.
    pub fn search(&self, search: Search) -> impl Stream<Item = Result<Found, Error>> + Send + '_ {
        let first = SearchPage { limit: Some(SEARCH_PAGE), offset: None, appdata: false };
        let ask = move |page| {
            let search = search.clone();
            async move {
                let mut found = self.files_search(search, page).await?;
                // What lies deeper is refused.
                if page.offset.unwrap_or(0) + SEARCH_PAGE >= SEARCH_DEPTH {
                    found.next = None;
                }
                Ok(found)
            }
        };
        pages(first, ask, search_page)
    }
}

/// Asks for a page after another until none is linked.
fn pages<'a, Query, Item, Answer>(
    first: Query,
    ask: impl Fn(Query) -> Answer + Send + 'a,
    read: fn(&str) -> Option<Query>,
) -> impl Stream<Item = Result<Item, Error>> + Send + 'a
where
    Query: Clone + PartialEq + Send + 'a,
    Item: Send + 'a,
    Answer: Future<Output = Result<Page<Item>, Error>> + Send + 'a,
{
    let step = move |query: Option<Query>| {
        let asked = query.clone().map(&ask);
        async move {
            let (Some(query), Some(asked)) = (query, asked) else { return Ok(None) };
            let page = asked.await?;
            let next = page.next.as_deref().map(|link| next(link, &query, read)).transpose()?;
            Ok(Some((stream::iter(page.results).map(Ok), next)))
        }
    };
    stream::try_unfold(Some(first), step).try_flatten()
}

/// The query of a link, if it leads on.
fn next<Query: PartialEq>(link: &str, asked: &Query, read: fn(&str) -> Option<Query>) -> Result<Query, Error> {
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let unexpected = |what: &str| Error::Unexpected { status: 200, what: what.to_owned() };
    let next = read(query).ok_or_else(|| unexpected("the link to the next page cannot be read"))?;
    if next == *asked {
        return Err(unexpected("a page links to itself"));
    }
    Ok(next)
}

fn files_query(query: &str) -> Option<FilesQuery> {
    let mut read = FilesQuery::default();
    for (name, value) in parse(query.as_bytes()) {
        match &*name {
            "limit" => read.limit = Some(value.parse().ok()?),
            "ordering" => {
                read.ordering = match &*value {
                    "datetime_uploaded" => FilesOrdering::OldestFirst,
                    "-datetime_uploaded" => FilesOrdering::NewestFirst,
                    _ => return None,
                }
            }
            "from" => read.from = Some(value.parse_timestamp()?),
            "to" => read.to = Some(value.parse_timestamp()?),
            "offset" => read.offset = Some(value.parse().ok()?),
            "stored" => read.stored = Some(value.parse().ok()?),
            "removed" => read.removed = value.parse().ok()?,
            "include" => read.appdata = value == "appdata",
            _ => {}
        }
    }
    Some(read)
}

fn groups_query(query: &str) -> Option<GroupsQuery> {
    let mut read = GroupsQuery::default();
    for (name, value) in parse(query.as_bytes()) {
        match &*name {
            "limit" => read.limit = Some(value.parse().ok()?),
            "ordering" => {
                read.ordering = match &*value {
                    "datetime_created" => GroupsOrdering::OldestFirst,
                    "-datetime_created" => GroupsOrdering::NewestFirst,
                    _ => return None,
                }
            }
            "from" => read.from = Some(value.parse_timestamp()?),
            "to" => read.to = Some(value.parse_timestamp()?),
            "offset" => read.offset = Some(value.parse().ok()?),
            _ => {}
        }
    }
    Some(read)
}

fn search_page(query: &str) -> Option<SearchPage> {
    let mut read = SearchPage::default();
    for (name, value) in parse(query.as_bytes()) {
        match &*name {
            "limit" => read.limit = Some(value.parse().ok()?),
            "offset" => read.offset = Some(value.parse().ok()?),
            "include" => read.appdata = value == "appdata",
            _ => {}
        }
    }
    Some(read)
}

trait ParseTimestamp {
    fn parse_timestamp(&self) -> Option<updock_types::Timestamp>;
}

impl ParseTimestamp for Cow<'_, str> {
    fn parse_timestamp(&self) -> Option<updock_types::Timestamp> {
        updock_types::Timestamp::parse(self).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_link_only_the_query_is_taken() {
        let link = "https://evil.example/files/../project/?limit=1&from=2026-08-04T10%3A00%3A00.123456%2B00%3A00&offset=0&stored=true&x=y#z";
        let query = next(link, &FilesQuery::default(), files_query).unwrap();
        let call = crate::Call::FilesList(query);
        assert_eq!(call.target(), "/files/?limit=1&from=2026-08-04T10%3A00%3A00.123456Z&offset=0&stored=true");
    }

    #[test]
    fn a_link_that_cannot_be_read_or_leads_nowhere_is_an_error() {
        for link in ["https://a.example/files/?limit=many", "?ordering=size", "?from=yesterday", "", "?"] {
            let error = next(link, &FilesQuery::default(), files_query).unwrap_err();
            assert!(matches!(error, Error::Unexpected { .. }), "{link}: {error}");
        }
        assert!(next("?offset=2", &SearchPage { offset: Some(2), ..SearchPage::default() }, search_page).is_err());
        assert!(next("?offset=4", &SearchPage { offset: Some(2), ..SearchPage::default() }, search_page).is_ok());
    }
}
