//! The servers that are measured, each in a process of its own: the stand-in, a bare hyper server that writes what it
//! gets, and a bare axum handler that answers bytes it was given.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use md5::Digest;
use std::{
    convert::Infallible,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

/// Kills its process in the end.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:1234`.
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process and waits until it says where it listens.
fn start(command: &mut Command) -> Server {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit('/').next().unwrap().to_owned();
    Server { child, address }
}

/// The stand-in.
pub(crate) fn local(directory: &Path, more: &[&str]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updock-local"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory).args(more);
    start(&mut command)
}

/// The bare hyper server.
pub(crate) fn bare_disk(directory: &Path, md5: bool) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    start(command.arg("--bare-disk").arg(directory).args(md5.then_some("--md5")))
}

/// The bare axum handler, which answers with what the file holds.
pub(crate) fn bare_answer(file: &Path) -> Server {
    start(Command::new(std::env::current_exe().unwrap()).arg("--bare-answer").arg(file))
}

/// The most memory a process ever had, in MiB; zero where it is not told.
pub(crate) fn peak_mib(process: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u32>().ok()).map_or(0, |kib| kib / 1024)
}

/// Is this process started to be one of the bare servers? Then it is one, until it is killed.
pub(crate) fn serve_bare(arguments: &[String]) -> bool {
    match arguments {
        [kind, directory, rest @ ..] if kind == "--bare-disk" => disk(Path::new(directory), !rest.is_empty()),
        [kind, file, ..] if kind == "--bare-answer" => answer(std::fs::read(file).unwrap().into()),
        _ => return false,
    }
    true
}

async fn listen() -> tokio::net::TcpListener {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    listener
}

#[tokio::main]
async fn answer(bytes: Bytes) {
    let listener = listen().await;
    let answer = move || async move { ([("content-type", "application/vnd.uploadcare-v0.7+json")], bytes) };
    let router = axum::Router::new().fallback(axum::routing::get(answer));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Takes bodies and writes them, in the same large batches on blocking threads, and nothing else but hashing if asked.
#[tokio::main]
async fn disk(directory: &Path, md5: bool) {
    let listener = listen().await;
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
