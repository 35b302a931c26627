//! Listening: the accept loop with its timeouts, connections that faults can cut, and an orderly end.

use crate::{app::App, control, front};
use axum::Router;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinSet,
};

/// How long requests under way may take to end at a shutdown.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes that a connection reads ahead; with thousands of connections this is what they weigh.
const READ_AHEAD: usize = 64 * 1024;

/// Accepts until `stop` is told or dropped, then lets requests under way end.
pub(crate) async fn serve(listener: TcpListener, app: App, mut stop: oneshot::Receiver<()>) {
    let control = control::router(app.clone());
    let graceful = GracefulShutdown::new();
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, app.clone(), control.clone(), graceful.watcher()));
                }
                Err(error) => {
                    // Out of descriptors, most likely: others must end first.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stop => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

async fn converse(stream: TcpStream, app: App, control: Router, watcher: Watcher) {
    let _ = stream.set_nodelay(true); // a matter of speed only
    let cut = Cut::default();
    let header_timeout = app.config.header_timeout;
    let peer = Peer { stream, cut: cut.clone() };
    let service = {
        let cut = cut.clone();
        service_fn(move |request: Request<Incoming>| {
            let answer = front::handle(app.clone(), control.clone(), cut.clone(), request);
            async move { Ok::<_, Infallible>(answer.await) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(peer), service);
    tokio::select! {
        ended = watcher.watch(connection) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        },
        () = cut.done() => {}
    }
}

/// Cuts a connection from within a request.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<(AtomicBool, Notify)>);

impl Cut {
    /// Now, without a goodbye.
    pub(crate) fn now(&self) {
        self.0.0.store(true, Ordering::Relaxed);
        self.0.1.notify_one();
    }

    async fn done(&self) {
        self.0.1.notified().await;
    }
}

/// A client's connection. One that was cut ends with a reset instead of an orderly close.
struct Peer {
    stream: TcpStream,
    cut: Cut,
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.cut.0.0.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
