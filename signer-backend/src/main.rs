//! The binary: names the commands, and starts the service. Decisions go to standard output, everything else to standard error.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;
use updock_signer::audit::cli::Audit;
use updock_signer::audit::{self, AuditLog};
use updock_signer::cli::PolicyFile;
use updock_signer::doctor::Doctor;
use updock_signer::init::Init;
use updock_signer::keys::cli::{self as keys, KeysCommand};
use updock_signer::log::LineLog;
use updock_signer::policy::cli::{PolicyCommand, summary};
use updock_signer::policy::{self, Keeping, Policy, Secrets, Signs};
use updock_signer::reload::Reload;
use updock_signer::signing::{Signing, Verifying};
use updock_signer::state::{self, State};
use updock_signer::webhooks::{self, cli::Webhooks};
use updock_signer::{Limits, Signer, private, receipt, serve};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Holds your Uploadcare secret key and lets others do only what you wrote down.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes a first policy, which lets in one agent and nobody else.
    Init(Box<Init>),
    /// Looks at everything outside the policy: keys, clock, signed uploads, webhooks, file modes, what a crash left.
    Doctor(Doctor),
    /// Starts the service.
    Serve {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        /// Listens here instead of where the policy says; port 0 picks a free one.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Says whether a policy file is good, and what it allows.
    Check {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
    },
    /// Asks the policy: is it good, who may do what, and what would another one change.
    Policy {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// The audit log: who did what, and why it was allowed or refused.
    Audit {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        #[command(subcommand)]
        command: Audit,
    },
    /// Webhooks of Uploadcare, and those sent on.
    Webhooks {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        #[command(subcommand)]
        command: Webhooks,
    },
    /// Receipts of confirmed uploads.
    Receipts {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        #[command(subcommand)]
        command: Receipts,
    },
    /// Agent keys.
    Keys {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Subcommand)]
enum Receipts {
    /// Says what a receipt says, if it is good.
    Verify {
        /// The receipt.
        receipt: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
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
        Command::Init(init) => init.run(&mut io::stdout(), &mut io::stderr()),
        Command::Doctor(doctor) => {
            match runtime().and_then(|runtime| runtime.block_on(doctor.run(&mut io::stdout()))) {
                Ok(health) => return health.exit_code().into(),
                Err(sentence) => Err(sentence),
            }
        }
        Command::Serve { file, listen } => start(&file, listen),
        Command::Check { file } => {
            file.look(Secrets::Unread).and_then(|policy| print(&(summary(file.path(), &policy) + "\n")))
        }
        Command::Policy { file, command } => ask_policy(&file, &command),
        Command::Keys { file, command } => keys(&file, &command),
        Command::Audit { file, command } => audit(&file, &command),
        Command::Webhooks { file, command } => hooks(&file, &command),
        Command::Receipts { file, command: Receipts::Verify { receipt, json } } => {
            verify_receipt(&file, &receipt, json)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(io::stderr(), "updock-signer: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output cannot be written: {error}"))
}

fn start(file: &PolicyFile, listen: Option<SocketAddr>) -> Result<(), String> {
    private::keep_to_itself();
    let mut policy = file.load(listen)?;
    for warning in &policy.warnings {
        tracing::warn!("{}: {warning}", file.path().display());
    }
    runtime()?.block_on(async {
        let cannot = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("{what}: {error}")
        };
        #[cfg(feature = "otel")]
        let spans = updock_signer::otel::Export::from_environment().map_err(|error| error.to_string())?;
        let state = open_state(&policy).await?;
        let keys = SigningKeys::of(&policy, &*state).await?;
        let listener =
            TcpListener::bind(policy.listen).await.map_err(cannot(&format!("cannot listen on {}", policy.listen)))?;
        let reload = Reload::of(file.path(), listen, &policy);
        policy.listen = listener.local_addr().map_err(cannot("cannot tell the address it listens on"))?;
        let metrics = policy.metrics;
        let (connections, per_peer) = (policy.max_connections, policy.max_connections_per_peer);
        let limits = Limits { connections, per_peer, ..Limits::default() };
        let ready = format!("updock-signer is listening on http://{}\n", policy.listen);
        let end = asked_to_end().map_err(cannot("cannot wait for signals"))?;
        let lines = LineLog::stdout().map_err(cannot("the decision log cannot start"))?;
        let log = AuditLog::start(Arc::clone(&state), keys.audit, policy.keeping.audit.clone(), Some(Arc::new(lines)))
            .await
            .map_err(|error| format!("the audit log cannot start: {error}"))?;
        // One line for whoever waits for us, before anything else can print there.
        print(&ready)?;
        let log = Arc::new(log);
        let signer = Signer::builder(policy, Arc::clone(&log) as _)
            .state(state)
            .receipts(keys.receipts)
            .events(keys.events)
            .build();
        if let Some(address) = metrics {
            let listener = TcpListener::bind(address).await.map_err(cannot(&format!("cannot listen on {address}")))?;
            let (router, limits) = (signer.metrics_router(), Limits { connections: 16, ..Limits::default() });
            tokio::spawn(serve(listener, router, limits, std::future::pending()));
        }
        let outbox = tokio::spawn({
            let signer = signer.clone();
            async move { signer.run_outbox().await }
        });
        let sweep = tokio::spawn({
            let signer = signer.clone();
            async move { signer.run_sweep().await }
        });
        let check = tokio::spawn({
            let signer = signer.clone();
            async move { signer.check_key().await }
        });
        let reload =
            tokio::spawn(reload.watch(signer.clone(), asked_to_reload().map_err(cannot("cannot wait for signals"))?));
        let end = async {
            end.await;
            signer.close();
        };
        serve(listener, signer.router(), limits, end).await;
        reload.abort();
        check.abort();
        outbox.abort();
        sweep.abort();
        log.end().await;
        #[cfg(feature = "otel")]
        spans.end().await;
        Ok(())
    })
}

async fn open_state(policy: &Policy) -> Result<Arc<dyn State>, String> {
    state::open(&policy.keeping.place).await.map_err(|error| format!("the state cannot be opened: {error}"))
}

/// For commands that only read.
async fn open_kept_state(policy: &Policy) -> Result<Arc<dyn State>, String> {
    state::open_kept(&policy.keeping.place).await.map_err(|error| format!("the state cannot be read: {error}"))
}

/// The keys that sign, from the policy or kept in the state.
struct SigningKeys {
    audit: Signing,
    receipts: Signing,
    events: Signing,
}

impl SigningKeys {
    async fn of(policy: &Policy, state: &dyn State) -> Result<Self, String> {
        let keep = |error| format!("the signing keys cannot be kept: {error}");
        let Keeping { receipts, .. } = &policy.keeping;
        Ok(Self {
            audit: audit::signing_key(policy, state).await.map_err(keep)?,
            receipts: match &receipts.key {
                Some(key) => key.clone(),
                None => Signing::kept(state, receipt::KEY).await.map_err(keep)?,
            },
            events: Signing::kept(state, webhooks::events_key_name()).await.map_err(keep)?,
        })
    }
}

fn audit(file: &PolicyFile, command: &Audit) -> Result<(), String> {
    let policy = file.look(command.secrets())?;
    let whole = runtime()?.block_on(async {
        let state = open_kept_state(&policy).await?;
        audit::cli::run(command, state, policy.keeping.audit_key.as_ref(), &mut io::stdout()).await
    })?;
    if whole { Ok(()) } else { Err("the audit log is not whole".to_owned()) }
}

fn ask_policy(file: &PolicyFile, command: &PolicyCommand) -> Result<(), String> {
    let yes = runtime()?.block_on(policy::cli::run(command, file, &mut io::stdout()))?;
    if yes { Ok(()) } else { Err("the policy says no".to_owned()) }
}

fn keys(file: &PolicyFile, command: &KeysCommand) -> Result<(), String> {
    runtime()?.block_on(keys::run(command, file, &mut io::stdout()))
}

fn verify_receipt(file: &PolicyFile, text: &str, json: bool) -> Result<(), String> {
    let policy = file.look(Secrets::Signing(Signs::Receipts))?;
    let key = runtime()?.block_on(receipt_key(&policy))?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let verified = receipt::verify(&[key], text.trim(), now);
    if json {
        print(&format!("{}\n", receipt::told(&verified)))?;
        return verified.map(drop).map_err(|error| error.to_string());
    }
    let receipt = verified.map_err(|error| error.to_string())?;
    let stored = if receipt.stored { "stored" } else { "not stored" };
    print(&format!(
        "The receipt is good: file {} of project {}, {} bytes, {}, {stored}, confirmed for {}.\n",
        receipt.uuid, receipt.project, receipt.size, receipt.mime_type, receipt.sub
    ))
}

/// What verifies receipts. Where the policy brings the key along, no state is needed.
async fn receipt_key(policy: &Policy) -> Result<Verifying, String> {
    if let Some(key) = &policy.keeping.receipts.key {
        return Ok(key.verifying());
    }
    let kept = Signing::known(&*open_kept_state(policy).await?, receipt::KEY).await;
    let kept = kept.map_err(|error| format!("the state cannot be read: {error}"))?;
    let key = kept.ok_or("no signer has given a receipt from this state, so there is no key to verify one with")?;
    Ok(key.verifying())
}

fn hooks(file: &PolicyFile, command: &Webhooks) -> Result<(), String> {
    let policy = match command {
        Webhooks::Sync { .. } => file.load(None)?.into(),
        Webhooks::Dead { .. } | Webhooks::Replay { .. } => file.look(Secrets::State)?,
    };
    let quiet = runtime()?.block_on(async {
        let state = match command {
            Webhooks::Sync { .. } => open_state(&policy).await?,
            Webhooks::Dead { .. } | Webhooks::Replay { .. } => open_kept_state(&policy).await?,
        };
        webhooks::cli::run(command, &policy, state, &mut io::stdout()).await
    })?;
    if quiet { Ok(()) } else { Err("somebody else is told what happens in this project".to_owned()) }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Runtime::new().map_err(|error| format!("the runtime cannot start: {error}"))
}

/// A message for each SIGHUP.
fn asked_to_reload() -> io::Result<mpsc::Receiver<()>> {
    let (mut hangup, (asked, asks)) = (signal(SignalKind::hangup())?, mpsc::channel(1));
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // One that waits stands for all that come meanwhile.
            let _ = asked.try_send(());
        }
    });
    Ok(asks)
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
