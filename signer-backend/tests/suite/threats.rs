//! Threats that no other file is about, and the page that lists all of them: `docs/signer-threats.md`.

use crate::http_client::send;
use crate::process::{Running, write_policy};
use crate::stage::{PAGE, Setup, VISITORS, agent};
use axum::routing::get;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use updock_sign::SecretKey;
use updock_signer::key::{AgentKey, KeyDigest, PREFIX};
use updock_signer::{Limits, serve};

const PATIENCE: Duration = Duration::from_secs(10);

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a scanner for leaked secrets finds: prefix, shape, check sum.
fn keys_in(text: &str) -> usize {
    const LENGTH: usize = 12 + 10 + 1 + 43 + 6;
    text.match_indices(PREFIX)
        .filter(|(at, _)| text.get(*at..at + LENGTH).is_some_and(|key| AgentKey::parse(key).is_ok()))
        .count()
}

#[test]
fn a_scanner_finds_every_key_and_nothing_else_in_this_tree() {
    let mut ids = BTreeSet::new();
    for _ in 0..10_000 {
        let key = AgentKey::generate();
        assert_eq!(keys_in(&format!("{{\"key\":\"{}\",\"x\":1}}", key.expose())), 1);
        assert!(ids.insert(key.id().to_owned()), "an id came twice");
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace()).output().unwrap();
    let files = String::from_utf8(listed.stdout).unwrap();
    assert!(files.split('\0').count() > 300, "too few files: {files}");
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let Ok(text) = fs::read_to_string(workspace().join(file)) else { continue };
        assert_eq!(keys_in(&text), 0, "{file} holds what looks like a key");
    }
}

/// Compiles only as long as none of these types has `==`.
#[test]
fn secrets_cannot_be_compared_but_in_constant_time() {
    trait NoEq<A> {
        fn name() -> &'static str {
            std::any::type_name::<Self>()
        }
    }
    struct Eq;
    impl<T: ?Sized> NoEq<()> for T {}
    impl<T: ?Sized + PartialEq> NoEq<Eq> for T {}
    let names = [<SecretKey as NoEq<_>>::name(), <AgentKey as NoEq<_>>::name(), <KeyDigest as NoEq<_>>::name()];
    assert!(names[0].ends_with("SecretKey") && names[2].ends_with("KeyDigest"));
}

#[tokio::test]
async fn forwarded_addresses_change_nothing() {
    let stage = Setup::new(format!("{VISITORS}rate = \"2/h\"\n")).start().await;
    let mut statuses = Vec::new();
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.1"),
        ("x-real-ip", "203.0.113.2"),
        ("forwarded", "for=203.0.113.3;proto=https"),
        ("true-client-ip", "203.0.113.4"),
        ("x-forwarded-for", "127.0.0.1, 203.0.113.5"),
    ] {
        let reply = stage.send("POST", "/v1/upload-credentials", &[("origin", PAGE), (name, value)], "").await;
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429], "an address that was made up got an allowance of its own");
    let peers: BTreeSet<_> = stage.log.records().into_iter().filter_map(|record| record.peer).collect();
    assert_eq!(peers, BTreeSet::from(["127.0.0.1".parse().unwrap()]));
}

#[tokio::test]
async fn json_of_any_depth_is_refused_in_good_order() {
    let (key, section) = agent("media", "files = \"full\"\nmetadata = \"full\"\nuploads = \"write\"");
    let stage = Setup::new(section).start().await;
    let file = "21975c81-7f57-4c7a-aef9-acfe28779f78";
    for (method, target) in [
        ("POST", "/v1/upload-credentials".to_owned()),
        ("POST", "/v1/uploads/confirm".to_owned()),
        ("PUT", format!("/v1/uploadcare/files/{file}/metadata/key/")),
        ("DELETE", "/v1/uploadcare/files/storage/".to_owned()),
    ] {
        for (body, expected) in [("[".repeat(4_000), 400), ("{\"a\":".repeat(1_000), 400), ("[".repeat(1_000_000), 413)]
        {
            let reply = stage.ask(&key, method, &target, &body).await;
            assert_eq!(reply.problem().status, expected, "{method} {target}, {} bytes", body.len());
        }
    }
    assert_eq!(stage.rest_requests(), 0);
}

/// With room for one connection, the second is served only once the first is given up.
#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router =
        axum::Router::new().route("/large", get(async || vec![0_u8; 64 * 1024 * 1024])).route("/", get(async || "ok"));
    let limits = Limits { connections: 1, write_timeout: Duration::from_millis(300), ..Limits::default() };
    tokio::spawn(serve(listener, router, limits, std::future::pending()));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let base = format!("http://{address}");
    let next = send(&base, "GET", "/", &[], "");
    assert_eq!(timeout(PATIENCE, next).await.expect("the first still holds the connection").status, 200);

    // Who reads slowly, but reads, gets it all.
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut read, mut piece) = (0, vec![0; 8 * 1024 * 1024]);
    loop {
        let some = timeout(PATIENCE, slow.read(&mut piece)).await.unwrap().unwrap();
        if some == 0 {
            break;
        }
        read += some;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(read > 64 * 1024 * 1024, "{read}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crash_leaves_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", VISITORS);
    let running = Running::start(&policy, "off").await;
    let process = PathBuf::from(format!("/proc/{}", running.child.id().unwrap()));
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    // What others may not look into belongs to root, whoever runs it.
    for name in ["environ", "mem", "maps"] {
        assert_eq!(fs::metadata(process.join(name)).unwrap().uid(), 0, "{name}");
    }
}

/// Every test function below `folder`, as `file::function`, with `before` in front.
fn tests_in(folder: &Path, before: &str, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, before, into);
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut is_test = text.contains("over_all_states!").then_some(false);
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[tokio::test") || line.starts_with("#[test]") {
                is_test = Some(true);
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test == Some(true)) {
                into.insert(format!("{before}{module}::{}", rest.split(['(', '<']).next().unwrap()));
                is_test = None;
            }
        }
        // Those of the suite over all kinds of state are listed by name.
        if let Some(list) = text.split("over_all_states! {").nth(1) {
            let names = list.split('}').next().unwrap().split(',').map(str::trim).filter(|name| !name.is_empty());
            into.extend(names.map(|name| format!("{before}{module}::{name}")));
        }
    }
}

#[test]
fn every_threat_has_its_test_or_says_why_not() {
    let page = include_str!("../../../docs/signer-threats.md");
    let mut known = BTreeSet::new();
    tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"), "", &mut known);
    tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut known);
    tests_in(&workspace().join("crates/sign/src"), "sign::", &mut known);
    assert!(known.len() > 100, "too few tests were found: {known:?}");
    let mut numbers = Vec::new();
    for row in
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #") && !line.starts_with("| -"))
    {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, threat, _, tests] = cells[..] else { panic!("not four cells: {row}") };
        numbers.push(number.parse::<u32>().unwrap());
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(known.contains(*name), "{number}, {threat}: there is no test {name}");
        }
        let excused = tests.split("Not yet: ").nth(1).is_some_and(|why| why.len() > 10);
        assert!(!named.is_empty() || excused, "{number}, {threat}: neither a test nor a reason");
    }
    assert_eq!(numbers, (1..=33).collect::<Vec<_>>());
    let own = page.split('`').skip(1).step_by(2).find(|span| span.starts_with("threats::every"));
    assert!(known.contains(own.unwrap()));
}
