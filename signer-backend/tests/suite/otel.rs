//! Spans of requests, read from the bytes that a collector gets. Built with the feature `otel` only.

use crate::canary::forms;
use crate::http_client::send;
use crate::process::{PROGRAM, Running, write_policy};
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use axum::extract::{Request, State};
use axum::{Router, body};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use updock_local::{Config, LocalUploadcare};
use updock_sign::SecretKey;

const SECRET: &str = "canary-otel-secret-81b4";
const COLLECTOR_KEY: &str = "canary-collector-key-27fe";
const PATIENCE: Duration = Duration::from_secs(10);

/// A collector on a socket of its own; it answers while its gate is open.
struct Collector {
    address: SocketAddr,
    got: Arc<Got>,
}

#[derive(Default)]
struct Got {
    requests: Mutex<Vec<(String, String, Vec<u8>)>>,
    gate: Option<Semaphore>,
}

impl Collector {
    async fn start(gate: Option<Semaphore>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Got { gate, ..Got::default() });
        let take = async |State(got): State<Arc<Got>>, request: Request| {
            let key = request.headers().get("x-collector-key").map(|key| key.to_str().unwrap().to_owned());
            let target = request.uri().to_string();
            let bytes = body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
            got.requests.lock().unwrap().push((target, key.unwrap_or_default(), bytes.to_vec()));
            if let Some(gate) = &got.gate {
                gate.acquire().await.unwrap().forget();
            }
        };
        let router = Router::new().fallback(take).with_state(Arc::clone(&got));
        tokio::spawn(updock_signer::serve(listener, router, updock_signer::Limits::default(), std::future::pending()));
        Self { address, got }
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.got.requests.lock().unwrap().iter().map(|(_, _, bytes)| bytes.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        self.bytes().iter().flat_map(|bytes| spans(bytes)).collect()
    }
}

/// The program, with its spans sent to `collector`; what it says on standard error is gathered.
async fn start(policy: &str, collector: SocketAddr, more: &[(&str, &str)]) -> (Running, JoinHandle<String>) {
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--config", policy, "--listen", "127.0.0.1:0"]).env("UPDOCK_LOG", "trace");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    command.envs(more.iter().copied());
    let mut running = Running::of(command).await;
    let mut errors = running.child.stderr.take().unwrap();
    let said = tokio::spawn(async move {
        let mut said = String::new();
        errors.read_to_string(&mut said).await.unwrap();
        said
    });
    (running, said)
}

async fn end(mut running: Running) {
    running.signal("TERM").await;
    assert!(timeout(PATIENCE, running.child.wait()).await.unwrap().unwrap().success());
}

/// What a span says of a request.
struct Expected {
    name: &'static str,
    status: u16,
    method: &'static str,
    route: &'static str,
    /// Caller, operation and verdict, of which what is not known is empty.
    decided: [&'static str; 3],
    /// The calls of Uploadcare, and how they were answered.
    calls: &'static [(&'static str, u16)],
}

const NOTHING: [&str; 3] = ["", "", ""];
const FRONT: &str = "/v1/uploadcare/{*path}";

#[tokio::test]
async fn each_request_is_one_span_of_our_own_words_and_no_secret_is_in_any() {
    let key = vec![SecretKey::parse(SECRET).unwrap()];
    let local = LocalUploadcare::with(Config { secret_keys: key, ..Config::default() }).await.unwrap();
    let (agent_key, section) = agent("media", "files = \"read\"\nmetadata = \"write\"\nuploads = \"write\"");
    let directory = tempfile::tempdir().unwrap();
    let policy = write_policy(directory.path(), SECRET, &local.base_url(), &format!("{VISITORS}{section}"));
    let collector = Collector::start(None).await;
    let header = format!("x-collector-key={COLLECTOR_KEY}");
    let env = [("OTEL_SERVICE_NAME", "gateway-test"), ("OTEL_EXPORTER_OTLP_HEADERS", header.as_str())];
    let (running, said) = start(&policy, collector.address, &env).await;

    let mut files = Vec::new();
    for name in ["a.png", "b.png"] {
        let fields = [("UPLOADCARE_STORE", "1")];
        files.push(upload(&local, &fields, &[], name, PNG).await.json()["file"].as_str().unwrap().to_owned());
    }
    let file = &files[0];
    let (good, wrong) = (bearer(&agent_key), bearer(&agent("media", "").0));
    let agent = [("authorization", good.as_str()), ("content-type", "application/json")];
    let canaries = [
        ("authorization", good.as_str()),
        ("user-agent", "canary-agent-5d20"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "canary-state-6a11=1"),
        ("baggage", "canary-baggage-0c93=1"),
    ];
    let lines = [("authorization", good.as_str()), ("accept", "application/x-ndjson")];
    let nobody = [("authorization", wrong.as_str())];
    let page = [("origin", PAGE)];
    let at = |status, name, method, route, decided, calls| Expected { name, status, method, route, decided, calls };
    let metadata = format!("/v1/uploadcare/files/{file}/metadata");
    let mut expected = BTreeMap::new();
    for (method, target, headers, body, span) in [
        (
            "GET",
            "/v1/uploadcare/files/?limit=1".to_owned(),
            &canaries[..],
            "",
            at(200, "files.list", "GET", FRONT, ["media", "files.list", "allow"], &[("GET /files/", 200)]),
        ),
        (
            "GET",
            "/v1/uploadcare/files/?limit=1".to_owned(),
            &lines,
            "",
            // Both pages, although the second is asked for after the answer has begun.
            at(
                200,
                "files.list",
                "GET",
                FRONT,
                ["media", "files.list", "allow"],
                &[("GET /files/", 200), ("GET /files/", 200)],
            ),
        ),
        (
            "DELETE",
            format!("/v1/uploadcare/files/{file}/storage/"),
            &agent,
            "",
            at(403, "files.delete", "DELETE", FRONT, ["media", "files.delete", "deny"], &[]),
        ),
        (
            "PUT",
            format!("{metadata}/canary-key-40a7/"),
            &agent,
            "\"canary-value-b1e8\"",
            at(
                201,
                "metadata.put",
                "PUT",
                FRONT,
                ["media", "metadata.put", "allow"],
                &[("PUT /files/{uuid}/metadata/{key}/", 201)],
            ),
        ),
        (
            "GET",
            format!("/files/{file}/metadata/canary-none-93d2/"),
            &agent,
            "",
            at(
                404,
                "metadata.get",
                "GET",
                "/files/{*path}",
                ["media", "metadata.get", "allow"],
                &[("GET /files/{uuid}/metadata/{key}/", 404)],
            ),
        ),
        (
            "GET",
            "/v1/uploadcare/canary-path-7710/?q=canary-query-aa36".to_owned(),
            &agent,
            "",
            at(404, "GET /v1/uploadcare/{*path}", "GET", FRONT, NOTHING, &[]),
        ),
        (
            "GET",
            format!("/v1/uploadcare/files/?key={agent_key}"),
            &agent,
            "",
            at(400, "GET /v1/uploadcare/{*path}", "GET", FRONT, ["", "", "deny"], &[]),
        ),
        (
            "GET",
            "/v1/uploadcare/files/".to_owned(),
            &nobody,
            "",
            at(401, "GET /v1/uploadcare/{*path}", "GET", FRONT, ["", "", "deny"], &[]),
        ),
        ("GET", "/canary-nowhere-e4b9".to_owned(), &agent, "", at(404, "GET", "GET", "", NOTHING, &[])),
        ("CANARYMETHOD", "/livez".to_owned(), &[], "", at(405, "HTTP /livez", "_OTHER", "/livez", NOTHING, &[])),
        ("GET", "/livez".to_owned(), &[], "", at(200, "GET /livez", "GET", "/livez", NOTHING, &[])),
        (
            "POST",
            "/hooks/uploadcare/canary-slug-2c5f".to_owned(),
            &[],
            "canary-hook-d8a0",
            at(404, "POST /hooks/uploadcare/{slug}", "POST", "/hooks/uploadcare/{slug}", NOTHING, &[]),
        ),
        (
            "POST",
            "/v1/upload-credentials".to_owned(),
            &page,
            "",
            at(
                200,
                "uploads.credential",
                "POST",
                "/v1/upload-credentials",
                ["visitor", "uploads.credential", "allow"],
                &[],
            ),
        ),
    ] {
        let reply = send(&running.base, method, &target, headers, body).await;
        assert_eq!(reply.status, span.status, "{method} {target}: {:?}", reply.body);
        expected.insert(reply.header("x-request-id").unwrap().to_owned(), span);
    }
    end(running).await;
    let said = said.await.unwrap();

    let spans = collector.spans();
    let servers: Vec<&Span> = spans.iter().filter(|span| span.kind == Kind::Server).collect();
    assert_eq!(servers.len(), expected.len(), "{spans:#?}");
    for span in servers {
        let Expected { name, status, method, route, decided, calls } = &expected[&span.attributes["updock.request_id"]];
        let mut attributes: BTreeMap<&str, &str> = BTreeMap::new();
        let id = &span.attributes["updock.request_id"];
        let status = status.to_string();
        let own = [("http.request.method", *method), ("http.response.status_code", status.as_str())];
        let route = [("http.route", *route), ("updock.request_id", id.as_str())];
        let [caller, operation, verdict] = *decided;
        let decided = [("updock.caller", caller), ("updock.operation", operation), ("updock.verdict", verdict)];
        attributes.extend(own.into_iter().chain(route).chain(decided).filter(|(_, value)| !value.is_empty()));
        assert_eq!((span.name.as_str(), borrowed(&span.attributes)), (*name, attributes));
        assert_eq!(span.parent, "", "a caller's trace is not joined");
        let children: Vec<&Span> = spans.iter().filter(|child| child.parent == span.id).collect();
        let told: Vec<(&str, String)> = children
            .iter()
            .map(|child| (child.name.as_str(), child.attributes["http.response.status_code"].clone()))
            .collect();
        let calls: Vec<(&str, String)> = calls.iter().map(|(name, status)| (*name, status.to_string())).collect();
        assert_eq!(told, calls, "{name}");
        for child in children {
            assert_eq!((child.kind, child.trace.as_str()), (Kind::Client, span.trace.as_str()));
            let (method, template) = child.name.split_once(' ').unwrap();
            let expected = BTreeMap::from([
                ("http.request.method", method),
                ("http.response.status_code", child.attributes["http.response.status_code"].as_str()),
                ("updock.operation", operation),
                ("url.template", template),
            ]);
            assert_eq!(borrowed(&child.attributes), expected);
            assert!(span.start <= child.start && child.end <= span.end, "a call is within its request");
        }
    }
    let parents: BTreeSet<&str> = spans.iter().map(|span| span.parent.as_str()).collect();
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).chain([""]).collect();
    assert!(parents.is_subset(&ids), "a span hangs on nothing: {spans:#?}");

    let requests = collector.got.requests.lock().unwrap().clone();
    let (target, key, first) = &requests[0];
    assert_eq!((target.as_str(), key.as_str()), ("/v1/traces", COLLECTOR_KEY));
    let sent: Vec<u8> = requests.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
    assert!(holds(first, b"gateway-test"), "the service's name");
    let secret_part = &agent_key.rsplit('_').next().unwrap()[..20];
    for form in [SECRET, COLLECTOR_KEY, secret_part].into_iter().flat_map(forms) {
        assert!(!holds(&sent, form.as_bytes()), "{form} was exported");
        assert!(!said.contains(&form), "{form} was said");
    }
    for word in ["canary", "CANARY", "Canary", file.as_str(), PAGE, "127.0.0.1"] {
        assert!(!holds(&sent, word.as_bytes()), "{word} was exported");
    }
    let foreign_trace = [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd];
    assert!(!holds(&sent, &foreign_trace), "a caller's trace id was exported");
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (directory, batches) = (tempfile::tempdir().unwrap(), [("OTEL_BSP_SCHEDULE_DELAY", "1")]);
    let (running, said) = start(&closed(directory.path()), silent.local_addr().unwrap(), &batches).await;
    timeout(PATIENCE, many_requests(&running, 100)).await.expect("requests are answered as ever");
    end(running).await;
    assert!(said.await.unwrap().contains("the last spans could not be exported"));
}

#[tokio::test]
async fn what_a_slow_collector_does_not_take_is_dropped_and_not_kept() {
    const QUEUE: usize = 32;
    const BATCH: usize = 16;
    const REQUESTS: usize = 300;
    let collector = Collector::start(Some(Semaphore::new(0))).await;
    let batches = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE.to_string()),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH.to_string()),
        ("OTEL_BSP_SCHEDULE_DELAY", "1".to_owned()),
    ];
    let batches = batches.each_ref().map(|(name, value)| (*name, value.as_str()));
    let directory = tempfile::tempdir().unwrap();
    let (running, _said) = start(&closed(directory.path()), collector.address, &batches).await;
    many_requests(&running, REQUESTS).await;
    collector.got.gate.as_ref().unwrap().add_permits(REQUESTS);
    end(running).await;
    let spans = collector.spans();
    assert!(!spans.is_empty() && spans.len() <= QUEUE + BATCH, "{} spans of {REQUESTS} were kept", spans.len());
    assert!(spans.iter().all(|span| span.name == "GET /livez"));
}

#[tokio::test]
async fn what_cannot_be_exported_to_is_said_at_start_without_its_password() {
    let directory = tempfile::tempdir().unwrap();
    let policy = closed(directory.path());
    for (endpoint, protocol, expected) in [
        ("user:canary-password@", "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT should be an address"),
        ("http://user:canary-password@x/", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL asks for a protocol"),
    ] {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config", &policy, "--listen", "127.0.0.1:0"]).kill_on_drop(true);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

fn closed(directory: &Path) -> String {
    write_policy(directory, "demosecretkey", "http://127.0.0.1:9/", VISITORS)
}

async fn many_requests(running: &Running, count: usize) {
    for _ in 0..count {
        assert_eq!(send(&running.base, "GET", "/livez", &[], "").await.status, 200);
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn borrowed(attributes: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Client,
}

#[derive(Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: Kind,
    /// Nanoseconds of Unix time.
    start: u64,
    end: u64,
    attributes: BTreeMap<String, String>,
}

/// The spans of an `ExportTraceServiceRequest`. Source: opentelemetry-proto 1.x, `trace/v1/trace.proto`.
fn spans(request: &[u8]) -> Vec<Span> {
    let inner = |bytes, number| fields(bytes).into_iter().filter(move |(field, _)| *field == number);
    let scopes = inner(request, 1).flat_map(|(_, resource)| inner(resource.bytes(), 2));
    scopes.flat_map(|(_, scope)| inner(scope.bytes(), 2)).map(|(_, span)| read(span.bytes())).collect()
}

fn read(span: &[u8]) -> Span {
    let all = fields(span);
    let one = |number| all.iter().find(|(field, _)| *field == number).map(|(_, value)| *value);
    let hex = |number| {
        let bytes = one(number).map(Field::bytes).unwrap_or_default();
        base16ct::lower::encode_string(bytes)
    };
    let text = |field: Field<'_>| String::from_utf8(field.bytes().to_vec()).unwrap();
    let mut attributes = BTreeMap::new();
    for (_, pair) in all.iter().filter(|(field, _)| *field == 9) {
        let pair = fields(pair.bytes());
        let [(1, key), (2, value)] = pair[..] else { panic!("no attribute: {pair:?}") };
        let value = match fields(value.bytes())[..] {
            [(1, value)] => text(value),
            [(3, Field::Number(number))] => number.to_string(),
            ref other => panic!("an attribute of another type: {other:?}"),
        };
        assert_eq!(attributes.insert(text(key), value), None, "an attribute stands there twice");
    }
    assert!(one(11).is_none() && one(13).is_none(), "events and links hold foreign words easily; there are none");
    Span {
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        name: one(5).map(text).unwrap(),
        kind: match one(6) {
            Some(Field::Number(2)) => Kind::Server,
            Some(Field::Number(3)) => Kind::Client,
            other => panic!("another kind of span: {other:?}"),
        },
        start: one(7).unwrap().number(),
        end: one(8).unwrap().number(),
        attributes,
    }
}

#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn bytes(self) -> &'a [u8] {
        let Self::Bytes(bytes) = self else { panic!("a number where a message should be") };
        bytes
    }

    fn number(self) -> u64 {
        let Self::Number(number) = self else { panic!("a message where a number should be") };
        number
    }
}

/// The fields of a protobuf message by their numbers. Source: Protocol Buffers, Encoding.
fn fields(mut rest: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(rest: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, after) = rest.split_first().unwrap();
            *rest = after;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, after) = rest.split_at(length);
        *rest = after;
        taken
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut rest)),
            1 => Field::Number(u64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut rest);
                Field::Bytes(take(&mut rest, usize::try_from(length).unwrap()))
            }
            5 => Field::Number(u32::from_le_bytes(take(&mut rest, 4).try_into().unwrap()).into()),
            other => panic!("no wire type: {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}
