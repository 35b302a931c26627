//! The conformance cases of REST API v0.7 up to number 44, by their numbers: credentials, versions, lists, files,
//! batches, copies, metadata, tags, search, groups. The test vectors of signatures (case 1) are the signer crate's.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::{Value, json};
use std::{fmt::Write, time::Duration};
use updock_local::{Config, RemoteStorage};
use updock_sign::{RestRequest, body_md5, http_date, rest_signature};
use updock_types::rest::MEDIA_TYPE;

/// What an answer must hold at one place.
enum Want {
    Is(Value),
    /// Anything but null.
    Given,
    Absent,
    Starts(String),
    Ends(String),
    Contains(&'static str),
    /// The length of a list.
    Length(usize),
}
use Want::{Absent, Contains, Ends, Given, Is, Length, Starts};

/// One row: the number in the list of cases, what is sent, the status, and what must be where.
type Case = (u8, Method, String, Value, u16, Vec<(&'static str, Want)>);

/// Sends every row and says which ones went wrong, and how.
async fn run(service: &Service, cases: Vec<Case>) {
    let mut wrong = String::new();
    for (number, method, target, body, status, wants) in cases {
        let answer = if body.is_null() {
            send(service, method.clone(), &target).await
        } else {
            ask(service, method.clone(), &target, body.clone()).await
        };
        let mut say = |what: &str| {
            let _ = writeln!(wrong, "{number}: {method} {target} {body}: {what}: {} {}", answer.status, answer.text());
        };
        if answer.status != status {
            say(&format!("not {status}"));
            continue;
        }
        if matches!(status, 200 | 201) && answer.header("content-type") != MEDIA_TYPE {
            say("another type"); // case 11
        }
        if wants.is_empty() {
            continue;
        }
        let json = answer.json();
        for (pointer, want) in wants {
            let found = json.pointer(pointer);
            let text = found.and_then(Value::as_str).unwrap_or_default();
            let good = match &want {
                Is(value) => found == Some(value),
                Given => found.is_some_and(|found| !found.is_null()),
                Absent => found.is_none(),
                Starts(start) => text.starts_with(start.as_str()),
                Ends(end) => text.ends_with(end.as_str()),
                Contains(part) => text.contains(part),
                Length(length) => found.and_then(Value::as_array).is_some_and(|list| list.len() == *length),
            };
            if !good {
                say(&format!("{pointer:?} is {}", found.unwrap_or(&Value::Null)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The setup of the list of cases. `v` is left to the cases of conversions.
struct Setup {
    service: Service,
    /// Temporary, an image.
    a: String,
    /// Stored, a document.
    b: String,
    /// Removed.
    r: String,
    /// A and B.
    g: String,
    storage: tempfile::TempDir,
}

const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

async fn setup() -> Setup {
    let storage = tempfile::tempdir().unwrap();
    let remote = RemoteStorage::parse(&format!("archive={}", storage.path().display())).unwrap();
    let service = service_with(Config { remote_storages: vec![remote], ..Config::default() }).await;
    let form = Form::new().field("UPLOADCARE_STORE", "0").file("file", "sunset-cat.gif", "image/gif", GIF);
    let a = service.form("/base/", form).await.uuid("file");
    let b = service.upload("sunset.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n").await;
    let r = service.upload("removed.txt", "text/plain", b"r").await;
    send(&service, Method::DELETE, &format!("/files/{r}/storage/")).await;
    let g = service.urlencoded("/group/", &[("pub_key", KEY), ("files[]", &a), ("files[]", &b)]).await.uuid("id");
    Setup { service, a, b, r, g, storage }
}

/// How often an event was told about a file.
async fn told(service: &Service, event: &str, file: &str) -> usize {
    let events = service.get("/_local/events").await.json();
    let events = events.as_array().unwrap().iter();
    events.filter(|one| one["event"] == event && one["file"] == file).count()
}

#[tokio::test]
async fn cases_2_to_9_credentials_and_versions() {
    let service = service().await;
    let now = now();
    let date = http_date(now);
    let comma = format!("{},{}", &date[..16], &date[16..]);
    let late = http_date(now - 16 * 60);
    let sign = |date: &str, key: &str, target: &str, body: &[u8]| {
        let (body_md5, content_type) = (body_md5(body), "application/json");
        let request = RestRequest { method: "GET", body_md5: &body_md5, content_type, date, target };
        format!("Uploadcare {key}:{}", rest_signature(&secret(), &request))
    };
    let simple = "Uploadcare.Simple demopublickey:demosecretkey".to_owned();
    let wrong_version =
        "Incorrect Accept header provided. Make sure to specify API version. Refer to REST API docs for details.";
    for (number, accept, authorization, header, date, body, status, text) in [
        (2, MEDIA_TYPE, sign(&comma, KEY, "/project/", b""), "date", comma.as_str(), "", 200, ""),
        (3, MEDIA_TYPE, sign(&date, KEY, "/project/", b""), "x-uploadcare-date", &date, "", 200, ""),
        (
            4,
            MEDIA_TYPE,
            sign(&late, KEY, "/project/", b""),
            "date",
            &late,
            "",
            401,
            "Incorrect authentication credentials.",
        ),
        (
            5,
            MEDIA_TYPE,
            sign(&date, KEY, "/project/", b"ax"),
            "date",
            &date,
            "bx",
            401,
            "Invalid signature. Please check your Secret key.",
        ),
        (6, MEDIA_TYPE, sign(&date, "nope", "/project/", b""), "date", &date, "", 401, "Public key nope not found."),
        (7, MEDIA_TYPE, simple.replace("demosecretkey", "wrong"), "date", &date, "", 401, "Secret key not found."),
        (9, "*/*", simple.clone(), "date", &date, "", 406, wrong_version),
    ] {
        let headers = [
            ("accept", accept),
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
            (header, date),
        ];
        let answer = service.send(Method::GET, "/project/", &headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{number}: {}", answer.text());
        assert!(status == 200 || detail(&answer).1 == text, "{number}: {}", answer.text());
    }
    let strict = service_with(Config { simple_over_http: false, ..Config::default() }).await;
    let text = "Simple authentication over HTTP is forbidden. Please, use HTTPS or signed requests instead.";
    assert_eq!(detail(&get(&strict, "/project/").await), (400, text.to_owned()), "8");
}

#[tokio::test]
async fn cases_10_and_11_paths_and_types() {
    let Setup { service, a, g, .. } = setup().await;
    let redirect = get(&service, "/project").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location"), redirect.text()), (301, "/project/", ""));
    for target in ["/project/", "/files/", &format!("/files/{a}/"), "/groups/", &format!("/groups/{g}/")] {
        assert_eq!(get(&service, target).await.header("content-type"), MEDIA_TYPE, "{target}");
    }
}

#[tokio::test]
async fn cases_12_to_15_pages() {
    let service = service().await;
    for name in ["1", "2", "3"] {
        service.upload(name, "text/plain", b"x").await;
    }
    let base = format!("{}/files/?limit=1", service.base());
    let first = get(&service, "/files/?limit=1").await.json();
    let next = first["next"].as_str().unwrap();
    assert_eq!((uuids(&first).len(), &first["per_page"], &first["previous"]), (1, &json!(1), &json!(null)));
    assert!(next.starts_with(&format!("{base}&from=")) && next.ends_with("%2B00%3A00&offset=0"), "12: {next}");

    let (mut seen, mut page) = (uuids(&first), first.clone());
    while let Some(next) = page["next"].as_str() {
        page = get(&service, next).await.json();
        seen.extend(uuids(&page));
    }
    assert_eq!(seen, uuids(&get(&service, "/files/").await.json()), "13");

    let second = get(&service, next).await.json();
    let back = get(&service, second["previous"].as_str().unwrap()).await.json();
    assert_eq!((uuids(&back), &back["previous"]), (uuids(&first), &json!(null)), "14");

    let newest = get(&service, "/files/?ordering=-datetime_uploaded&limit=1").await.json();
    let at = newest["results"][0]["datetime_uploaded"].as_str().unwrap();
    let rest = get(&service, &format!("/files/?ordering=-datetime_uploaded&from={at}")).await.json();
    assert!(!uuids(&rest).contains(&uuids(&newest)[0]) && rest["previous"].is_string(), "15: {rest}");
}

#[tokio::test]
async fn cases_16_to_23_queries_and_files() {
    let Setup { service, a, b, r, .. } = setup().await;
    let row = |number, target: String, status, wants| (number, Method::GET, target, Value::Null, status, wants);
    let file = |uuid: &str| format!("/files/{uuid}/");
    run(
        &service,
        vec![
            row(16, "/files/?ordering=size".into(), 400, vec![("/detail", Given)]),
            row(17, "/files/?from=invalid-date".into(), 400, vec![("/detail", Given)]),
            row(18, "/files/?limit=1001".into(), 400, vec![("/detail", Given)]),
            row(
                19,
                "/files/?stored=false".into(),
                200,
                vec![("/results", Length(1)), ("/results/0/uuid", Is(json!(a)))],
            ),
            row(
                19,
                "/files/?removed=true".into(),
                200,
                vec![("/results", Length(1)), ("/results/0/uuid", Is(json!(r)))],
            ),
            row(20, "/files/?query_parameters=%7B%7D".into(), 200, vec![("/results", Length(2))]),
            row(21, file(&b), 200, vec![("/appdata", Absent), ("/tags", Is(json!([])))]),
            row(21, format!("{}?include=appdata", file(&b)), 200, vec![("/appdata", Is(json!({})))]),
            row(21, "/files/?include=appdata".into(), 200, vec![("/results/1/appdata", Is(json!({})))]),
            row(22, file("nonexistent"), 404, vec![("", Is(json!({"detail": "Not found."})))]),
            row(
                23,
                file(&r),
                200,
                vec![
                    ("/datetime_removed", Given),
                    ("/datetime_stored", Is(json!(null))),
                    ("/original_file_url", Is(json!(null))),
                ],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn cases_24_to_28_storing_and_removing() {
    let Setup { service, a, b, .. } = setup().await;
    let storage = format!("/files/{a}/storage/");
    let first = send(&service, Method::PUT, &storage).await.json();
    let again = send(&service, Method::PUT, &storage).await.json();
    assert!(first["datetime_stored"].is_string(), "24");
    assert_eq!(first["datetime_stored"], again["datetime_stored"], "24");
    assert_eq!(told(&service, "file.stored", &a).await, 1, "24");

    let batch = |number, method, body, status, wants| -> Case {
        (number, method, "/files/storage/".to_owned(), body, status, wants)
    };
    let row = |method, wants| -> Case { (25, method, storage.clone(), Value::Null, 200, wants) };
    run(
        &service,
        vec![
            row(Method::DELETE, vec![("/datetime_removed", Given)]),
            row(Method::DELETE, vec![("/datetime_removed", Given)]),
            row(Method::PUT, vec![("/datetime_removed", Is(json!(null))), ("/datetime_stored", Given)]),
            batch(
                26,
                Method::PUT,
                json!([b, a, "4j334o01-8bs3"]),
                200,
                vec![
                    ("/status", Is(json!("ok"))),
                    ("/result/0/uuid", Is(json!(a))),
                    ("/result/1/uuid", Is(json!(b))),
                    ("/problems", Is(json!({"4j334o01-8bs3": "Invalid"}))),
                ],
            ),
            batch(
                27,
                Method::DELETE,
                json!([NOBODY]),
                200,
                vec![("/result", Is(json!([]))), ("/problems", Is(json!({NOBODY: "Missing in the project"})))],
            ),
            batch(28, Method::PUT, json!([]), 400, vec![("/detail", Is(json!("List of UUIDs can not be empty")))]),
            batch(28, Method::PUT, json!({}), 400, vec![("/detail", Is(json!("Expected list of UUIDs")))]),
            batch(
                28,
                Method::DELETE,
                json!(vec![NOBODY; 101]),
                400,
                vec![("/detail", Is(json!("Maximum UUIDs per request is exceeded. The limit is 100")))],
            ),
        ],
    )
    .await;
    let counts = (told(&service, "file.deleted", &a).await, told(&service, "file.stored", &a).await);
    assert_eq!(counts, (1, 2), "25: each change is told once");
    assert_eq!(told(&service, "file.stored", &b).await, 0, "26: B was stored before");
}

#[tokio::test]
async fn cases_29_to_32_copies() {
    let Setup { service, a, storage, .. } = setup().await;
    let answer = ask(&service, Method::POST, "/files/local_copy/", json!({"source": a, "store": "true"})).await;
    let body = answer.json();
    let uuid = body["result"]["uuid"].as_str().unwrap();
    assert_eq!((answer.status.as_u16(), &body["type"]), (201, &json!("file")), "29");
    assert_eq!(answer.header("location"), format!("{}/files/{uuid}/", service.base()), "29");
    for (name, expected) in [("size", json!(0)), ("is_image", json!(null)), ("is_ready", json!(true))] {
        assert_eq!(body["result"][name], expected, "29: {name}");
    }
    let path = format!("/files/{uuid}/");
    while get(&service, &path).await.json()["size"] == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while told(&service, "file.uploaded", uuid).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let real = get(&service, &path).await.json();
    assert_eq!((&real["size"], &real["is_image"]), (&json!(GIF.len()), &json!(true)), "29");

    let row = |number, path: &str, body, status, wants| -> Case {
        (number, Method::POST, format!("/files/{path}/"), body, status, wants)
    };
    let url = json!({"type": "url", "result": format!("s3://archive/{a}/sunsetcat.gif")});
    let archived = || json!({"source": a, "target": "archive"});
    run(
        &service,
        vec![
            row(
                30,
                "local_copy",
                json!({"source": "x"}),
                400,
                vec![("/detail", Is(json!("Bad `source` parameter. Use UUID or CDN URL.")))],
            ),
            row(
                31,
                "remote_copy",
                json!({"source": a, "target": "nowhere"}),
                400,
                vec![("/detail", Is(json!("Project has no storage with provided name.")))],
            ),
            row(32, "remote_copy", archived(), 201, vec![("", Is(url.clone()))]),
            row(32, "remote_copy", archived(), 200, vec![("", Is(url))]),
        ],
    )
    .await;
    assert_eq!(std::fs::read(storage.path().join(format!("{a}/sunsetcat.gif"))).unwrap(), GIF, "32");
}

#[tokio::test]
async fn cases_33_to_39_metadata_and_tags() {
    let Setup { service, a, r, .. } = setup().await;
    let key = |key: &str| format!("/files/{a}/metadata/{key}/");
    let tags = format!("/files/{a}/tags/");
    let metadata =
        |number, method, target, body, status, wants| -> Case { (number, method, target, body, status, wants) };
    let tagged = |number, method, body, tags_now: Value, added: Value, deleted: Value| -> Case {
        let wants = vec![("", Is(json!({"tags": tags_now, "added": added, "deleted": deleted})))];
        (number, method, tags.clone(), body, 200, wants)
    };
    let many: Vec<String> = (0..51).map(|at| format!("t{at}")).collect();
    run(
        &service,
        vec![
            metadata(33, Method::PUT, key("-:45az_"), json!("any string"), 201, vec![("", Is(json!("any string")))]),
            metadata(33, Method::PUT, key("-:45az_"), json!("any string"), 200, vec![("", Is(json!("any string")))]),
            metadata(33, Method::GET, key("-:45az_"), Value::Null, 200, vec![("", Is(json!("any string")))]),
            metadata(34, Method::PUT, key(&"k".repeat(65)), json!("x"), 400, vec![]),
            metadata(34, Method::PUT, key("k"), json!("x".repeat(513)), 400, vec![]),
            metadata(34, Method::PUT, key("k"), json!(5), 400, vec![]),
            metadata(35, Method::DELETE, key("-:45az_"), Value::Null, 204, vec![]),
            metadata(35, Method::GET, key("-:45az_"), Value::Null, 404, vec![("/detail", Is(json!("Not found.")))]),
            tagged(
                36,
                Method::PUT,
                json!({"tags": [" Cat ", "CAT", "dog", ""]}),
                json!(["cat", "dog"]),
                json!(["cat", "dog"]),
                json!([]),
            ),
            tagged(37, Method::PUT, json!({"tags": ["dog", "cat"]}), json!(["cat", "dog"]), json!([]), json!([])),
            tagged(
                38,
                Method::PUT,
                json!({"tags": ["cat", "animal", "cute"]}),
                json!(["cat", "animal", "cute"]),
                json!(["animal", "cute"]),
                json!(["dog"]),
            ),
            tagged(
                38,
                Method::PATCH,
                json!({"add": ["dog"], "delete": ["animal"]}),
                json!(["cat", "cute", "dog"]),
                json!(["dog"]),
                json!(["animal"]),
            ),
            tagged(39, Method::PATCH, json!({}), json!(["cat", "cute", "dog"]), json!([]), json!([])),
            metadata(39, Method::PUT, tags.clone(), json!({"tags": ["a b"]}), 400, vec![]),
            metadata(
                39,
                Method::PUT,
                tags.clone(),
                json!({"tags": many}),
                400,
                vec![("/tags/0", Is(json!("Too many tags: 51 (max 50).")))],
            ),
            metadata(
                39,
                Method::GET,
                format!("/files/{r}/tags/"),
                Value::Null,
                404,
                vec![("/detail", Is(json!("Not found.")))],
            ),
        ],
    )
    .await;
    // Put, deleted, and three changes of tags; what changed nothing or was refused is not told.
    assert_eq!(told(&service, "file.info_updated", &a).await, 5, "33 to 39");
}

#[tokio::test]
async fn cases_40_to_42_search() {
    let service = service().await;
    for at in 0..5 {
        let form = Form::new().field("tags", "cat").file("file", &format!("sunset{at}.txt"), "text/plain", b"x");
        service.form("/base/", form).await;
    }
    let row = |number, query: &str, body, status, wants| -> Case {
        (number, Method::POST, format!("/files/search/{query}"), body, status, wants)
    };
    let next = format!("{}/files/search/?limit=2&offset=2", service.base());
    run(
        &service,
        vec![
            row(40, "", json!({}), 400, vec![]),
            row(40, "", json!({"query": "abc"}), 400, vec![("/query/0", Is(json!("Must be at least 4 characters.")))]),
            row(40, "", json!({"size": 5}), 400, vec![("/size/non_field_errors", Length(1))]),
            row(
                41,
                "?limit=2",
                json!({"query": "sunset", "tags": {"all": ["cat"]}, "sort": ["-score"]}),
                200,
                vec![
                    ("/total", Is(json!(5))),
                    ("/next", Is(json!(next))),
                    ("/previous", Is(json!(null))),
                    ("/per_page", Is(json!(2))),
                    ("/totals", Absent),
                    ("/results", Length(2)),
                    ("/results/0/highlight/original_filename/0", Contains("<em>sunset</em>")),
                    ("/results/0/tags", Is(json!(["cat"]))),
                ],
            ),
            row(42, "?offset=990&limit=20", json!({"is_image": true}), 400, vec![]),
            row(42, "", json!({"is_image": true, "sort": ["size", "-size"]}), 400, vec![("/sort/0", Given)]),
            row(42, "", json!({"is_image": "true"}), 400, vec![("/is_image/0", Given)]),
        ],
    )
    .await;
}

#[tokio::test]
async fn cases_43_and_44_groups() {
    let Setup { service, a, b, g, .. } = setup().await;
    send(&service, Method::DELETE, &format!("/files/{a}/storage/")).await;
    let group = |number, method, status, wants| -> Case {
        (number, method, format!("/groups/{g}/"), Value::Null, status, wants)
    };
    run(
        &service,
        vec![group(
            43,
            Method::GET,
            200,
            vec![
                ("/files_count", Is(json!(2))),
                ("/files/0/datetime_removed", Given),
                ("/files/0/default_effects", Is(json!(""))),
                ("/cdn_url", Ends(format!("/{g}/"))),
                ("/url", Starts(service.base().to_owned())),
            ],
        )],
    )
    .await;
    service.send(Method::DELETE, &format!("/_local/files/{a}"), &[], "").await;
    run(
        &service,
        vec![
            group(43, Method::GET, 200, vec![("/files/0", Is(json!(null))), ("/files/1/uuid", Is(json!(b)))]),
            group(44, Method::DELETE, 204, vec![]),
            group(44, Method::GET, 404, vec![("/detail", Is(json!("Not found.")))]),
            (44, Method::GET, format!("/files/{b}/"), Value::Null, 200, vec![]),
        ],
    )
    .await;
}

/// What each path advertises, and what every answer carries.
#[tokio::test]
async fn every_path_advertises_its_methods_as_the_service_does() {
    let service = service().await;
    let file = format!("/files/{NOBODY}/");
    for (path, allow) in [
        ("/files/", "GET, HEAD, OPTIONS"),
        (file.as_str(), "DELETE, GET, HEAD, OPTIONS"),
        (&format!("{file}storage/"), "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("/files/storage/", "DELETE, OPTIONS, PUT"),
        ("/files/local_copy/", "OPTIONS, POST"),
        ("/files/remote_copy/", "OPTIONS, POST"),
        ("/files/search/", "OPTIONS, POST"),
        ("/convert/document/", "OPTIONS, POST"),
        ("/addons/remove_bg/execute/", "OPTIONS, POST"),
        ("/addons/remove_bg/execute/status/", "GET, HEAD, OPTIONS"),
        (&format!("{file}metadata/"), "GET, HEAD, OPTIONS"),
        (&format!("{file}metadata/k/"), "DELETE, GET, HEAD, OPTIONS, PUT"),
        (&format!("{file}tags/"), "GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/groups/", "GET, HEAD, OPTIONS"),
        (&format!("/groups/{NOBODY}~1/"), "DELETE, GET, HEAD, OPTIONS"),
        ("/webhooks/", "GET, HEAD, OPTIONS, POST"),
        ("/webhooks/7/", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/project/", "GET, HEAD, OPTIONS"),
    ] {
        for method in [Method::OPTIONS, Method::TRACE] {
            let answer = send(&service, method.clone(), path).await;
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
            assert_eq!(answer.status, if method == Method::OPTIONS { 200 } else { 405 }, "{method} {path}");
        }
    }
    let answer = get(&service, "/files/").await;
    for (name, value) in [
        ("server", "nginx"),
        ("vary", "Accept"),
        ("access-control-allow-origin", "https://uploadcare.com"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-xss-protection", "1; mode=block"),
        ("x-robots-tag", "noindex, nofollow, nosnippet, noarchive"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert!(!answer.header("date").is_empty());
    assert_eq!(answer.header("x-uploadcare-request-id").len(), 36);
}
