//! Agents: who is known, and what the REST front makes of requests and answers.

use crate::stage::{PNG, Setup, agent, bearer};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use updock_local::{Config, Effect, Fault};
use updock_signer::log::Phase;
use updock_types::rest::Collaborator;

#[tokio::test]
async fn who_brings_no_good_key_learns_nothing_and_reaches_nothing() {
    let (key, section) = agent("media", "files = \"full\"");
    let (foreign, _) = agent("other", "");
    let stage = Setup::new(section).start().await;
    let mut mistyped = key.clone();
    mistyped.pop();
    let target = "/v1/uploadcare/files/";
    let unknown = stage.send("GET", target, &[("authorization", &bearer(&foreign))], "").await.problem();
    for (authorization, status) in [
        (bearer(&foreign), 401),
        (format!("Uploadcare.Simple otherkey:{key}"), 401),
        (format!("Uploadcare.Simple demopublickey:{foreign}"), 401),
        (format!("Uploadcare.Simple {key}"), 401),
        (bearer(&mistyped), 401),
        (bearer("demosecretkey"), 401),
        ("Uploadcare.Simple demopublickey:demosecretkey".to_owned(), 401),
        ("Uploadcare demopublickey:0123456789012345678901234567890123456789".to_owned(), 401),
        (format!("Basic {key}"), 401),
        (key.clone(), 401),
        (String::new(), 401),
    ] {
        let reply = stage.send("GET", target, &[("authorization", &authorization)], "").await;
        assert_eq!(reply.problem().status, status, "{authorization}");
        assert!(reply.header("www-authenticate").is_some());
    }
    let again = stage.send("GET", target, &[("authorization", &bearer(&foreign))], "").await.problem();
    assert_eq!(again.detail, unknown.detail);
    assert_eq!(stage.send("GET", target, &[], "").await.problem().status, 401);
    let twice = [("authorization", bearer(&key)), ("authorization", bearer(&key))];
    let twice: Vec<_> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(stage.send("GET", target, &twice, "").await.problem().status, 400);
    let in_address = format!("{target}?api_key={key}");
    assert_eq!(stage.send("GET", &in_address, &[("authorization", &bearer(&key))], "").await.problem().status, 400);
    assert_eq!(stage.rest_requests(), 0);
    for authorization in [bearer(&key), format!("bearer  {key}"), format!("Uploadcare.Simple demopublickey:{key}")] {
        assert_eq!(stage.send("GET", target, &[("authorization", &authorization)], "").await.status, 200);
    }
}

#[tokio::test]
async fn who_asks_for_no_operation_is_told_where_the_list_is() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let problem = stage.ask(&key, "GET", "/v1/uploadcare/nothing/", "").await.problem();
    assert_eq!(problem.detail, "There is no such operation; GET /docs has the list of operations.");
    assert_eq!(stage.send("GET", "/docs", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_metadata_grant_cannot_walk_up_to_the_file() {
    let (key, section) = agent("tagger", "metadata = \"full\"");
    let stage = Setup::new(section).start().await;
    let file = stage.file("a.png", PNG).await;
    for path in [
        format!("/files/{file}/metadata/../storage/"),
        format!("/files/{file}/metadata/%2e%2e/storage/"),
        format!("/files/{file}/metadata/.%2E/"),
        format!("/files/{file}//storage/"),
        format!("/files/{file}/storage/;a=b"),
        format!("/files/{file}%2fstorage/"),
        "/metadata/%2e%2e/files/".to_owned(),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let reply = stage.ask(&key, method, &format!("/v1/uploadcare{path}"), "").await;
            assert_eq!(reply.kind(), "not-found", "{method} {path}");
        }
    }
    assert_eq!(stage.rest_requests(), 0);
}

#[tokio::test]
async fn nothing_of_the_callers_request_is_passed_on() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let authorization = bearer(&key);
    let headers = [
        ("authorization", authorization.as_str()),
        ("accept", "application/vnd.uploadcare-v0.5+json"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-for", "10.0.0.1"),
        ("date", "Mon, 23 Nov 1998 09:14:07 GMT"),
        ("cookie", "a=b"),
    ];
    let reply = stage.send("GET", "/v1/uploadcare/files/?limit=3&drop=%0d%0a&x=appdata", &headers, "").await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(reply.header("content-type"), Some("application/vnd.uploadcare-v0.7+json"));
    assert!(reply.header("server").is_none() && reply.header("access-control-allow-origin").is_none());
    let seen = stage.local.requests().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_deref()), ("GET", "/files/", Some("limit=3")));
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next_within_the_gateway() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let mut made = Vec::new();
    for number in 0..3 {
        made.push(stage.file(&format!("{number}.png"), PNG).await.to_string());
    }
    let mut target = "/v1/uploadcare/files/?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = stage.ask(&key, "GET", &target, "").await;
        assert!(
            !String::from_utf8_lossy(&page.body).contains(&stage.local.base_url()[..]) || {
                // The CDN's address of a file is meant for everybody; the API's is not.
                !String::from_utf8_lossy(&page.body).contains(&format!("{}/files/", stage.local.base_url()))
            }
        );
        let page = page.json();
        let file = &page["results"][0];
        assert_eq!(file["url"], format!("{}/v1/uploadcare/files/{}/", stage.base, file["uuid"].as_str().unwrap()));
        seen.push(file["uuid"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else { break };
        target = next.strip_prefix(&stage.base).unwrap_or_else(|| panic!("{next} leads away")).to_owned();
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn collaborators_are_for_full_access_only() {
    let (reader, one) = agent("reader", "project = \"read\"");
    let (owner, other) = agent("owner", "project = \"full\"");
    let jane = Collaborator { name: "Jane".into(), email: "jane@example.com".into() };
    let local = Config { collaborators: vec![jane], ..Config::default() };
    let stage = Setup { local, ..Setup::new(one + &other) }.start().await;
    let hidden = stage.ask(&reader, "GET", "/v1/uploadcare/project/", "").await.json();
    assert_eq!(hidden["collaborators"], serde_json::json!([]));
    assert_eq!(hidden["pub_key"], "demopublickey");
    let shown = stage.ask(&owner, "GET", "/v1/uploadcare/project/", "").await.json();
    assert_eq!(shown["collaborators"][0]["email"], "jane@example.com");
}

#[tokio::test]
async fn uploadcares_own_refusals_are_passed_on_and_its_outages_are_named() {
    let (key, section) = agent("media", "files = \"full\"");
    let stage = Setup::new(section).start().await;
    let missing = "/v1/uploadcare/files/17be4678-dab7-4bc7-8753-28914a22960a/";
    let reply = stage.ask(&key, "GET", missing, "").await;
    assert_eq!((reply.status.as_u16(), reply.json()["detail"].as_str()), (404, Some("Not found.")));
    let fault = |effect: Effect| vec![Fault { effect, ..Fault::default() }];
    let html = Some("<html>".to_owned());
    for (effect, status, kind) in [
        (Effect { status: Some(503), ..Effect::default() }, 502, "upstream-unavailable"),
        (Effect { status: Some(404), body: html.clone(), ..Effect::default() }, 404, "not-found"),
        (Effect { status: Some(401), ..Effect::default() }, 502, "upstream-refused"),
        (Effect { reset: Some(updock_local::Reset::BeforeBody), ..Effect::default() }, 502, "upstream-unavailable"),
        // Last: after it nothing is asked for a while.
        (Effect { status: Some(429), retry_after: Some(7), ..Effect::default() }, 429, "throttled"),
    ] {
        stage.local.set_faults(fault(effect));
        let reply = stage.ask(&key, "GET", "/v1/uploadcare/files/", "").await;
        assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (status, kind));
        if status == 429 {
            assert_eq!(reply.header("retry-after"), Some("7"));
        }
    }
    let last = stage.sentences().pop().unwrap();
    assert!(last.starts_with("The request of Agent media to list files came to nothing: "), "{last}");
}

#[tokio::test]
async fn decisions_are_told_in_plain_english() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let target = "/v1/uploadcare/files/21975c81-7f57-4c7a-aef9-acfe28779f78/storage/";
    let reply = stage.ask(&key, "DELETE", target, "").await;
    let record = stage.log.records().pop().unwrap();
    assert_eq!(
        record.text,
        "Agent media asked to delete file 21975c81-7f57-4c7a-aef9-acfe28779f78. \
         Refused: this agent has read access to files, and this needs full access."
    );
    assert_eq!(record.request_id.as_deref(), reply.header("x-request-id"));
    assert_eq!((record.caller.as_deref(), record.operation), (Some("media"), Some("files.delete")));
    assert_eq!(record.key_id.as_deref(), Some(&key["updock_live_".len()..][..10]));
    stage.ask(&key, "GET", "/v1/uploadcare/files/", "").await;
    let sentences = stage.sentences();
    assert_eq!(
        sentences[sentences.len() - 2..],
        [
            "Agent media asked to list files. Allowed: this agent has read access to files.",
            "The request of Agent media to list files was carried out."
        ]
    );
}

#[tokio::test]
async fn what_changes_something_runs_on_to_its_outcome_when_its_caller_goes_away() {
    let (key, section) = agent("media", "files = \"full\"");
    let stage = Setup::new(section).start().await;
    let file = stage.file("cat.txt", b"cat").await;
    let slow = Effect { delay: Some(Duration::from_millis(300)), ..Effect::default() };
    stage.local.set_faults(vec![Fault { effect: slow, ..Fault::default() }]);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let request = format!(
        "DELETE /v1/uploadcare/files/{file}/storage/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let record = async |phase: Phase| loop {
        let records = stage.log.records();
        let found =
            records.into_iter().find(|record| record.phase == phase && record.operation == Some("files.delete"));
        match found {
            Some(record) => break record,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    record(Phase::Decision).await;
    drop(stream);
    let outcome = tokio::time::timeout(Duration::from_secs(10), record(Phase::Outcome)).await.expect("an outcome");
    assert_eq!(outcome.status, Some(200), "{}", outcome.text);
}
