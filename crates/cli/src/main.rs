#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod args;
mod commands;
mod error;
mod output;
mod project;

use args::{Cli, Command};
use clap::Parser;
use error::{Failed, exit};
use output::Output;
use project::Project;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&Failed::new(format!("the program cannot start: {error}"))),
    };
    let ended = runtime.block_on(async {
        let project = Project::of(&cli.project);
        // An upload ends in good order by itself: what is done is printed.
        if matches!(cli.command, Command::Upload(_)) {
            return run(&cli.command, &project, &output).await;
        }
        tokio::select! {
            ended = run(&cli.command, &project, &output) => ended,
            // Dropping what runs breaks off whatever is in flight.
            () = interrupted() => Err(Failed::new("interrupted").exiting(exit::INTERRUPTED)),
        }
    });
    // Reads of files that nobody waits for any more must not hold the end up.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => output.fail(&failed),
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal will ever come.
        std::future::pending::<()>().await;
    }
}

async fn run(command: &Command, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    use commands::{addons, convert, copy, files, from_url, groups, hooks, labels, upload};
    match command {
        Command::Upload(args) => upload::run(args, project, output).await,
        Command::FromUrl(args) => from_url::run(args, project, output).await,
        Command::Ls(args) => files::list(args, project, output).await,
        Command::Search(args) => files::search(args, project, output).await,
        Command::Info(args) => files::info(args, project, output).await,
        Command::Store(args) => files::store(args, project, output).await,
        Command::Rm(args) => files::remove(args, project, output).await,
        Command::Meta(command) => labels::metadata(command, project, output).await,
        Command::Tags(args) => labels::tags(args, project, output).await,
        Command::Group(command) => groups::run(command, project, output).await,
        Command::Convert(command) => convert::run(command, project, output).await,
        Command::Scan(args) => addons::scan(args, project, output).await,
        Command::Addon(command) => addons::run(command, project, output).await,
        Command::Hooks(command) => hooks::run(command, project, output).await,
        Command::Copy(command) => copy::run(command, project, output).await,
        Command::Project => files::project(project, output).await,
    }
}
