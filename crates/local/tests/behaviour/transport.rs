//! What every answer carries, and what browsers ask first.

use crate::client::*;
use http::Method;

#[tokio::test]
async fn a_preflight_opens_every_path_that_pages_call() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let paths = ["/base/", "/base", "/multipart/start/", "/multipart/complete/", "/info/", "/group/", "/group/info/"];
    for path in paths.into_iter().chain([urls[0].as_str()]) {
        let headers = [
            ("origin", "http://127.0.0.1:4000"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-uc-user-agent, authorization, content-type"),
        ];
        let answer = service.send(Method::OPTIONS, path, &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-headers"), "x-uc-user-agent, authorization, content-type");
    }
    for (path, methods) in [
        ("/base/", "OPTIONS, POST"),
        ("/info/", "GET, HEAD, OPTIONS"),
        ("/group/", "GET, HEAD, OPTIONS, POST"),
        (urls[0].as_str(), "GET, HEAD, PUT, OPTIONS"),
    ] {
        let answer = service.send(Method::OPTIONS, path, &[], "").await;
        assert_eq!(answer.header("access-control-allow-methods"), methods, "{path}");
    }
}

#[tokio::test]
async fn every_answer_of_the_upload_api_can_be_read_by_pages() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    for (method, path) in [
        (Method::POST, "/base/"),
        (Method::POST, "/base/?jsonerrors=1"),
        (Method::GET, "/base/"),
        (Method::GET, "/info/"),
        (Method::GET, "/group/info/"),
        (Method::POST, "/multipart/complete/"),
        (Method::GET, "/nowhere/"),
        (Method::PUT, urls[0].as_str()),
        (Method::PUT, "/00000000-0000-4000-8000-000000000000/x"),
    ] {
        let answer = service.send(method.clone(), path, &[("origin", "https://page.test")], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{method} {path}");
        assert!(answer.header("access-control-expose-headers").contains("Retry-After"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_named() {
    let service = service().await;
    for (method, path) in [
        (Method::GET, "/base/"),
        (Method::DELETE, "/multipart/start/"),
        (Method::PUT, "/multipart/complete/"),
        (Method::POST, "/info/"),
    ] {
        let content = format!("HTTP method {method} is not allowed for {path}");
        let plain = service.send(method.clone(), path, &[], "").await;
        assert_eq!((plain.status.as_u16(), plain.text()), (405, content.as_str()));
        let envelope = service.send(method, &format!("{path}?jsonerrors=1"), &[], "").await;
        assert_eq!(envelope.error(), (405, "MethodNotAllowedError".to_owned(), content));
    }
    assert_eq!(service.send(Method::HEAD, &format!("/info/?pub_key={KEY}"), &[], "").await.status, 400);
}

#[tokio::test]
async fn every_row_of_the_table_is_answered() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    for operation in updock_types::OPERATIONS {
        let path = operation.path.replace("{uuid}", &uuid).replace("{group}", &format!("{uuid}~1"));
        let path = path.replace("{key}", "pet").replace("{token}", "7").replace("{id}", "7");
        let method: Method = operation.method.as_str().parse().unwrap();
        let answer = crate::rest_api::send(&service, method, &path).await;
        // No key, no body, and things that are not there: refused, but by the operation itself.
        let expected: &[u16] = match operation.api {
            updock_types::Api::Rest => &[200, 204, 400, 404],
            updock_types::Api::Upload => &[400, 403],
        };
        let said = format!("{}: {} {}", operation.id, answer.status, answer.text());
        assert!(expected.contains(&answer.status.as_u16()) && !answer.text().contains('<'), "{said}");
    }
}
