//! Groups of files.

use crate::client::*;
use serde_json::json;

#[tokio::test]
async fn a_group_keeps_its_files_in_order_however_they_are_sent() {
    let service = service().await;
    let (a, b) = (service.upload("a.txt", "text/plain", b"a").await, service.upload("b.txt", "text/plain", b"b").await);
    let cdn_url = format!("https://ucarecdn.com/{b}/-/resize/x800/");
    let forms = [
        Form::default().field("pub_key", KEY).field("files[1]", &cdn_url).field("files[0]", &a),
        Form::default().field("pub_key", KEY).field("files[]", &a).field("files[]", &cdn_url),
    ];
    for form in forms {
        let group = service.form("/group/", form).await.json();
        let id = group["id"].as_str().unwrap();
        assert!(id.ends_with("~2"), "{id}");
        assert_eq!(group["files_count"], 2);
        assert_eq!(group["datetime_stored"], json!(null));
        assert_eq!(group["cdn_url"], format!("{}/{id}/", service.base()));
        assert_eq!(group["url"], format!("{}/groups/{id}/", service.base()));
        assert_eq!((&group["files"][0]["uuid"], &group["files"][0]["default_effects"]), (&json!(a), &json!("")));
        assert_eq!(
            (&group["files"][1]["uuid"], &group["files"][1]["default_effects"]),
            (&json!(b), &json!("resize/x800/"))
        );
        let read = service.get(&format!("/group/info/?pub_key={KEY}&group_id={id}")).await;
        assert_eq!(read.json(), group);
    }
}

#[tokio::test]
async fn a_deleted_file_leaves_a_gap_in_its_groups() {
    let service = service().await;
    let (a, b) = (service.upload("a.txt", "text/plain", b"a").await, service.upload("b.txt", "text/plain", b"b").await);
    let pairs = [("pub_key", KEY), ("files[0]", &a), ("files[1]", &b)];
    // The path that one SDK builds, and a label that it was recorded with.
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let headers = [("content-type", "application/json")];
    let group = service.send(http::Method::POST, "/group//", &headers, body).await.json();
    crate::rest_api::send(&service, http::Method::DELETE, &format!("/files/{a}/storage/")).await;
    let id = group["id"].as_str().unwrap();
    let read = service.get(&format!("/group/info/?pub_key={KEY}&group_id={id}")).await.json();
    assert_eq!((&read["files"][0], &read["files"][1]["uuid"]), (&json!(null), &json!(b)));
    assert_eq!(read["files_count"], 2);
}

#[tokio::test]
async fn every_mistake_with_groups_has_its_own_answer() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    for (pairs, status, code, content) in [
        (vec![], 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
        (vec![("UPLOADCARE_PUB_KEY", KEY)], 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
        (vec![("pub_key", "x")], 403, "ProjectPublicKeyInvalidError", "pub_key is invalid."),
        (vec![("pub_key", KEY)], 400, "GroupFilesInvalidError", "No files[N] parameters found."),
        (vec![("pub_key", KEY), ("files[x]", &uuid)], 400, "GroupFilesInvalidError", "No files[N] parameters found."),
        (
            vec![("pub_key", KEY), ("files[]", "nope")],
            400,
            "GroupFileURLParsingFailedError",
            "This is not valid file url: nope.",
        ),
        (
            vec![("pub_key", KEY), ("files[]", &uuid), ("files[]", NOBODY)],
            400,
            "GroupFilesNotFoundError",
            "Some files not found.",
        ),
        (
            vec![("pub_key", KEY); 1].into_iter().chain(vec![("files[]", uuid.as_str()); 1001]).collect(),
            400,
            "FilesNumberLimitExceededError",
            "There are too many files.",
        ),
    ] {
        let answer = service.urlencoded("/group/?jsonerrors=1", &pairs).await;
        assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()));
    }
    for (query, status, code, content) in [
        ("", 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
        ("pub_key=demopublickey", 400, "GroupIdRequiredError", "group_id is required."),
        ("pub_key=demopublickey&group_id=garbage", 404, "GroupNotFoundError", "group_id is invalid."),
        (
            "pub_key=demopublickey&group_id=00000000-0000-4000-8000-000000000000~1",
            404,
            "GroupNotFoundError",
            "group_id is invalid.",
        ),
    ] {
        let answer = service.get(&format!("/group/info/?{query}&jsonerrors=1")).await;
        assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_group_takes_a_thousand_files() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let pairs: Vec<_> = [("pub_key", KEY)].into_iter().chain(vec![("files[]", uuid.as_str()); 1000]).collect();
    let group = service.urlencoded("/group/", &pairs).await.json();
    assert!(group["id"].as_str().unwrap().ends_with("~1000"));
}
