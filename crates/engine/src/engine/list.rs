//! The list itself: a file in another's place, and files that are in it twice.

use super::Engine;
use crate::{Command, FULL, FileKey, Millis, NewFile, Which};
use std::hash::{BuildHasherDefault, Hasher};

/// Finds files by what they look like.
pub(super) type Seen = std::collections::HashMap<u64, FileKey, BuildHasherDefault<Ready>>;

/// For keys that are hashes already.
#[derive(Default)]
pub(super) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }
}

/// FNV-1a over all that is known of a file without reading it.
fn looks(file: &NewFile) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    eat(file.name.as_bytes());
    eat(&file.size.to_le_bytes());
    eat(&file.modified.to_le_bytes());
    eat(file.media_type.as_bytes());
    hash
}

impl Engine {
    /// The file of the list that looks the same, if there is one; from now on `key` is known by its looks.
    pub(super) fn same_as(&mut self, key: FileKey, new: &NewFile) -> Option<FileKey> {
        if !FULL {
            return None;
        }
        let looks = looks(new);
        let other = self.seen.get(&looks).copied().filter(|other| {
            self.file(*other).is_some_and(|file| {
                let row = &file.row;
                (&*row.name, row.size, &*row.media_type) == (&new.name, new.size, &new.media_type)
            })
        });
        if other.is_none() {
            self.seen.insert(looks, key);
        }
        other
    }

    /// A row leaves, and a new file takes its place.
    #[cfg_attr(not(feature = "full"), expect(dead_code, reason = "nobody replaces a row"))]
    pub(super) fn replace(&mut self, now: Millis, old: FileKey, new: NewFile) {
        let mut behind = self.order.iter().skip_while(|key| **key != old).skip(1);
        let next = behind.find(|key| self.file(**key).is_some()).copied();
        self.command(now, Command::Remove(Which::One(old)));
        let key = self.next_key();
        self.add(now, vec![new]);
        // Without a row of its own it has gone to one that waited for it, which stays where it is.
        self.move_to(key, next);
    }
}
