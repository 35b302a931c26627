//! Originals: whole, in ranges, and only asked about.

use crate::client::*;
use http::Method;

#[tokio::test]
async fn an_original_is_served_whole_and_in_ranges() {
    let service = service().await;
    let whole = bytes(700_000, 1);
    let uuid = service.upload("film.mp4", "video/mp4", &whole).await;
    for (path, name) in [
        (format!("/{uuid}/"), "film.mp4"),
        (format!("/{uuid}"), "film.mp4"),
        (format!("/{uuid}/other.name"), "other.name"),
    ] {
        let answer = service.get(&path).await;
        assert!(answer.status == 200 && answer.body == whole, "{path}");
        assert_eq!(answer.header("content-type"), "video/mp4");
        assert_eq!(answer.header("content-length"), "700000");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    }
    let path = format!("/{uuid}/");
    for (range, status, content_range, expected) in [
        ("bytes=0-9", 206, "bytes 0-9/700000", &whole[..10]),
        ("bytes=699999-", 206, "bytes 699999-699999/700000", &whole[699_999..]),
        ("bytes=-300000", 206, "bytes 400000-699999/700000", &whole[400_000..]),
        ("bytes=600000-900000", 206, "bytes 600000-699999/700000", &whole[600_000..]),
        ("bytes=700000-", 416, "bytes */700000", b""),
        ("bytes=5-2", 200, "", &whole),
    ] {
        let answer = service.send(Method::GET, &path, &[("range", range)], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-range")), (status, content_range), "{range}");
        assert!(answer.body == expected, "{range}");
    }
}

#[tokio::test]
async fn a_head_tells_the_same_without_the_bytes() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    let answer = service.send(Method::HEAD, &format!("/{uuid}/"), &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length"), answer.text()), (200, "5", ""));
    let ranged = service.send(Method::HEAD, &format!("/{uuid}/"), &[("range", "bytes=1-2")], "").await;
    assert_eq!((ranged.status.as_u16(), ranged.header("content-length")), (206, "2"));
}

#[tokio::test]
async fn an_etag_saves_sending_the_bytes_again() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    let path = format!("/{uuid}/");
    let etag = service.get(&path).await.header("etag").to_owned();
    assert_eq!(etag, "\"5d41402abc4b2a76b9719d911017c592\"");
    for (name, value, status) in
        [("if-none-match", etag.as_str(), 304), ("if-none-match", "*", 304), ("if-none-match", "\"other\"", 200)]
    {
        assert_eq!(service.send(Method::GET, &path, &[(name, value)], "").await.status.as_u16(), status, "{value}");
    }
    let stale = service.send(Method::GET, &path, &[("range", "bytes=0-1"), ("if-range", "\"other\"")], "").await;
    assert_eq!((stale.status.as_u16(), stale.text()), (200, "hello"));
}

#[tokio::test]
async fn an_empty_file_is_served_too() {
    let service = service().await;
    let uuid = service.upload("empty", "text/plain", b"").await;
    let answer = service.get(&format!("/{uuid}/")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    assert_eq!(service.info(&uuid).await["size"], 0);
}

#[tokio::test]
async fn an_undeclared_type_is_served_as_detected_and_pages_cannot_act() {
    let service = service().await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0cccc\0\0\0\0IEND";
    let uuid = service.upload("a.png", "application/octet-stream", png).await;
    assert_eq!(service.get(&format!("/{uuid}/")).await.header("content-type"), "image/png");
    let html = service.upload("a.html", "text/html", b"<script>alert(1)</script>").await;
    let answer = service.get(&format!("/{html}/")).await;
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn images_are_shown_and_other_files_saved_unless_the_path_says_otherwise() {
    let service = service().await;
    let text = service.upload("Straße.txt", "text/plain", b"hello").await;
    let png = service.upload("a.png", "image/png", &crate::cdn_images::png(4, 4)).await;
    let saved = "attachment; filename=\"Strae.txt\"; filename*=UTF-8''Stra%C3%9Fe.txt";
    for (path, expected) in [
        (format!("/{text}/"), saved),
        (format!("/{text}/-/inline/yes/"), &saved.replace("attachment", "inline")),
        (format!("/{text}/-/inline/yes/b.txt"), "inline; filename=\"b.txt\""),
        (format!("/{png}/"), "inline; filename=\"a.png\""),
        (format!("/{png}/-/inline/no/"), "attachment; filename=\"a.png\""),
        (format!("/{png}/a%22%0D%0Ab.png"), "inline; filename=\"ab.png\"; filename*=UTF-8''a%22%0D%0Ab.png"),
    ] {
        let answer = service.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-disposition")), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_mistakes_are_told() {
    let service = service().await;
    let uuid = service.upload("a.txt", "text/plain", b"hello").await;
    for path in [format!("/{NOBODY}/"), format!("/{NOBODY}/-/preview/"), format!("/{NOBODY}~1/"), "/x~1/".to_owned()] {
        assert_eq!(service.get(&path).await.status, 404, "{path}");
    }
    for (path, sentence) in [
        ("-/preview/", "The file is no image; image operations are for images only."),
        (
            "-/resize/big/",
            "The operation \"resize\" takes one or two dimensions in pixels: -/resize/300x200/, -/resize/300x/ or -/resize/x200/.",
        ),
        ("-/enhance/", "The operation \"enhance\" is not available in this stand-in."),
        ("-/nope/", "There is no operation \"nope\"."),
        ("a/b.txt", "Behind a file's UUID stands a file name, or operations: /<uuid>/-/preview/."),
    ] {
        let answer = service.get(&format!("/{uuid}/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (400, sentence), "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    assert_eq!(service.send(Method::DELETE, &format!("/{uuid}/"), &[], "").await.status, 405);
    assert_eq!(service.send(Method::POST, &format!("/{uuid}/-/preview/"), &[], "").await.status, 405);
    crate::rest_api::send(&service, Method::DELETE, &format!("/files/{uuid}/storage/")).await;
    assert_eq!(service.get(&format!("/{uuid}/")).await.status, 404);
}
