//! Uploads from URLs: what is fetched, how far it is, and what is refused. Numbers are those of the protocol's
//! conformance cases.

use crate::{
    client::*,
    crash::Process,
    outside::{Outside, answer, eventually},
};
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};
use updock_local::Config;

async fn ask(http: &Http, source: &str, more: &[(&str, &str)]) -> Answer {
    let pairs = [&[("pub_key", KEY), ("source_url", source)], more].concat();
    http.urlencoded("/from_url/?jsonerrors=1", &pairs).await
}

pub(crate) async fn token(http: &Http, source: &str, more: &[(&str, &str)]) -> String {
    let answer = ask(http, source, more).await.json();
    assert_eq!(answer["type"], "token", "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

pub(crate) async fn status(http: &Http, token: &str) -> Value {
    let answer = http.get(&format!("/from_url/status/?token={token}")).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// The status once it is final.
pub(crate) async fn ended(http: &Http, token: &str) -> Value {
    eventually("the upload ends", || async {
        let status = status(http, token).await;
        (status["status"] != "waiting" && status["status"] != "progress").then_some(status)
    })
    .await
}

async fn outside() -> Outside {
    Outside::start(|came, _| {
        let code = came.target.strip_prefix("/status/").and_then(|code| code.parse().ok());
        let redirect = |status, to: &str| {
            let mut response = answer(status, "");
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(to).unwrap());
            response
        };
        match (came.target.as_str(), code) {
            (_, Some(code)) => answer(code, "no"),
            ("/cat.txt?a=b" | "/cat.txt" | "/other.txt", _) => {
                let mut response = answer(200, "a cat");
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=x"));
                response
            }
            ("/named", _) => {
                let mut response = answer(200, "a cow");
                let value = HeaderValue::from_static("attachment; filename=\"cow.bin\"");
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                response
            }
            ("/moved", _) => redirect(302, "/moved/again"),
            ("/moved/again", _) => redirect(307, "cat.txt/../../cat.txt"),
            ("/loop", _) => redirect(301, "/loop"),
            ("/to-ftp", _) => redirect(302, "ftp://127.0.0.1/a"),
            ("/nowhere", _) => answer(302, ""),
            _ => answer(404, ""),
        }
    })
    .await
}

#[tokio::test]
async fn cases_27_and_29_a_file_is_fetched_with_everything_that_was_said_about_it() {
    let (service, outside) = (service().await, outside().await);
    let source = outside.url("/cat.txt?a=b");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("pub_key", KEY), ("source_url", &source), ("store", "0"), ("metadata[pet]", "cat")])
        .extend_pairs([("tags", "A,b"), ("filename", "Tom.txt"), ("source", "url")])
        .finish();
    let in_query = service.send(Method::POST, &format!("/from_url/?{query}"), &[], "").await;
    let first = in_query.json()["token"].as_str().unwrap().to_owned();
    let second = token(&service, &source, &[("store", "1")]).await;

    let done = ended(&service, &first).await;
    let uuid = done["uuid"].as_str().unwrap();
    assert_ne!(uuid, first, "the token is no file's id");
    let mut info = service.info(uuid).await;
    info["status"] = json!("success");
    assert_eq!((&done, &status(&service, &first).await), (&info, &info));
    for (name, value) in [
        ("original_filename", json!("Tom.txt")),
        ("mime_type", json!("text/plain")),
        ("size", json!(5)),
        ("is_stored", json!(false)),
        ("is_ready", json!(true)),
        ("metadata", json!({"pet": "cat"})),
    ] {
        assert_eq!(done[name], value, "{name}");
    }
    assert_eq!(service.get(&format!("/{uuid}/")).await.text(), "a cat");
    let done = ended(&service, &second).await;
    assert_eq!((&done["original_filename"], &done["is_stored"]), (&json!("cat.txt"), &json!(true)));
    let came = outside.came();
    assert!(came.iter().all(|came| came.header("accept-encoding") == "identity" && !came.header("host").is_empty()));
}

#[tokio::test]
async fn the_name_comes_from_the_headers_before_the_url() {
    let (service, outside) = (service().await, outside().await);
    for (path, more, name) in
        [("/named", vec![], "cow.bin"), ("/named", vec![("filename", "mine")], "mine"), ("/moved", vec![], "moved")]
    {
        let token = token(&service, &outside.url(path), &more).await;
        assert_eq!(ended(&service, &token).await["original_filename"], name, "{path}");
    }
}

#[tokio::test]
async fn case_28_what_cannot_be_a_source_is_refused_at_once() {
    let service = service_with(Config { private_urls: false, ..Config::default() }).await;
    for (source, code, content) in [
        ("", "SourceURLRequiredError", "source_url is required."),
        ("nope", "URLSchemeRequiredError", "No URL scheme supplied."),
        ("ftp://example.com/a.jpg", "URLSchemeInvalidError", "Invalid URL scheme."),
        ("http://", "URLHostRequiredError", "No URL host supplied."),
        ("http://[::1", "URLParsingFailedError", "Failed to parse URL."),
        ("http://a b/", "URLHostMalformedError", "URL host is malformed."),
        ("http://192.168.1.10/1.jpg", "URLHostPrivateIPForbiddenError", "Only public IPs are allowed."),
        ("http://127.0.0.1:3000/", "URLHostPrivateIPForbiddenError", "Only public IPs are allowed."),
        ("http://localhost/", "URLHostPrivateIPForbiddenError", "Only public IPs are allowed."),
        ("http://0x7f000001/", "URLHostPrivateIPForbiddenError", "Only public IPs are allowed."),
        ("http://nobody.invalid/", "HostnameNotFoundError", "Host does not exist."),
    ] {
        let answer = ask(&service, source, &[]).await;
        assert_eq!(answer.error(), (400, code.to_owned(), content.to_owned()), "{source}");
    }
    let plain = service.urlencoded("/from_url/", &[("pub_key", KEY), ("source_url", "nope")]).await;
    assert_eq!((plain.status.as_u16(), plain.text()), (400, "No URL scheme supplied."));
    let keyless = service.urlencoded("/from_url/?jsonerrors=1", &[("source_url", "http://a.test/")]).await;
    assert_eq!(keyless.error().2, "pub_key is required.");
    let tags = ask(&service, "nope", &[("tags", "a b")]).await;
    assert_eq!(tags.error().1, "UploadViewsError");
}

#[tokio::test]
async fn case_30_a_token_that_was_never_given_is_unknown() {
    let service = service().await;
    for token in ["nope", "test", NOBODY] {
        assert_eq!(status(&service, token).await, json!({"status": "unknown"}), "{token}");
    }
    let without = service.get("/from_url/status/?jsonerrors=1").await;
    assert_eq!(without.error(), (400, "TokenRequiredError".to_owned(), "token is required.".to_owned()));
    let garbage = [("authorization", "Bearer garbage")];
    let answer = service.send(Method::GET, "/from_url/status/?token=nope&jsonerrors=1", &garbage, "").await;
    assert_eq!(answer.json(), json!({"status": "unknown"}));
}

#[tokio::test]
async fn case_31_each_end_of_a_bad_fetch_has_its_own_code() {
    let config = Config { max_file_size: 4, ..Config::default() };
    let (service, small, outside) = (service().await, service_with(config).await, outside().await);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}/");
    for (http, source, code, content) in [
        (&service, outside.url("/status/404"), "DownloadFileHTTPClientError", "HTTP client error: 404."),
        (&service, outside.url("/status/401"), "DownloadFileHTTPClientError", "HTTP client error: 401."),
        (&service, outside.url("/status/503"), "DownloadFileHTTPServerError", "HTTP server error: 503."),
        (&service, outside.url("/nowhere"), "DownloadFileHTTPClientError", "HTTP client error: 302."),
        (&service, outside.url("/loop"), "URLRedirectsLimitExceededError", "Too many redirects."),
        (
            &service,
            outside.url("/to-ftp"),
            "DownloadFileHTTPURLValidationError",
            "HTTP URL validation error: Invalid URL scheme.",
        ),
        (&service, closed, "DownloadFileHTTPNetworkError", "HTTP network error: the host cannot be reached."),
        (&small, outside.url("/cat.txt"), "DownloadFileSizeLimitExceededError", "Downloaded file is too big: 5 > 4."),
    ] {
        let token = token(http, &source, &[]).await;
        let expected = json!({"status": "error", "error": content, "error_code": code});
        assert_eq!((ended(http, &token).await, status(http, &token).await), (expected.clone(), expected), "{source}");
    }
    assert_eq!(outside.came().iter().filter(|came| came.target == "/loop").count(), 11);
    assert_eq!(service.get("/_local/files").await.json(), json!([]));
}

#[tokio::test]
async fn case_32_a_url_that_is_remembered_is_not_fetched_again() {
    let (service, outside) = (service().await, outside().await);
    let both = [("check_URL_duplicates", "1")];
    let first = ended(&service, &token(&service, &outside.url("/cat.txt"), &both).await).await;
    let mut known = ask(&service, &outside.url("/cat.txt"), &[("check_URL_duplicates", "1")]).await.json();
    assert_eq!((known["type"].take(), &known["uuid"]), (json!("file_info"), &first["uuid"]));
    assert_eq!(outside.came().len(), 1);

    // Neither asked for nor saved: another file each time.
    let other = outside.url("/other.txt");
    let mut uuids = Vec::new();
    for more in [vec![], vec![], vec![("check_URL_duplicates", "1"), ("save_URL_duplicates", "0")]] {
        uuids.push(ended(&service, &token(&service, &other, &more).await).await["uuid"].clone());
    }
    uuids.dedup();
    assert_eq!(uuids.len(), 3);
    // Saved alone, then asked for.
    let saved = token(&service, &other, &[("save_URL_duplicates", "1")]).await;
    let saved = ended(&service, &saved).await;
    let known = ask(&service, &other, &[("check_URL_duplicates", "1")]).await;
    assert_eq!(known.json()["uuid"], saved["uuid"]);
    // Once the file is removed, the URL leads nowhere any more.
    let target = format!("/files/{}/storage/", saved["uuid"].as_str().unwrap());
    crate::rest_api::send(&service, Method::DELETE, &target).await;
    let again = ended(&service, &token(&service, &other, &both).await).await;
    assert_ne!(again["uuid"], saved["uuid"]);
}

/// A source that sends as the test wants: the head and a piece at once, the rest when told.
async fn slow(head: &'static str, go_on: Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/slow.bin", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n12345").as_bytes()).await.unwrap();
        go_on.notified().await;
        stream.write_all(b"67890").await.unwrap();
    });
    url
}

#[tokio::test]
async fn progress_is_told_with_and_without_a_known_total() {
    let service = service().await;
    for (head, total) in [("Content-Length: 10\r\n", json!(10)), ("Connection: close\r\n", json!("unknown"))] {
        let go_on = Arc::new(Notify::new());
        let token = token(&service, &slow(head, go_on.clone()).await, &[]).await;
        let expected = json!({"status": "progress", "total": total, "done": 5});
        eventually("half of it is there", || async { (status(&service, &token).await == expected).then_some(()) })
            .await;
        go_on.notify_one();
        assert_eq!(ended(&service, &token).await["size"], 10);
    }
}

#[tokio::test]
async fn a_source_that_ends_early_or_never_fails() {
    let config = Config { from_url_timeout: Duration::from_secs(1), ..Config::default() };
    let service = service_with(config).await;
    let go_on = Arc::new(Notify::new());
    go_on.notify_one();
    let early = token(&service, &slow("Content-Length: 100\r\n", go_on).await, &[]).await;
    let never = token(&service, &slow("Content-Length: 10\r\n", Arc::default()).await, &[]).await;
    assert_eq!(ended(&service, &early).await["error"], "HTTP network error: the connection ended before the file did.");
    assert_eq!(
        ended(&service, &never).await,
        json!({"status": "error", "error_code": "DownloadFileTimeLimitExceededError",
               "error": "Failed to download the file within the allotted time limit of 1 seconds."})
    );
    assert_eq!(service.get("/_local/files").await.json(), json!([]));
}

/// The first process dies while it fetches; the second fetches again, under the same token.
#[tokio::test]
async fn a_token_outlives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let flags = ["--allow-private-urls"];
    let process = Process::start_with(directory.path(), &flags);
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let outside =
        Outside::start(move |_, _| if gate.load(Ordering::Relaxed) { answer(200, "late") } else { answer(500, "") });
    let outside = outside.await;
    // Accepts and never answers, until another takes its place.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let source = format!("http://{address}/a.txt");
    let late = token(&process.http, &source, &[]).await;
    let failed = token(&process.http, &outside.url("/b.txt"), &[]).await;
    let failure = ended(&process.http, &failed).await;
    process.kill();
    drop(silent);
    let second = Outside::at(address, |_, _| answer(200, "late")).await;
    open.store(true, Ordering::Relaxed);
    let process = Process::start_with(directory.path(), &flags);
    let done = ended(&process.http, &late).await;
    assert_eq!((&done["status"], &done["original_filename"]), (&json!("success"), &json!("a.txt")));
    assert_eq!(ended(&process.http, &failed).await, failure, "what has failed is not tried again");
    assert_eq!(second.came().len(), 1);
}

#[tokio::test]
async fn serve_refuses_private_sources_unless_told_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path());
    let refused = ask(&process.http, &format!("{}/_local/files", process.http.base()), &[]).await;
    assert_eq!(refused.error().1, "URLHostPrivateIPForbiddenError");
}

#[tokio::test]
async fn a_tokens_operations_count_what_is_fetched_and_not_what_is_known() {
    let service = service_with(signed()).await;
    let outside = outside().await;
    let claims = json!({"iat": now(), "exp": now() + 600,
                        "uc": {"restrictions": {"scope": ["/from_url/"], "limits": {"operations": 2}}}});
    let bearer = updock_sign::mint_token(&secret(), &serde_json::from_value(claims).unwrap());
    let bearer = format!("Bearer {bearer}");
    let source = outside.url("/cat.txt");
    let pairs = |check: &'static str| {
        [
            ("pub_key", KEY),
            ("source_url", source.as_str()),
            ("save_URL_duplicates", "1"),
            ("check_URL_duplicates", check),
        ]
    };
    let send = async |check| {
        let headers = [("authorization", bearer.as_str())];
        service.urlencoded_with("/from_url/?jsonerrors=1", &pairs(check), &headers).await
    };
    let first = send("0").await.json();
    ended(&service, first["token"].as_str().unwrap()).await;
    for _ in 0..3 {
        assert_eq!(send("1").await.json()["type"], "file_info");
    }
    assert_eq!(send("0").await.json()["type"], "token");
    assert_eq!(send("0").await.error().1, "OperationsLimitExceededError");
    let unsigned = service.urlencoded("/from_url/?jsonerrors=1", &pairs("0")).await;
    assert_eq!(unsigned.error().1, "SignatureRequiredError");
}
