//! Requests as cheap as they can be made, so that the server is what is measured; and the table of what came of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Figures with their limits.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<(f64, bool)>,
}

impl Table {
    pub(crate) fn at_least(&mut self, what: &str, value: f64, limit: f64, unit: &'static str) {
        self.0.push(Row { what: what.to_owned(), value, unit, limit: Some((limit, true)) });
    }

    pub(crate) fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &'static str) {
        self.0.push(Row { what: what.to_owned(), value, unit, limit: Some((limit, false)) });
    }

    /// A figure without a limit, for reading the others.
    pub(crate) fn told(&mut self, what: &str, value: f64, unit: &'static str) {
        self.0.push(Row { what: what.to_owned(), value, unit, limit: None });
    }

    /// False where a limit does not hold.
    pub(crate) fn print(&self) -> bool {
        let mut held = true;
        println!();
        for Row { what, value, unit, limit } in &self.0 {
            let (mark, bound) = match limit {
                None => ("    ", String::new()),
                Some((limit, at_least)) => {
                    // Not a number holds nothing.
                    let holds = if *at_least { value >= limit } else { value <= limit };
                    held &= holds;
                    let word = if *at_least { "at least" } else { "at most" };
                    (if holds { "ok  " } else { "OVER" }, format!("{word} {limit}"))
                }
            };
            println!("{mark}  {what:<56}{value:>9.2} {unit:<4}{bound}");
        }
        held
    }
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request on a connection of its own and returns the body of the answer, which must be a success.
pub(crate) fn call(address: &str, head: &str, body: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let head = head.replacen("host: x\r\n", "host: x\r\nconnection: close\r\n", 1);
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A `GET` of the REST API.
pub(crate) fn rest(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\naccept: application/vnd.uploadcare-v0.7+json\r\nauthorization: Uploadcare.Simple demopublickey:demosecretkey\r\n\r\n"
    )
}

/// A connection that is used again and again.
pub(crate) struct Line {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub(crate) fn open(address: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, buffer: Vec::with_capacity(256 * 1024) }
    }

    /// Sends a request and reads the answer, which must be a success and say its length; how long that took.
    pub(crate) fn ask(&mut self, request: &str) -> Duration {
        let started = Instant::now();
        self.socket.write_all(request.as_bytes()).unwrap();
        self.buffer.clear();
        let mut piece = [0; 16 * 1024];
        let mut whole = None;
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            let count = self.socket.read(&mut piece).unwrap();
            assert!(count > 0, "the connection ended");
            self.buffer.extend_from_slice(&piece[..count]);
            if whole.is_none()
                && let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{head}");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                whole = Some(end + 4 + length.trim().parse::<usize>().unwrap());
            }
        }
        started.elapsed()
    }
}

/// Requests a second with `lines` connections, for so long.
#[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
pub(crate) fn rate(address: &str, request: &str, lines: usize, time: Duration) -> f64 {
    let (count, deadline) = (Arc::new(AtomicU64::default()), Instant::now() + time);
    let workers: Vec<_> = (0..lines)
        .map(|_| {
            let (mut line, request, count) = (Line::open(address), request.to_owned(), count.clone());
            std::thread::spawn(move || {
                while Instant::now() < deadline {
                    line.ask(&request);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / time.as_secs_f64()
}
