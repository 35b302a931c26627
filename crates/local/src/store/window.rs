//! Pages of rows that have a unique point in time, in its order.
//!
//! A page is found by its cursor through an index and never counted off, so it costs the same however deep it lies.

use super::StoreError;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};
use updock_types::Timestamp;

/// Where in the list, in the requested order. Exclusive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cursor {
    Start,
    After(Timestamp),
    /// The rows nearest before this point.
    Before(Timestamp),
}

/// Which rows of a list.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The column that holds the point in time.
    column: &'static str,
    pub(crate) newest_first: bool,
    pub(crate) limit: u16,
    pub(crate) cursor: Cursor,
    pub(crate) offset: u32,
}

/// A stretch of a list, in the requested order.
#[derive(Debug)]
pub(crate) struct Stretch<T> {
    pub(crate) rows: Vec<T>,
    /// Is there anything before the first row?
    pub(crate) more_before: bool,
    /// Is there anything after the last row?
    pub(crate) more_after: bool,
}

impl Window {
    /// The first rows of the list of files.
    pub(crate) fn files(limit: u16, newest_first: bool) -> Self {
        Self { column: "uploaded_at", newest_first, limit, cursor: Cursor::Start, offset: 0 }
    }

    /// The first rows of the list of groups.
    pub(crate) fn groups(limit: u16, newest_first: bool) -> Self {
        Self { column: "created_at", ..Self::files(limit, newest_first) }
    }

    /// Reads the window of `source`, which is `FROM ... WHERE ...`, and one row more, which tells whether there is one.
    pub(super) fn select(&self, columns: &str, source: &str) -> QueryBuilder<Sqlite> {
        let mut query = QueryBuilder::new(columns);
        query.push(" ").push(source);
        let (after, before) = self.sides();
        let bound = match self.cursor {
            Cursor::Start => None,
            Cursor::After(at) => Some((after, at)),
            Cursor::Before(at) => Some((before, at)),
        };
        if let Some((side, at)) = bound {
            query.push(" AND ").push(self.column).push(side).push_bind(at.as_micros());
        }
        query.push(" ORDER BY ").push(self.column);
        if self.newest_first != self.backwards() {
            query.push(" DESC");
        }
        query.push(" LIMIT ").push_bind(i64::from(self.limit) + 1);
        query.push(" OFFSET ").push_bind(i64::from(self.offset));
        query
    }

    /// Makes of the rows that [`Self::select`] found a stretch that knows what lies beside it.
    pub(super) async fn stretch<T>(
        &self,
        mut rows: Vec<T>,
        at: impl Fn(&T) -> Timestamp,
        source: &str,
        read: &SqlitePool,
    ) -> Result<Stretch<T>, StoreError> {
        let further = rows.len() > usize::from(self.limit);
        rows.truncate(usize::from(self.limit));
        let back = match (self.cursor, rows.first()) {
            (Cursor::Start, _) if self.offset == 0 => false,
            (_, None) => false,
            (_, Some(nearest)) => {
                let (after, before) = self.sides();
                let mut query = QueryBuilder::new("SELECT EXISTS (SELECT 1 ");
                query.push(source).push(" AND ").push(self.column).push(if self.backwards() { after } else { before });
                query.push_bind(at(nearest).as_micros()).push(")");
                query.build_query_scalar().fetch_one(read).await?
            }
        };
        Ok(if self.backwards() {
            rows.reverse();
            Stretch { rows, more_before: further, more_after: back }
        } else {
            Stretch { rows, more_before: back, more_after: further }
        })
    }

    fn backwards(&self) -> bool {
        matches!(self.cursor, Cursor::Before(_))
    }

    /// What comes after a row, and what before it, in the requested order.
    fn sides(&self) -> (&'static str, &'static str) {
        if self.newest_first { (" < ", " > ") } else { (" > ", " < ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Database, ListQuery, Store};

    #[tokio::test]
    async fn a_page_is_found_through_an_index_however_deep_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &Database::Memory).await.unwrap();
        let at = Timestamp::from_micros(7).unwrap();
        let files = [(None, false), (Some(true), false), (Some(false), false), (None, true)]
            .map(|(stored, removed)| ListQuery { window: Window::files(100, false), stored, removed }.source());
        for source in files.into_iter().chain([super::super::groups::GROUPS]) {
            for newest_first in [false, true] {
                for cursor in [Cursor::Start, Cursor::After(at), Cursor::Before(at)] {
                    let window = if source.contains("groups") {
                        Window::groups(100, newest_first)
                    } else {
                        Window::files(100, newest_first)
                    };
                    let window = Window { cursor, ..window };
                    let mut query = window.select("EXPLAIN QUERY PLAN SELECT *", source);
                    let plan: Vec<(i64, i64, i64, String)> =
                        query.build_query_as().fetch_all(&store.read).await.unwrap();
                    for (.., step) in &plan {
                        assert!(step.contains(" USING INDEX "), "{source} {window:?}: {step}");
                        // A search goes straight to the cursor; only a list without one starts at its end.
                        let searches = step.starts_with("SEARCH");
                        assert!(searches || matches!(cursor, Cursor::Start), "{source} {window:?}: {step}");
                    }
                }
            }
        }
    }
}
