//! Files that share a request: small ones on their way up, and those that the signer is to confirm.
//!
//! Each file of a batch has its own end. What is refused as a whole is halved and sent again until the file that is
//! to blame stands alone, so that it never takes others with it; what fails for want of a network is halved too, but
//! only after it failed twice. Whoever stops one file breaks the request off; the others go again at once.

use super::{Engine, Flight};
use crate::{
    Answer, Failure, FileKey, Hears, Millis,
    file::{Phase, Step, Work},
    judge::{Verdict, judge},
    story::Event,
};
use updock_types::FileUuid;

/// Most files in one request. More would save little: what a request costs is already shared by so many.
const MOST_FILES: usize = 24;
/// Most bytes in one request, once it is known how fast they leave; before, half of it.
const MOST_BYTES: u64 = 2 * 1024 * 1024;
/// From here on a file is better off alone: side by side with others, where one connection carries little, and so that
/// the pace learns from it.
const SMALL: u64 = 128 * 1024;
/// Most files that the signer confirms at once.
const MOST_CONFIRMED: usize = 100;
/// What leaves in about so long is not worth listening to, and one request should not take much longer than the second.
const NO_TIME: Millis = Millis(1_000);
const LONG: Millis = Millis(4_000);
/// Bytes that leave in no time, whatever the line.
const FEW: u64 = 64 * 1024;

/// A file that travels along in a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Along {
    pub(super) file: FileKey,
    /// The bytes of the files before it.
    from: u64,
}

/// How fast the bytes of one direct upload left lately.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Speed(Option<u64>);

impl Speed {
    fn observe(&mut self, bytes: u64, time: Millis) {
        self.0 = Some(bytes.saturating_mul(1000) / time.0.max(1));
    }

    /// Will so many bytes have left within `time`?
    fn within(self, bytes: u64, time: Millis) -> bool {
        self.0.is_some_and(|rate| rate.saturating_mul(time.0) / 1000 >= bytes)
    }

    /// Most bytes for one request that several files share.
    fn most_bytes(self) -> u64 {
        match self.0 {
            None => MOST_BYTES / 2,
            Some(rate) => (rate.saturating_mul(LONG.0) / 1000).clamp(MOST_BYTES / 8, MOST_BYTES),
        }
    }
}

impl Flight {
    /// Its files, in the order in which they travel.
    pub(super) fn files(&self) -> impl Iterator<Item = FileKey> {
        self.file.into_iter().chain(self.along.iter().map(|along| along.file))
    }

    /// Is it for this file?
    pub(super) fn carries(&self, key: FileKey) -> bool {
        self.files().any(|file| file == key)
    }

    /// Bytes of this file that have left, and perhaps some of the next one.
    pub(super) fn sent_of(&self, key: FileKey) -> u64 {
        let from = self.along.iter().find(|along| along.file == key).map_or(0, |along| along.from);
        self.sent.saturating_sub(from)
    }
}

/// Most files of one request for this step.
fn most_files(step: &Step) -> usize {
    match step {
        Step::Direct => MOST_FILES,
        Step::Confirm(_) => MOST_CONFIRMED,
        Step::Fetch | Step::Fetching(_) | Step::Start | Step::Parts(_) | Step::Complete(_) | Step::Inspect(..) => 1,
    }
}

impl Engine {
    /// Files under way as far as they keep others from starting: small ones that share requests count as one, and so
    /// do those that wait to be looked at.
    pub(super) fn under_way(&self, counts: impl Fn(&Work) -> bool) -> usize {
        let (mut sharing, mut others) = (0, 0);
        for key in &self.active {
            match self.file(*key).map(|file| (&file.phase, file.size)) {
                Some((Phase::Active(work), _)) if !counts(work) => {}
                Some((Phase::Active(work), size)) if shares(work, size) || waits_for_a_look(work) => sharing += 1,
                _ => others += 1,
            }
        }
        others + sharing_slots(sharing)
    }

    /// The files that go along with `key` in its next request. Takes small ones from the queue.
    pub(super) fn companions(&mut self, now: Millis, key: FileKey) -> Vec<Along> {
        let mut along = Vec::new();
        let Some((first, size)) = self.active_work(key) else { return along };
        if !shares(first, size) {
            return along;
        }
        let mut most = most_files(&first.step).min(first.together.into());
        let direct = matches!(first.step, Step::Direct);
        if direct {
            most = most.min(self.broker.left()).min(self.fair_share(now));
        }
        let (mut from, limit) = (size, self.speed.most_bytes());
        for other in self.active.clone() {
            if along.len() + 1 >= most {
                break;
            }
            if other != key && self.joins(now, key, other, limit.saturating_sub(from)) && !self.refused_by_signer(other)
            {
                along.push(Along { file: other, from });
                from += self.file(other).map_or(0, |file| file.size);
            }
        }
        while direct && along.len() + 1 < most {
            let Some(other) = self.first_waiting().map(|next| next.key) else { break };
            if !self.joins(now, key, other, limit.saturating_sub(from)) {
                break;
            }
            self.begin(other);
            if !self.refused_by_signer(other) {
                along.push(Along { file: other, from });
                from += self.file(other).map_or(0, |file| file.size);
            }
        }
        along
    }

    /// Could `other` travel with `key`, if there is `room` for so many bytes?
    fn joins(&self, now: Millis, key: FileKey, other: FileKey, room: u64) -> bool {
        let (Some(one), Some(two)) = (self.file(key), self.file(other)) else { return false };
        let (Phase::Active(work), Phase::Active(next) | Phase::Queued(next)) = (&one.phase, &two.phase) else {
            return false;
        };
        let same = match (&work.step, &next.step) {
            (Step::Direct, Step::Direct) => two.size <= room,
            (Step::Confirm(_), Step::Confirm(_)) => true,
            _ => false,
        };
        // One form says the same about all its files.
        let same = same && one.options == two.options;
        same && next.together > 1 && shares(next, two.size) && next.ready(now, 0)
    }

    /// Small files are dealt out to the requests that may still go: together they are not faster than side by side.
    fn fair_share(&self, now: Millis) -> usize {
        let free = self.window().saturating_sub(self.flights.len()).max(1);
        let waiting =
            self.active_works().filter(|work| matches!(work.step, Step::Direct) && work.ready(now, 0)).count();
        (waiting + self.queue.len()).div_ceil(free)
    }

    fn active_work(&self, key: FileKey) -> Option<(&Work, u64)> {
        let file = self.file(key)?;
        match &file.phase {
            Phase::Active(work) => Some((work, file.size)),
            _ => None,
        }
    }

    /// What to hear of a direct upload: nothing if it is over in no time, unless the browser asks leave anyway.
    pub(super) fn hears(&self, bytes: u64, bearer: Option<&crate::Secret>) -> Hears {
        let short = bytes <= FEW || self.speed.within(bytes, NO_TIME);
        if short && bearer.is_none() { Hears::Nothing } else { Hears::Bytes }
    }

    /// The UUIDs that the signer is to confirm.
    pub(super) fn uuids(&self, files: &[FileKey]) -> Vec<FileUuid> {
        let uuid = |key: &FileKey| match self.active_work(*key)?.0.step {
            Step::Confirm(uuid) => Some(uuid),
            _ => None,
        };
        files.iter().filter_map(uuid).collect()
    }

    /// A request of several files has ended.
    pub(super) fn batch_answered(&mut self, now: Millis, flight: &Flight, answer: &Answer) {
        match answer {
            Answer::Each(each) if each.len() == flight.files().count() => {
                for (key, answer) in flight.files().zip(each) {
                    self.file_answered(now, key, flight, answer);
                }
            }
            _ => self.apply_all(now, flight, judge(flight.asked, answer)),
        }
    }

    /// Does what a verdict says to every file of a request.
    pub(super) fn apply_all(&mut self, now: Millis, flight: &Flight, verdict: Verdict) {
        let together = flight.files().count();
        if together == 1 {
            if let Some(key) = flight.file {
                self.apply(now, key, flight, verdict);
            }
            return;
        }
        let half = u8::try_from(together / 2).unwrap_or(u8::MAX);
        let first = flight.file.and_then(|key| self.active_work(key)).map(|(work, _)| (work.failed, work.renewed));
        let (failed, renewed) = first.unwrap_or_default();
        let (halve, costs) = match &verdict {
            // One of them may be the reason.
            Verdict::Fail(failure) => {
                let all = matches!(failure, Failure::KeyRefused { .. } | Failure::CredentialRefused { .. });
                (!all, all)
            }
            Verdict::Renew { .. } => (renewed > 0, renewed == 0),
            Verdict::Again(_) => (failed > 0, true),
            _ => (false, true),
        };
        if let (Verdict::Renew { .. }, Some(generation)) = (&verdict, flight.credential) {
            self.broker.refused(generation);
        }
        // The same for all, so that they go together again.
        let wait = self.chance.wait(failed + 1);
        let wait = self.pay_retry(now, &verdict, wait);
        for key in flight.files() {
            self.changed(key);
            if let Some(work) = self.file_mut(key).and_then(crate::file::File::work_mut) {
                work.request = None;
                if halve {
                    work.together = half;
                }
            }
            if halve {
                self.tell(now, key, Event::Parted);
            }
            if costs {
                self.apply_after(now, key, flight, verdict.clone(), wait);
            }
        }
    }
}

/// May it share a request with others?
fn shares(work: &Work, size: u64) -> bool {
    match work.step {
        Step::Direct => size <= SMALL,
        Step::Confirm(_) => true,
        _ => false,
    }
}

fn waits_for_a_look(work: &Work) -> bool {
    matches!(work.step, Step::Inspect(..)) && work.hold.is_some()
}

fn sharing_slots(files: usize) -> usize {
    files.div_ceil(MOST_FILES)
}

impl Engine {
    /// Notes how fast a direct upload went.
    pub(super) fn observe_speed(&mut self, now: Millis, flight: &Flight) {
        self.speed.observe(flight.bytes, now.since(flight.begun));
    }
}

/// A file with those that go along.
pub(super) fn travellers(key: FileKey, along: &[Along]) -> Vec<FileKey> {
    std::iter::once(key).chain(along.iter().map(|along| along.file)).collect()
}
