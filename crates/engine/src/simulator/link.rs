//! The way to the server: how long a request is under way.
//!
//! Each request has a connection, kept alive and used again: opening one takes two round trips, and its window grows as
//! TCP's does: doubling in slow start, then slowly, and back by a third or a half when something is lost. Windows that
//! are together more than the line holds queue up before it, and every answer is later by that queue; when it is full,
//! the widest window loses. Loss at random caps what one connection can carry (the square-root law of Mathis, Semke,
//! Mahdavi and Ott, 1997). Whole numbers only, so that a world is the same on every machine.

use crate::Millis;

/// Bytes of a segment.
const SEGMENT: u64 = 1460;
/// What a new connection may have under way, and any (what systems give a connection by themselves).
const WINDOW: (u64, u64) = (10 * SEGMENT, 6 * 1024 * 1024);
/// While bytes flow, the driver hears of them about eight times, but not more and not less often than this.
const TOLD_EVERY: (u64, u64) = (200, 10_000);
/// In so many milliseconds a window is back where something was lost last.
const BACK: u64 = 4000;

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// From the last byte of a request to its answer, the server's own time included, while nothing queues.
    pub latency: Millis,
    /// Shared by everything that is sent; `None`: bytes take no time.
    pub bytes_per_second: Option<u64>,
    /// Lost packets, per thousand.
    pub loss: u16,
    /// How long the queue before the line may become.
    pub queue: Millis,
    /// Each answer is later by something up to this, so that answers overtake each other.
    pub jitter: Millis,
}

impl Default for Link {
    /// 20 ms, and no limit.
    fn default() -> Self {
        Self { latency: Millis(20), bytes_per_second: None, loss: 0, queue: Millis(100), jitter: Millis(0) }
    }
}

impl Link {
    /// Bytes a second for each of `sending` requests, in the long run.
    pub fn rate(&self, sending: usize) -> u64 {
        let share = self.bytes_per_second.unwrap_or(u64::MAX) / (sending.max(1) as u64);
        share.min(self.most_of_one()).max(1)
    }

    fn most_of_one(&self) -> u64 {
        if self.loss == 0 {
            return u64::MAX;
        }
        // 1.22 * segment / (round trip * sqrt(loss)); the root in whole numbers, with loss per million.
        let root = (u64::from(self.loss) * 1000).isqrt().max(1); // sqrt(loss) * 1000
        SEGMENT * 1220 * 1000 / (self.latency.0.max(1) * root)
    }

    /// Bytes that the line holds, and bytes that may queue before it.
    fn holds(&self, bandwidth: u64) -> (u64, u64) {
        (bandwidth * self.latency.0 / 1000, (bandwidth * self.queue.0 / 1000).max(4 * SEGMENT))
    }

    /// How long the queue is while these windows are in use.
    fn waits(&self, windows: u64) -> Millis {
        let Some(bandwidth) = self.bytes_per_second else { return Millis(0) };
        let (line, queue) = self.holds(bandwidth);
        Millis(windows.saturating_sub(line).min(queue) * 1000 / bandwidth.max(1))
    }

    /// Bytes a second that a connection of `window` carries beside others.
    fn carries(&self, window: u64, windows: u64) -> u64 {
        let Some(bandwidth) = self.bytes_per_second else { return u64::MAX };
        let free = window * 1000 / self.latency.0.max(1);
        free.min(bandwidth * window / windows.max(1)).max(1)
    }

    /// Longest step in which rates count as constant.
    fn step(&self) -> u64 {
        (self.latency.0 / 2).clamp(1, 200)
    }
}

/// A connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    window: u64,
    /// Slow start ends here.
    threshold: u64,
    /// Where something was lost last.
    lost_at: u64,
    /// How near the next loss is: bytes times losses per thousand.
    unlucky: u64,
}

impl Connection {
    fn new(seed: u64) -> Self {
        // Not all at the same point of the way to their next loss.
        let unlucky = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (SEGMENT * 1000);
        Self { window: WINDOW.0, threshold: u64::MAX, lost_at: 0, unlucky }
    }

    fn grow(&mut self, bytes: u64, time: u64, loss: u16) {
        if self.window < self.threshold {
            self.window = (self.window + bytes).min(self.threshold);
        } else {
            let by_segments = SEGMENT * bytes / self.window;
            self.window += by_segments.max(self.lost_at.saturating_sub(self.window) * time / BACK);
        }
        self.window = self.window.min(WINDOW.1);
        self.unlucky += bytes * u64::from(loss);
        if self.unlucky >= SEGMENT * 1000 {
            self.unlucky %= SEGMENT * 1000;
            self.shrink(5);
        }
    }

    fn shrink(&mut self, tenths: u64) {
        self.lost_at = self.window;
        self.window = (self.window * tenths / 10).max(2 * SEGMENT);
        self.threshold = self.window;
    }
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    pub(super) connection: Connection,
    stage: Stage,
    bytes: u64,
    tell_at: Millis,
    tell_every: Millis,
    later: Millis,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The connection is there then.
    Opening(Millis),
    /// Its bytes are leaving; so many thousandths of one are left.
    Sending(u64),
    /// Its last byte has just left.
    Sent,
    /// Its answer comes then; `None`: never.
    Waiting(Option<Millis>),
}

/// What happens to a request.
pub(super) enum News {
    /// So many bytes have left.
    Left(u64),
    /// It has arrived, and is to be answered.
    Arrived,
}

impl Transfer {
    /// `number` tells requests apart.
    pub(super) fn new(link: &Link, now: Millis, bytes: u64, number: u32, kept: Option<Connection>) -> Self {
        let seed = u64::from(number).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20;
        let later = Millis(seed % (link.jitter.0 + 1));
        let connection = kept.unwrap_or_else(|| Connection::new(u64::from(number)));
        let stage = match link.bytes_per_second {
            None => Stage::Waiting(Some(now.after(link.latency).after(later))),
            Some(_) if kept.is_none() => Stage::Opening(now.after(Millis(2 * link.latency.0))),
            Some(_) => Stage::Sending(bytes * 1000),
        };
        let tell_every = Millis((bytes.saturating_mul(1000) / link.rate(1) / 8).clamp(TOLD_EVERY.0, TOLD_EVERY.1));
        Self { connection, stage, bytes, tell_at: now.after(tell_every), tell_every, later }
    }

    /// Has it bytes on the line? A look at a file has none, and queues up nothing, however wide its connection is.
    fn is_sending(&self) -> bool {
        matches!(self.stage, Stage::Sending(1..))
    }

    /// When something happens to it next, if nothing else does.
    pub(super) fn next(&self, link: &Link, now: Millis, windows: u64) -> Option<Millis> {
        match self.stage {
            Stage::Opening(at) => Some(at),
            Stage::Sending(left) => {
                let rate = link.carries(self.connection.window, windows);
                let end = now.after(Millis(left.div_ceil(rate)));
                Some(end.min(self.tell_at).min(now.after(Millis(link.step()))))
            }
            Stage::Sent => Some(now),
            Stage::Waiting(at) => at,
        }
    }

    /// Time has passed, until `now`.
    fn pass(&mut self, link: &Link, now: Millis, passed: Millis, windows: u64) {
        match self.stage {
            Stage::Opening(at) if at <= now => self.stage = Stage::Sending(self.bytes * 1000),
            Stage::Sending(left) => {
                let rate = link.carries(self.connection.window, windows);
                let thousandths = rate.saturating_mul(passed.0).min(left);
                self.connection.grow(thousandths / 1000, passed.0, link.loss);
                self.stage = if left == thousandths { Stage::Sent } else { Stage::Sending(left - thousandths) };
            }
            _ => {}
        }
    }

    /// What has happened to it by `now`, once.
    pub(super) fn news(&mut self, link: &Link, now: Millis, windows: u64) -> Option<News> {
        match self.stage {
            Stage::Sending(left) if self.tell_at <= now => {
                self.tell_at = now.after(self.tell_every);
                Some(News::Left(self.bytes - left.div_ceil(1000)))
            }
            Stage::Sent => {
                let answer = now.after(link.latency).after(link.waits(windows)).after(self.later);
                self.stage = Stage::Waiting(Some(answer));
                (self.bytes > 0).then_some(News::Left(self.bytes))
            }
            Stage::Waiting(Some(at)) if at <= now => Some(News::Arrived),
            _ => None,
        }
    }

    /// It is refused before its bytes are taken.
    pub(super) fn turn_away(&mut self, link: &Link, now: Millis) {
        self.stage = Stage::Waiting(Some(now.after(link.latency)));
    }

    /// It is never answered.
    pub(super) fn silence(&mut self) {
        self.stage = Stage::Waiting(None);
    }
}

/// The windows in use.
pub(super) fn windows<'a>(transfers: impl Iterator<Item = &'a Transfer>) -> u64 {
    transfers.filter(|transfer| transfer.is_sending()).map(|transfer| transfer.connection.window).sum()
}

/// Lets time pass for all, until `now`.
pub(super) fn pass<'a>(
    link: &Link,
    now: Millis,
    passed: Millis,
    windows: u64,
    transfers: impl Iterator<Item = &'a mut Transfer>,
) {
    let full = link.bytes_per_second.is_some_and(|bandwidth| {
        let (line, queue) = link.holds(bandwidth);
        windows > line + queue
    });
    let mut widest: Option<&mut Connection> = None;
    for transfer in transfers {
        let sends = transfer.is_sending();
        transfer.pass(link, now, passed, windows);
        if full && sends && widest.as_ref().is_none_or(|wide| wide.window < transfer.connection.window) {
            widest = Some(&mut transfer.connection);
        }
    }
    if let Some(widest) = widest {
        widest.shrink(7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long `count` transfers of so many bytes take side by side on new connections, without their answers.
    fn time(link: &Link, count: u32, bytes: u64) -> u64 {
        let mut transfers: Vec<_> =
            (0..count).map(|number| Transfer::new(link, Millis(0), bytes, number, None)).collect();
        let mut now = Millis(0);
        loop {
            let sum = windows(transfers.iter());
            let still = transfers.iter().filter(|transfer| !matches!(transfer.stage, Stage::Sent));
            let Some(to) = still.filter_map(|transfer| transfer.next(link, now, sum)).min() else { return now.0 };
            pass(link, to, to.since(now), sum, transfers.iter_mut());
            now = to;
            for transfer in transfers.iter_mut().filter(|transfer| transfer.is_sending()) {
                transfer.news(link, now, sum);
            }
        }
    }

    fn link(latency: u64, bytes_per_second: u64, loss: u16) -> Link {
        Link { latency: Millis(latency), bytes_per_second: Some(bytes_per_second), loss, ..Link::default() }
    }

    #[test]
    fn one_connection_fills_a_short_line_and_many_share_it() {
        // 10 MB at 1 MB/s.
        for count in [1, 2, 5] {
            let took = time(&link(20, 1_000_000, 0), count, 10_000_000 / u64::from(count));
            assert!((10_000..10_600).contains(&took), "{count}: {took}");
        }
    }

    #[test]
    fn loss_caps_one_connection_and_more_of_them_carry_more() {
        // 600 ms and 2 %: about 21 kB/s a connection.
        let bad = link(600, 125_000, 20);
        assert!((20_000..22_000).contains(&bad.rate(1)), "{}", bad.rate(1));
        let one = time(&bad, 1, 2_000_000);
        assert!((80_000..110_000).contains(&one), "{one}");
        let four = time(&bad, 4, 2_000_000);
        assert!(four < one * 3 / 2, "{four}");
    }

    #[test]
    fn a_long_line_starts_slowly() {
        // 12.5 MB/s at 100 ms: 5 MB would take 400 ms.
        let took = time(&link(100, 12_500_000, 0), 1, 5_000_000);
        assert!((1000..1500).contains(&took), "{took}");
    }

    #[test]
    fn what_is_too_much_for_the_line_queues_up_and_no_longer_than_the_queue() {
        let link = link(20, 1_000_000, 0);
        assert_eq!(link.waits(10_000), Millis(0));
        assert_eq!(link.waits(50_000), Millis(30));
        assert_eq!(link.waits(5_000_000), Millis(100));
    }
}
