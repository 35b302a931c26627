//! What the program keeps: the audit log that shows every change to it, and receipts that applications can believe.

use crate::http_client::send;
use crate::process::{PROGRAM, Running, write_policy};
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::Path;
use std::process::Command;
use updock_local::LocalUploadcare;

/// A signer in front of a stand-in, with a state in a folder of its own.
pub(crate) struct House {
    pub(crate) local: LocalUploadcare,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) policy: String,
    pub(crate) running: Running,
}

impl House {
    pub(crate) async fn start(more: &str) -> Self {
        let local = LocalUploadcare::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), more);
        let running = Running::start(&policy, "warn").await;
        Self { local, folder, policy, running }
    }

    pub(crate) async fn get(&self, target: &str, key: &str, accept: &str) -> crate::http_client::Reply {
        send(&self.running.base, "GET", target, &[("authorization", &bearer(key)), ("accept", accept)], "").await
    }

    /// Ends it in an orderly way, so that everything is written and signed.
    pub(crate) async fn end(&mut self) {
        self.running.signal("TERM").await;
        assert!(self.running.child.wait().await.unwrap().success());
    }
}

pub(crate) fn run(policy: &str, arguments: &[&str]) -> (bool, String) {
    let (first, rest) = arguments.split_first().unwrap();
    let output = Command::new(PROGRAM).args([first, &"--config", &policy]).args(rest).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), told)
}

async fn edit(folder: &Path, sql: &str) {
    let path = folder.join("updock-signer.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql} changed nothing");
}

#[tokio::test]
async fn any_change_to_the_log_shows() {
    let (key, section) = agent("media", "files = \"read\"");
    let mut house = House::start(&section).await;
    for _ in 0..5 {
        assert_eq!(house.get("/v1/uploadcare/files/", &key, "*/*").await.status, 200);
    }
    house.end().await;
    // What the program said is the copy that nobody can change afterwards.
    let mut said = String::new();
    while let Some(line) = house.running.lines.next_line().await.unwrap() {
        said += &(line + "\n");
    }
    let outside = house.folder.path().join("said.txt");
    std::fs::write(&outside, said).unwrap();
    let outside = outside.to_str().unwrap();
    let verify = |outside: &str| run(&house.policy, &["audit", "verify", "--checkpoints", outside]);
    let (whole, told) = verify(outside);
    assert!(whole && told.contains("The log is whole: 10 records in 1 chain, 2 checkpoints, 0 requests"), "{told}");

    let database = house.folder.path().join("updock-signer.db");
    // All of it into the one file, which can then be put back as it was.
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let good = std::fs::read(&database).unwrap();
    for (sql, expected) in [
        (
            "UPDATE audit SET record = replace(record, 'media', 'other') WHERE seq = 3",
            "record 3 of chain a: it was changed",
        ),
        ("UPDATE audit SET caller = 'other' WHERE seq = 3", "what searches look at is not what the record says"),
        ("DELETE FROM audit WHERE seq = 4", "record 5 of chain a: 1 records before it are missing"),
        ("DELETE FROM audit WHERE seq > 8", "a checkpoint was made here, and there is no such record any more"),
        ("DELETE FROM audit", "there is no such record any more"),
        ("UPDATE audit_marks SET hash = '00'", "its checkpoint is not signed by this key"),
    ] {
        edit(house.folder.path(), sql).await;
        let (whole, told) = verify(outside);
        assert!(!whole && told.contains(expected) && told.contains("NOT whole"), "{sql}: {told}");
        for other in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(house.folder.path().join(format!("updock-signer.db{other}")));
        }
        std::fs::write(&database, &good).unwrap();
    }
    // Whoever has the database and removes the checkpoints too is caught by the copy outside only.
    edit(house.folder.path(), "DELETE FROM audit WHERE seq > 8").await;
    edit(house.folder.path(), "DELETE FROM audit_marks").await;
    assert!(run(&house.policy, &["audit", "verify"]).0);
    assert!(!verify(outside).0);
}

#[tokio::test]
async fn a_chain_goes_on_over_a_restart() {
    let (key, section) = agent("media", "files = \"read\"");
    let mut house = House::start(&section).await;
    for _ in 0..3 {
        assert_eq!(house.get("/v1/uploadcare/files/", &key, "*/*").await.status, 200);
        house.running.child.kill().await.unwrap();
        house.running = Running::start(&house.policy, "warn").await;
    }
    house.end().await;
    let (whole, told) = run(&house.policy, &["audit", "verify", "--json"]);
    let report: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert!(whole, "{told}");
    assert!(report["records"].as_u64().unwrap() >= 3, "{told}");
}

#[tokio::test]
async fn the_log_is_searched_followed_and_exported_by_those_who_may() {
    let (own, first) = agent("media", "files = \"read\"\naudit = \"read\"");
    let (all, second) = agent("lead", "audit = \"full\"");
    let (none, third) = agent("other", "files = \"read\"");
    let house = House::start(&format!("{first}{second}{third}")).await;
    for key in [&own, &none] {
        assert_eq!(house.get("/v1/uploadcare/project/", key, "*/*").await.status, 403);
    }
    let callers = |reply: &Value| -> Vec<String> {
        let callers =
            reply["records"].as_array().unwrap().iter().map(|record| record["caller"].as_str().unwrap().to_owned());
        let mut callers: Vec<String> = callers.collect();
        callers.sort();
        callers.dedup();
        callers
    };
    assert_eq!(house.get("/v1/audit", &none, "*/*").await.problem().missing.as_deref(), Some("audit: read"));
    assert_eq!(callers(&house.get("/v1/audit", &own, "*/*").await.json()), ["media"]);
    assert_eq!(
        house.get("/v1/audit?caller=other", &own, "*/*").await.problem().missing.as_deref(),
        Some("audit: full")
    );
    assert_eq!(callers(&house.get("/v1/audit", &all, "*/*").await.json()), ["lead", "media", "other"]);
    let denied = house.get("/v1/audit?verdict=deny&caller=other&operation=project.info", &all, "*/*").await.json();
    let record = &denied["records"][0];
    assert_eq!((record["missing"].as_str(), record["area"].as_str()), (Some("project: read"), Some("project")));
    assert!(record["text"].as_str().unwrap().starts_with("Agent other asked to"));
    assert_eq!(house.get("/v1/audit?colour=red", &all, "*/*").await.status, 400);
    assert_eq!(house.get("/v1/audit?limit=0", &all, "*/*").await.status, 400);

    // A page at a time, nothing twice and nothing left out.
    let mut seen = Vec::new();
    let mut target = "/v1/audit?caller=lead&limit=2".to_owned();
    loop {
        let page = house.get(&target, &all, "*/*").await.json();
        seen.extend(page["records"].as_array().unwrap().iter().map(|record| record["seq"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/audit?caller=lead&limit=2&before={next}");
    }
    assert!(seen.len() >= 3 && seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");

    let lines = house.get("/v1/audit?caller=media", &all, "application/x-ndjson").await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let text = String::from_utf8(lines.body.to_vec()).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["caller"] == "media"));
    let table = house.get("/v1/audit", &all, "text/csv").await;
    assert!(table.body.starts_with(b"node,seq,at,phase,"));

    let (good, found) = run(&house.policy, &["audit", "search", "--verdict", "deny", "--caller", "other"]);
    assert!(good && found.contains("Agent other asked to"), "{found}");
    let (good, table) = run(&house.policy, &["audit", "export", "--form", "csv"]);
    assert!(good && table.starts_with("node,seq,at"), "{table}");
}

async fn until(body: &mut hyper::body::Incoming, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(10), body.frame()).await;
        let frame = frame.expect("an event in time").expect("the stream goes on").unwrap();
        read += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
    }
    read
}

#[tokio::test]
async fn a_tail_tells_what_comes_and_goes_on_where_it_was() {
    let (key, section) = agent("lead", "files = \"read\"\naudit = \"full\"");
    let house = House::start(&section).await;
    let open = |last: Option<String>| {
        let mut request = http::Request::get(format!("{}/v1/audit", house.running.base))
            .header("authorization", bearer(&key))
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        async move {
            let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http::<http_body_util::Full<bytes::Bytes>>();
            client.request(request.body(http_body_util::Full::default()).unwrap()).await.unwrap()
        }
    };
    let mut first = open(None).await.into_body();
    house.get("/v1/uploadcare/files/", &key, "*/*").await;
    let told = until(&mut first, "was carried out").await;
    assert!(told.contains("event: record"), "{told}");
    let id = told.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim().to_owned();
    drop(first);
    let mut again = open(Some(id)).await.into_body();
    house.get("/v1/uploadcare/files/", &key, "*/*").await;
    let told = until(&mut again, "was carried out").await;
    assert_eq!(told.matches("was carried out").count(), 1, "what was told is told again: {told}");
}

#[tokio::test]
async fn a_confirmed_upload_has_a_receipt_that_others_can_verify() {
    let mut house = House::start(VISITORS).await;
    let uploaded = upload(&house.local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
    let file = uploaded["file"].as_str().unwrap();
    let visit = |target: &'static str, body: String| {
        let base = house.running.base.clone();
        async move { send(&base, "POST", target, &[("origin", PAGE), ("content-type", "application/json")], body).await }
    };
    let confirmed = visit("/v1/uploads/confirm", format!("{{\"uuid\":\"{file}\"}}")).await.json();
    let receipt = confirmed["receipt"].as_str().expect("a receipt").to_owned();

    // By the signer itself.
    let said = visit("/v1/receipts/verify", format!("{{\"receipt\":\"{receipt}\"}}")).await.json();
    assert_eq!(
        (said["uuid"].as_str(), said["mime_type"].as_str(), said["stored"].as_bool()),
        (Some(file), Some("image/png"), Some(true))
    );
    assert_eq!(said["size"], PNG.len());
    let changed = visit("/v1/receipts/verify", format!("{{\"receipt\":\"{receipt}x\"}}")).await;
    assert_eq!(changed.kind(), "receipt-invalid");

    // By somebody with the public key and any library.
    let keys = send(&house.running.base, "GET", "/.well-known/updock-receipts", &[], "").await.json();
    let key = jsonwebtoken::DecodingKey::from_ed_components(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.set_issuer(&[&house.running.base]);
    let token = jsonwebtoken::decode::<Value>(&receipt, &key, &validation).unwrap();
    assert_eq!(token.header.typ.as_deref(), Some("updock-receipt+jwt"));
    assert_eq!(token.header.kid.as_deref(), keys["keys"][0]["kid"].as_str());
    assert_eq!(token.claims["uuid"], file);

    // By the command line, and after a restart.
    house.end().await;
    let (good, told) = run(&house.policy, &["receipts", "verify", &receipt]);
    assert!(good && told.contains(&format!("The receipt is good: file {file}")), "{told}");
    let (good, told) = run(&house.policy, &["receipts", "verify", &format!("{receipt}x")]);
    assert!(!good && told.contains("was changed on its way"), "{told}");
    let verify = |receipt: &str| {
        let mut command = Command::new(PROGRAM);
        let output =
            command.args(["receipts", "verify", "--config", &house.policy, "--json", receipt]).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (code, told) = verify(&receipt);
    assert_eq!((code, &told["good"], &told["uuid"]), (Some(0), &json!(true), &json!(file)));
    let why = "this is no receipt of this signer, or it was changed on its way";
    assert_eq!(verify(&format!("{receipt}x")), (Some(1), json!({ "good": false, "why": why })));
}

#[tokio::test]
async fn a_search_for_what_no_record_can_hold_is_refused_with_what_was_probably_meant() {
    let (key, section) = agent("media", "files = \"read\"\naudit = \"read\"");
    let mut house = House::start(&section).await;
    assert_eq!(house.get("/v1/uploadcare/files/", &key, "*/*").await.status, 200);
    for (name, value, expected) in [
        ("operation", "files.lsit", "Did you mean `files.list`?"),
        ("operation", "nope", "`operation` should be an operation, like files.delete"),
        ("area", "file", "Did you mean `files`?"),
        ("verdict", "maybe", "`verdict` should be allow, deny or needs_approval"),
        ("verdict", "Deny", "Did you mean `deny`?"),
        ("from", "yesterday", "or so long ago, like 1d"),
        ("limit", "0", "0"),
    ] {
        let reply = house.get(&format!("/v1/audit?{name}={value}"), &key, "*/*").await;
        let (good, told) = run(&house.policy, &["audit", "search", &format!("--{name}"), value]);
        assert!(!good && told.contains(expected), "{name}={value}: {told}");
        assert!(value != "nope" || !told.contains("Did you mean"), "{told}");
        let problem = reply.problem();
        assert_eq!(problem.status, 400);
        assert!(name == "limit" || problem.detail.contains(expected), "{}", problem.detail);
    }
    for (from, found) in [("1h", true), ("1d", true), ("0s", false)] {
        let reply = house.get(&format!("/v1/audit?operation=files.list&from={from}"), &key, "*/*").await;
        assert_eq!(reply.json()["records"].as_array().is_some_and(|records| !records.is_empty()), found, "{from}");
    }
    house.end().await;
    let told = run(&house.policy, &["audit", "search", "--area", "files", "--verdict", "allow", "--from", "1h"]).1;
    assert!(told.contains("asked to list files"), "{told}");
}
