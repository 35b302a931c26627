//! Where things are in this repository. Paths are spelled here and nowhere else.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the checkout through cargo's own variables, so that it works from any folder inside it.
    pub(crate) fn find() -> Self {
        let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
            .unwrap_or(Path::new("."))
            .to_path_buf();
        // Cargo reads a relative CARGO_TARGET_DIR against the folder it was called in.
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| env::current_dir().unwrap_or_default().join(dir));
        Self { root, target }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder; whatever xtask makes for itself also lives there.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A folder below `target` for one task's own files.
    pub(crate) fn scratch(&self, task: &str) -> PathBuf {
        self.target.join("xtask").join(task)
    }

    /// The npm package of the widget.
    pub(crate) fn npm(&self) -> PathBuf {
        self.root.join("web/npm")
    }

    /// What the npm package publishes and the demo page loads.
    pub(crate) fn dist(&self) -> PathBuf {
        self.npm().join("dist")
    }

    /// The demo page.
    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("web/demo")
    }

    /// The browser tests, which also drive `demo --check`.
    pub(crate) fn e2e(&self) -> PathBuf {
        self.root.join("tests/e2e")
    }

    /// The official SDKs' cases.
    pub(crate) fn conformance(&self) -> PathBuf {
        self.root.join("tests/conformance")
    }

    /// The fault matrix and what plays it in a browser.
    pub(crate) fn faults(&self) -> PathBuf {
        self.root.join("tests/faults")
    }

    /// The bare page and the driver of `bench`.
    pub(crate) fn bench(&self) -> PathBuf {
        self.root.join("tests/bench")
    }

    /// How much the widget may weigh.
    pub(crate) fn size_budget(&self) -> PathBuf {
        self.root.join("web/size-budget.toml")
    }
}
