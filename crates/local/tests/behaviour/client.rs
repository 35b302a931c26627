//! A client that sends exactly what a test says, and the stand-in it talks to.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use updock_local::{Config, LocalUploadcare};
use updock_sign::SecretKey;

pub(crate) const KEY: &str = "demopublickey";
pub(crate) const SECRET: &str = "demosecretkey";
/// A file that is never there.
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
pub(crate) const MIB: usize = 1024 * 1024;

/// A stand-in and a client of it.
pub(crate) struct Service {
    pub(crate) local: LocalUploadcare,
    pub(crate) http: Http,
}

/// A client with one address.
#[derive(Clone)]
pub(crate) struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and sentence of an error in the envelope, which must travel under 200.
    pub(crate) fn error(&self) -> (u64, String, String) {
        assert_eq!((self.status.as_u16(), self.header("content-type")), (200, "application/json"), "{}", self.text());
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (error["status_code"].as_u64().unwrap(), text("error_code"), text("content"))
    }

    pub(crate) fn uuid(&self, field: &str) -> String {
        let json = self.json();
        json[field].as_str().unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
    }
}

impl std::ops::Deref for Service {
    type Target = Http;
    fn deref(&self) -> &Http {
        &self.http
    }
}

pub(crate) async fn service() -> Service {
    service_with(Config::default()).await
}

pub(crate) async fn service_with(config: Config) -> Service {
    let local = LocalUploadcare::with(config).await.unwrap();
    let http = Http::new(local.base_url());
    Service { local, http }
}

/// Like [`Config::default`], where uploads must bring a credential.
pub(crate) fn signed() -> Config {
    Config { signed_uploads: true, ..Config::default() }
}

pub(crate) fn secret() -> SecretKey {
    SecretKey::parse(SECRET).unwrap()
}

pub(crate) fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A form as browsers send it.
#[derive(Default)]
pub(crate) struct Form {
    body: Vec<u8>,
}

pub(crate) const BOUNDARY: &str = "----updockboundary7MA4YWxk";

impl Form {
    /// With the project's public key.
    pub(crate) fn new() -> Self {
        Self::default().field("UPLOADCARE_PUB_KEY", KEY)
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(value.as_bytes());
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn file(mut self, field: &str, name: &str, mime: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn build(mut self) -> Bytes {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.body.into()
    }
}

impl Http {
    pub(crate) fn new(base: String) -> Self {
        Self { base, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends to a path, or to a whole URL; an error where the connection broke.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let uri = if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", self.base) };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_send(method, target, headers, body).await.unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target, &[], "").await
    }

    pub(crate) async fn form(&self, target: &str, form: Form) -> Answer {
        self.form_with(target, form, &[]).await
    }

    pub(crate) async fn form_with(&self, target: &str, form: Form, headers: &[(&str, &str)]) -> Answer {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [headers, &[("content-type", content_type.as_str())]].concat();
        self.send(Method::POST, target, &headers, form.build()).await
    }

    pub(crate) async fn urlencoded(&self, target: &str, pairs: &[(&str, &str)]) -> Answer {
        self.urlencoded_with(target, pairs, &[]).await
    }

    pub(crate) async fn urlencoded_with(
        &self,
        target: &str,
        pairs: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let headers = [headers, &[("content-type", "application/x-www-form-urlencoded")]].concat();
        self.send(Method::POST, target, &headers, body).await
    }

    /// Uploads directly; the file's UUID.
    pub(crate) async fn upload(&self, name: &str, mime: &str, bytes: &[u8]) -> String {
        let answer = self.form("/base/", Form::new().file("file", name, mime, bytes)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.uuid("file")
    }

    pub(crate) async fn info(&self, uuid: &str) -> Value {
        let answer = self.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Starts a multipart upload; the file's UUID and the parts' URLs.
    pub(crate) async fn start(&self, size: usize, more: &[(&str, &str)]) -> (String, Vec<String>) {
        let size = size.to_string();
        let pairs = [
            &[
                ("UPLOADCARE_PUB_KEY", KEY),
                ("filename", "big file.bin"),
                ("size", &size),
                ("content_type", "video/mp4"),
            ],
            more,
        ]
        .concat();
        let answer = self.urlencoded("/multipart/start/", &pairs).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let parts = serde_json::from_value(answer.json()["parts"].take()).unwrap();
        (answer.uuid("uuid"), parts)
    }

    pub(crate) async fn put(&self, url: &str, bytes: impl Into<Bytes>) -> Answer {
        self.send(Method::PUT, url, &[("content-type", "application/octet-stream")], bytes).await
    }

    pub(crate) async fn complete(&self, uuid: &str) -> Answer {
        self.urlencoded("/multipart/complete/?jsonerrors=1", &[("UPLOADCARE_PUB_KEY", KEY), ("uuid", uuid)]).await
    }
}

/// Bytes that differ from each other and from every other seed's.
pub(crate) fn bytes(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}
