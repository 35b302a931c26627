//! `demo`: everything running on this machine, until Ctrl-C.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Doing, Error, Result};
use crate::stack::{self, Build, Keys, Plan, Ports, SignedUploads, Stack};
use crate::wasm::{self, Mode};
use crate::workspace::Workspace;

/// Sets up, builds, starts, says where it is, and waits.
pub(crate) fn run(workspace: &Workspace, ports: Ports) -> Result<()> {
    build(workspace)?;
    let plan = Plan {
        ports,
        build: Build::Dev,
        real: real_keys(),
        signer_secret: None,
        signed_uploads: SignedUploads::Required,
        connect: Vec::new(),
        folder: workspace.target().join("demo"),
        keep: false,
        mounts: Vec::new(),
    };
    runtime()?.block_on(serve(workspace, plan))
}

/// The parts as a demo needs them: people judge the widget's speed and size, so that is a release.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    wasm::build(workspace, Mode::Release)?;
    stack::build_parts(workspace, Build::Dev)
}

/// The runtime of every task that starts parts.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().doing("start the runtime")
}

async fn serve(workspace: &Workspace, plan: Plan) -> Result<()> {
    let stop = stop_signal()?;
    let mut stack = Stack::start(workspace, plan).await?;
    println!("{}", welcome(&stack));
    let ended = tokio::select! {
        () = stop => Ok(()),
        error = stack.broken() => Err(error),
    };
    stack.stop().await;
    ended
}

/// The one line.
fn welcome(stack: &Stack) -> String {
    let page = stack.page();
    let service = match stack.local() {
        Some(local) => format!("stand-in {local}"),
        None => "the real Uploadcare".into(),
    };
    format!("Updock is at {page}  ({service}, signer {}; Ctrl-C stops everything)", stack.signer())
}

/// Real keys, when both are given.
fn real_keys() -> Option<Keys> {
    let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
    Some(Keys { public: given("UPLOADCARE_PUBLIC_KEY")?, secret: given("UPLOADCARE_SECRET_KEY")? })
}

/// Comes back when somebody wants us to end: Ctrl-C, a polite kill, a closed terminal.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut signals = Vec::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        signals.push(signal(kind).doing("listen for signals")?);
    }
    Ok(async move {
        let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures_util::future::select_all(waits).await;
    })
}

/// Starts `xtask demo` as a person would, ends it in each of the ways people do, and looks
/// whether anything of it still runs.
pub(crate) fn stops(workspace: &Workspace, xtask: &Path) -> Result<()> {
    build(workspace)?;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut demo = Command::new(xtask)
            .args(["demo", "--free-ports"])
            .env("CARGO_TARGET_DIR", workspace.target())
            .env_remove("UPLOADCARE_SECRET_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing("start the demo")?;
        let mut line = String::new();
        let stdout = demo.stdout.take().expect("standard output was asked to be piped");
        // What cargo prints goes to standard error, so the first line is the one line.
        BufReader::new(stdout).read_line(&mut line).doing("read what the demo says")?;
        let started = children_of(demo.id());
        if let Some(pid) = i32::try_from(demo.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, signal).map_err(io::Error::from).doing("stop the demo")?;
        }
        let status = demo.wait().doing("wait for the demo")?;
        let left: Vec<_> = started.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
        if !line.contains("http://127.0.0.1:") || started.len() != 2 || !left.is_empty() || !status.success() {
            return Err(Error::Check(format!(
                "the demo said {line:?}, started {started:?}, ended with {status}, and left {left:?} running"
            )));
        }
    }
    println!("the demo ended three times and left nothing running");
    Ok(())
}

/// The programs that a process started and that still run. Linux only, as the tests are.
fn children_of(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
