//! The standard library for wasm32, and the cargo that has it.
//!
//! Three places, in this order: the toolchain that runs this program (rustup gives it the
//! target); Debian's toolchain, linked into rustup as `deb`; Debian's toolchain alone. Debian
//! ships no wasm32 library, so it is built once from Debian's own source and kept in the
//! toolchain: after that every wasm build is the same plain command as anywhere else, and native
//! builds never notice (build-std in their environment would rebuild std for them too).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{State, debian};
use crate::error::{Doing, Error, Result};
use crate::process::{Run, on_path};
use crate::workspace::Workspace;

/// The one target the browser runs.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];
const LINKED: &str = "deb";
const BUILT_BY: &str = "built-by-updock-with";
const BY_HAND: &str = "run `rustup target add wasm32-unknown-unknown`, or install a Rust toolchain \
                       that has the wasm32-unknown-unknown target";

/// A cargo that can build for wasm32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WasmCargo {
    /// The one that runs this program.
    Own,
    /// Debian's, through rustup.
    Linked,
    /// Debian's, where there is no rustup.
    Debian,
}

impl WasmCargo {
    /// Cargo of this toolchain, ready for its arguments.
    pub(crate) fn run(self, what: impl Into<String>) -> Run {
        match self {
            Self::Own => Run::cargo(what),
            Self::Linked => Run::new(what, "rustup").args(["run", LINKED, "cargo"]),
            Self::Debian => with_debian_first(Run::new(what, DEBIAN_CARGO)),
        }
    }

    pub(super) fn rustc(self) -> Run {
        let what = "asking rustc for its libraries";
        match self {
            Self::Own => Run::own(what, "rustc"),
            Self::Linked => Run::new(what, "rustup").args(["run", LINKED, "rustc"]),
            Self::Debian => Run::new(what, DEBIAN_RUSTC),
        }
    }

    fn has_target(self) -> bool {
        let there = match self {
            Self::Own => true,
            Self::Linked => on_path("rustup").is_some() && is_linked(),
            Self::Debian => on_path("rustup").is_none() && Path::new(DEBIAN_CARGO).exists(),
        };
        there
            && library_folder(self)
                .is_some_and(|folder| is_usable(&folder) && (self == Self::Own || has_linker(&folder)))
    }

    fn title(self) -> &'static str {
        match self {
            Self::Own => "this toolchain has it",
            Self::Linked => "Debian's toolchain, linked into rustup as `deb`, has it",
            Self::Debian => "Debian's toolchain has it",
        }
    }
}

/// The cargo that can build for wasm32 now, without changing anything.
pub(crate) fn find() -> Option<WasmCargo> {
    [WasmCargo::Own, WasmCargo::Linked, WasmCargo::Debian].into_iter().find(|cargo| cargo.has_target())
}

/// Whether wasm32 can be built for here.
pub(crate) fn state() -> State {
    match find() {
        Some(cargo) => State::There(cargo.title().into()),
        None if debian::can_install() => State::CanSetUp(
            "rustup target add; if that fails, Debian's rustc-web and a standard library built once (about a minute)"
                .into(),
        ),
        None if on_path("rustup").is_some() => State::CanSetUp("rustup target add".into()),
        None => State::Absent(BY_HAND.into()),
    }
}

/// Makes sure that wasm32 can be built for, and says with which cargo.
pub(crate) fn ensure(workspace: &Workspace) -> Result<WasmCargo> {
    if let Some(cargo) = find() {
        return Ok(cargo);
    }
    let by_rustup = add_by_rustup();
    if by_rustup.is_ok()
        && let Some(cargo) = find()
    {
        return Ok(cargo);
    }
    if !debian::can_install() {
        return Err(Error::Missing(format!("the wasm32 target is missing and could not be added: {BY_HAND}")));
    }
    set_up_debian(workspace)?;
    find().ok_or_else(|| {
        Error::Missing(format!("Debian's toolchain was set up and still has no wasm32 target: {BY_HAND}"))
    })
}

fn add_by_rustup() -> Result<()> {
    if on_path("rustup").is_none() {
        return Err(Error::Missing("rustup is missing".into()));
    }
    super::announce("adding the wasm32 target with rustup");
    Run::new("rustup target add", "rustup").args(["target", "add", TARGET]).quiet()
}

fn set_up_debian(workspace: &Workspace) -> Result<()> {
    if !has_debian_packages() {
        debian::install(DEBIAN_PACKAGES)?;
    }
    link_linker()?;
    let folder = library_folder(WasmCargo::Debian)
        .ok_or_else(|| Error::Missing("Debian's rustc does not say where its libraries are".into()))?;
    if !is_usable(&folder) {
        build_library(workspace, &folder)?;
    }
    if on_path("rustup").is_some() && !is_linked() {
        Run::new("rustup toolchain link", "rustup").args(["toolchain", "link", LINKED, "/usr"]).quiet()?;
    }
    Ok(())
}

fn has_debian_packages() -> bool {
    let sysroot = Path::new("/usr/lib/rustlib");
    Path::new(DEBIAN_CARGO).exists()
        && Path::new(DEBIAN_RUSTC).exists()
        && sysroot.join("src/rust/library/Cargo.lock").exists()
}

fn is_linked() -> bool {
    Run::new("rustup toolchain list", "rustup")
        .args(["toolchain", "list"])
        .output()
        .is_ok_and(|list| list.lines().any(|line| line.split(' ').next() == Some(LINKED)))
}

/// Where the toolchain looks for wasm32 libraries. Printed by rustc even when nothing is there.
fn library_folder(cargo: WasmCargo) -> Option<PathBuf> {
    let printed = cargo.rustc().args(["--print", "target-libdir", "--target", TARGET]).output().ok()?;
    Some(PathBuf::from(printed.trim()))
}

/// A folder with a standard library that the compiler of today can read.
fn is_usable(folder: &Path) -> bool {
    let has_std = fs::read_dir(folder).is_ok_and(|files| {
        files.flatten().any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    });
    // One that we built goes stale when Debian updates the compiler.
    let fresh = fs::read_to_string(folder.join(BUILT_BY)).map_or(true, |built_by| Some(built_by) == debian_version());
    has_std && fresh
}

/// Whether the linker link that we made still leads somewhere.
fn has_linker(wasm_libraries: &Path) -> bool {
    let targets = wasm_libraries.ancestors().nth(2).and_then(|rustlib| fs::read_dir(rustlib).ok());
    targets.is_some_and(|targets| targets.flatten().any(|target| target.path().join("bin/rust-lld").exists()))
}

fn debian_version() -> Option<String> {
    Run::new("asking Debian's rustc for its version", DEBIAN_RUSTC).arg("-vV").output().ok()
}

/// `rust-lld` beside the native target's tools is where rustc looks for the wasm linker.
/// Debian's own link may dangle; the one of a rustup toolchain is the newest there is.
fn link_linker() -> Result<()> {
    let Some(native) = Run::new("asking Debian's rustc for its libraries", DEBIAN_RUSTC)
        .args(["--print", "target-libdir"])
        .output()
        .ok()
        .and_then(|lib| Path::new(lib.trim()).parent().map(|native| native.join("bin")))
    else {
        return Err(Error::Missing("Debian's rustc does not say where its libraries are".into()));
    };
    let link = native.join("rust-lld");
    if link.exists() {
        return Ok(());
    }
    if find_linker().is_none() {
        debian::install(&[&debian_linker_package()])?;
    }
    let linker = find_linker()
        .ok_or_else(|| Error::Missing("there is no linker for wasm32: install lld (LLVM's linker)".into()))?;
    fs::create_dir_all(&native).doing_at("make", &native)?;
    // A link that dangles does not "exist" and still is in the way.
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link).doing_at("replace", &link)?;
    }
    std::os::unix::fs::symlink(&linker, &link).doing_at("link", &link)
}

fn find_linker() -> Option<PathBuf> {
    let own = Run::new("asking rustc for its libraries", "rustc")
        .args(["--print", "target-libdir"])
        .output()
        .ok()
        .and_then(|lib| Some(Path::new(lib.trim()).parent()?.join("bin/rust-lld")));
    own.into_iter().chain(["/usr/bin/rust-lld", "/usr/bin/lld"].map(PathBuf::from)).find(|linker| linker.exists())
}

/// `rust-web-llvm` links `rust-lld` to the lld it was built with, a package of the same name.
fn debian_linker_package() -> String {
    fs::read_link("/usr/bin/rust-lld")
        .ok()
        .and_then(|target| Some(target.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "lld".into())
}

/// Builds std for wasm32 through a crate that is empty, and keeps what came out.
fn build_library(workspace: &Workspace, folder: &Path) -> Result<()> {
    super::announce("building the standard library for wasm32, once (about a minute)");
    let seed = workspace.scratch("wasm-std");
    fs::create_dir_all(seed.join("src")).doing_at("make", &seed)?;
    let write = |name: &str, text: &str| {
        let file = seed.join(name);
        fs::write(&file, text).doing_at("write", &file)
    };
    write("Cargo.toml", SEED_MANIFEST)?;
    write("src/lib.rs", "#![no_std]\n")?;

    let target = seed.join("target");
    with_debian_first(Run::new("building the standard library for wasm32", DEBIAN_CARGO))
        .args(["build", "--release", "--target", TARGET])
        .dir(&seed)
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort,panic_unwind,test,proc_macro")
        // Bitcode, so that the application's fat LTO takes in std as well.
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .without_env("RUSTFLAGS")
        .quiet()?;

    // Laid out beside and renamed, so that a broken attempt is never taken for a library.
    let beside = folder.with_extension("new");
    let _ = fs::remove_dir_all(&beside);
    fs::create_dir_all(&beside).doing_at("make", &beside)?;
    let built = target.join(TARGET).join("release/deps");
    for file in fs::read_dir(&built).doing_at("read", &built)?.flatten() {
        let name = file.file_name();
        let shown = name.to_string_lossy();
        let ours = shown.starts_with("libstdseed-") || shown.starts_with("libsysroot-");
        if shown.ends_with(".rlib") && !ours {
            fs::copy(file.path(), beside.join(&name)).doing_at("copy", &file.path())?;
        }
    }
    let stamp = beside.join(BUILT_BY);
    fs::write(&stamp, debian_version().unwrap_or_default()).doing_at("write", &stamp)?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&beside, folder).doing_at("keep", folder)?;
    let _ = fs::remove_dir_all(&seed);
    Ok(())
}

const SEED_MANIFEST: &str = r#"[package]
name = "stdseed"
version = "0.0.0"
edition = "2021"

[profile.release]
opt-level = "s"
panic = "abort"
codegen-units = 1

[workspace]
"#;

/// Debian's cargo must find Debian's rustc, whatever comes first on our own `PATH`.
fn with_debian_first(run: Run) -> Run {
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(PathBuf::from("/usr/bin")).chain(env::split_paths(&paths));
    let joined = env::join_paths(paths).unwrap_or_else(|_| "/usr/bin:/bin".into());
    run.env("PATH", joined).without_env("RUSTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_folder_counts_only_with_std_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_usable(folder.path()));
        fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(!is_usable(folder.path()));
        fs::write(folder.path().join("libstd-1.rlib"), "").unwrap();
        assert!(is_usable(folder.path()));
    }

    #[test]
    fn a_library_built_by_another_compiler_is_built_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("libstd-1.rlib"), "").unwrap();
        fs::write(folder.path().join(BUILT_BY), "rustc 1.0.0").unwrap();
        assert!(!is_usable(folder.path()));
    }
}
