//! The binary: `serve`, `check` and `keys new`. Decisions go to standard output, everything else to standard error.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use updock_signer::key::AgentKey;
use updock_signer::log::LineLog;
use updock_signer::policy::{Origin, Policy};
use updock_signer::{Limits, Signer, serve};
use updock_types::{Area, Level};

/// Holds your Uploadcare secret key and lets others do only what you wrote down.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the service.
    Serve {
        /// The policy file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Listens here instead of where the policy says; port 0 picks a free one.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Says whether a policy file is good, and what it allows.
    Check {
        /// The policy file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Agent keys.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Makes a key, shows it once, and prints the line for the policy file.
    New {
        /// The agent's id in the policy file.
        #[arg(long, value_name = "NAME")]
        agent: String,
    },
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("UPDOCK_LOG").unwrap_or_else(|_| EnvFilter::new("warn,updock_signer=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let done = match Arguments::parse().command {
        Command::Serve { config, listen } => start(&config, listen),
        Command::Check { config } => policy(&config, None).and_then(|policy| print(&summary(&config, &policy))),
        Command::Keys { command: Keys::New { agent } } => print(&new_key(&agent)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(io::stderr(), "updock-signer: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn policy(config: &Path, listen: Option<SocketAddr>) -> Result<Policy, String> {
    Policy::load(config, listen).map_err(|error| format!("{}: {error}", config.display()))
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output cannot be written: {error}"))
}

fn start(config: &Path, listen: Option<SocketAddr>) -> Result<(), String> {
    let mut policy = policy(config, listen)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(async {
        let cannot = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("{what}: {error}")
        };
        let listener =
            TcpListener::bind(policy.listen).await.map_err(cannot(&format!("cannot listen on {}", policy.listen)))?;
        policy.listen = listener.local_addr().map_err(cannot("cannot tell the address it listens on"))?;
        let limits = Limits { connections: policy.max_connections, ..Limits::default() };
        let ready = format!("updock-signer is listening on http://{}\n", policy.listen);
        let end = asked_to_end().map_err(cannot("cannot wait for signals"))?;
        // One line for whoever waits for us, before anything else can print there.
        print(&ready)?;
        let log = LineLog::stdout().map_err(cannot("the decision log cannot start"))?;
        let signer = Signer::builder(policy, Arc::new(log)).build();
        let check = tokio::spawn({
            let signer = signer.clone();
            async move { signer.check_key().await }
        });
        serve(listener, signer.router(), limits, end).await;
        check.abort();
        Ok(())
    })
}

/// Comes with the first SIGTERM or SIGINT.
fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn summary(config: &Path, policy: &Policy) -> String {
    let mut lines =
        vec![format!("{} is good. Project {}, REST API at {}", config.display(), policy.public_key, policy.rest)];
    if let Some(visitors) = &policy.visitors {
        let origins: Vec<&str> = visitors.origins.iter().map(Origin::as_str).collect();
        lines.push(format!("Visitors from {} may upload.", origins.join(", ")));
    }
    for agent in &policy.agents {
        let grants: Vec<String> = Area::ALL
            .iter()
            .filter(|area| agent.grants.level(**area) > Level::Off)
            .map(|area| format!("{area}: {}", agent.grants.level(*area)))
            .collect();
        let grants = if grants.is_empty() { "nothing".to_owned() } else { grants.join(", ") };
        lines.push(format!("Agent {} ({}) is granted {grants}.", agent.name, agent.id));
    }
    lines.join("\n") + "\n"
}

fn new_key(agent: &str) -> String {
    let key = AgentKey::generate();
    format!(
        "{}\n\nThis key is shown once; give it to the agent {agent}. For the policy file, below [agents.{agent}]:\n\n\
         keys = [{{ id = \"{}\", sha256 = \"{}\" }}]\n",
        key.expose(),
        key.id(),
        key.digest()
    )
}
