//! `wasm`: from the crate `updock` to the folder that npm publishes and the demo page loads.
//!
//! cargo -> wasm-bindgen (a library here, of exactly the locked version) -> wasm-opt (release
//! only) -> `npm run build`. Each stage is skipped when what it reads has not changed.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::error::{Doing, Error, Result};
use crate::names;
use crate::process::Run;
use crate::setup::lean_std::Std;
use crate::setup::{self, npm, wasm_target};
use crate::workspace::Workspace;

/// Name of the wasm module and of its JavaScript glue.
pub(crate) const OUT_NAME: &str = "updock_wasm";

/// Where wasm-bindgen puts the scripts of `#[wasm_bindgen(module = ..)]`.
const SNIPPETS: &str = "snippets";

/// For developers, or for people to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Quick to build, checks in the glue, names kept.
    Dev,
    /// Small.
    Release,
}

impl Mode {
    fn profile(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "wasm-release",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "wasm-release",
        }
    }
}

/// Features are named: `--all-features` emits compact imports that Chromium refuses.
const WASM_OPT: &[&str] = &[
    "-Oz",
    // A function with one caller stays a function: copied in, it compresses worse (3 % of the whole, measured).
    "--one-caller-inline-max-function-size=20",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
];

/// Sets up what is missing and makes `web/npm/dist` current.
pub(crate) fn build(workspace: &Workspace, mode: Mode) -> Result<()> {
    let compiled = compile(workspace, mode)?;
    npm::ensure_packages(&workspace.npm())?;
    let bound = bind(workspace, mode, &compiled)?;
    package(workspace, &bound)
}

/// Runs cargo and gives the raw module.
fn compile(workspace: &Workspace, mode: Mode) -> Result<PathBuf> {
    let cargo = wasm_target::ensure(workspace)?;
    let std = match mode {
        Mode::Dev => Std::Shipped,
        Mode::Release => Std::find(cargo),
    };
    let target = std.target(workspace.target());
    std.apply(cargo.run("building the widget for wasm32"))
        // Without the Leptos component: the crate `leptos` would add its own exports to the module.
        .args(["build", "--package", "updock", "--lib", "--no-default-features", "--features", "element"])
        .args(["--target", wasm_target::TARGET, "--profile", mode.profile()])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", &target)
        .shown()?;
    Ok(target.join(wasm_target::TARGET).join(mode.folder()).join("updock.wasm"))
}

/// Makes the glue and the optimised module in a folder of their own.
fn bind(workspace: &Workspace, mode: Mode, compiled: &Path) -> Result<PathBuf> {
    let out = workspace.scratch("wasm").join(mode.folder());
    let input = fs::read(compiled).doing_at("read", compiled)?;
    let stamp = Stamp::new(&out, [&input[..], format!("{WASM_OPT:?}").as_bytes()]);
    if stamp.is_current() {
        return Ok(out);
    }
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).doing_at("make", &out)?;
    run_bindgen(input, mode == Mode::Dev, &out)?;
    let mut scripts = vec![out.join(format!("{OUT_NAME}.js"))];
    if out.join(SNIPPETS).exists() {
        collect(&out.join(SNIPPETS), &mut scripts)?;
    }
    scripts.iter().try_for_each(|script| refuse_inner_html(script))?;
    if mode == Mode::Release {
        let module = out.join(format!("{OUT_NAME}_bg.wasm"));
        names::shorten(&module, &out.join(format!("{OUT_NAME}.js")))?;
        optimise(workspace, &module, false)?;
    }
    stamp.keep()?;
    Ok(out)
}

/// wasm-bindgen for the web target, into `out`.
fn run_bindgen(input: Vec<u8>, keep_names: bool, out: &Path) -> Result<()> {
    let bound = (|| {
        Bindgen::new()
            .input_bytes(OUT_NAME, input)
            .out_name(OUT_NAME)
            .web(true)?
            .typescript(true)
            .debug(keep_names)
            .remove_name_section(!keep_names)
            .remove_producers_section(!keep_names)
            .omit_default_module_path(false)
            .generate(out)
    })();
    bound.map_err(|error| Error::Check(format!("wasm-bindgen refused the widget: {error:#}")))
}

/// A fully static subtree in `view!` becomes `innerHTML`, which throws under Trusted Types and
/// leaves the widget blank. Better found here than on somebody's page.
fn refuse_inner_html(glue: &Path) -> Result<()> {
    let text = fs::read_to_string(glue).doing_at("read", glue)?;
    if text.contains("innerHTML") {
        return Err(Error::Check(
            "the widget uses innerHTML, which pages with Trusted Types forbid: some `view!` holds \
             a fully static subtree; make one part of it dynamic"
                .into(),
        ));
    }
    Ok(())
}

/// wasm-opt in place. `keep_names` is for weighing, not for publishing.
pub(crate) fn optimise(workspace: &Workspace, module: &Path, keep_names: bool) -> Result<()> {
    let tool = workspace.npm().join("node_modules/.bin/wasm-opt");
    if !tool.exists() {
        return Err(Error::Missing("wasm-opt is missing: web/npm/package.json should list npm's binaryen".into()));
    }
    Run::new("wasm-opt", tool).args(WASM_OPT).args(keep_names.then_some("-g")).arg(module).arg("-o").arg(module).quiet()
}

/// The release module with its names, optimised: what `size` weighs crate by crate.
pub(crate) fn named_release(workspace: &Workspace) -> Result<PathBuf> {
    let compiled = compile(workspace, Mode::Release)?;
    npm::ensure_packages(&workspace.npm())?;
    let out = workspace.scratch("wasm").join("named");
    let module = out.join(format!("{OUT_NAME}_bg.wasm"));
    let input = fs::read(&compiled).doing_at("read", &compiled)?;
    let stamp = Stamp::new(&out, [&input[..]]);
    if !stamp.is_current() {
        let _ = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).doing_at("make", &out)?;
        run_bindgen(input, true, &out)?;
        optimise(workspace, &module, true)?;
        stamp.keep()?;
    }
    Ok(module)
}

/// Puts module and glue into `dist` and lets the npm package build itself around them.
fn package(workspace: &Workspace, bound: &Path) -> Result<()> {
    let npm = workspace.npm();
    let dist = workspace.dist();
    if !npm.join("package.json").is_file() {
        return Err(Error::Missing("web/npm/package.json is missing: this checkout has no npm package".into()));
    }
    let mut inputs = Vec::new();
    collect(&npm, &mut inputs)?;
    collect(bound, &mut inputs)?;
    let stamp = Stamp::of_files(&dist, &inputs)?;
    if stamp.is_current() {
        return Ok(());
    }
    place(bound, &dist)?;
    setup::announce("npm run build");
    Run::new("npm run build in web/npm", "npm").args(["run", "--silent", "build"]).dir(&npm).quiet()?;
    // The build may have started by emptying `dist`.
    place(bound, &dist)?;
    stamp.keep()
}

fn place(bound: &Path, dist: &Path) -> Result<()> {
    fs::create_dir_all(dist).doing_at("make", dist)?;
    for ending in [".js", ".d.ts", "_bg.wasm", "_bg.wasm.d.ts"] {
        let name = format!("{OUT_NAME}{ending}");
        let from = bound.join(&name);
        if from.exists() {
            fs::copy(&from, dist.join(&name)).doing_at("copy", &from)?;
        }
    }
    // The crate's own scripts, which the glue imports; the bundle takes them in.
    let (from, to) = (bound.join(SNIPPETS), dist.join(SNIPPETS));
    let _ = fs::remove_dir_all(&to);
    if from.exists() {
        let mut scripts = Vec::new();
        collect(&from, &mut scripts)?;
        for script in scripts {
            let place = to.join(script.strip_prefix(&from).unwrap_or(&script));
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).doing_at("make", folder)?;
            }
            fs::copy(&script, &place).doing_at("copy", &script)?;
        }
    }
    Ok(())
}

/// Every file below `folder`, in a fixed order, without what installing and building put there.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).doing_at("read", folder)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if name != "node_modules" && name != "dist" {
                collect(&path, files)?;
            }
        } else if name != Stamp::NAME {
            files.push(path);
        }
    }
    Ok(())
}

/// Says whether a folder was made from just these inputs.
struct Stamp {
    file: PathBuf,
    digest: String,
}

impl Stamp {
    const NAME: &str = ".made-from";

    fn new<'a>(folder: &Path, inputs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for input in inputs {
            hash.update((input.len() as u64).to_le_bytes());
            hash.update(input);
        }
        Self { file: folder.join(Self::NAME), digest: npm::hex(&hash.finalize()) }
    }

    fn of_files(folder: &Path, files: &[PathBuf]) -> Result<Self> {
        let mut parts = Vec::new();
        for file in files {
            parts.push(file.to_string_lossy().into_owned().into_bytes());
            parts.push(fs::read(file).doing_at("read", file)?);
        }
        Ok(Self::new(folder, parts.iter().map(Vec::as_slice)))
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|was| was == self.digest)
    }

    fn keep(&self) -> Result<()> {
        fs::write(&self.file, &self.digest).doing_at("write", &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_again_when_any_input_changes() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp::new(folder.path(), [&b"ab"[..], b"c"]);
        assert!(!stamp.is_current());
        stamp.keep().unwrap();
        assert!(Stamp::new(folder.path(), [&b"ab"[..], b"c"]).is_current());
        assert!(!Stamp::new(folder.path(), [&b"a"[..], b"bc"]).is_current());
    }

    #[test]
    fn glue_with_inner_html_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let glue = folder.path().join("glue.js");
        fs::write(&glue, "x.textContent = 1").unwrap();
        assert!(refuse_inner_html(&glue).is_ok());
        fs::write(&glue, "x.innerHTML = 1").unwrap();
        let error = refuse_inner_html(&glue).unwrap_err().to_string();
        assert!(error.contains("Trusted Types"), "{error}");
    }
}
