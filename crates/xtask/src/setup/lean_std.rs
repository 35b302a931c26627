//! A standard library for the module that people download: without panic messages, without the places they came from,
//! made small. Measured: a sixth less to download than with the library that toolchains ship.
//!
//! It is compiled from the toolchain's own source by each cold release build, in a target folder of its own: the
//! variables that ask for it would make cargo build everything else anew, too. Nothing else ever sees them.

use std::path::{Path, PathBuf};

use super::wasm_target::WasmCargo;
use crate::process::{Run, on_path};

/// Which standard library a release build gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Std {
    /// Built small from source.
    Lean,
    /// The one that the toolchain ships, where it has no source.
    Shipped,
}

const VARIABLES: &[(&str, &str)] = &[
    // Flags for building the standard library are not stable yet; the source is that of the stable release all the same.
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    ("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size"),
    (
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none",
    ),
];

impl Std {
    /// The leanest that can be had, adding the source by rustup where that works.
    pub(crate) fn find(cargo: WasmCargo) -> Self {
        if has_source(cargo) {
            return Self::Lean;
        }
        if cargo == WasmCargo::Own && on_path("rustup").is_some() {
            super::announce("adding the standard library's source with rustup");
            let added = Run::new("rustup component add", "rustup").args(["component", "add", "rust-src"]).quiet();
            if added.is_ok() && has_source(cargo) {
                return Self::Lean;
            }
        }
        super::announce("no source of the standard library here (rust-src): the module will be a fifth larger");
        Self::Shipped
    }

    /// Where a release build with it goes, below the workspace's target folder.
    pub(crate) fn target(self, target: &Path) -> PathBuf {
        match self {
            Self::Lean => target.join("lean"),
            Self::Shipped => target.to_owned(),
        }
    }

    /// Lets `run` build with it.
    pub(crate) fn apply(self, run: Run) -> Run {
        match self {
            Self::Lean => {
                VARIABLES.iter().fold(run.without_env("RUSTFLAGS"), |run, (name, value)| run.env(name, value))
            }
            Self::Shipped => run,
        }
    }
}

fn has_source(cargo: WasmCargo) -> bool {
    cargo
        .rustc()
        .args(["--print", "sysroot"])
        .output()
        .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").exists())
}
