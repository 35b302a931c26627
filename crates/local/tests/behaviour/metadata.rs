//! Texts that a project keeps with a file.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_value_is_set_read_replaced_and_deleted() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let (all, one) = (format!("/files/{uuid}/metadata/"), format!("/files/{uuid}/metadata/-:45az_/"));
    assert_eq!(get(&service, &all).await.text(), "{}");
    assert_eq!(detail(&get(&service, &one).await), (404, "Not found.".to_owned()));
    for (value, status) in [("any string", 201), ("another", 200), ("another", 200)] {
        let answer = ask(&service, Method::PUT, &one, json!(value)).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (status, json!(value)));
    }
    assert_eq!(get(&service, &one).await.text(), r#""another""#);
    assert_eq!(get(&service, &one.replace(':', "%3A")).await.text(), r#""another""#, "SDKs differ in what they encode");
    assert_eq!(get(&service, &all).await.json(), json!({"-:45az_": "another"}));
    assert_eq!(get(&service, &format!("/files/{uuid}/")).await.json()["metadata"], json!({"-:45az_": "another"}));

    let deleted = send(&service, Method::DELETE, &one).await;
    assert_eq!((deleted.status.as_u16(), deleted.text(), deleted.header("content-type")), (204, "", ""));
    assert_eq!(send(&service, Method::DELETE, &one).await.status, 404);
    assert_eq!(get(&service, &all).await.text(), "{}");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_and_changes_nothing() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let long = |len: usize| "ü".repeat(len);
    let key = |len: usize| "k".repeat(len);
    for (key, body, status) in [
        (key(64), json!(long(512)), 201),
        (key(65), json!("x"), 400),
        ("a%20b".to_owned(), json!("x"), 400),
        ("%FF".to_owned(), json!("x"), 400),
        ("pet".to_owned(), json!(long(513)), 400),
        ("pet".to_owned(), json!(""), 400),
        ("pet".to_owned(), json!("\u{0}"), 400),
        ("pet".to_owned(), json!(7), 400),
        ("pet".to_owned(), json!(["x"]), 400),
        ("pet".to_owned(), json!({"value": "x"}), 400),
        ("pet".to_owned(), json!(null), 400),
    ] {
        let answer = ask(&service, Method::PUT, &format!("/files/{uuid}/metadata/{key}/"), body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{key} {body}: {}", answer.text());
    }
    let path = format!("/files/{uuid}/metadata/pet/");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [&b""[..], b"not json", b"\"open", b"\xff\xfe", deep.as_bytes()] {
        assert_eq!(ask_raw(&service, Method::PUT, &path, body.to_vec()).await.status, 400, "{body:?}");
    }
    let huge = format!("\"{}\"", "x".repeat(2 * MIB));
    assert_eq!(ask_raw(&service, Method::PUT, &path, huge).await.status, 413);
    assert_eq!(get(&service, &format!("/files/{uuid}/metadata/")).await.json().as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_has_at_most_fifty_keys() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    for at in 0..51 {
        let answer = ask(&service, Method::PUT, &format!("/files/{uuid}/metadata/k{at}/"), json!("x")).await;
        assert_eq!(answer.status.as_u16(), if at < 50 { 201 } else { 400 }, "{at}: {}", answer.text());
    }
    let replaced = ask(&service, Method::PUT, &format!("/files/{uuid}/metadata/k7/"), json!("y")).await;
    assert_eq!(replaced.status, 200, "a full file can still be edited");
}

#[tokio::test]
async fn a_file_that_is_not_there_has_no_metadata() {
    let service = service().await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for file in [NOBODY, "nonexistent"] {
            let answer = ask(&service, method.clone(), &format!("/files/{file}/metadata/k/"), json!("x")).await;
            assert_eq!(detail(&answer), (404, "Not found.".to_owned()), "{method} {file}");
        }
    }
    assert_eq!(get(&service, &format!("/files/{NOBODY}/metadata/")).await.status, 404);
}
