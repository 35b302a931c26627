//! Browsers that are already there, or Debian's, and what drives them.
//!
//! No tool downloads a browser of its own: that fails behind many company networks, and the
//! tests should run in what people have.

use std::env;
use std::path::PathBuf;

use super::{State, debian};
use crate::error::{Error, Result};
use crate::process::on_path;

/// A program, the names it goes by, and where Debian has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    title: &'static str,
    variable: &'static str,
    names: &'static [&'static str],
    package: &'static str,
}

/// The browser of all browser tests.
pub(crate) const CHROMIUM: Program = Program {
    title: "Chromium",
    variable: "UPDOCK_CHROMIUM",
    names: &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"],
    package: "chromium",
};

/// What wasm-bindgen's test runner drives the browser with.
pub(crate) const CHROMEDRIVER: Program =
    Program { title: "ChromeDriver", variable: "CHROMEDRIVER", names: &["chromedriver"], package: "chromium-driver" };

/// What people have beside it.
pub(crate) const FIREFOX: Program = Program {
    title: "Firefox",
    variable: "UPDOCK_FIREFOX",
    names: &["firefox-esr", "firefox"],
    package: "firefox-esr",
};

/// Safari's engine on Linux, and what drives it.
pub(crate) const WEBKIT_DRIVER: Program = Program {
    title: "WebKitWebDriver",
    variable: "UPDOCK_WEBKIT_DRIVER",
    names: &["WebKitWebDriver"],
    package: "webkit2gtk-driver",
};

/// A screen that nobody sees, for browsers that cannot do without one.
pub(crate) const XVFB: Program = Program { title: "Xvfb", variable: "UPDOCK_XVFB", names: &["Xvfb"], package: "xvfb" };

/// Headless, with nothing that calls home. No sandbox only for root, where Chromium has none.
pub(crate) fn flags() -> Vec<&'static str> {
    let mut flags = vec![
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    if rustix::process::geteuid().is_root() {
        flags.push("--no-sandbox");
    }
    flags
}

/// Whether the program is there.
pub(crate) fn state(program: Program) -> State {
    match find(program) {
        Some(path) => State::There(path.display().to_string()),
        None if debian::can_install() => State::CanSetUp(format!("apt-get install {}", program.package)),
        None => State::Absent(format!(
            "install {} and put it on PATH, or set {} to its path",
            program.title, program.variable
        )),
    }
}

/// Makes sure that the program is there and says where.
pub(crate) fn ensure(program: Program) -> Result<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    if let State::Absent(how) = state(program) {
        return Err(Error::Missing(format!("{} is missing: {how}", program.title)));
    }
    debian::install(&[program.package])?;
    find(program).ok_or_else(|| {
        Error::Missing(format!("Debian's {} was installed and gave no {}", program.package, program.names[0]))
    })
}

/// The program's variable and where it is; nothing where it neither is nor can be set up: what needs it is left out there
/// and says so.
pub(crate) fn ensure_if_possible(program: Program) -> Result<Option<(&'static str, PathBuf)>> {
    match state(program) {
        State::Absent(_) => Ok(None),
        _ => Ok(Some((program.variable, ensure(program)?))),
    }
}

fn find(program: Program) -> Option<PathBuf> {
    env::var_os(program.variable)
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .or_else(|| program.names.iter().find_map(|name| on_path(name)))
}
