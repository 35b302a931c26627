//! Requests that the stand-in itself makes: to webhook targets and to sources of uploads.
//!
//! Where private addresses are refused, a name is resolved once, every address it has must be public, and the
//! connection goes to one of exactly these: a name that resolves to something else a moment later gains nothing.
//! Leaves redirects to the caller, who checks each hop like the first.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    error::Error,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::Service;
use updock_types::net::is_public;
use url::{Host, Url};

/// What our requests say about who sends them.
pub(crate) const USER_AGENT: &str = concat!("updock-local/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a host is not talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostRefused {
    /// It has a private address, and these are refused.
    #[error("only public addresses are allowed")]
    Private,
    /// It has no address.
    #[error("the host does not exist")]
    Unknown,
}

/// Makes requests; clones share connections.
#[derive(Clone)]
pub(crate) struct Outward {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private: bool,
}

impl Outward {
    /// To private addresses too, where `private`.
    pub(crate) fn new(private: bool) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { private });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring knows the protocol versions that rustls asks for");
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(15))
            .build(tls.https_or_http().enable_http1().wrap_connector(tcp));
        Self { client, private }
    }

    /// Sends a request and waits for the head of the answer. [`Self::check`] its URL before.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        self.client.request(request).await
    }

    /// May this URL be talked to? Resolves its name where that matters.
    pub(crate) async fn check(&self, url: &Url) -> Result<(), HostRefused> {
        match url.host() {
            None => Err(HostRefused::Unknown),
            // Literal addresses never reach the resolver.
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(_)) if self.private => Ok(()),
            Some(Host::Domain(name)) => {
                let resolving = tokio::time::timeout(RESOLVE_TIMEOUT, resolve(name.to_owned(), false));
                match resolving.await {
                    Ok(Err(error)) => Err(refusal(&error).unwrap_or(HostRefused::Unknown)),
                    // Public, or a slow name server: then the request itself will tell.
                    Ok(Ok(_)) | Err(_) => Ok(()),
                }
            }
        }
    }

    fn allows(&self, address: IpAddr) -> Result<(), HostRefused> {
        if self.private || is_public(address) { Ok(()) } else { Err(HostRefused::Private) }
    }
}

/// The refusal among the causes of an error.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<HostRefused> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<HostRefused>() {
            return Some(*refused);
        }
        // An `io::Error` does not show what it wraps as its source but that one's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refused) = wrapped.and_then(|wrapped| wrapped.downcast_ref::<HostRefused>()) {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}

/// Resolves names for connections.
#[derive(Clone)]
struct Resolver {
    private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(resolve(name.as_str().to_owned(), self.private))
    }
}

async fn resolve(name: String, private: bool) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    // Port 0: the connector puts in that of the URL.
    let found = tokio::net::lookup_host((name, 0)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| io::Error::other(HostRefused::Unknown))?.collect();
    if addresses.is_empty() {
        return Err(io::Error::other(HostRefused::Unknown));
    }
    if !private && !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(io::Error::other(HostRefused::Private));
    }
    Ok(addresses.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_spelling_of_a_private_address_is_refused() {
        let outward = Outward::new(false);
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1:80/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://user@127.0.0.1/",
        ] {
            assert_eq!(outward.check(&Url::parse(url).unwrap()).await, Err(HostRefused::Private), "{url}");
        }
        assert_eq!(outward.check(&Url::parse("http://8.8.8.8/").unwrap()).await, Ok(()));
        assert_eq!(Outward::new(true).check(&Url::parse("http://127.0.0.1/").unwrap()).await, Ok(()));
        // Also when the connection is made, whatever was checked before.
        let request = Request::get("http://localhost:9/").body(Full::default()).unwrap();
        let error = outward.send(request).await.unwrap_err();
        assert_eq!(refusal(&error), Some(HostRefused::Private), "{error:?}");
    }
}
