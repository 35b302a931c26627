//! Simulated lines, and what the engine makes of them beside every fixed number of requests at a time. The short form
//! is a test; the whole table is measured by the bench, which includes this file.

use crate::MIB;
use updock_engine::simulator::{Link, World};
use updock_engine::{Millis, Pacing, RowState};

/// A line, and what sits at its end.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) link: Link,
    /// How many requests the server serves at a time.
    pub(crate) at_once: Option<usize>,
    pub(crate) mixes: &'static [Mix],
}

/// Which files are uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// 64 MiB.
    One,
    /// 1 GiB.
    Large,
    /// 200 of 60 to 68 KiB.
    Small,
    /// A long one, two middling, many small.
    Mixed,
}

impl Mix {
    pub(crate) fn sizes(self) -> Vec<u64> {
        match self {
            Self::One => vec![64 * MIB],
            Self::Large => vec![1024 * MIB],
            Self::Small => (0..200).map(|number| 60 * 1024 + number * 7919 % (8 * 1024)).collect(),
            Self::Mixed => {
                let mut sizes = vec![100 * MIB, 30 * MIB, 2 * MIB, 2 * MIB, 26 * MIB];
                sizes.extend([300 * 1024; 40]);
                sizes
            }
        }
    }
}

impl Line {
    /// Is an upload on this line held to the limit? Not a file of twelve parts where the server takes five, which nobody
    /// knows when parts are cut: twelve by five leave two for the end, and the ten of the best fixed number would be too
    /// few where the server takes six.
    pub(crate) fn is_held(&self, mix: Mix) -> bool {
        self.at_once != Some(5) || mix != Mix::One
    }
}

const SLOW: &[Mix] = &[Mix::One, Mix::Small, Mix::Mixed];
const FAST: &[Mix] = &[Mix::One, Mix::Large, Mix::Small, Mix::Mixed];

const fn line(name: &'static str, megabits: u64, latency: u64, loss: u16, mixes: &'static [Mix]) -> Line {
    let link = Link {
        latency: Millis(latency),
        bytes_per_second: Some(megabits * 125_000),
        loss,
        queue: Millis(100),
        jitter: Millis(0),
    };
    Line { name, link, at_once: None, mixes }
}

const fn with(line: Line, queue: u64, jitter: u64, at_once: Option<usize>) -> Line {
    let link = Link { queue: Millis(queue), jitter: Millis(jitter), ..line.link };
    Line { link, at_once, ..line }
}

pub(crate) const LINES: &[Line] = &[
    line("1 Mbit/s, 600 ms, 2 % loss", 1, 600, 20, SLOW),
    line("2 Mbit/s, 150 ms", 2, 150, 0, SLOW),
    with(line("2 Mbit/s, 80 ms, queue of 3 s", 2, 80, 0, SLOW), 3000, 0, None),
    line("10 Mbit/s, 50 ms, 1 % loss", 10, 50, 10, SLOW),
    with(line("20 Mbit/s, 40 ms, queue of 2 s", 20, 40, 0, SLOW), 2000, 0, None),
    with(line("50 Mbit/s, 30 ms, answers overtake", 50, 30, 1, SLOW), 100, 60, None),
    line("100 Mbit/s, 100 ms", 100, 100, 0, FAST),
    with(line("100 Mbit/s, 100 ms, server takes 4", 100, 100, 0, FAST), 100, 0, Some(4)),
    with(line("20 Mbit/s, 200 ms, server takes 3", 20, 200, 1, SLOW), 100, 20, Some(3)),
    with(line("20 Mbit/s, 200 ms, server takes 5", 20, 200, 1, FAST), 100, 20, Some(5)),
    line("300 Mbit/s, 20 ms, 0.1 % loss", 300, 20, 1, FAST),
    line("1 Gbit/s, 100 ms", 1000, 100, 0, FAST),
    line("1 Gbit/s, 1 ms", 1000, 1, 0, FAST),
];

/// What an upload of some files took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) time: Millis,
    pub(crate) requests: usize,
    pub(crate) wasted: usize,
}

/// The sum over some latencies, in hundredths of the line's own: on a line whose queue is full, what happens hangs on
/// milliseconds. `None` if some of it failed, as it may with more at a time than the server takes.
pub(crate) fn upload(line: &Line, latencies: &[u64], mix: Mix, pacing: Pacing, budget: u8) -> Option<Took> {
    let mut sum = Took { time: Millis(0), requests: 0, wasted: 0 };
    for latency in latencies {
        let mut world = World::new(|config| {
            config.pacing = pacing;
            config.budget = budget;
        });
        world.link = Link { latency: Millis((line.link.latency.0 * latency).div_ceil(100)), ..line.link };
        world.service.at_once = line.at_once;
        world.add(&mix.sizes());
        world.run();
        if !world.rows.values().all(|row| matches!(row.state, RowState::Done { .. })) {
            return None;
        }
        sum.time = sum.time.after(world.now);
        sum.requests += world.sent.len();
        sum.wasted += world.wasted;
    }
    Some(sum)
}

/// The best fixed number of requests at a time, found by trying, and what it took.
pub(crate) fn best_fixed(line: &Line, latencies: &[u64], mix: Mix, budget: u8) -> (u8, Took) {
    (1..=budget.min(16))
        .filter_map(|number| Some((number, upload(line, latencies, mix, Pacing::Steady(number), budget)?)))
        .min_by_key(|(_, took)| took.time)
        .expect("a number")
}

#[test]
fn the_pace_is_near_the_best_fixed_number_on_lines_of_every_kind() {
    let (mut requests, mut wasted) = (0, 0);
    for line in LINES {
        for mix in line.mixes.iter().filter(|mix| **mix != Mix::Large && line.is_held(**mix)) {
            let took = upload(line, &[100], *mix, Pacing::Adaptive, 8).expect("every file is done");
            (requests, wasted) = (requests + took.requests, wasted + took.wasted);
            if *mix != Mix::Small {
                let (number, best) = best_fixed(line, &[100], *mix, 8);
                let near = took.time.0 * 100 <= best.time.0 * 105;
                assert!(near, "{}, {mix:?}: {took:?}, with {number}: {best:?}", line.name);
            }
        }
    }
    assert!(wasted * 50 < requests, "{wasted} of {requests} requests were wasted");
}
