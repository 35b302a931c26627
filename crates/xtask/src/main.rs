//! `cargo xtask`: every developer command, one place. Without a name it lists them all.
//!
//! Holds no product logic: it sets up what is missing, builds, starts and drives the parts.
#![forbid(unsafe_code)]

mod arrows;
mod bench;
mod bench_browser;
mod bench_engine;
mod bench_local;
mod bench_signer;
mod check;
mod children;
mod conformance;
mod crash;
mod decisions;
mod demo;
mod doctor;
mod e2e;
mod error;
mod faults;
mod fuzz;
mod line;
mod mutants;
mod names;
mod process;
mod runner;
mod samples;
mod serve;
mod setup;
mod simulate;
mod size;
mod soak;
mod stack;
mod test;
mod tree;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Doing, Result};
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Everything a developer of Updock does, by name",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start everything on this machine and say where the demo page is
    Demo {
        /// Take whatever ports are free, instead of 4000, 3000 and 3001
        #[arg(long)]
        free_ports: bool,
        /// Drop a photo and a large file in Chromium, and check that what is stored is what was sent
        #[arg(long)]
        check: bool,
        /// With --check: what the signer is told the project's secret key is
        #[arg(long, requires = "check")]
        signer_secret: Option<String>,
        /// With --check: build nothing, take what was built last
        #[arg(long, requires = "check")]
        as_built: bool,
    },
    /// Set up what is missing and run everything that CI runs
    Test,
    /// Run the widget's own wasm tests in headless Chromium
    WasmTest,
    /// Run the end-to-end tests in Chromium
    E2e(e2e::Options),
    /// Run Uploadcare's own SDKs against the stand-in, and write what came of it into docs/
    Conformance(conformance::Options),
    /// Say what is missing on this machine and what would be done about it
    Doctor,
    /// Build the widget: wasm, glue and the npm package folder
    Wasm {
        /// Small instead of quick to build
        #[arg(long)]
        release: bool,
    },
    /// Weigh the widget and hold it against its budget
    Size {
        /// Leave out what each crate weighs (saves building the module with its names)
        #[arg(long)]
        no_crates: bool,
    },
    /// Measure speed and memory against their budgets (on a quiet machine)
    Bench {
        /// What to measure
        #[arg(value_enum, default_value = "widget")]
        what: Measured,
        /// Build nothing: take what was built last
        #[arg(long)]
        as_built: bool,
    },
    /// Send the stand-in what nobody expects, for as long as you like
    Fuzz(fuzz::Options),
    /// Kill the stand-in or the signer under load, again and again, and look for what it lost
    Crash(crash::Options),
    /// Put the signer under load for long, and see whether its memory stays flat
    Soak(soak::Options),
    /// Upload through every fault there is, natively and in Chromium, and hold each end against what it must be
    Faults(faults::Options),
    /// Hold the engine to its promises on random schedules of faults, commands and links
    Simulate(simulate::Options),
    /// Change the engine in one place after another, and see whether its tests notice
    Mutants(mutants::Options),
    /// Format all Rust
    Fmt {
        /// Only say whether it is formatted
        #[arg(long)]
        check: bool,
    },
    /// Run clippy over everything
    Lint,
    /// Check that our crates depend on each other only as drawn
    Arrows,
    /// What cargo calls to run the widget's tests in a browser
    #[command(name = runner::TASK, hide = true, disable_help_flag = true)]
    WasmTestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Measured {
    /// The widget in a browser, beside a bare page
    Widget,
    /// The stand-in, beside bare servers
    Local,
    /// The signer, beside its upstream and nginx
    Signer,
    /// The engine, and its pace beside every fixed number of requests at a time
    Engine,
    /// The widget in a browser, beside Uploadcare's bare client
    Browser,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let workspace = Workspace::find();
    match task {
        Task::Demo { check: true, signer_secret, as_built, .. } => {
            check::run(&workspace, signer_secret.as_deref(), *as_built)
        }
        Task::Test => test::run(&workspace),
        Task::WasmTest => {
            let xtask = std::env::current_exe().doing("find this program")?;
            runner::browser_tests(&workspace, &xtask, |_| ())
        }
        Task::E2e(options) => e2e::run(&workspace, options, |_| ()),
        Task::Conformance(options) => {
            conformance::run(&workspace, options, conformance::Form::Whole, &mut test::Counts::default())
        }
        Task::Bench { what: Measured::Widget, as_built } => bench::run(&workspace, *as_built),
        Task::Bench { what: Measured::Local, .. } => bench_local::run(&workspace),
        Task::Bench { what: Measured::Signer, .. } => bench_signer::run(&workspace),
        Task::Bench { what: Measured::Engine, as_built } => bench_engine::run(&workspace, *as_built),
        Task::Bench { what: Measured::Browser, as_built } => bench_browser::run(&workspace, *as_built),
        Task::Fuzz(options) => fuzz::run(&workspace, options),
        Task::Crash(options) => crash::run(&workspace, options),
        Task::Soak(options) => soak::run(&workspace, options),
        Task::Faults(options) => faults::run(&workspace, options, &mut test::Counts::default()),
        Task::Simulate(options) => simulate::run(&workspace, options),
        Task::Mutants(options) => mutants::run(&workspace, options),
        Task::Fmt { check } => test::fmt(&workspace, *check),
        Task::Lint => test::lint(&workspace),
        Task::WasmTestRunner { args } => runner::run(args),
        Task::Demo { free_ports, .. } => {
            demo::run(&workspace, if *free_ports { stack::Ports::Free } else { stack::Ports::Known })
        }
        Task::Size { no_crates } => size::run(&workspace, !no_crates),
        Task::Arrows => arrows::run(&workspace),
        Task::Doctor => doctor::run(&workspace),
        Task::Wasm { release } => wasm::build(&workspace, if *release { wasm::Mode::Release } else { wasm::Mode::Dev }),
    }
}
