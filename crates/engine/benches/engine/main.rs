//! The engine's figures of speed and memory, each beside its limit: inputs a second, a large simulation, memory of
//! idle files, lists, and what the pace makes of simulated lines. On a quiet machine: `cargo xtask bench engine`, or
//! `cargo bench -p updock-engine --bench engine [-- speed | lines]`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

mod lines;
#[path = "../../tests/engine/links.rs"]
mod links;
mod speed;
mod table;

use std::process::ExitCode;
use table::Table;

pub(crate) const MIB: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS; // built by a test run, which measures nothing
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let mut table = Table::default();
    for (name, run) in [("speed", speed::run as fn(&mut Table)), ("lines", lines::run)] {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            run(&mut table);
        }
    }
    if table.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
