//! Bodies: a request's, read frame by frame with patience that ends, and one that is read from a file as it is sent.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use http_body_util::BodyExt;
use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;

/// Bytes read from disk at a time.
const CHUNK: usize = 256 * 1024;

/// The next `size` bytes of a file, read on blocking threads as they are wanted.
pub(crate) fn of_file(blob: File, size: u64) -> Body {
    Body::from_stream(stream::try_unfold((blob, size), |(mut blob, left)| async move {
        if left == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = move || -> io::Result<(Bytes, File)> {
            let mut bytes = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            blob.read_exact(&mut bytes)?;
            Ok((bytes.into(), blob))
        };
        let (bytes, blob) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        let left = left - bytes.len() as u64;
        Ok(Some((bytes, (blob, left))))
    }))
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client sent nothing for too long.
    #[error("the client sent nothing for too long")]
    TimedOut,
    /// The client went away, or sent what is no HTTP.
    #[error("the body ended early")]
    Broken,
    /// The body is larger than this endpoint takes.
    #[error("the body is too large")]
    TooLarge,
}

/// Reads a body at the client's pace.
pub(crate) struct BodyReader {
    body: Body,
    patience: Duration,
    ended: bool,
}

/// Most that is read and thrown away after a refusal, so that a client that only then listens hears the answer
/// instead of a reset connection.
const DRAINED_BYTES: u64 = 256 * 1024 * 1024;
const DRAINED_FOR: Duration = Duration::from_secs(20);

impl BodyReader {
    /// Gives up after `patience` without a byte.
    pub(crate) fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience, ended: false }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        while !self.ended {
            let Ok(frame) = timeout(self.patience, self.body.frame()).await else {
                return Err(self.fail(BodyError::TimedOut));
            };
            match frame {
                None => self.ended = true,
                Some(Err(_)) => return Err(self.fail(BodyError::Broken)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
        Ok(None)
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.ended = true;
        error
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() + bytes.len() > limit {
                return Err(BodyError::TooLarge);
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    /// Reads what is left and throws it away, within limits.
    pub(crate) async fn drain(&mut self) {
        let _ = timeout(DRAINED_FOR, async {
            let mut left = DRAINED_BYTES;
            while let Ok(Some(bytes)) = self.next().await {
                left = left.saturating_sub(bytes.len() as u64);
                if left == 0 {
                    break;
                }
            }
        })
        .await;
    }

    /// The body as a stream for a parser that buffers all it can get: it pauses after each [`BURST`], so that memory
    /// stays small, and ends with an error when `hoard` says that the parser makes no progress.
    pub(crate) fn paced<'a>(
        &'a mut self,
        hoard: &'a Hoard,
    ) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'a {
        let inner = stream::unfold(self, |reader| async move {
            let item = reader.next().await.transpose()?;
            Some((item, reader))
        });
        Paced { inner: Box::pin(inner), hoard, burst: 0 }
    }
}

/// Bytes handed to a parser in one go.
const BURST: usize = 32 * 1024;
/// Bytes a parser may hold before it must have made something of them.
const HOARD: usize = 1024 * 1024;

/// Counts the bytes that a parser holds.
#[derive(Debug, Default)]
pub(crate) struct Hoard(std::sync::atomic::AtomicUsize);

impl Hoard {
    /// The parser made something of what it had.
    pub(crate) fn progress(&self) {
        self.0.store(0, std::sync::atomic::Ordering::Relaxed);
    }
}

struct Paced<'a, S> {
    inner: Pin<Box<S>>,
    hoard: &'a Hoard,
    burst: usize,
}

impl<S: Stream<Item = Result<Bytes, BodyError>>> Stream for Paced<'_, S> {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.burst >= BURST {
            self.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.inner.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                let held = self.hoard.0.fetch_add(bytes.len(), std::sync::atomic::Ordering::Relaxed) + bytes.len();
                if held > HOARD + bytes.len() {
                    return Poll::Ready(Some(Err(BodyError::Broken)));
                }
                self.burst += bytes.len();
            }
            Poll::Pending => self.burst = 0,
            Poll::Ready(_) => {}
        }
        polled
    }
}
