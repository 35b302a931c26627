//! Many files stored or removed in one request.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::{Value, json};

async fn temporary(service: &Service, name: &str) -> String {
    let form = Form::new().field("UPLOADCARE_STORE", "0").file("file", name, "text/plain", b"x");
    service.form("/base/", form).await.uuid("file")
}

fn result(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let files = answer.json()["result"].take();
    files.as_array().unwrap().iter().map(|file| file["uuid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn files_come_back_by_upload_time_and_problems_by_the_id_that_was_sent() {
    let service = service().await;
    let (older, newer) = (temporary(&service, "a").await, temporary(&service, "b").await);
    let body = json!([newer, "4j334o01-8bs3", older.to_uppercase(), NOBODY, newer, ""]);
    let stored = ask(&service, Method::PUT, "/files/storage/", body.clone()).await;
    assert!(stored.text().starts_with(r#"{"status":"ok","result":[{"datetime_removed":null,"#), "{}", stored.text());
    assert_eq!(result(&stored), [older.clone(), newer.clone()]);
    let problems = json!({"4j334o01-8bs3": "Invalid", "": "Invalid", NOBODY: "Missing in the project"});
    assert_eq!(stored.json()["problems"], problems);
    assert!(stored.json()["result"][0]["datetime_stored"].is_string());

    let removed = ask(&service, Method::DELETE, "/files/storage/", body).await;
    assert_eq!(result(&removed), [older.clone(), newer]);
    assert!(removed.json()["result"][1]["datetime_removed"].is_string());
    assert_eq!(get(&service, "/files/").await.json()["totals"], json!({"removed": 2, "stored": 0, "unstored": 0}));

    let back = ask(&service, Method::PUT, "/files/storage/", json!([older])).await;
    assert_eq!(back.json()["result"][0]["datetime_removed"], json!(null), "a store request restores");
    let failed = ask(&service, Method::PUT, "/files/storage/", json!([NOBODY])).await;
    assert_eq!((result(&failed).len(), failed.json()["status"].clone()), (0, json!("ok")));
}

#[tokio::test]
async fn a_body_that_is_no_list_of_ids_is_refused() {
    let service = service().await;
    let many: Vec<&str> = vec![NOBODY; 101];
    for (body, text) in [
        (json!([]), "List of UUIDs can not be empty"),
        (json!({}), "Expected list of UUIDs"),
        (json!("x"), "Expected list of UUIDs"),
        (json!([7]), "Expected list of UUIDs"),
        (json!(null), "Expected list of UUIDs"),
        (json!(many), "Maximum UUIDs per request is exceeded. The limit is 100"),
    ] {
        for method in [Method::PUT, Method::DELETE] {
            let answer = ask(&service, method, "/files/storage/", body.clone()).await;
            assert_eq!(detail(&answer), (400, text.to_owned()), "{body}");
        }
    }
    assert_eq!(detail(&send(&service, Method::PUT, "/files/storage/").await).1, "Expected list of UUIDs");
    for body in [&b"["[..], b"\xff", b"[\"a\",]"] {
        assert_eq!(detail(&ask_raw(&service, Method::PUT, "/files/storage/", body.to_vec()).await).0, 400);
    }
    let full: Vec<Value> = vec![json!(NOBODY); 100];
    assert_eq!(ask(&service, Method::PUT, "/files/storage/", json!(full)).await.status, 200);
}
