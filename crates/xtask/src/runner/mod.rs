//! xtask as wasm-bindgen's test runner: the same library version as the locked wasm-bindgen by
//! construction, so nothing has to be installed that could differ.

mod turnstile;

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Doing, Error, Result};
use crate::setup::{browser, wasm_target};
use crate::workspace::Workspace;

/// The hidden task that cargo calls with a test module.
pub(crate) const TASK: &str = "wasm-test-runner";

/// Set for the process that really runs the tests.
const INNER: &str = "UPDOCK_WASM_TESTS";
/// No module's tests take longer.
const PATIENCE: Duration = Duration::from_mins(3);

/// Runs the tests of one module in headless Chromium. A run that hangs before its end is broken off and made once more.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    if std::env::var_os(INNER).is_some() {
        let args = std::iter::once(OsString::from(TASK)).chain(args.iter().cloned());
        return wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(args)
            .map_err(|error| Error::Check(format!("{error:#}")));
    }
    match run_within(args, PATIENCE)? {
        Some(status) => ended(status),
        None => {
            eprintln!("xtask: the browser's tests hung; once more");
            run_within(args, PATIENCE)?.map_or_else(|| Err(Error::Check("the browser's tests hang".to_owned())), ended)
        }
    }
}

fn ended(status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(Error::Check(format!("the browser's tests failed ({status})"))) }
}

/// `None` when time ran out; then nothing of it is left.
fn run_within(args: &[OsString], patience: Duration) -> Result<Option<ExitStatus>> {
    let this = std::env::current_exe().doing("find this program")?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    let server: SocketAddr = free.doing("find a free port for the browser's tests")?;
    let (folder, way) = (tempfile::tempdir().doing("make a folder for the browser's tests")?, turnstile::open(server)?);
    let webdriver = folder.path().join("webdriver.json");
    fs::write(&webdriver, capabilities(server, way)?.to_string()).doing_at("write", &webdriver)?;
    let mut child = Command::new(this)
        .arg(TASK)
        .args(args)
        .env(INNER, "1")
        .env("WASM_BINDGEN_TEST_ADDRESS", server.to_string())
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &webdriver)
        .process_group(0)
        .spawn()
        .doing("start the browser's tests")?;
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().doing("wait for the browser's tests")? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    Ok(None)
}

/// The browser to start, which finds the server by that way.
fn capabilities(server: SocketAddr, way: u16) -> Result<serde_json::Value> {
    let mut flags: Vec<String> = browser::flags().into_iter().map(str::to_owned).collect();
    flags.push(format!("--host-resolver-rules=MAP {server} {}:{way}", Ipv4Addr::LOCALHOST));
    let chromium = browser::ensure(browser::CHROMIUM)?;
    Ok(serde_json::json!({ "goog:chromeOptions": { "binary": chromium, "args": flags } }))
}

/// `cargo test` of the widget for wasm32, with `xtask` as its runner.
pub(crate) fn browser_tests(workspace: &Workspace, xtask: &Path, on_line: impl FnMut(&str)) -> Result<()> {
    let cargo = wasm_target::ensure(workspace)?;
    browser::ensure(browser::CHROMIUM)?;
    let driver = browser::ensure(browser::CHROMEDRIVER)?;
    cargo
        .run("the widget's tests in the browser")
        .args(["test", "--package", "updock", "--no-default-features", "--features", "element"])
        .args(["--target", wasm_target::TARGET])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", format!("{} {TASK}", xtask.display()))
        .env("CHROMEDRIVER", driver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")
        .watched(on_line)
}
