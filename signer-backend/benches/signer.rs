//! The signer's figures of speed and memory, as ratios to what the same machine does without it in the same run: a bare
//! upstream asked directly, and nginx's `proxy_pass` before it. On a quiet machine: `cargo xtask bench signer`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;
use updock_sign::{SecretKey, webhook_signature};
use updock_signer::key::AgentKey;
use updock_signer::log::{DecisionLog, Record, Recording};
use updock_signer::policy::Policy;
use updock_signer::{Limits, Signer, serve};
use updock_types::FileUuid;

/// As in the binary.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 32;
/// Many short rounds, each of which asks all in turn: whatever disturbs the machine disturbs both sides of a ratio.
const ROUNDS: usize = 12;
const ROUND: Duration = Duration::from_millis(700);
const ALONE: Duration = Duration::from_millis(400);
const TIME: Duration = Duration::from_secs(3);
const STARTS: usize = 5;
const HOOK_SECRET: &str = "hook-secret-for-benches";
const TARGET: &str = "/v1/uploadcare/project/";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.first().map(String::as_str) {
        Some("--upstream") => {
            runtime.block_on(upstream());
            return ExitCode::SUCCESS;
        }
        Some("--unaudited") => {
            runtime.block_on(unaudited(&arguments[1]));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS; // built by a test run, which measures nothing
    }
    let directory = tempfile::tempdir().unwrap();
    let good = runtime.block_on(measure(directory.path()));
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lines with their limits.
#[derive(Default)]
struct Table {
    missed: usize,
}

impl Table {
    fn row(&mut self, what: &str, value: f64, unit: &str, limit: Option<(bool, f64)>) {
        let (mark, told) = match limit {
            None => ("      ", String::new()),
            Some((least, limit)) => {
                let holds = if least { value >= limit } else { value <= limit };
                self.missed += usize::from(!holds);
                (
                    if holds { "ok    " } else { "MISSED" },
                    format!("at {} {limit} ({:.2} of it)", if least { "least" } else { "most" }, value / limit),
                )
            }
        };
        println!("{mark}  {what:<58}{value:>12.2} {unit:<8}{told}");
    }
}

/// A process that says where it listens; killed when dropped.
struct Process {
    child: Child,
    address: String,
    started: Duration,
}

impl Process {
    fn start(mut command: Command, said: &str) -> Self {
        let start = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let started = start.elapsed();
        let address = line.strip_prefix(said).unwrap_or_else(|| panic!("{line}")).to_owned();
        // Somebody has to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, started }
    }

    fn again(argument: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(argument);
        Self::start(command, "http://")
    }

    /// Its decisions go into a file: a pipe would measure how fast this process reads it.
    fn signer(policy: &Path) -> Self {
        const SAID: &str = "updock-signer is listening on http://";
        let said = policy.with_file_name("said.txt");
        let start = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_updock-signer"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(policy)
            .env("UPDOCK_LOG", "warn")
            .stdout(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let mut signer = Self { child, address: String::new(), started: Duration::ZERO };
        while signer.address.is_empty() {
            let text = fs::read_to_string(&said).unwrap();
            if let Some((first, _)) = text.split_once('\n') {
                first.strip_prefix(SAID).unwrap_or_else(|| panic!("{first}")).clone_into(&mut signer.address);
                signer.started = start.elapsed();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        signer
    }

    fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first: nginx takes its workers along only then.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..500 {
            if asked.is_err() || !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers everything with a small project.
async fn upstream() {
    const BODY: &str = r#"{"collaborators":[],"name":"bench","pub_key":"demopublickey","autostore_enabled":true}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = service_fn(async |_| {
            let response = http::Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Full::new(bytes::Bytes::from_static(BODY.as_bytes()))).unwrap())
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// A log that takes everything and keeps nothing.
struct Nowhere;

impl DecisionLog for Nowhere {
    fn record(&self, _: Record) -> Recording<'_> {
        Box::pin(async { Ok(()) })
    }
}

/// The signer by its library, without any audit log.
async fn unaudited(policy: &str) {
    let mut policy = Policy::load(Path::new(policy), None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    policy.listen = listener.local_addr().unwrap();
    println!("http://{}", policy.listen);
    let signer = Signer::builder(policy, Arc::new(Nowhere)).build();
    serve(listener, signer.router(), Limits::default(), std::future::pending()).await;
}

fn nginx(directory: &Path, upstream: &str) -> Option<Process> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = directory.display();
    let text = format!(
        "daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n\
         fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         upstream there {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}\n\
         server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;\n\
         location / {{ proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n"
    );
    let conf = directory.join("nginx.conf");
    fs::write(&conf, text).unwrap();
    let child =
        Command::new("nginx").arg("-c").arg(&conf).arg("-p").arg(directory).stderr(Stdio::null()).spawn().ok()?;
    let address = format!("127.0.0.1:{port}");
    let until = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(&address).is_err() {
        if Instant::now() > until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(Process { child, address, started: Duration::ZERO })
}

/// Sends what `request` gives over and over on each connection; how many were answered with 200 in a second, and how
/// long each took, in microseconds and in order.
async fn load(
    address: &str,
    connections: usize,
    time: Duration,
    request: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> (f64, Vec<u64>) {
    let mut tasks = JoinSet::new();
    let end = Instant::now() + time;
    for _ in 0..connections {
        let (address, request) = (address.to_owned(), request.clone());
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
            while Instant::now() < end {
                let text = request();
                let start = Instant::now();
                stream.write_all(text.as_bytes()).await.unwrap();
                answer(&mut stream, &mut buffer).await;
                times.push(u64::try_from(start.elapsed().as_micros()).unwrap());
            }
            times
        });
    }
    let mut times: Vec<u64> = tasks.join_all().await.concat();
    times.sort_unstable();
    let rate = f64::from(u32::try_from(times.len()).unwrap()) / time.as_secs_f64();
    (rate, times)
}

/// Reads one answer, which must be a good one.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the connection ended");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if buffer.len() >= head + 4 + length.expect("a length") {
            return;
        }
    }
}

fn get(target: &str, key: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n")
}

fn quantile(times: &[u64], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((times.len() - 1) as f64 * part) as usize;
    f64::from(u32::try_from(times[at]).unwrap()) / 1000.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(directory: &Path) -> bool {
    let mut table = Table::default();
    let load_before = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load_before = load_before.split(' ').next().unwrap_or_default().to_owned();
    let upstream = Process::again(&["--upstream"]);
    let key = AgentKey::generate();
    for (name, text) in [("secret", "demosecretkey"), ("hook", HOOK_SECRET)] {
        fs::write(directory.join(name), text).unwrap();
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let policy = directory.join("policy.toml");
    let text = format!(
        "version = 1\n[server]\nmax_connections = 2000\n[project]\npublic_key = \"demopublickey\"\n\
         secret = {{ file = \"secret\" }}\n[upstream]\nrest = \"http://{}\"\n\
         [webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n\
         [agents.bench]\nname = \"Bench\"\nkeys = [{{ sha256 = \"{}\" }}]\nproject = \"read\"\nuploads = \"write\"\n",
        upstream.address,
        key.digest()
    );
    fs::write(&policy, text).unwrap();
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
    let unaudited = Process::again(&["--unaudited", policy.to_str().unwrap()]);
    let nginx = nginx(directory, &upstream.address);
    let signer = Process::signer(&policy);

    let (plain, asked) = (get("/project/", "x"), get(TARGET, key.expose()));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(Round {
            direct: rate(&upstream, &plain).await,
            nginx: match &nginx {
                Some(nginx) => Some(rate(nginx, &plain).await),
                None => None,
            },
            bare: rate(&unaudited, &asked).await,
            audited: rate(&signer, &asked).await,
        });
    }
    println!(
        "\n{CONNECTIONS} connections, client and upstream on the same {} cores, load before {}: medians of {ROUNDS} rounds\n",
        std::thread::available_parallelism().unwrap(),
        load_before.trim(),
    );
    let of = |value: &dyn Fn(&Round) -> f64| median(&mut rounds.iter().map(value).collect::<Vec<_>>());
    table.row("the upstream asked directly", of(&|round| round.direct), "/s", None);
    if nginx.is_some() {
        let nginx = |round: &Round| round.nginx.unwrap_or(f64::NAN);
        table.row("through nginx", of(&nginx), "/s", None);
        table.row("reads without audit, of nginx", of(&|round| round.bare / nginx(round)), "x", Some((true, 0.6)));
    } else {
        println!("        nginx is not here: no ratio against it");
    }
    table.row("reads without audit", of(&|round| round.bare), "/s", None);
    table.row("reads without audit, of direct", of(&|round| round.bare / round.direct), "x", Some((true, 0.25)));
    table.row("reads with durable audit", of(&|round| round.audited), "/s", None);
    table.row(
        "reads with durable audit, of direct",
        of(&|round| round.audited / round.direct),
        "x",
        Some((true, 0.12)),
    );

    // One connection: nobody waits for anybody, so the difference is the signer's own time.
    let (mut p50, mut p99, mut audit) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let direct = alone(&upstream, &plain).await;
        let bare = alone(&unaudited, &asked).await;
        let audited = alone(&signer, &asked).await;
        p50.push(quantile(&bare, 0.5) - quantile(&direct, 0.5));
        p99.push(quantile(&bare, 0.99) - quantile(&direct, 0.99));
        audit.push(quantile(&audited, 0.5) - quantile(&bare, 0.5));
    }
    table.row("own time without audit, p50", median(&mut p50), "ms", Some((false, 0.3)));
    table.row("own time without audit, p99", median(&mut p99), "ms", Some((false, 2.0)));
    table.row("one fsync of this disk, p50", fsync(directory), "ms", None);
    table.row("what audit adds, p50", median(&mut audit), "ms", Some((false, 1.0)));

    webhooks(&mut table, directory, &signer).await;
    credentials(&mut table, &policy, &key).await;
    crowd(&mut table, &signer, &asked).await;
    drop(signer);
    let mut starts: Vec<f64> = (0..STARTS).map(|_| Process::signer(&policy).started.as_secs_f64() * 1000.0).collect();
    table.row("start", median(&mut starts), "ms", Some((false, 200.0)));
    table.missed == 0
}

/// What no durable log can go below, right now: a page at the end of a file, and until it is on the disk.
fn fsync(directory: &Path) -> f64 {
    use std::io::Write;
    let mut file = fs::File::create(directory.join("fsync")).unwrap();
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[0; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    median(&mut times)
}

/// One after another, at nearly the same time.
struct Round {
    direct: f64,
    nginx: Option<f64>,
    bare: f64,
    audited: f64,
}

async fn rate(process: &Process, request: &str) -> f64 {
    let request = request.to_owned();
    load(&process.address, CONNECTIONS, ROUND, move || request.clone()).await.0
}

async fn alone(process: &Process, request: &str) -> Vec<u64> {
    let request = request.to_owned();
    load(&process.address, 1, ALONE, move || request.clone()).await.1
}

/// Each delivery another: verified, looked up, committed.
async fn webhooks(table: &mut Table, directory: &Path, signer: &Process) {
    let state = updock_signer::state::SqliteState::open(&directory.join("updock-signer.db")).await.unwrap();
    let slug = updock_signer::webhooks::slug(&state).await.unwrap();
    let next = Arc::new(AtomicU64::new(1));
    let secret = SecretKey::parse(HOOK_SECRET).unwrap();
    let request = move || {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let body = format!(
            "{{\"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\"project_pub_key\":\"demopublickey\"}},\
             \"data\":{{\"uuid\":\"{}\"}}}}",
            FileUuid::from_random_bytes(bytes)
        );
        let signature = webhook_signature(&secret, body.as_bytes());
        let length = body.len();
        format!(
            "POST /hooks/uploadcare/{slug} HTTP/1.1\r\nhost: x\r\nx-uc-signature: {signature}\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    };
    let (rate, _) = load(&signer.address, CONNECTIONS, TIME, request).await;
    table.row("webhooks verified, told apart and committed", rate, "/s", Some((true, 5000.0)));
}

/// In this process, on one thread, through the whole router.
async fn credentials(table: &mut Table, policy: &Path, key: &AgentKey) {
    let policy = Policy::load(policy, None).unwrap();
    let router = Signer::builder(policy, Arc::new(Nowhere)).build().router();
    let authorization = format!("Bearer {}", key.expose());
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < TIME {
        for _ in 0..100 {
            let request = http::Request::post("/v1/upload-credentials").header("authorization", &authorization);
            let response = router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), 200);
            count += 1;
        }
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    table.row("upload credentials on one core, in process", rate, "/s", Some((true, 50_000.0)));
}

/// A thousand connections, each of which was used.
async fn crowd(table: &mut Table, signer: &Process, request: &str) {
    let mut crowd = Vec::new();
    let mut buffer = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(&signer.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, &mut buffer).await;
        crowd.push(stream);
    }
    table.row("memory at 1000 connections", signer.resident_mib(), "MiB", Some((false, 64.0)));
}
