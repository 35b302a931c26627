//! Copies within the project, and out to storages of the customer's.

use crate::{client::*, rest_api::*};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use updock_local::{Config, RemoteStorage, Storage};

async fn copy(service: &Service, body: Value) -> Answer {
    ask(service, Method::POST, "/files/local_copy/", body).await
}

/// The file once its bytes are there.
async fn made(service: &Service, uuid: &str) -> Value {
    for _ in 0..500 {
        let file = get(service, &format!("/files/{uuid}/")).await.json();
        if file["content_info"].is_object() {
            return file;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the copy was never made");
}

#[tokio::test]
async fn a_copy_is_provisional_first_and_real_soon() {
    let service = service().await;
    let form =
        Form::new().field("metadata[pet]", "cat").field("tags", "a").file("file", "my cat.txt", "text/plain", b"meow");
    let source = service.form("/base/", form).await.uuid("file");
    let answer =
        copy(&service, json!({"source": source, "store": "true", "make_public": null, "metadata": {"k": "v"}})).await;
    assert_eq!((answer.status.as_u16(), answer.header("warning")), (201, ""));
    let body = answer.json();
    let file = &body["result"];
    let uuid = file["uuid"].as_str().unwrap();
    assert!(answer.text().starts_with(r#"{"type":"file","result":{"datetime_removed":null,"#));
    assert_ne!(uuid, source);
    assert_eq!(answer.header("location"), format!("{}/files/{uuid}/", service.base()));
    for (name, expected) in [
        ("size", json!(0)),
        ("mime_type", json!("application/octet-stream")),
        ("is_image", json!(null)),
        ("content_info", json!(null)),
        ("variations", json!(null)),
        ("is_ready", json!(true)),
        ("original_filename", json!("my cat.txt")),
        ("original_file_url", json!(format!("{}/{uuid}/mycat.txt", service.base()))),
        ("datetime_stored", file["datetime_uploaded"].clone()),
        ("metadata", json!({"k": "v"})),
        ("tags", json!([])),
    ] {
        assert_eq!(file[name], expected, "{name}");
    }
    let real = made(&service, uuid).await;
    assert_eq!(
        (&real["size"], &real["mime_type"], &real["is_image"]),
        (&json!(4), &json!("text/plain"), &json!(false))
    );
    assert_eq!((&real["metadata"], &real["datetime_stored"]), (&json!({"k": "v"}), &file["datetime_stored"]));
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "meow");

    // The copy is a file of its own.
    service.send(Method::DELETE, &format!("/_local/files/{source}"), &[], "").await;
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "meow");
}

#[tokio::test]
async fn every_form_of_a_source_is_taken() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    for source in [
        uuid.to_uppercase(),
        format!("{uuid}/"),
        format!("https://ucarecdn.com/{uuid}/"),
        format!("https://1a2b3c.ucarecd.net/{uuid}/name.txt"),
        format!("{}/{uuid}/a.txt", service.base()),
    ] {
        let answer = copy(&service, json!({"source": source})).await;
        assert_eq!(answer.status, 201, "{source}: {}", answer.text());
        assert_eq!(answer.json()["result"]["datetime_stored"], json!(null));
    }
}

const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

#[tokio::test]
async fn operations_are_applied_on_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let service = service_with(config(&[format!("archive={}", directory.path().display())])).await;
    let uuid = service.upload("dot.gif", "image/gif", GIF).await;
    let text = service.upload("a.txt", "text/plain", b"a").await;
    let source = format!("{uuid}/-/resize/20x10/-/format/png/");
    let answer = copy(&service, json!({"source": source})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let file = made(&service, answer.json()["result"]["uuid"].as_str().unwrap()).await;
    assert_eq!((&file["original_filename"], &file["mime_type"]), (&json!("dot.png"), &json!("image/png")));
    let image = &file["content_info"]["image"];
    assert_eq!((&image["width"], &image["height"], &image["format"]), (&json!(20), &json!(10), &json!("PNG")));

    let answer = remote(&service, json!({"source": source, "target": "archive"})).await.json();
    assert_eq!(answer["result"], format!("s3://archive/{uuid}/dot_resize_20x10_format_png.png"));
    let written = std::fs::read(directory.path().join(format!("{uuid}/dot_resize_20x10_format_png.png"))).unwrap();
    assert!(written.starts_with(b"\x89PNG"));

    for source in [format!("{uuid}/-/nonsense/"), format!("{text}/-/preview/"), format!("{uuid}/-/json/")] {
        assert_eq!(copy(&service, json!({"source": source})).await.status, 400, "{source}");
        assert_eq!(remote(&service, json!({"source": source, "target": "archive"})).await.status, 400, "{source}");
    }
}

#[tokio::test]
async fn each_mistake_with_copies_has_its_own_answer() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let removed = service.upload("r.txt", "text/plain", b"r").await;
    send(&service, Method::DELETE, &format!("/files/{removed}/storage/")).await;
    let bad = "Bad `source` parameter. Use UUID or CDN URL.";
    for path in ["/files/local_copy/", "/files/remote_copy/"] {
        for (body, status, text) in [
            (json!({}), 400, "`source` parameter is required."),
            (json!({"source": null}), 400, "`source` parameter is required."),
            (json!({"source": "x"}), 400, bad),
            (json!({"source": 7}), 400, bad),
            (json!({"source": format!("https://evil.test/{uuid}/")}), 400, bad),
            (json!([]), 400, "Expected JSON object."),
        ] {
            assert_eq!(
                detail(&ask(&service, Method::POST, path, body.clone()).await),
                (status, text.to_owned()),
                "{body}"
            );
        }
    }
    for (body, status, text) in [
        (json!({"source": uuid, "store": "yes"}), 400, "`store` parameter should be `true` or `false`."),
        (json!({"source": uuid, "metadata": "x"}), 400, "`metadata` parameter should be an object of strings."),
        (json!({"source": NOBODY}), 404, "Not found."),
        (json!({"source": removed}), 404, "Not found."),
    ] {
        assert_eq!(detail(&copy(&service, body.clone()).await), (status, text.to_owned()), "{body}");
    }
    let form = Form::new().file("file", "slow.txt", "text/plain", b"x");
    service.local.set_faults(
        updock_local::Fault::parse_list(r#"{"operation":"uploads.direct","effect":{"ready_delay_ms":60000}}"#).unwrap(),
    );
    let unready = service.form("/base/", form).await.uuid("file");
    assert_eq!(detail(&copy(&service, json!({"source": unready})).await), (400, "File is not ready yet.".to_owned()));
}

#[tokio::test]
async fn metadata_that_breaks_a_rule_is_dropped_with_a_warning() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let metadata = json!({"good": "yes", "b d": "x", "ü\n": "x", "empty": "", "number": 7});
    let answer = copy(&service, json!({"source": uuid, "metadata": metadata})).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["result"]["metadata"], json!({"good": "yes"}));
    let warning = answer.header("warning");
    assert!(warning.starts_with("199 Miscellaneous warning: ") && warning.contains("b d, empty, number"), "{warning}");
}

#[tokio::test]
async fn a_copy_that_was_acknowledged_is_made_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::Directory(directory.path().to_owned());
    // It would take an hour, if nobody stopped it.
    let slow = Config { storage: storage.clone(), ready_delay: Duration::from_hours(1), ..Config::default() };
    let quick = Config { storage, ..Config::default() };
    let service = service_with(quick.clone()).await;
    let source = service.upload("a.txt", "text/plain", b"hello").await;
    service.local.shutdown().await;
    let service = service_with(slow).await;
    let uuid = copy(&service, json!({"source": source})).await.json()["result"]["uuid"].as_str().unwrap().to_owned();
    assert_eq!(get(&service, &format!("/files/{uuid}/")).await.json()["size"], 0);
    service.local.shutdown().await;
    let service = service_with(quick).await;
    assert_eq!(made(&service, &uuid).await["size"], 5);
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "hello");
}

async fn remote(service: &Service, body: Value) -> Answer {
    ask(service, Method::POST, "/files/remote_copy/", body).await
}

fn config(storages: &[String]) -> Config {
    let storages = storages.iter().map(|text| RemoteStorage::parse(text).unwrap()).collect();
    Config { remote_storages: storages, ..Config::default() }
}

#[tokio::test]
async fn a_copy_goes_out_to_a_directory_once() {
    let directory = tempfile::tempdir().unwrap();
    let service = service_with(config(&[format!("archive={}", directory.path().display())])).await;
    let uuid = service.upload("my cat.txt", "text/plain", b"meow").await;
    let url = format!("s3://archive/{uuid}/mycat.txt");
    for status in [201, 200] {
        let answer = remote(&service, json!({"source": uuid, "target": "archive", "make_public": "true"})).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (status, json!({"type": "url", "result": url})));
    }
    let read = |key: &str| std::fs::read_to_string(directory.path().join(key)).unwrap();
    assert_eq!(read(&format!("{uuid}/mycat.txt")), "meow");
    let named = json!({"source": uuid, "target": "archive", "pattern": "cats/${filename}-x${ext}"});
    assert_eq!(remote(&service, named).await.json()["result"], "s3://archive/cats/mycat-x.txt");
    assert_eq!(read("cats/mycat-x.txt"), "meow");
    assert_eq!(std::fs::read_dir(directory.path().join("cats")).unwrap().count(), 1, "nothing half-written stays");

    let character = "Invalid pattern provided: Invalid character in a pattern.";
    for (body, status, text) in [
        (json!({"source": uuid}), 400, "`target` parameter is required."),
        (json!({"source": uuid, "target": "nope"}), 400, "Project has no storage with provided name."),
        (json!({"source": uuid, "target": 7}), 400, "`target` parameter should be a string."),
        (
            json!({"source": uuid, "target": "archive", "make_public": 1}),
            400,
            "`make_public` parameter should be `true` or `false`.",
        ),
        (
            json!({"source": uuid, "target": "archive", "pattern": "${nope}"}),
            400,
            "Invalid pattern provided: `${nope}`",
        ),
        (
            json!({"source": uuid, "target": "archive", "pattern": "../${uuid}"}),
            400,
            "Invalid pattern provided: `../${uuid}`",
        ),
        (json!({"source": uuid, "target": "archive", "pattern": "a\u{0}"}), 400, character),
        (json!({"source": NOBODY, "target": "archive"}), 404, "Not found."),
    ] {
        assert_eq!(detail(&remote(&service, body.clone()).await), (status, text.to_owned()), "{body}");
    }
    assert!(!Path::new(&format!("{}/../{uuid}", directory.path().display())).exists());
}

type Objects = Arc<Mutex<HashMap<String, (Bytes, String)>>>;

/// As much of S3 as a copy needs: it wants a signature, and keeps what it is given.
async fn bucket() -> (String, Objects) {
    let objects = Objects::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let kept = objects.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let kept = kept.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let kept = kept.clone();
                async move { Ok::<_, Infallible>(answer(&kept, request).await) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, objects)
}

async fn answer(objects: &Objects, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let query = parts.uri.query().unwrap_or_default();
    let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let signed = query.contains("X-Amz-Signature=") && query.contains("X-Amz-Credential=key%2F");
    let mut objects = objects.lock().unwrap();
    let status = match (parts.method.as_str(), signed) {
        (_, false) => StatusCode::FORBIDDEN,
        ("HEAD", true) if !objects.contains_key(parts.uri.path()) => StatusCode::NOT_FOUND,
        ("PUT", true) => {
            let acl_signed = query.contains("x-amz-acl");
            assert_eq!(header("content-length"), body.len().to_string());
            let note = format!("{} {} {acl_signed}", header("content-type"), header("x-amz-acl"));
            objects.insert(parts.uri.path().to_owned(), (body, note));
            StatusCode::OK
        }
        _ => StatusCode::OK,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[tokio::test]
async fn a_copy_goes_out_to_a_bucket_once() {
    let (address, objects) = bucket().await;
    let gone = "127.0.0.1:1";
    let storages =
        [format!("out=s3+http://key:secret@{address}/pictures"), format!("gone=s3+http://key:secret@{gone}/x")];
    let service = service_with(config(&storages)).await;
    let content = bytes(MIB, 3);
    let uuid = service.upload("film.bin", "video/mp4", &content).await;
    for status in [201, 200] {
        let answer = remote(&service, json!({"source": uuid, "target": "out"})).await;
        let url = format!("s3://pictures/{uuid}/film.bin");
        assert_eq!((answer.status.as_u16(), answer.json()), (status, json!({"type": "url", "result": url})));
    }
    let private = json!({"source": uuid, "target": "out", "pattern": "private", "make_public": false});
    assert_eq!(remote(&service, private).await.status, 201);
    let objects = objects.lock().unwrap().clone();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[&format!("/pictures/{uuid}/film.bin")], (content, "video/mp4 public-read true".to_owned()));
    assert_eq!(objects["/pictures/private"].1, "video/mp4  false");

    let answer = remote(&service, json!({"source": uuid, "target": "gone"})).await;
    assert_eq!(detail(&answer), (503, "The storage is unavailable.".to_owned()));
}
