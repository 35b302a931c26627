//! The program: what it says, what it refuses, and how things get in and out of it.

use crate::{client::*, crash::Process};
use http::Method;
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};
use updock_local::{Config, Import, LocalUploadcare, Storage};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_updock-local"))
        .args(args)
        .env_remove("UPLOADCARE_SECRET_KEY")
        .env_remove("UPLOADCARE_PUBLIC_KEY")
        .env("RUST_LOG", "warn")
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn rest(http: &Http, method: Method, target: &str) -> Answer {
    let headers = [
        ("accept", "application/vnd.uploadcare-v0.7+json"),
        ("authorization", "Uploadcare.Simple demopublickey:demosecretkey"),
    ];
    http.send(method, target, &headers, "").await
}

/// What it said, which must be a success.
fn said(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Why it did not.
fn refused(args: &[&str]) -> String {
    let output = run(args);
    assert!(!output.status.success(), "{args:?} went well");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_refusal_does_not_repeat_a_secret() {
    let why = refused(&["serve", "--in-memory", "--remote-storage", "archive=s3+https:key:c4n4ry@host"]);
    assert!(why.contains("--remote-storage") && !why.contains("c4n4ry"), "{why}");
}

#[test]
fn its_help_shows_what_to_type() {
    let help = said(&["--help"]);
    for line in
        ["updock-local serve --in-memory", "updock-local export backup", "--scenario", "curl -F UPLOADCARE_PUB_KEY="]
    {
        assert!(help.contains(line), "{line} is not in\n{help}");
    }
    let help = said(&["serve", "--help"]);
    for line in ["bytes_per_second", "no_answer", "[[fault]]", "GET /_local/requests"] {
        assert!(help.contains(line), "{line} is not in\n{help}");
    }
    assert!(said(&["import", "--help"]).contains("updock-local import fixtures/"));
}

/// Each example of a fault in the help is one.
#[test]
fn the_faults_in_the_help_are_good() {
    let help = said(&["serve", "--help"]);
    let faults: Vec<&str> =
        help.lines().filter_map(|line| line.trim().strip_prefix("--fault '")?.strip_suffix('\'')).collect();
    assert_eq!(faults.len(), 3);
    for fault in faults {
        updock_local::Fault::parse_list(fault).unwrap();
    }
    let scenario = &help[help.find("[[fault]]").unwrap()..];
    let scenario = scenario.lines().take(5).map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(updock_local::Fault::parse_scenario(&scenario).unwrap().len(), 1, "{scenario}");
}

#[test]
fn it_does_not_listen_to_everybody_unless_told() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let why = refused(&["serve", "--in-memory", "--listen", address]);
        assert!(why.contains("can be reached from other machines") && why.contains("--public"), "{why}");
    }
    let why = refused(&["serve", "--in-memory", "--scenario", "/nowhere.toml"]);
    assert!(why.contains("cannot read /nowhere.toml"), "{why}");
}

#[tokio::test]
async fn what_is_exported_is_the_same_when_it_is_imported() {
    let directory = tempfile::tempdir().unwrap();
    let [data, backup, other] = ["data", "backup", "other"].map(|name| directory.path().join(name));
    let service = Process::start(&data);
    let cat = service.http.upload("../../кот \"1\".txt", "text/x-cat", b"meow").await;
    let form = Form::new().field("UPLOADCARE_STORE", "0").field("metadata[pet]", "dog").field("tags", "a,b");
    let dog = service.http.form("/base/", form.file("file", "dog.bin", "a/b", &bytes(300_000, 1))).await.uuid("file");
    let gone = service.http.upload("gone.txt", "text/plain", b"gone").await;
    rest(&service.http, Method::DELETE, &format!("/files/{gone}/storage/")).await;
    let before = rest(&service.http, Method::GET, "/files/").await.json();
    let why = refused(&["export", text(&backup), "--data-dir", text(&data)]);
    assert!(why.contains("another updock-local works in"), "{why}");
    service.kill();

    assert_eq!(
        said(&["export", text(&backup), "--data-dir", text(&data)]),
        format!("exported 2 files to {}\n", text(&backup))
    );
    assert_eq!(fs::read(backup.join(format!("files/{dog}/dog.bin"))).unwrap(), bytes(300_000, 1));
    assert_eq!(said(&["import", text(&backup), "--data-dir", text(&other)]), "imported 2 files\n");
    assert_eq!(
        said(&["import", text(&backup), "--data-dir", text(&other)]),
        "imported 0 files, 2 were there already\n"
    );
    let why = refused(&["export", text(&backup), "--data-dir", text(&data)]);
    assert!(why.contains("is not empty"), "{why}");

    let service = Process::start(&other);
    let after = rest(&service.http, Method::GET, "/files/").await.json();
    let [before, after] = [before, after].map(|page| {
        let mut files = page["results"].clone();
        for file in files.as_array_mut().unwrap() {
            for link in ["url", "original_file_url"] {
                file.as_object_mut().unwrap().remove(link); // another port
            }
        }
        files
    });
    assert_eq!(after, before);
    assert_eq!(service.http.get(&format!("/{cat}/")).await.text(), "meow");
}

#[tokio::test]
async fn any_directory_can_be_taken_in_before_serving() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = directory.path().join("fixtures");
    fs::create_dir_all(fixtures.join("deep/er")).unwrap();
    for (name, content) in [("b.jpeg", "no jpeg"), ("deep/er/a.pdf", "%PDF-1.4"), (".hidden", "x"), ("noending", "y")] {
        fs::write(fixtures.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", fixtures.join("link.txt")).unwrap();
    let service = Process::start_with(&directory.path().join("data"), &["--import", text(&fixtures)]);
    let files = rest(&service.http, Method::GET, "/files/?stored=true").await.json();
    let told: Vec<_> = files["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (&file["original_filename"], &file["mime_type"]))
        .collect();
    let expected = [("b.jpeg", "image/jpeg"), ("a.pdf", "application/pdf"), ("noending", "application/octet-stream")];
    let expected = expected.map(|(name, mime)| (json!(name), json!(mime)));
    assert_eq!(told, expected.iter().map(|(name, mime)| (name, mime)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_index_that_leads_elsewhere_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = service().await;
    let index = |format: &str, path: &str, size: u64| {
        let file = json!({"uuid": NOBODY, "path": path, "original_filename": "a", "mime_type": "a/b", "size": size,
                          "datetime_uploaded": "2026-01-01T00:00:00Z", "datetime_stored": null});
        fs::write(directory.path().join("index.json"), json!({"format": format, "files": [file]}).to_string()).unwrap();
    };
    fs::write(directory.path().join("a"), "hello").unwrap();
    for (format, path, size, why) in [
        ("updock-local/1", "../a", 5, "leads out of the directory"),
        ("updock-local/1", "/etc/passwd", 5, "leads out of the directory"),
        ("updock-local/1", "a", 6, "has 5 bytes, and should have 6"),
        ("updock-local/9", "a", 5, "its format is"),
        ("updock-local/1", "b", 5, "cannot use"),
    ] {
        index(format, path, size);
        let error = service.local.import(directory.path()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(service.get("/_local/files").await.text(), "[]");
    index("updock-local/1", "a", 5);
    assert_eq!(service.local.import(directory.path()).await.unwrap(), Import { imported: 1, known: 0 });
    assert_eq!(service.get(&format!("/{NOBODY}/")).await.text(), "hello");
}

#[tokio::test]
async fn a_reset_works_on_one_that_is_stopped_and_on_one_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let why = refused(&["reset", "--data-dir", text(&data)]);
    assert!(why.contains("is no data directory of updock-local") && !data.exists(), "{why}");
    let service = Process::start(&data);
    service.http.upload("a.txt", "text/plain", b"a").await;
    assert_eq!(said(&["reset", "--url", service.http.base()]), "everything is forgotten\n");
    assert_eq!(service.http.get("/_local/files").await.text(), "[]");
    service.http.upload("b.txt", "text/plain", b"b").await;
    service.kill();
    assert_eq!(said(&["reset", "--data-dir", text(&data)]), "everything is forgotten\n");
    let service = Process::start(&data);
    assert_eq!(service.http.get("/_local/files").await.text(), "[]");
    let why = refused(&["reset", "--url", "http://127.0.0.1:1"]);
    assert!(why.contains("nobody answers at http://127.0.0.1:1"), "{why}");
}

#[tokio::test]
async fn scenarios_of_the_command_line_come_before_its_faults() {
    let directory = tempfile::tempdir().unwrap();
    let scenario = directory.path().join("busy.toml");
    fs::write(&scenario, "[[fault]]\noperation = \"uploads.info\"\ncount = 1\neffect = { status = 503 }\n").unwrap();
    let more = ["--scenario", text(&scenario), "--fault", r#"{"operation":"uploads.info","effect":{"status":500}}"#];
    let service = Process::start_with(&directory.path().join("data"), &more);
    for expected in [503, 500] {
        assert_eq!(service.http.get("/info/").await.status, expected);
    }
}

/// The library: a port of its own each time, and nobody there in the end.
#[tokio::test]
async fn one_that_was_dropped_is_gone() {
    let [one, other] = [LocalUploadcare::start().await.unwrap(), LocalUploadcare::start().await.unwrap()];
    assert_ne!(one.address(), other.address());
    let http = Http::new(one.base_url());
    http.upload("a.bin", "text/plain", &bytes(100_000, 1)).await;
    drop((one, other));
    let mut answers = 0;
    while http.try_send(Method::GET, "/_local/files", &[], "").await.is_ok() {
        answers += 1;
        assert!(answers < 1000, "it still answers");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = || Config { storage: Storage::Directory(directory.path().to_owned()), ..Config::default() };
    let kept = LocalUploadcare::with(config()).await.unwrap();
    let uuid = Http::new(kept.base_url()).upload("a.txt", "text/plain", b"kept").await;
    kept.shutdown().await;
    // Another test may be starting a process right now, which holds the folder's lock until it is that process.
    let mut again = LocalUploadcare::with(config()).await;
    for _ in 0..200 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        again = LocalUploadcare::with(config()).await;
    }
    let again = again.unwrap();
    assert_eq!(Http::new(again.base_url()).get(&format!("/{uuid}/")).await.text(), "kept");
}

#[tokio::test]
async fn one_in_memory_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_updock-local"))
        .args(["serve", "--in-memory", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let http = Http::new(line.trim().rsplit(' ').next().unwrap().to_owned());
    http.upload("a.bin", "text/plain", &bytes(100_000, 1)).await;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success() && child.wait().unwrap().success());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Every `sh` block of the guide, in one shell, from top to bottom.
#[test]
fn the_guide_for_ci_works_as_written() {
    let guide = include_str!("../../../../docs/uploadcare-in-your-ci.md");
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(blocks.len() >= 7, "{}", blocks.len());
    let directory = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_updock-local")).parent().unwrap();
    let path = format!("{}:{}", text(program), std::env::var("PATH").unwrap());
    // Whatever fails on the way, what was started must not stay.
    let script =
        format!("trap 'kill $(cat pid.txt 2>/dev/null) 2>/dev/null || true' EXIT\nset -eu\n{}\n", blocks.join("\n"));
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(directory.path()).env("PATH", path).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("imported 1 file\n") && said.contains("exported 1 file to backup\n"), "{said}");
}
