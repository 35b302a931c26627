//! A server outside: what webhooks are delivered to, and what files are fetched from.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A request that came.
#[derive(Clone)]
pub(crate) struct Came {
    pub(crate) at: Instant,
    pub(crate) method: http::Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Came {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Answers as its script says, and remembers what came. Gone when dropped.
pub(crate) struct Outside {
    address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    serving: JoinHandle<()>,
}

impl Outside {
    /// `script` sees the request and how many came before it.
    pub(crate) async fn start(script: impl Fn(&Came, usize) -> Response<Full<Bytes>> + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// On a certain address.
    pub(crate) async fn at(
        address: SocketAddr,
        script: impl Fn(&Came, usize) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let (noted, script) = (came.clone(), Arc::new(script));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, script) = (noted.clone(), script.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (noted, script) = (noted.clone(), script.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let came = Came {
                            at: Instant::now(),
                            method: parts.method,
                            target: parts.uri.to_string(),
                            headers: parts.headers,
                            body: body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
                        };
                        let before = {
                            let mut noted = noted.lock().unwrap();
                            noted.push(came.clone());
                            noted.len() - 1
                        };
                        Ok::<_, Infallible>(script(&came, before))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, came, serving }
    }

    /// Always answers with this status.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::start(move |_, _| answer(status, "")).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn until(&self, count: usize) -> Vec<Came> {
        let came = async {
            while self.came.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let patience = tokio::time::timeout(Duration::from_secs(20), came).await;
        assert!(patience.is_ok(), "only {} of {count} requests came", self.came().len());
        self.came()
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

/// Asks again and again until the answer is as wanted.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}
