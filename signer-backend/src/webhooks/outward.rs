//! Requests that the signer itself makes to strangers: targets of webhooks, keys that verify tokens.
//!
//! A name is resolved once, every address it has must be public (or in a network that the policy names), and the
//! connection goes to one of exactly these: a name that resolves to something else a moment later gains nothing.
//! Redirects are not followed.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::Service;
use updock_types::net::is_public;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a target may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Of an answer, how much is read: only so that its connection can be used again.
const HEARD: usize = 64 * 1024;

/// Why a target is not talked to, or did not answer well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has an address in a private network that the policy does not name.
    #[error("it has a private address; name its network in the policy if that is meant")]
    Private,
    /// It has no address.
    #[error("the host does not exist")]
    Unknown,
    /// It did not answer in time.
    #[error("no answer in time")]
    Timeout,
    /// It cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Its answer is larger than what is read.
    #[error("its answer is too large, or broke off")]
    Unread,
    /// Its answer is no success.
    #[error("it answered {0}")]
    Status(u16),
}

/// Makes requests; clones share connections.
#[derive(Clone)]
pub struct Outward {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    networks: Arc<[IpNet]>,
}

impl Outward {
    /// To public addresses, and to those in `networks`.
    pub fn new(networks: &[IpNet]) -> Self {
        let networks: Arc<[IpNet]> = Arc::from(networks);
        let mut tcp = HttpConnector::new_with_resolver(Resolver(Arc::clone(&networks)));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let ring = rustls::crypto::ring::default_provider;
        let tls = match HttpsConnectorBuilder::new().with_provider_and_native_roots(ring()) {
            Ok(native) => native,
            Err(_) => HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(ring())
                .expect("ring speaks the default TLS versions"),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(15))
            .build(tls.https_or_http().enable_http1().wrap_connector(tcp));
        Self { client, networks }
    }

    /// Sends a request; good is only a success.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<(), Refused> {
        check_literal(request.uri(), &self.networks)?;
        let sending = async {
            let response = self.client.request(request).await.map_err(|error| why(&error))?;
            let status = response.status();
            let _ = Limited::new(response.into_body(), HEARD).collect().await;
            Ok::<StatusCode, Refused>(status)
        };
        let status = tokio::time::timeout(ANSWER_TIMEOUT, sending).await.map_err(|_| Refused::Timeout)??;
        if status.is_success() { Ok(()) } else { Err(Refused::Status(status.as_u16())) }
    }
}

impl Outward {
    /// What is at `uri`, if it is a success and has at most `most` bytes.
    pub async fn read(&self, uri: Uri, most: usize) -> Result<Bytes, Refused> {
        check_literal(&uri, &self.networks)?;
        let request = Request::get(uri).header(http::header::ACCEPT, "application/json").body(Full::default());
        let request = request.map_err(|_| Refused::Unknown)?;
        let reading = async {
            let response = self.client.request(request).await.map_err(|error| why(&error))?;
            let status = response.status();
            if !status.is_success() {
                return Err(Refused::Status(status.as_u16()));
            }
            let body = Limited::new(response.into_body(), most).collect().await.map_err(|_| Refused::Unread)?;
            Ok(body.to_bytes())
        };
        tokio::time::timeout(ANSWER_TIMEOUT, reading).await.map_err(|_| Refused::Timeout)?
    }
}

/// Literal addresses never reach the resolver.
fn check_literal(uri: &Uri, networks: &[IpNet]) -> Result<(), Refused> {
    let host = uri.host().ok_or(Refused::Unknown)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) if !allowed(address, networks) => Err(Refused::Private),
        // Whatever else looks like a number, resolvers may read as an address; no public host is named so.
        Err(_) if bare.rsplit('.').find(|label| !label.is_empty()).is_none_or(is_numeric) => Err(Refused::Private),
        _ => Ok(()),
    }
}

fn is_numeric(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x") || label.starts_with("0X")
}

/// The refusal among the causes of an error, or the innermost cause.
fn why(error: &(dyn Error + 'static)) -> Refused {
    let mut cause = error;
    loop {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refused) = wrapped.and_then(|wrapped| wrapped.downcast_ref::<Refused>()) {
            return refused.clone();
        }
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => return Refused::Unreachable(cause.to_string()),
        }
    }
}

#[derive(Clone)]
struct Resolver(Arc<[IpNet]>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let networks = Arc::clone(&self.0);
        Box::pin(async move {
            // Port 0: the connector puts in that of the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| io::Error::other(Refused::Unknown))?.collect();
            if found.is_empty() {
                return Err(io::Error::other(Refused::Unknown));
            }
            if found.iter().any(|address| !allowed(address.ip(), &networks)) {
                return Err(io::Error::other(Refused::Private));
            }
            Ok(found.into_iter())
        })
    }
}

fn allowed(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    is_public(address) || networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_spelling_of_a_private_address_is_talked_to() {
        let outward = Outward::new(&["10.1.0.0/16".parse().unwrap()]);
        for (host, expected) in [
            ("127.0.0.1", Refused::Private),
            ("2130706433", Refused::Private),
            ("0x7f.1", Refused::Private),
            ("0177.0.0.1", Refused::Private),
            ("127.1", Refused::Private),
            ("127.0.0.1.", Refused::Private),
            ("169.254.169.254", Refused::Private),
            ("10.2.0.1", Refused::Private),
            ("[::1]", Refused::Private),
            ("[::ffff:127.0.0.1]", Refused::Private),
            ("[64:ff9b::a00:1]", Refused::Private),
            ("[fd00::1]", Refused::Private),
            ("[2002:7f00:1::]", Refused::Private),
            ("localhost", Refused::Private),
            ("user@127.0.0.1", Refused::Private),
        ] {
            let request = Request::post(format!("http://{host}:9/")).body(Full::default()).unwrap();
            assert_eq!(outward.send(request).await, Err(expected), "{host}");
        }
    }

    #[test]
    fn a_host_is_a_name_an_allowed_address_or_refused() {
        let networks = ["10.1.0.0/16".parse().unwrap()];
        for (host, expected) in [
            ("hooks.example.com", Ok(())),
            ("hooks.example.com.", Ok(())),
            ("7.example.7up", Ok(())),
            ("x0.example.x0", Ok(())),
            ("10.1.2.3", Ok(())),
            ("[2606:4700::1111]", Ok(())),
            ("10.2.2.3", Err(Refused::Private)),
            ("2130706433", Err(Refused::Private)),
            ("127.0x1", Err(Refused::Private)),
            ("127.0X1", Err(Refused::Private)),
            ("[::1]", Err(Refused::Private)),
        ] {
            let uri: Uri = format!("http://{host}:9/").parse().unwrap();
            assert_eq!(check_literal(&uri, &networks), expected, "{host}");
        }
    }

    #[test]
    fn what_the_policy_names_is_allowed() {
        let networks = ["10.1.0.0/16".parse().unwrap(), "fd12::/32".parse().unwrap()];
        for (address, expected) in
            [("10.1.2.3", true), ("10.2.2.3", false), ("fd12::1", true), ("::ffff:10.1.2.3", true), ("8.8.8.8", true)]
        {
            assert_eq!(allowed(address.parse().unwrap(), &networks), expected, "{address}");
        }
    }
}
