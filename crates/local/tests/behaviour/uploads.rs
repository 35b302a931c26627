//! Direct uploads and their facts.

use crate::client::*;
use http::Method;
use serde_json::json;
use updock_local::Config;

/// Path, form, and the status, code and sentence that answer it.
type Case = (&'static str, fn() -> Form, u64, &'static str, &'static str);

#[tokio::test]
async fn every_mistake_with_keys_and_files_has_its_own_answer_in_both_forms() {
    let service = service().await;
    let anonymous = || Form::default().file("file", "a.txt", "text/plain", b"a");
    let cases: [Case; 6] = [
        ("/base/", Form::default, 403, "ProjectPublicKeyRequiredError", "UPLOADCARE_PUB_KEY is required."),
        (
            "/base/",
            || Form::default().field("UPLOADCARE_PUB_KEY", ""),
            403,
            "ProjectPublicKeyRequiredError",
            "UPLOADCARE_PUB_KEY is required.",
        ),
        (
            "/base/",
            || Form::default().field("UPLOADCARE_PUB_KEY", "nope"),
            403,
            "ProjectPublicKeyInvalidError",
            "UPLOADCARE_PUB_KEY is invalid.",
        ),
        // The other endpoints' name for the key does not count here.
        (
            "/base/",
            || Form::default().field("pub_key", KEY),
            403,
            "ProjectPublicKeyRequiredError",
            "UPLOADCARE_PUB_KEY is required.",
        ),
        ("/base/", Form::new, 400, "FilesRequiredError", "Request does not contain files."),
        // A file input that was left empty.
        (
            "/base/",
            || Form::new().file("file", "", "application/octet-stream", b""),
            400,
            "FilesRequiredError",
            "Request does not contain files.",
        ),
    ];
    for (path, form, status, code, content) in cases {
        let plain = service.form(path, form()).await;
        assert_eq!((u64::from(plain.status.as_u16()), plain.text()), (status, content));
        assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
        let envelope = service.form(&format!("{path}?jsonerrors=1"), form()).await;
        assert_eq!(envelope.error(), (status, code.to_owned(), content.to_owned()));
    }
    assert_eq!(service.form("/base/", anonymous()).await.status, 403);
    assert_eq!(service.get("/_local/files").await.json(), json!([]));
}

#[tokio::test]
async fn a_body_that_is_no_form_still_gets_the_key_check() {
    let service = service().await;
    for headers in [&[][..], &[("content-type", "application/octet-stream")], &[("content-type", "text/plain")]] {
        let answer = service.send(Method::POST, "/base/?jsonerrors=1", headers, "blob").await;
        let expected = (403, "ProjectPublicKeyRequiredError".to_owned(), "UPLOADCARE_PUB_KEY is required.".to_owned());
        assert_eq!(answer.error(), expected);
    }
}

#[tokio::test]
async fn the_form_of_errors_follows_jsonerrors_then_accept() {
    let service = service().await;
    let vendor = "application/vnd.uploadcare-v0.7+json";
    for (query, accept, envelope) in [
        ("", "", false),
        ("?jsonerrors=1", "", true),
        ("?jsonerrors=true", "", true),
        ("?jsonerrors=0", "", false),
        ("?jsonerrors=", "", false),
        ("", "application/json", true),
        ("", "text/html, application/json;q=0.9", true),
        ("?jsonerrors=0", "application/json", false),
        ("", vendor, false),
    ] {
        let answer = service.send(Method::POST, &format!("/base/{query}"), &[("accept", accept)], "").await;
        let expected = if envelope { 200 } else { 403 };
        assert_eq!(answer.status.as_u16(), expected, "{query} {accept}");
    }
}

#[tokio::test]
async fn an_uploaded_file_is_described_as_it_was_sent() {
    let service = service().await;
    let uuid = service.upload("my résumé.txt", "text/x-notes", b"hello").await;
    let info = service.info(&uuid).await;
    assert_eq!(
        info,
        json!({
            "size": 5, "total": 5, "done": 5, "uuid": uuid, "file_id": uuid, "original_filename": "my résumé.txt",
            "is_image": false, "is_stored": true, "image_info": null, "video_info": null,
            "content_info": {"mime": {"mime": "text/plain", "type": "text", "subtype": "plain"}},
            "is_ready": true, "filename": "myrsum.txt", "mime_type": "text/x-notes", "metadata": {}
        })
    );
    let keys = service.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await.text().to_owned();
    assert!(keys.starts_with("{\"size\":5,\"total\":5,\"done\":5,\"uuid\":"), "{keys}");
}

#[tokio::test]
async fn an_image_is_described_by_its_head() {
    let service = service().await;
    // 2 x 3 pixels, 8 bits of grey, 300 dots per inch.
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\x01\x01\x2c\x01\x2c\0\0\xff\xc0\0\x0b\x08\0\x03\0\x02\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\xff\xd9";
    let uuid = service.upload("dot.jpg", "image/jpeg", jpeg).await;
    let info = service.info(&uuid).await;
    let image = json!({
        "dpi": [300.0, 300.0], "width": 2, "format": "JPEG", "height": 3, "sequence": false, "color_mode": "L",
        "orientation": null, "geo_location": null, "datetime_original": null
    });
    assert_eq!((&info["is_image"], &info["image_info"]), (&json!(true), &image));
    assert_eq!(info["content_info"]["image"], image);
    assert_eq!(info["content_info"]["mime"]["subtype"], "jpeg");
}

#[tokio::test]
async fn several_files_in_one_request_answer_in_order_under_their_field_names() {
    let service = service().await;
    let form = Form::new()
        .file("zebra.txt", "zebra.txt", "text/plain", b"z")
        .file("ant.txt", "ant.txt", "text/plain", b"aa")
        .file("__uploadcare_form_1__ant.txt", "ant.txt", "text/plain", b"aaa");
    let answer = service.form("/base/", form).await;
    let json: serde_json::Map<_, _> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json.len(), 3);
    let order = ["zebra.txt", "\"ant.txt", "__uploadcare"].map(|name| answer.text().find(name).unwrap());
    assert!(order.is_sorted(), "{}", answer.text());
    for (field, size) in [("zebra.txt", 1), ("ant.txt", 2), ("__uploadcare_form_1__ant.txt", 3)] {
        assert_eq!(service.info(&answer.uuid(field)).await["size"], size);
    }
}

#[tokio::test]
async fn storing_follows_the_request_and_else_the_project() {
    let manual = Config { autostore: false, ..Config::default() };
    let (auto, manual) = (service().await, service_with(manual).await);
    for (value, on_auto, on_manual) in
        [(Some("1"), true, true), (Some("0"), false, false), (Some("auto"), true, false), (None, true, false)]
    {
        for (service, expected) in [(&auto, on_auto), (&manual, on_manual)] {
            let mut form = Form::new().file("file", "a", "text/plain", b"a");
            if let Some(value) = value {
                form = form.field("UPLOADCARE_STORE", value);
            }
            let uuid = service.form("/base/", form).await.uuid("file");
            assert_eq!(service.info(&uuid).await["is_stored"], expected, "{value:?}");
        }
    }
}

#[tokio::test]
async fn metadata_is_kept_and_its_rules_are_the_services() {
    let service = service().await;
    let with = |fields: Vec<(String, String)>| {
        let mut form = Form::new().file("file", "a", "text/plain", b"a");
        for (name, value) in fields {
            form = form.field(&name, &value);
        }
        form
    };
    let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let many = |count: usize| (0..count).map(|at| (format!("metadata[k{at}]"), "v".to_owned())).collect::<Vec<_>>();
    let long = "k".repeat(65);
    for (fields, code, content) in [
        (many(51), "FileMetadataKeysNumberTooBigError", "A file can not have more than 50 metadata keys.".to_owned()),
        (
            one(&format!("metadata[{long}]"), "v"),
            "FileMetadataKeyLengthTooBigError",
            format!("Length of file metadata key `{long}` can not be more than 64 symbols."),
        ),
        (one("metadata[]", "v"), "FileMetadataKeyEmptyError", "File's metadata key can not be empty.".to_owned()),
        (
            one("metadata[a b]", "v"),
            "FileMetadataKeyForbiddenError",
            "File's metadata key `a b` contains symbols not allowed by the metadata key format.".to_owned(),
        ),
        (
            one("metadata[k]", &"v".repeat(513)),
            "FileMetadataValueLengthTooBigError",
            "Value of file metadata's key `k` can not be more than 512 symbols in length.".to_owned(),
        ),
        (
            one("metadata[k]", ""),
            "FileMetadataValueEmptyError",
            "Value of the file metadata key `k` can not be empty.".to_owned(),
        ),
        (
            one("metadata[k]", "\u{1}"),
            "FileMetadataValueForbiddenError",
            "Value of file metadata key `k` contains symbols not allowed by the metadata value format.".to_owned(),
        ),
        (
            [one("metadata[k]", "1"), one("metadata[k]", "2")].concat(),
            "FileMetadataKeyDuplicatedError",
            "File's metadata key `k` has a duplicate.".to_owned(),
        ),
    ] {
        let answer = service.form("/base/?jsonerrors=1", with(fields)).await;
        assert_eq!(answer.error(), (400, code.to_owned(), content));
    }
    assert_eq!(service.get("/_local/files").await.json(), json!([]), "a refused upload left a file");

    let uuid =
        service.form("/base/", with([one("metadata[pet]", "cat"), one("metadata[-_.:9]", "ü\t")].concat())).await;
    assert_eq!(service.info(&uuid.uuid("file")).await["metadata"], json!({"pet": "cat", "-_.:9": "ü\t"}));
    assert_eq!(service.form("/base/", with(many(50))).await.status, 200);
    let in_query = service.form("/base/?metadata[a]=b", with(Vec::new())).await;
    assert_eq!(service.info(&in_query.uuid("file")).await["metadata"], json!({"a": "b"}));
}

#[tokio::test]
async fn tags_are_normalised_and_shown_by_the_rest_api_only() {
    let service = service().await;
    let with = |tags: &str| Form::new().file("file", "a", "text/plain", b"a").field("tags", tags);
    let fifty_one: Vec<String> = (0..51).map(|at| format!("t{at}")).collect();
    for (tags, content) in [
        (fifty_one.join(","), Some("Too many tags: 51 (max 50).")),
        ("a b".to_owned(), None),
        ("x".repeat(101), None),
        ("ü".to_owned(), None),
    ] {
        let (status, code, sentence) = service.form("/base/?jsonerrors=1", with(&tags)).await.error();
        assert_eq!((status, code.as_str()), (400, "UploadViewsError"), "{tags}");
        assert!(content.is_none_or(|content| content == sentence), "{sentence}");
    }
    assert_eq!(service.get("/_local/files").await.json(), json!([]));
    let uuid = service.form("/base/", with(" Cat,cat,,DOG ")).await.uuid("file");
    assert_eq!(service.info(&uuid).await.get("tags"), None);
    let rest = crate::rest_api::get(&service, &format!("/files/{uuid}/")).await;
    assert_eq!(rest.json()["tags"], json!(["cat", "dog"]));
}

#[tokio::test]
async fn names_are_kept_as_given_and_sanitised_as_the_service_does() {
    let service = service().await;
    let long = format!("{}.txt", "n".repeat(300));
    for (original, filename) in [
        ("IMG-0412_123.JPG", "IMG0412_123.JPG"),
        ("WhatsApp Image 2023-06-26 at 8.33.09 AM.jpeg", "WhatsAppImage20230626at83309AM.jpeg"),
        ("Привет.pdf", "noroot.pdf"),
        ("😀 שלום.txt", "noroot.txt"),
        ("2250", "2250"),
        ("../../etc/passwd", "noroot.etcpasswd"),
        (long.as_str(), long.as_str()),
    ] {
        let info = service.info(&service.upload(original, "text/plain", b"x").await).await;
        assert_eq!((info["original_filename"].as_str(), info["filename"].as_str()), (Some(original), Some(filename)));
    }
}

#[tokio::test]
async fn file_info_tells_each_mistake_apart() {
    let service = service().await;
    for (query, status, code, content) in [
        ("", 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
        ("UPLOADCARE_PUB_KEY=demopublickey", 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
        ("pub_key=nope", 403, "ProjectPublicKeyInvalidError", "pub_key is invalid."),
        ("pub_key=demopublickey", 400, "FileIdRequiredError", "file_id is required."),
        ("pub_key=demopublickey&file_id=nope", 400, "FileIdInvalidError", "file_id is invalid."),
        ("pub_key=demopublickey&file_id=%00", 400, "NullCharactersForbiddenError", "Null characters are not allowed."),
        (
            "pub_key=demopublickey&file_id=00000000-0000-4000-8000-000000000000",
            404,
            "FileNotFoundError",
            "File is not found.",
        ),
    ] {
        let answer = service.get(&format!("/info/?{query}&jsonerrors=1")).await;
        assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()), "{query}");
        let plain = service.get(&format!("/info/?{query}")).await;
        assert_eq!((u64::from(plain.status.as_u16()), plain.text()), (status, content));
    }
}

#[tokio::test]
async fn a_projects_largest_file_is_enforced() {
    let service = service_with(Config { max_file_size: 10, ..Config::default() }).await;
    let form = |size: usize| Form::new().file("file", "a", "text/plain", &bytes(size, 1));
    assert_eq!(service.form("/base/", form(10)).await.status, 200);
    let answer = service.form("/base/?jsonerrors=1", form(11)).await;
    assert_eq!(answer.error(), (400, "FileSizeLimitExceededError".to_owned(), "File is too large.".to_owned()));
}

#[tokio::test]
async fn a_file_is_ready_only_after_the_delay() {
    let delay = std::time::Duration::from_hours(1);
    let service = service_with(Config { ready_delay: delay, ..Config::default() }).await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    assert_eq!(service.info(&uuid).await["is_ready"], false);
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
}
