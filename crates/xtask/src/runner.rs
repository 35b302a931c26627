//! xtask as wasm-bindgen's test runner: the same library version as the locked wasm-bindgen by
//! construction, so nothing has to be installed that could differ.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::error::{Doing, Error, Result};
use crate::setup::{browser, wasm_target};
use crate::workspace::Workspace;

/// The hidden task that cargo calls with a test module.
pub(crate) const TASK: &str = "wasm-test-runner";

/// Runs the tests of one module in headless Chromium.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    let args = std::iter::once(OsString::from(TASK)).chain(args.iter().cloned());
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(args)
        .map_err(|error| Error::Check(format!("{error:#}")))
}

/// `cargo test` of the widget for wasm32, with `xtask` as its runner.
pub(crate) fn browser_tests(workspace: &Workspace, xtask: &Path, on_line: impl FnMut(&str)) -> Result<()> {
    let cargo = wasm_target::ensure(workspace)?;
    let chromium = browser::ensure(browser::CHROMIUM)?;
    let driver = browser::ensure(browser::CHROMEDRIVER)?;
    let capabilities = serde_json::json!({
        "goog:chromeOptions": { "binary": chromium, "args": browser::flags() },
    });
    let folder = workspace.scratch("wasm-tests");
    fs::create_dir_all(&folder).doing_at("make", &folder)?;
    let webdriver = folder.join("webdriver.json");
    fs::write(&webdriver, capabilities.to_string()).doing_at("write", &webdriver)?;
    cargo
        .run("the widget's tests in the browser")
        .args(["test", "--package", "updock", "--no-default-features", "--features", "element"])
        .args(["--target", wasm_target::TARGET])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", format!("{} {TASK}", xtask.display()))
        .env("CHROMEDRIVER", driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")
        .watched(on_line)
}
