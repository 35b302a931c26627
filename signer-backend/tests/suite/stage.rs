//! A stand-in, a signer in front of it, and what tests ask of both.

use crate::http_client::{Reply, send};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use updock_local::{Config, LocalUploadcare};
use updock_signer::key::AgentKey;
use updock_signer::log::MemoryLog;
use updock_signer::policy::{Policy, Sources};
use updock_signer::state::State;
use updock_signer::{Limits, Signer, serve};
use updock_types::FileUuid;

pub(crate) const SECRET: &str = "demosecretkey";
/// The page that is listed in [`VISITORS`].
pub(crate) const PAGE: &str = "http://127.0.0.1:4000";
pub(crate) const VISITORS: &str = "[uploads.visitors]\norigins = [\"http://127.0.0.1:4000\"]\n";

/// A running signer; it ends when this is dropped.
pub(crate) struct Stage {
    pub(crate) local: LocalUploadcare,
    pub(crate) signer: Signer,
    pub(crate) base: String,
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<MemoryLog>,
    rest: String,
    _end: oneshot::Sender<()>,
}

/// How a [`Stage`] is set up.
pub(crate) struct Setup {
    pub(crate) local: Config,
    /// Besides version, project and upstream.
    pub(crate) policy: String,
    pub(crate) secret: &'static str,
    pub(crate) rest: Option<String>,
    pub(crate) upstream_timeout: Duration,
    pub(crate) limits: Limits,
    /// What no policy file says yet.
    pub(crate) adjust: fn(&mut Policy),
    /// Where it keeps what it must not forget; in memory if nowhere.
    pub(crate) state: Option<Arc<dyn State>>,
}

impl Setup {
    pub(crate) fn new(policy: impl Into<String>) -> Self {
        Self {
            local: Config::default(),
            policy: policy.into(),
            secret: SECRET,
            rest: None,
            upstream_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            adjust: |_| (),
            state: None,
        }
    }

    pub(crate) async fn start(self) -> Stage {
        let local = LocalUploadcare::with(self.local).await.unwrap();
        let rest = self.rest.unwrap_or_else(|| local.base_url());
        let mut policy = policy(&rest, self.secret, &self.policy);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        policy.listen = address;
        (self.adjust)(&mut policy);
        let log = Arc::new(MemoryLog::default());
        let mut builder = Signer::builder(policy, Arc::clone(&log) as _).upstream_timeout(self.upstream_timeout);
        if let Some(state) = self.state {
            builder = builder.state(state);
        }
        let signer = builder.build();
        let (end, ended) = oneshot::channel::<()>();
        let ended = async {
            let _ = ended.await;
        };
        tokio::spawn(serve(listener, signer.router(), self.limits, ended));
        Stage { local, signer, base: format!("http://{address}"), address, log, rest, _end: end }
    }
}

fn policy(rest: &str, secret: &str, rules: &str) -> Policy {
    let text = format!(
        "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ env = \"SECRET\" }}\n\
         [upstream]\nrest = \"{rest}\"\n{rules}"
    );
    let env = |name: &str| (name == "SECRET").then(|| secret.to_owned());
    Policy::parse(&text, &Sources { directory: Path::new("."), env: &env }).unwrap()
}

impl Stage {
    /// Puts another policy in the place of the one that holds.
    pub(crate) fn replace(&self, rules: &str) {
        let mut policy = policy(&self.rest, SECRET, rules);
        policy.listen = self.address;
        self.signer.replace(policy).unwrap();
    }

    pub(crate) async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        send(&self.base, method, target, headers, body.to_owned()).await
    }

    /// As the agent with that key does.
    pub(crate) async fn ask(&self, key: &str, method: &str, target: &str, body: &str) -> Reply {
        let authorization = bearer(key);
        let mut headers = vec![("authorization", authorization.as_str())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.send(method, target, &headers, body).await
    }

    /// As a browser on the listed page does.
    pub(crate) async fn visit(&self, target: &str, body: &str) -> Reply {
        self.send("POST", target, &[("origin", PAGE), ("content-type", "application/json")], body).await
    }

    pub(crate) async fn confirm(&self, file: FileUuid) -> Reply {
        self.visit("/v1/uploads/confirm", &format!("{{\"uuid\":\"{file}\"}}")).await
    }

    /// The sentences so far.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.log.records().into_iter().map(|record| record.text).collect()
    }

    /// How many REST requests reached the stand-in.
    pub(crate) fn rest_requests(&self) -> usize {
        let roots = ["files", "groups", "convert", "addons", "webhooks", "project"];
        let rest = |path: &str| roots.iter().any(|root| path.starts_with(&format!("/{root}/")));
        self.local.requests().iter().filter(|request| rest(&request.path)).count()
    }

    /// A file in the stand-in, not stored.
    pub(crate) async fn file(&self, name: &str, bytes: &[u8]) -> FileUuid {
        let reply = upload(&self.local, &[("UPLOADCARE_STORE", "0")], &[], name, bytes).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        FileUuid::parse(reply.json()["file"].as_str().unwrap()).unwrap()
    }
}

/// A direct upload to the stand-in with these fields and headers.
pub(crate) async fn upload(
    local: &LocalUploadcare,
    fields: &[(&str, &str)],
    headers: &[(&str, &str)],
    name: &str,
    bytes: &[u8],
) -> Reply {
    let mut form = String::new();
    for (field, value) in [("UPLOADCARE_PUB_KEY", "demopublickey")].iter().chain(fields) {
        write!(form, "--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").unwrap();
    }
    write!(form, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n").unwrap();
    form.push_str("Content-Type: application/octet-stream\r\n\r\n");
    let body = [form.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
    let headers = [&[("content-type", "multipart/form-data; boundary=b")], headers].concat();
    send(&local.base_url(), "POST", "/base/", &headers, body).await
}

/// An agent's key and its section of the policy file.
pub(crate) fn agent(id: &str, grants: &str) -> (String, String) {
    let key = AgentKey::generate();
    let section = format!(
        "[agents.{id}]\nname = \"Agent {id}\"\nkeys = [{{ id = \"{}\", sha256 = \"{}\" }}]\n{grants}\n",
        key.id(),
        key.digest()
    );
    (key.expose().to_owned(), section)
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// The smallest PNG.
pub(crate) const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x62, 0, 1, 0, 0, 5, 0, 1,
    0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
