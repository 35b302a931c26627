//! Long lists: batches that are split, lists read to their end as lines, and jobs that are waited for.

use crate::http_client::Reply;
use crate::stage::{PNG, Setup, Stage, agent, bearer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use updock_local::{Config, Effect, Fault};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn files(stage: &Stage, count: usize) -> Vec<String> {
    let made = (0..count).map(|number| async move { stage.file(&format!("{number}.txt"), b"words").await.to_string() });
    futures_util::future::join_all(made).await
}

fn uuids(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|file| file["uuid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn more_than_a_hundred_files_go_in_batches_and_come_back_as_one() {
    let (key, section) = agent("cleaner", "files = \"full\"");
    let stage = Setup::new(section).start().await;
    let made = files(&stage, 230).await;
    let mut asked = made.clone();
    asked.splice(50..50, [NOBODY.to_owned(), "nonexistent".to_owned(), made[3].clone()]);
    for method in ["PUT", "DELETE"] {
        let before = stage.rest_requests();
        let reply = stage.ask(&key, method, "/v1/uploadcare/files/storage/", &json!(asked).to_string()).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        let told = reply.json();
        assert_eq!(told["status"], "ok");
        assert_eq!(told["problems"], json!({ NOBODY: "Missing in the project", "nonexistent": "Invalid" }));
        assert_eq!(uuids(&told["result"]), made.iter().map(String::as_str).collect());
        assert_eq!(told["result"].as_array().unwrap().len(), 230, "each file once");
        let dates: Vec<&str> =
            told["result"].as_array().unwrap().iter().map(|file| file["datetime_uploaded"].as_str().unwrap()).collect();
        assert!(dates.is_sorted(), "in the order of the service");
        assert_eq!(stage.rest_requests() - before, 3);
    }
    let nothing = stage.ask(&key, "PUT", "/v1/uploadcare/files/storage/", "[\"nonexistent\"]").await;
    assert_eq!(nothing.json(), json!({"status": "ok", "result": [], "problems": {"nonexistent": "Invalid"}}));
}

#[tokio::test]
async fn a_batch_that_fails_in_the_middle_says_which_files_were_not_done() {
    let (key, section) = agent("cleaner", "files = \"full\"");
    let stage = Setup::new(section).start().await;
    let made = files(&stage, 130).await;
    let effect = Effect { status: Some(500), ..Effect::default() };
    stage.local.set_faults(vec![Fault { skip: 1, effect, ..Fault::default() }]);
    let reply = stage.ask(&key, "DELETE", "/v1/uploadcare/files/storage/", &json!(made).to_string()).await;
    let told = reply.json();
    assert_eq!((uuids(&told["result"]).len(), told["problems"].as_object().unwrap().len()), (100, 30));
    for file in &made[100..] {
        assert!(told["problems"][file].as_str().unwrap().starts_with("Uploadcare "), "{}", told["problems"][file]);
    }
}

async fn lines(stage: &Stage, key: &str, method: &str, target: &str, body: &str) -> Reply {
    let authorization = bearer(key);
    let mut headers = vec![("authorization", authorization.as_str()), ("accept", "application/x-ndjson")];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    stage.send(method, target, &headers, body).await
}

#[tokio::test]
async fn a_list_is_read_to_its_end_as_lines() {
    let (key, section) = agent("media", "files = \"read\"\ngroups = \"read\"");
    let stage = Setup::new(section).start().await;
    let made = files(&stage, 23).await;
    for (target, requests) in [("/v1/uploadcare/files/?limit=5", 5), ("/v1/uploadcare/files/", 1)] {
        let before = stage.rest_requests();
        let reply = lines(&stage, &key, "GET", target, "").await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some("application/x-ndjson")));
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<&str> = rows.iter().map(|row| row["uuid"].as_str().unwrap()).collect();
        assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (23, 23));
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made.iter().map(String::as_str).collect());
        assert!(rows[0]["url"].as_str().unwrap().starts_with(&stage.base), "{}", rows[0]["url"]);
        assert_eq!(stage.rest_requests() - before, requests, "{target}");
    }
    let found = lines(&stage, &key, "POST", "/v1/uploadcare/files/search/?limit=5", r#"{"size":{"gte":0}}"#).await;
    assert_eq!(found.body.split(|byte| *byte == b'\n').count(), 24, "{:?}", found.body);
    let groups = lines(&stage, &key, "GET", "/v1/uploadcare/groups/", "").await;
    assert_eq!((groups.status.as_u16(), groups.body.len()), (200, 0));
    // What is no list, and what is refused, is answered as ever.
    let one = lines(&stage, &key, "GET", &format!("/v1/uploadcare/files/{}/", made[0]), "").await;
    assert_eq!(one.json()["uuid"], made[0].as_str());
    assert_eq!(lines(&stage, &key, "GET", "/v1/uploadcare/files/?limit=0", "").await.kind(), "bad-request");
    assert_eq!(lines(&stage, &key, "GET", "/v1/uploadcare/webhooks/", "").await.kind(), "forbidden");
}

#[tokio::test]
async fn a_list_that_breaks_off_says_why_and_is_not_taken_for_the_whole() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    files(&stage, 9).await;
    let effect = Effect { status: Some(500), ..Effect::default() };
    stage.local.set_faults(vec![Fault { skip: 2, effect, ..Fault::default() }]);
    let mut stream = tokio::net::TcpStream::connect(stage.address).await.unwrap();
    let head = format!(
        "GET /v1/uploadcare/files/?limit=3 HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\naccept: application/x-ndjson\r\n\r\n",
        bearer(&key)
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told).await;
    let told = String::from_utf8(told).unwrap();
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    assert_eq!(told.matches("\"original_filename\"").count(), 6);
    assert!(told.contains("urn:updock:problem:upstream-unavailable"), "{told}");
    assert!(!told.ends_with("0\r\n\r\n"), "it ended as if it were whole");
}

#[tokio::test]
async fn a_job_is_started_and_waited_for() {
    let (key, section) = agent("media", "conversion = \"write\"\naddons = \"write\"");
    let local = Config { job_time: Duration::from_millis(400), ..Config::default() };
    let stage = Setup { local, ..Setup::new(section) }.start().await;
    let file = stage.file("a.png", PNG).await.to_string();
    let job = |operation: &str, body: Value| json!({ "operation": operation, "body": body }).to_string();
    let path = format!("{file}/document/-/format/pdf/");
    let authorization = bearer(&key);
    let ask = async |body: &str, more: &[(&str, &str)]| {
        let headers =
            [&[("authorization", authorization.as_str()), ("content-type", "application/json")], more].concat();
        stage.send("POST", "/v1/jobs", &headers, body).await
    };

    let scan = job("addons.virus_scan", json!({ "target": file }));
    let done = ask(&scan, &[]).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
    let told = done.json();
    assert_eq!((told["status"].as_str(), told["jobs"][0]["status"].as_str()), (Some("done"), Some("done")));
    assert_eq!(told["jobs"][0]["target"], file.as_str());

    let convert = job("conversion.document", json!({ "paths": [path, "nonsense"] }));
    let done = ask(&convert, &[("prefer", "wait=20")]).await.json();
    assert_eq!(
        (done["status"].as_str(), done["jobs"][0]["original_source"].as_str()),
        (Some("done"), Some(path.as_str()))
    );
    assert!(done["problems"]["nonsense"].is_string(), "{done}");

    // Who does not want to wait is told where to look, and with a key it is not done again.
    let hasty = [("prefer", "wait=0"), ("idempotency-key", "one")];
    let running = ask(&scan, &hasty).await;
    assert_eq!((running.status.as_u16(), running.json()["status"].as_str()), (202, Some("running")));
    let before = stage.rest_requests();
    let again = ask(&scan, &hasty).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (202, Some("true")));
    assert_eq!(stage.rest_requests(), before);
    let link = running.json()["jobs"][0]["status_url"].as_str().unwrap().to_owned();
    let target = link.strip_prefix(&stage.base).unwrap_or_else(|| panic!("{link} leads away"));
    assert_eq!(stage.ask(&key, "GET", target, "").await.status, 200);
    let sentences = stage.sentences();
    assert!(sentences.iter().any(|text| text.starts_with("Agent media asked to scan for viruses")), "{sentences:?}");
}

#[tokio::test]
async fn a_job_needs_what_its_operation_needs() {
    let (reader, section) = agent("reader", "conversion = \"read\"\naddons = \"read\"\nfiles = \"full\"");
    let stage = Setup::new(section).start().await;
    for operation in [
        "conversion.document",
        "conversion.video",
        "addons.labels",
        "addons.moderation",
        "addons.virus_scan",
        "addons.remove_bg",
    ] {
        let inner = if operation.starts_with("addons") { json!({"target": NOBODY}) } else { json!({"paths": ["x"]}) };
        let body = json!({"operation": operation, "body": inner}).to_string();
        let problem = stage.ask(&reader, "POST", "/v1/jobs", &body).await.problem();
        assert_eq!((problem.status, problem.missing.is_some()), (403, true), "{operation}");
    }
    for (body, expected) in [
        (json!({"operation": "files.delete", "body": {}}), "`operation` should be one of conversion.document"),
        (json!({"operation": "conversion.document", "body": {"paths": []}}), "1 to 100 paths"),
        (json!({"operation": "addons.labels"}), "missing field `body`"),
        (json!({"operation": "addons.labels", "body": {}, "wait": 3}), "unknown field `wait`"),
    ] {
        let problem = stage.ask(&reader, "POST", "/v1/jobs", &body.to_string()).await.problem();
        assert_eq!(problem.status, 400, "{body}");
        assert!(problem.detail.contains(expected), "{}", problem.detail);
    }
    assert_eq!(stage.rest_requests(), 0);
}
