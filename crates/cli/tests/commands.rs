//! The command `updock` as it is run: arguments in, standard output and exit code out, against `updock-local`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use updock_local::{Config, Effect, Fault, LocalUploadcare, RemoteStorage, Reset};

const SECRET: &str = "demosecretkey";
const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The one line of JSON of a success.
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{}", self.out);
        lines.remove(0)
    }
}

struct Service {
    local: LocalUploadcare,
    folder: tempfile::TempDir,
}

async fn service() -> Service {
    service_with(Config::default()).await
}

async fn service_with(config: Config) -> Service {
    let config = Config { job_time: Duration::ZERO, private_urls: true, ..config };
    let local = LocalUploadcare::with(config).await.unwrap();
    Service { local, folder: tempfile::tempdir().unwrap() }
}

fn updock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updock"));
    for variable in ["UPLOADCARE_PUBLIC_KEY", "UPLOADCARE_SECRET_KEY", "UPDOCK_BASE_URL"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn ran(command: &mut Command) -> Ran {
    let ended = tokio::time::timeout(Duration::from_secs(100), command.output()).await.expect("it ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: ended.status.code().unwrap_or(-1), out: text(ended.stdout), err: text(ended.stderr) }
}

impl Service {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = updock();
        command.args(arguments).current_dir(self.folder.path());
        command.args(["--public-key", "demopublickey", "--base-url", &self.local.base_url()]);
        command.env("UPDOCK_STATE_DIR", self.folder.path().join("state"));
        command
    }

    /// With the secret key.
    async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).env("UPLOADCARE_SECRET_KEY", SECRET)).await
    }

    /// With the secret key and `--json`.
    async fn json(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &["--json"]].concat()).await
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        self.write(name, bytes);
        self.json(&["upload", name]).await.json()["uuid"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_with_nothing_but_the_public_key() {
    let service = service().await;
    service.write("cat.txt", b"meow");
    let ran = ran(&mut service.command(&["upload", "cat.txt"])).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let (uuid, rest) = ran.out.split_once("  ").unwrap();
    assert_eq!(rest, format!("cat.txt  {}/{uuid}/\n", service.local.base_url()));
    assert!(ran.err.is_empty(), "progress is for terminals: {}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_go_with_what_is_said_about_them_and_each_failure_is_told() {
    let service = service().await;
    service.write("a.txt", b"meow");
    service.write("large.bin", &vec![7; 11_000_000]);
    let arguments = [
        "upload",
        "a.txt",
        "nothing.txt",
        "large.bin",
        "--store",
        "no",
        "--metadata",
        "pet=cat",
        "--tag",
        "Cute",
        "--multipart-threshold",
        "10MB",
        "--json",
    ];
    let ran = service.run(&arguments).await;
    assert_eq!(ran.code, 6, "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines.iter().map(|line| line["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a.txt", "large.bin"]);
    assert!(ran.err.contains("nothing.txt: it cannot be opened"), "{}", ran.err);
    let errors: Vec<Value> = ran.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(errors.len(), 2, "the file, and the sum: {}", ran.err);
    for line in &lines {
        let info = service.json(&["info", line["uuid"].as_str().unwrap()]).await.json();
        assert_eq!((&info["metadata"]["pet"], &info["tags"][0]), (&"cat".into(), &"cute".into()), "{info}");
        assert!(info["datetime_stored"].is_null());
    }
    let parts = service.local.requests().iter().filter(|request| request.operation == Some("part")).count();
    assert_eq!(parts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_what_passes() {
    let fault = |operation: &str, count, effect| Fault {
        operation: Some(operation.to_owned()),
        count: Some(count),
        effect,
        ..Fault::default()
    };
    let faults = vec![
        fault("part", 2, Effect { status: Some(503), ..Effect::default() }),
        fault("uploads.multipart_complete", 1, Effect { reset: Some(Reset::BeforeAnswer), ..Effect::default() }),
    ];
    let service = service_with(Config { faults, ..Config::default() }).await;
    let uuid = service.upload("large.bin", &vec![7; 30_000_000]).await;
    assert_eq!(service.json(&["info", &uuid]).await.json()["size"], 30_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_uploads_need_the_secret_key_and_say_so() {
    let service = service_with(Config { signed_uploads: true, ..Config::default() }).await;
    service.write("a.txt", b"meow");
    let refused = ran(&mut service.command(&["upload", "a.txt"])).await;
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("set UPLOADCARE_SECRET_KEY"), "{}", refused.err);
    for how in ["token", "signature"] {
        assert_eq!(service.run(&["upload", "a.txt", "--sign-uploads", how]).await.code, 0, "{how}");
    }
    service.write("key", format!("{SECRET}\n").as_bytes());
    assert_eq!(ran(&mut service.command(&["upload", "a.txt", "--secret-key-file", "key"])).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_exit_code_and_a_next_step() {
    let service = service().await;
    for (arguments, code, words) in [
        (&["info", NOBODY][..], 4, "check the id"),
        (&["info", "nope"], 2, "not a file UUID"),
        (&["search"], 2, "what to search for?"),
        (&["hooks", "update", "7"], 2, "what to change?"),
        (&["group", "rm", "00000000-0000-4000-8000-000000000000~2"], 4, "check the id"),
        (&["upload", "."], 1, "it is a directory"),
        (&["ls", "--secret-key-file", "nothing"], 3, "nothing"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ] {
        let ran = service.run(arguments).await;
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains(SECRET));
    }
    let agent = "updock_live_8Kq2mZ7Rb1_s3cr3t";
    for (arguments, key, words) in [
        // Nothing listens at either address, and nothing is asked whether something does.
        (["ls", "--rest-base-url", "http://192.0.2.1/"], agent, "an agent key is not sent to http://192.0.2.1/"),
        (["ls", "--rest-base-url", "https://api.uploadcare.com/"], agent, "is not sent to https://api.uploadcare.com/"),
        (
            ["upload", "a.txt", "--rest-base-url=http://192.0.2.1/"],
            agent,
            "an agent key is not sent to http://192.0.2.1/",
        ),
        (["ls", "--limit", "1"], "updock_live_", "not a whole agent key"),
    ] {
        let ran = ran(service.command(&arguments).env("UPLOADCARE_SECRET_KEY", key)).await;
        assert_eq!(ran.code, 3, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words) && !ran.err.contains(agent), "{arguments:?}: {}", ran.err);
    }
    let keyless = ran(&mut service.command(&["ls"])).await;
    assert_eq!((keyless.code, keyless.err.contains("--secret-key-file")), (3, true), "{}", keyless.err);
    let wrong = ran(service.command(&["ls", "--json"]).env("UPLOADCARE_SECRET_KEY", "another")).await;
    let told: Value = serde_json::from_str(&wrong.err).unwrap();
    assert_eq!((wrong.code, &told["exit_code"]), (3, &3.into()), "{}", wrong.err);
    assert!(told["hint"].as_str().unwrap().contains("UPLOADCARE_SECRET_KEY"), "{told}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away =
        ran(updock().args(["group", "create", NOBODY, "--public-key", "k", "--base-url", &format!("http://{closed}")]))
            .await;
    assert_eq!(away.code, 5, "{}", away.err);
    let nobody = ran(updock().args(["upload", "x"])).await;
    assert_eq!((nobody.code, nobody.err.contains("UPLOADCARE_PUBLIC_KEY")), (3, true), "{}", nobody.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_searched_stored_and_removed() {
    let service = service().await;
    let mut files = Vec::new();
    for name in ["sunset-a.txt", "sunset-b.txt", "other.txt"] {
        files.push(service.upload(name, b"meow").await);
    }
    let uuids =
        |ran: &Ran| ran.lines().iter().map(|line| line["uuid"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let listed = service.json(&["ls", "--newest", "--limit", "2"]).await;
    assert_eq!(uuids(&listed), [files[2].clone(), files[1].clone()]);
    assert!(service.run(&["ls"]).await.out.lines().next().unwrap().ends_with("stored     sunset-a.txt"));
    let mut found = uuids(&service.json(&["search", "sunset", "--smaller", "1MB", "--image", "no"]).await);
    found.sort();
    let mut expected = files[..2].to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let stored = service.json(&["store", &files[0], &files[1], &files[0]]).await;
    assert_eq!((stored.code, stored.lines().len()), (0, 2), "{}", stored.err);
    let removed = service.run(&["rm", &files[0], NOBODY]).await;
    assert_eq!(removed.code, 6, "{}", removed.err);
    assert!(removed.err.contains("Missing in the project"), "{}", removed.err);
    assert_eq!(uuids(&service.json(&["ls", "--removed"]).await), [files[0].clone()]);
    assert_eq!(service.json(&["project"]).await.json()["pub_key"], "demopublickey");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_groups_are_read_and_written() {
    let service = service().await;
    let file = service.upload("a.txt", b"meow").await;
    let file = file.as_str();
    assert_eq!(service.run(&["meta", "set", file, "pet=cat", "album=summer sunset"]).await.code, 0);
    assert_eq!(service.run(&["meta", "get", file]).await.out, "album=summer sunset\npet=cat\n");
    assert_eq!(service.run(&["meta", "get", file, "pet"]).await.out, "cat\n");
    assert_eq!(service.run(&["meta", "rm", file, "pet"]).await.code, 0);
    assert_eq!(service.run(&["meta", "get", file, "pet"]).await.code, 4);
    assert_eq!(service.json(&["tags", file, "--set", "cat", "--set", "cute"]).await.json()["tags"][1], "cute");
    assert_eq!(service.json(&["tags", file, "--add", "dog", "--rm", "cat"]).await.json()["deleted"][0], "cat");
    assert_eq!(service.run(&["tags", file]).await.out, "cute\ndog\n");
    assert_eq!(service.json(&["tags", file, "--clear"]).await.json()["tags"], serde_json::json!([]));

    let group = service.json(&["group", "create", file]).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(service.json(&["group", "ls"]).await.json()["id"], group.as_str());
    assert!(service.run(&["group", "info", &group]).await.out.contains(file));
    assert!(service.run(&["info", &group]).await.out.contains(file));
    assert_eq!(service.run(&["group", "rm", &group]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_and_fetched() {
    let outside = tempfile::tempdir().unwrap();
    let storage = RemoteStorage::parse(&format!("archive={}", outside.path().display())).unwrap();
    let service = service_with(Config { remote_storages: vec![storage], ..Config::default() }).await;
    let file = service.upload("a.txt", b"meow").await;
    let copy = service.json(&["copy", "local", &file, "--store", "--metadata", "pet=cat"]).await.json();
    assert_eq!(copy["metadata"]["pet"], "cat");
    let out = service.run(&["copy", "remote", &file, "archive"]).await;
    assert_eq!(out.out, format!("s3://archive/{file}/a.txt\n"), "{}", out.err);
    assert!(Path::new(outside.path()).join(&file).join("a.txt").is_file());
    let url = format!("{}/{file}/", service.local.base_url());
    let fetched = service.json(&["from-url", &url, "--name", "b.txt"]).await.json();
    assert_eq!((&fetched["original_filename"], &fetched["size"]), (&"b.txt".into(), &4.into()));
    let lost = service.run(&["from-url", &format!("{}/{NOBODY}/", service.local.base_url())]).await;
    assert_eq!((lost.code, lost.err.contains("404")), (1, true), "{}", lost.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_run_to_their_end() {
    let service = service().await;
    let clean = service.upload("a.txt", b"meow").await;
    let infected = service.upload("b.txt", EICAR.as_bytes()).await;
    assert_eq!(service.run(&["scan", &clean]).await.out, format!("{clean}  clean\n"));
    let scanned = service.json(&["scan", &infected]).await;
    assert_eq!((scanned.code, &scanned.lines()[0]["infected"]), (1, &true.into()), "{}", scanned.err);
    let both = service.run(&["scan", &clean, &infected, "--purge"]).await;
    assert_eq!((both.code, both.err.contains("it is removed")), (6, true), "{}", both.err);
    let started = service.json(&["addon", "run", "virus-scan", &clean, "--no-wait"]).await.json();
    let request = started["request_id"].as_str().unwrap();
    let status = service.json(&["addon", "status", "virus-scan", request]).await.json();
    assert!(["in_progress", "done"].contains(&status["status"].as_str().unwrap()), "{status}");

    assert!(service.run(&["convert", "formats", &clean]).await.out.contains("pdf"));
    let done = service.json(&["convert", "document", &clean, "--to", "pdf"]).await.json();
    assert_eq!(done["finished"], true);
    let refused = service.run(&["convert", "document", NOBODY]).await;
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("Bad path"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_managed_and_their_secrets_never_shown() {
    let service = service().await;
    service.write("secret", b"s3cr3t\n");
    let target = "http://127.0.0.1:9/hook";
    let create = ["hooks", "create", target, "--event", "file.stored", "--inactive", "--signing-secret-file", "secret"];
    let made = service.json(&create).await;
    assert_eq!(made.json()["signed"], true);
    let id = made.json()["id"].to_string();
    let listed = service.run(&["hooks", "ls"]).await;
    assert!(listed.out.contains("file.stored") && listed.out.contains(target), "{}", listed.out);
    assert!(!format!("{}{}", made.out, listed.out).contains("s3cr3t"));
    let changed = service.json(&["hooks", "update", &id, "--event", "file.deleted"]).await.json();
    assert_eq!(changed["event"], "file.deleted");
    assert_eq!(service.run(&["hooks", "rm", &id]).await.code, 0);
    assert_eq!(service.run(&["hooks", "rm", &id]).await.code, 4);
    assert_eq!(service.run(&["hooks", "rm", target]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn help_teaches_by_examples() {
    for arguments in [&["--help"][..], &["upload", "--help"], &["search", "--help"], &["convert", "video", "--help"]] {
        let help = ran(updock().args(arguments)).await;
        assert_eq!(help.code, 0);
        assert!(help.out.contains("updock ") && help.out.contains("xample"), "{arguments:?}: {}", help.out);
    }
    let why = ran(updock().args(["ls", "--help"])).await;
    assert!(why.out.contains("arguments are shown to every user"), "{}", why.out);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_breaks_off_at_once() {
    let slow = Effect { delay: Some(Duration::from_mins(1)), ..Effect::default() };
    let faults = vec![Fault { operation: Some("part".to_owned()), effect: slow, ..Fault::default() }];
    let service = service_with(Config { faults, ..Config::default() }).await;
    service.write("large.bin", &vec![7; 30_000_000]);
    let mut command = service.command(&["upload", "large.bin"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let parts = || service.local.requests().iter().filter(|request| request.operation == Some("part")).count();
    while parts() < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(5), child.wait_with_output()).await.expect("at once").unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(parts() <= 8, "no part is sent twice, and no more than fly at once: {}", parts());
}
