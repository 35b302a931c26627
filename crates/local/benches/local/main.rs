//! The stand-in's figures of speed and memory, each beside its limit and most beside a bare server in the same run:
//! parts on their way to the disk, lists among 100 000 files, start-up, a crowd of clients. On a quiet machine:
//! `cargo xtask bench local`, or `cargo bench -p updock-local --bench local [-- parts | lists | crowd]`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

mod crowd;
mod lists;
mod measure;
mod parts;
mod servers;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if servers::serve_bare(&arguments) {
        return ExitCode::SUCCESS;
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS; // built by a test run, which measures nothing
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut table = measure::Table::default();
    for (name, run) in [
        ("parts", parts::run as fn(&mut measure::Table, &std::path::Path)),
        ("lists", lists::run),
        ("crowd", crowd::run),
    ] {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            run(&mut table, directory.path());
        }
    }
    if table.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
