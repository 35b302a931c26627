//! The signer's door: in front of an upstream that notes what reaches it. Nothing reaches it that was not decided on,
//! and nothing ends in a 500.

use super::run::fuzz;
use crate::matrix::table;
use crate::stage::{SECRET, agent};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tower::ServiceExt;
use updock_sign::{SecretKey, webhook_signature};
use updock_signer::decision::Verdict;
use updock_signer::log::{DecisionLog, Phase, Record, Recording};
use updock_signer::policy::{Policy, Sources};
use updock_signer::signing::Signing;
use updock_signer::state::MemoryState;
use updock_signer::{Limits, Signer, serve, webhooks};
use updock_types::{Api, Area, FileUuid, GroupId, MetadataKey, OPERATIONS, Operation, WebhookId};

const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

/// What reached Uploadcare, and what it answers.
#[derive(Default)]
struct Upstream {
    seen: Mutex<Vec<(String, HeaderMap, Vec<u8>)>>,
    answer: Mutex<Vec<u8>>,
}

async fn note(State(upstream): State<Arc<Upstream>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    let line = format!("{} {}", parts.method, parts.uri);
    let asks_whose = line == WHOSE;
    upstream.seen.lock().unwrap().push((line, parts.headers, body));
    let answer = upstream.answer.lock().unwrap().clone();
    // Where a case says nothing else there are no webhooks, so that none of them is the signer's own.
    if answer.is_empty() && asks_whose { "[]".into_response() } else { answer.into_response() }
}

/// What the signer asks by itself, and tells nobody, before it changes a webhook: is that its own?
const WHOSE: &str = "GET /webhooks/";

/// Was this asked because of a change that was decided on?
fn is_own_question(line: &str, body: &[u8], decided: &[&'static str]) -> bool {
    line == WHOSE && body.is_empty() && ["webhooks.update", "webhooks.delete"].iter().any(|id| decided.contains(id))
}

/// Only the last decision to allow: thousands would be looked through again and again.
#[derive(Default)]
struct Decided(Mutex<Vec<&'static str>>);

impl DecisionLog for Decided {
    fn record(&self, record: Record) -> Recording<'_> {
        if record.phase == Phase::Decision && record.verdict == Some(Verdict::Allow) {
            self.0.lock().unwrap().extend(record.operation);
        }
        Box::pin(async { Ok(()) })
    }
}

struct Scene {
    runtime: Runtime,
    router: Router,
    signer: Signer,
    base: String,
    upstream: Arc<Upstream>,
    decided: Arc<Decided>,
    /// What was decided for the case before.
    before: Mutex<Vec<&'static str>>,
    key: String,
    slug: String,
}

impl Scene {
    /// With an agent that may do everything, or only read.
    fn new(level: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let upstream = Arc::new(Upstream::default());
        *upstream.answer.lock().unwrap() = b"{}".to_vec();
        let grants = Area::ALL.iter().map(|area| format!("{area} = \"{level}\"")).collect::<Vec<_>>().join("\n");
        let (key, section) = agent("all", &grants);
        let (signer, base, decided, slug) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let rest = listener.local_addr().unwrap();
            let app = Router::new().fallback(note).with_state(Arc::clone(&upstream));
            tokio::spawn(async move { axum::serve(listener, app).await });
            let text = format!(
                "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ env = \"SECRET\" }}\n\
                 [upstream]\nrest = \"http://{rest}/\"\n\
                 [webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ env = \"SECRET\" }}]\n{section}"
            );
            let env = |_: &str| Some(SECRET.to_owned());
            let mut policy = Policy::parse(&text, &Sources { directory: Path::new("."), env: &env }).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            policy.listen = listener.local_addr().unwrap();
            let base = format!("http://{}", policy.listen);
            let (decided, state) = (Arc::new(Decided::default()), Arc::new(MemoryState::default()));
            let slug = webhooks::slug(&*state).await.unwrap();
            let signer = Signer::builder(policy, Arc::clone(&decided) as _)
                .state(state)
                .events(Signing::from_seed([7; 32]))
                .upstream_timeout(Duration::from_secs(5))
                .build();
            let limits = Limits { header_timeout: Duration::from_millis(500), ..Limits::default() };
            tokio::spawn(serve(listener, signer.router(), limits, std::future::pending()));
            (signer, base, decided, slug)
        });
        Self { router: signer.router(), signer, runtime, base, upstream, decided, before: Mutex::default(), key, slug }
    }

    fn ask(&self, method: &str, target: &[u8], headers: &[(&str, &str)], body: &[u8]) -> Option<(StatusCode, Vec<u8>)> {
        let uri = http::Uri::try_from(target).ok()?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).ok()?;
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            Some((status, response.into_body().collect().await.unwrap().to_bytes().to_vec()))
        })
    }

    /// The bodies that reached Uploadcare since, without those of the signer's own questions.
    fn sent(&self) -> Vec<Vec<u8>> {
        let seen = self.upstream.seen.lock().unwrap();
        let decided = self.decided.0.lock().unwrap();
        let asked = seen.iter().filter(|(line, _, body)| !is_own_question(line, body, &decided));
        asked.map(|(_, _, body)| body.clone()).collect()
    }

    /// Waits for changes that run on without their caller.
    fn settle(&self) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(10);
        while self.signer.under_way() > 0 {
            if Instant::now() > end {
                return Err("a change does not come to its end".to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// What reached Uploadcare since, each held against what was decided on. A read ends with its connection, but its call
    /// may arrive after it, during the next case.
    fn reached(&self) -> Result<Vec<&'static Operation>, String> {
        let seen = std::mem::take(&mut *self.upstream.seen.lock().unwrap());
        let decided = std::mem::take(&mut *self.decided.0.lock().unwrap());
        let before = std::mem::replace(&mut *self.before.lock().unwrap(), decided.clone());
        let mut reached = Vec::new();
        for (line, headers, body) in &seen {
            if [&decided, &before].iter().any(|decided| is_own_question(line, body, decided)) {
                continue;
            }
            let (method, target) = line.split_once(' ').unwrap();
            let path = target.split('?').next().unwrap();
            let row = OPERATIONS
                .iter()
                .find(|row| row.api == Api::Rest && row.method.as_str() == method && is_of(row, path))
                .ok_or_else(|| format!("{line} reached Uploadcare and is no operation"))?;
            let late = row.method.as_str() == "GET" && before.contains(&row.id.as_str());
            if !late && !decided.contains(&row.id.as_str()) {
                return Err(format!("{line} reached Uploadcare, and decided was {decided:?}, before {before:?}"));
            }
            let ours = ["accept", "authorization", "content-length", "content-type", "date", "host", "user-agent"];
            if let Some(foreign) = headers.keys().find(|name| !ours.contains(&name.as_str())) {
                return Err(format!("{line} went on with the header {foreign}"));
            }
            if !body.is_empty() && serde_json::from_slice::<Value>(body).is_err() {
                return Err(format!("{line} went on with a body that is no JSON"));
            }
            reached.push(row);
        }
        Ok(reached)
    }
}

/// Is this an address of the row, by a reading of its own?
fn is_of(row: &Operation, path: &str) -> bool {
    let (template, given): (Vec<_>, Vec<_>) = (row.path.split('/').collect(), path.split('/').collect());
    template.len() == given.len()
        && template.iter().zip(given).all(|(template, given)| match *template {
            "{uuid}" => FileUuid::parse(given).is_ok_and(|file| file.to_string() == given),
            "{key}" => MetadataKey::parse(given).is_ok() && !given.contains('%'),
            "{group}" => GroupId::parse(given).is_ok(),
            "{id}" | "{token}" => WebhookId::parse(given).is_ok(),
            literal => literal == given,
        })
}

/// Statuses that a signer in good order gives, whatever comes.
fn in_order(status: StatusCode, case: &str) -> Result<(), String> {
    if status == StatusCode::INTERNAL_SERVER_ERROR { Err(format!("500: {case}")) } else { Ok(()) }
}

fn filled(text: &str) -> String {
    text.replace("{file}", FILE).replace("{group}", &format!("{FILE}~1")).replace("{token}", "42").replace("{id}", "7")
}

/// Any address, by any method: refused, or exactly what it was taken for.
#[test]
fn path() {
    let scene = Scene::new("full");
    let seeds: Vec<String> = table().iter().map(|row| filled(row.target)).collect();
    let seeds: Vec<&str> =
        seeds.iter().flat_map(|seed| [Some(seed.as_str()), seed.strip_prefix("/v1/uploadcare")]).flatten().collect();
    let authorization = format!("Bearer {}", scene.key);
    let mut turn = 0;
    fuzz("path", &seeds, |case| {
        turn += 1;
        let method = ["GET", "PUT", "DELETE", "POST", "PATCH"][turn % 5];
        let Some((status, _)) = scene.ask(method, case, &[("authorization", &authorization)], b"") else {
            return Ok("no address".to_owned());
        };
        let shown = format!("{method} {}", String::from_utf8_lossy(case));
        in_order(status, &shown)?;
        let reached = scene.reached().map_err(|wrong| format!("{shown}: {wrong}"))?;
        Ok(format!("{status} {:?}", reached.iter().map(|row| row.id).collect::<Vec<_>>()))
    });
}

/// Any body, for every operation that takes one. The first line says which.
#[test]
fn body() {
    let scene = Scene::new("full");
    let rows: Vec<_> =
        table().into_iter().filter(|row| !row.body.is_empty() && row.target.starts_with("/v1/uploadcare/")).collect();
    let seeds: Vec<String> = rows.iter().enumerate().map(|(at, row)| format!("{at}\n{}", filled(row.body))).collect();
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let authorization = format!("Bearer {}", scene.key);
    fuzz("body", &seeds, |case| {
        let at = case.iter().position(|byte| *byte == b'\n').unwrap_or(case.len());
        let number: usize =
            std::str::from_utf8(&case[..at]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let (row, body) = (&rows[number % rows.len()], case.get(at + 1..).unwrap_or_default());
        let form = row.target.contains("webhooks") && number > rows.len();
        let media_type = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let headers = [("authorization", authorization.as_str()), ("content-type", media_type)];
        let Some((status, _)) = scene.ask(row.method, filled(row.target).as_bytes(), &headers, body) else {
            return Ok("no request".to_owned());
        };
        let shown = format!("{} with {}", row.operation, String::from_utf8_lossy(body));
        in_order(status, &shown)?;
        let sent = scene.sent();
        let reached = scene.reached().map_err(|wrong| format!("{shown}: {wrong}"))?;
        // What went on means the same again: nothing is read in two ways.
        if let ([only], [sent]) = (reached.as_slice(), sent.as_slice())
            && only.id.as_str() == row.operation
        {
            let headers = [headers[0], ("content-type", "application/json")];
            scene.ask(row.method, filled(row.target).as_bytes(), &headers, sent);
            let again = scene.sent().first().cloned();
            scene.reached()?;
            if again.as_ref() != Some(sent) {
                return Err(format!("{shown}: went on as {}, which is read otherwise", String::from_utf8_lossy(sent)));
            }
        }
        Ok(format!("{} {status} {}", row.operation, reached.len()))
    });
}

/// Whole requests as bytes on a connection: no call without an answer but the last, and each of them decided on.
#[test]
fn request() {
    let scene = Scene::new("full");
    let address = scene.base.strip_prefix("http://").unwrap().to_owned();
    let authorization = format!("authorization: Bearer {}\r\n", scene.key);
    let seeds = [
        format!("GET /v1/uploadcare/files/?limit=1 HTTP/1.1\r\nhost: x\r\n{authorization}\r\n"),
        format!(
            "PUT /files/storage/ HTTP/1.1\r\nhost: x\r\n{authorization}content-type: application/json\r\ncontent-length: 40\r\n\r\n[\"{FILE}\"]"
        ),
        format!(
            "DELETE /files/storage/ HTTP/1.1\r\nhost: x\r\n{authorization}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n28\r\n[\"{FILE}\"]\r\n0\r\n\r\n"
        ),
        format!(
            "POST /v1/jobs HTTP/1.1\r\nhost: x\r\n{authorization}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /project/ HTTP/1.1\r\n{authorization}\r\n"
        ),
        format!("GET /project/ HTTP/1.1\r\nhost: x\r\n folded: y\r\n{authorization}\r\n"),
        format!("GET /project/ HTTP/1.0\r\n{authorization}connection: keep-alive, authorization\r\n\r\n"),
        "GET /livez HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc"
            .to_owned(),
    ];
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    fuzz("request", &seeds, |case| {
        let told = scene.runtime.block_on(async {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let _ = stream.write_all(case).await;
            let _ = stream.shutdown().await;
            let mut told = Vec::new();
            let ended = timeout(Duration::from_secs(15), stream.read_to_end(&mut told)).await;
            ended.map(|_| told).map_err(|_| "the connection stays open".to_owned())
        })?;
        let told = String::from_utf8_lossy(&told).into_owned();
        let statuses: Vec<&str> = told.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)).collect();
        if statuses.contains(&"500") {
            return Err(format!("500: {told}"));
        }
        scene.settle()?;
        let reached = scene.reached()?;
        // This side has ended its half, so the last request may be given up after its call and before its answer, and so
        // was that of the case before.
        if reached.len() > statuses.len() + 2 {
            return Err(format!("{} calls of Uploadcare, {} answers", reached.len(), statuses.len()));
        }
        Ok(format!("{statuses:?} {:?}", reached.iter().map(|row| row.id).collect::<Vec<_>>()))
    });
}

/// Webhooks: taken only with the right signature over exactly these bytes. The first line is the signature.
#[test]
fn hook() {
    let scene = Scene::new("full");
    let secret = SecretKey::parse(SECRET).unwrap();
    let delivery = format!(
        "{{\"initiator\":{{\"type\":\"api\",\"detail\":{{\"request_id\":null}}}},\"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\
         \"project_pub_key\":\"demopublickey\"}},\"data\":{{\"uuid\":\"{FILE}\",\"datetime_uploaded\":\"2026-11-23T09:14:07.123456Z\"}}}}"
    );
    let right = webhook_signature(&secret, delivery.as_bytes());
    let seeds = [format!("{right}\n{delivery}"), format!("right\n{delivery}"), "v1=00\n{}".to_owned()];
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let target = format!("/hooks/uploadcare/{}", scene.slug);
    fuzz("hook", &seeds, |case| {
        let at = case.iter().position(|byte| *byte == b'\n').unwrap_or(case.len());
        let (signature, body) = (&case[..at], case.get(at + 1..).unwrap_or_default());
        let right = webhook_signature(&secret, body);
        let signature = if signature == b"right" { right.as_bytes() } else { signature };
        let Ok(text) = std::str::from_utf8(signature) else { return Ok("no header".to_owned()) };
        let Some((status, told)) = scene.ask("POST", target.as_bytes(), &[("x-uc-signature", text)], body) else {
            return Ok("no header".to_owned());
        };
        in_order(status, text)?;
        if status.is_success() && text != right {
            return Err(format!("taken with the signature {text}"));
        }
        if !status.is_success() && text == right && told.is_empty() {
            return Err("refused without a word".to_owned());
        }
        scene.reached()?;
        Ok(status.to_string())
    });
}

/// Whatever Uploadcare answers: no link leads out, nothing that is to be hidden is shown. The first byte says to what.
#[test]
fn answer() {
    let scene = Scene::new("read");
    let upstream = "https://api.uploadcare.com";
    let seeds = [
        format!(
            "0{{\"next\":\"{upstream}/files/?limit=1&offset=0\",\"previous\":null,\"results\":[{{\"uuid\":\"{FILE}\",\"url\":\"{upstream}/files/{FILE}/\"}}]}}"
        ),
        format!(
            "1{{\"next\":null,\"previous\":\"{upstream}/groups/?limit=1\",\"results\":[{{\"id\":\"{FILE}~1\",\"url\":\"{upstream}/x/\"}}]}}"
        ),
        "2[{\"id\":1,\"signing_secret\":\"s\"},{\"id\":2,\"signing_secret\":null}]".to_owned(),
        "3{\"name\":\"demo\",\"collaborators\":[{\"name\":\"Jane\",\"email\":\"jane@example.com\"}]}".to_owned(),
        "2{\"id\":1,\"signing_secret\":\"s\"}".to_owned(),
        "0<html>".to_owned(),
    ];
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let authorization = format!("Bearer {}", scene.key);
    fuzz("answer", &seeds, |case| {
        let Some((kind, answer)) = case.split_first() else { return Ok("nothing".to_owned()) };
        *scene.upstream.answer.lock().unwrap() = answer.to_vec();
        let kind = usize::from(*kind) % 4;
        let target = ["/files/", "/groups/", "/webhooks/", "/project/"][kind];
        let Some((status, told)) = scene.ask("GET", target.as_bytes(), &[("authorization", &authorization)], b"")
        else {
            return Err("no request".to_owned());
        };
        scene.reached()?;
        if status != StatusCode::OK {
            return if status == StatusCode::BAD_GATEWAY { Ok(status.to_string()) } else { Err(status.to_string()) };
        }
        // An answer without a body is one that says nothing.
        if told.is_empty() && answer.is_empty() {
            return Ok("empty".to_owned());
        }
        let told: Value = serde_json::from_slice(&told).map_err(|error| format!("no JSON: {error}"))?;
        let ours = |link: &Value| link.as_str().is_none_or(|link| link.starts_with(&scene.base));
        if !ours(&told["next"]) || !ours(&told["previous"]) {
            return Err(format!("a link leads out: {told}"));
        }
        let objects: Vec<&Value> = told.as_array().map_or_else(|| vec![&told], |items| items.iter().collect());
        if kind == 2 && objects.iter().any(|hook| !hook["signing_secret"].is_null()) {
            return Err(format!("a secret is shown: {told}"));
        }
        if kind == 3
            && objects.iter().any(|project| project["collaborators"].as_array().is_some_and(|all| !all.is_empty()))
        {
            return Err(format!("collaborators are shown: {told}"));
        }
        Ok(format!("{kind} {}", told.is_object()))
    });
}
