//! `cargo xtask`: every developer command, one place. Without a name it lists them all.
//!
//! Holds no product logic: it sets up what is missing, builds, starts and drives the parts.
#![forbid(unsafe_code)]

mod doctor;
mod error;
mod process;
mod setup;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;
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
    /// Say what is missing on this machine and what would be done about it
    Doctor,
    /// Build the widget: wasm, glue and the npm package folder
    Wasm {
        /// Small instead of quick to build
        #[arg(long)]
        release: bool,
    },
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
        Task::Doctor => doctor::run(&workspace),
        Task::Wasm { release } => wasm::build(&workspace, if *release { wasm::Mode::Release } else { wasm::Mode::Dev }),
    }
}
