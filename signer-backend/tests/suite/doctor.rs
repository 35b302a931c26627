//! `updock-signer doctor`: what it finds at the stand-in and on this machine, and how it ends.

use crate::process::{PROGRAM, write_policy};
use crate::stage::{VISITORS, agent};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use updock_local::{Config, LocalUploadcare};
use updock_signer::audit::{AuditLog, AuditTerms, KEY};
use updock_signer::decision::Verdict;
use updock_signer::log::{DecisionLog, Phase, Record};
use updock_signer::signing::Signing;
use updock_signer::state::{SqliteState, State};
use updock_signer::{Limits, serve};

/// What it ends with, and its findings.
async fn doctor(policy: &str) -> (i32, Vec<Value>) {
    let mut command = tokio::process::Command::new(PROGRAM);
    let output = command.args(["doctor", "--json", "--config", policy]).output().await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), told["findings"].as_array().unwrap().clone())
}

/// The states and texts of one check.
fn of<'a>(findings: &'a [Value], check: &str) -> Vec<(&'a str, &'a str)> {
    let ours = findings.iter().filter(|finding| finding["check"] == check);
    ours.map(|finding| (finding["state"].as_str().unwrap(), finding["text"].as_str().unwrap())).collect()
}

fn private() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

async fn stand_in(config: Config) -> LocalUploadcare {
    LocalUploadcare::with(config).await.unwrap()
}

#[tokio::test]
async fn a_good_installation_is_good_and_says_what_no_policy_can_deny() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let (_, section) = agent("media", "files = \"read\"\nuploads = \"write\"");
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &section);
    let (code, findings) = doctor(&policy).await;
    assert_eq!(code, 0, "{findings:?}");
    for check in ["policy", "file-modes", "secret-key", "clock", "webhooks", "signed-uploads"] {
        assert_eq!(of(&findings, check).first().map(|found| found.0), Some("good"), "{check}: {findings:?}");
    }
    let notes: Vec<&str> = of(&findings, "cannot-be-denied").into_iter().map(|(_, text)| text).collect();
    for expected in ["the CDN asks for no key", "also with signed uploads on", "reads all files", "cannot be recalled"]
    {
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected}: {notes:?}");
    }
    assert!(!notes.iter().any(|note| note.contains("uploads files, has files fetched")), "{notes:?}");
    assert!(!folder.path().join("updock-signer.db").exists(), "it made a state");
    // Asking leaves nothing behind.
    let asked = local.requests();
    assert!(asked.iter().all(|request| request.method == "GET" || request.path == "/group/"), "{asked:?}");

    let plain = tokio::process::Command::new(PROGRAM).args(["doctor", "--config", &policy]).output().await.unwrap();
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(text.contains("good     signed-uploads   Signed uploads are on"), "{text}");
    assert_eq!(text.lines().count(), findings.len());
}

#[tokio::test]
async fn each_trouble_is_told_and_counts_in_how_it_ends() {
    type Case = (Config, &'static str, &'static str, i32, &'static str, &'static str, &'static str);
    let signed = || Config { signed_uploads: true, ..Config::default() };
    let cases: Vec<Case> = vec![
        (Config::default(), "demosecretkey", "", 3, "signed-uploads", "look", "whoever knows the public key"),
        (
            Config::default(),
            "demosecretkey",
            "",
            3,
            "cannot-be-denied",
            "note",
            "uploads files, has files fetched from URLs",
        ),
        (signed(), "wrong", "", 1, "secret-key", "wrong", "refused the secret key of project demopublickey"),
        (signed(), "wrong", "", 1, "webhooks", "unknown", "the secret key has to work first"),
        (signed(), "demosecretkey", "visitors = 1", 1, "policy", "wrong", "line 7: `visitors` is not known here"),
    ];
    for (config, secret, more, code, check, state, text) in cases {
        let local = stand_in(config).await;
        let folder = private();
        let policy = write_policy(folder.path(), secret, &local.base_url(), &format!("{more}\n{VISITORS}"));
        let (ended, findings) = doctor(&policy).await;
        assert_eq!(ended, code, "{check}: {findings:?}");
        let found = of(&findings, check);
        assert!(found.iter().any(|(is, told)| *is == state && told.contains(text)), "{check}: {findings:?}");
    }
}

#[tokio::test]
async fn the_key_that_signs_uploads_is_tried_too() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    for (key, state, code) in [("demosecretkey", None, 0), ("another", Some("wrong"), 1)] {
        let folder = private();
        fs::write(folder.path().join("uploads"), key).unwrap();
        fs::set_permissions(folder.path().join("uploads"), fs::Permissions::from_mode(0o600)).unwrap();
        let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), VISITORS);
        let text = fs::read_to_string(&policy).unwrap();
        fs::write(&policy, text.replace("[upstream]", "upload_secret = { file = \"uploads\" }\n[upstream]")).unwrap();
        let (ended, findings) = doctor(&policy).await;
        assert_eq!(of(&findings, "upload-secret").first().map(|found| found.0), state, "{findings:?}");
        assert_eq!(ended, code, "{findings:?}");
    }
}

#[tokio::test]
async fn another_project_and_silence_are_told_apart() {
    let other = Config { public_key: updock_types::PublicKey::parse("otherkey").unwrap(), ..Config::default() };
    let other = stand_in(other).await;
    let folder = private();
    let policy = write_policy(folder.path(), "demosecretkey", &other.base_url(), VISITORS);
    let (code, findings) = doctor(&policy).await;
    assert_eq!((code, of(&findings, "secret-key")[0].0), (1, "wrong"), "{findings:?}");
    assert_eq!(of(&findings, "signed-uploads")[0].0, "unknown", "{findings:?}");

    let policy = write_policy(folder.path(), "demosecretkey", "http://127.0.0.1:9/", VISITORS);
    let (code, findings) = doctor(&policy).await;
    assert_eq!((code, of(&findings, "secret-key")[0].0), (3, "unknown"), "{findings:?}");
}

#[tokio::test]
async fn foreign_webhooks_are_named_and_ours_are_not() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let hooks = format!("{VISITORS}[webhooks]\nevents = [\"file.uploaded\"]\n");
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), &hooks);
    let state = SqliteState::open(&folder.path().join("updock-signer.db")).await.unwrap();
    let slug = updock_signer::webhooks::slug(&state).await.unwrap();
    let (code, findings) = doctor(&policy).await;
    assert_eq!(code, 3, "{findings:?}");
    assert!(of(&findings, "webhooks")[0].1.contains("updock-signer webhooks sync"), "{findings:?}");

    subscribe(&local, &format!("https://signer.example.com/hooks/uploadcare/{slug}")).await;
    let (code, findings) = doctor(&policy).await;
    assert_eq!((code, of(&findings, "webhooks")[0].0), (0, "good"), "{findings:?}");

    for target in ["https://stranger.example.com/all", "https://signer.example.com/hooks/uploadcare/another"] {
        subscribe(&local, target).await;
    }
    let (code, findings) = doctor(&policy).await;
    let found = of(&findings, "webhooks");
    assert_eq!((code, found.len()), (3, 2), "{findings:?}");
    let alarm = |target: &str| {
        let told = format!("tells somebody else of \"file.uploaded\": \"{target}\"");
        found.iter().any(|(state, text)| *state == "look" && text.contains(&told))
    };
    assert!(alarm("https://stranger.example.com/all"), "{findings:?}");
}

async fn subscribe(local: &LocalUploadcare, target: &str) {
    let client = updock_client::Client::builder(
        updock_types::PublicKey::parse("demopublickey").unwrap(),
        updock_sign::SecretKey::parse("demosecretkey").unwrap(),
    );
    let client = client.rest(updock_client::Base::parse(&local.base_url()).unwrap()).build();
    let webhook = json!({ "target_url": target, "event": "file.uploaded", "is_active": true, "version": "0.7" });
    client.webhook_create(serde_json::from_value(webhook).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_old_subscription_of_ours_is_named_as_ours_with_what_to_do() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let hooks = format!(
        "[server]\npublic_url = \"https://new.example.com\"\n{VISITORS}[webhooks]\nevents = [\"file.uploaded\"]\n"
    );
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), &hooks);
    let state = SqliteState::open(&folder.path().join("updock-signer.db")).await.unwrap();
    let slug = updock_signer::webhooks::slug(&state).await.unwrap();
    for host in ["new", "old"] {
        subscribe(&local, &format!("https://{host}.example.com/hooks/uploadcare/{slug}")).await;
    }
    let (code, findings) = doctor(&policy).await;
    let found = of(&findings, "webhooks");
    assert_eq!((code, found.len(), found[0].0), (3, 1, "look"), "{findings:?}");
    assert_eq!(
        found[0].1,
        "Webhook 2 is an old one of this signer's own, for \"file.uploaded\": \
         \"https://old.example.com/hooks/uploadcare/hidden\". Run: updock-signer webhooks sync"
    );
}

#[tokio::test]
async fn without_the_state_our_own_subscription_is_not_called_somebody_elses() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let hooks = format!("{VISITORS}[webhooks]\nevents = [\"file.uploaded\"]\n");
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), &hooks);
    let slug = "k3v9Qm2xT7bR4wZ8nL5cY1dH";
    subscribe(&local, &format!("https://signer.example.com/hooks/uploadcare/{slug}")).await;
    subscribe(&local, "https://stranger.example.com/all").await;
    let database = folder.path().join("updock-signer.db");
    fs::write(&database, "this is no database, and long enough to be looked at as if it were one".repeat(10)).unwrap();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    let (code, findings) = doctor(&policy).await;
    assert_eq!((code, of(&findings, "state")[0].0), (1, "wrong"), "{findings:?}");
    let mut found = of(&findings, "webhooks");
    found.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), ["unknown", "look"], "{findings:?}");
    assert!(found[0].1.contains("https://signer.example.com/hooks/uploadcare/hidden"), "{findings:?}");
    assert!(!found[0].1.contains("somebody else") && !found[0].1.contains(&slug[..20]), "{findings:?}");
    assert!(found[1].1.contains("somebody else of \"file.uploaded\": \"https://stranger.example.com/all\""));
}

#[tokio::test]
async fn what_others_on_the_machine_could_read_or_change_is_wrong() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    for (name, mode, expected) in [
        ("policy.toml", 0o666, "Others on this machine could change what is allowed"),
        ("updock-signer.db", 0o640, "read or change the audit log and the keys that sign"),
        ("updock-signer.db-wal", 0o604, "read or change the audit log and the keys that sign"),
        ("updock-signer.db.before-2", 0o644, "read or change the audit log and the keys that sign"),
        (".", 0o770, "put another file in the place of ours"),
    ] {
        let folder = private();
        let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), VISITORS);
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).unwrap();
        let state = SqliteState::open(&folder.path().join("updock-signer.db")).await.unwrap();
        state.set_value("a".to_owned(), Some(vec![1])).await.unwrap();
        let (code, findings) = doctor(&policy).await;
        assert_eq!((code, of(&findings, "file-modes")[0].0), (0, "good"), "{findings:?}");

        let path = folder.path().join(name);
        if !path.exists() {
            fs::write(&path, "").unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (code, findings) = doctor(&policy).await;
        let found = of(&findings, "file-modes");
        assert_eq!((code, found.len(), found[0].0), (1, 1, "wrong"), "{name}: {findings:?}");
        assert!(found[0].1.contains(expected) && found[0].1.contains("chmod go-"), "{name}: {findings:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_secret_that_others_can_read_does_not_load() {
    let folder = private();
    let policy = write_policy(folder.path(), "demosecretkey", "http://127.0.0.1:9/", VISITORS);
    fs::set_permissions(Path::new(&policy).with_file_name("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, findings) = doctor(&policy).await;
    assert_eq!((code, findings.len()), (1, 1));
    assert!(of(&findings, "policy")[0].1.contains("is open to everyone on this machine (mode 644); run: chmod 600"));
}

/// Answers every request as a project would, at another time.
async fn elsewhen(seconds: i64) -> String {
    const BODY: &str = r#"{"collaborators":[],"name":"x","pub_key":"demopublickey","autostore_enabled":true}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || async move {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let date = updock_sign::http_date(now.saturating_add_signed(seconds));
        ([("content-type", "application/json".to_owned()), ("date", date)], BODY)
    };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
    format!("http://{address}/")
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_doctor_and_at_start() {
    for (seconds, state, expected) in [
        (0, "good", "agrees with Uploadcare's"),
        (-300, "look", "ahead of Uploadcare's"),
        (300, "look", "behind Uploadcare's"),
        (-899, "wrong", "ahead of Uploadcare's"),
        (901, "wrong", "behind Uploadcare's"),
    ] {
        let there = elsewhen(seconds).await;
        let folder = private();
        let policy = write_policy(folder.path(), "demosecretkey", &there, VISITORS);
        let (code, findings) = doctor(&policy).await;
        let found = of(&findings, "clock");
        assert_eq!(found[0].0, state, "{seconds} s: {findings:?}");
        assert!(found[0].1.contains(expected), "{seconds} s: {findings:?}");
        assert!(state != "wrong" || code == 1, "{seconds} s");
        if state != "good" {
            let mut running = crate::process::Running::start(&policy, "off").await;
            let line = tokio::time::timeout(Duration::from_secs(10), running.next_line()).await.unwrap();
            assert!(line.contains("This machine's clock is") && line.contains(expected), "{line}");
        }
    }
}

/// The audit log that a signer with its policy there has.
async fn log_in(folder: &Path) -> AuditLog {
    let state: Arc<dyn State> = Arc::new(SqliteState::open(&folder.join("updock-signer.db")).await.unwrap());
    let key = Signing::kept(&*state, KEY).await.unwrap();
    AuditLog::start(state, key, AuditTerms::default(), None).await.unwrap()
}

#[tokio::test]
async fn what_a_crash_left_is_told_with_what_to_do() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), VISITORS);
    let log = log_in(folder.path()).await;
    let write = async |request: &str, phase, operation, level, hours: u64| {
        let verdict = (phase == Phase::Decision).then_some(Verdict::Allow);
        let (request_id, caller, level) = (Some(request.to_owned()), Some("media".to_owned()), Some(level));
        let at = SystemTime::now() - Duration::from_secs(hours * 3600);
        let record = Record {
            at,
            phase,
            request_id,
            caller,
            operation: Some(operation),
            level,
            verdict,
            ..Record::event("x".to_owned())
        };
        log.record(record).await.unwrap();
    };
    let told = async || {
        let (code, findings) = doctor(&policy).await;
        let found: Vec<(String, String)> =
            of(&findings, "unfinished").into_iter().map(|(state, text)| (state.to_owned(), text.to_owned())).collect();
        (code, found)
    };
    write("done", Phase::Decision, "files.delete", "full", 3).await;
    write("done", Phase::Outcome, "files.delete", "full", 3).await;
    write("ours", Phase::Decision, "uploads.credential", "write", 3).await;
    write("read", Phase::Decision, "files.list", "read", 3).await;
    write("week", Phase::Decision, "files.delete", "full", 24 * 8).await;
    let (code, found) = told().await;
    assert_eq!((code, found.len(), found[0].0.as_str()), (0, 1, "good"), "{found:?}");
    assert!(found[0].1.ends_with("1 read without an outcome changed nothing."), "{found:?}");

    write("left", Phase::Decision, "files.delete", "full", 2).await;
    for number in 0..6 {
        write(&format!("early-{number}"), Phase::Decision, "metadata.put", "write", 4).await;
    }
    write("runs", Phase::Decision, "files.delete", "full", 0).await;
    let (code, found) = told().await;
    assert_eq!((code, found.len(), found[0].0.as_str()), (3, 2, "look"), "{found:?}");
    for expected in [
        "7 requests in the last 7 days: files.delete by media at ",
        " (request left), ",
        ", and 2 more. ",
        "look there before",
    ] {
        assert!(found[0].1.contains(expected), "{expected}: {found:?}");
    }
    for absent in ["(request done)", "(request ours)", "(request week)", "(request runs)"] {
        assert!(!found[0].1.contains(absent), "{absent}: {found:?}");
    }
    assert!(found[1].0 == "note" && found[1].1.starts_with("1 request of the last 10 minutes"), "{found:?}");
    log.end().await;
}

#[tokio::test]
async fn a_signer_that_is_killed_leaves_what_doctor_finds() {
    // Takes what is sent and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = private();
    let (key, section) = agent("media", "files = \"full\"");
    let policy =
        write_policy(folder.path(), "demosecretkey", &format!("http://{}/", silent.local_addr().unwrap()), &section);
    let mut running = crate::process::Running::start(&policy, "off").await;
    let authorization = crate::stage::bearer(&key);
    let target = "/v1/uploadcare/files/21975c81-7f57-4c7a-aef9-acfe28779f78/storage/";
    let base = running.base.clone();
    let asked = tokio::spawn(async move {
        crate::http_client::send(&base, "DELETE", target, &[("authorization", &authorization)], "").await
    });
    while !running.next_line().await.contains("asked to delete") {}
    running.child.kill().await.unwrap();
    assert!(asked.await.is_err(), "it was answered");
    drop(silent);
    let (_, findings) = doctor(&policy).await;
    let found = of(&findings, "unfinished");
    assert!(found.iter().any(|(state, text)| *state == "note" && text.starts_with("1 request of")), "{findings:?}");
}

#[tokio::test]
async fn a_command_that_is_cut_off_is_unfinished_as_a_request_is() {
    // Takes what is sent and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = silent.local_addr().unwrap();
    let folder = private();
    let hooks = format!(
        "[server]\npublic_url = \"https://signer.example.com\"\n{VISITORS}[webhooks]\nevents = [\"file.uploaded\"]\n"
    );
    let policy = write_policy(folder.path(), "demosecretkey", &format!("http://{there}/"), &hooks);
    let verified = async || {
        let mut command = tokio::process::Command::new(PROGRAM);
        let output = command.args(["audit", "verify", "--json", "--config", &policy]).output().await.unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))["open"].clone()
    };
    let mut command = tokio::process::Command::new(PROGRAM);
    let mut sync = command.args(["webhooks", "sync", "--config", &policy]).kill_on_drop(true).spawn().unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(20), silent.accept()).await.unwrap().unwrap();
    sync.kill().await.unwrap();
    drop((asked, silent));
    assert_eq!(verified().await, 1);
    let (_, findings) = doctor(&policy).await;
    let found = of(&findings, "unfinished");
    assert!(found.iter().any(|(state, text)| *state == "note" && text.starts_with("1 request of")), "{findings:?}");
    // One that ends, well or not, is finished.
    let mut command = tokio::process::Command::new(PROGRAM);
    let output = command.args(["webhooks", "sync", "--config", &policy]).output().await.unwrap();
    assert!(!output.status.success());
    assert_eq!(verified().await, 1);
}

#[tokio::test]
async fn commands_that_a_crash_left_are_told_with_what_to_do() {
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), VISITORS);
    let log = log_in(folder.path()).await;
    for (request, caller, operation, phase) in [
        ("cut", None, "keys.issue", Phase::Decision),
        ("whole", None, "webhooks.sync", Phase::Decision),
        ("whole", None, "webhooks.sync", Phase::Outcome),
        // Over HTTP the signer answers it by itself, with one record.
        ("http", Some("media".to_owned()), "keys.issue", Phase::Decision),
    ] {
        let verdict = (phase == Phase::Decision).then_some(Verdict::Allow);
        let (at, request_id) = (SystemTime::now() - Duration::from_hours(1), Some(request.to_owned()));
        let event = Record::event("x".to_owned());
        let operation = Some(operation);
        log.record(Record { at, phase, request_id, caller, operation, verdict, ..event }).await.unwrap();
    }
    log.end().await;
    let (code, findings) = doctor(&policy).await;
    let found = of(&findings, "unfinished");
    assert_eq!((code, found.len(), found[0].0), (3, 1, "look"), "{findings:?}");
    for expected in ["1 request in the last 7 days: keys.issue by a command at ", "(request cut)", "keys list"] {
        assert!(found[0].1.contains(expected), "{expected}: {findings:?}");
    }
}

#[tokio::test]
async fn keys_that_sign_in_a_shared_database_are_pointed_out() {
    let Some(database) = crate::postgres::Database::fresh().await else { return };
    let local = stand_in(Config { signed_uploads: true, ..Config::default() }).await;
    let folder = private();
    for (name, text) in [("database", database.url()), ("signs", &"07".repeat(32))] {
        fs::write(folder.path().join(name), text).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let state = "[state]\npostgres = { file = \"database\" }\n";
    let (audit, receipts) = ("[audit]\nkey = { file = \"signs\" }\n", "[receipts]\nkey = { file = \"signs\" }\n");
    for (keys, expected) in [
        (String::new(), &[("look", "below [audit]"), ("look", "below [receipts]")][..]),
        (audit.to_owned(), &[("look", "below [receipts]")]),
        (format!("{audit}{receipts}"), &[("good", "come with the policy")]),
    ] {
        let rules = format!("{state}{keys}{VISITORS}");
        let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), &rules);
        let (code, findings) = doctor(&policy).await;
        let found = of(&findings, "signing-keys");
        assert_eq!(found.len(), expected.len(), "{findings:?}");
        for ((is, told), (state, text)) in found.iter().zip(expected) {
            assert!(is == state && told.contains(text), "{keys}: {findings:?}");
        }
        assert_eq!(code, if found[0].0 == "good" { 0 } else { 3 }, "{findings:?}");
    }
}
