//! Whose turn it is: smaller files first, and nobody waits for ever.
//!
//! A clock that counts bytes (self-clocked fair queueing, Golestani 1994). A file that joins is due when as many bytes
//! have been sent as it has: a small one soon, a large one once its own size has gone by, whoever came in between.
//! Under way, each of its requests is due that many bytes after its last one, so that files share by bytes and not by
//! requests.

use crate::FileKey;
use std::{cmp::Reverse, collections::BinaryHeap};

/// When a file is due, on the clock of sent bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

impl Turn {
    /// A person wants it before all others.
    pub(crate) const FIRST: Self = Self(0);
    /// It gets its turn when it joins.
    pub(crate) const UNSET: Self = Self(u64::MAX);

    /// The turn of a file of this size that goes under way: sent whole, it is due when it was due in the queue.
    pub(crate) fn begun(self, size: u64) -> Self {
        if self == Self::FIRST { self } else { Self(self.0.saturating_sub(size).max(1)) }
    }
}

/// The files that wait, and the clock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    clock: u64,
    waiting: BinaryHeap<Reverse<(Turn, FileKey)>>,
    /// Entries of files that left otherwise than by their turn; they stay until they come up.
    stale: usize,
}

impl Queue {
    /// A file joins; it keeps a turn that it has.
    pub(crate) fn join(&mut self, key: FileKey, size: u64, turn: &mut Turn) {
        if *turn == Turn::UNSET {
            *turn = Turn(self.clock.saturating_add(size).max(1));
        }
        self.waiting.push(Reverse((*turn, key)));
    }

    /// Who is due first among those that still wait with the turn they joined with.
    pub(crate) fn first(&mut self, mut waits: impl FnMut(FileKey, Turn) -> bool) -> Option<(Turn, FileKey)> {
        loop {
            let Reverse((turn, key)) = *self.waiting.peek()?;
            if waits(key, turn) {
                return Some((turn, key));
            }
            self.waiting.pop();
            self.stale = self.stale.saturating_sub(1);
        }
    }

    /// A file does not wait any more, or has joined anew with another turn.
    pub(crate) fn forget(&mut self) {
        self.stale += 1;
    }

    /// The first one goes under way.
    pub(crate) fn leave(&mut self) {
        self.waiting.pop();
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len().saturating_sub(self.stale)
    }

    /// When the next request of a file with this turn is due. What is overdue is due now, no earlier: a file that had
    /// to wait does not make up for it at the others' expense.
    pub(crate) fn due(&self, turn: Turn, bytes: u64) -> Turn {
        if bytes == 0 || turn == Turn::FIRST {
            return Turn::FIRST;
        }
        Turn(turn.0.saturating_add(bytes).max(self.clock))
    }

    /// A request that was due then is sent.
    pub(crate) fn spend(&mut self, due: Turn) {
        self.clock = self.clock.max(due.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_go_first_and_large_ones_are_not_passed_for_ever() {
        let mut queue = Queue::default();
        let join = |queue: &mut Queue, key, size| queue.join(FileKey(key), size, &mut Turn::UNSET.clone());
        join(&mut queue, 0, 1000);
        let mut sent = Vec::new();
        for key in 1..100 {
            join(&mut queue, key, 100);
            let (turn, key) = queue.first(|_, _| true).unwrap();
            queue.leave();
            queue.spend(turn);
            sent.push(key.0);
        }
        assert_eq!(sent.iter().position(|key| *key == 0), Some(9), "{sent:?}");
    }

    #[test]
    fn files_under_way_share_by_bytes() {
        let mut queue = Queue::default();
        let (mut large, mut small) = (Turn(1), Turn(1));
        let (mut of_large, mut of_small) = (0u64, 0u64);
        for _ in 0..1000 {
            let (next_large, next_small) = (queue.due(large, 500), queue.due(small, 20));
            queue.spend(next_large.min(next_small));
            if next_small <= next_large {
                (small, of_small) = (next_small, of_small + 20);
            } else {
                (large, of_large) = (next_large, of_large + 500);
            }
        }
        assert!(of_large.abs_diff(of_small) <= 500, "{of_large} {of_small}");
    }

    #[test]
    fn who_waited_long_does_not_shut_the_others_out() {
        let mut queue = Queue::default();
        let held = Turn(1);
        let other = queue.due(held, 1_000_000);
        queue.spend(other);
        let next = queue.due(held, 5);
        assert_eq!(next, other, "overdue is due now");
        assert!(queue.due(next, 5) > next);
    }

    #[test]
    fn who_left_is_not_counted_among_those_who_wait() {
        let mut queue = Queue::default();
        for key in 1..=3 {
            queue.join(FileKey(key), 10, &mut Turn::UNSET.clone());
        }
        queue.forget();
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn who_left_or_was_called_up_does_not_come_twice() {
        let mut queue = Queue::default();
        let mut turn = Turn::UNSET;
        queue.join(FileKey(1), 10, &mut turn);
        turn = Turn::FIRST;
        queue.join(FileKey(1), 10, &mut turn);
        assert_eq!(queue.first(|_, is| is == turn), Some((Turn::FIRST, FileKey(1))));
        queue.leave();
        assert_eq!(queue.first(|_, is| is == turn), None);
    }
}
