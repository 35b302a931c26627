//! Canary secrets: the program at its most talkative, used in good and bad ways; then everything it said is searched.

use crate::http_client::{Reply, send};
use crate::postgres::Database;
use crate::process::{PROGRAM, Running, write_policy};
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::fmt::Write;
use tokio::io::AsyncReadExt;
use updock_local::{Config, LocalUploadcare};
use updock_sign::SecretKey;
use updock_signer::policy::Place;

const SECRET: &str = "canary-secret-4f1c9b27";
const GIVEN_SECRET: &str = "canary-given-0c8a55e1";
const HOOK_SECRET: &str = "canary-hooks-9d31e0a6";
const TARGET_SECRET: &str = "whsec_Y2FuYXJ5LXRhcmdldC03YjIwYzVlOC1zZWNyZXQ=";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        text.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize])));
    }
    text
}

/// The secret as it could appear: raw, in hexadecimal, escaped for an address, and in base64 at any of its three
/// alignments.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let aligned = (0..3).map(|skip| base64(&secret.as_bytes()[skip..]));
    let url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let every = secret.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    });
    [secret.to_owned(), hex, url, every].into_iter().chain(aligned).collect()
}

#[tokio::test]
async fn no_secret_is_ever_said() {
    look_for_secrets(None).await;
}

#[tokio::test]
async fn no_secret_is_ever_said_with_postgresql() {
    if let Some(database) = Database::fresh().await {
        look_for_secrets(Some(database)).await;
    }
}

/// All rows of all tables.
async fn dump(database: &Database) -> String {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(tables.len() > 5, "{tables:?}");
    let mut said = String::new();
    for table in tables {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t")));
        let rows: Vec<String> = rows.fetch_all(&mut connection).await.unwrap();
        said.push_str(&rows.join("\n"));
    }
    said
}

async fn look_for_secrets(database: Option<Database>) {
    let key = vec![SecretKey::parse(SECRET).unwrap()];
    let local = LocalUploadcare::with(Config { secret_keys: key, ..Config::default() }).await.unwrap();
    let everything =
        updock_types::Area::ALL.iter().map(|area| format!("{area} = \"full\"")).collect::<Vec<_>>().join("\n");
    let (agent_key, section) = agent("media", &everything);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("hook"), HOOK_SECRET).unwrap();
    std::fs::write(directory.path().join("target"), TARGET_SECRET).unwrap();
    std::fs::write(directory.path().join("database"), database.as_ref().map_or("", Database::url)).unwrap();
    let place = if database.is_some() { "[state]\npostgres = { file = \"database\" }\n" } else { "" };
    for name in ["hook", "target", "database"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(directory.path().join(name), mode).unwrap();
    }
    let numbers = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = format!(
        "[server]\nmetrics = \"{numbers}\"\n\
         [webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n\
         [webhooks.targets.cms]\nurl = \"http://127.0.0.1:9/\"\nsecret = {{ file = \"target\" }}\nnetworks = [\"127.0.0.0/8\"]\n\
         {place}{VISITORS}signature = true\n{section}"
    );
    let policy = write_policy(directory.path(), SECRET, &local.base_url(), &more);
    let mut running = Running::start(&policy, "trace").await;
    let base = running.base.clone();

    let uploaded = upload(&local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
    let file = uploaded["file"].as_str().unwrap();
    let good = bearer(&agent_key);
    let mut mistyped = bearer(&agent_key);
    mistyped.pop();
    let (front, credentials) = ("/v1/uploadcare", "/v1/upload-credentials");
    let json = ("content-type", "application/json");
    let confirm = format!(r#"{{"uuid":"{file}"}}"#);
    let mut replies: Vec<Reply> = Vec::new();
    for (method, target, headers, body) in [
        ("POST", credentials.to_owned(), vec![("origin", PAGE)], String::new()),
        ("POST", credentials.to_owned(), vec![("origin", PAGE), json], r#"{"kind":"signature"}"#.to_owned()),
        ("POST", credentials.to_owned(), vec![("authorization", &good), json], "{".to_owned()),
        ("POST", "/v1/uploads/confirm".to_owned(), vec![("origin", PAGE), json], confirm),
        ("GET", format!("{front}/files/"), vec![("authorization", &good)], String::new()),
        ("GET", format!("{front}/project/"), vec![("authorization", &good)], String::new()),
        ("DELETE", format!("{front}/files/{file}/storage/"), vec![("authorization", &good)], String::new()),
        ("GET", format!("{front}/files/"), vec![("authorization", &mistyped)], String::new()),
        ("GET", format!("{front}/files/?key={agent_key}"), vec![], String::new()),
        ("GET", format!("{front}/{agent_key}/"), vec![("authorization", &good)], String::new()),
        ("GET", format!("{front}/{agent_key}/"), vec![("origin", agent_key.as_str())], String::new()),
    ] {
        replies.push(send(&base, method, &target, &headers, body).await);
    }
    // What others' webhooks are signed with is told to whoever may have it, and nobody else, not even our own state.
    let subscribe = format!(
        r#"{{"target_url":"https://hooks.example.com/a","event":"file.stored","signing_secret":"{GIVEN_SECRET}"}}"#
    );
    let once = ("idempotency-key", "canary-1");
    for _ in 0..2 {
        let target = format!("{front}/webhooks/");
        let headers = [("authorization", good.as_str()), json, once];
        let reply = send(&base, "POST", &target, &headers, subscribe.clone()).await;
        assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
    }
    // Ways in that carry a secret where none belongs, and ways on for what is asked rightly.
    let one = format!(r#"["{file}"]"#);
    let token = format!("Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.{agent_key}");
    for (method, target, headers, body) in [
        ("GET", format!("{front}/files/"), vec![("authorization", token.as_str())], String::new()),
        (
            "GET",
            format!("{front}/files/"),
            vec![("authorization", &good), ("accept", "application/x-ndjson")],
            String::new(),
        ),
        (
            "PUT",
            format!("{front}/files/storage/"),
            vec![("authorization", &good), json, ("idempotency-key", "canary-2")],
            one,
        ),
        (
            "PUT",
            format!("{front}/files/{file}/metadata/{agent_key}/"),
            vec![("authorization", &good), json],
            "\"x\"".to_owned(),
        ),
        (
            "POST",
            "/v1/jobs".to_owned(),
            vec![("authorization", &good), json],
            format!(r#"{{"operation":"{agent_key}","body":{{}}}}"#),
        ),
        (
            "POST",
            "/v1/receipts/verify".to_owned(),
            vec![("authorization", &good), json],
            format!(r#"{{"receipt":"{agent_key}"}}"#),
        ),
        (
            "GET",
            format!("/v1/policy/explain?agent=media&operation={agent_key}"),
            vec![("authorization", &good)],
            String::new(),
        ),
        ("GET", format!("/v1/events?token={agent_key}"), vec![("origin", PAGE)], String::new()),
        ("GET", format!("/v1/audit?agent={agent_key}"), vec![("authorization", &good)], String::new()),
    ] {
        replies.push(send(&base, method, &target, &headers, body).await);
    }
    // The answers that make keys are the one place where they may stand.
    let mut new_keys = Vec::new();
    for (target, body) in
        [("/v1/keys", "{}"), ("/v1/keys/self/derive", r#"{"grants":{"files":"read","admin":"read"}}"#)]
    {
        let made = send(&base, "POST", target, &[("authorization", &good), json], body).await.json();
        new_keys.push((made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned()));
    }
    for (key, id) in &new_keys {
        let good = bearer(key);
        for (method, target, body) in [
            ("GET", format!("{front}/files/"), ""),
            ("GET", "/v1/keys".to_owned(), ""),
            ("POST", "/v1/keys/self/derive".to_owned(), r#"{"grants":{"files":"full"},"label":"x"}"#),
            ("GET", format!("{front}/{key}/"), ""),
            ("POST", format!("/v1/keys/{key}/revoke"), ""),
            ("POST", format!("/v1/keys/{id}/revoke"), ""),
            ("GET", format!("{front}/files/"), ""),
        ] {
            replies.push(send(&base, method, &target, &[("authorization", &good), json], body).await);
        }
    }
    let reported = format!(r#"{{"key":"{}"}}"#, new_keys[1].0);
    replies.push(send(&base, "POST", "/v1/keys/report-leak", &[json], reported).await);
    let hook = format!(
        "{{\"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\"project_pub_key\":\"demopublickey\"}},\"data\":{{\"uuid\":\"{file}\"}}}}"
    );
    let place = match &database {
        Some(database) => Place::Postgres(database.url().to_owned()),
        None => Place::Sqlite(directory.path().join("updock-signer.db")),
    };
    let state = updock_signer::state::open(&place).await.unwrap();
    let slug = updock_signer::webhooks::slug(&*state).await.unwrap();
    let signature = updock_sign::webhook_signature(&SecretKey::parse(HOOK_SECRET).unwrap(), hook.as_bytes());
    let hooks = format!("/hooks/uploadcare/{slug}");
    for signature in [signature.as_str(), "v1=00", HOOK_SECRET] {
        replies.push(send(&base, "POST", &hooks, &[("x-uc-signature", signature)], hook.clone()).await);
    }
    for accept in ["application/json", "text/csv", "application/x-ndjson"] {
        let headers = [("authorization", good.as_str()), ("accept", accept)];
        replies.push(send(&base, "GET", "/v1/audit", &headers, "").await);
    }
    let asked = send(&format!("http://{numbers}"), "GET", "/metrics", &[], "").await;
    assert!(String::from_utf8_lossy(&asked.body).contains("updock_decisions_total{caller=\"media\""));
    replies.push(asked);
    assert!(replies.iter().filter(|reply| reply.status == 200).count() >= 6, "too little was tried");
    let mut said = String::new();
    for command in
        [&["audit", "search", "--json"][..], &["audit", "verify"], &["keys", "list"], &["doctor"], &["policy", "check"]]
    {
        let mut asked = tokio::process::Command::new(PROGRAM);
        asked.args(command).args(["--config", &policy]).env("UPDOCK_LOG", "trace");
        let output = asked.output().await.unwrap();
        assert!(!output.stdout.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    running.signal("TERM").await;
    while let Some(line) = running.lines.next_line().await.unwrap() {
        said.push_str(&line);
        said.push('\n');
    }
    let mut errors = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
    assert!(said.contains("Agent media asked to") && errors.contains("TRACE"), "too little was said");
    for reply in &replies {
        write!(said, "{:?}{}", reply.headers, String::from_utf8_lossy(&reply.body)).unwrap();
    }
    said.push_str(&errors);
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        // What the policy points to is theirs; everything else is ours.
        if !["secret", "hook", "target", "database"].contains(&path.file_name().unwrap().to_str().unwrap()) {
            said.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    if let Some(database) = &database {
        said.push_str(&dump(database).await);
    }
    // Of the agent's key the part after its id is secret; logs cut long text, so its beginning is looked for.
    let secret_part = |key: &str| key.rsplit('_').next().unwrap()[..20].to_owned();
    let secret_parts: Vec<String> =
        new_keys.iter().map(|(key, _)| key.as_str()).chain([agent_key.as_str()]).map(secret_part).collect();
    let target = TARGET_SECRET.strip_prefix("whsec_").unwrap();
    let secrets = [SECRET, HOOK_SECRET, GIVEN_SECRET, target, "canary-target-7b20c5e8"];
    let secrets = secrets.into_iter().chain(secret_parts.iter().map(String::as_str));
    for form in secrets.flat_map(forms) {
        assert!(!said.contains(&form), "{form} was said: {}", said.lines().find(|line| line.contains(&form)).unwrap());
    }
}
