//! Multipart uploads: start, parts in any order and as often as anyone likes, completion.

use crate::client::*;
use http::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use updock_local::Config;
use updock_sign::body_md5;

const PART: usize = 5 * MIB;

#[tokio::test]
async fn every_mistake_at_the_start_has_its_own_answer() {
    let service = service_with(Config { max_file_size: 20_000_000, ..Config::default() }).await;
    let good =
        [("UPLOADCARE_PUB_KEY", KEY), ("filename", "a.mp4"), ("size", "11000000"), ("content_type", "video/mp4")];
    let with = |name: &'static str, value: &'static str| {
        let mut pairs: Vec<_> = good.iter().copied().filter(|(have, _)| *have != name).collect();
        pairs.push((name, value));
        pairs
    };
    for (pairs, status, code, content) in [
        (with("UPLOADCARE_PUB_KEY", ""), 403, "ProjectPublicKeyRequiredError", "UPLOADCARE_PUB_KEY is required."),
        (with("UPLOADCARE_PUB_KEY", "x"), 403, "ProjectPublicKeyInvalidError", "UPLOADCARE_PUB_KEY is invalid."),
        (with("filename", ""), 400, "RequestParamRequiredError", "filename is required."),
        (with("size", ""), 400, "MultipartSizeInvalidError", "size should be integer."),
        (with("size", "abc"), 400, "MultipartSizeInvalidError", "size should be integer."),
        (with("size", "15000000.5"), 400, "MultipartSizeInvalidError", "size should be integer."),
        (
            with("size", "100"),
            400,
            "MultipartFileSizeTooSmallError",
            "File size can not be less than 10000000 bytes. Please use direct upload instead of multipart.",
        ),
        (
            with("size", "-11000000"),
            400,
            "MultipartFileSizeTooSmallError",
            "File size can not be less than 10000000 bytes. Please use direct upload instead of multipart.",
        ),
        (
            with("size", "9999999"),
            400,
            "MultipartFileSizeTooSmallError",
            "File size can not be less than 10000000 bytes. Please use direct upload instead of multipart.",
        ),
        (with("size", "20000001"), 400, "MultipartFileSizeLimitExceededError", "File size exceeds project limit."),
        (
            with("size", "99999999999999999999999"),
            400,
            "MultipartFileSizeLimitExceededError",
            "File size exceeds project limit.",
        ),
        (with("content_type", ""), 400, "RequestParamRequiredError", "content_type is required."),
        (
            with("part_size", "x"),
            400,
            "MultipartPartSizeInvalidError",
            "Multipart Upload Part Size should be an integer.",
        ),
        (
            with("part_size", "5242879"),
            400,
            "MultipartPartSizeTooSmallError",
            "Multipart Upload Part Size can not be less than 5242880 bytes.",
        ),
        (
            with("part_size", "5368709121"),
            400,
            "MultipartPartSizeTooBigError",
            "Multipart Upload Part Size can not be more than 5368709120 bytes.",
        ),
        (with("metadata[]", "v"), 400, "FileMetadataKeyEmptyError", "File's metadata key can not be empty."),
        (with("filename", "a\0b"), 400, "NullCharactersForbiddenError", "Null characters are not allowed."),
    ] {
        let answer = service.urlencoded("/multipart/start/?jsonerrors=1", &pairs).await;
        assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()), "{pairs:?}");
    }
}

#[tokio::test]
async fn a_start_gives_one_url_a_part() {
    let service = service().await;
    for (size, part_size, parts) in [
        (10_000_000, None, 2),
        (10_487_050, None, 3),
        (11_000_000, None, 3),
        (11_000_000, Some("10485760"), 2),
        (10_485_760, None, 2),
        (11_000_000, Some("5368709120"), 1),
    ] {
        let more: Vec<_> = part_size.map(|size| ("part_size", size)).into_iter().collect();
        let (uuid, urls) = service.start(size, &more).await;
        assert_eq!(urls.len(), parts, "{size} {part_size:?}");
        for (number, url) in (1..).zip(&urls) {
            let start = format!("{}/{uuid}/bigfile.bin?uploadId=", service.base());
            assert!(url.starts_with(&start) && url.contains(&format!("&partNumber={number}&X-Amz-")), "{url}");
        }
        let info = service.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await;
        assert_eq!(info.status, 404, "an upload under way is no file yet");
    }
}

#[tokio::test]
async fn a_start_is_read_from_either_kind_of_form() {
    let service = service().await;
    let form = Form::new()
        .field("filename", "a.mp4")
        .field("size", "11000000")
        .field("content_type", "video/mp4")
        .field("part_size", "5242880")
        .field("source", "local");
    let answer = service.form("/multipart/start/", form).await;
    assert_eq!(answer.json()["parts"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn parts_out_of_order_make_the_file_in_order() {
    let service = service().await;
    let whole = bytes(2 * PART + 12_345, 1);
    let (uuid, urls) = service.start(whole.len(), &[("metadata[pet]", "cat"), ("UPLOADCARE_STORE", "0")]).await;
    for at in [2, 0, 1] {
        let part = whole.slice(at * PART..((at + 1) * PART).min(whole.len()));
        let etag = format!("\"{}\"", body_md5(&part));
        let answer = service.put(&urls[at], part).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag"), answer.text()), (200, etag.as_str(), ""));
        assert_eq!((answer.header("content-length"), answer.header("server")), ("0", "AmazonS3"));
    }
    let info = service.complete(&uuid).await.json();
    assert_eq!(info["size"], whole.len());
    assert_eq!((&info["mime_type"], &info["is_stored"]), (&json!("video/mp4"), &json!(false)));
    assert_eq!(info["content_info"]["mime"]["mime"], "application/octet-stream");
    assert_eq!(info["metadata"], json!({"pet": "cat"}));
    assert_eq!(info["original_filename"], "big file.bin");
    assert_eq!(info, service.info(&uuid).await);
    let stored = service.get(&format!("/{uuid}/")).await;
    assert!(stored.body == whole, "the bytes differ");
    assert!(stored.header("etag").ends_with("-3\""), "{}", stored.header("etag"));
}

#[tokio::test]
async fn fast_etags_are_sums_of_the_bytes_too() {
    let service = service_with(Config { part_etags: updock_local::Etags::Fast, ..Config::default() }).await;
    let (uuid, urls) = service.start(2 * PART, &[]).await;
    let mut etags = Vec::new();
    for (url, seed) in [(&urls[0], 1), (&urls[0], 2), (&urls[1], 2)] {
        let part = bytes(PART, seed);
        let etag = service.put(url, part.clone()).await.header("etag").to_owned();
        assert!(etag.len() == 34 && etag != format!("\"{}\"", body_md5(&part)), "{etag}");
        etags.push(etag);
    }
    assert!(etags[0] != etags[1] && etags[1] == etags[2], "{etags:?}");
    assert_eq!(service.complete(&uuid).await.json()["size"], 2 * PART);
}

#[tokio::test]
async fn completion_says_what_is_wrong_and_can_be_tried_again() {
    let service = service().await;
    let whole = bytes(2 * PART, 2);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    let error = |code: &str, content: &str| (400, code.to_owned(), content.to_owned());
    let too_small = error("MultipartUploadSizeTooSmallError", "File size mismatch. Not all parts uploaded?");
    assert_eq!(service.complete(&uuid).await.error(), too_small);
    service.put(&urls[0], whole.slice(..PART)).await;
    assert_eq!(service.complete(&uuid).await.error(), too_small);
    service.put(&urls[1], [&whole[PART..], b"x"].concat()).await;
    let too_large = error("MultipartUploadSizeTooLargeError", "Uploaded size is more than expected.");
    assert_eq!(service.complete(&uuid).await.error(), too_large);
    service.put(&urls[1], whole.slice(PART..)).await;
    assert_eq!(service.complete(&uuid).await.json()["uuid"], uuid);
    let twice = error("MultipartFileAlreadyUploadedError", "File is already uploaded.");
    assert_eq!(service.complete(&uuid).await.error(), twice);
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
    // What is finished takes no more parts.
    let late = service.put(&urls[0], whole.slice(..PART)).await;
    assert_eq!(late.status, 404);
    assert!(late.text().contains("<Code>NoSuchUpload</Code>") && late.header("content-type") == "application/xml");
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

#[tokio::test]
async fn completion_of_what_is_no_upload_is_told_apart() {
    let service = service().await;
    for (uuid, status, code, content) in [
        ("", 400, "MultipartFileIdRequiredError", "uuid is required."),
        ("nope", 400, "UUIDInvalidError", "uuid is invalid."),
        (NOBODY, 404, "MultipartFileNotFoundError", "File is not found."),
    ] {
        assert_eq!(service.complete(uuid).await.error(), (status, code.to_owned(), content.to_owned()));
    }
}

#[tokio::test]
async fn parts_of_other_sizes_are_taken_as_long_as_their_sum_is_right() {
    let service = service().await;
    let whole = bytes(11_000_000, 3);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    // The last part announced is never sent; the first is written in its place, the second is longer.
    service.put(&urls[0], whole.slice(..PART)).await;
    service.put(&urls[1], whole.slice(PART..)).await;
    assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);

    let (uuid, urls) = service.start(whole.len(), &[]).await;
    service.put(&urls[0], whole.slice(..1000)).await;
    service.put(&urls[1], whole.slice(1000..)).await;
    let error = service.complete(&uuid).await.error();
    assert_eq!(error.1, "MultipartFileCompletionFailedError");
}

#[tokio::test]
async fn the_last_whole_copy_of_a_part_counts() {
    let service = service().await;
    let whole = bytes(2 * PART, 4);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    service.put(&urls[1], whole.slice(PART..)).await;
    service.put(&urls[0], bytes(PART, 5)).await;
    service.put(&urls[0], bytes(PART, 6)).await;
    service.put(&urls[0], whole.slice(..PART)).await;
    assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

/// Sends the head of a `PUT` and the first bytes of its body; the rest is up to the caller.
async fn half_put(service: &Service, url: &str, announced: usize, sent: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(service.local.address()).await.unwrap();
    let target = url.strip_prefix(service.base()).unwrap();
    let head = format!("PUT {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {announced}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(sent).await.unwrap();
    socket
}

async fn until(service: &Service, what: impl Fn(&updock_local::RequestRecord) -> bool) {
    while !service.local.requests().iter().any(&what) {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_acknowledged_part_is_not_damaged_by_one_that_breaks_off() {
    let service = service().await;
    let whole = bytes(2 * PART, 7);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    service.put(&urls[0], whole.slice(..PART)).await;
    service.put(&urls[1], whole.slice(PART..)).await;
    let broken = half_put(&service, &urls[0], PART, &bytes(PART / 2, 8)).await;
    until(&service, |request| request.part == Some(1) && request.received == (PART / 2) as u64).await;
    drop(broken);
    until(&service, |request| request.received == (PART / 2) as u64 && request.duration_ms.is_some()).await;
    assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

#[tokio::test]
async fn a_part_can_be_sent_again_while_its_first_copy_still_crawls_in() {
    let service = service().await;
    let whole = bytes(2 * PART, 9);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    // The first copy holds the place, with wrong bytes, and stays open through everything.
    let mut crawling = half_put(&service, &urls[0], PART, &bytes(PART / 2, 10)).await;
    until(&service, |request| request.part == Some(1) && request.received == (PART / 2) as u64).await;
    service.put(&urls[0], whole.slice(..PART)).await;
    service.put(&urls[1], whole.slice(PART..)).await;
    assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
    // When it ends at last, its upload is gone, and the file is as it was.
    crawling.write_all(&bytes(PART - PART / 2, 11)).await.unwrap();
    let mut answer = vec![0; 12];
    crawling.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 404");
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

#[tokio::test]
async fn completing_twice_at_once_succeeds_once() {
    let service = service().await;
    let whole = bytes(11_000_000, 12);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    for (url, part) in urls.iter().zip(whole.chunks(PART)) {
        service.put(url, part.to_vec()).await;
    }
    let answers = futures_util::future::join_all((0..8).map(|_| service.complete(&uuid))).await;
    let won = answers.iter().filter(|answer| answer.json().get("uuid").is_some()).count();
    let lost = answers.iter().filter(|answer| answer.text().contains("MultipartFileAlreadyUploadedError")).count();
    assert_eq!((won, lost), (1, 7));
}

#[tokio::test]
async fn a_part_url_opens_its_part_and_nothing_else() {
    let service = service().await;
    let (uuid, urls) = service.start(11_000_000, &[]).await;
    let part = bytes(PART, 13);
    for (url, headers, status, code) in [
        (urls[0].replace("partNumber=1", "partNumber=2"), &[][..], 403, "SignatureDoesNotMatch"),
        (urls[0].replace("86400", "99999999"), &[], 403, "SignatureDoesNotMatch"),
        (urls[0].replace(&uuid, NOBODY), &[], 403, "SignatureDoesNotMatch"),
        (urls[0].replace("uploadId=", "uploadId=0"), &[], 403, "SignatureDoesNotMatch"),
        (format!("/{uuid}/bigfile.bin"), &[], 403, "AccessDenied"),
        (urls[0].clone(), &[("authorization", "Bearer a.b.c")], 400, "InvalidArgument"),
    ] {
        let answer = service.send(Method::PUT, &url, headers, part.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{url}");
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{}", answer.text());
    }
    assert_eq!(service.complete(&uuid).await.error().1, "MultipartUploadSizeTooSmallError", "a refused part was kept");
}

#[tokio::test]
async fn a_part_without_a_length_is_refused() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let mut socket = TcpStream::connect(service.local.address()).await.unwrap();
    let target = urls[0].strip_prefix(service.base()).unwrap();
    let request =
        format!("PUT {target} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 411");
}
