//! The client: builds, signs and sends a [`Call`], and reads the answer within bounds of time and size.
//!
//! hyper-util's client keeps our request target byte for byte, so what is signed is what is sent. The typed methods
//! are in `rest.rs`, lists as streams in `pages.rs`, waiting for jobs in `jobs.rs`.

use crate::answer::{Answer, receive};
use crate::http::{Http, Payload, USER_AGENT, connections};
use crate::retry::Retry;
use crate::{ApiKey, Base, Call, Error};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use updock_sign::{RestRequest, body_md5, http_date, rest_signature};
use updock_types::PublicKey;
use updock_types::rest::MEDIA_TYPE;
use updock_types::signer::{CredentialRequest, IssuedCredential, paths};

const JSON: &str = "application/json";

/// A client of one project. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http,
    rest: Base,
    public_key: PublicKey,
    key: ApiKey,
    answer_timeout: Duration,
    answer_limit: usize,
    retry: Retry,
}

/// Settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct Builder {
    rest: Base,
    public_key: PublicKey,
    key: ApiKey,
    connect_timeout: Duration,
    answer_timeout: Duration,
    answer_limit: usize,
    retry: Retry,
}

impl Builder {
    /// Where the REST API is served; `https://api.uploadcare.com/` otherwise. With an agent key, the address of the
    /// signer, which must be given.
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

    /// How long an attempt may take from start to last byte; 30 s otherwise.
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

    /// How often, and how long, to try again; [`Retry::NEVER`] otherwise, because a server that calls on somebody's
    /// behalf must not hold them.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The client. Connects only when asked something.
    pub fn build(self) -> Client {
        Client(Arc::new(Inner {
            http: connections(self.connect_timeout),
            rest: self.rest,
            public_key: self.public_key,
            key: self.key,
            answer_timeout: self.answer_timeout,
            answer_limit: self.answer_limit,
            retry: self.retry,
        }))
    }
}

impl Client {
    /// Settings for a client of the project `public_key`: `key` is the project's secret key, which signs its requests, or
    /// an agent key, which they carry.
    pub fn builder(public_key: PublicKey, key: impl Into<ApiKey>) -> Builder {
        Builder {
            rest: Base::uploadcare_rest(),
            public_key,
            key: key.into(),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            answer_limit: 16 * 1024 * 1024,
            retry: Retry::NEVER,
        }
    }

    /// Makes a call and reads its answer as `T`: for whoever needs less of it than the typed methods read.
    pub async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.send(call).await?.read()
    }

    /// Makes a call and gives the answer as it came, whatever its status; where [`Builder::retry`] says so, only after
    /// the last attempt.
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let body = Bytes::from(call.body());
        let (target, row) = (call.target(), call.id().row());
        self.0.retry.run(row.repeat, || self.attempt(row.method.as_str(), &target, &body)).await
    }

    /// An upload credential from the signer that knows this client's agent key, within what its policy allows. Each call
    /// makes another. Uploadcare has no such address: with a secret key it is refused, and not needed.
    pub async fn upload_credential(&self, asked: &CredentialRequest) -> Result<IssuedCredential, Error> {
        let body = serde_json::to_vec(asked).expect("a wish is text and numbers");
        self.attempt("POST", paths::UPLOAD_CREDENTIALS, &body.into()).await?.read()
    }

    async fn attempt(&self, method: &str, target: &str, body: &Bytes) -> Result<Answer, Error> {
        let request = self.request(method, target, body)?;
        let Inner { http, answer_timeout, answer_limit, .. } = &*self.0;
        receive(http, request, *answer_timeout, *answer_limit).await
    }

    /// A request with the date of this moment: a date may be at most 15 minutes old.
    fn request(&self, method: &str, target: &str, body: &Bytes) -> Result<Request<Payload>, Error> {
        let Inner { rest, public_key, key, .. } = &*self.0;
        let date = http_date(now());
        let shown = match key {
            ApiKey::Secret(secret) => {
                let request =
                    RestRequest { method, body_md5: &body_md5(body), content_type: JSON, date: &date, target };
                let signature = rest_signature(secret, &request);
                format!("Uploadcare {}:{signature}", public_key.as_str())
            }
            ApiKey::Agent(agent) => {
                agent.shown_to(rest, public_key).ok_or_else(|| Error::KeyWithheld { from: rest.clone() })?
            }
        };
        let build = || -> Result<_, http::Error> {
            let mut authorization = HeaderValue::from_str(&shown)?;
            authorization.set_sensitive(true);
            Request::builder()
                .method(method)
                .uri(rest.uri(target)?)
                .header(header::ACCEPT, MEDIA_TYPE)
                .header(header::AUTHORIZATION, authorization)
                // Without a body too: official SDKs always send it, and it is part of what is signed.
                .header(header::CONTENT_TYPE, JSON)
                .header(header::DATE, &date)
                .header(header::USER_AGENT, USER_AGENT)
                .body(Payload::whole(body.clone()))
        };
        build().map_err(|error| Error::Unexpected { status: 0, what: format!("the request cannot be built: {error}") })
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
