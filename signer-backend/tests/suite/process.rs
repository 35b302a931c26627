//! The program itself: what it prints, how it ends, what it makes.

use crate::stage::{PAGE, bearer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_updock-signer");
const PATIENCE: Duration = Duration::from_secs(10);

/// A program of another package, as the workspace builds it; built now if this crate is tested alone.
pub(crate) fn built(package: &str, name: &str) -> PathBuf {
    let folder = Path::new(PROGRAM).parent().unwrap();
    let program = folder.join(name);
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", package, "--target-dir"]).arg(folder.parent().unwrap());
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{package} cannot be built");
    }
    program
}

/// A policy file and its secret file in `directory`.
pub(crate) fn write_policy(directory: &Path, secret: &str, rest: &str, more: &str) -> String {
    let key = directory.join("secret");
    fs::write(&key, secret).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let policy = directory.join("policy.toml");
    let text = format!(
        "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ file = \"secret\" }}\n\
         [upstream]\nrest = \"{rest}\"\n{more}\n"
    );
    fs::write(&policy, text).unwrap();
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
    policy.to_str().unwrap().to_owned()
}

/// A running program and where it listens.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) base: String,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) async fn start(policy: &str, log: &str) -> Self {
        Self::start_at(policy, log, "127.0.0.1:0").await
    }

    pub(crate) async fn start_at(policy: &str, log: &str, address: &str) -> Self {
        let mut command = tokio::process::Command::new(PROGRAM);
        command.args(["serve", "--config", policy, "--listen", address]).env("UPDOCK_LOG", log);
        Self::of(command).await
    }

    /// What this command starts.
    pub(crate) async fn of(mut command: tokio::process::Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("it did not start");
        let base = first.strip_prefix("updock-signer is listening on ").expect("the first line says where").to_owned();
        Self { child, base, lines }
    }

    pub(crate) async fn next_line(&mut self) -> String {
        timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap().expect("another line")
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(tokio::process::Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).env_remove("UPLOADCARE_SECRET_KEY").output().unwrap()
}

#[tokio::test]
async fn it_says_where_it_listens_and_tells_each_decision_as_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let policy = write_policy(directory.path(), "demosecretkey\n", "http://127.0.0.1:9/", crate::stage::VISITORS);
    let mut running = Running::start(&policy, "off").await;
    let reply =
        crate::http_client::send(&running.base, "POST", "/v1/upload-credentials", &[("origin", PAGE)], "").await;
    assert_eq!(reply.status, 200);
    let line = running.next_line().await;
    let (at, sentence) = line.split_once("  ").unwrap();
    assert!(at.ends_with(" UTC") && at.len() == "2026-11-23 09:14:07 UTC".len(), "{line}");
    assert!(sentence.starts_with("Visitor from http://127.0.0.1:4000 was given an upload pass"), "{line}");
    assert!(sentence.ends_with(&format!("[{}]", reply.header("x-request-id").unwrap())), "{line}");
}

#[tokio::test]
async fn it_lets_a_running_request_finish_before_it_ends() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let policy = write_policy(directory.path(), "demosecretkey\n", "http://127.0.0.1:9/", crate::stage::VISITORS);
        let mut running = Running::start(&policy, "off").await;
        let address = running.base.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/upload-credentials HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\ncontent-type: application/json\r\n\
             expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // It asks for the body, so it is in the middle of the request.
        let mut go_on = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        assert!(go_on.starts_with(b"HTTP/1.1 100 "));
        running.signal(signal).await;
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(b"{}").await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(timeout(PATIENCE, running.child.wait()).await.unwrap().unwrap().success());
    }
}

#[test]
fn a_bad_policy_does_not_start_and_says_where_it_is_bad() {
    let directory = tempfile::tempdir().unwrap();
    let policy = write_policy(directory.path(), "s", "http://127.0.0.1:9/", "[uploads.visitors]\norigins = [\"*\"]");
    for command in ["serve", "check"] {
        let output = run(&[command, "--config", &policy]);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("policy.toml: line 8: this is not an exact origin: `*`"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn an_address_of_the_command_line_is_held_to_the_rules_of_the_policy() {
    let directory = tempfile::tempdir().unwrap();
    let (_, section) = crate::stage::agent("media", "files = \"read\"");
    let policy = write_policy(directory.path(), "s", "http://127.0.0.1:9/", &section);
    assert!(run(&["check", "--config", &policy]).status.success(), "without the flag it is good");
    // If it did start it would never end; the time limit turns that into a failure of this test.
    let output = Command::new("timeout")
        .args(["10", PROGRAM, "serve", "--config", &policy, "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("policy.toml: it listens on every address and cannot know"), "{told}");
}

#[test]
fn check_says_what_the_example_allows() {
    let directory = tempfile::tempdir().unwrap();
    let example = directory.path().join("policy.toml");
    // A checkout may be writable for a group, and is then no place for a policy.
    fs::write(&example, include_str!("../../examples/policy.toml")).unwrap();
    fs::set_permissions(&example, fs::Permissions::from_mode(0o600)).unwrap();
    let output = Command::new(PROGRAM)
        .args(["check", "--config", example.to_str().unwrap()])
        .env("UPLOADCARE_SECRET_KEY", "demosecretkey")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("Visitors from https://app.example.com, http://127.0.0.1:4000 may upload."), "{told}");
    assert!(
        told.contains("Agent Media agent (media) is granted files: read, uploads: write, project: read."),
        "{told}"
    );
}

#[tokio::test]
async fn a_new_key_works_with_the_line_that_is_printed_for_it() {
    let printed = String::from_utf8(run(&["keys", "new", "--agent", "media"]).stdout).unwrap();
    let key = printed.lines().next().unwrap();
    let line = printed.lines().last().unwrap();
    assert_eq!(printed.matches(key).count(), 1, "a key is shown once");
    let directory = tempfile::tempdir().unwrap();
    let agent = format!("[agents.media]\nname = \"Media agent\"\n{line}\nuploads = \"read\"");
    let policy = write_policy(directory.path(), "demosecretkey\n", "http://127.0.0.1:9/", &agent);
    let running = Running::start(&policy, "off").await;
    let headers = [("authorization", bearer(key))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = crate::http_client::send(&running.base, "GET", "/v1/upload-policy", &headers, "").await;
    assert_eq!(reply.status, 200);
    let simple = [("authorization", format!("Uploadcare.Simple demopublickey:{key}"))];
    let simple: Vec<_> = simple.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(crate::http_client::send(&running.base, "GET", "/v1/upload-policy", &simple, "").await.status, 200);
}
