//! The client against `updock-local`: what it reads, and how each failure is told.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use std::time::{Duration, Instant};
use updock_client::{Base, Builder, Call, Client, Error};
use updock_local::{Config, Effect, Fault, LocalUploadcare, Reset};
use updock_sign::SecretKey;
use updock_types::rest::FilesQuery;
use updock_types::{FileUuid, PublicKey};

fn client(local: &LocalUploadcare, secret: &str) -> Builder {
    let public_key = PublicKey::parse("demopublickey").unwrap();
    Client::builder(public_key, SecretKey::parse(secret).unwrap()).rest(Base::parse(&local.base_url()).unwrap())
}

fn faulty(effect: Effect) -> Config {
    Config { faults: vec![Fault { effect, ..Fault::default() }], ..Config::default() }
}

/// A direct upload, written by hand: this crate has none yet.
async fn upload(local: &LocalUploadcare) -> FileUuid {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let body = "--b\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n\
        --b\r\nContent-Disposition: form-data; name=\"UPLOADCARE_STORE\"\r\n\r\n0\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
        Content-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
    let request = format!(
        "POST /base/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: {}\r\n\r\n{body}",
        local.address(),
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(local.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let at = answer.find("\"file\"").unwrap_or_else(|| panic!("not uploaded: {answer}"));
    let uuid = answer[at + 6..].split('"').nth(1).unwrap();
    FileUuid::parse(uuid).unwrap()
}

#[tokio::test]
async fn files_are_listed_read_stored_and_deleted() {
    let local = LocalUploadcare::start().await.unwrap();
    let client = client(&local, "demosecretkey").build();
    assert_eq!(client.project().await.unwrap().pub_key.as_str(), "demopublickey");
    let file = upload(&local).await;
    let info = client.file_info(file).await.unwrap();
    assert_eq!((info.size, info.original_filename.as_str(), info.datetime_stored), (5, "a.txt", None));
    assert!(client.file_store(file).await.unwrap().datetime_stored.is_some());
    let stored = FilesQuery { stored: Some(true), limit: Some(1), ..FilesQuery::default() };
    assert_eq!(client.files_list(stored).await.unwrap().results[0].uuid, file);
    assert!(client.file_delete(file).await.unwrap().datetime_removed.is_some());
    assert!(client.file_delete(file).await.unwrap().datetime_removed.is_some(), "it may be repeated");
    assert!(client.files_list(FilesQuery::default()).await.unwrap().results.is_empty());
}

#[tokio::test]
async fn a_refusal_carries_the_services_words() {
    let local = LocalUploadcare::start().await.unwrap();
    let missing = FileUuid::from_random_bytes([7; 16]);
    let error = client(&local, "demosecretkey").build().file_info(missing).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 404, detail , .. } if detail == "Not found."), "{error:?}");
    assert!(!error.is_key_refused());
    let error = client(&local, "a wrong secret").build().project().await.unwrap_err();
    assert!(error.is_key_refused(), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("a wrong secret"));
}

#[tokio::test]
async fn each_failure_says_what_can_be_done() {
    let missing = FileUuid::from_random_bytes([7; 16]);
    for (effect, expected) in [
        (Effect { status: Some(429), retry_after: Some(7), ..Effect::default() }, "throttled for 7 s"),
        (Effect { status: Some(503), ..Effect::default() }, "an unexpected answer with status 503"),
        (Effect { reset: Some(Reset::BeforeAnswer), ..Effect::default() }, "the connection broke"),
        (Effect { delay: Some(Duration::from_mins(1)), ..Effect::default() }, "no answer within"),
    ] {
        let local = LocalUploadcare::with(faulty(effect)).await.unwrap();
        let client = client(&local, "demosecretkey").answer_timeout(Duration::from_secs(1)).build();
        let start = Instant::now();
        let error = client.file_info(missing).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(local.requests().len(), 1, "{expected}: it was sent again");
    }
}

#[tokio::test]
async fn an_absent_service_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let local = LocalUploadcare::start().await.unwrap();
    let client = client(&local, "demosecretkey").rest(Base::parse(&format!("http://{closed}")).unwrap()).build();
    assert!(matches!(client.project().await.unwrap_err(), Error::Unreachable(_)));
}

#[tokio::test]
async fn a_large_answer_is_not_taken() {
    let local = LocalUploadcare::start().await.unwrap();
    let client = client(&local, "demosecretkey").answer_limit(10).build();
    assert!(matches!(client.project().await.unwrap_err(), Error::TooLarge { limit: 10 }));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_unexpected() {
    let local = LocalUploadcare::start().await.unwrap();
    let client = client(&local, "demosecretkey").build();
    let error = client.ask::<Vec<u8>>(&Call::ProjectInfo).await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { status: 200, .. }), "{error:?}");
    assert_eq!(client.send(&Call::ProjectInfo).await.unwrap().status, 200);
}
