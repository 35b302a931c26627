//! `bench signer`: the signer's figures, as ratios to the same upstream asked directly and through nginx, with their
//! limits. What is measured and how is in `signer-backend/benches/signer.rs`; this only sees to nginx and lets a crowd in.

use crate::bench_local::let_a_crowd_in;
use crate::error::Result;
use crate::process::{Run, on_path};
use crate::setup::debian;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let_a_crowd_in()?;
    if on_path("nginx").is_none() && debian::can_install() {
        debian::install(&["nginx-light"])?;
    }
    Run::cargo("the signer's benchmark")
        .args(["bench", "--package", "updock-signer", "--bench", "signer"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}
