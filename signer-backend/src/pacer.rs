//! Pacing: how fast calls leave for Uploadcare, and in whose order they wait.
//!
//! Uploadcare publishes no limit, only 429 with `Retry-After`. The gate is open until such an answer comes; then it is
//! closed for as long as that says, and opens again at half the rate that was seen, which grows slowly while nothing is
//! refused. What waits, waits in a queue for each caller, and callers take turns, so that one with many calls does not
//! hold up one with few.
//!
//! Invariant: every wait has an end. Who would miss its deadline, or finds its queue full, is told at once when to come
//! again; nothing waits that nobody waits for.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Most calls that wait, in all and of one caller.
const MOST: usize = 1024;
const MOST_EACH: usize = 256;
/// The slowest pace, in calls a second.
const SLOWEST: f64 = 1.0;
/// From half the rate back to the whole in ten seconds, and open again after a minute without a refusal.
const GROWTH: f64 = 1.0 / 20.0;
const OPEN_AFTER: Duration = Duration::from_mins(1);

/// The gate that all calls go through. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pacer(Arc<Mutex<Gate>>);

/// Leave to make one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    /// How often the gate had closed by then: calls of one moment halve the rate once.
    closings: u64,
}

#[derive(Debug)]
struct Gate {
    closed_until: Instant,
    rate: Option<Rate>,
    /// When the next call may leave, where there is a rate.
    next: Instant,
    closings: u64,
    seen: Seen,
    queues: HashMap<String, VecDeque<oneshot::Sender<Pass>>>,
    /// Callers with somebody in their queue, the next one first.
    turns: VecDeque<String>,
    waiting: usize,
    /// Does a task hand out turns right now?
    served: bool,
    refused: u64,
}

/// How fast, after a refusal.
#[derive(Debug, Clone, Copy)]
struct Rate {
    at_first: f64,
    since: Instant,
}

impl Rate {
    /// Calls a second; `None` once it has been quiet for long enough.
    fn now(self, now: Instant) -> Option<f64> {
        let open = now.saturating_duration_since(self.since);
        let growth = (2.0 * self.at_first * GROWTH).max(SLOWEST) * open.as_secs_f64();
        (open < OPEN_AFTER).then_some(self.at_first + growth)
    }
}

/// How many calls left in this second and in the one before.
#[derive(Debug)]
struct Seen {
    since: Instant,
    now: u32,
    before: u32,
}

impl Seen {
    fn count(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.since);
        if gone >= Duration::from_secs(1) {
            self.before = if gone < Duration::from_secs(2) { self.now } else { 0 };
            (self.since, self.now) = (now, 0);
        }
        self.now = self.now.saturating_add(1);
    }

    fn rate(&self) -> f64 {
        f64::from(self.now.max(self.before))
    }
}

impl Gate {
    fn open(now: Instant) -> Self {
        Self {
            closed_until: now,
            rate: None,
            next: now,
            closings: 0,
            seen: Seen { since: now, now: 0, before: 0 },
            queues: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            served: false,
            refused: 0,
        }
    }

    /// When the next call may leave.
    fn opens(&self, now: Instant) -> Instant {
        let paced = self.rate.and_then(|rate| rate.now(now)).map_or(now, |_| self.next);
        paced.max(self.closed_until).max(now)
    }

    fn leave(&mut self, now: Instant) -> Pass {
        self.seen.count(now);
        match self.rate.and_then(|rate| rate.now(now)) {
            Some(rate) => self.next = self.next.max(now) + Duration::from_secs_f64(1.0 / rate),
            None => self.rate = None,
        }
        Pass { closings: self.closings }
    }

    /// The call of `pass` was refused.
    fn close(&mut self, pass: Pass, wait: Duration, now: Instant) {
        let until = self.closed_until.max(now + wait);
        self.closed_until = until;
        if pass.closings == self.closings {
            self.closings += 1;
            let seen = self.seen.rate();
            let was = self.rate.and_then(|rate| rate.now(now)).map_or(seen, |rate| rate.min(seen));
            self.rate = Some(Rate { at_first: (was / 2.0).max(SLOWEST), since: until });
        } else if let Some(rate) = &mut self.rate {
            rate.since = until;
        }
        self.next = until;
    }

    /// When one more call of `who` would leave: before it go those it came after, and as many of each other caller.
    fn expected(&self, who: &str, now: Instant) -> Instant {
        let own = self.queues.get(who).map_or(0, VecDeque::len);
        let others = self.queues.iter().filter(|(name, _)| *name != who).map(|(_, queue)| queue.len().min(own + 1));
        let before: usize = own + others.sum::<usize>();
        let opens = self.opens(now);
        let rate = self.rate.and_then(|rate| rate.now(opens));
        let queue = rate.map_or(0.0, |rate| f64::from(u32::try_from(before).unwrap_or(u32::MAX)) / rate);
        opens + Duration::from_secs_f64(queue)
    }

    fn enter(&mut self, who: &str) -> oneshot::Receiver<Pass> {
        let (told, turn) = oneshot::channel();
        let queue = self.queues.entry(who.to_owned()).or_default();
        if queue.is_empty() {
            self.turns.push_back(who.to_owned());
        }
        queue.push_back(told);
        self.waiting += 1;
        turn
    }

    /// Whose turn it is.
    fn next_in_turn(&mut self) -> Option<oneshot::Sender<Pass>> {
        let who = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&who)?;
        let first = queue.pop_front();
        self.waiting -= usize::from(first.is_some());
        if queue.is_empty() {
            self.queues.remove(&who);
        } else {
            self.turns.push_back(who);
        }
        first
    }

    /// Forgets those of `who` that no longer wait.
    fn tidy(&mut self, who: &str) {
        let Some(queue) = self.queues.get_mut(who) else { return };
        let before = queue.len();
        queue.retain(|waiting| !waiting.is_closed());
        self.waiting -= before - queue.len();
        if queue.is_empty() {
            self.queues.remove(who);
            self.turns.retain(|other| other != who);
        }
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Gate::open(Instant::now()))))
    }
}

impl Pacer {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn of `who`, until `by` at most. The error is when to come again.
    pub(crate) async fn turn(&self, who: &str, by: Instant) -> Result<Pass, Duration> {
        let turn = {
            let mut gate = self.gate();
            let now = Instant::now();
            if gate.waiting == 0 && gate.opens(now) <= now {
                return Ok(gate.leave(now));
            }
            let full = gate.waiting >= MOST || gate.queues.get(who).is_some_and(|queue| queue.len() >= MOST_EACH);
            let expected = gate.expected(who, now);
            if full || expected > by {
                gate.refused += 1;
                return Err(expected.saturating_duration_since(now));
            }
            let turn = gate.enter(who);
            if !gate.served {
                gate.served = true;
                tokio::spawn(self.clone().serve());
            }
            turn
        };
        // Dropped before its turn or after it: either way nobody waits there any more.
        let leaving = Leaving { pacer: self, who };
        if let Ok(Ok(pass)) = timeout_at(by, turn).await {
            return Ok(pass);
        }
        drop(leaving);
        let mut gate = self.gate();
        gate.refused += 1;
        let now = Instant::now();
        Err(gate.expected(who, now).saturating_duration_since(now))
    }

    /// Hands out turns until nobody waits.
    async fn serve(self) {
        loop {
            let opens = {
                let mut gate = self.gate();
                loop {
                    if gate.waiting == 0 {
                        gate.served = false;
                        return;
                    }
                    let now = Instant::now();
                    let opens = gate.opens(now);
                    if opens > now {
                        break opens;
                    }
                    let closings = gate.closings;
                    if gate.next_in_turn().is_some_and(|waiting| waiting.send(Pass { closings }).is_ok()) {
                        gate.leave(now);
                    }
                }
            };
            sleep_until(opens).await;
        }
    }

    /// Uploadcare refused the call of `pass`, and wants no other for so long.
    pub(crate) fn throttled(&self, pass: Pass, wait: Duration) {
        self.gate().close(pass, wait, Instant::now());
    }

    /// How it stands, as Prometheus reads it.
    pub(crate) fn write(&self, text: &mut String) {
        let gate = self.gate();
        let now = Instant::now();
        let closed = u8::from(gate.closed_until > now);
        let rate = gate.rate.and_then(|rate| rate.now(now.max(gate.closed_until))).unwrap_or(f64::INFINITY);
        let rate = if rate.is_finite() { format!("{rate:.1}") } else { "+Inf".to_owned() };
        for (name, kind, help, value) in [
            ("waiting", "gauge", "Calls of Uploadcare that wait for their turn.", gate.waiting.to_string()),
            ("closed", "gauge", "1 while Uploadcare wants no calls.", closed.to_string()),
            ("calls_per_second", "gauge", "How fast calls may leave.", rate),
            ("throttled_total", "counter", "How often Uploadcare asked to wait.", gate.closings.to_string()),
            ("refused_total", "counter", "Calls that would have waited too long.", gate.refused.to_string()),
        ] {
            let name = format!("updock_pacer_{name}");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    }
}

/// Takes who has stopped waiting out of the queue.
struct Leaving<'a> {
    pacer: &'a Pacer,
    who: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.pacer.gate().tidy(self.who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const SECOND: Duration = Duration::from_secs(1);
    const SOON: Duration = Duration::from_millis(50);

    fn after(wait: Duration) -> Instant {
        Instant::now() + wait
    }

    /// A gate that let so many calls leave in one second and was closed for a moment.
    async fn closed(calls: u32) -> Pacer {
        let pacer = Pacer::default();
        let mut last = None;
        for _ in 0..calls {
            last = Some(pacer.turn("somebody", Instant::now()).await.unwrap());
        }
        pacer.throttled(last.unwrap(), SOON);
        pacer
    }

    #[tokio::test]
    async fn nothing_waits_at_an_open_gate() {
        let pacer = Pacer::default();
        for _ in 0..10_000 {
            pacer.turn("media", Instant::now()).await.unwrap();
        }
    }

    #[test]
    fn a_closed_gate_opens_at_half_the_rate_and_grows() {
        let start = Instant::now();
        let mut gate = Gate::open(start);
        let passes: Vec<Pass> = (0..40).map(|_| gate.leave(start)).collect();
        // Refusals of one moment halve the rate once.
        for pass in passes {
            gate.close(pass, SECOND, start);
        }
        let (mut now, mut left) = (start, Vec::new());
        for _ in 0..2000 {
            now = gate.opens(now);
            gate.leave(now);
            left.push(now - start);
        }
        assert_eq!(left[0], SECOND, "closed for as long as was asked");
        let within = |from: u64| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(from + 1));
            left.iter().filter(|at| (from..to).contains(*at)).count()
        };
        assert!((20..=22).contains(&within(1)), "{}", within(1));
        assert!((36..=42).contains(&within(10)), "{}", within(10));
        assert_eq!(gate.opens(now + OPEN_AFTER), now + OPEN_AFTER, "open again");
        gate.leave(now + OPEN_AFTER);
        assert!(gate.rate.is_none());
    }

    #[tokio::test]
    async fn one_call_does_not_wait_for_the_hundred_of_somebody_else() {
        let pacer = closed(100).await;
        let mut crowd = Vec::new();
        for _ in 0..100 {
            let mut call = Box::pin(async { pacer.turn("crawler", after(SECOND * 60)).await });
            assert!(call.as_mut().now_or_never().is_none());
            crowd.push(call);
        }
        // At fifty a second the hundred take two seconds.
        let start = Instant::now();
        pacer.turn("media", after(SECOND * 60)).await.unwrap();
        let (waited, left) = (start.elapsed(), pacer.gate().waiting);
        assert!(waited < SECOND && left > 50, "{waited:?}, {left} wait");
    }

    #[tokio::test]
    async fn who_would_miss_its_deadline_is_told_at_once_when_to_come_again() {
        let pacer = closed(20).await;
        let told = pacer.turn("media", Instant::now()).await.unwrap_err();
        assert!((SOON / 2..=SOON).contains(&told), "{told:?}");
        let pass = pacer.turn("media", after(SECOND)).await.unwrap();
        pacer.throttled(pass, SECOND * 3600);
        let start = Instant::now();
        let told = pacer.turn("media", after(SECOND * 60)).await.unwrap_err();
        assert!((SECOND * 3599..=SECOND * 3600).contains(&told), "{told:?}");
        assert!(start.elapsed() < SECOND);
    }

    #[tokio::test]
    async fn queues_are_bounded_and_hold_nobody_who_left() {
        let pacer = closed(2000).await;
        let pass = Pass { closings: 0 };
        pacer.throttled(pass, SECOND);
        let mut full = Vec::new();
        for number in 0..MOST_EACH {
            let mut call = Box::pin(async { pacer.turn("crawler", after(SECOND * 60)).await });
            assert!(call.as_mut().now_or_never().is_none());
            assert_eq!(pacer.gate().waiting, number + 1);
            full.push(call);
        }
        assert!(pacer.turn("crawler", after(SECOND * 60)).await.is_err(), "its queue is full");
        drop(full);
        assert_eq!(pacer.gate().waiting, 0, "they left");
        assert!(pacer.gate().queues.is_empty() && pacer.gate().turns.is_empty());
        pacer.turn("crawler", after(SECOND * 60)).await.unwrap();
    }

    #[tokio::test]
    async fn it_tells_how_it_stands() {
        let pacer = closed(20).await;
        let mut text = String::new();
        pacer.write(&mut text);
        for line in ["updock_pacer_closed 1", "updock_pacer_calls_per_second 10.0", "updock_pacer_throttled_total 1"] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
    }
}
