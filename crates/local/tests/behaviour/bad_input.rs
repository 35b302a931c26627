//! Hostile, broken and slow clients: a proper answer or an end of the connection, never a panic, a 500 or a leftover.

use crate::client::*;
use http::Method;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use updock_local::Config;

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=----updockboundary7MA4YWxk");

/// Nothing is listed, and nothing lies in the directory where uploads gather.
async fn nothing_is_left(service: &Service, directory: &std::path::Path) {
    assert_eq!(service.get("/_local/files").await.text(), "[]");
    for _ in 0..200 {
        if std::fs::read_dir(directory.join("incoming")).unwrap().next().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("half an upload was left behind");
}

async fn on_disk() -> (Service, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let storage = updock_local::Storage::Directory(directory.path().to_owned());
    let config = Config { storage, body_timeout: Duration::from_millis(300), ..Config::default() };
    (service_with(config).await, directory)
}

#[tokio::test]
async fn a_malformed_form_is_told_so() {
    let (service, directory) = on_disk().await;
    let parsing = (400, "PostRequestParserFailedError".to_owned(), "HTTP POST request parsing failed.".to_owned());
    let whole = Form::new().file("file", "a.txt", "text/plain", b"hello").build();
    let unended = whole.slice(..whole.len() - 6);
    for (content_type, body) in [
        ("multipart/form-data", whole.to_vec()),
        ("multipart/form-data; boundary=other", whole.to_vec()),
        (FORM.1, unended.to_vec()),
        (FORM.1, whole[..whole.len() / 2].to_vec()),
        (FORM.1, b"------updockboundary7MA4YWxk\r\nno header\r\n\r\nx\r\n------updockboundary7MA4YWxk--\r\n".to_vec()),
        (FORM.1, Vec::new()),
        (FORM.1, vec![b'x'; 3 * MIB]),
    ] {
        let answer = service.send(Method::POST, "/base/?jsonerrors=1", &[("content-type", content_type)], body).await;
        assert_eq!(answer.error(), parsing, "{content_type}");
    }
    nothing_is_left(&service, directory.path()).await;
}

#[tokio::test]
async fn a_header_without_end_is_not_hoarded() {
    let (service, directory) = on_disk().await;
    let mut body = b"------updockboundary7MA4YWxk\r\nContent-Disposition: form-data; name=\"".to_vec();
    body.resize(8 * MIB, b'x');
    let answer = service.send(Method::POST, "/base/?jsonerrors=1", &[FORM], body).await;
    assert_eq!(answer.error().1, "PostRequestParserFailedError");
    nothing_is_left(&service, directory.path()).await;
}

#[tokio::test]
async fn too_much_is_refused_and_the_client_hears_it() {
    let (service, directory) = on_disk().await;
    let too_large =
        (413, "RequestSizeLimitExceededError".to_owned(), "The size of the request is too large.".to_owned());
    let form = Form::new().file("file", "a.bin", "text/plain", &vec![0; 100_000_001]);
    let answer = service.form("/base/", form).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (413, too_large.2.as_str()));
    let form = Form::new().file("file", "a.bin", "text/plain", &vec![0; 110_000_000]);
    assert_eq!(service.form("/base/?jsonerrors=1", form).await.error(), too_large);
    let form = Form::new().field("source", &"x".repeat(3_000_000)).file("file", "a", "text/plain", b"a");
    assert_eq!(service.form("/base/?jsonerrors=1", form).await.error(), too_large);

    let fields = (0..2001).fold(Form::new(), |form, at| form.field(&format!("f{at}"), "x"));
    let answer = service.form("/base/?jsonerrors=1", fields).await;
    assert_eq!(answer.error().1, "RequestFiledsNumberLimitExceededError");
    let files = (0..101).fold(Form::new(), |form, at| form.file(&format!("f{at}"), "a", "text/plain", b"a"));
    assert_eq!(service.form("/base/?jsonerrors=1", files).await.error().1, "RequestFileNumberLimitExceededError");
    nothing_is_left(&service, directory.path()).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let (service, directory) = on_disk().await;
    let whole = Form::new().file("file", "a.bin", "text/plain", &bytes(MIB, 1)).build();
    let mut socket = TcpStream::connect(service.local.address()).await.unwrap();
    let head =
        format!("POST /base/ HTTP/1.1\r\nhost: x\r\n{}: {}\r\ncontent-length: {}\r\n\r\n", FORM.0, FORM.1, whole.len());
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&whole[..whole.len() / 2]).await.unwrap();
    drop(socket);
    while !service.local.requests().iter().any(|request| request.aborted || request.status.is_some()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    nothing_is_left(&service, directory.path()).await;
}

#[tokio::test]
async fn a_client_that_stops_sending_gets_an_answer_in_the_end() {
    let (service, directory) = on_disk().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let part = urls[0].strip_prefix(service.base()).unwrap();
    for (line, header, status, text) in [
        ("POST /base/", format!("{}: {}", FORM.0, FORM.1), "HTTP/1.1 400", "HTTP POST request parsing failed."),
        (&format!("PUT {part}"), "x: y".to_owned(), "HTTP/1.1 400", "<Code>RequestTimeout</Code>"),
    ] {
        let mut socket = TcpStream::connect(service.local.address()).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{header}\r\ncontent-length: 5242880\r\n\r\nhello");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(status) && answer.contains(text), "{answer}");
    }
    service.send(Method::POST, "/_local/reset", &[], "").await;
    nothing_is_left(&service, directory.path()).await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_let_go() {
    let config = Config { header_timeout: Duration::from_millis(200), ..Config::default() };
    let service = service_with(config).await;
    let mut socket = TcpStream::connect(service.local.address()).await.unwrap();
    socket.write_all(b"GET /info/ HTTP/1.1\r\nhost:").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stays open");
}

#[tokio::test]
async fn no_text_that_a_client_sends_is_ever_our_fault() {
    let service = service().await;
    let (_, urls) = service.start(11_000_000, &[]).await;
    let uuid = service.upload("a.txt", "text/plain", b"a").await;
    let odd =
        ["%", "%zz", "%00", "%ff%fe", "&&&===", "[]", "metadata[", "files[", "a=b;c", "\u{7f}", "%F0%9F%98%80", "''--"];
    let huge = "9".repeat(400);
    let paths = ["/base/", "/multipart/start/", "/multipart/complete/", "/info/", "/group/", "/group/info/", "/files/"];
    let paths = paths.map(str::to_owned).into_iter().chain([
        format!("/{uuid}/"),
        format!("/files/{uuid}/"),
        format!("/files/{uuid}/storage/"),
        urls[0].strip_prefix(service.base()).unwrap().to_owned(),
    ]);
    for path in paths {
        for text in odd.into_iter().chain([huge.as_str()]) {
            for method in [Method::GET, Method::POST, Method::PUT] {
                for (name, content_type) in
                    [FORM, ("content-type", "application/x-www-form-urlencoded"), ("content-type", text)]
                {
                    let body = format!(
                        "pub_key={KEY}&UPLOADCARE_PUB_KEY={KEY}&size={text}&uuid={text}&files[]={text}&metadata[{text}]={text}&filename={text}&content_type={text}&part_size={text}&tags={text}"
                    );
                    let joint = if path.contains('?') { '&' } else { '?' };
                    let query = format!("pub_key={KEY}&file_id={text}&group_id={text}&limit={text}&from={text}&{text}");
                    let target = format!("{}{path}{joint}{query}", service.base());
                    let Ok(uri) = target.parse::<http::Uri>() else { continue };
                    if http::HeaderValue::from_str(content_type).is_err() {
                        continue;
                    }
                    let headers = [
                        (name, content_type),
                        ("authorization", "Uploadcare.Simple demopublickey:demosecretkey"),
                        ("accept", "application/vnd.uploadcare-v0.7+json"),
                        ("range", text),
                    ];
                    let headers = if http::HeaderValue::from_str(text).is_ok() { &headers[..] } else { &headers[..3] };
                    let answer = service.send(method.clone(), &uri.to_string(), headers, body).await;
                    assert!(answer.status.as_u16() < 500, "{method} {target}: {} {}", answer.status, answer.text());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_is_no_header_does_not_break_the_original() {
    let service = service().await;
    let uuid = service.upload("quote%22 и \\\" new.html", "text/ü", b"hello").await;
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "hello");
}
