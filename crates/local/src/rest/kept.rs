//! Pages of lists that were answered a moment ago. A page that is asked for again is the same as long as nothing was
//! changed and no file on it became ready.

use crate::store::Store;
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// No page is kept for longer: a bound for what no edition tells.
const LONGEST: Duration = Duration::from_secs(1);
/// Bytes of all pages together; then they are all forgotten.
const ROOM: usize = 4 * 1024 * 1024;

/// The pages, by what they depend on: the addresses in their links, and the query.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    edition: u64,
    bytes: usize,
    pages: HashMap<Key, (Bytes, Instant)>,
}

/// The root of the page's links, and the query.
type Key = (String, String);

impl Kept {
    /// The page, if it still holds.
    pub(super) fn page(&self, store: &Store, key: &Key) -> Option<Bytes> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (page, until) = shelf.pages.get(key).filter(|_| shelf.edition == store.edition())?;
        (Instant::now() < *until).then(|| page.clone())
    }

    /// Keeps a page that was read when the store had this edition, for so long at most.
    pub(super) fn keep(&self, edition: u64, key: Key, page: &Bytes, holds: Duration) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.edition > edition {
            return;
        }
        let bytes = page.len() + key.0.len() + key.1.len();
        if shelf.edition < edition || shelf.bytes + bytes > ROOM {
            *shelf = Shelf { edition, ..Shelf::default() };
        }
        shelf.bytes += bytes;
        shelf.pages.insert(key, (page.clone(), Instant::now() + holds.min(LONGEST)));
    }
}
