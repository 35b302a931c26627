//! The accept loop: HTTP/1.1 with time limits for headers and for taking what is answered, a cap on connections, and
//! an end that lets running requests finish.
//!
//! axum's own `serve` has no time limit for headers: a half-sent request would hold its connection for ever. HTTP/2
//! is left to the proxy in front: hyper-util's protocol detection waits for first bytes without any limit.

use crate::peers::{Peers, PerPeer};
use crate::taken::Taken;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request's headers may take to arrive.
    pub header_timeout: Duration,
    /// How long the other side may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// Most connections at a time; more wait in the system's queue.
    pub connections: u32,
    /// Most connections of one peer at a time; more are closed at once.
    pub per_peer: PerPeer,
    /// How long running requests may take to finish at the end.
    pub drain: Duration,
}

impl Default for Limits {
    /// 10 s for headers, 30 s to take something, 1024 connections, of which another machine takes 256, 10 s to finish.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            connections: 1024,
            per_peer: PerPeer::FromElsewhere(256),
            drain: Duration::from_secs(10),
        }
    }
}

/// Largest head of a request in bytes.
const HEAD: usize = 16 * 1024;

/// Serves until `end` comes, then lets running requests finish.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, end: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(limits.connections as usize));
    let peers = Peers::new(limits.per_peer);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD);
    tokio::pin!(end);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let ((Ok(permit), Ok((stream, peer))), false) = (tokio::select! {
            accepted = accepted => (accepted, false),
            () = &mut end => break,
        }) else {
            // Out of file descriptors, most likely: the next try would fail at once too.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Whoever has too many is not waited for, and gets no answer: that would cost us more than it costs them.
        let Some(place) = peers.admit(peer.ip()) else { continue };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Taken::within(limits.write_timeout, stream)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop((place, permit));
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}
