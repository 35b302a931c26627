//! The conformance cases of the Upload API, one row each, named by their numbers. Subjects with more to say have
//! modules of their own; here every case is at least asked once.
//!
//! Plain: real status and text. With `jsonerrors=1`: HTTP 200 and the envelope.

use crate::{
    client::*,
    from_url::{ended, status, token},
    outside::{Outside, answer},
    rest_api::get,
};
use http::Method;
use serde_json::{Value, json};
use sha2::Digest;
use std::num::NonZeroU32;
use updock_local::Config;
use updock_sign::{mint_token, upload_signature};

/// Writes each row as a test, and their numbers as a list.
macro_rules! cases {
    ($($number:literal $name:ident $body:block)*) => {
        $(#[tokio::test] async fn $name() $body)*
        const NUMBERS: &[usize] = &[$($number),*];
    };
}

#[test]
fn no_case_is_missing() {
    assert_eq!(NUMBERS, (1..=50).collect::<Vec<_>>());
}

fn a_file() -> Form {
    Form::new().file("file", "a.txt", "text/plain", b"a cat")
}

/// Held against an error in the envelope.
fn refused(answer: &Answer, status: u64, code: &str, content: &str) {
    assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()));
}

fn code(answer: &Answer) -> (u64, String) {
    let (status, code, _) = answer.error();
    (status, code)
}

fn bearer(restrictions: &Value) -> String {
    let mut claims = json!({"iat": now(), "exp": now() + 600});
    if !restrictions.is_null() {
        claims["uc"] = json!({ "restrictions": restrictions });
    }
    format!("Bearer {}", mint_token(&secret(), &serde_json::from_value(claims).unwrap()))
}

async fn start(service: &Service, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("UPLOADCARE_PUB_KEY", KEY)];
    for (name, value) in [("filename", "a.mp4"), ("size", "11000000"), ("content_type", "video/mp4")] {
        if !more.iter().any(|(given, _)| *given == name) {
            pairs.push((name, value));
        }
    }
    pairs.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    service.urlencoded("/multipart/start/?jsonerrors=1", &pairs).await
}

async fn info(service: &Service, query: &str) -> Answer {
    service.get(&format!("/info/?jsonerrors=1{query}")).await
}

async fn group(service: &Service, members: &[&str]) -> Answer {
    let pairs: Vec<_> = members.iter().map(|member| ("files[]", *member)).chain([("pub_key", KEY)]).collect();
    service.urlencoded("/group/?jsonerrors=1", &pairs).await
}

/// Starts 11 000 000 bytes in three parts and sends those that are named; the file and the bytes.
async fn parts(service: &Service, which: &[usize]) -> (String, Vec<String>, bytes::Bytes) {
    let whole = bytes(11_000_000, 7);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    for at in which {
        let part = whole.chunks(5 * MIB).nth(*at).unwrap().to_vec();
        assert_eq!(service.put(&urls[*at], part).await.status, 200);
    }
    (uuid, urls, whole)
}

cases! {
    1 case_01_no_key_in_plain_text {
        let answer = service().await.form("/base/", Form::default().field("a", "b")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (403, "UPLOADCARE_PUB_KEY is required."));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    2 case_02_no_key_in_the_envelope {
        let answer = service().await.form("/base/?jsonerrors=1", Form::default().field("a", "b")).await;
        refused(&answer, 403, "ProjectPublicKeyRequiredError", "UPLOADCARE_PUB_KEY is required.");
    }
    3 case_03_a_body_that_is_no_form {
        let headers = [("content-type", "application/octet-stream")];
        let answer = service().await.send(Method::POST, "/base/?jsonerrors=1", &headers, bytes(5000, 1)).await;
        refused(&answer, 403, "ProjectPublicKeyRequiredError", "UPLOADCARE_PUB_KEY is required.");
    }
    4 case_04_an_unknown_key {
        let form = Form::default().field("UPLOADCARE_PUB_KEY", "nope").file("file", "a", "text/plain", b"a");
        let answer = service().await.form("/base/?jsonerrors=1", form).await;
        refused(&answer, 403, "ProjectPublicKeyInvalidError", "UPLOADCARE_PUB_KEY is invalid.");
    }
    5 case_05_no_file {
        let answer = service().await.form("/base/?jsonerrors=1", Form::new()).await;
        refused(&answer, 400, "FilesRequiredError", "Request does not contain files.");
    }
    6 case_06_one_file {
        let service = service().await;
        let answer = service.form("/base/", a_file()).await;
        assert_eq!(answer.json().as_object().unwrap().len(), 1);
        let info = service.info(&answer.uuid("file")).await;
        assert_eq!((&info["size"], &info["original_filename"]), (&json!(5), &json!("a.txt")));
    }
    7 case_07_two_files_in_order {
        let form = Form::new().file("b.txt", "b.txt", "text/plain", b"b").file("a.txt", "a.txt", "text/plain", b"a");
        let answer = service().await.form("/base/", form).await;
        assert!(answer.text().find("b.txt") < answer.text().find("a.txt"), "{}", answer.text());
        assert_ne!(answer.uuid("a.txt"), answer.uuid("b.txt"));
    }
    8 case_08_stored_or_not {
        let service = service().await;
        for (store, stored) in [("0", false), ("1", true), ("auto", true)] {
            let uuid = service.form("/base/", a_file().field("UPLOADCARE_STORE", store)).await.uuid("file");
            assert_eq!(service.info(&uuid).await["is_stored"], stored, "{store}");
        }
        let manual = service_with(Config { autostore: false, ..Config::default() }).await;
        let uuid = manual.form("/base/", a_file()).await.uuid("file");
        assert_eq!(manual.info(&uuid).await["is_stored"], false);
    }
    9 case_09_metadata {
        let service = service().await;
        for (form, expected) in [(a_file().field("metadata[pet]", "cat"), json!({"pet": "cat"})), (a_file(), json!({}))] {
            let uuid = service.form("/base/", form).await.uuid("file");
            assert_eq!(service.info(&uuid).await["metadata"], expected);
        }
    }
    10 case_10_metadata_that_is_refused {
        let service = service().await;
        let long = format!("metadata[{}]", "k".repeat(65));
        let many = (0..51).fold(a_file(), |form, at| form.field(&format!("metadata[k{at}]"), "v"));
        for (form, code) in [
            (many, "FileMetadataKeysNumberTooBigError"),
            (a_file().field(&long, "v"), "FileMetadataKeyLengthTooBigError"),
            (a_file().field("metadata[k]", &"v".repeat(513)), "FileMetadataValueLengthTooBigError"),
            (a_file().field("metadata[k]", ""), "FileMetadataValueEmptyError"),
            (a_file().field("metadata[]", "v"), "FileMetadataKeyEmptyError"),
            (a_file().field("metadata[a b]", "v"), "FileMetadataKeyForbiddenError"),
            (a_file().field("metadata[k]", "\u{1}"), "FileMetadataValueForbiddenError"),
            (a_file().field("metadata[k]", "v").field("metadata[k]", "w"), "FileMetadataKeyDuplicatedError"),
        ] {
            assert_eq!(self::code(&service.form("/base/?jsonerrors=1", form).await), (400, code.to_owned()));
        }
        assert_eq!(service.get("/_local/files").await.json(), json!([]));
    }
    11 case_11_a_file_that_is_no_image {
        let service = service().await;
        let info = service.info(&service.upload("a.txt", "text/plain", b"a cat").await).await;
        let mime = json!({"mime": {"mime": "text/plain", "type": "text", "subtype": "plain"}});
        assert_eq!((&info["image_info"], &info["content_info"]), (&Value::Null, &mime));
    }
    12 case_12_names {
        let service = service().await;
        for (original, filename) in [
            ("IMG-0412_123.JPG", "IMG0412_123.JPG"),
            ("test-image_1.jpg", "testimage_1.jpg"),
            ("instellar_logo_main (1).png", "instellar_logo_main1.png"),
            ("1631871920988..jpg", "1631871920988.jpg"),
            ("WhatsApp Image 2023-06-26 at 8.33.09 AM.jpeg", "WhatsAppImage20230626at83309AM.jpeg"),
            (
                "Screenshot_2021-10-09-15-04-38-697_com.google.android.apps.photos~2.jpg",
                "Screenshot_20211009150438697_comgoogleandroidappsphotos2.jpg",
            ),
            ("canva-banner 35x60.PNG", "canvabanner35x60.PNG"),
            ("Привет.pdf", "noroot.pdf"),
            ("2250", "2250"),
        ] {
            let info = service.info(&service.upload(original, "text/plain", b"a").await).await;
            assert_eq!((&info["original_filename"], &info["filename"]), (&json!(original), &json!(filename)));
        }
    }
    13 case_13_info_of_nothing {
        let service = service().await;
        let key = format!("&pub_key={KEY}");
        refused(&info(&service, "").await, 403, "ProjectPublicKeyRequiredError", "pub_key is required.");
        refused(&info(&service, &key).await, 400, "FileIdRequiredError", "file_id is required.");
        let nope = info(&service, &format!("{key}&file_id=nope")).await;
        refused(&nope, 400, "FileIdInvalidError", "file_id is invalid.");
        let nobody = info(&service, &format!("{key}&file_id={NOBODY}")).await;
        refused(&nobody, 404, "FileNotFoundError", "File is not found.");
    }
    14 case_14_the_smallest_multipart_upload {
        let service = service().await;
        let content = "File size can not be less than 10000000 bytes. Please use direct upload instead of multipart.";
        refused(&start(&service, &[("size", "100")]).await, 400, "MultipartFileSizeTooSmallError", content);
        assert!(start(&service, &[("size", "10000000")]).await.json()["uuid"].is_string());
    }
    15 case_15_what_a_multipart_upload_must_say {
        let service = service().await;
        for size in ["abc", "15000000.5"] {
            let answer = start(&service, &[("size", size)]).await;
            refused(&answer, 400, "MultipartSizeInvalidError", "size should be integer.");
        }
        for name in ["filename", "content_type"] {
            let answer = start(&service, &[(name, "")]).await;
            refused(&answer, 400, "RequestParamRequiredError", &format!("{name} is required."));
        }
    }
    16 case_16_more_than_the_project_takes {
        let service = service_with(Config { max_file_size: 20_000_000, ..Config::default() }).await;
        let answer = start(&service, &[("size", "20000001")]).await;
        refused(&answer, 400, "MultipartFileSizeLimitExceededError", "File size exceeds project limit.");
    }
    17 case_17_parts {
        let service = service().await;
        for (size, part_size, count) in [("10487050", "", 3), ("11000000", "10485760", 2)] {
            let answer = start(&service, &[("size", size), ("part_size", part_size)]).await.json();
            assert_eq!(answer["parts"].as_array().unwrap().len(), count, "{size}");
        }
        for (part_size, code) in [
            ("5242879", "MultipartPartSizeTooSmallError"),
            ("5368709121", "MultipartPartSizeTooBigError"),
            ("x", "MultipartPartSizeInvalidError"),
        ] {
            assert_eq!(self::code(&start(&service, &[("part_size", part_size)]).await), (400, code.to_owned()));
        }
    }
    18 case_18_a_start_in_either_coding {
        let form = Form::new().field("filename", "a").field("size", "10000000").field("content_type", "a/b");
        let service = service().await;
        let one = service.form("/multipart/start/", form).await.json();
        let other = start(&service, &[("size", "10000000")]).await.json();
        assert_eq!((one["parts"].as_array().unwrap().len(), other["parts"].as_array().unwrap().len()), (2, 2));
    }
    19 case_19_parts_out_of_order {
        let service = service().await;
        let (uuid, _, whole) = parts(&service, &[2, 0, 1]).await;
        assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
        assert!(service.get(&format!("/{uuid}/")).await.body == whole);
    }
    20 case_20_the_answer_to_a_part {
        let service = service().await;
        let (_, urls) = service.start(11_000_000, &[]).await;
        let part = bytes(5 * MIB, 3);
        let answer = service.put(&urls[0], part.clone()).await;
        let md5 = md5::Md5::digest(&part);
        let etag = md5.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
        assert_eq!(answer.header("etag"), format!("\"{etag}\""));
    }
    21 case_21_a_missing_part {
        let service = service().await;
        let (uuid, urls, whole) = parts(&service, &[0, 2]).await;
        let content = "File size mismatch. Not all parts uploaded?";
        refused(&service.complete(&uuid).await, 400, "MultipartUploadSizeTooSmallError", content);
        service.put(&urls[1], whole.slice(5 * MIB..10 * MIB)).await;
        assert_eq!(service.complete(&uuid).await.json()["uuid"], uuid);
    }
    22 case_22_one_byte_too_many {
        let service = service().await;
        let (uuid, urls, whole) = parts(&service, &[0, 1]).await;
        let mut last = whole.slice(10 * MIB..).to_vec();
        last.push(0);
        service.put(&urls[2], last).await;
        let content = "Uploaded size is more than expected.";
        refused(&service.complete(&uuid).await, 400, "MultipartUploadSizeTooLargeError", content);
    }
    23 case_23_completed_twice {
        let service = service().await;
        let (uuid, ..) = parts(&service, &[0, 1, 2]).await;
        assert_eq!(service.complete(&uuid).await.json()["is_ready"], true);
        let content = "File is already uploaded.";
        refused(&service.complete(&uuid).await, 400, "MultipartFileAlreadyUploadedError", content);
    }
    24 case_24_nothing_to_complete {
        let service = service().await;
        let none = service.urlencoded("/multipart/complete/?jsonerrors=1", &[("UPLOADCARE_PUB_KEY", KEY)]).await;
        refused(&none, 400, "MultipartFileIdRequiredError", "uuid is required.");
        refused(&service.complete("nope").await, 400, "UUIDInvalidError", "uuid is invalid.");
        refused(&service.complete(NOBODY).await, 404, "MultipartFileNotFoundError", "File is not found.");
    }
    25 case_25_parts_that_are_refused {
        let service = service().await;
        let (uuid, urls) = service.start(11_000_000, &[]).await;
        let other = bytes(10, 1);
        let unknown = urls[0].replace(&uuid, NOBODY);
        assert!(service.put(&unknown, other).await.status.is_client_error());
        let authorised = [("authorization", "Bearer a"), ("content-type", "a/b")];
        let refused = service.send(Method::PUT, &urls[0], &authorised, bytes(5 * MIB, 1)).await;
        assert_eq!((refused.status.as_u16(), refused.header("content-type")), (400, "application/xml"));
        assert_eq!(code(&service.complete(&uuid).await).1, "MultipartUploadSizeTooSmallError");
        let (done, urls, whole) = parts(&service, &[0, 1, 2]).await;
        service.complete(&done).await;
        let late = service.put(&urls[2], whole.slice(10 * MIB..)).await;
        assert_eq!(late.status, 404);
        assert!(late.text().contains("<Code>NoSuchUpload</Code>"), "{}", late.text());
    }
    26 case_26_declared_and_detected_type {
        let service = service().await;
        let (uuid, ..) = parts(&service, &[0, 1, 2]).await;
        let file = service.complete(&uuid).await.json();
        assert_eq!(file["mime_type"], "video/mp4");
        assert_eq!(file["content_info"]["mime"]["mime"], "application/octet-stream");
    }
    27 case_27_from_url_in_query_and_in_body {
        let service = service().await;
        let outside = Outside::answering(200).await;
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("pub_key", KEY), ("source_url", &outside.url("/a"))])
            .finish();
        let answer = service.send(Method::POST, &format!("/from_url/?{query}"), &[], "").await.json();
        assert_eq!((&answer["type"], answer["token"].is_string()), (&json!("token"), true));
        token(&service, &outside.url("/a"), &[]).await;
    }
    28 case_28_sources_that_are_refused {
        let service = service_with(Config { private_urls: false, ..Config::default() }).await;
        for (source, code) in [
            ("", "SourceURLRequiredError"),
            ("nope", "URLSchemeRequiredError"),
            ("ftp://example.com/a.jpg", "URLSchemeInvalidError"),
            ("http://", "URLHostRequiredError"),
            ("http://[::1", "URLParsingFailedError"),
            ("http://192.168.1.10/1.jpg", "URLHostPrivateIPForbiddenError"),
        ] {
            let pairs = [("pub_key", KEY), ("source_url", source)];
            let answer = service.urlencoded("/from_url/?jsonerrors=1", &pairs).await;
            assert_eq!(self::code(&answer), (400, code.to_owned()), "{source}");
        }
    }
    29 case_29_from_waiting_to_success {
        let service = service().await;
        let outside = Outside::start(|_, _| answer(200, "a cat")).await;
        let token = token(&service, &outside.url("/a.txt"), &[]).await;
        let done = ended(&service, &token).await;
        assert_eq!((&done["status"], &status(&service, &token).await), (&json!("success"), &done));
        assert_eq!(service.info(done["uuid"].as_str().unwrap()).await["is_ready"], true);
    }
    30 case_30_a_token_that_was_never_given {
        let service = service().await;
        assert_eq!(status(&service, "nope").await, json!({"status": "unknown"}));
        let none = service.get("/from_url/status/?jsonerrors=1").await;
        refused(&none, 400, "TokenRequiredError", "token is required.");
    }
    31 case_31_a_source_that_is_not_there {
        let service = service().await;
        let outside = Outside::answering(404).await;
        let token = token(&service, &outside.url("/"), &[]).await;
        let error = json!({"status": "error", "error": "HTTP client error: 404.",
                           "error_code": "DownloadFileHTTPClientError"});
        assert_eq!(ended(&service, &token).await, error);
    }
    32 case_32_duplicates {
        let service = service().await;
        let outside = Outside::answering(200).await;
        let source = outside.url("/a");
        let first = ended(&service, &token(&service, &source, &[("check_URL_duplicates", "1")]).await).await;
        let pairs = [("pub_key", KEY), ("source_url", source.as_str()), ("check_URL_duplicates", "1")];
        let known = service.urlencoded("/from_url/", &pairs).await.json();
        assert_eq!((&known["type"], &known["uuid"]), (&json!("file_info"), &first["uuid"]));
        let another = ended(&service, &token(&service, &source, &[]).await).await;
        assert_ne!(another["uuid"], first["uuid"]);
    }
    33 case_33_groups_in_both_spellings {
        let service = service().await;
        let a = service.upload("a", "a/b", b"a").await;
        let b = service.upload("b", "a/b", b"b").await;
        let one = group(&service, &[&b, &a]).await.json();
        let pairs = [("pub_key", KEY), ("files[1]", a.as_str()), ("files[0]", b.as_str())];
        let other = service.urlencoded("/group/", &pairs).await.json();
        for group in [one, other] {
            assert!(group["id"].as_str().unwrap().ends_with("~2"));
            assert_eq!((&group["files"][0]["uuid"], &group["files"][1]["uuid"]), (&json!(b), &json!(a)));
        }
    }
    34 case_34_members_with_operations {
        let service = service().await;
        let a = service.upload("a", "a/b", b"a").await;
        for (member, effects) in [
            (format!("{a}/-/resize/x800/"), "resize/x800/"),
            (format!("https://ucarecdn.com/{a}/-/resize/x800/"), "resize/x800/"),
            (format!("https://ucarecdn.com/{a}"), ""),
            (format!("https://ucarecdn.com/{a}/"), ""),
            (a.clone(), ""),
        ] {
            assert_eq!(group(&service, &[&member]).await.json()["files"][0]["default_effects"], effects, "{member}");
        }
    }
    35 case_35_groups_that_are_refused {
        let service = service().await;
        refused(&group(&service, &[]).await, 400, "GroupFilesInvalidError", "No files[N] parameters found.");
        let content = "This is not valid file url: nope.";
        refused(&group(&service, &["nope"]).await, 400, "GroupFileURLParsingFailedError", content);
        refused(&group(&service, &[NOBODY]).await, 400, "GroupFilesNotFoundError", "Some files not found.");
    }
    36 case_36_group_info {
        let service = service().await;
        let a = service.upload("a", "a/b", b"a").await;
        let made = group(&service, &[&a]).await.json();
        let target = |id: &str| format!("/group/info/?jsonerrors=1&pub_key={KEY}&group_id={id}");
        assert_eq!(service.get(&target(made["id"].as_str().unwrap())).await.json(), made);
        refused(&service.get(&target("")).await, 400, "GroupIdRequiredError", "group_id is required.");
        for id in [format!("{NOBODY}~1"), "garbage".to_owned()] {
            refused(&service.get(&target(&id)).await, 404, "GroupNotFoundError", "group_id is invalid.");
        }
    }
    37 case_37_a_slash_too_many {
        let service = service().await;
        let a = service.upload("a", "a/b", b"a").await;
        let answer = service.urlencoded("/group//", &[("pub_key", KEY), ("files[0]", &a)]).await;
        assert_eq!(answer.status, 200);
    }
    38 case_38_no_credential_where_one_is_wanted {
        let service = service_with(signed()).await;
        let source = [("pub_key", KEY), ("source_url", "http://127.0.0.1:9/")];
        for answer in [
            service.form("/base/?jsonerrors=1", a_file()).await,
            start(&service, &[]).await,
            service.urlencoded("/from_url/?jsonerrors=1", &source).await,
            group(&service, &[NOBODY]).await,
        ] {
            refused(&answer, 400, "SignatureRequiredError", "`signature` is required.");
        }
        let key = format!("&pub_key={KEY}&file_id={NOBODY}");
        assert_eq!(code(&info(&service, &key).await), (404, "FileNotFoundError".to_owned()));
        let target = format!("/group/info/?jsonerrors=1&pub_key={KEY}&group_id={NOBODY}~1");
        assert_eq!(code(&service.get(&target).await).1, "GroupNotFoundError");
        assert_eq!(status(&service, NOBODY).await["status"], "unknown");
    }
    39 case_39_signatures {
        let service = service_with(signed()).await;
        let (later, past) = (now() + 60, now() - 60);
        let (good, late) = (upload_signature(&secret(), later), upload_signature(&secret(), past));
        let (at, past) = (later.to_string(), past.to_string());
        for (signature, expire, status, code) in [
            ("", at.as_str(), 400, "SignatureRequiredError"),
            (&good, "", 400, "SignatureExpirationRequiredError"),
            (&good, "abc", 400, "SignatureExpirationInvalidError"),
            (&late, &past, 403, "SignatureExpirationError"),
            (&late, &at, 403, "SignatureInvalidError"),
        ] {
            let form = a_file().field("signature", signature).field("expire", expire);
            assert_eq!(self::code(&service.form("/base/?jsonerrors=1", form).await), (status, code.to_owned()));
        }
        let pair = a_file().field("signature", &good).field("expire", &at);
        assert_eq!(service.form("/base/", pair).await.status, 200);
        let open = crate::client::service().await;
        let garbage = [("authorization", "Bearer garbage")];
        assert_eq!(open.form_with("/base/", a_file().field("signature", "x"), &garbage).await.status, 200);
    }
    40 case_40_tokens {
        let service = service_with(signed()).await;
        let at = now();
        let key = sha2::Sha256::digest(SECRET.as_bytes());
        let hex = key.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let life = json!({"iat": at, "exp": at + 600});
        let scope = |scope: Value| json!({"iat": at, "exp": at + 600, "uc": {"restrictions": {"scope": scope}}});
        for (token, expected) in [
            (jwt(&key, "HS256", &life), (200, "")),
            (jwt(&key, "HS256", &scope(json!(["/base/", "/multipart/*"]))), (200, "")),
            (jwt(&key, "HS256", &json!({"iat": at - 600, "exp": at - 10})), (200, "")),
            (jwt(hex.as_bytes(), "HS256", &life), (401, "AccessTokenInvalidError")),
            (jwt(SECRET.as_bytes(), "HS256", &life), (401, "AccessTokenInvalidError")),
            (jwt(&key, "none", &life), (401, "AccessTokenInvalidError")),
            ("not-a-jwt".to_owned(), (401, "AccessTokenInvalidError")),
            (jwt(&key, "HS256", &json!({"iat": at})), (401, "AccessTokenInvalidError")),
            (jwt(&key, "HS256", &json!({"iat": at - 7200, "exp": at - 3600})), (401, "AccessTokenExpiredError")),
            (jwt(&key, "HS256", &json!({"iat": at, "exp": at + 86_401})), (401, "AccessTokenInvalidError")),
            (jwt(&key, "HS256", &scope(json!(["*"]))), (401, "AccessTokenInvalidError")),
            (jwt(&key, "HS256", &scope(json!([]))), (401, "AccessTokenInvalidError")),
            (jwt(&key, "HS256", &json!({"iat": at, "exp": at + 600, "extra": 1})), (401, "AccessTokenInvalidError")),
        ] {
            let headers = [("authorization", &*format!("Bearer {token}"))];
            let answer = service.form_with("/base/?jsonerrors=1", a_file(), &headers).await;
            let found = answer.json().get("error").map_or((200, String::new()), |_| code(&answer));
            assert_eq!(found, (expected.0, expected.1.to_owned()), "{token}");
        }
    }
    41 case_41_scopes {
        let service = service_with(signed()).await;
        let send = async |form, token: &str| {
            service.form_with("/base/?jsonerrors=1", form, &[("authorization", token)]).await
        };
        let multipart = bearer(&json!({"scope": ["/multipart/*"]}));
        assert_eq!(code(&send(a_file(), &multipart).await), (403, "ScopeForbiddenError".to_owned()));
        assert!(send(a_file(), &bearer(&json!({"scope": ["/*"]}))).await.json()["file"].is_string());
        let base = bearer(&json!({"scope": ["/base/"]}));
        let uuid = send(a_file(), &base).await.uuid("file");
        let target = format!("/info/?pub_key={KEY}&file_id={uuid}");
        assert_eq!(service.send(Method::GET, &target, &[("authorization", &base)], "").await.status, 200);
    }
    42 case_42_operations {
        let service = service_with(signed()).await;
        let one = bearer(&json!({"limits": {"operations": 1}}));
        let headers = [("authorization", one.as_str())];
        let uuid = service.form_with("/base/", a_file(), &headers).await.uuid("file");
        let spent = service.form_with("/base/?jsonerrors=1", a_file(), &headers).await;
        assert_eq!(code(&spent), (403, "OperationsLimitExceededError".to_owned()));
        let pairs = [("pub_key", KEY), ("files[]", uuid.as_str())];
        assert_eq!(service.urlencoded_with("/group/", &pairs, &headers).await.status, 200);
        // A token of its own for the whole of a multipart upload; another scope makes it another token.
        let whole = bearer(&json!({"scope": ["/multipart/*"], "limits": {"operations": 1}}));
        let headers = [("authorization", whole.as_str())];
        let pairs = [
            ("UPLOADCARE_PUB_KEY", KEY), ("filename", "a"), ("size", "10000000"), ("content_type", "a/b"),
        ];
        let started = service.urlencoded_with("/multipart/start/", &pairs, &headers).await;
        let (uuid, bytes) = (started.uuid("uuid"), bytes(10_000_000, 1));
        for (url, part) in started.json()["parts"].as_array().unwrap().iter().zip(bytes.chunks(5 * MIB)) {
            service.put(url.as_str().unwrap(), part.to_vec()).await;
        }
        let pairs = [("UPLOADCARE_PUB_KEY", KEY), ("uuid", uuid.as_str())];
        let done = service.urlencoded_with("/multipart/complete/", &pairs, &headers).await;
        assert_eq!(done.json()["uuid"], uuid);
    }
    43 case_43_signature_and_token {
        let service = service_with(signed()).await;
        let at = now() + 60;
        let (expire, good) = (at.to_string(), upload_signature(&secret(), at));
        let pair = |signature: &str| a_file().field("signature", signature).field("expire", &expire);
        let garbage = [("authorization", "Bearer garbage")];
        assert_eq!(service.form_with("/base/", pair(&good), &garbage).await.status, 200);
        let token = bearer(&Value::Null);
        let refused = service.form_with("/base/?jsonerrors=1", pair("garbage"), &[("authorization", &token)]).await;
        assert_eq!(code(&refused), (403, "SignatureInvalidError".to_owned()));
    }
    44 case_44_status_with_a_garbage_token {
        let service = service_with(signed()).await;
        let headers = [("authorization", "Bearer garbage")];
        let answer = service.send(Method::GET, "/from_url/status/?jsonerrors=1&token=nope", &headers, "").await;
        assert_eq!(answer.json(), json!({"status": "unknown"}));
    }
    45 case_45_throttled {
        let service = service_with(Config { throttle: NonZeroU32::new(1), ..Config::default() }).await;
        info(&service, "").await;
        let envelope = info(&service, "").await;
        assert_eq!(code(&envelope), (429, "RequestThrottledError".to_owned()));
        assert!(envelope.header("retry-after").parse::<u64>().unwrap() > 0);
        assert!(envelope.header("access-control-expose-headers").contains("Retry-After"));
        let sent = futures_util::future::join_all((0..4).map(|_| service.get("/info/"))).await;
        assert!(sent.iter().any(|answer| answer.status == 429));
    }
    46 case_46_preflights {
        let service = service().await;
        let (_, urls) = service.start(10_000_000, &[]).await;
        let paths = ["/base/", "/multipart/start/", "/multipart/complete/", "/from_url/", "/from_url/status/", "/info/",
                     "/group/", "/group/info/", urls[0].as_str()];
        for path in paths {
            let headers = [
                ("origin", "http://page.test"),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "x-uc-user-agent, authorization"),
            ];
            let answer = service.send(Method::OPTIONS, path, &headers, "").await;
            assert!(answer.status.is_success(), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert!(answer.header("access-control-allow-headers").contains("authorization"), "{path}");
        }
    }
    47 case_47_accept_chooses_the_form {
        let service = service().await;
        let accept = [("accept", "application/json")];
        let envelope = service.send(Method::GET, "/info/", &accept, "").await;
        assert_eq!(code(&envelope).0, 403);
        let plain = service.send(Method::GET, "/info/?jsonerrors=0", &accept, "").await;
        assert_eq!((plain.status.as_u16(), plain.text()), (403, "pub_key is required."));
        let vendor = [("accept", "application/vnd.uploadcare-v0.7+json")];
        assert_eq!(service.send(Method::GET, "/info/", &vendor, "").await.status, 403);
    }
    48 case_48_every_answer_is_open_to_pages {
        let service = service().await;
        let uuid = service.upload("a", "a/b", b"a").await;
        let good = service.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await;
        let token = service.get("/from_url/status/?token=nope").await;
        for answer in [good, token, service.get("/info/").await, service.get("/base/").await, info(&service, "").await] {
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert!(answer.header("access-control-expose-headers").contains("Retry-After"));
        }
    }
    49 case_49_each_endpoint_has_its_own_name_for_the_key {
        let service = service().await;
        let answer = info(&service, &format!("&UPLOADCARE_PUB_KEY={KEY}&file_id={NOBODY}")).await;
        refused(&answer, 403, "ProjectPublicKeyRequiredError", "pub_key is required.");
        let form = Form::default().field("pub_key", KEY).file("file", "a", "a/b", b"a");
        let answer = service.form("/base/?jsonerrors=1", form).await;
        refused(&answer, 403, "ProjectPublicKeyRequiredError", "UPLOADCARE_PUB_KEY is required.");
    }
    50 case_50_tags {
        let service = service().await;
        let uuid = service.form("/base/", a_file().field("tags", " Cat,cat,,DOG ")).await.uuid("file");
        assert_eq!(get(&service, &format!("/files/{uuid}/")).await.json()["tags"], json!(["cat", "dog"]));
        assert!(service.info(&uuid).await.get("tags").is_none());
        let many: Vec<_> = (0..51).map(|at| format!("t{at}")).collect();
        let many = service.form("/base/?jsonerrors=1", a_file().field("tags", &many.join(","))).await;
        refused(&many, 400, "UploadViewsError", "Too many tags: 51 (max 50).");
        for tags in ["a b".to_owned(), "t".repeat(101)] {
            let answer = service.form("/base/?jsonerrors=1", a_file().field("tags", &tags)).await;
            assert_eq!(code(&answer), (400, "UploadViewsError".to_owned()));
        }
        assert_eq!(service.get("/_local/files").await.json().as_array().unwrap().len(), 1);
    }
}

/// A token with any key and header: what our own software refuses to make.
fn jwt(key: &[u8], alg: &str, claims: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    use hmac::{Hmac, KeyInit, Mac};
    let head = BASE64.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
    let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64.encode(mac))
}
