//! A Chromium that is already there, or Debian's, and the ChromeDriver that belongs to it.
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

fn find(program: Program) -> Option<PathBuf> {
    env::var_os(program.variable)
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .or_else(|| program.names.iter().find_map(|name| on_path(name)))
}
