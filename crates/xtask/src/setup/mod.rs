//! What has to be on the machine, each thing with a look that is instant and a way to get it.
//!
//! Every task asks for what it needs by calling the part's `ensure`; nothing is done twice.
//! `doctor` reports the same parts without changing anything. Variables are set on the child
//! process that needs them, never for the builds that follow.

pub(crate) mod browser;
pub(crate) mod debian;
pub(crate) mod lean_std;
pub(crate) mod npm;
pub(crate) mod postgres;
pub(crate) mod python;
pub(crate) mod wasm_target;

use crate::workspace::Workspace;

/// Whether a needed thing is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It is there; the text says which.
    There(String),
    /// It is not, and the text says what xtask would do about it.
    CanSetUp(String),
    /// It is not, and the text says what the person should install.
    Absent(String),
}

/// What becomes of us without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Some task fails.
    Needed,
    /// Some tests are left out, and say so.
    Optional,
}

/// One line of `doctor`.
#[derive(Debug)]
pub(crate) struct Need {
    /// What is needed.
    pub(crate) name: &'static str,
    /// What becomes of us without it.
    pub(crate) weight: Weight,
    /// Whether it is there.
    pub(crate) state: State,
}

/// Everything that some task needs, in the order in which it is set up.
pub(crate) fn needs(workspace: &Workspace) -> Vec<Need> {
    let need = |name, state| Need { name, weight: Weight::Needed, state };
    let other = |name, program| Need { name, weight: Weight::Optional, state: browser::state(program) };
    vec![
        need("wasm target", wasm_target::state()),
        need("Node.js and npm", npm::node_state()),
        need("npm packages of the widget", npm::packages_state(&workspace.npm())),
        need("npm packages of the browser tests", npm::packages_state(&workspace.e2e())),
        need("npm packages of the conformance tests", npm::packages_state(&workspace.conformance().join("npm"))),
        need("Python packages of the conformance tests", python::state(workspace)),
        need("Chromium", browser::state(browser::CHROMIUM)),
        need("PostgreSQL", postgres::state()),
        need("ChromeDriver", browser::state(browser::CHROMEDRIVER)),
        other("Firefox", browser::FIREFOX),
        other("WebKit", browser::WEBKIT_DRIVER),
        other("Xvfb", browser::XVFB),
    ]
}

/// Says on standard error what is being set up, since it can take a minute.
pub(crate) fn announce(what: &str) {
    eprintln!("xtask: {what}");
}
