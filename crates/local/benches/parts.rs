//! How fast parts go in, beside a bare hyper server that writes the same bytes to the same disk, in one run; and how
//! much memory that takes. `cargo bench -p updock-local --bench parts`
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use md5::Digest;
use std::{
    convert::Infallible,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

const MIB: usize = 1024 * 1024;
const PART: usize = 16 * MIB;
const SIZE: usize = 1024 * MIB;
const PARALLEL: usize = 4;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--bare") {
        return bare(Path::new(&arguments[at + 1]), arguments.iter().any(|argument| argument == "--md5"));
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        return; // built by a test run, which measures nothing
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut ratios, mut hashing_ratios) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let bare = measure_bare(&directory.path().join("bare"), false);
        // The ETag of a part is its MD5, and that costs more than all the rest: so also with it.
        let hashing = measure_bare(&directory.path().join("bare"), true);
        let (local, peak) = measure_local(&directory.path().join("local"));
        ratios.push(local / bare);
        hashing_ratios.push(local / hashing);
        println!(
            "round {round}: bare {bare:.0} MB/s, bare with MD5 {hashing:.0} MB/s, updock-local {local:.0} MB/s, peak memory {peak} MiB"
        );
        std::fs::remove_dir_all(directory.path().join("local")).unwrap();
    }
    for (what, ratios) in [("bare", &mut ratios), ("bare with MD5", &mut hashing_ratios)] {
        ratios.sort_by(f64::total_cmp);
        println!("updock-local / {what}: median {:.2}", ratios[ROUNDS / 2]);
    }
}

/// Kills its process in the end.
struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Server {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap().to_owned();
    Server(child, address)
}

fn measure_bare(directory: &Path, md5: bool) -> f64 {
    std::fs::create_dir_all(directory).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--bare").arg(directory).args(md5.then_some("--md5"));
    let server = start(&mut command);
    let targets = (0..SIZE / PART).map(|part| format!("/{part}")).collect();
    let rate = send_all(&server.1, targets);
    std::fs::remove_dir_all(directory).unwrap();
    rate
}

fn measure_local(directory: &Path) -> (f64, usize) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updock-local"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    let server = start(&mut command);
    let body = format!(
        "UPLOADCARE_PUB_KEY=demopublickey&filename=a.bin&size={SIZE}&part_size={PART}&content_type=application/octet-stream"
    );
    let started = call(&server.1, &post("/multipart/start/", &body), b"");
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let urls = started["parts"].as_array().unwrap().iter().map(|url| url.as_str().unwrap());
    let targets = urls.map(|url| format!("/{}", url.splitn(4, '/').nth(3).unwrap())).collect();
    let rate = send_all(&server.1, targets);
    let uuid = started["uuid"].as_str().unwrap();
    let body = format!("UPLOADCARE_PUB_KEY=demopublickey&uuid={uuid}");
    let info = call(&server.1, &post("/multipart/complete/", &body), b"");
    assert!(info.contains(&format!("\"size\":{SIZE},")), "{info}");
    (rate, peak(server.0.id()))
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The most memory the process ever had, in MiB; zero where it is not told.
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok()).map_or(0, |kib| kib / 1024)
}

/// Puts one part to each target, several at once; bytes a second, in millions.
#[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
fn send_all(address: &str, targets: Vec<String>) -> f64 {
    let part: Arc<Vec<u8>> = Arc::new((0..PART).map(|at| u8::try_from(at % 251).unwrap()).collect());
    let (targets, next) = (Arc::new(targets), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let workers = (0..PARALLEL).map(|_| {
        let (address, part, targets, next) = (address.to_owned(), part.clone(), targets.clone(), next.clone());
        std::thread::spawn(move || {
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                let head = format!("PUT {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {PART}\r\n\r\n");
                call(&address, &head, &part);
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        worker.join().unwrap();
    }
    SIZE as f64 / 1e6 / started.elapsed().as_secs_f64()
}

/// Sends a request on a connection of its own and returns the body of the answer, which must be a success.
fn call(address: &str, head: &str, body: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let head = head.replacen("host: x\r\n", "host: x\r\nconnection: close\r\n", 1);
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Takes bodies and writes them, in the same large batches on blocking threads, and nothing else but hashing if asked.
#[tokio::main]
async fn bare(directory: &Path, md5: bool) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let directory = Arc::new(directory.to_owned());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let directory = directory.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| take(directory.clone(), md5, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(
    directory: Arc<PathBuf>,
    md5: bool,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let name = request.uri().path().trim_start_matches('/').to_owned();
    let file = Arc::new(Mutex::new((File::create(directory.join(name)).unwrap(), md5::Md5::new())));
    let mut body = request.into_body();
    let (mut batch, mut size) = (Vec::new(), 0);
    let mut writing = tokio::task::spawn_blocking(|| ());
    loop {
        let bytes = body.frame().await.map(|frame| frame.unwrap().into_data().unwrap());
        let ended = bytes.is_none();
        size += bytes.as_ref().map_or(0, Bytes::len);
        batch.extend(bytes);
        if ended || size >= 256 * 1024 {
            writing.await.unwrap();
            let (file, pieces): (_, Vec<Bytes>) = (file.clone(), std::mem::take(&mut batch));
            size = 0;
            writing = tokio::task::spawn_blocking(move || {
                let mut file = file.lock().unwrap();
                for piece in pieces {
                    if md5 {
                        file.1.update(&piece);
                    }
                    file.0.write_all(&piece).unwrap();
                }
            });
        }
        if ended {
            break;
        }
    }
    writing.await.unwrap();
    Ok(Response::new(Empty::new()))
}
