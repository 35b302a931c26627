//! The guides, followed by a machine: every `sh` block of the page, in one shell, from top to bottom.

use crate::process::{PROGRAM, built};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn an_agent_gets_read_access_as_the_guide_says() {
    let guide = include_str!("../../../docs/give-an-agent-read-access.md");
    let blocks = blocks(guide, "sh");
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

/// The blocks of a page that are labelled so.
fn blocks<'a>(page: &'a str, label: &str) -> Vec<&'a str> {
    page.split(&format!("```{label}\n")).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// What a setting of a unit says; the first, if there are several.
fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines.into_iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("the unit lacks {name}")).1
}

#[test]
fn the_server_that_the_page_describes_is_one_that_starts() {
    let page = include_str!("../../../docs/run-the-signer.md");
    let (policy, unit, proxy) = (blocks(page, "toml")[0], blocks(page, "ini")[0], blocks(page, "nginx")[0]);

    // Unit, policy and commands speak of the same files, user and address.
    let command: Vec<&str> = setting(unit, "ExecStart").split(' ').collect();
    assert_eq!(&command[..3], ["/usr/local/bin/updock-signer", "serve", "--config"]);
    let file = command[3];
    let (secret, secret_file) = setting(unit, "LoadCredential").split_once(':').unwrap();
    let given = format!("/run/credentials/updock-signer.service/{secret}");
    assert!(policy.contains(&format!("file = \"{given}\"")), "{policy}");
    let state = format!("/var/lib/{}", setting(unit, "StateDirectory"));
    assert!(policy.contains(&format!("sqlite = \"{state}/")), "{policy}");
    let listen = policy.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"');
    assert!(proxy.contains(&format!("server {listen};")), "{proxy}");

    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (own_file, own_secret) = (here("policy.toml"), here("uploadcare"));
    fs::write(&own_secret, "demosecretkey\n").unwrap();
    fs::set_permissions(&own_secret, fs::Permissions::from_mode(0o440)).unwrap();

    let shown = blocks(page, "console").join("\n");
    let asked = shown.lines().filter_map(|line| line.trim_start_matches("sudo ").strip_prefix("updock-signer "));
    let mut made = String::new();
    for line in asked {
        let ours = line.replace(file, &own_file).replace(secret_file, &own_secret);
        let mut arguments: Vec<&str> = ours.split(' ').collect();
        let makes = arguments[0] == "init";
        if !makes {
            arguments.push("--help");
        }
        let output = Command::new(PROGRAM).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        if makes {
            made = fs::read_to_string(&own_file).unwrap();
        }
    }
    // What the page shows, and of what `init` wrote the rest.
    let agents = &made[made.find("[agents.").unwrap()..];
    let policy = policy.replace(&given, &own_secret).replace(&state, folder.path().to_str().unwrap());
    fs::write(&own_file, format!("{policy}\n\n{agents}")).unwrap();
    fs::set_permissions(&own_file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = Command::new(PROGRAM).args(["check", "--config", &own_file]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Commands as pages show them: each line of an `sh` block that begins with the program's name.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let lines =
        blocks(page, "sh").into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("updock-signer "));
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
        ("receipts.md", include_str!("../../../docs/receipts.md")),
        ("metrics-and-traces.md", include_str!("../../../docs/metrics-and-traces.md")),
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
