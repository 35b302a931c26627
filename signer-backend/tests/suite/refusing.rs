//! When nothing can be recorded, nothing is done; reads go on only where the policy says so.

use crate::http_client::send;
use crate::keeping::{House, run};
use crate::postgres::Database;
use crate::process::{PROGRAM, write_policy};
use crate::stage::{PNG, SECRET, VISITORS, agent, bearer, upload};
use http_body_util::BodyExt;
use sqlx::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tower::ServiceExt;
use updock_local::LocalUploadcare;
use updock_signer::log::{DecisionLog, LogError, Record, Recording};
use updock_signer::policy::{Policy, Sources};
use updock_signer::state::PostgresState;
use updock_signer::{Limits, Signer, serve};

/// A log on a full disk.
struct Full;

impl DecisionLog for Full {
    fn record(&self, _: Record) -> Recording<'_> {
        Box::pin(async { Err(LogError) })
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_and_not_counted_as_allowed() {
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
        let metrics = numbers(&signer).await;
        for (operation, done) in [("files.list", reached > 0), ("files.delete", false)] {
            let counted = metrics.contains(&format!("operation=\"{operation}\",verdict=\"allow\""));
            assert_eq!(counted, done, "{operation}, {audit}: {metrics}");
        }
        let refused = format!("\nupdock_unrecorded_refusals_total {}\n", 2 - reached);
        assert!(metrics.contains(&refused), "{audit}: {metrics}");
    }
}

async fn numbers(signer: &Signer) -> String {
    let request = http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    let answer = signer.metrics_router().oneshot(request).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What lies at the database's path and beside it.
fn database(house: &House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("updock-signer.db");
    entries.filter(ours).collect()
}

/// The statuses of readiness, a read, and two requests that change something.
async fn statuses(house: &House, key: &str, file: &str) -> [u16; 4] {
    let (authorization, base) = (bearer(key), format!("/v1/uploadcare/files/{file}"));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let mut statuses = [0; 4];
    for (at, (method, target, body)) in [
        ("GET", "/readyz".to_owned(), ""),
        ("GET", format!("{base}/"), ""),
        ("PUT", format!("{base}/metadata/a/"), "\"b\""),
        ("DELETE", format!("{base}/metadata/a/"), ""),
    ]
    .into_iter()
    .enumerate()
    {
        statuses[at] = send(&house.running.base, method, &target, &headers, body).await.status.as_u16();
    }
    statuses
}

#[tokio::test]
async fn a_state_that_was_removed_or_replaced_is_noticed_and_nothing_is_done_any_more() {
    type Change<'a> = &'a dyn Fn(&House);
    let (key, section) = agent("media", "files = \"read\"\nmetadata = \"full\"");
    let away = |path: &Path| path.with_file_name("away");
    let removed: Change<'_> = &|house| database(house).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let replaced: Change<'_> = &|house| {
        let path = house.folder.path().join("updock-signer.db");
        std::fs::copy(&path, away(&path)).unwrap();
        std::fs::rename(away(&path), &path).unwrap();
    };
    let moved: Change<'_> = &|house| {
        let path = house.folder.path().join("updock-signer.db");
        std::fs::rename(&path, away(&path)).unwrap();
    };
    let moved_back: Change<'_> = &|house| {
        let path = house.folder.path().join("updock-signer.db");
        std::fs::rename(away(&path), &path).unwrap();
    };
    for (what, change, back) in
        [("removed", removed, None), ("replaced", replaced, None), ("moved", moved, Some(moved_back))]
    {
        let house = House::start(&section).await;
        let uploaded = upload(&house.local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
        let file = uploaded["file"].as_str().unwrap();
        assert_eq!(statuses(&house, &key, file).await, [200, 200, 201, 204], "{what}: before");
        let reached = house.local.requests().len();
        change(&house);
        assert_eq!(statuses(&house, &key, file).await, [503; 4], "{what}");
        assert_eq!(house.local.requests().len(), reached, "{what}: something reached Uploadcare unrecorded");
        let Some(back) = back else { continue };
        back(&house);
        assert_eq!(statuses(&house, &key, file).await, [200, 200, 201, 204], "{what} back");
    }
}

#[test]
fn commands_that_read_make_no_state_and_say_where_they_looked() {
    let folder = tempfile::tempdir().unwrap();
    let rules = format!("[state]\nsqlite = \"mistyped.db\"\n{VISITORS}");
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &rules);
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    let told = |command: &[&str], output: std::process::Output| {
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("there is no state at "), "{command:?}: {told}");
        assert!(told.contains("mistyped.db") && told.lines().count() == 1, "{command:?}: {told}");
    };
    for command in [
        &["audit", "--config", &policy, "verify"][..],
        &["audit", "--config", &policy, "search"],
        &["audit", "--config", &policy, "export"],
        &["audit", "--config", &policy, "tail"],
        &["policy", "--config", &policy, "simulate", "--with", &policy],
        &["receipts", "--config", &policy, "verify", "x.y.z"],
        &["webhooks", "--config", &policy, "dead"],
        &["webhooks", "--config", &policy, "replay", "1"],
        &["keys", "list", "--config", &policy],
    ] {
        told(command, std::process::Command::new(PROGRAM).args(command).output().unwrap());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "something was made");
}

#[tokio::test]
async fn commands_that_read_make_no_tables_in_an_empty_database() {
    let Some(database) = Database::fresh().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("database");
    std::fs::write(&address, database.url()).unwrap();
    std::fs::set_permissions(&address, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rules = format!("[state]\npostgres = {{ file = \"database\" }}\n{VISITORS}");
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &rules);
    let (good, told) = run(&policy, &["audit", "verify"]);
    assert!(!good && told.contains("there is no state at the PostgreSQL database \"updock_"), "{told}");
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn what_postgres_says_names_no_line_of_its_source() {
    let Some(database) = Database::fresh().await else { return };
    let url = database.url().replacen("/updock_", "/absent_", 1);
    let error = PostgresState::open(&url).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("database \"absent_") && error.ends_with(" does not exist"), "{error}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_with_the_cause_and_without_the_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The system takes connections for it, and nobody ever answers there.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = silent.local_addr().unwrap();
    let cases =
        [(closed, "refused", 3), (there, "it does not answer within 5 seconds", 8)].map(async |(at, why, most)| {
            let url = format!("postgres://signer:s3cr3t-word@{at}/uploads");
            let begun = std::time::Instant::now();
            let error = PostgresState::open(&url).await.map(drop).unwrap_err().to_string();
            let expected = format!("PostgreSQL at {at} (user \"signer\", database \"uploads\") cannot be used: ");
            assert!(error.starts_with(&expected) && error.contains(why), "{error}");
            assert!(!error.contains("s3cr3t-word"), "{error}");
            assert!(begun.elapsed().as_secs() < most, "{why}: {:?}", begun.elapsed());
        });
    futures_util::future::join_all(cases).await;

    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("database");
    std::fs::write(&address, format!("postgres://signer:s3cr3t-word@{closed}/uploads")).unwrap();
    std::fs::set_permissions(&address, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rules = format!("[state]\npostgres = {{ file = \"database\" }}\n{VISITORS}");
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &rules);
    for command in [&["serve"][..], &["audit", "verify"], &["keys", "list"], &["doctor"]] {
        let (good, told) = run(&policy, command);
        let named = told.contains(&format!("PostgreSQL at {closed}")) && told.contains("refused");
        assert!(!good && named && !told.contains("s3cr3t-word"), "{command:?}: {told}");
    }
}
