//! What is refused whatever the request: too many of them, a project in bad standing, a forbidden type. Numbers are those of the protocol's conformance cases.

use crate::{
    client::*,
    from_url::{ended, token},
    outside::{Outside, answer},
    rest_api::get,
};
use http::Method;
use std::num::NonZeroU32;
use updock_local::{Config, Standing};

fn throttled() -> Config {
    Config { throttle: NonZeroU32::new(2), ..Config::default() }
}

/// The first refusal of `count` requests that were sent at once.
async fn refused(service: &Service, target: &str, headers: &[(&str, &str)]) -> Answer {
    let sent = (0..8).map(|_| service.send(Method::GET, target, headers, ""));
    let answers = futures_util::future::join_all(sent).await;
    answers.into_iter().find(|answer| answer.text().contains("throttled")).expect("one of eight is too many")
}

#[tokio::test]
async fn case_45_the_upload_api_says_so_in_both_forms() {
    let service = service_with(throttled()).await;
    let answer = refused(&service, "/info/?jsonerrors=1", &[("origin", "http://page.test")]).await;
    assert_eq!(answer.error(), (429, "RequestThrottledError".to_owned(), "Request was throttled.".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.header("access-control-expose-headers").contains("Retry-After"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let plain = refused(&service, "/info/", &[]).await;
    assert_eq!((plain.status.as_u16(), plain.text()), (429, "Request was throttled."));
    assert_eq!(plain.header("retry-after"), "1");
}

#[tokio::test]
async fn case_61_the_rest_api_says_so_in_its_own_form_and_counts_by_itself() {
    let service = service_with(throttled()).await;
    refused(&service, "/info/", &[]).await;
    let headers = [
        ("accept", "application/vnd.uploadcare-v0.7+json"),
        ("authorization", "Uploadcare.Simple demopublickey:demosecretkey"),
    ];
    let answer = refused(&service, "/project/", &headers).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"));
    assert_eq!(answer.json()["detail"], "Request was throttled. Expected available in 1 second.");
    // Strangers do not use up what is the project's.
    let strangers = futures_util::future::join_all((0..8).map(|_| service.get("/project/"))).await;
    assert!(strangers.iter().all(|answer| answer.status == 406));
}

#[tokio::test]
async fn who_waits_as_long_as_was_said_gets_in_and_nobody_waits_without_a_rate() {
    let service = service_with(throttled()).await;
    let seconds: u64 = refused(&service, "/info/", &[]).await.header("retry-after").parse().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    assert_eq!(service.get("/info/").await.text(), "pub_key is required.");
    let open = crate::client::service().await;
    for _ in 0..50 {
        assert_eq!(get(&open, "/project/").await.status, 200);
    }
}

#[tokio::test]
async fn a_project_in_bad_standing_uploads_nothing_and_reads_what_it_may() {
    for (standing, code, content, reads) in [
        (Standing::Removed, "ProjectPublicKeyRemovedError", "Project demopublickey is marked as removed.", false),
        (Standing::Blocked, "AccountBlockedError", "Account has been blocked.", true),
        (Standing::Unpaid, "AccountUnpaidError", "Account has been blocked for non payment.", true),
        (Standing::LimitsReached, "AccountLimitsExceededError", "Account has reached its limits.", true),
    ] {
        let service = service_with(Config { standing, ..Config::default() }).await;
        let error = (403, code.to_owned(), content.to_owned());
        let file = Form::new().file("file", "a.txt", "text/plain", b"a");
        assert_eq!(service.form("/base/?jsonerrors=1", file).await.error(), error);
        let group = Form::default().field("pub_key", KEY).field("files[]", NOBODY);
        assert_eq!(service.form("/group/?jsonerrors=1", group).await.error(), error);
        let info = service.get(&format!("/info/?jsonerrors=1&pub_key={KEY}&file_id={NOBODY}")).await;
        assert_eq!(info.error().1 == "FileNotFoundError", reads, "{code}");
    }
}

#[tokio::test]
async fn a_forbidden_type_is_refused_by_its_bytes_wherever_it_comes_from() {
    let config = Config { forbidden_types: vec!["application/pdf".to_owned()], ..Config::default() };
    let service = service_with(config).await;
    let error = (400, "FileTypeForbiddenError".to_owned(), "Uploading of these file types is not allowed.".to_owned());
    let pdf = Form::new().file("file", "a.txt", "text/plain", b"%PDF-1.7\n");
    assert_eq!(service.form("/base/?jsonerrors=1", pdf).await.error(), error);

    let mut whole = bytes(10_000_000, 1).to_vec();
    whole[..8].copy_from_slice(b"%PDF-1.7");
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    for (url, part) in urls.iter().zip(whole.chunks(5 * MIB)) {
        service.put(url, part.to_vec()).await;
    }
    assert_eq!(service.complete(&uuid).await.error(), error);

    let outside = Outside::start(|_, _| answer(200, "%PDF-1.7\n")).await;
    let token = token(&service, &outside.url("/a.pdf"), &[]).await;
    let ended = ended(&service, &token).await;
    assert_eq!(ended["error_code"], "DownloadFileValidationFailedError");
    assert_eq!(ended["error"], "File validation error: Uploading of these file types is not allowed.");
    service.upload("a.pdf", "application/pdf", b"only said to be one").await;
    assert_eq!(service.get("/_local/files").await.json().as_array().unwrap().len(), 1);
}
