//! Two instances on one PostgreSQL behind one address: they count together, also when one of them is killed.

use crate::http_client::{Reply, send};
use crate::keeping::run;
use crate::postgres::Database;
use crate::process::{Running, write_policy};
use crate::stage::{agent, bearer};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use updock_local::LocalUploadcare;
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

#[tokio::test]
async fn two_instances_count_together_while_one_is_killed() {
    let Some(database) = Database::fresh().await else { return };
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("database", database.url()), ("hook", HOOK_SECRET)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let (limited, first) = agent("limited", "files = \"read\"\nrate = \"1/h burst 10\"");
    let (bounded, second) = agent("bounded", "files = \"read\"\nquota = { \"files.list\" = \"10/day\" }");
    let rules = format!(
        "[state]\npostgres = {{ file = \"database\" }}\n\
         [webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n{first}{second}"
    );
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let mut one = Running::start(&policy, "warn").await;
    let other = Running::start(&policy, "warn").await;
    let bare = |running: &Running| running.base.strip_prefix("http://").unwrap().to_owned();
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
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(events, 20, "each webhook counts once");
}
