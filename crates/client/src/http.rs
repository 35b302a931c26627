//! Connections, and bodies that are read from a file while they are sent.
//!
//! A body is a sequence of pieces: bytes at hand, or a range of an open file. Of a file at most two blocks are in memory
//! for each body, whatever its size: the one that is being sent and the one that is read meanwhile. Positions are the
//! body's own, so that any number of bodies read one open file at the same time.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// Sends requests; clones share connections.
pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Payload>;

/// What is read of a file at once: large enough that reading costs little, small enough that many bodies fit.
const BLOCK: u64 = 256 * 1024;

/// What every request says about who sends it.
pub(crate) const USER_AGENT: &str = concat!("updock/", env!("CARGO_PKG_VERSION"));

/// A client of any host, over HTTP/1.1 and HTTP/2.
pub(crate) fn connections(connect_timeout: Duration) -> Http {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    // The machine's own certificates first (a company may have its own); a bare container has none.
    let ring = rustls::crypto::ring::default_provider;
    let tls = match HttpsConnectorBuilder::new().with_provider_and_native_roots(ring()) {
        Ok(native) => native,
        Err(_) => HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring())
            .expect("ring speaks the default TLS versions"),
    };
    let connector = tls.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector)
}

/// A piece of a body.
pub(crate) enum Piece {
    /// Bytes at hand.
    Bytes(Bytes),
    /// A range of a file.
    File(Arc<File>, Range<u64>),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, range) => range.end.saturating_sub(range.start),
        }
    }
}

/// How far a body is, to be read from outside.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sent: AtomicU64,
    unreadable: AtomicBool,
}

impl Meter {
    /// Bytes handed to the connection so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Could the file not be read?
    pub(crate) fn unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Relaxed)
    }
}

/// A request's body, of a length known beforehand.
pub(crate) struct Payload {
    pieces: VecDeque<Piece>,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    meter: Arc<Meter>,
}

impl Payload {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self::metered(pieces, &Arc::default())
    }

    /// With a meter that somebody else reads.
    pub(crate) fn metered(pieces: impl IntoIterator<Item = Piece>, meter: &Arc<Meter>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().filter(|piece| piece.len() > 0).collect();
        Self { left: pieces.iter().map(Piece::len).sum(), pieces, reading: None, meter: Arc::clone(meter) }
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new([Piece::Bytes(bytes.into())])
    }

    /// Starts reading the next block if the next piece is of a file.
    fn read_ahead(&mut self) {
        if self.reading.is_some() {
            return;
        }
        let Some(Piece::File(file, range)) = self.pieces.front_mut() else { return };
        let file = Arc::clone(file);
        let block = range.start..range.end.min(range.start + BLOCK);
        range.start = block.end;
        if range.start >= range.end {
            self.pieces.pop_front();
        }
        self.reading = Some(spawn_blocking(move || read(&file, block)));
    }

    fn hand_out(&mut self, bytes: Bytes) -> Frame<Bytes> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        self.meter.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Frame::data(bytes)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.read_ahead();
        if let Some(reading) = &mut self.reading {
            let read = std::task::ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            return Poll::Ready(Some(match read.map_err(io::Error::other).flatten() {
                Ok(bytes) => {
                    let frame = self.hand_out(bytes);
                    self.read_ahead();
                    Ok(frame)
                }
                Err(error) => {
                    self.meter.unreadable.store(true, Ordering::Relaxed);
                    Err(error)
                }
            }));
        }
        Poll::Ready(match self.pieces.pop_front() {
            Some(Piece::Bytes(bytes)) => Some(Ok(self.hand_out(bytes))),
            Some(Piece::File(..)) | None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Reads exactly these bytes; a file that ends before them is an error.
fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut block = vec![0; len];
    read_exact_at(file, &mut block, range.start)?;
    Ok(block.into())
}

#[cfg(unix)]
fn read_exact_at(file: &File, block: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, block, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut block: &mut [u8], mut at: u64) -> io::Result<()> {
    while !block.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, block, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                block = &mut block[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::Write;

    #[tokio::test]
    async fn a_body_is_its_pieces_in_order_and_says_its_length() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..BLOCK * 2 + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        file.write_all(&content).unwrap();
        let file = Arc::new(file);
        let pieces = [
            Piece::Bytes("head".into()),
            Piece::File(Arc::clone(&file), 3..content.len() as u64),
            Piece::Bytes("tail".into()),
        ];
        let meter = Arc::default();
        let body = Payload::metered(pieces, &meter);
        assert_eq!(body.size_hint().exact(), Some(content.len() as u64 - 3 + 8));
        let sent = body.collect().await.unwrap().to_bytes();
        assert_eq!(sent, [b"head", &content[3..], b"tail"].concat());
        assert_eq!(meter.sent(), sent.len() as u64);
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_is_unreadable() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        let meter = Arc::default();
        let body = Payload::metered([Piece::File(Arc::new(file), 0..10)], &meter);
        assert!(body.collect().await.is_err());
        assert!(meter.unreadable());
    }
}
