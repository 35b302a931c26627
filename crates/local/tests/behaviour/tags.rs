//! Tags: normalised, replaced, changed, and told what really changed.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn tags_are_normalised_and_only_real_changes_are_told() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let path = format!("/files/{uuid}/tags/");
    assert_eq!(get(&service, &path).await.text(), r#"{"tags":[]}"#);
    for (method, body, tags, added, deleted) in [
        (
            Method::PUT,
            json!({"tags": [" Cat ", "CAT", "dog", ""]}),
            json!(["cat", "dog"]),
            json!(["cat", "dog"]),
            json!([]),
        ),
        (Method::PUT, json!({"tags": ["dog", "cat"]}), json!(["cat", "dog"]), json!([]), json!([])),
        (
            Method::PUT,
            json!({"tags": ["cat", "animal", "cute"], "x": 1}),
            json!(["cat", "animal", "cute"]),
            json!(["animal", "cute"]),
            json!(["dog"]),
        ),
        (
            Method::PATCH,
            json!({"add": ["dog"], "delete": ["animal"]}),
            json!(["cat", "cute", "dog"]),
            json!(["dog"]),
            json!(["animal"]),
        ),
        (Method::PATCH, json!({}), json!(["cat", "cute", "dog"]), json!([]), json!([])),
        (
            Method::PATCH,
            json!({"delete": ["nothing"], "add": ["CUTE"]}),
            json!(["cat", "cute", "dog"]),
            json!([]),
            json!([]),
        ),
        (Method::PATCH, json!({"delete": ["cat", "DOG"]}), json!(["cute"]), json!([]), json!(["cat", "dog"])),
        (Method::PUT, json!({"tags": []}), json!([]), json!([]), json!(["cute"])),
    ] {
        let answer = ask(&service, method, &path, body.clone()).await;
        assert_eq!(answer.json(), json!({"tags": tags, "added": added, "deleted": deleted}), "{body}");
        assert_eq!(get(&service, &path).await.json()["tags"], tags);
        assert_eq!(get(&service, &format!("/files/{uuid}/")).await.json()["tags"], tags);
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_and_changes_nothing() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let path = format!("/files/{uuid}/tags/");
    let many = |count: usize| (0..count).map(|at| json!(format!("t{at}"))).collect::<Vec<Value>>();
    assert_eq!(ask(&service, Method::PUT, &path, json!({"tags": many(50)})).await.status, 200);
    let before = get(&service, &path).await.json();
    let too_many = json!({"tags": ["Too many tags: 51 (max 50)."]});
    for (method, body, field) in [
        (Method::PUT, json!({"tags": many(51)}), "tags"),
        (Method::PATCH, json!({"add": ["one-more"]}), "tags"),
        (Method::PUT, json!({"tags": ["a b"]}), "tags"),
        (Method::PUT, json!({"tags": ["ü"]}), "tags"),
        (Method::PUT, json!({"tags": ["x".repeat(101)]}), "tags"),
        (Method::PUT, json!({"tags": "cat"}), "tags"),
        (Method::PUT, json!({"tags": null}), "tags"),
        (Method::PUT, json!({"tags": [7]}), "tags"),
        (Method::PUT, json!({}), "tags"),
        (Method::PATCH, json!({"add": {"a": 1}}), "add"),
        (Method::PATCH, json!({"delete": ["a/b"]}), "delete"),
        (Method::PUT, json!(["cat"]), "detail"),
        (Method::PATCH, json!(7), "detail"),
    ] {
        let answer = ask(&service, method, &path, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json().get(field).is_some(), "{body}: {}", answer.text());
        if body.to_string().contains("t50") || body.to_string().contains("one-more") {
            assert_eq!(answer.json(), too_many);
        }
    }
    assert_eq!(get(&service, &path).await.json(), before);
    // More than a file can have may be taken away.
    let answer = ask(&service, Method::PATCH, &path, json!({"delete": many(60)})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["tags"]), (200, &json!([])));
}

#[tokio::test]
async fn another_kind_of_body_is_no_body_for_tags() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    for (content_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=utf-8", 200),
        ("", 200),
    ] {
        let headers = [
            ("accept", updock_types::rest::MEDIA_TYPE),
            ("authorization", "Uploadcare.Simple demopublickey:demosecretkey"),
            ("content-type", content_type),
        ];
        let headers = if content_type.is_empty() { &headers[..2] } else { &headers[..] };
        let answer = service.send(Method::PATCH, &format!("/files/{uuid}/tags/"), headers, "{}").await;
        assert_eq!(answer.status.as_u16(), status, "{content_type}");
    }
}

#[tokio::test]
async fn a_file_that_is_removed_or_was_never_there_has_no_tags() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    send(&service, Method::DELETE, &format!("/files/{uuid}/storage/")).await;
    for file in [uuid.as_str(), NOBODY, "nonexistent"] {
        for (method, body) in
            [(Method::GET, json!({})), (Method::PUT, json!({"tags": ["a"]})), (Method::PATCH, json!({}))]
        {
            let answer = ask(&service, method.clone(), &format!("/files/{file}/tags/"), body).await;
            assert_eq!(detail(&answer), (404, "Not found.".to_owned()), "{method} {file}");
        }
    }
}
