//! The guides, followed by a machine: every `sh` block of the page, in one shell, from top to bottom.

use crate::process::{PROGRAM, built};
use std::path::PathBuf;
use std::process::Command;

#[test]
fn an_agent_gets_read_access_as_the_guide_says() {
    let guide = include_str!("../../../docs/give-an-agent-read-access.md");
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let programs = [built("updock-local", "updock-local"), built("updock-cli", "updock"), PathBuf::from(PROGRAM)];
    let programs = programs.map(|program| program.parent().unwrap().display().to_string());
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

/// Commands as pages show them: each line of an `sh` block that begins with the program's name.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("updock-signer "));
    let inline = page.split('`').skip(1).step_by(2).filter(|span| span.contains(" --config "));
    let lines = lines.chain(inline.filter_map(|span| span.strip_prefix("updock-signer ")));
    lines.map(|line| line.split(['>', '|', '#']).next().unwrap().split_whitespace().collect()).collect()
}

#[test]
fn the_commands_that_pages_show_are_commands() {
    let mut seen = 0;
    for (page, text) in [
        ("audit.md", include_str!("../../../docs/audit.md")),
        ("policy.md", include_str!("../../../docs/policy.md")),
        ("webhooks.md", include_str!("../../../docs/webhooks.md")),
        ("operations.md", include_str!("../../../docs/operations.md")),
        ("README.md", include_str!("../../README.md")),
    ] {
        for arguments in commands(text) {
            seen += 1;
            // Everything before it is read first, and what is not known ends it there.
            let output = Command::new(PROGRAM).args(&arguments).arg("--help").output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}: {arguments:?}: {told}");
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn the_policy_file_may_be_named_before_and_after_what_is_asked() {
    for (area, asked) in [
        ("policy", &["check"][..]),
        ("policy", &["explain", "media", "files.list"]),
        ("audit", &["verify"]),
        ("audit", &["search", "--caller", "media"]),
        ("webhooks", &["dead"]),
        ("webhooks", &["sync"]),
        ("receipts", &["verify", "x"]),
        ("keys", &["list"]),
        ("keys", &["issue", "--agent", "media"]),
    ] {
        let file = &["--config", "nowhere.toml"][..];
        for arguments in [[&[area], file, asked].concat(), [&[area], asked, file].concat()] {
            let output = Command::new(PROGRAM).args(&arguments).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("there is no policy at nowhere.toml"), "{arguments:?}: {told}");
        }
    }
}
