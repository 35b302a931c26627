//! The lives of files and of uploads, on a clock that runs fast.

use crate::{
    client::*,
    outside::{Outside, eventually},
    rest_api::{ask, get, send},
};
use http::Method;
use serde_json::json;
use std::time::{Duration, Instant};
use updock_local::Config;

/// 24 hours take 0.7 seconds.
fn fast() -> Config {
    Config { clock_speed: 120_000.0, ..Config::default() }
}

const DAY: Duration = Duration::from_millis(720);

fn temporary() -> Form {
    Form::new().field("UPLOADCARE_STORE", "0").file("file", "a.txt", "text/plain", b"a")
}

#[tokio::test]
async fn an_unstored_file_is_removed_after_a_day_and_forgotten_after_another() {
    let service = service_with(fast()).await;
    let outside = Outside::answering(200).await;
    let hook = json!({"target_url": outside.url("/"), "event": "file.deleted"});
    assert_eq!(ask(&service, Method::POST, "/webhooks/", hook).await.status, 201);
    let stored = service.upload("b.txt", "text/plain", b"b").await;
    let began = Instant::now();
    let uuid = service.form("/base/", temporary()).await.uuid("file");
    let rescued = service.form("/base/", temporary()).await.uuid("file");
    send(&service, Method::PUT, &format!("/files/{rescued}/storage/")).await;

    let target = format!("/files/{uuid}/");
    let removed = eventually("it is removed", || async {
        let answer = get(&service, &target).await;
        (answer.json()["datetime_removed"] != json!(null)).then(|| answer.json())
    });
    let removed = removed.await;
    assert!(began.elapsed() >= DAY, "too soon: {:?}", began.elapsed());
    assert_eq!(removed["original_file_url"], json!(null));
    let delivery = outside.until(1).await[0].json();
    assert_eq!((&delivery["data"]["uuid"], &delivery["initiator"]["type"]), (&json!(uuid), &json!("system")));

    eventually("it is forgotten", || async { (get(&service, &target).await.status == 404).then_some(()) }).await;
    assert!(began.elapsed() >= 2 * DAY, "too soon: {:?}", began.elapsed());
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
    for kept in [stored, rescued] {
        assert_eq!(get(&service, &format!("/files/{kept}/")).await.json()["datetime_removed"], json!(null));
        assert_eq!(service.get(&format!("/{kept}/")).await.status, 200);
    }
    assert_eq!(outside.came().len(), 1, "a file that is forgotten was told of before");
}

#[tokio::test]
async fn an_upload_that_is_never_completed_is_given_up_after_a_day() {
    let service = service_with(fast()).await;
    let (uuid, urls) = service.start(10_000_000, &[]).await;
    assert_eq!(service.put(&urls[0], bytes(5 * MIB, 1)).await.status, 200);
    eventually("it is given up", || async {
        (service.complete(&uuid).await.error().1 == "MultipartFileNotFoundError").then_some(())
    })
    .await;
    let late = service.put(&urls[1], bytes(10_000_000 - 5 * MIB, 1)).await;
    assert_eq!(late.status, 404, "{}", late.text());
    assert!(late.text().contains("NoSuchUpload"));
}

#[tokio::test]
async fn on_a_clock_that_stands_still_nothing_expires() {
    let service = service_with(Config { clock_speed: 0.0, ..Config::default() }).await;
    let uuid = service.form("/base/", temporary()).await.uuid("file");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(service.info(&uuid).await["is_stored"], false);
}
