//! The example that nests the signer into somebody's own application, run as it stands.

#[path = "../../examples/nested.rs"]
#[expect(dead_code, reason = "its main is for people")]
mod example;

use crate::http_client::send;
use crate::process::write_policy;
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use std::path::Path;
use tokio::net::TcpListener;
use updock_local::LocalUploadcare;
use updock_signer::policy::Policy;
use updock_signer::state::{AuditQuery, SqliteState, State};
use updock_signer::{Limits, serve};

#[tokio::test]
async fn the_signer_works_below_a_path_of_somebodys_own_application() {
    let local = LocalUploadcare::start().await.unwrap();
    for name in ["a.png", "b.png"] {
        assert_eq!(upload(&local, &[], &[], name, PNG).await.status, 200);
    }
    let folder = tempfile::tempdir().unwrap();
    let (key, section) = agent("media", "files = \"read\"");
    let policy = write_policy(folder.path(), "demosecretkey", &local.base_url(), &format!("{VISITORS}{section}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = example::app(Policy::load(Path::new(&policy), None).unwrap(), &base).await.unwrap();
    tokio::spawn(serve(listener, app, Limits::default(), std::future::pending()));

    let key = bearer(&key);
    let authorization = [("authorization", key.as_str())];
    let own = send(&base, "GET", "/", &[], "").await;
    assert_eq!((own.status.as_u16(), &own.body[..]), (200, &b"This is my own application.\n"[..]));
    assert_eq!(send(&base, "GET", "/livez", &[], "").await.status, 404, "the root is not the signer's");
    assert_eq!(send(&base, "GET", "/signer/readyz", &[], "").await.status, 200);
    let page = send(&base, "GET", "/signer/v1/uploadcare/files/?limit=1", &authorization, "").await.json();
    let next = page["next"].as_str().unwrap().strip_prefix(&base).expect("links stay within");
    assert!(next.starts_with("/signer/v1/uploadcare/files/?"), "{next}");
    let page = send(&base, "GET", next, &authorization, "").await.json();
    assert_eq!(page["results"].as_array().unwrap().len(), 1);
    assert_eq!(send(&base, "GET", "/signer/v1/uploadcare/groups/", &authorization, "").await.problem().status, 403);
    assert_eq!(send(&base, "POST", "/signer/v1/upload-credentials", &[("origin", PAGE)], "").await.status, 200);
    assert_eq!(send(&base, "GET", "/signer/nothing", &[], "").await.kind(), "not-found");
    let state = SqliteState::open(&folder.path().join("updock-signer.db")).await.unwrap();
    let found = state.search(AuditQuery { most: 100, ..AuditQuery::default() }).await.unwrap();
    assert!(
        found
            .iter()
            .any(|row| row.operation.as_deref() == Some("groups.list") && row.verdict.as_deref() == Some("deny"))
    );
}
