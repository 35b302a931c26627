//! The door: half-sent requests, full houses, large and slow bodies, addresses that are none.

use crate::stage::{PAGE, PNG, Setup, Stage, VISITORS, agent};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use updock_signer::{Limits, PerPeer};

const PATIENCE: Duration = Duration::from_secs(5);

async fn connect(stage: &Stage) -> TcpStream {
    TcpStream::connect(stage.address).await.unwrap()
}

/// Sends `text` and reads until the other side closes.
async fn talk(stage: &Stage, text: &str) -> String {
    let mut stream = connect(stage).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_half_sent_request_is_closed() {
    let limits = Limits { header_timeout: Duration::from_millis(200), ..Limits::default() };
    let stage = Setup { limits, ..Setup::new(VISITORS) }.start().await;
    for beginning in ["", "GET /liv", "GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let start = Instant::now();
        talk(&stage, beginning).await;
        assert!(start.elapsed() >= Duration::from_millis(150), "{beginning:?} was closed at once");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let stage = Setup::new(VISITORS).start().await;
    let head = format!(
        "POST /v1/upload-credentials HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: 20\r\n\r\n{{"
    );
    let mut stream = connect(&stage).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE * 4, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("did not arrive in time"), "{answer}");
}

#[tokio::test]
async fn a_crowd_that_never_finishes_costs_little_memory_and_keeps_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let policy = crate::process::write_policy(directory.path(), "demosecretkey\n", "http://127.0.0.1:9/", VISITORS);
    let running = crate::process::Running::start(&policy, "off").await;
    let address = running.base.strip_prefix("http://").unwrap().to_owned();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let head = format!("POST /v1/upload-credentials HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\n");
    let json = "content-type: application/json\r\n";
    let beginnings = [
        "GET /liv".to_owned(),
        format!("{head}x-slow: {}", "x".repeat(8_000)),
        format!("{head}{json}content-length: 8000\r\n\r\n{{\"for\":\"{}", "x".repeat(4_000)),
        format!("{head}{json}transfer-encoding: chunked\r\n\r\n1\r\n"),
    ];
    let wave = async || {
        let mut held = Vec::new();
        for number in 0..300 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(beginnings[number % beginnings.len()].as_bytes()).await.unwrap();
            // Every third is torn down at once.
            if number % 3 == 0 {
                stream.set_zero_linger().unwrap();
            } else {
                held.push(stream);
            }
        }
        let start = Instant::now();
        for _ in 0..20 {
            let reply = crate::http_client::send(&running.base, "GET", "/livez", &[], "").await;
            assert_eq!(reply.status, 200);
        }
        assert!(start.elapsed() < PATIENCE * 2, "others waited for {:?}", start.elapsed());
        memory()
    };
    let first = wave().await;
    let mut last = 0;
    for _ in 0..4 {
        last = wave().await;
    }
    println!("{first} kB in the first wave, {last} kB in the fifth");
    assert!(last < first + 16_384, "memory grew from {first} kB to {last} kB");
}

#[tokio::test]
async fn a_full_house_lets_the_next_one_wait() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let stage = Setup { limits, ..Setup::new(VISITORS) }.start().await;
    let ask = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let first = connect(&stage).await;
    let mut second = connect(&stage).await;
    second.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    assert!(timeout(Duration::from_millis(200), second.read_exact(&mut answer)).await.is_err(), "it was let in");
    drop(first);
    timeout(PATIENCE, second.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// Connects from `address`: all of 127.0.0.0/8 is this machine.
async fn connect_from(stage: &Stage, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(stage.address).await.unwrap()
}

/// Is this connection answered?
async fn is_served(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 1024];
    if stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.is_err() {
        return false;
    }
    match timeout(PATIENCE, stream.read(&mut answer)).await.expect("neither answered nor closed") {
        // A short answer comes in one piece.
        Ok(read) => answer[..read].starts_with(b"HTTP/1.1 200"),
        Err(_) => false,
    }
}

#[tokio::test]
async fn one_peer_that_opens_many_connections_does_not_keep_others_out() {
    let limits = Limits { connections: 8, per_peer: PerPeer::FromAnywhere(3), ..Limits::default() };
    let stage = Setup { limits, ..Setup::new(VISITORS) }.start().await;
    let (mut served, mut closed) = (Vec::new(), 0);
    for _ in 0..40 {
        let mut stream = connect_from(&stage, "127.0.0.2").await;
        if is_served(&mut stream).await { served.push(stream) } else { closed += 1 }
    }
    assert_eq!((served.len(), closed), (3, 37), "of one peer's connections, served and closed");
    for other in ["127.0.0.1", "127.0.0.3"] {
        assert!(is_served(&mut connect_from(&stage, other).await).await, "{other} was kept out");
    }
    assert!(is_served(&mut served[0]).await, "a connection that was there has to go on");
    drop(served);
    let start = Instant::now();
    while !is_served(&mut connect_from(&stage, "127.0.0.2").await).await {
        assert!(start.elapsed() < PATIENCE, "places that are free again are not given again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_proxy_on_this_machine_brings_as_many_connections_as_there_are() {
    let stage = Setup::new(VISITORS).start().await;
    let mut held = Vec::new();
    for number in 0..300 {
        held.push(connect(&stage).await);
        assert!(is_served(&mut held[number]).await, "connection {number} was closed");
    }
}

/// What somebody could make of one request who reads it otherwise than whoever passed it on: its head's framing, and what
/// comes after the head. `{inner}` is a whole request with a good key.
const TWO_READINGS: &[(&str, &str)] = &[
    ("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", "0\r\n\r\n{inner}"),
    ("content-length: 5\r\ncontent-length: 6\r\n", "abcde{inner}"),
    ("content-length: 0, 5\r\n", "{inner}"),
    ("content-length: +0\r\n", "{inner}"),
    ("content-length: 0x0\r\n", "{inner}"),
    ("content-length : 0\r\n", "{inner}"),
    ("content-length:\r\n 0\r\n", "{inner}"),
    ("transfer-encoding: xchunked\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: identity\r\n", "{inner}"),
    ("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: \"chunked\"\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding : chunked\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: \u{b}chunked\r\n", "0\r\n\r\n{inner}"),
    ("x: y\rtransfer-encoding: chunked\r\n", "0\r\n\r\n{inner}"),
    ("transfer-encoding: chunked\r\n", "0x0\r\n\r\n{inner}"),
    ("transfer-encoding: chunked\r\n", "-1\r\n\r\n{inner}"),
    ("transfer-encoding: chunked\r\n", "10000000000000000\r\n{inner}"),
    ("transfer-encoding: chunked\r\n", "0\n\n{inner}"),
    ("transfer-encoding: chunked\r\n", "1;\n\r\na\r\n0\r\n\r\n{inner}"),
    (" folded: y\r\n", "{inner}"),
];

#[tokio::test]
async fn smuggled_requests_reach_nothing() {
    let (key, section) = agent("media", "files = \"full\"\nmetadata = \"full\"");
    let stage = Setup::new(section).start().await;
    let file = stage.file("a.png", PNG).await;
    let signed = format!("host: x\r\nauthorization: Bearer {key}\r\n");
    let inner = format!("DELETE /v1/uploadcare/files/{file}/storage/ HTTP/1.1\r\n{signed}connection: close\r\n\r\n");
    for (framing, rest) in TWO_READINGS {
        let before = stage.rest_requests();
        let outer = format!(
            "PUT /v1/uploadcare/files/{file}/metadata/a/ HTTP/1.1\r\n{signed}content-type: application/json\r\n"
        );
        let text = format!("{outer}{framing}\r\n{}", rest.replace("{inner}", &inner));
        let answer = talk(&stage, &text).await;
        assert!(!answer.contains("HTTP/1.1 2"), "{framing:?} {rest:?} was answered: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{framing:?} {rest:?} was taken for two requests: {answer}");
        assert_eq!(stage.rest_requests(), before, "{framing:?} {rest:?} reached Uploadcare");
    }
    // A line that ends early is no second line of ours, and a request line is exactly one.
    for line in [
        format!("GET  /v1/uploadcare/files/{file}/ HTTP/1.1"),
        format!("GET /v1/uploadcare/files/{file}/ HTTP/1.1 HTTP/1.1"),
        format!("GET /v1/uploadcare/files/{file}/ \t/ HTTP/1.1"),
        format!("GET /v1/uploadcare/files/{file}/\rx HTTP/1.1"),
        format!("GET /v1/uploadcare/files/{file}/\0 HTTP/1.1"),
        format!("GET /v1/uploadcare/files/{file}/ HTTP/1.1\r\nx: y\0"),
        format!("GET /v1/uploadcare/files/{file}/ HTTP/1.1\r\nx y"),
        format!("GET /v1/uploadcare/files/{file}/ HTTP/1.1\r\n: y"),
        format!("GET /v1/uploadcare/files/{file}/ HTTP/1.0\r\ntransfer-encoding: chunked"),
    ] {
        let answer = talk(&stage, &format!("{line}\r\n{signed}connection: close\r\n\r\n")).await;
        assert!(!answer.contains("HTTP/1.1 2"), "{line:?} was answered: {answer}");
        assert_eq!(stage.rest_requests(), 0, "{line:?} reached Uploadcare");
    }
    // Lines that end with a bare LF may be read; then the request is one, and what reaches Uploadcare is ours alone.
    let bare = format!(
        "GET /v1/uploadcare/files/{file}/?a=b HTTP/1.1\nhost: x\nauthorization: Bearer {key}\nconnection: close\n\n"
    );
    let answer = talk(&stage, &bare).await;
    assert!(answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    // And the same key opens what it should, so that nothing above was refused for want of one.
    let before = stage.rest_requests();
    assert!(talk(&stage, &inner).await.starts_with("HTTP/1.1 200"), "the key is not good");
    let seen = stage.local.requests().pop().unwrap();
    assert_eq!((stage.rest_requests(), seen.method.as_str()), (before + 1, "DELETE"));
    assert_eq!((seen.path, seen.query), (format!("/files/{file}/storage/"), None));
}

#[tokio::test]
async fn large_bodies_are_refused_announced_or_not() {
    let stage = Setup::new(VISITORS).start().await;
    let large = format!(r#"{{"for":"{}"}}"#, "x".repeat(9_000));
    let reply = stage.visit("/v1/upload-credentials", &large).await;
    assert_eq!(reply.kind(), "too-large");
    let head = format!(
        "POST /v1/upload-credentials HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\ncontent-type: application/json\r\nconnection: close\r\n"
    );
    let announced = talk(&stage, &format!("{head}content-length: 10000000000\r\n\r\n")).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let chunks = format!("{:x}\r\n{large}\r\n", large.len());
    let unannounced = talk(&stage, &format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}")).await;
    assert!(unannounced.starts_with("HTTP/1.1 413 "), "{unannounced}");
    let header = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(20_000));
    assert!(talk(&stage, &header).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn bodies_are_json_and_say_so() {
    let stage = Setup::new(VISITORS).start().await;
    for (content_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
    ] {
        let headers = [("origin", PAGE), ("content-type", content_type)];
        assert_eq!(stage.send("POST", "/v1/upload-credentials", &headers, "{}").await.status, status, "{content_type}");
    }
    let deep = "[".repeat(4_000);
    assert_eq!(stage.visit("/v1/upload-credentials", &deep).await.problem().status, 400);
}

#[tokio::test]
async fn every_answer_is_framed() {
    let stage = Setup::new(VISITORS).start().await;
    for (method, target, status) in [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/", 404),
        ("GET", "/v1/uploadcare", 404),
        ("GET", "/v1/uploadcare/files/", 403),
        ("GET", "/v1//upload-policy", 404),
        ("GET", "/v1/./upload-policy", 404),
        ("GET", "/v1/upload%2dpolicy", 404),
        ("DELETE", "/v1/upload-policy", 405),
        ("GET", "/v1/upload-credentials", 405),
    ] {
        let reply = stage.send(method, target, &[("origin", PAGE)], "").await;
        assert_eq!(reply.status, status, "{method} {target}");
        assert!(reply.header("x-request-id").is_some_and(|id| id.len() == 12));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        if status >= 400 {
            reply.problem();
        }
        if status == 405 {
            assert!(reply.header("allow").is_some(), "{target}");
        }
    }
}
