//! The policy file of a running program: what happens when it changes.

use crate::http_client::send;
use crate::keeping::run;
use crate::process::{Running, write_policy};
use crate::stage::{agent, bearer};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use updock_local::LocalUploadcare;

/// Lines until one holds `text`. Other lines may come for ever, so there is an end to the waiting.
async fn told(running: &mut Running, text: &str) -> String {
    let found = async {
        loop {
            let line = running.next_line().await;
            if line.contains(text) {
                return line;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), found).await.unwrap_or_else(|_| panic!("no line says {text:?}"))
}

#[tokio::test]
async fn a_changed_policy_is_taken_and_a_bad_one_leaves_the_last_good_one() {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let numbers = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (key, section) = agent("media", "");
    let write = |grants: &str| {
        let more = format!("[server]\nmetrics = \"{numbers}\"\n{section}{grants}\n");
        write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &more)
    };
    let policy = write("groups = \"read\"");
    let mut running = Running::start(&policy, "error").await;
    let base = running.base.clone();
    let list = || async {
        send(&base, "GET", "/v1/uploadcare/files/", &[("authorization", &bearer(&key))], "").await.status.as_u16()
    };
    assert_eq!(list().await, 403);

    write("files = \"read\"");
    let line = told(&mut running, "The policy was replaced").await;
    assert!(line.contains("before it "), "{line}");
    assert_eq!(list().await, 200, "what is granted now is allowed");

    for (bad, why) in [
        ("file = \"full\"", "`file` is not known here; did you mean `files`?"),
        ("files = \"off\"", "no agent is granted anything"),
        ("files = \"read\"\noops", "not taken: line "),
        ("files = \"full\"\n[state]\nsqlite = \"other.db\"", "[state] cannot change while the signer runs"),
    ] {
        write(bad);
        let line = told(&mut running, "A new policy was not taken").await;
        assert!(line.contains(why), "{bad}: {line}");
        assert!(line.contains("The one before it stays"), "{line}");
        assert_eq!(list().await, 200, "{bad}: the last good policy stays");
    }
    fs::remove_file(&policy).unwrap();
    told(&mut running, "the file cannot be read").await;
    assert_eq!(list().await, 200, "without a file too");

    write("groups = \"read\"");
    told(&mut running, "The policy was replaced").await;
    assert_eq!(list().await, 403, "what is no longer granted is refused");

    running.signal("HUP").await;
    told(&mut running, "The policy was read again and is the same").await;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
    let line = told(&mut running, "A new policy was not taken").await;
    assert!(line.contains("others on this machine could change what is allowed (mode 666); run: chmod go-w"), "{line}");
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
    told(&mut running, "The policy was read again and is the same").await;
    let told = send(&format!("http://{numbers}"), "GET", "/metrics", &[], "").await;
    let told = String::from_utf8(told.body.to_vec()).unwrap();
    for line in ["updock_policy_reads_total{outcome=\"refused\"} 6", "updock_policy_reads_total{outcome=\"taken\"} 4"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    running.signal("TERM").await;
    assert!(running.child.wait().await.unwrap().success());
    let (_, found) = run(&policy, &["audit", "search", "--text", "policy", "--json", "--limit", "1000"]);
    assert_eq!(found.matches("A new policy was not taken").count(), 6, "{found}");
    let (_, found) = run(&policy, &["audit", "search", "--operation", "files.list", "--verdict", "allow", "--json"]);
    let record: serde_json::Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    assert_eq!(record["rule"], "agents.media.files = read");
    assert_eq!(record["policy"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn no_request_sees_half_of_a_policy() {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // In each policy one of two is granted, never both and never neither.
    let (key, section) = agent("media", "");
    let write = |grants: &str| {
        write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &format!("{section}{grants}\n"))
    };
    let policy = write("uploads = \"read\"");
    let mut running = Running::start(&policy, "error").await;
    let base = running.base.clone();
    let authorization = bearer(&key);
    for turn in 0..4 {
        write(if turn % 2 == 0 { "uploads = \"off\"\nfiles = \"read\"" } else { "uploads = \"read\"" });
        let asks = async {
            loop {
                let reply = send(&base, "GET", "/v1/upload-policy", &[("authorization", &authorization)], "").await;
                assert!(matches!(reply.status.as_u16(), 200 | 403), "{:?}", reply.body);
            }
        };
        tokio::select! {
            _ = told(&mut running, "The policy was replaced") => {}
            () = asks => {}
        }
    }
}
