//! Document and video conversion, over the wire. Cases 45 to 49 are those of the REST API's conformance list.

use crate::{client::*, rest_api};
use http::Method;
use serde_json::{Value, json};
use std::{io::Cursor, time::Duration};
use updock_local::{Config, Storage};
use updock_types::rest::MEDIA_TYPE;

/// Sends JSON to the REST API.
pub(crate) async fn post(http: &Http, path: &str, body: &Value) -> Answer {
    post_text(http, path, &body.to_string()).await
}

pub(crate) async fn post_text(http: &Http, path: &str, body: &str) -> Answer {
    let authorization = format!("Uploadcare.Simple {KEY}:{SECRET}");
    let headers =
        [("accept", MEDIA_TYPE), ("authorization", authorization.as_str()), ("content-type", "application/json")];
    http.send(Method::POST, path, &headers, body.to_owned()).await
}

pub(crate) async fn file(service: &Service, uuid: &str) -> Value {
    rest_api::get(service, &format!("/files/{uuid}/?include=appdata")).await.json()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Asks until it is as wanted; half a minute at most.
pub(crate) async fn until<F: Future<Output = Value>>(
    mut ask: impl FnMut() -> F,
    done: impl Fn(&Value) -> bool,
) -> Value {
    for _ in 0..6000 {
        let found = ask().await;
        if done(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to an end: {}", ask().await);
}

/// Waits for a conversion to end; its last status.
async fn ended(service: &Service, kind: &str, job: &Value) -> Value {
    let path = format!("/convert/{kind}/status/{}/", job["token"]);
    until(
        || async { rest_api::get(service, &path).await.json() },
        |status| !matches!(text(&status["status"]), "pending" | "processing"),
    )
    .await
}

/// Converts one path, which must succeed; the output's facts and its bytes.
async fn converted(service: &Service, kind: &str, path: &str) -> (Value, bytes::Bytes) {
    let answer = post(service, &format!("/convert/{kind}/"), &json!({ "paths": [path], "store": "1" })).await.json();
    let job = &answer["result"][0];
    assert_eq!(job["original_source"], path, "{answer}");
    let status = ended(service, kind, job).await;
    assert_eq!((&status["status"], &status["error"]), (&json!("finished"), &json!(null)), "{path}: {status}");
    let uuid = text(&job["uuid"]);
    let original = service.get(&format!("/{uuid}/")).await;
    assert_eq!(original.status, 200);
    (file(service, uuid).await, original.body)
}

/// A document of three pages, made by the stand-in itself and uploaded like any other.
async fn three_pages(service: &Service) -> String {
    let lines: Vec<_> = (0..130).map(|at| format!("line {at}\n")).collect();
    let source = service.upload("lines.txt", "text/plain", lines.concat().as_bytes()).await;
    let (_, pdf) = converted(service, "document", &format!("{source}/document/")).await;
    service.upload("report.final.pdf", "application/pdf", &pdf).await
}

async fn video(service: &Service) -> String {
    service.upload("film.mp4", "video/mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08mdat").await
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x * 3, y * 5, 90].map(|value| u8::try_from(value % 256).unwrap()))
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn case_45_pages_become_images_and_a_group() {
    let service = service().await;
    let document = three_pages(&service).await;
    let path = format!("{document}/document/-/format/jpg/");
    let body = json!({ "paths": [path, "invalid"], "save_in_group": "1" });
    let answer = post(&service, "/convert/document/", &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let answer = answer.json();
    assert_eq!(answer["problems"], json!({ "invalid": "Bad path \"invalid\". Use UUID or CDN URL" }));
    let [job] = answer["result"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&job["original_source"], &job["thumbnails_group_uuid"]), (&json!(path), &json!(null)));
    assert_eq!(ended(&service, "document", job).await["status"], "finished");

    let info = rest_api::get(&service, &format!("/convert/document/{document}/")).await;
    assert_eq!(info.header("content-type"), MEDIA_TYPE);
    let info = info.json();
    assert_eq!((&info["error"], &info["format"]["name"]), (&json!(null), &json!("pdf")));
    let formats = info["format"]["conversion_formats"].as_array().unwrap();
    assert!(formats.contains(&json!({ "name": "jpg" })) && !formats.contains(&json!({ "name": "pdf" })));
    let group = text(&info["format"]["converted_groups"]["jpg"]);
    assert!(group.ends_with("~3"), "{group}");

    let group = rest_api::get(&service, &format!("/groups/{group}/")).await.json();
    let pages = group["files"].as_array().unwrap();
    let names: Vec<_> = pages.iter().map(|page| text(&page["original_filename"])).collect();
    assert_eq!(names, ["report.final-0.jpg", "report.final-1.jpg", "report.final-2.jpg"]);
    assert!(pages.iter().all(|page| page["is_image"] == true && page["mime_type"] == "image/jpeg"), "{group}");

    let uuid = text(&job["uuid"]);
    let zip = file(&service, uuid).await;
    assert_eq!((&zip["original_filename"], &zip["mime_type"]), (&json!("report.final.zip"), &json!("application/zip")));
    let bytes = service.get(&format!("/{uuid}/")).await.body;
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, ["report.final-0.jpg", "report.final-1.jpg", "report.final-2.jpg"]);
    assert_eq!(file(&service, &document).await["variations"], json!({ "document/-/format/jpg/": uuid }));
}

#[tokio::test]
async fn case_46_what_is_no_request_is_refused_as_a_whole() {
    let service = service().await;
    let required = "“paths” parameter is required.";
    let object = "Expected JSON object.";
    for path in ["/convert/document/", "/convert/video/"] {
        for (body, detail) in [
            (r#"{"paths":[]}"#, required),
            ("{}", required),
            (r#"{"paths":null}"#, required),
            (r#"{"paths":"invalid"}"#, required),
            (r#"{"paths":[1]}"#, required),
            ("[]", object),
            ("", object),
            ("paths=1", object),
            ("\"\\ud800\"", object),
            (r#"{"paths":["invalid"],"store":"perhaps"}"#, "`store` parameter should be `true` or `false`."),
            (r#"{"paths":["invalid"],"save_in_group":2}"#, "`save_in_group` parameter should be `true` or `false`."),
        ] {
            let answer = post_text(&service, path, body).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, MEDIA_TYPE), "{body}");
            assert_eq!(answer.json(), json!({ "detail": detail }), "{body}");
        }
        for store in [json!("0"), json!("1"), json!("true"), json!(false), json!(0), json!(1), json!(null)] {
            let answer = post(&service, path, &json!({ "paths": ["invalid"], "store": store })).await;
            assert_eq!((answer.status.as_u16(), &answer.json()["result"]), (200, &json!([])), "{store}");
        }
        let many = vec!["invalid"; 101];
        assert_eq!(post(&service, path, &json!({ "paths": many })).await.status, 400);
    }
}

#[tokio::test]
async fn case_47_a_video_comes_with_its_thumbnails() {
    let service = service_with(Config { job_time: Duration::from_millis(1200), ..Config::default() }).await;
    let source = video(&service).await;
    let path = format!("{source}/video/-/format/webm/-/thumbs~2/");
    let answer = post(&service, "/convert/video/", &json!({ "paths": [path], "store": "0" })).await.json();
    let job = &answer["result"][0];
    let (uuid, group) = (text(&job["uuid"]), text(&job["thumbnails_group_uuid"]));
    assert!(group.ends_with("~2"), "{answer}");
    assert!(job["token"].as_u64().is_some_and(|token| token > 0));

    // It is there at once, and not ready.
    let fresh = file(&service, uuid).await;
    for (name, expected) in [
        ("is_ready", json!(false)),
        ("size", json!(0)),
        ("mime_type", json!("")),
        ("is_image", json!(null)),
        ("original_file_url", json!(null)),
        ("original_filename", json!("video.webm")),
        ("content_info", json!(null)),
        ("datetime_stored", json!(null)),
    ] {
        assert_eq!(fresh[name], expected, "{name}");
    }
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
    let path = format!("/convert/video/status/{}/", job["token"]);
    let first = rest_api::get(&service, &path).await;
    assert_eq!(first.header("content-type"), MEDIA_TYPE);
    let first = first.json();
    assert_eq!(first["result"], json!({ "uuid": uuid, "thumbnails_group_uuid": group }), "{first}");
    assert!(matches!(text(&first["status"]), "pending" | "processing") && first["error"].is_null(), "{first}");
    let processing = |status: &Value| text(&status["status"]) != "pending";
    let then = until(|| async { rest_api::get(&service, &path).await.json() }, processing).await;
    assert_eq!(then["status"], "processing");

    assert_eq!(ended(&service, "video", job).await["status"], "finished");
    let output = file(&service, uuid).await;
    assert_eq!((&output["is_ready"], &output["mime_type"]), (&json!(true), &json!("video/webm")));
    assert!(service.get(&format!("/{uuid}/")).await.body.starts_with(b"\x1a\x45\xdf\xa3"));
    let group = rest_api::get(&service, &format!("/groups/{group}/")).await.json();
    let thumbs: Vec<_> = group["files"].as_array().unwrap().iter().map(|thumb| text(&thumb["uuid"])).collect();
    assert_eq!(group["files"][1]["original_filename"], "thumbnail_1.jpg");
    assert_eq!(
        file(&service, &source).await["variations"],
        json!({
            "video/-/format/webm/-/quality/normal/": uuid,
            "video/-/format/webm/-/quality/normal/-/thumbs~2/0/": thumbs[0],
            "video/-/format/webm/-/quality/normal/-/thumbs~2/1/": thumbs[1],
        })
    );
}

#[tokio::test]
async fn case_48_problems_name_the_path_as_it_was_sent() {
    let service = service().await;
    let (document, film) = (three_pages(&service).await, video(&service).await);
    let removed = video(&service).await;
    rest_api::send(&service, Method::DELETE, &format!("/files/{removed}/storage/")).await;
    for (kind, path, problem) in [
        (
            "video",
            format!("{film}/video/-/size/x/change_ratio/"),
            "CDN Path error: Mandatory argument \"OneOrTwoDimensionsDivisibleByFour(size)\" not found while parsing \"size/x/change_ratio\"".to_owned(),
        ),
        ("video", film.clone(), format!("Bad path \"{film}\". Use UUID or CDN URL")),
        ("video", format!("{NOBODY}/video/"), format!("Bad path \"{NOBODY}/video/\". Use UUID or CDN URL")),
        ("video", format!("{removed}/video/"), format!("Bad path \"{removed}/video/\". Use UUID or CDN URL")),
        ("video", format!("{film}/document/"), format!("Bad path \"{film}/document/\". Use UUID or CDN URL")),
        ("document", format!("{film}/video/"), format!("Bad path \"{film}/video/\". Use UUID or CDN URL")),
        (
            "document",
            format!("{film}/document/-/format/jpg/"),
            "the target_format is not a supported 'to' format for this source file. unknown -> jpg".to_owned(),
        ),
        (
            "document",
            format!("{document}/document/-/format/exe/"),
            "the target_format is not a supported 'to' format for this source file. pdf -> exe".to_owned(),
        ),
        (
            "document",
            format!("{document}/document/-/format/txt/-/page/1/"),
            "CDN Path error: \"page\" is available for image formats only".to_owned(),
        ),
        (
            "document",
            format!("{document}/document/-/format/jpg/-/quality/81/"),
            "CDN Path error: \"quality\" must be one of 50, 60, 70, 80, 90, 100".to_owned(),
        ),
        (
            "document",
            format!("{document}/document/-/format/png/-/dpi/150/"),
            "CDN Path error: \"dpi\" is available for the jpg format only".to_owned(),
        ),
    ] {
        let answer = post(&service, &format!("/convert/{kind}/"), &json!({ "paths": [path] })).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({ "result": [], "problems": { &path: problem } }));
    }
}

#[tokio::test]
async fn case_49_nobody_knows_a_token_that_was_not_given() {
    let service = service().await;
    let source = video(&service).await;
    let answer = post(&service, "/convert/video/", &json!({ "paths": [format!("{source}/video/")] })).await.json();
    let token = &answer["result"][0]["token"];
    for path in [
        "/convert/video/status/1/".to_owned(),
        "/convert/document/status/18446744073709551615/".to_owned(),
        "/convert/document/status/nope/".to_owned(),
        format!("/convert/document/status/{token}/"),
        format!("/convert/document/{NOBODY}/"),
        "/convert/document/nope/".to_owned(),
    ] {
        let answer = rest_api::get(&service, &path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, r#"{"detail":"Not found."}"#), "{path}");
    }
    let wrong = rest_api::send(&service, Method::POST, &format!("/convert/video/status/{token}/")).await;
    assert_eq!(wrong.status, 405);
}

#[tokio::test]
async fn images_are_converted_for_real() {
    let service = service().await;
    let source = service.upload("picture.v2.png", "image/png", &png(90, 60)).await;
    for (format, mime, start) in [
        ("jpg", "image/jpeg", &b"\xff\xd8\xff"[..]),
        ("webp", "image/webp", b"RIFF"),
        ("gif", "image/gif", b"GIF8"),
        ("bmp", "image/bmp", b"BM"),
        ("tiff", "image/tiff", b"II*\0"),
        ("ico", "image/x-icon", b"\0\0\x01\0"),
        ("pdf", "application/pdf", b"%PDF-"),
        ("svg", "image/svg+xml", b"<svg"),
    ] {
        let (output, bytes) = converted(&service, "document", &format!("{source}/document/-/format/{format}/")).await;
        assert_eq!(output["original_filename"], format!("picture.v2.{format}"));
        assert_eq!((&output["mime_type"], output["is_ready"].as_bool()), (&json!(mime), Some(true)), "{format}");
        assert!(bytes.starts_with(start), "{format}");
        assert_eq!(output["size"], bytes.len());
        if !matches!(format, "pdf" | "svg") {
            let image = image::load_from_memory(&bytes).unwrap();
            assert_eq!((image.width(), image.height()), (90, 60), "{format}");
            let (was, is) = (image::Rgb([120u8, 100, 90]), image.to_rgb8().get_pixel(40, 20).to_owned());
            assert!(was.0.iter().zip(is.0).all(|(was, is)| was.abs_diff(is) < 24), "{format}: {is:?}");
        }
        assert!(output["datetime_stored"].is_string());
    }
    let single = converted(&service, "document", &format!("{source}/document/-/format/jpg/-/page/1/")).await.0;
    assert_eq!(single["original_filename"], "picture.v2-0.jpg");
}

#[tokio::test]
async fn text_becomes_a_document_and_a_document_text() {
    let service = service().await;
    let document = three_pages(&service).await;
    let (output, text) = converted(&service, "document", &format!("{document}/document/-/format/txt/")).await;
    assert_eq!(
        (&output["original_filename"], &output["mime_type"]),
        (&json!("report.final.txt"), &json!("text/plain"))
    );
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("line 0\n") && text.contains("line 129"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_made_says_so() {
    let service = service().await;
    let document = three_pages(&service).await;
    let film = video(&service).await;
    for (kind, path, name) in [
        ("document", format!("{document}/document/-/format/html/"), "report.final.html"),
        ("document", format!("{document}/document/-/format/jpg/-/page/2/"), "report.final-0.jpg"),
        ("document", format!("{document}/document/-/format/enhanced.jpg/-/page/2/-/dpi/150/"), "report.final-0.jpg"),
        ("video", format!("{film}/video/"), "video.mp4"),
        ("video", format!("{film}/video/-/size/640x/-/format/ogg/-/cut/0:0:1.0/end/"), "video.ogg"),
    ] {
        let (output, bytes) = converted(&service, kind, &path).await;
        assert_eq!(output["original_filename"], name, "{path}");
        assert!(String::from_utf8_lossy(&bytes).contains("Placeholder made by updock-local: "), "{path}");
        let answer = service.get(&format!("/{}/", text(&output["uuid"]))).await;
        assert_eq!(answer.header("x-updock-placeholder"), "1", "{path}");
    }
    assert_eq!(service.get(&format!("/{document}/")).await.header("x-updock-placeholder"), "");
}

#[tokio::test]
async fn a_job_that_cannot_be_done_fails_and_leaves_nothing() {
    let service = service().await;
    let document = three_pages(&service).await;
    let no_document = service.upload("broken.pdf", "application/pdf", b"%PDF-1.4 and nothing more").await;
    let no_picture = service.upload("broken.png", "image/png", &png(9, 9)[..40]).await;
    let no_film = service.upload("film.mp4", "video/mp4", b"just a text").await;
    let mut bomb = png(9, 9);
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let sum = crc32fast::hash(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&sum);
    let bomb = service.upload("bomb.png", "image/png", &bomb).await;
    for (kind, path, error) in [
        ("document", format!("{document}/document/-/format/jpg/-/page/4/"), "The document has 3 page(s)."),
        ("document", format!("{no_document}/document/-/format/jpg/"), "This is no readable PDF"),
        ("document", format!("{no_document}/document/-/format/docx/"), "This is no readable PDF"),
        ("document", format!("{no_picture}/document/-/format/jpg/"), "the image is damaged"),
        ("document", format!("{bomb}/document/-/format/jpg/"), "the image is too large"),
        ("video", format!("{no_film}/video/-/thumbs~3/"), "The source file is no video or sound."),
    ] {
        let answer = post(&service, &format!("/convert/{kind}/"), &json!({ "paths": [path] })).await.json();
        let job = &answer["result"][0];
        let status = ended(&service, kind, job).await;
        assert_eq!((&status["status"], &status["result"]), (&json!("failed"), &json!(null)), "{path}");
        assert!(text(&status["error"]).starts_with(error), "{path}: {status}");
        assert_eq!(rest_api::get(&service, &format!("/files/{}/", text(&job["uuid"]))).await.status, 404);
        if let Some(group) = job["thumbnails_group_uuid"].as_str() {
            assert_eq!(rest_api::get(&service, &format!("/groups/{group}/")).await.status, 404);
        }
    }
}

#[tokio::test]
async fn each_request_is_a_job_of_its_own_and_tokens_outgrow_32_bits() {
    let service = service().await;
    let source = video(&service).await;
    let paths = vec![format!("{source}/video/-/size/4x4/"); 60];
    let answer = post(&service, "/convert/video/", &json!({ "paths": paths })).await.json();
    let jobs = answer["result"].as_array().unwrap();
    let mut tokens: Vec<_> = jobs.iter().map(|job| job["token"].as_u64().unwrap()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 60);
    // Of sixty, none or all on one side of 32 bits happens once in 10^18 times.
    assert!(u32::try_from(tokens[0]).is_ok() && u32::try_from(tokens[59]).is_err());
    assert!(tokens[59] < 1 << 53, "a number of JavaScript must hold it");
    for job in jobs {
        assert_eq!(ended(&service, "video", job).await["status"], "finished");
    }
}

#[tokio::test]
async fn a_job_that_had_not_ended_is_taken_up_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        |job_time| Config { storage: Storage::Directory(directory.path().to_owned()), job_time, ..Config::default() };
    let service = service_with(config(Duration::from_hours(1))).await;
    let source = video(&service).await;
    let path = format!("{source}/video/-/thumbs~2/");
    let answer = post(&service, "/convert/video/", &json!({ "paths": [path] })).await.json();
    let scan = post(&service, "/addons/uc_clamav_virus_scan/execute/", &json!({ "target": source })).await.json();
    let job = &answer["result"][0];
    assert_eq!(file(&service, text(&job["uuid"])).await["is_ready"], false);
    service.local.shutdown().await;

    let service = loop {
        // The lock of the directory goes a moment after what held it.
        match updock_local::LocalUploadcare::with(config(Duration::ZERO)).await {
            Ok(local) => break Service { http: Http::new(local.base_url()), local },
            Err(updock_local::StartError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(ended(&service, "video", job).await["status"], "finished");
    assert_eq!(file(&service, text(&job["uuid"])).await["is_ready"], true);
    assert_eq!(file(&service, &source).await["variations"].as_object().unwrap().len(), 3);
    let status = format!("/addons/uc_clamav_virus_scan/execute/status/?request_id={}", text(&scan["request_id"]));
    until(|| async { rest_api::get(&service, &status).await.json() }, |status| status["status"] == "done").await;
}

#[tokio::test]
async fn what_was_made_is_told_to_subscribers() {
    let service = service().await;
    let source = video(&service).await;
    let answer =
        post(&service, "/convert/video/", &json!({ "paths": [format!("{source}/video/-/thumbs~2/")] })).await.json();
    assert_eq!(ended(&service, "video", &answer["result"][0]).await["status"], "finished");
    let events = service.get("/_local/events").await.json();
    let made: Vec<_> =
        events.as_array().unwrap().iter().filter(|event| event["initiator"]["type"] == "addon").collect();
    assert_eq!(made.len(), 3, "{events}");
    assert_eq!(made[0]["file"], answer["result"][0]["uuid"]);
    for event in made {
        let detail = &event["initiator"]["detail"];
        assert_eq!(
            (&event["event"], &detail["addon_name"]),
            (&json!("file.uploaded"), &json!("zencoder_convert_video"))
        );
        assert_eq!(detail["source_file_uuid"], source);
    }
}

/// Paths out of pieces that mean something, and of some that mean nothing.
#[tokio::test]
async fn no_path_is_ever_our_fault() {
    let service = service().await;
    let (document, film) = (three_pages(&service).await, video(&service).await);
    let pieces = [
        "-",
        "",
        "document",
        "video",
        "format",
        "pdf",
        "jpg",
        "page",
        "1",
        "99999999999",
        "size",
        "640x",
        "x",
        "4x4",
        "cut",
        "0:0:0.0",
        "end",
        "9:9:9:9:9",
        "thumbs~2",
        "thumbs~",
        "thumbs~999",
        "quality",
        "dpi",
        "normal",
        "é\u{0}",
        "..",
        "%2e",
        "\u{1f600}",
        "https:",
        "name.jpg",
        "?a=b",
        "~",
        "\\",
        "\"",
    ];
    let random = &mut fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let paths: Vec<String> = (0..5)
            .map(|_| {
                let start = if random.bool() { &document } else { &film };
                let kind = if random.bool() { "document" } else { "video" };
                let rest: Vec<&str> = (0..random.usize(0..8)).map(|_| pieces[random.usize(0..pieces.len())]).collect();
                if random.u8(0..8) == 0 { rest.join("/") } else { format!("{start}/{kind}/-/{}/", rest.join("/")) }
            })
            .collect();
        for kind in ["document", "video"] {
            let answer = post(&service, &format!("/convert/{kind}/"), &json!({ "paths": paths })).await;
            assert_eq!(answer.status, 200, "round {round}: {paths:?}");
            let answer = answer.json();
            let jobs = answer["result"].as_array().unwrap();
            assert!(jobs.len() + answer["problems"].as_object().unwrap().len() <= paths.len());
            for job in jobs {
                let status = ended(&service, kind, job).await;
                let error = status["error"].as_str().unwrap_or_default();
                assert!(!error.contains("could not be processed") && error != "Internal error.", "{job}: {status}");
            }
        }
    }
}
