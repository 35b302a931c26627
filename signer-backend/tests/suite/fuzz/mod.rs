//! Fuzzing of everything that reads what others wrote: paths and bodies of requests, whole requests as bytes, webhooks,
//! what Uploadcare answers, policy files, keys, and the audit log.
//!
//! A test run takes some hundred cases of each from a fixed seed; `cargo xtask fuzz --what signer --minutes 60` takes as
//! long as it is told. What fails is made smaller and saved in `regressions/`, where every test run tries it again.

mod requests;
mod run;
mod texts;

/// `cargo xtask fuzz` asks for the targets by name.
#[test]
fn xtask_knows_every_target() {
    let asked = include_str!("../../../../crates/xtask/src/fuzz.rs");
    for (module, source) in [("requests", include_str!("requests.rs")), ("texts", include_str!("texts.rs"))] {
        for test in source.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap();
            assert!(asked.contains(&format!("\"fuzz::{module}::{name}\"")), "{module}::{name}");
        }
    }
}
