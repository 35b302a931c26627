//! Bodies on a bad line: counted, slow, or broken off half-way, as a fault asks. Nothing here knows what they carry.

use crate::{journal::Entry, server::Cut};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    collections::VecDeque,
    future::Future,
    num::NonZeroU64,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// How often a slow line lets something through. Shorter than any patience, so that slow is never taken for dead.
const BEAT: Duration = Duration::from_millis(50);
/// What an answer's first half gets to leave in before the connection is cut.
const LINGER: Duration = Duration::from_millis(50);

/// A request's body that counts what comes, can be looked into before it is read, and can cut the connection half-way.
pub(crate) struct Watched {
    inner: Incoming,
    entry: Arc<Entry>,
    /// What was looked at and not read yet.
    ahead: VecDeque<Bytes>,
    cut_at: Option<(u64, Cut)>,
}

impl Watched {
    pub(crate) fn new(inner: Incoming, entry: Arc<Entry>) -> Self {
        Self { inner, entry, ahead: VecDeque::new(), cut_at: None }
    }

    /// Cuts the connection when more than `bytes` have come, or all.
    pub(crate) fn cut_at(&mut self, bytes: u64, cut: Cut) {
        self.cut_at = Some((bytes, cut));
    }

    /// The beginning of the body, `most` bytes or a little more; it is read all the same. Ends early where the client
    /// does, or sends nothing for `patience`.
    pub(crate) async fn peek(&mut self, most: usize, patience: Duration) -> Vec<u8> {
        let mut seen = Vec::new();
        while seen.len() < most {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.inner).poll_frame(cx));
            let Ok(Some(Ok(frame))) = tokio::time::timeout(patience, frame).await else { break };
            if let Ok(bytes) = frame.into_data() {
                self.entry.receive(bytes.len() as u64);
                seen.extend_from_slice(&bytes);
                self.ahead.push_back(bytes);
            }
        }
        seen
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = match self.ahead.pop_front() {
            Some(bytes) => {
                let frame = Poll::Ready(Some(Ok(Frame::data(bytes))));
                (frame, self.entry.receive(0))
            }
            None => {
                let frame = Pin::new(&mut self.inner).poll_frame(cx);
                let bytes = match &frame {
                    Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                (frame, self.entry.receive(bytes as u64))
            }
        };
        let (frame, received) = polled;
        if let (Poll::Ready(ready), Some((at, cut))) = (&frame, &self.cut_at)
            && (received > *at || ready.is_none())
        {
            cut.now();
            return Poll::Pending; // and never again: the connection's task ends
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.cut_at.is_none() && self.ahead.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: usize = self.ahead.iter().map(Bytes::len).sum();
        let mut hint = self.inner.size_hint();
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + ahead as u64);
        }
        hint
    }
}

/// A body that lets only so many bytes a second through.
pub(crate) struct Slow<B> {
    inner: B,
    rate: NonZeroU64,
    /// What came and was not let through yet.
    held: Bytes,
    wait: Pin<Box<Sleep>>,
}

impl<B> Slow<B> {
    pub(crate) fn new(inner: B, rate: NonZeroU64) -> Self {
        Self { inner, rate, held: Bytes::new(), wait: Box::pin(sleep_until(Instant::now())) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Slow<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            ready!(self.wait.as_mut().poll(cx));
            if self.held.is_empty() {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) => self.held = bytes,
                        Err(other) => return Poll::Ready(Some(Ok(other))),
                    },
                    end => return Poll::Ready(end),
                }
                continue;
            }
            let beat = u128::from(self.rate.get()) * BEAT.as_millis() / 1000;
            let most = usize::try_from(beat.max(1)).unwrap_or(usize::MAX);
            let length = most.min(self.held.len());
            let piece = self.held.split_to(length);
            #[expect(clippy::cast_precision_loss, reason = "a waiting time")]
            let takes = Duration::from_secs_f64(piece.len() as f64 / self.rate.get() as f64);
            // From when the last wait ended, so that being woken late does not add up.
            let next = self.wait.deadline().max(Instant::now().checked_sub(BEAT).unwrap_or_else(Instant::now)) + takes;
            self.wait.as_mut().reset(next);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + self.held.len() as u64);
        }
        hint
    }
}

/// An answer's body of which the first half comes, and then the connection breaks.
pub(crate) struct Half<B> {
    inner: B,
    left: u64,
    cut: Cut,
    wait: Option<Pin<Box<Sleep>>>,
}

impl<B: Body> Half<B> {
    /// `announced` is what the answer's head says of its length, for a body that does not know it itself.
    pub(crate) fn new(inner: B, announced: Option<u64>, cut: Cut) -> Self {
        let left = inner.size_hint().exact().or(announced).unwrap_or(0) / 2;
        Self { inner, left, cut, wait: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Half<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.left > 0
            && let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx))
        {
            return Poll::Ready(Some(frame.map(|frame| match frame.into_data() {
                Ok(mut bytes) => {
                    bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= bytes.len() as u64;
                    Frame::data(bytes)
                }
                Err(other) => other,
            })));
        }
        let wait = self.wait.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + LINGER)));
        ready!(wait.as_mut().poll(cx));
        self.cut.now();
        Poll::Pending // and never again: the connection's task ends
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    #[tokio::test]
    async fn a_slow_line_takes_the_time_it_should_and_lets_little_through_at_once() {
        let body = Slow::new(Full::new(Bytes::from(vec![7; 3_000])), NonZeroU64::new(10_000).unwrap());
        let started = Instant::now();
        let mut body = Box::pin(body);
        let mut came = 0;
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap().len();
            assert!(piece <= 500, "half of what may come in a tenth of a second");
            came += piece;
        }
        assert_eq!(came, 3_000);
        assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
    }
}
