//! The guides, followed by a machine: every `sh` block of the page, in one shell, from top to bottom.

use crate::process::PROGRAM;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stand-in's program, as the workspace builds it; built now if this crate is tested alone.
fn stand_in() -> PathBuf {
    let folder = Path::new(PROGRAM).parent().unwrap();
    let program = folder.join("updock-local");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", "updock-local", "--target-dir"]).arg(folder.parent().unwrap());
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "updock-local cannot be built");
    }
    program
}

#[test]
fn an_agent_gets_read_access_as_the_guide_says() {
    let guide = include_str!("../../../docs/give-an-agent-read-access.md");
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let programs = [stand_in(), PathBuf::from(PROGRAM)].map(|program| program.parent().unwrap().display().to_string());
    let path = format!("{}:{}", programs.join(":"), std::env::var("PATH").unwrap());
    // Whatever fails on the way, what was started must not stay.
    let script = format!(
        "trap 'kill $(cat pids.txt 2>/dev/null) 2>/dev/null || true' EXIT\nset -eu -o pipefail\n{}\n",
        blocks.join("\n")
    );
    let mut shell = Command::new("timeout");
    shell.args(["60", "bash", "-c", &script]).current_dir(folder.path()).env("PATH", path).env("UPDOCK_LOG", "warn");
    for name in ["UPLOADCARE_PUBLIC_KEY", "UPLOADCARE_SECRET_KEY", "UPDOCK_BASE_URL"] {
        shell.env_remove(name);
    }
    let output = shell.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for expected in
        ["Agent File reader (reader) is granted files: read.", "name = \"File reader\"", "\"missing\":\"files: full\""]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
