//! Uploadcare that is throttled, slow, gone or talks nonsense; and callers beside one that asks too much.

use crate::http_client::{Reply, send};
use crate::stage::{PNG, Setup, Stage, agent, bearer};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use updock_local::{Config, Effect, Fault, Reset};

const FILES: &str = "/v1/uploadcare/files/";

fn always(effect: Effect) -> Vec<Fault> {
    vec![Fault { effect, ..Fault::default() }]
}

fn throttled(retry_after: u64) -> Effect {
    Effect { status: Some(429), retry_after: Some(retry_after), ..Effect::default() }
}

async fn list(stage: &Stage, key: &str, prefer: &str) -> Reply {
    stage.send("GET", FILES, &[("authorization", &bearer(key)), ("prefer", prefer)], "").await
}

#[tokio::test]
async fn a_throttle_is_waited_out_or_told_and_nobody_else_runs_into_it() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    stage.local.set_faults(vec![Fault { count: Some(1), effect: throttled(1), ..Fault::default() }]);
    let start = Instant::now();
    let (patient, ()) = tokio::join!(list(&stage, &key, "wait=5"), async {
        while stage.rest_requests() == 0 {
            tokio::task::yield_now().await;
        }
        // Uploadcare has said when to come again, so nobody asks it before.
        loop {
            let hasty = list(&stage, &key, "wait=0").await;
            if hasty.status == 429 {
                assert_eq!((hasty.kind().as_str(), hasty.header("retry-after")), ("throttled", Some("1")));
                break;
            }
        }
        assert_eq!(stage.rest_requests(), 1);
    });
    assert_eq!(patient.status, 200, "{:?}", patient.body);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(stage.rest_requests(), 2);
    // Longer than anybody waits: told at once, with the whole time.
    stage.local.set_faults(always(throttled(3600)));
    let start = Instant::now();
    let reply = list(&stage, &key, "wait=30").await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, Some("3600")));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn nothing_is_sent_again_that_is_not_safe() {
    let (key, section) =
        agent("media", "files = \"full\"\nconversion = \"full\"\naddons = \"full\"\nwebhooks = \"full\"");
    let stage = Setup::new(section).start().await;
    let file = stage.file("a.png", PNG).await;
    let copy = format!("{{\"source\":\"{file}\"}}");
    let convert = format!("{{\"paths\":[\"{file}/document/-/format/pdf/\"]}}");
    let execute = format!("{{\"target\":\"{file}\"}}");
    let hook = r#"{"target_url":"https://hooks.example.com/","event":"file.uploaded"}"#;
    let store = format!("/files/{file}/storage/");
    let cut = |reset| Effect { reset: Some(reset), ..Effect::default() };
    let broken = Effect { status: Some(503), ..Effect::default() };
    for (method, path, body, times) in [
        ("GET", "/files/", "", 3),
        ("PUT", store.as_str(), "", 3),
        ("DELETE", store.as_str(), "", 3),
        ("POST", "/files/search/", r#"{"query":"cats and dogs"}"#, 3),
        ("POST", "/files/local_copy/", copy.as_str(), 1),
        ("POST", "/convert/document/", convert.as_str(), 1),
        ("POST", "/convert/video/", convert.as_str(), 1),
        ("POST", "/addons/remove_bg/execute/", execute.as_str(), 1),
        ("POST", "/webhooks/", hook, 1),
    ] {
        for effect in [cut(Reset::BeforeBody), cut(Reset::BeforeAnswer), broken.clone()] {
            let case = format!("{method} {path} {effect:?}");
            stage.local.set_faults(always(effect));
            let before = stage.rest_requests();
            let reply = stage.ask(&key, method, &format!("/v1/uploadcare{path}"), body).await;
            assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (502, "upstream-unavailable"), "{case}");
            let sent = stage.rest_requests() - before;
            // However many fail, the budget for another attempt is shared, and may be spent by now.
            assert!((1..=times).contains(&sent), "{case} was sent {sent} times");
        }
    }
    let all = stage.rest_requests();
    assert!((27 + 10..=27 + 4 * 3 * 2).contains(&all), "{all} requests: safe ones are sent again, within a budget");
}

#[tokio::test]
async fn what_failed_for_a_moment_is_done_at_the_second_attempt() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    for effect in [
        Effect { reset: Some(Reset::MidAnswer), ..Effect::default() },
        Effect { status: Some(502), ..Effect::default() },
    ] {
        stage.local.set_faults(vec![Fault { count: Some(1), effect, ..Fault::default() }]);
        assert_eq!(list(&stage, &key, "").await.status, 200);
    }
}

/// An upstream that says exactly this to everything, and then holds the connection open.
async fn saying(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(words).await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn whatever_uploadcare_does_an_answer_comes_in_time() {
    let (key, section) = agent("media", "files = \"full\"");
    let gone = "http://127.0.0.1:9/".to_owned();
    for (rest, status, kind) in [
        (gone, 502, "upstream-unavailable"),
        (saying(b"").await, 504, "upstream-timeout"),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-type: ").await, 504, "upstream-timeout"),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"results\":").await, 504, "upstream-timeout"),
        (saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":").await, 504, "upstream-timeout"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await, 502, "upstream-unavailable"),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>").await, 502, "upstream-unavailable"),
        (
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}").await,
            502,
            "upstream-unavailable",
        ),
        (
            saying(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n").await,
            502,
            "upstream-unavailable",
        ),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{").await, 504, "upstream-timeout"),
        (
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"next\":\"https://evil.test/\",\"results\":[]}")
                .await,
            502,
            "upstream-unavailable",
        ),
    ] {
        let upstream_timeout = Duration::from_millis(300);
        let setup = Setup { rest: Some(rest.clone()), upstream_timeout, ..Setup::new(section.clone()) };
        let stage = setup.start().await;
        let start = Instant::now();
        let reply = list(&stage, &key, "").await;
        assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (status, kind), "{rest}: {:?}", reply.body);
        assert!(start.elapsed() < Duration::from_secs(5), "{rest}: {:?}", start.elapsed());
    }
}

/// How long each of `count` requests took, one after the other on each of four connections.
async fn times(base: &str, key: &str, count: usize) -> Vec<Duration> {
    let lanes = (0..4).map(|_| async {
        let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(HttpConnector::new());
        let mut times = Vec::new();
        for _ in 0..count / 4 {
            let request = Request::builder().uri(format!("{base}{FILES}")).header("authorization", bearer(key));
            let start = Instant::now();
            let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.unwrap();
            times.push(start.elapsed());
        }
        times
    });
    futures_util::future::join_all(lanes).await.concat()
}

fn p95(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() * 95 / 100]
}

/// An agent may ask four times a second and asks four hundred times. The other must not feel it: its p95, measured in turns
/// with and without the crowd, moves by less than a fifth. Uploadcare takes its usual time here, as it does in life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_at_a_hundred_times_its_rate_does_not_slow_another_down() {
    const RATE: u32 = 4;
    let (quiet, one) = agent("quiet", "files = \"read\"");
    let (loud, other) = agent("loud", &format!("files = \"read\"\nrate = \"{RATE}/s burst {RATE}\""));
    let stage = Setup::new(one + &other).start().await;
    stage.local.set_faults(always(Effect { delay: Some(Duration::from_millis(100)), ..Effect::default() }));
    let crowd = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(HttpConnector::new());
    let (asked, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (mut moved, mut seen) = (f64::MAX, String::new());
    // The machine has other things to do as well; what counts is what the signer can hold.
    for _ in 0..5 {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        // In short turns, so that both sides have the same share of whatever else goes on.
        for _ in 0..6 {
            alone.extend(times(&stage.base, &quiet, 20).await);
            let (crowd, base, loud) = (crowd.clone(), stage.base.clone(), loud.clone());
            let (asked, refused) = (Arc::clone(&asked), Arc::clone(&refused));
            let noise = tokio::spawn(async move {
                // A hundred times its rate, in steps of ten milliseconds.
                let mut tick = interval(Duration::from_millis(10));
                tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    tick.tick().await;
                    for _ in 0..RATE {
                        let request = Request::builder().uri(format!("{base}{FILES}"));
                        let request = request.header("authorization", bearer(&loud)).body(Empty::new()).unwrap();
                        let (answer, refused) = (crowd.request(request), Arc::clone(&refused));
                        asked.fetch_add(1, Ordering::Relaxed);
                        tokio::spawn(async move {
                            if answer.await.is_ok_and(|answer| answer.status() == 429) {
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                }
            });
            beside.extend(times(&stage.base, &quiet, 20).await);
            noise.abort();
        }
        let (alone, beside) = (p95(&mut alone), p95(&mut beside));
        moved = moved.min(beside.as_secs_f64() / alone.as_secs_f64() - 1.0);
        seen = format!("{seen}{alone:?} alone, {beside:?} beside the crowd; ");
        if moved < 0.2 {
            break;
        }
    }
    let (asked, refused) = (asked.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    println!("{seen}of the {asked} of the crowd {refused} were refused");
    assert!(asked > 200 && refused > asked / 2, "no crowd: {asked} asked, {refused} refused");
    assert!(moved < 0.2, "p95 moved by {:.0} %: {seen}", moved * 100.0);
}

/// Uploadcare itself is the narrow place: it takes so many calls a second and no more. Whoever asks little gets through,
/// whoever asks too much waits for its own calls only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_uploadcare_is_narrow_callers_take_turns() {
    let (quiet, one) = agent("quiet", "files = \"read\"");
    let (loud, other) = agent("loud", "files = \"read\"");
    let local = Config { throttle: std::num::NonZeroU32::new(30), ..Config::default() };
    let stage = Setup { local, ..Setup::new(one + &other) }.start().await;
    let (base, patience) = (stage.base.clone(), [("prefer", "wait=30")]);
    let crowd = tokio::spawn(async move {
        let authorization = bearer(&loud);
        let headers = [("authorization", authorization.as_str()), patience[0]];
        let all = (0..200).map(|_| send(&base, "GET", FILES, &headers, ""));
        let replies = futures_util::future::join_all(all).await;
        replies.iter().filter(|reply| reply.status == 200).count()
    });
    while stage.rest_requests() < 31 {
        tokio::task::yield_now().await;
    }
    let authorization = bearer(&quiet);
    for _ in 0..3 {
        let start = Instant::now();
        let headers = [("authorization", authorization.as_str()), patience[0]];
        let reply = stage.send("GET", FILES, &headers, "").await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        // The crowd's turn, the own one, and a throttle or two on the way; the whole queue takes longer by far.
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        assert!(!crowd.is_finished(), "the crowd was through before");
    }
    crowd.abort();
}
