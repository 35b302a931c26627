//! Add-ons, over the wire. Cases 50 to 53 are those of the REST API's conformance list.

use crate::{
    client::*,
    conversion::{file, post, post_text, text, until},
    rest_api,
};
use http::Method;
use serde_json::{Value, json};
use std::{io::Cursor, time::Duration};
use updock_local::Config;
use updock_types::rest::MEDIA_TYPE;

const SCAN: &str = "uc_clamav_virus_scan";
const LABELS: &str = "aws_rekognition_detect_labels";
const MODERATION: &str = "aws_rekognition_detect_moderation_labels";
const REMOVE_BG: &str = "remove_bg";

/// Put together here, so that no scanner takes this file for it.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-", "TEST-FILE!$H+H*"].concat().into_bytes()
}

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A red square on white.
fn square() -> Vec<u8> {
    let image = image::RgbImage::from_fn(60, 40, |x, y| {
        image::Rgb(if (20..40).contains(&x) && (10..30).contains(&y) { [200, 10, 10] } else { [255; 3] })
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn execute(service: &Service, addon: &str, body: &Value) -> Answer {
    post(service, &format!("/addons/{addon}/execute/"), body).await
}

async fn status(service: &Service, addon: &str, request: &str) -> Answer {
    rest_api::get(service, &format!("/addons/{addon}/execute/status/?request_id={request}")).await
}

/// Runs to the end; the last status.
async fn run(service: &Service, addon: &str, body: &Value) -> Value {
    let started = execute(service, addon, body).await;
    assert_eq!((started.status.as_u16(), started.header("content-type")), (200, "application/json"));
    let started = started.json();
    let request = text(&started["request_id"]);
    until(|| async { status(service, addon, request).await.json() }, |status| status["status"] != "in_progress").await
}

#[tokio::test]
async fn case_50_an_add_on_runs_once_on_a_file_at_a_time() {
    let service = service_with(Config { job_time: Duration::from_millis(1500), ..Config::default() }).await;
    let (one, other) =
        (service.upload("a", "text/plain", b"a").await, service.upload("b", "image/png", &square()).await);
    let first = execute(&service, SCAN, &json!({ "target": one })).await;
    assert_eq!(first.status, 200);
    let request = text(&first.json()["request_id"]).to_owned();
    let running = status(&service, SCAN, &request).await;
    assert_eq!(
        (running.header("content-type"), running.json()),
        ("application/json", json!({ "status": "in_progress" }))
    );
    let second = execute(&service, SCAN, &json!({ "target": one })).await;
    assert_eq!((second.status.as_u16(), second.header("content-type")), (409, MEDIA_TYPE));
    assert_eq!(second.text(), r#"{"detail":"Concurrent call attempted"}"#);
    // Another file, and another add-on, are free; and so is this one when it has ended.
    assert_eq!(execute(&service, SCAN, &json!({ "target": other })).await.status, 200);
    assert_eq!(execute(&service, LABELS, &json!({ "target": other })).await.status, 200);
    until(|| async { status(&service, SCAN, &request).await.json() }, |status| status["status"] == "done").await;
    assert_eq!(execute(&service, SCAN, &json!({ "target": one })).await.status, 200);
}

#[tokio::test]
async fn case_51_what_makes_no_sense_has_its_own_answer() {
    let service = service().await;
    let (kept, removed) =
        (service.upload("a", "text/plain", b"a").await, service.upload("b", "text/plain", b"b").await);
    rest_api::send(&service, Method::DELETE, &format!("/files/{removed}/storage/")).await;
    let uuid = json!({ "target": ["Must be a valid UUID."] });
    let required = json!({ "target": ["This field is required."] });
    let missing = json!({ "detail": "Not found." });
    for (addon, body, code, expected) in [
        (SCAN, json!({ "target": "nonexistent" }), 400, &uuid),
        (SCAN, json!({ "target": 7 }), 400, &uuid),
        (SCAN, json!({}), 400, &required),
        (SCAN, json!({ "target": null }), 400, &required),
        (SCAN, json!({ "target": NOBODY }), 404, &missing),
        (LABELS, json!({ "target": removed }), 404, &missing),
        (SCAN, json!([]), 400, &json!({ "detail": "Expected JSON object." })),
        (SCAN, json!({ "target": kept, "params": 7 }), 400, &json!({ "params": ["Must be an object."] })),
        (
            SCAN,
            json!({ "target": kept, "params": { "purge_infected": "perhaps" } }),
            400,
            &json!({ "params": { "purge_infected": ["Must be a valid boolean."] } }),
        ),
        (
            REMOVE_BG,
            json!({ "target": kept, "params": { "type": "house" } }),
            400,
            &json!({ "params": { "type": ["Must be one of: auto, person, product, car."] } }),
        ),
    ] {
        let answer = execute(&service, addon, &body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (code, MEDIA_TYPE), "{body}");
        assert_eq!(&answer.json(), expected, "{body}");
    }
    let unknown = execute(&service, "nope", &json!({ "target": kept })).await;
    assert_eq!(unknown.status, 404);
    for request in ["nonexistent", "%00", "%F0%9F%98%80"] {
        let answer = status(&service, SCAN, request).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({ "request_id": ["Must be a valid UUID."] })));
    }
    assert_eq!(status(&service, SCAN, "").await.json(), json!({ "request_id": ["This field is required."] }));
    for body in ["", "{", "nope", "\"\\u0000\"", "{\"target\":{\"target\":{}}}", "[[[[[[[[[[]]]]]]]]]]"] {
        assert_eq!(post_text(&service, &format!("/addons/{SCAN}/execute/"), body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn case_52_a_run_that_never_was_is_unknown() {
    let service = service().await;
    for addon in [SCAN, LABELS, MODERATION, REMOVE_BG] {
        let answer = status(&service, addon, NOBODY).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
        assert_eq!(answer.json(), json!({ "status": "unknown" }));
    }
}

#[tokio::test]
async fn case_53_a_background_is_removed_into_a_new_file() {
    let service = service().await;
    let source = service.upload("shoe.v1.jpg", "image/png", &square()).await;
    let params = json!({ "type_level": "1", "type": "product", "crop": true, "add_shadow": false, "whatever": [] });
    let done = run(&service, REMOVE_BG, &json!({ "target": source, "params": params })).await;
    assert_eq!(done["status"], "done", "{done}");
    let made = file(&service, text(&done["result"]["file_id"])).await;
    assert_ne!(made["uuid"], source);
    assert_eq!(made["is_ready"], true);
    assert_eq!((&made["original_filename"], &made["mime_type"]), (&json!("shoe.v1.png"), &json!("image/png")));
    let bytes = service.get(&format!("/{}/", text(&made["uuid"]))).await.body;
    let image = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert_eq!((image.dimensions(), image.get_pixel(10, 10).0), ((20, 20), [200, 10, 10, 255]));
    assert_eq!(file(&service, &source).await["appdata"][REMOVE_BG]["data"], json!({ "foreground_type": "product" }));
    // The status is found under any add-on's name.
    let started = execute(&service, REMOVE_BG, &json!({ "target": source })).await.json();
    let request = text(&started["request_id"]);
    until(|| async { status(&service, SCAN, request).await.json() }, |status| status["status"] == "done").await;
}

#[tokio::test]
async fn a_picture_without_a_background_fails_as_the_services_does() {
    let service = service().await;
    let noise = image::RgbImage::from_fn(32, 32, |x, y| {
        image::Rgb([x * 83, y * 47, 0].map(|value| u8::try_from(value % 256).unwrap()))
    });
    let mut bytes = Cursor::new(Vec::new());
    noise.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let source = service.upload("noise.png", "image/png", &bytes.into_inner()).await;
    let files = rest_api::get(&service, "/files/").await.json()["total"].clone();
    let failed = run(&service, REMOVE_BG, &json!({ "target": source })).await;
    let details = json!({ "code": "unknown_foreground", "title": "Could not identify foreground in image" });
    assert_eq!(failed, json!({ "status": "error", "details": details }));
    assert_eq!(rest_api::get(&service, "/files/").await.json()["total"], files);
    assert_eq!(file(&service, &source).await["appdata"], json!({}));
}

#[tokio::test]
async fn the_virus_that_tests_know_is_found_wherever_it_lies() {
    let service = service().await;
    let deep = zipped("a.zip", &zipped("b.docx", &zipped("eicar.com", &eicar())));
    let almost = eicar()[..60].to_vec();
    for (bytes, infected) in [
        (eicar(), true),
        ([b"before ".to_vec(), eicar()].concat(), true),
        (zipped("eicar.com", &eicar()), true),
        (deep, true),
        (almost, false),
        (zipped("clean.txt", b"clean"), false),
        (square(), false),
    ] {
        let source = service.upload("file.bin", "application/octet-stream", &bytes).await;
        assert_eq!(run(&service, SCAN, &json!({ "target": source })).await, json!({ "status": "done" }));
        let found = file(&service, &source).await["appdata"][SCAN].clone();
        let data = if infected {
            json!({ "infected": true, "infected_with": "Win.Test.EICAR_HDB-1" })
        } else {
            json!({ "infected": false })
        };
        assert_eq!(found["data"], data);
        assert_eq!(found["datetime_created"], found["datetime_updated"]);
        assert!(found["version"].is_string());
        // Again: the first time stays, the last moves.
        run(&service, SCAN, &json!({ "target": source })).await;
        let again = file(&service, &source).await["appdata"][SCAN].clone();
        assert_eq!(again["datetime_created"], found["datetime_created"]);
        assert!(text(&again["datetime_updated"]) > text(&found["datetime_updated"]));
    }
}

#[tokio::test]
async fn what_is_infected_is_purged_only_on_demand() {
    let service = service().await;
    for (params, purged) in [
        (json!({ "purge_infected": false }), false),
        (json!({}), false),
        (json!({ "purge_infected": true }), true),
        (json!({ "purge_infected": "true" }), true),
    ] {
        for beside in [false, true] {
            let source = service.upload("eicar.com", "text/plain", &eicar()).await;
            let mut body = json!({ "target": source });
            if beside {
                // One SDK sends the parameters so.
                body.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
            } else {
                body["params"] = params.clone();
            }
            assert_eq!(run(&service, SCAN, &body).await, json!({ "status": "done" }));
            let after = file(&service, &source).await;
            assert_eq!(after["datetime_removed"].is_string(), purged, "{body}");
            assert_eq!(after["appdata"][SCAN]["data"]["infected"], true);
        }
    }
    let clean = service.upload("clean", "text/plain", b"clean").await;
    run(&service, SCAN, &json!({ "target": clean, "params": { "purge_infected": true } })).await;
    assert_eq!(file(&service, &clean).await["datetime_removed"], json!(null));
}

#[tokio::test]
async fn labels_and_moderation_say_what_they_go_by() {
    let service = service().await;
    let source = service.upload("square.png", "image/png", &square()).await;
    for addon in [LABELS, MODERATION] {
        assert_eq!(run(&service, addon, &json!({ "target": source })).await, json!({ "status": "done" }));
    }
    let appdata = file(&service, &source).await["appdata"].clone();
    let labels = &appdata[LABELS]["data"];
    assert!(text(&labels["LabelModelVersion"]).contains("placeholder"), "{labels}");
    let names: Vec<_> = labels["Labels"].as_array().unwrap().iter().map(|label| text(&label["Name"])).collect();
    assert_eq!(names, ["White", "Red", "Landscape Orientation"]);
    let first = &labels["Labels"][0];
    assert!(first["Confidence"].as_f64().unwrap() > 80.0);
    assert_eq!((&first["Parents"], &first["Instances"]), (&json!([{ "Name": "Color" }]), &json!([])));
    assert_eq!(appdata[MODERATION]["data"]["ModerationLabels"], json!([]));
    assert!(text(&appdata[MODERATION]["data"]["ModerationModelVersion"]).contains("placeholder"));

    let unsafe_one = service.upload("updock-unsafe.png", "image/png", &square()).await;
    run(&service, MODERATION, &json!({ "target": unsafe_one })).await;
    let found = file(&service, &unsafe_one).await["appdata"][MODERATION]["data"]["ModerationLabels"].clone();
    assert_eq!((&found[1]["Name"], &found[1]["ParentName"]), (&json!("Weapons"), &json!("Violence")));

    let no_image = service.upload("a.txt", "text/plain", b"no image").await;
    for addon in [LABELS, MODERATION, REMOVE_BG] {
        let failed = run(&service, addon, &json!({ "target": no_image })).await;
        assert_eq!((&failed["status"], &failed["details"]["code"]), (&json!("error"), &json!("source_invalid")));
    }
}

#[tokio::test]
async fn what_was_found_is_told_to_subscribers() {
    let service = service().await;
    let source = service.upload("eicar.com", "text/plain", &eicar()).await;
    let body = json!({ "target": source, "params": { "purge_infected": true } });
    let started = execute(&service, SCAN, &body).await.json();
    let request = text(&started["request_id"]);
    let told = || async {
        let events = service.get("/_local/events").await.json();
        let by_addon = |event: &&Value| event["initiator"]["type"] == "addon";
        Value::from(events.as_array().unwrap().iter().filter(by_addon).cloned().collect::<Vec<_>>())
    };
    let told = until(told, |events| events.as_array().unwrap().len() >= 3).await;
    let names: Vec<_> = told.as_array().unwrap().iter().map(|event| text(&event["event"])).collect();
    assert_eq!(names, ["file.info_updated", "file.infected", "file.deleted"]);
    for event in told.as_array().unwrap() {
        assert_eq!((&event["file"], &event["initiator"]["detail"]["addon_name"]), (&json!(source), &json!(SCAN)));
        assert_eq!(event["initiator"]["detail"]["request_id"], request);
    }
}
