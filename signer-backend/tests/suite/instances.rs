//! Two instances on one PostgreSQL behind one address: they count together, also when one of them is killed, and what
//! came with an idempotency key is done once.

use crate::http_client::{Reply, send};
use crate::keeping::run;
use crate::postgres::Database;
use crate::process::{Running, write_policy};
use crate::stage::{PNG, agent, bearer, upload};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use updock_local::{Effect, Fault, LocalUploadcare};
use updock_sign::{SecretKey, webhook_signature};

const HOOK_SECRET: &str = "hook-secret-for-tests";

/// One address before several: each connection goes to the next one that answers.
async fn one_address(instances: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let next = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            let (instances, first) = (instances.clone(), next.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(async move {
                for turn in 0..instances.len() {
                    let instance = &instances[(first + turn) % instances.len()];
                    if let Ok(mut outside) = TcpStream::connect(instance).await {
                        let _ = copy_bidirectional(&mut inside, &mut outside).await;
                        return;
                    }
                }
            });
        }
    });
    base
}

/// Files that the policy names, for this user only.
fn secrets(folder: &tempfile::TempDir, texts: &[(&str, &str)]) {
    for (name, text) in texts {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// Where it listens, without the scheme.
fn bare(running: &Running) -> String {
    running.base.strip_prefix("http://").unwrap().to_owned()
}

#[tokio::test]
async fn two_instances_count_together_while_one_is_killed() {
    let Some(database) = Database::fresh().await else { return };
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    secrets(&folder, &[("database", database.url()), ("hook", HOOK_SECRET)]);
    let (limited, first) = agent("limited", "files = \"read\"\nrate = \"1/h burst 10\"");
    let (bounded, second) = agent("bounded", "files = \"read\"\nquota = { \"files.list\" = \"10/day\" }");
    let rules = format!(
        "[state]\npostgres = {{ file = \"database\" }}\n\
         [webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n{first}{second}"
    );
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let mut one = Running::start(&policy, "warn").await;
    let other = Running::start(&policy, "warn").await;
    let base = one_address(vec![bare(&one), bare(&other)]).await;

    let list = |key: &str| {
        let (base, authorization) = (base.clone(), bearer(key));
        async move { send(&base, "GET", "/v1/uploadcare/files/", &[("authorization", &authorization)], "").await }
    };
    let good = |replies: &[Reply]| replies.iter().filter(|reply| reply.status == 200).count();
    for (key, what) in [(&limited, "rate"), (&bounded, "quota")] {
        let before = join_all((0..6).map(|_| list(key))).await;
        assert_eq!(good(&before), 6, "{what}");
    }
    let state = updock_signer::state::PostgresState::open(database.url()).await.unwrap();
    let slug = updock_signer::webhooks::slug(&state).await.unwrap();
    let hook = |number: usize| {
        let file = updock_types::FileUuid::from_random_bytes([u8::try_from(number).unwrap(); 16]);
        let body = format!(
            "{{\"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\"project_pub_key\":\"demopublickey\"}},\
             \"data\":{{\"uuid\":\"{file}\"}}}}"
        );
        let signature = webhook_signature(&SecretKey::parse(HOOK_SECRET).unwrap(), body.as_bytes());
        let (base, target) = (base.clone(), format!("/hooks/uploadcare/{slug}"));
        async move { send(&base, "POST", &target, &[("x-uc-signature", &signature)], body).await }
    };
    assert!(join_all((0..40).map(|turn| hook(turn % 10))).await.iter().all(|reply| reply.status == 200));

    one.child.kill().await.unwrap();

    let (rest, quota) =
        (join_all((0..20).map(|_| list(&limited))).await, join_all((0..20).map(|_| list(&bounded))).await);
    assert_eq!((good(&rest), good(&quota)), (4, 4), "what one had counted, the other knows");
    assert!(rest.iter().chain(&quota).all(|reply| matches!(reply.status.as_u16(), 200 | 429)));
    assert!(rest.iter().any(|reply| reply.header("retry-after").is_some()));
    assert!(join_all((0..40).map(|turn| hook(turn % 20))).await.iter().all(|reply| reply.status == 200));

    // The instance that comes back goes on with the chain of the one that was killed.
    let back = Running::start(&policy, "warn").await;
    let authorization = bearer(&bounded);
    let headers = [("authorization", authorization.as_str())];
    assert_eq!(send(&back.base, "GET", "/v1/uploadcare/files/", &headers, "").await.status, 429);
    let (whole, told) = run(&policy, &["audit", "verify"]);
    assert!(whole && told.contains("in 2 chains"), "{told}");
    let mut events = 0;
    // Shown once no older transaction of anybody runs.
    for _ in 0..1000 {
        events = updock_signer::state::State::events(&state, 0, 1000).await.unwrap().len();
        if events >= 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(events, 20, "each webhook counts once");
}

#[tokio::test]
async fn what_came_with_an_idempotency_key_is_done_once_while_one_instance_is_killed() {
    let Some(database) = Database::fresh().await else { return };
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    secrets(&folder, &[("database", database.url())]);
    let (key, section) = agent("media", "metadata = \"write\"");
    let rules = format!("[state]\npostgres = {{ file = \"database\" }}\n{section}");
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let mut one = Running::start(&policy, "warn").await;
    let other = Running::start(&policy, "warn").await;
    let base = one_address(vec![bare(&one), bare(&other)]).await;
    let uploaded = upload(&local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
    let file = uploaded["file"].as_str().unwrap().to_owned();
    let authorization = bearer(&key);
    // Each writes a value of its own name, so that what reached Uploadcare can be counted.
    let put = |name: &'static str| {
        let (base, authorization, file) = (&base, &authorization, &file);
        async move {
            let target = format!("/v1/uploadcare/files/{file}/metadata/{name}/");
            let headers = [
                ("authorization", authorization.as_str()),
                ("idempotency-key", name),
                ("content-type", "application/json"),
            ];
            send(base, "PUT", &target, &headers, "\"v\"").await
        }
    };
    let done = |name: &str| {
        let path = format!("/files/{file}/metadata/{name}/");
        local.requests().iter().filter(|request| request.method == "PUT" && request.path == path).count()
    };
    // Of many at once over both instances, one is carried out; the others get its answer, or are told that it runs.
    let all_good = |replies: &[Reply]| replies.iter().all(|reply| matches!(reply.status.as_u16(), 201 | 409));
    let replies = join_all((0..10).map(|_| put("before"))).await;
    assert!(all_good(&replies));
    let now = |replies: &[Reply]| {
        replies.iter().filter(|reply| reply.status == 201 && reply.header("idempotent-replayed").is_none()).count()
    };
    assert_eq!((now(&replies), done("before")), (1, 1));

    // One is killed while Uploadcare has what it sent and has not answered.
    let delay = Some(Duration::from_secs(20));
    let effect = Effect { delay, ..Effect::default() };
    local.set_faults(vec![Fault { path: Some("/metadata/meanwhile/".to_owned()), effect, ..Fault::default() }]);
    let mut stream = TcpStream::connect(bare(&one)).await.unwrap();
    let request = format!(
        "PUT /v1/uploadcare/files/{file}/metadata/meanwhile/ HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\
         idempotency-key: meanwhile\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n\"v\""
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    while done("meanwhile") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    one.child.kill().await.unwrap();
    local.set_faults(Vec::new());

    // What was answered is answered again by the instance that is left; what was not is not done twice.
    let again = put("before").await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, Some("true")));
    for _ in 0..3 {
        assert_eq!(put("meanwhile").await.kind(), "conflict");
    }
    let replies = join_all((0..10).map(|_| put("after"))).await;
    assert!(all_good(&replies));
    assert_eq!((now(&replies), done("before"), done("meanwhile"), done("after")), (1, 1, 1, 1));
}
