//! The REST API: who gets in, what files look like, and pages that lose nobody.

use crate::client::*;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use updock_local::Config;
use updock_sign::{RestRequest, body_md5, http_date, rest_signature};
use updock_types::rest::MEDIA_TYPE;

const SIMPLE: &str = "Uploadcare.Simple demopublickey:demosecretkey";

pub(crate) async fn send(service: &Service, method: Method, target: &str) -> Answer {
    service.send(method, target, &[("accept", MEDIA_TYPE), ("authorization", SIMPLE)], "").await
}

pub(crate) async fn get(service: &Service, target: &str) -> Answer {
    send(service, Method::GET, target).await
}

/// Sends JSON.
pub(crate) async fn ask(service: &Service, method: Method, target: &str, body: Value) -> Answer {
    let headers = [("accept", MEDIA_TYPE), ("authorization", SIMPLE), ("content-type", "application/json")];
    service.send(method, target, &headers, body.to_string()).await
}

/// Sends any bytes as JSON.
pub(crate) async fn ask_raw(service: &Service, method: Method, target: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let headers = [("accept", MEDIA_TYPE), ("authorization", SIMPLE), ("content-type", "application/json")];
    service.send(method, target, &headers, body).await
}

/// A signed `GET`, with everything as the test wants it.
fn signature(date: &str, target: &str) -> String {
    let request =
        RestRequest { method: "GET", body_md5: &body_md5(b""), content_type: "application/json", date, target };
    format!("Uploadcare demopublickey:{}", rest_signature(&secret(), &request))
}

pub(crate) fn detail(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn each_fault_of_credentials_has_its_own_answer() {
    let service = service().await;
    let date = http_date(now());
    let signed = signature(&date, "/project/");
    let late = http_date(now() - 16 * 60);
    let late_signed = signature(&late, "/project/");
    let (incorrect, mismatch) =
        ("Incorrect authentication credentials.", "Invalid signature. Please check your Secret key.");
    for (authorization, date, status, text) in [
        (SIMPLE, "", 200, ""),
        (signed.as_str(), date.as_str(), 200, ""),
        ("", "", 401, incorrect),
        ("Bearer x", "", 401, incorrect),
        ("Uploadcare.Simple demopublickey", "", 401, incorrect),
        ("Uploadcare.Simple demopublickey:wrong", "", 401, "Secret key not found."),
        ("Uploadcare.Simple nope:demosecretkey", "", 401, "Public key nope not found."),
        (&signed, "", 401, incorrect),
        (&signed, "yesterday", 401, incorrect),
        (&late_signed, &late, 401, incorrect),
        (&late_signed, &date, 401, mismatch),
        (&signed.replace(KEY, "nope"), &date, 401, "Public key nope not found."),
        ("Uploadcare demopublickey:00", &date, 401, mismatch),
    ] {
        let headers = [
            ("accept", MEDIA_TYPE),
            ("content-type", "application/json"),
            ("authorization", authorization),
            ("date", date),
        ];
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let answer = service.send(Method::GET, "/project/", &headers, "").await;
        assert_eq!(answer.status.as_u16(), status, "{authorization} {date}");
        assert_eq!(answer.header("content-type"), MEDIA_TYPE);
        if status != 200 {
            assert_eq!(detail(&answer).1, text, "{authorization} {date}");
        }
    }
}

#[tokio::test]
async fn a_signature_covers_the_target_and_the_body() {
    let service = service().await;
    let date = http_date(now());
    let send = async |target: &str, body: &'static str| {
        let authorization = signature(&date, "/files/?limit=1&stored=true");
        let headers = [
            ("accept", MEDIA_TYPE),
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
            ("date", date.as_str()),
        ];
        service.send(Method::GET, target, &headers, body).await.status.as_u16()
    };
    assert_eq!(send("/files/?limit=1&stored=true", "").await, 200);
    assert_eq!(send("/files/?stored=true&limit=1", "").await, 401);
    assert_eq!(send("/files/?limit=1&stored=true", "x").await, 401);
}

#[tokio::test]
async fn dates_are_taken_as_sdks_send_them() {
    let service = service().await;
    let date = http_date(now());
    let comma = date.replacen(&format!(" {}", &date[17..25]), &format!(", {}", &date[17..25]), 1);
    assert_eq!(comma.matches(',').count(), 2, "{comma}");
    for (header, date) in [("x-uploadcare-date", &date), ("date", &comma), ("x-uploadcare-date", &comma)] {
        let authorization = signature(date, "/project/");
        let headers = [
            ("accept", MEDIA_TYPE),
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
            (header, date.as_str()),
        ];
        assert_eq!(service.send(Method::GET, "/project/", &headers, "").await.status, 200, "{header} {date}");
    }
}

#[tokio::test]
async fn simple_over_http_can_be_refused_as_the_service_refuses_it() {
    let service = service_with(Config { simple_over_http: false, ..Config::default() }).await;
    let text = "Simple authentication over HTTP is forbidden. Please, use HTTPS or signed requests instead.";
    assert_eq!(detail(&get(&service, "/project/").await), (400, text.to_owned()));
}

#[tokio::test]
async fn the_version_must_be_named() {
    let service = service().await;
    let text =
        "Incorrect Accept header provided. Make sure to specify API version. Refer to REST API docs for details.";
    for (accept, status) in [
        ("", 406),
        ("*/*", 406),
        ("application/json", 406),
        ("application/vnd.uploadcare-v0.6+json", 406),
        ("application/vnd.uploadcare-v0.7+json", 200),
        ("application/vnd.uploadcare-v0.7+json, */*;q=0.1", 200),
    ] {
        let headers = [("authorization", SIMPLE), ("accept", accept)];
        let headers = if accept.is_empty() { &headers[..1] } else { &headers[..] };
        let answer = service.send(Method::GET, "/project/", headers, "").await;
        assert_eq!(answer.status.as_u16(), status, "{accept}");
        assert!(status == 200 || detail(&answer).1 == text);
    }
    // The version is looked at before who asks.
    assert_eq!(service.get("/project/").await.status, 406);
}

#[tokio::test]
async fn paths_and_methods_are_as_strict_as_the_services() {
    let service = service().await;
    let redirect = service.get("/project").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location"), redirect.text()), (301, "/project/", ""));
    assert_eq!(service.get("/files?limit=1").await.header("location"), "/files/?limit=1");
    let unknown = get(&service, "/unknown/").await;
    assert_eq!((unknown.status.as_u16(), unknown.header("content-type")), (404, "text/html; charset=utf-8"));
    let wrong = send(&service, Method::POST, "/project/").await;
    assert_eq!(detail(&wrong), (405, "Method \"POST\" not allowed.".to_owned()));
    assert_eq!(wrong.header("allow"), "GET, HEAD, OPTIONS");
    let answer = send(&service, Method::HEAD, "/project/").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
}

#[tokio::test]
async fn the_project_is_described() {
    let service = service_with(Config { autostore: false, project_name: "demo".to_owned(), ..Config::default() }).await;
    let answer = get(&service, "/project/").await;
    assert_eq!(
        answer.text(),
        r#"{"collaborators":[],"name":"demo","pub_key":"demopublickey","autostore_enabled":false}"#
    );
}

#[tokio::test]
async fn a_file_lives_through_storing_removal_and_return() {
    let service = service().await;
    let form = Form::new().field("UPLOADCARE_STORE", "0").file("file", "sunset-cat.txt", "text/plain", b"cat");
    let uuid = service.form("/base/", form).await.uuid("file");
    let (file, storage) = (format!("/files/{uuid}/"), format!("/files/{uuid}/storage/"));
    let fresh = get(&service, &file).await;
    assert!(fresh.text().starts_with(r#"{"datetime_removed":null,"datetime_stored":null,"datetime_uploaded":""#));
    let fresh = fresh.json();
    assert_eq!(fresh["original_file_url"], format!("{}/{uuid}/sunsetcat.txt", service.base()));
    assert_eq!(fresh["url"], format!("{}/files/{uuid}/", service.base()));
    assert_eq!(fresh.get("appdata"), None);
    assert_eq!(get(&service, &format!("{file}?include=appdata")).await.json()["appdata"], json!({}));

    let stored = send(&service, Method::PUT, &storage).await.json();
    assert!(stored["datetime_stored"].is_string());
    assert_eq!(send(&service, Method::PUT, &storage).await.json(), stored, "storing again changes nothing");

    let removed = send(&service, Method::DELETE, &storage).await.json();
    assert!(removed["datetime_removed"].is_string());
    assert_eq!((&removed["datetime_stored"], &removed["original_file_url"]), (&json!(null), &json!(null)));
    assert_eq!(send(&service, Method::DELETE, &storage).await.json(), removed, "removing again changes nothing");
    assert_eq!(get(&service, &file).await.json(), removed);
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
    assert_eq!(service.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await.status, 404);

    let back = send(&service, Method::PUT, &storage).await.json();
    assert_eq!(back["datetime_removed"], json!(null));
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "cat");
}

#[tokio::test]
async fn what_is_no_file_is_not_found() {
    let service = service().await;
    for (method, path) in [
        (Method::GET, "/files/nonexistent/"),
        (Method::GET, "/files/00000000-0000-4000-8000-000000000000/"),
        (Method::PUT, "/files/nonexistent/storage/"),
        (Method::DELETE, "/files/00000000-0000-4000-8000-000000000000/storage/"),
    ] {
        let answer = send(&service, method, path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, r#"{"detail":"Not found."}"#), "{path}");
    }
}

pub(crate) fn uuids(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|file| file["uuid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat_both_ways() {
    let service = service().await;
    let mut all = Vec::new();
    for at in 0..7 {
        all.push(service.upload(&format!("{at}.txt"), "text/plain", b"x").await);
    }
    for ordering in ["datetime_uploaded", "-datetime_uploaded"] {
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        let mut next = Some(format!("/files/?limit=3&ordering={ordering}"));
        while let Some(url) = next {
            let page = get(&service, &url).await.json();
            assert_eq!((&page["per_page"], &page["total"]), (&json!(3), &json!(7)));
            seen.extend(uuids(&page));
            next = page["next"].as_str().map(str::to_owned);
            pages.push(page);
        }
        let mut expected = all.clone();
        if ordering.starts_with('-') {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{ordering}");
        assert_eq!((pages.len(), &pages[0]["previous"]), (3, &json!(null)));
        for pair in pages.windows(2) {
            let back = get(&service, pair[1]["previous"].as_str().unwrap()).await.json();
            assert_eq!(uuids(&back), uuids(&pair[0]));
        }
        let first = pages[1]["previous"].as_str().unwrap();
        assert_eq!(get(&service, first).await.json()["previous"], json!(null));
    }
    let whole = get(&service, "/files/").await.json();
    assert_eq!((&whole["per_page"], &whole["next"], &whole["previous"]), (&json!(100), &json!(null), &json!(null)));
    assert!(get(&service, "/files/").await.text().starts_with(r#"{"next":null,"previous":null,"total":7,"totals":{"removed":0,"stored":7,"unstored":0},"per_page":100,"results":[{"#));
}

#[tokio::test]
async fn a_start_is_exclusive_and_knows_what_lies_before() {
    let service = service().await;
    for name in ["a", "b", "c"] {
        service.upload(name, "text/plain", b"x").await;
    }
    let newest_first = get(&service, "/files/?ordering=-datetime_uploaded").await.json();
    let newest = newest_first["results"][0]["datetime_uploaded"].as_str().unwrap();
    let page = get(&service, &format!("/files/?ordering=-datetime_uploaded&from={newest}")).await.json();
    assert_eq!(uuids(&page), uuids(&newest_first)[1..]);
    assert!(page["previous"].is_string() && page["next"].is_null());
    let none = get(&service, &format!("/files/?from={newest}")).await.json();
    assert_eq!(uuids(&none), [""; 0]);
}

#[tokio::test]
async fn filters_and_totals_tell_the_same_story() {
    let service = service().await;
    let upload = async |store: &str| {
        let form = Form::new().field("UPLOADCARE_STORE", store).file("file", "a", "text/plain", b"a");
        service.form("/base/", form).await.uuid("file")
    };
    let (stored, temporary, removed) = (upload("1").await, upload("0").await, upload("1").await);
    send(&service, Method::DELETE, &format!("/files/{removed}/storage/")).await;
    for (query, expected) in [
        ("", vec![&stored, &temporary]),
        ("?stored=true", vec![&stored]),
        ("?stored=false", vec![&temporary]),
        ("?removed=false", vec![&stored, &temporary]),
        ("?removed=true", vec![&removed]),
        ("?removed=true&stored=true", vec![]),
        ("?query_parameters=%7B%7D&include=total_count", vec![&stored, &temporary]),
    ] {
        let page = get(&service, &format!("/files/{query}")).await.json();
        assert_eq!(uuids(&page).iter().collect::<Vec<_>>(), expected, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
        assert_eq!(page["totals"], json!({"removed": 1, "stored": 1, "unstored": 1}));
    }
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let service = service().await;
    for query in ["limit=0", "limit=1001", "limit=x", "ordering=size", "from=invalid-date", "stored=maybe"] {
        assert_eq!(detail(&get(&service, &format!("/files/?{query}")).await).0, 400, "{query}");
    }
}

#[tokio::test]
async fn links_start_where_they_should() {
    let elsewhere = Config {
        public_url: Some("https://uploads.test".to_owned()),
        cdn_base: Some("https://cdn.test".to_owned()),
        ..Config::default()
    };
    let cases = [
        (Config::default(), "uploads.local:81", "http://uploads.local:81", "http://uploads.local:81"),
        (elsewhere, "uploads.local:81", "https://uploads.test", "https://cdn.test"),
    ];
    for (config, host, own, cdn) in cases {
        let service = service_with(config).await;
        let uuid = service.upload("a.txt", "text/plain", b"a").await;
        let headers = [("accept", MEDIA_TYPE), ("authorization", SIMPLE), ("host", host)];
        let file = service.send(Method::GET, &format!("/files/{uuid}/"), &headers, "").await.json();
        let found: BTreeMap<_, _> =
            ["url", "original_file_url"].map(|name| (name, file[name].as_str().unwrap())).into();
        assert_eq!(found["url"], format!("{own}/files/{uuid}/"));
        assert_eq!(found["original_file_url"], format!("{cdn}/{uuid}/a.txt"));
    }
}

#[tokio::test]
async fn a_page_asked_for_again_shows_what_has_changed() {
    let delay = std::time::Duration::from_millis(300);
    let service = service_with(Config { ready_delay: delay, ..Config::default() }).await;
    let page = async || get(&service, "/files/").await.json();
    assert_eq!(page().await["total"], 0);
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let listed = page().await;
    assert_eq!((&listed["total"], &listed["results"][0]["is_ready"]), (&json!(1), &json!(false)));
    assert_eq!(listed, page().await);
    tokio::time::sleep(delay).await;
    assert_eq!(page().await["results"][0]["is_ready"], true);
    assert_eq!(ask(&service, Method::PUT, &format!("/files/{uuid}/metadata/pet/"), json!("cat")).await.status, 201);
    assert_eq!(page().await["results"][0]["metadata"], json!({"pet": "cat"}));
    assert_eq!(send(&service, Method::DELETE, &format!("/files/{uuid}/storage/")).await.status, 200);
    assert_eq!(page().await["total"], 0);
    let elsewhere = service.send(
        Method::GET,
        "/files/?removed=true",
        &[("accept", MEDIA_TYPE), ("authorization", SIMPLE), ("host", "uploads.test")],
        "",
    );
    let link = elsewhere.await.json()["results"][0]["url"].as_str().unwrap().to_owned();
    assert!(link.starts_with("http://uploads.test/"), "{link}");
}
