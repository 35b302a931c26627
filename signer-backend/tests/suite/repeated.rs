//! Requests with an `Idempotency-Key` that come again: what the log says of them, and what is kept of their answers.

use crate::http_client::{Reply, send};
use crate::keeping::{House, run};
use crate::stage::{PAGE, PNG, Setup, VISITORS, agent, bearer, upload};
use updock_local::{Effect, Fault};
use updock_signer::own::OWN;
use updock_types::Method;

/// Sends `body` under an idempotency key.
async fn keyed(house: &House, key: &str, idempotency: &str, (method, target): (&str, &str), body: &str) -> Reply {
    let authorization = bearer(key);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", idempotency),
    ];
    send(&house.running.base, method, target, &headers, body.to_owned()).await
}

#[tokio::test]
async fn every_repeat_has_an_outcome_of_its_own_in_the_log() {
    let (key, section) = agent("media", "metadata = \"full\"");
    let mut house = House::start(&section).await;
    let uploaded = upload(&house.local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
    let target = format!("/v1/uploadcare/files/{}/metadata/a/", uploaded["file"].as_str().unwrap());
    let put = ("PUT", target.as_str());
    let broken = Effect { status: Some(500), ..Effect::default() };
    for (what, idempotency, body, effect, status) in [
        ("done", "one", "\"b\"", None, 201),
        ("the same again", "one", "\"b\"", None, 201),
        ("another request with its key", "one", "\"c\"", None, 422),
        ("nobody knows whether it was done", "two", "\"d\"", Some(broken), 502),
        ("the same again", "two", "\"d\"", None, 409),
    ] {
        house.local.set_faults(effect.into_iter().map(|effect| Fault { effect, ..Fault::default() }).collect());
        let reply = keyed(&house, &key, idempotency, put, body).await;
        assert_eq!(reply.status, status, "{what}: {:?}", reply.body);
    }
    house.end().await;
    let (_, told) = run(&house.policy, &["audit", "search", "--operation", "metadata.put"]);
    let count = |text: &str| told.matches(text).count();
    assert_eq!(
        (count("Allowed: "), count("was carried out."), count("was answered as before, and not done again.")),
        (5, 1, 1),
        "{told}"
    );
    assert_eq!(count("came to nothing: "), 3, "{told}");
    let (_, report) = run(&house.policy, &["audit", "verify", "--json"]);
    let report: serde_json::Value = serde_json::from_str(report.trim()).unwrap();
    assert_eq!(report["open"], 0, "what was answered counts as left by a crash: {report}");
}

#[tokio::test]
async fn what_keeps_no_idempotency_key_refuses_it_and_does_nothing() {
    let (key, section) = agent("chief", "uploads = \"full\"\nadmin = \"full\"\nacknowledged = true");
    let stage = Setup::new(format!("{VISITORS}{section}")).start().await;
    let keys = async || stage.ask(&key, "GET", "/v1/keys", "").await.json()["keys"].as_array().unwrap().len();
    let before = keys().await;
    let authorization = bearer(&key);
    let idempotent =
        [("authorization", authorization.as_str()), ("content-type", "application/json"), ("idempotency-key", "one")];
    let mut asked = 0;
    for own in OWN.iter().filter(|own| own.method == Method::Post) {
        let target = own.path.replace("{key_id}", key.split('_').nth(2).unwrap());
        let problem = stage.send("POST", &target, &idempotent, "{}").await.problem();
        assert_eq!(problem.status, 400, "{}", own.id);
        let expected = "No Idempotency-Key is kept at this address, so nothing was done; leave the header out";
        assert!(problem.detail.starts_with(expected), "{}: {}", own.id, problem.detail);
        asked += 1;
    }
    assert!(asked >= 6, "{asked}");
    assert_eq!(keys().await, before);
    assert!(stage.log.records().iter().all(|record| record.operation == Some("keys.list")), "{:#?}", stage.sentences());

    // A page may read why, what only reads may bring a key, and without one everything is as it was.
    let page = [("origin", PAGE), ("content-type", "application/json"), ("idempotency-key", "one")];
    let reply = stage.send("POST", "/v1/upload-credentials", &page, "{}").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (400, Some(PAGE)));
    assert_eq!(stage.send("GET", "/v1/keys", &idempotent, "").await.status, 200);
    assert_eq!(stage.send("POST", "/v1/keys", &idempotent[..2], "{}").await.status, 201);
    assert_eq!(keys().await, before + 1);
}

#[tokio::test]
async fn what_is_kept_of_an_answer_holds_no_secret() {
    const SECRET: &str = "told-once-and-not-kept";
    let (key, section) = agent("chief", "webhooks = \"full\"");
    let house = House::start(&section).await;
    let body = format!(
        "{{\"target_url\":\"http://127.0.0.1:9/copies\",\"event\":\"file.uploaded\",\"signing_secret\":\"{SECRET}\"}}"
    );
    let create = ("POST", "/v1/uploadcare/webhooks/");
    let first = keyed(&house, &key, "one", create, &body).await;
    assert_eq!(first.status, 201);
    let mut told = first.json();
    assert_eq!(told["signing_secret"], SECRET);
    let again = keyed(&house, &key, "one", create, &body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, Some("true")));
    told["signing_secret"] = serde_json::Value::Null;
    assert_eq!(again.json(), told, "the same, but for the secret");
    let mut kept = 0;
    for entry in std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&entry).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|some| some == text.as_bytes());
        assert!(!holds(SECRET), "{} holds it", entry.display());
        kept += usize::from(holds("http://127.0.0.1:9/copies"));
    }
    assert!(kept > 0, "the answer is kept nowhere, so this shows nothing");
}
