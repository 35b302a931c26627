//! The pace beside every fixed number of requests at a time, on simulated lines. Virtual time: the same everywhere.

use crate::{
    links::{LINES, Line, Took, best_fixed, upload},
    table::Table,
};
use updock_engine::Pacing;

/// The default, which is held to its limits, and what a driver with connections to spare may set.
const BUDGETS: [u8; 2] = [8, 16];
/// Hundredths of a line's latency over which times are summed.
const SEVERAL: &[u64] = &[100, 93, 109];

pub(crate) fn run(table: &mut Table) {
    for budget in BUDGETS {
        println!(
            "\nat most {budget} requests in flight\n{:<38}{:>6} {:>9} {:>12} {:>6} {:>7}",
            "", "", "adaptive", "best fixed", "ratio", "wasted"
        );
        let mut sum = Requests::default();
        for line in LINES {
            measure(table, line, budget, &mut sum);
        }
        if budget == BUDGETS[0] {
            table.at_most("requests wasted on all lines", sum.wasted_percent(), 2.0, "%");
        }
    }
}

/// Requests, and those of them that came to nothing.
#[derive(Default)]
struct Requests {
    all: usize,
    wasted: usize,
}

impl Requests {
    fn count(&mut self, took: Took) {
        (self.all, self.wasted) = (self.all + took.requests, self.wasted + took.wasted);
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for reading")]
    fn wasted_percent(&self) -> f64 {
        100.0 * self.wasted as f64 / self.all as f64
    }
}

/// Seconds.
#[expect(clippy::cast_precision_loss, reason = "figures for reading")]
fn mean(took: Took) -> f64 {
    took.time.0 as f64 / 1000.0 / SEVERAL.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures for reading")]
fn measure(table: &mut Table, line: &Line, budget: u8, sum: &mut Requests) {
    let mut worst = 0.0f64;
    for mix in line.mixes {
        let (number, best) = best_fixed(line, SEVERAL, *mix, budget);
        let took = upload(line, SEVERAL, *mix, Pacing::Adaptive, budget).expect("every file is done");
        let ratio = took.time.0 as f64 / best.time.0 as f64;
        sum.count(took);
        let note = if line.is_held(*mix) { "" } else { "  not held to the limit, see `is_held`" };
        if note.is_empty() {
            worst = worst.max(ratio);
        }
        let (ours, theirs) = (mean(took), mean(best));
        let mix = format!("{mix:?}");
        println!(
            "{:<38}{mix:>6} {ours:>7.2} s {theirs:>7.2} s {number:>2} {ratio:>6.3} {:>3}/{}{note}",
            line.name, took.wasted, took.requests
        );
    }
    if budget == BUDGETS[0] {
        table.at_most(&format!("{}: worst time / best fixed of {budget}", line.name), worst, 1.05, "");
    }
}
