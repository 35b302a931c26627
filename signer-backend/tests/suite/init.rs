//! `updock-signer init`: a first policy, and the gateway it makes.

use crate::http_client::send;
use crate::process::{PROGRAM, Running};
use crate::stage::bearer;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use updock_local::LocalUploadcare;

const SECRET: &str = "demosecretkey";
const POLICY: &str = "updock-signer.toml";

/// `init` in `directory`, with the two variables set.
fn init(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("init")
        .args(arguments)
        .current_dir(directory)
        .env("UPLOADCARE_PUBLIC_KEY", "demopublickey")
        .env("UPLOADCARE_SECRET_KEY", SECRET)
        .env_remove("UPDOCK_BASE_URL")
        .stdin(Stdio::null());
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// As a person does it on a machine with the two variables set: both commands, and nothing else.
#[tokio::test]
async fn init_and_serve_give_a_working_closed_gateway_in_under_a_minute() {
    let start = Instant::now();
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut init = init(folder.path(), &["--listen", "127.0.0.1:0"]);
    let output = init.env("UPDOCK_BASE_URL", local.base_url()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let key = std::str::from_utf8(&output.stdout).unwrap().trim();
    assert!(told(&output).contains("Next: updock-signer serve\n"), "{}", told(&output));

    let mut serve = tokio::process::Command::new(PROGRAM);
    serve.arg("serve").current_dir(folder.path()).env("UPLOADCARE_SECRET_KEY", SECRET).env("UPDOCK_LOG", "off");
    let running = Running::of(serve).await;
    let secret = bearer(SECRET);
    let agent = bearer(key);
    for (authorization, method, target, expected) in [
        (Some(&agent), "GET", "/v1/uploadcare/project/", 200),
        (Some(&agent), "GET", "/project/", 200),
        (Some(&agent), "GET", "/v1/uploadcare/files/", 403),
        (Some(&agent), "GET", "/v1/uploadcare/groups/", 403),
        (Some(&agent), "GET", "/v1/uploadcare/webhooks/", 403),
        (Some(&agent), "GET", "/v1/upload-policy", 403),
        (Some(&agent), "POST", "/v1/upload-credentials", 403),
        (Some(&agent), "GET", "/v1/audit", 403),
        (Some(&secret), "GET", "/v1/uploadcare/project/", 401),
        (None, "GET", "/v1/uploadcare/project/", 401),
        (None, "POST", "/v1/upload-credentials", 401),
        (None, "GET", "/readyz", 200),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let reply = send(&running.base, method, target, &headers, "").await;
        assert_eq!(reply.status, expected, "{method} {target}: {:?}", reply.body);
    }
    assert!(start.elapsed() < Duration::from_mins(1), "it took {:?}", start.elapsed());

    let policy = fs::read_to_string(folder.path().join(POLICY)).unwrap();
    assert!(!policy.contains(key) && !policy.contains(SECRET), "a secret stands in the policy");
    for name in [POLICY, "updock-signer.db"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn a_policy_that_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join(POLICY);
    fs::write(&policy, "mine").unwrap();
    let output = init(folder.path(), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("updock-signer.toml is there already, and stays as it is"), "{}", told(&output));
    assert!(output.stdout.is_empty(), "a key was made for nothing");
    assert_eq!(fs::read_to_string(&policy).unwrap(), "mine");
    // Also where only a link is there, to something that is not.
    fs::remove_file(&policy).unwrap();
    std::os::unix::fs::symlink("elsewhere", &policy).unwrap();
    assert_eq!(init(folder.path(), &[]).output().unwrap().status.code(), Some(1));
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn flags_become_lines_of_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), SECRET).unwrap();
    fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let flags = "--config p.toml --agent media-bot --grant files=read --grant metadata=write \
                 --origin https://app.example.com --secret-file key --base-url http://127.0.0.1:9 --json";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let output = init(folder.path(), &flags).env_remove("UPLOADCARE_SECRET_KEY").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((said["policy"].as_str(), said["agent"].as_str()), (Some("p.toml"), Some("media-bot")));
    assert!(said["key"].as_str().unwrap().starts_with("updock_live_"));
    let check =
        Command::new(PROGRAM).args(["check", "--config", "p.toml"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(
        String::from_utf8(check.stdout).unwrap(),
        "p.toml is good. Project demopublickey, REST API at http://127.0.0.1:9/\n\
         Visitors from https://app.example.com may upload.\n\
         Agent Media bot (media-bot) is granted files: read, metadata: write.\n"
    );
}

#[test]
fn what_cannot_be_a_policy_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, without, expected) in [
        (&[][..], Some("UPLOADCARE_SECRET_KEY"), "UPLOADCARE_SECRET_KEY is not set; set it"),
        (&[], Some("UPLOADCARE_PUBLIC_KEY"), "which project? Set UPLOADCARE_PUBLIC_KEY"),
        (&["--agent", "Media"], None, "an agent's id has 1 to 40 small letters"),
        (&["--agent", "a]\n[agents.b"], None, "nothing was written"),
        (&["--agent", "Bad Name"], None, "because of --agent: an agent's id has 1 to 40 small letters"),
        (&["--agent", "visitor"], None, "and is not `visitor`"),
        (&["--name", "Media\"\nfiles = \"full"], None, "an agent's name has 1 to 64 letters"),
        (&["--grant", "files=everything"], None, "known are off, read, write, full"),
        (&["--grant", "files=off"], None, "no agent is granted anything"),
        (&["--grant", "files=read", "--grant", "files=full"], None, "nothing was written"),
        (&["--origin", "*"], None, "this is not an exact origin"),
        (&["--listen", "0.0.0.0:3001"], None, "cannot know by which name agents reach it"),
        (&["--base-url", "http://10.0.0.1:3000"], None, "plain http would let others"),
        (&["--secret-file", "/nowhere"], None, "the secret file /nowhere cannot be read"),
        (&["--config", "/nowhere/p.toml"], None, "/nowhere/p.toml cannot be written"),
    ] {
        let mut command = init(folder.path(), arguments);
        if let Some(name) = without {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(told(&output).contains(expected), "{arguments:?}: {}", told(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}: a key was told");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}: something was written");
    }
}

/// The terminal is a real one, made by `script`.
#[test]
fn on_a_terminal_it_asks_for_what_no_flag_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("answers"), "media\nfiles=reed\nfiles=read\n\n").unwrap();
    let output = init(folder.path(), &[]);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{PROGRAM} init"), "/dev/null"]);
    for (name, value) in output.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        script.env(name, value);
    }
    let answers = fs::File::open(folder.path().join("answers")).unwrap();
    let output = script.current_dir(folder.path()).stdin(answers).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for expected in [
        "Id of the first agent, a program with a key of its own [agent]:",
        "no such level; known are off",
        "updock_live_",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let policy = fs::read_to_string(folder.path().join(POLICY)).unwrap();
    assert!(
        policy.contains("[agents.media]\nname = \"Media\"\n") && policy.contains("\nfiles = \"read\"\n"),
        "{policy}"
    );
    assert!(!policy.contains("visitors"), "{policy}");
}

#[test]
fn without_a_policy_the_commands_say_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "check"] {
        let output = Command::new(PROGRAM).arg(command).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let expected = "there is no policy at updock-signer.toml; write a first one with `updock-signer init`";
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
}
