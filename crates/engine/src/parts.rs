//! The parts of one multipart upload: which are sent, which are to be sent again. A part is finished once.

use crate::{Cause, Millis};
use std::ops::Range;
use updock_types::FileUuid;

/// A multipart upload that was started.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) uuid: FileUuid,
    urls: Vec<String>,
    size: u64,
    part_size: u64,
    /// The first part that was never handed out and is not finished.
    cursor: usize,
    again: Vec<Again>,
    flying: usize,
    /// By part: is it stored?
    stored: Vec<bool>,
    finished: usize,
    finished_bytes: u64,
}

/// A part to be sent again.
#[derive(Debug, Clone, Copy)]
struct Again {
    part: usize,
    at: Millis,
    failed: u32,
    cause: Option<Cause>,
}

/// A part handed out to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// From 0.
    pub(crate) part: usize,
    /// Failures so far.
    pub(crate) failed: u32,
}

impl Parts {
    /// `None` when the server gave another number of URLs than the size needs.
    pub(crate) fn new(uuid: FileUuid, urls: Vec<String>, size: u64, part_size: u64) -> Option<Self> {
        let needed = size.div_ceil(part_size);
        // One URL for two parts would have one overwrite the other; which is seen only once everything is sent.
        let repeated = urls.windows(2).any(|two| two[0] == two[1]);
        (urls.len() as u64 == needed && !repeated).then(|| Self {
            uuid,
            stored: vec![false; urls.len()],
            urls,
            size,
            part_size,
            cursor: 0,
            again: Vec::new(),
            flying: 0,
            finished: 0,
            finished_bytes: 0,
        })
    }

    /// A part was stored before this was made. `None` if there is no such part.
    pub(crate) fn already_stored(&mut self, part: usize) -> Option<()> {
        if !*self.stored.get(part)? {
            self.note_stored(part);
        }
        self.skip_stored();
        Some(())
    }

    fn note_stored(&mut self, part: usize) {
        self.stored[part] = true;
        self.finished += 1;
        let range = self.range(part);
        self.finished_bytes += range.end - range.start;
    }

    fn skip_stored(&mut self) {
        while self.stored.get(self.cursor) == Some(&true) {
            self.cursor += 1;
        }
    }

    /// Parts that are stored.
    pub(crate) fn all_stored(&self) -> impl Iterator<Item = usize> {
        self.stored.iter().enumerate().filter(|(_, stored)| **stored).map(|(part, _)| part)
    }

    /// The next part that may go at `now`.
    pub(crate) fn take(&mut self, now: Millis) -> Option<Outgoing> {
        let next = if let Some(index) = self.again.iter().position(|again| again.at <= now) {
            let again = self.again.remove(index);
            Outgoing { part: again.part, failed: again.failed }
        } else if self.cursor < self.urls.len() {
            let part = self.cursor;
            self.cursor += 1;
            self.skip_stored();
            Outgoing { part, failed: 0 }
        } else {
            return None;
        };
        self.flying += 1;
        Some(next)
    }

    /// Waits a part to be sent again that failed so?
    pub(crate) fn waits_after(&self, cause: Cause) -> bool {
        self.again.iter().any(|again| again.cause == Some(cause))
    }

    /// Could [`Self::take`] give something at `now`?
    pub(crate) fn ready(&self, now: Millis) -> bool {
        self.cursor < self.urls.len() || self.again.iter().any(|again| again.at <= now)
    }

    /// A part is stored.
    pub(crate) fn finish(&mut self, outgoing: Outgoing) {
        self.flying -= 1;
        self.note_stored(outgoing.part);
    }

    /// A part failed and goes again at `at`.
    pub(crate) fn fail(&mut self, outgoing: Outgoing, at: Millis, cause: Cause) {
        self.flying -= 1;
        self.again.push(Again { part: outgoing.part, at, failed: outgoing.failed + 1, cause: Some(cause) });
    }

    /// A part was called back through no fault of its own.
    pub(crate) fn put_back(&mut self, outgoing: Outgoing, at: Millis) {
        self.flying -= 1;
        self.again.push(Again { part: outgoing.part, at, failed: outgoing.failed, cause: None });
    }

    /// Nobody waits any longer, and old failures are forgiven: a person asked for another try.
    pub(crate) fn forgive(&mut self) {
        for again in &mut self.again {
            (again.at, again.failed) = (Millis(0), 0);
        }
    }

    /// The network is back: what failed for want of it goes at once.
    pub(crate) fn wake(&mut self, now: Millis) {
        for again in &mut self.again {
            if matches!(again.cause, Some(Cause::Network | Cause::Timeout)) {
                again.at = again.at.min(now);
            }
        }
    }

    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    pub(crate) fn part_size(&self) -> u64 {
        self.part_size
    }

    pub(crate) fn url(&self, part: usize) -> &str {
        &self.urls[part]
    }

    /// The bytes of a part.
    pub(crate) fn range(&self, part: usize) -> Range<u64> {
        let start = part as u64 * self.part_size;
        start..(start + self.part_size).min(self.size)
    }

    pub(crate) fn flying(&self) -> usize {
        self.flying
    }

    pub(crate) fn all_finished(&self) -> bool {
        self.finished == self.urls.len()
    }

    pub(crate) fn finished_bytes(&self) -> u64 {
        self.finished_bytes
    }

    /// The earliest time at which a failed part goes again, and why it failed.
    pub(crate) fn waits(&self) -> Option<(Millis, u32, Option<Cause>)> {
        self.again.iter().map(|again| (again.at, again.failed, again.cause)).min_by_key(|again| again.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(size: u64, part_size: u64) -> Parts {
        let uuid = FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").unwrap();
        let urls = (0..size.div_ceil(part_size)).map(|part| format!("http://part/{part}")).collect();
        Parts::new(uuid, urls, size, part_size).unwrap()
    }

    #[test]
    fn parts_cover_the_file_once() {
        let mut parts = parts(11, 5);
        let mut covered = 0;
        while let Some(out) = parts.take(Millis(0)) {
            let range = parts.range(out.part);
            assert_eq!(range.start, covered);
            covered = range.end;
            parts.finish(out);
        }
        assert_eq!(covered, 11);
        assert!(parts.all_finished());
        assert_eq!(parts.finished_bytes(), 11);
    }

    #[test]
    fn a_failed_part_waits_while_the_others_go_on() {
        let mut parts = parts(11, 5);
        let first = parts.take(Millis(0)).unwrap();
        parts.fail(first, Millis(100), Cause::Server(503));
        assert_eq!(parts.take(Millis(0)).unwrap().part, 1);
        assert_eq!(parts.take(Millis(0)).unwrap().part, 2);
        assert_eq!(parts.take(Millis(99)), None);
        assert_eq!(parts.take(Millis(100)), Some(Outgoing { part: 0, failed: 1 }));
    }

    #[test]
    fn what_was_stored_before_is_not_handed_out() {
        let mut parts = parts(21, 5);
        for stored in [0, 1, 3, 3] {
            assert!(parts.already_stored(stored).is_some());
        }
        assert!(parts.already_stored(5).is_none());
        assert_eq!(parts.finished_bytes(), 15);
        assert_eq!(parts.take(Millis(0)).unwrap().part, 2);
        let last = parts.take(Millis(0)).unwrap();
        assert_eq!((last.part, parts.take(Millis(0))), (4, None));
        parts.finish(last);
        assert_eq!(parts.all_stored().collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert!(!parts.all_finished());
    }

    #[test]
    fn a_wrong_number_of_urls_is_no_upload() {
        let uuid = FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").unwrap();
        assert!(Parts::new(uuid, vec!["http://a".into()], 11, 5).is_none());
        assert!(Parts::new(uuid, Vec::new(), 11, 5).is_none());
        assert!(Parts::new(uuid, vec!["http://a".into(); 3], 11, 5).is_none());
    }
}
