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
        for line in LINES {
            measure(table, line, budget);
        }
    }
}

/// Seconds.
#[expect(clippy::cast_precision_loss, reason = "figures for reading")]
fn mean(took: Took) -> f64 {
    took.time.0 as f64 / 1000.0 / SEVERAL.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures for reading")]
fn measure(table: &mut Table, line: &Line, budget: u8) {
    let (mut worst, mut requests, mut wasted) = (0.0f64, 0, 0);
    for mix in line.mixes {
        let (number, best) = best_fixed(line, SEVERAL, *mix, budget);
        let took = upload(line, SEVERAL, *mix, Pacing::Adaptive, budget).expect("every file is done");
        let ratio = took.time.0 as f64 / best.time.0 as f64;
        (worst, requests, wasted) = (worst.max(ratio), requests + took.requests, wasted + took.wasted);
        let (ours, theirs) = (mean(took), mean(best));
        let mix = format!("{mix:?}");
        println!(
            "{:<38}{mix:>6} {ours:>7.2} s {theirs:>7.2} s {number:>2} {ratio:>6.3} {:>3}/{}",
            line.name, took.wasted, took.requests
        );
    }
    if budget != BUDGETS[0] {
        return;
    }
    let name = line.name;
    table.at_most(&format!("{name}: worst time / best fixed of {budget}"), worst, 1.05, "");
    table.at_most(&format!("{name}: requests wasted"), 100.0 * wasted as f64 / requests as f64, 2.0, "%");
}
