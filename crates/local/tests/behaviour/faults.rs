//! Faults on demand, and what arrived.

use crate::client::*;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
    // A captive portal calls its page a success.
    set(&service, json!({"effect": {"status": 200, "body": "<html>welcome</html>"}})).await;
    let answer = service.form("/base/?jsonerrors=1", one_file()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<html>welcome</html>"));
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
        assert!(request.fault.is_some() && request.status.is_none() && request.aborted, "{request:?}");
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
async fn each_request_is_told_with_how_many_were_under_way() {
    let service = service().await;
    set(&service, json!([{"effect": {"delay_ms": 200}}])).await;
    let send = || service.form("/base/", one_file());
    tokio::join!(send(), send(), send());
    send().await;
    let requests = service.get("/_local/requests").await.json();
    let told: Vec<_> = requests.as_array().unwrap().iter().map(|request| request["at_once"].clone()).collect();
    assert_eq!(told, [json!(1), json!(2), json!(3), json!(1)]);
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

#[tokio::test]
async fn a_lost_acknowledgement_counts_and_is_never_heard() {
    let service = service().await;
    set(&service, json!([{"operation": "uploads.direct", "count": 1, "effect": {"no_answer": true}}])).await;
    let http = service.http.clone();
    let waiting = tokio::spawn(async move { http.form("/base/", one_file()).await });
    while service.get("/_local/files").await.json().as_array().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "an answer came, or the connection ended");
    let request = service.local.requests().remove(0);
    assert!(request.status.is_none() && request.aborted && request.fault.as_deref() == Some("1"), "{request:?}");
    waiting.abort();
}

#[tokio::test]
async fn a_line_can_be_slow_both_ways() {
    let service = service().await;
    let uuid = service.upload("a.bin", "text/plain", &bytes(40_000, 1)).await;
    for operation in ["uploads.direct", "cdn"] {
        set(&service, json!([{"operation": operation, "effect": {"bytes_per_second": 100_000}}])).await;
        let started = std::time::Instant::now();
        if operation == "cdn" {
            assert!(service.get(&format!("/{uuid}/")).await.body == bytes(40_000, 1));
        } else {
            service.upload("b.bin", "text/plain", &bytes(40_000, 2)).await;
        }
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(350), "{operation}: 40 kB at 100 kB/s took {took:?}");
    }
    let direct = service.local.requests().into_iter().rfind(|request| request.operation == Some("uploads.direct"));
    assert!(direct.unwrap().received > 40_000);
}

#[tokio::test]
async fn an_answer_can_break_off_in_the_middle() {
    let service = service().await;
    let uuid = service.upload("a.bin", "text/plain", &bytes(200_000, 1)).await;
    set(&service, json!([{"operation": "cdn", "count": 1, "effect": {"reset": "mid_answer"}}])).await;
    let mut socket = tokio::net::TcpStream::connect(service.local.address()).await.unwrap();
    socket.write_all(format!("GET /{uuid}/ HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = socket.read_to_end(&mut answer).await;
    assert!(ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    assert!(answer.starts_with(b"HTTP/1.1 200") && (100_000..101_000).contains(&answer.len()), "{}", answer.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == bytes(200_000, 1), "only once");
}

#[tokio::test]
async fn addresses_of_parts_can_expire_at_once_or_from_the_start() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let part = bytes(5 * MIB, 1);
    set(&service, json!([{"operation": "part", "part": 2, "count": 1, "effect": {"expired": true}}])).await;
    assert_eq!(service.put(&urls[0], part.clone()).await.status, 200);
    let refused = service.put(&urls[1], part.clone()).await;
    assert!(refused.status == 403 && refused.text().contains("<Message>Request has expired</Message>"));
    assert_eq!(service.put(&urls[1], part.clone()).await.status, 200, "once");

    set(&service, json!([{"operation": "uploads.multipart_start", "count": 1, "effect": {"expired": true}}])).await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let refused = service.put(&urls[0], part.clone()).await;
    assert!(refused.status == 403 && refused.text().contains("<Message>Request has expired</Message>"));
    let (_, urls) = service.start(11_000_000, &[]).await;
    assert_eq!(service.put(&urls[0], part).await.status, 200);
}

/// By UUID and by name, wherever a request says which file it is about.
#[tokio::test]
async fn a_fault_can_strike_one_file_alone() {
    let service = service().await;
    let [cat, dog] =
        [service.upload("cat.txt", "text/plain", b"a").await, service.upload("dog.txt", "text/plain", b"b").await];
    let (film, urls) = service.start(11_000_000, &[]).await;
    for file in [&cat, "cat.txt"] {
        set(&service, json!([{"file": file, "effect": {"status": 503}}])).await;
        for (target, other) in [
            (format!("/{cat}/"), format!("/{dog}/")),
            (info(&cat), info(&dog)),
            (format!("/files/{cat}/"), format!("/files/{dog}/")),
        ] {
            let statuses = (
                crate::rest_api::get(&service, &target).await.status,
                crate::rest_api::get(&service, &other).await.status,
            );
            assert_eq!((statuses.0.as_u16(), statuses.1.as_u16()), (503, 200), "{file}: {target}");
        }
        let group = [("pub_key", KEY), ("files[]", dog.as_str()), ("files[]", cat.as_str())];
        assert_eq!(service.urlencoded("/group/", &group).await.status, 503);
        assert_eq!(service.urlencoded("/group/", &group[..2]).await.status, 200);
    }
    let sent = |name: &str| service.form("/base/", Form::new().file("file", name, "text/plain", b"hello"));
    assert_eq!((sent("cat.txt").await.status.as_u16(), sent("rat.txt").await.status.as_u16()), (503, 200));

    set(&service, json!([{"file": "big file.bin", "name": "film", "effect": {"status": 503}}])).await;
    assert_eq!(service.put(&urls[0], "x").await.status, 503);
    assert_eq!(service.complete(&film).await.status, 503);
    let struck: Vec<_> = service.local.requests().into_iter().filter_map(|request| request.fault).collect();
    assert_eq!(struck[struck.len() - 2..], ["film", "film"]);
    service.send(Method::DELETE, "/_local/faults", &[], "").await;
    assert_eq!(
        service.put(&urls[2], bytes(11_000_000 - 10 * MIB, 1)).await.status,
        200,
        "what was looked at is read, too"
    );
    let whole = bytes(300_000, 9);
    set(&service, json!([{"file": "other", "effect": {"status": 503}}])).await;
    let uuid = service.upload("large.bin", "text/plain", &whole).await;
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

fn info(file: &str) -> String {
    format!("/info/?pub_key={KEY}&file_id={file}")
}

#[tokio::test]
async fn a_scenario_can_be_put_in_force() {
    let service = service().await;
    let scenario =
        "[[fault]]\nname = \"twice\"\noperation = \"uploads.direct\"\ncount = 2\neffect = { status = 500 }\n";
    let put =
        |body: &'static str| service.send(Method::PUT, "/_local/faults", &[("content-type", "application/toml")], body);
    assert_eq!(put(scenario).await.json()[0]["name"], "twice");
    for expected in [500, 500, 200] {
        assert_eq!(service.form("/base/", one_file()).await.status, expected);
    }
    let requests = service.get("/_local/requests").await.json();
    assert_eq!((&requests[1]["fault"], &requests[2]["fault"]), (&json!("twice"), &Value::Null));
    assert!(put("[[fault").await.text().starts_with("not a scenario: "));
}
