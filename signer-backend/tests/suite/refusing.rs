//! When nothing can be recorded, nothing is done; reads go on only where the policy says so.

use crate::http_client::send;
use crate::stage::{SECRET, agent, bearer};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use updock_local::LocalUploadcare;
use updock_signer::log::{DecisionLog, LogError, Record, Recording};
use updock_signer::policy::{Policy, Sources};
use updock_signer::{Limits, Signer, serve};

/// A log on a full disk.
struct Full;

impl DecisionLog for Full {
    fn record(&self, _: Record) -> Recording<'_> {
        Box::pin(async { Err(LogError) })
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    for (audit, read, reached) in [("", 503, 0), ("[audit]\non_failure = \"count\"\n", 200, 1)] {
        let local = LocalUploadcare::start().await.unwrap();
        let (key, section) = agent("media", "files = \"full\"");
        let text = format!(
            "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ env = \"SECRET\" }}\n\
             [upstream]\nrest = \"{}\"\n{audit}{section}",
            local.base_url()
        );
        let env = |_: &str| Some(SECRET.to_owned());
        let mut policy = Policy::parse(&text, &Sources { directory: Path::new("."), env: &env }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        policy.listen = listener.local_addr().unwrap();
        let base = format!("http://{}", policy.listen);
        let signer = Signer::builder(policy, Arc::new(Full)).build();
        let serving = tokio::spawn(serve(listener, signer.router(), Limits::default(), std::future::pending()));
        let headers = [("authorization", bearer(&key))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = send(&base, "GET", "/v1/uploadcare/files/", &headers, "").await;
        assert_eq!(reply.status, read, "{audit}");
        let file = "/v1/uploadcare/files/17be4678-dab7-4bc7-8753-28914a22960a/storage/";
        let reply = send(&base, "DELETE", file, &headers, "").await;
        assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (503, "unavailable"));
        assert_eq!(local.requests().iter().filter(|request| request.path.starts_with("/files/")).count(), reached);
        serving.abort();
    }
}
