//! How many requests go at a time, and how large parts are: congestion control one level above TCP's.
//!
//! It opens quickly, to the bound within a few answers, because whatever holds one connection back (loss, a small
//! window, the wait for each answer) is outrun by more of them. A server that refuses for want of capacity is believed
//! at once: no more at a time than it was serving besides. It is asked for more again after a number of good answers
//! that doubles each time it says no. Answers that come much later than the line needs say that requests queue up in
//! it; then one less is tried, and kept if no bytes a second are lost by it.
//!
//! Whole numbers, so that it is the same on every machine. Knows no requests and no files.

use crate::{Millis, Pacing};
use updock_types::upload::limits;

/// At the start: one more than the official SDKs, which no server has a mind to refuse.
const START: usize = 5;
/// A person who saves data gets one thing after the other, with the next one's start hidden behind it.
const SAVER: usize = 2;
/// Answers do not lower it below this for being late; it takes two to have one under way while the other is answered.
const LEAST: usize = 2;
/// Good answers after which one more is tried: at first, and within these.
const PATIENCE: (u32, u32, u32) = (64, 8, 1024);
/// An answer is late when it takes this many times the quickest, and so much more.
const LATE: (u64, u64) = (3, 250);
/// What is compared are periods of two rounds and at least so long.
const PERIOD: u64 = 1000;
/// Only with bodies of this size and more are answers late because of what is under way.
const LARGE: u64 = 1024 * 1024;
/// Fewer are worse when more than this part of the bytes a second is lost by them.
const LOST: u64 = 50;
/// Aim for at most so many parts: each costs a URL in the start answer and a request.
const MOST_PARTS: u64 = 256;
/// Better for so few, as long as parts stay below this size: each takes a page some two milliseconds, and what is in
/// flight when something fails is sent again.
const FEW_PARTS: (u64, u64) = (96, 16 * 1024 * 1024);
/// A part should take this many times the wait for its answer.
const BUSY: u64 = 8;

/// What is being tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Nothing,
    /// One more than the server took last time.
    More,
    /// Fewer than with which so many bytes a second went.
    Less(u64),
}

/// The pace of one engine.
#[derive(Debug)]
pub(crate) struct Pace {
    window: usize,
    /// Up to here it grows quickly.
    open_to: usize,
    grow_at: Millis,
    trial: Trial,
    /// Good answers since the window changed or was refused.
    good: u32,
    patience: u32,
    /// The quickest answer, and how long answers to bytes take now. Milliseconds.
    quickest: Option<u64>,
    delay: u64,
    period: Period,
    /// Bytes a second in the last period.
    rate: u64,
    /// Periods without a trial of less.
    rest: u32,
    next_rest: u32,
}

#[derive(Debug, Default)]
struct Period {
    since: Millis,
    bytes: u64,
    answers: usize,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            window: START,
            open_to: usize::MAX,
            grow_at: Millis(0),
            trial: Trial::Nothing,
            good: 0,
            patience: PATIENCE.0,
            quickest: None,
            delay: 0,
            period: Period::default(),
            rate: 0,
            rest: 0,
            next_rest: 8,
        }
    }

    /// Most requests in flight now.
    pub(crate) fn window(&self, pacing: Pacing, budget: usize) -> usize {
        let most = match pacing {
            Pacing::Adaptive => self.window,
            Pacing::Saver => self.window.min(SAVER),
            Pacing::Steady(number) => usize::from(number.max(1)),
        };
        most.min(budget)
    }

    /// Most requests in flight, soon.
    pub(crate) fn opens_to(&self, pacing: Pacing, budget: usize) -> usize {
        let now = self.window(pacing, budget);
        if pacing == Pacing::Adaptive { now.max(self.open_to.min(budget)) } else { now }
    }

    /// Bytes have left while as many requests as may be are in flight.
    pub(crate) fn moved(&mut self, now: Millis, bytes: u64, budget: usize) {
        self.period.bytes += bytes;
        self.open(now, budget);
    }

    /// A request was answered well. `flying`: it and the others in flight, if more could not be; `bytes`: of a file that
    /// it carried; `delay`: from its last byte to the answer.
    pub(crate) fn succeeded(
        &mut self,
        now: Millis,
        flying: Option<usize>,
        bytes: u64,
        delay: Option<Millis>,
        budget: usize,
    ) {
        if let Some(Millis(delay)) = delay {
            self.quickest = Some(self.quickest.map_or(delay, |quickest| quickest.min(delay)));
            if bytes >= LARGE {
                self.delay = if self.delay == 0 { delay } else { (3 * self.delay + delay) / 4 };
            }
        }
        self.good = self.good.saturating_add(1);
        // At the start any good answer will do: that of the start of an upload, before there are parts.
        self.open(now, budget);
        let Some(flying) = flying else {
            // Nothing to learn from a line that is not used.
            self.period = Period { since: now, ..Period::default() };
            return;
        };
        self.judge_period(now, flying, bytes, budget);
        match self.trial {
            Trial::More if self.good as usize >= 2 * self.window => {
                self.trial = Trial::Nothing;
                self.patience = (self.patience / 2).max(PATIENCE.1);
            }
            Trial::Nothing | Trial::Less(_) if self.good >= self.patience && self.window < budget && !self.late() => {
                self.trial = Trial::More;
                self.change(now, self.window + 1);
            }
            _ => {}
        }
    }

    /// A server refused for want of capacity, or went silent, while `others` were in flight.
    pub(crate) fn refused(&mut self, now: Millis, others: usize) {
        if self.trial == Trial::More {
            self.patience = (self.patience * 2).min(PATIENCE.2);
        }
        self.trial = Trial::Nothing;
        self.open_to = self.open_to.min((self.window / 2).max(1));
        self.change(now, self.window.min(others).max(1));
    }

    /// Another network: what was measured does not hold.
    pub(crate) fn forget(&mut self) {
        (self.quickest, self.delay, self.rate) = (None, 0, 0);
    }

    /// The size of parts for a file of which `parallel` may go at a time: the API's least, or what keeps their number
    /// low, or what makes the wait for answers small beside the sending; and such that they come out even.
    pub(crate) fn part_size(&self, size: u64, parallel: usize) -> u64 {
        let parallel = parallel.max(1) as u64;
        let of_one = self.rate / self.window.max(1) as u64;
        let busy = (of_one * BUSY).saturating_mul(self.delay) / 1000;
        let most = size / (2 * parallel);
        let few = size.div_ceil(FEW_PARTS.0).min(FEW_PARTS.1).max(size.div_ceil(MOST_PARTS));
        let part = busy.min(most).max(few).max(limits::PART_MIN_SIZE);
        if size.div_ceil(part) <= parallel {
            return part.min(limits::PART_MAX_SIZE);
        }
        let rounds = (size / part / parallel).max(1);
        size.div_ceil(rounds * parallel).clamp(limits::PART_MIN_SIZE, limits::PART_MAX_SIZE)
    }

    /// Grows quickly, by half once in the time of an answer.
    fn open(&mut self, now: Millis, budget: usize) {
        let to = self.open_to.min(budget);
        if self.window < to && now >= self.grow_at {
            let window = (self.window + (self.window / 2).max(1)).min(to);
            self.change(now, window);
        }
    }

    fn change(&mut self, now: Millis, window: usize) {
        self.window = window;
        self.good = 0;
        self.grow_at = now.after(Millis(self.quickest.unwrap_or(200)));
        self.period = Period { since: now, ..Period::default() };
    }

    fn late(&self) -> bool {
        self.quickest.is_some_and(|quickest| self.delay > quickest * LATE.0 + LATE.1)
    }

    fn judge_period(&mut self, now: Millis, flying: usize, bytes: u64, budget: usize) {
        // Less than are in flight, where that is less than could be.
        let flying = flying.min(self.window);
        self.period.answers += usize::from(bytes >= LARGE);
        let time = now.since(self.period.since).0;
        if self.period.answers < 2 * flying || time < PERIOD {
            return;
        }
        self.rate = self.period.bytes.saturating_mul(1000) / time;
        self.period = Period { since: now, ..Period::default() };
        let mut best = self.rate;
        if let Trial::Less(before) = self.trial {
            best = best.max(before);
            if self.rate < before - before / LOST {
                self.trial = Trial::Nothing;
                self.rest = self.next_rest;
                self.next_rest = (2 * self.next_rest).min(256);
                self.change(now, (self.window + 1).min(budget));
                return;
            }
        }
        if self.rest > 0 {
            self.rest -= 1;
        } else if self.trial != Trial::More && self.late() && flying > LEAST {
            self.trial = Trial::Less(best);
            self.open_to = flying - 1;
            self.change(now, flying - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// Answers in the time that a line takes for them, with a full window.
    fn answers(pace: &mut Pace, now: &mut Millis, count: usize, each: u64, delay: u64, budget: usize) {
        for _ in 0..count {
            *now = now.after(Millis(each));
            pace.moved(*now, MIB, budget);
            pace.succeeded(*now, Some(pace.window), MIB, Some(Millis(delay)), budget);
        }
    }

    #[test]
    fn time_in_which_the_line_is_not_used_is_not_measured() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        answers(&mut pace, &mut now, 60, 100, 20, 8);
        now = now.after(Millis(60_000));
        pace.succeeded(now, None, MIB, Some(Millis(20)), 8);
        answers(&mut pace, &mut now, 20, 100, 20, 8);
        assert!(pace.rate > 9 * MIB, "{} bytes a second", pace.rate);
    }

    #[test]
    fn it_opens_by_half_with_each_answers_time() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        assert_eq!(pace.window(Pacing::Adaptive, 16), 5);
        answers(&mut pace, &mut now, 1, 100, 20, 16);
        assert_eq!(pace.window, 7);
        answers(&mut pace, &mut now, 2, 100, 20, 16);
        assert_eq!(pace.window, 10);
        answers(&mut pace, &mut now, 2, 100, 20, 16);
        assert_eq!(pace.window, 16);
    }

    #[test]
    fn a_refusal_is_believed_and_tried_again_ever_more_seldom() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        let (mut refusals, mut served) = (Vec::new(), 0);
        for _ in 0..2000 {
            if pace.window > 5 {
                refusals.push(served);
                pace.refused(now, 5);
                assert_eq!(pace.window, 5);
            }
            answers(&mut pace, &mut now, 1, 20, 20, 8);
            served += 1;
        }
        let between: Vec<_> = refusals.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(between, [64, 128, 256, 512, 1024]);
    }

    #[test]
    fn more_is_tried_the_sooner_the_longer_it_goes_well() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        for others in [3, 2] {
            pace.refused(now, others);
        }
        let (mut between, mut served) = (Vec::new(), 0);
        for _ in 0..160 {
            let window = pace.window;
            answers(&mut pace, &mut now, 1, 20, 20, 16);
            served += 1;
            if pace.window != window {
                between.push(served);
                served = 0;
            }
        }
        // Patience halves once twice the window went well, and is eight at the least.
        assert_eq!(between[..6], [64, 32, 16, 11, 13, 15]);
    }

    #[test]
    fn after_a_refusal_it_opens_quickly_up_to_half() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        answers(&mut pace, &mut now, 20, 20, 20, 8);
        assert_eq!(pace.window, 8);
        pace.refused(now, 0);
        answers(&mut pace, &mut now, 20, 20, 20, 8);
        assert_eq!(pace.window, 4);
    }

    #[test]
    fn an_answer_is_late_after_three_times_the_quickest_and_a_quarter_of_a_second() {
        let mut pace = Pace::new();
        for (quickest, delay, late) in
            [(None, 9_000, false), (Some(100), 550, false), (Some(100), 551, true), (Some(0), 250, false)]
        {
            (pace.quickest, pace.delay) = (quickest, delay);
            assert_eq!(pace.late(), late, "{quickest:?} {delay}");
        }
    }

    #[test]
    fn how_long_answers_take_is_a_mean_that_follows_slowly() {
        let mut pace = Pace::new();
        let delays = [100, 500, 500].map(|delay| {
            pace.succeeded(Millis(0), None, MIB, Some(Millis(delay)), 8);
            pace.delay
        });
        assert_eq!(delays, [100, 200, 275]);
        pace.succeeded(Millis(0), None, MIB - 1, Some(Millis(9)), 8);
        assert_eq!((pace.delay, pace.quickest), (275, Some(9)), "a small body tells only how quick an answer can be");
    }

    /// After how many answers, with so many in flight and so long between them, bytes a second are known.
    fn measured_after(window: usize, each: u64) -> usize {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        pace.change(now, window);
        (1..100)
            .find(|_| {
                answers(&mut pace, &mut now, 1, each, 20, window);
                pace.rate > 0
            })
            .unwrap()
    }

    #[test]
    fn what_is_measured_are_two_rounds_and_at_least_a_second() {
        for (window, each, after) in [(4, 200, 8), (6, 200, 12), (4, 125, 8), (4, 100, 10), (2, 250, 4), (2, 1_000, 4)]
        {
            assert_eq!(measured_after(window, each), after, "{window} in flight, {each} ms between answers");
        }
    }

    #[test]
    fn fewer_are_kept_where_no_more_than_a_fiftieth_is_lost() {
        for (rate, window) in [(1_000_000, 4), (980_000, 4), (979_999, 5)] {
            let (mut pace, mut now) = (Pace::new(), Millis(0));
            pace.change(now, 4);
            (pace.trial, pace.open_to) = (Trial::Less(1_000_000), 4);
            for _ in 0..8 {
                now = now.after(Millis(1_000));
                pace.moved(now, rate, 8);
                pace.succeeded(now, Some(4), MIB, Some(Millis(20)), 8);
            }
            assert_eq!(pace.window, window, "{rate} bytes a second");
        }
    }

    #[test]
    fn it_is_lowered_to_two_and_no_further_for_answers_that_are_late() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        pace.succeeded(now, None, 0, Some(Millis(50)), 8);
        let mut least = usize::MAX;
        for _ in 0..400 {
            // A line that one connection fills.
            answers(&mut pace, &mut now, 1, 300, 900, 8);
            least = least.min(pace.window);
        }
        assert_eq!(least, 2);
    }

    #[test]
    fn where_fewer_are_worse_they_are_tried_ever_more_seldom() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        pace.succeeded(now, None, 0, Some(Millis(50)), 8);
        answers(&mut pace, &mut now, 10, 20, 900, 8);
        let (mut between, mut served) = (Vec::new(), 0);
        for _ in 0..5_000 {
            let window = pace.window;
            answers(&mut pace, &mut now, 1, 8_000 / window as u64, 900, 8);
            served += 1;
            if pace.window < window {
                between.push(served);
                served = 0;
            }
        }
        let doubled = between[1..].windows(2).all(|two| two[1] > two[0] * 8 / 5);
        assert!(doubled && between.len() > 3, "{between:?}");
    }

    #[test]
    fn what_was_measured_on_another_network_makes_no_answer_late() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        answers(&mut pace, &mut now, 60, 100, 10, 8);
        pace.forget();
        for _ in 0..200 {
            answers(&mut pace, &mut now, 1, 100, 900, 8);
            assert_eq!(pace.window, 8);
        }
    }

    #[test]
    fn after_an_outage_it_comes_back_in_steps() {
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        answers(&mut pace, &mut now, 20, 20, 20, 8);
        assert_eq!(pace.window, 8);
        for others in (0..8).rev() {
            pace.refused(now, others);
        }
        assert_eq!(pace.window, 1);
        answers(&mut pace, &mut now, 250, 20, 20, 8);
        assert_eq!(pace.window, 8);
    }

    #[test]
    fn late_answers_lower_it_only_where_nothing_is_lost() {
        // A line that is full with three: each more only waits longer.
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        pace.succeeded(now, None, 0, Some(Millis(50)), 8);
        for _ in 0..400 {
            let late = 50 + 400 * pace.window.saturating_sub(3) as u64;
            let each = 300 / pace.window.min(3) as u64;
            answers(&mut pace, &mut now, 1, each, late, 8);
        }
        assert!((3..=4).contains(&pace.window), "{}", pace.window);
        // A line on which each connection carries its own, and answers are slow for another reason.
        let (mut pace, mut now) = (Pace::new(), Millis(0));
        pace.succeeded(now, None, 0, Some(Millis(50)), 8);
        let mut below = 0;
        for _ in 0..2000 {
            let each = 8000 / pace.window as u64;
            answers(&mut pace, &mut now, 1, each, 900, 8);
            below += usize::from(pace.window < 8);
        }
        assert!(below < 200, "{below} answers below the budget");
    }

    #[test]
    fn the_budget_and_a_persons_wish_are_never_passed() {
        let mut pace = Pace::new();
        pace.window = 9;
        for (pacing, budget, window) in [
            (Pacing::Adaptive, 16, 9),
            (Pacing::Adaptive, 6, 6),
            (Pacing::Saver, 6, 2),
            (Pacing::Saver, 1, 1),
            (Pacing::Steady(3), 6, 3),
            (Pacing::Steady(30), 6, 6),
            (Pacing::Steady(0), 6, 1),
        ] {
            assert_eq!(pace.window(pacing, budget), window, "{pacing:?} {budget}");
        }
    }

    #[test]
    fn an_opening_pace_says_how_far_it_will_open() {
        let mut pace = Pace::new();
        for (pacing, budget, opens_to) in
            [(Pacing::Adaptive, 16, 16), (Pacing::Adaptive, 3, 3), (Pacing::Saver, 6, 2), (Pacing::Steady(3), 6, 3)]
        {
            assert_eq!(pace.opens_to(pacing, budget), opens_to, "{pacing:?} {budget}");
        }
        pace.refused(Millis(0), 4);
        assert_eq!(pace.opens_to(Pacing::Adaptive, 16), 4, "it does not open quickly where it was refused");
    }

    #[test]
    fn part_sizes_keep_the_limits_of_the_api() {
        let pace = Pace::new();
        for (size, parallel, expected) in [
            (10_000_000, 6, 5 * MIB),
            (30 * MIB, 6, 5 * MIB),
            (64 * MIB, 6, 5_592_406),
            (150 * MIB, 6, 5 * MIB),
            (1024 * MIB, 6, (1024 * MIB).div_ceil(90)),
            (2048 * MIB, 6, (2048 * MIB).div_ceil(126)),
            (8192 * MIB, 6, (8192 * MIB).div_ceil(252)),
            (10_000_000, 1, 10_000_000),
            (5_497_558_138_880, 6, limits::PART_MAX_SIZE),
        ] {
            let part = pace.part_size(size, parallel);
            assert!((limits::PART_MIN_SIZE..=limits::PART_MAX_SIZE).contains(&part));
            assert!(size.div_ceil(part) <= limits::MAX_PARTS);
            assert_eq!(part, expected, "{size}");
        }
    }

    #[test]
    fn parts_grow_where_waiting_for_answers_would_take_most_of_the_time() {
        let mut pace = Pace::new();
        (pace.window, pace.rate, pace.delay) = (6, 600_000_000, 100);
        let part = pace.part_size(4096 * MIB, 6);
        assert!((80_000_000..90_000_000).contains(&part), "{part}");
        assert_eq!(pace.part_size(64 * MIB, 6), 5_592_406, "but a small file still travels in many");
    }
}
