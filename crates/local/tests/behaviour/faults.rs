//! Faults on demand, and what arrived.

use crate::client::*;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn set(service: &Service, faults: Value) {
    let answer = service.send(Method::PUT, "/_local/faults", &[], faults.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn one_file() -> Form {
    Form::new().file("file", "a.txt", "text/plain", b"hello")
}

#[tokio::test]
async fn a_throttle_is_written_as_each_api_writes_it() {
    let service = service().await;
    set(&service, json!([{"effect": {"status": 429, "retry_after": 7}}])).await;
    let envelope = service.form("/base/?jsonerrors=1", one_file()).await;
    let expected = (429, "RequestThrottledError".to_owned(), "Request was throttled.".to_owned());
    assert_eq!((envelope.error(), envelope.header("retry-after")), (expected, "7"));
    assert!(envelope.header("access-control-expose-headers").contains("Retry-After"));
    let plain = service.form("/base/", one_file()).await;
    assert_eq!(
        (plain.status.as_u16(), plain.text(), plain.header("retry-after")),
        (429, "Request was throttled.", "7")
    );
    let rest = crate::rest_api::get(&service, "/files/").await;
    assert_eq!(rest.json()["detail"], "Request was throttled. Expected available in 7 seconds.");
    assert_eq!((rest.status.as_u16(), rest.header("retry-after")), (429, "7"));
}

#[tokio::test]
async fn an_error_of_the_catalogue_can_be_asked_for() {
    let service = service().await;
    set(&service, json!([{"operation": "uploads.direct", "count": 1, "effect": {"error": "AccountBlockedError"}}]))
        .await;
    let answer = service.form("/base/?jsonerrors=1", one_file()).await;
    assert_eq!(answer.error(), (403, "AccountBlockedError".to_owned(), "Account has been blocked.".to_owned()));
    assert_eq!(service.form("/base/", one_file()).await.status, 200, "a fault counted to one hits once");
}

#[tokio::test]
async fn a_part_fails_as_often_as_asked_and_only_that_part() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    set(&service, json!([{"operation": "part", "part": 2, "skip": 1, "count": 2, "effect": {"status": 503}}])).await;
    let part = bytes(5 * MIB, 1);
    for (part_number, expected) in [(1, 200), (2, 200), (2, 503), (1, 200), (2, 503), (2, 200)] {
        let answer = service.put(&urls[part_number - 1], part.clone()).await;
        assert_eq!(answer.status.as_u16(), expected, "part {part_number}");
        assert!(expected == 200 || answer.text().contains("<Code>SlowDown</Code>"));
    }
}

#[tokio::test]
async fn a_body_of_any_kind_can_be_answered() {
    let service = service().await;
    set(&service, json!({"effect": {"status": 502, "body": "<html>bad gateway</html>"}})).await;
    let answer = service.form("/base/?jsonerrors=1", one_file()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (502, "<html>bad gateway</html>"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    service.send(Method::DELETE, "/_local/faults", &[], "").await;
    assert_eq!(service.form("/base/", one_file()).await.status, 200);
}

#[tokio::test]
async fn a_connection_can_be_cut_before_in_and_after_the_body() {
    let service = service().await;
    for (reset, stored) in [("before_body", 0), ("mid_body", 0), ("before_answer", 1)] {
        set(&service, json!([{"operation": "uploads.direct", "count": 1, "effect": {"reset": reset}}])).await;
        let form = Form::new().file("file", "a.bin", "text/plain", &bytes(3 * MIB, 1)).build();
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let sent = service.try_send(Method::POST, "/base/", &[("content-type", &content_type)], form).await;
        assert!(sent.is_err(), "{reset}: an answer came");
        let files = service.get("/_local/files").await.json();
        assert_eq!(files.as_array().unwrap().len(), stored, "{reset}");
        let requests = service.local.requests();
        let request = requests.iter().rfind(|request| request.operation == Some("uploads.direct")).unwrap();
        assert!(request.fault && request.status.is_none() && request.aborted, "{request:?}");
        match reset {
            "before_body" => assert_eq!(request.received, 0),
            "mid_body" => assert!(request.received >= 3 * MIB as u64 / 2 && request.received < 3 * MIB as u64),
            _ => assert!(request.received > 3 * MIB as u64),
        }
    }
}

#[tokio::test]
async fn storage_can_lose_bytes_and_say_nothing() {
    let service = service().await;
    set(&service, json!([{"effect": {"keep_bytes": 3}}])).await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    assert_eq!(service.info(&uuid).await["size"], 3);
    set(&service, json!([])).await;
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "hel");

    let whole = bytes(11_000_000, 2);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    for (url, part) in urls.iter().zip(whole.chunks(5 * MIB)) {
        service.put(url, part.to_vec()).await;
    }
    set(&service, json!([{"operation": "uploads.multipart_complete", "effect": {"keep_bytes": 10_999_999}}])).await;
    assert_eq!(service.complete(&uuid).await.json()["size"], 10_999_999);
    assert!(service.get(&format!("/{uuid}/")).await.body == whole[..10_999_999]);
}

#[tokio::test]
async fn a_file_can_be_held_unready_and_a_request_delayed() {
    let service = service().await;
    set(&service, json!([{"operation": "uploads.direct", "count": 1, "effect": {"ready_delay_ms": 3_600_000}}])).await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    assert_eq!(service.info(&uuid).await["is_ready"], false);
    set(&service, json!([{"operation": "uploads.info", "effect": {"delay_ms": 300}}])).await;
    let started = std::time::Instant::now();
    service.info(&uuid).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn preflights_are_spared_and_nonsense_is_refused() {
    let service = service().await;
    set(&service, json!([{"effect": {"status": 500}}])).await;
    assert_eq!(service.send(Method::OPTIONS, "/base/", &[], "").await.status, 200);
    let answer = service.send(Method::PUT, "/_local/faults", &[], r#"[{"operation":"base","effect":{}}]"#).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().starts_with("no operation is called `base`; there are: part, cdn, uploads.direct,"));
    assert_eq!(service.get("/_local/faults").await.json(), json!([{"skip": 0, "effect": {"status": 500}}]));
}

#[tokio::test]
async fn what_arrived_is_told_without_secrets() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    service.put(&urls[2], bytes(1_000_000 - 485_760, 1)).await;
    service.form("/base/?signature=topsecret&source=local", one_file()).await;
    let requests = service.get("/_local/requests").await;
    let signature = urls[2].split("X-Amz-Signature=").nth(1).unwrap();
    assert!(!requests.text().contains("topsecret") && !requests.text().contains(signature), "{}", requests.text());
    let requests = requests.json();
    assert_eq!((&requests[1]["operation"], &requests[1]["part"]), (&json!("part"), &json!(3)));
    assert_eq!((&requests[1]["received"], &requests[1]["status"]), (&json!(514_240), &json!(200)));
    assert_eq!(requests[2]["query"], "signature=...&source=local");
    assert_eq!(requests.as_array().unwrap().len(), 3, "the controls are not told");
    service.send(Method::DELETE, "/_local/requests", &[], "").await;
    assert_eq!(service.get("/_local/requests").await.json(), json!([]));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    assert_eq!(service.send(Method::POST, "/_local/reset", &[], "").await.status, 204);
    assert_eq!(service.get("/_local/files").await.json(), json!([]));
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
    let totals = crate::rest_api::get(&service, "/files/").await.json();
    assert_eq!(totals["totals"], json!({"removed": 0, "stored": 0, "unstored": 0}));
    service.upload("b.txt", "text/plain", b"hello").await;
}
