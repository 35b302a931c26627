//! The client: builds, signs and sends a [`Call`], and reads the answer within bounds of time and size.
//!
//! hyper-util's client keeps our request target byte for byte, so what is signed is what is sent.

use crate::{Base, Call, Error};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Http, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use updock_sign::{RestRequest, SecretKey, body_md5, http_date, rest_signature};
use updock_types::rest::{File, FilesQuery, MEDIA_TYPE, Page, Project};
use updock_types::{FileUuid, PublicKey};

const JSON: &str = "application/json";
/// What official SDKs wait when they are throttled without being told for how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A client of one project. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    rest: Base,
    public_key: PublicKey,
    secret: SecretKey,
    answer_timeout: Duration,
    answer_limit: usize,
}

/// Settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct Builder {
    rest: Base,
    public_key: PublicKey,
    secret: SecretKey,
    connect_timeout: Duration,
    answer_timeout: Duration,
    answer_limit: usize,
}

impl Builder {
    /// Where the REST API is served; `https://api.uploadcare.com/` otherwise.
    #[must_use]
    pub fn rest(mut self, base: Base) -> Self {
        self.rest = base;
        self
    }

    /// How long connecting may take; 5 s otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may take from start to last byte; 30 s otherwise.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Largest answer in bytes; 16 MiB otherwise (a page of 1000 files has about 1.5 MB).
    #[must_use]
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// The client. Connects only when asked something.
    pub fn build(self) -> Client {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.connect_timeout));
        // The machine's own certificates first (a company may have its own); a bare container has none.
        let ring = rustls::crypto::ring::default_provider;
        let tls = match HttpsConnectorBuilder::new().with_provider_and_native_roots(ring()) {
            Ok(native) => native,
            Err(_) => HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(ring())
                .expect("ring speaks the default TLS versions"),
        };
        let connector = tls.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Client(Arc::new(Inner {
            http,
            rest: self.rest,
            public_key: self.public_key,
            secret: self.secret,
            answer_timeout: self.answer_timeout,
            answer_limit: self.answer_limit,
        }))
    }
}

/// An answer of any status, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Its headers, as they came.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The value in a successful answer; the error in any other.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let unexpected = |what: String| Error::Unexpected { status: self.status.as_u16(), what };
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::Throttled { wait: self.wait() });
        }
        if self.status.is_client_error() {
            let detail = detail(&self.body).unwrap_or_else(|| "no reason given".to_owned());
            return Err(Error::Refused { status: self.status.as_u16(), detail });
        }
        if !self.status.is_success() {
            return Err(unexpected("neither success nor a refusal".to_owned()));
        }
        serde_json::from_slice(&self.body).map_err(|error| unexpected(format!("not the JSON we know: {error}")))
    }

    /// How long a throttled caller should wait.
    pub fn wait(&self) -> Duration {
        let told = self.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        told.map_or(DEFAULT_WAIT, Duration::from_secs).clamp(Duration::from_secs(1), LONGEST_WAIT)
    }
}

/// The sentence in an error body. Source: REST API v0.7, Errors (`detail`, or a map of fields to texts).
fn detail(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    if let Some(text) = value.get("detail").and_then(serde_json::Value::as_str) {
        return Some(text.to_owned());
    }
    let (field, texts) = value.as_object()?.iter().next()?;
    Some(format!("{field}: {}", texts.get(0)?.as_str()?))
}

impl Client {
    /// Settings for a client of the project `public_key`, whose requests `secret` signs.
    pub fn builder(public_key: PublicKey, secret: SecretKey) -> Builder {
        Builder {
            rest: Base::uploadcare_rest(),
            public_key,
            secret,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            answer_limit: 16 * 1024 * 1024,
        }
    }

    /// One page of files.
    pub async fn files_list(&self, query: FilesQuery) -> Result<Page<File>, Error> {
        self.ask(&Call::FilesList(query)).await
    }

    /// A file's facts; also those of a removed one.
    pub async fn file_info(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileInfo(file)).await
    }

    /// Keeps a file beyond 24 hours. May be repeated.
    pub async fn file_store(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileStore(file)).await
    }

    /// Removes a file. May be repeated.
    pub async fn file_delete(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileDelete(file)).await
    }

    /// The project's facts.
    pub async fn project(&self) -> Result<Project, Error> {
        self.ask(&Call::ProjectInfo).await
    }

    /// Makes a call and reads its answer as `T`: for whoever needs less of it than the typed methods read.
    pub async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.send(call).await?.read()
    }

    /// Makes a call and gives the answer as it came, whatever its status.
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let after = self.0.answer_timeout;
        tokio::time::timeout(after, self.attempt(call)).await.unwrap_or(Err(Error::Timeout { after }))
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Error> {
        let response = self.0.http.request(self.signed(call)?).await.map_err(|error| {
            if error.is_connect() { Error::Unreachable(error) } else { Error::Broken(error.into()) }
        })?;
        let (parts, body) = response.into_parts();
        let limit = self.0.answer_limit;
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Error::TooLarge { limit } } else { Error::Broken(error) }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    /// A request with the date of this moment: a date may be at most 15 minutes old.
    fn signed(&self, call: &Call) -> Result<Request<Full<Bytes>>, Error> {
        let (method, target, date) = (call.method().as_str(), call.target(), http_date(now()));
        let request =
            RestRequest { method, body_md5: &body_md5(b""), content_type: JSON, date: &date, target: &target };
        let signature = rest_signature(&self.0.secret, &request);
        let build = || -> Result<_, http::Error> {
            let mut authorization =
                HeaderValue::from_str(&format!("Uploadcare {}:{signature}", self.0.public_key.as_str()))?;
            authorization.set_sensitive(true);
            Request::builder()
                .method(method)
                .uri(self.0.rest.uri(&target)?)
                .header(header::ACCEPT, MEDIA_TYPE)
                .header(header::AUTHORIZATION, authorization)
                // Without a body too: official SDKs always send it, and it is part of what is signed.
                .header(header::CONTENT_TYPE, JSON)
                .header(header::DATE, &date)
                .header(header::USER_AGENT, concat!("updock/", env!("CARGO_PKG_VERSION")))
                .body(Full::default())
        };
        build().map_err(|error| Error::Unexpected { status: 0, what: format!("the request cannot be built: {error}") })
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
