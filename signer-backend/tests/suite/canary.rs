//! Canary secrets: the program at its most talkative, used in good and bad ways; then everything it said is searched.

use crate::http_client::{Reply, send};
use crate::process::{Running, write_policy};
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use std::fmt::Write;
use tokio::io::AsyncReadExt;
use updock_local::{Config, LocalUploadcare};
use updock_sign::SecretKey;

const SECRET: &str = "canary-secret-4f1c9b27";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        text.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize])));
    }
    text
}

/// The secret as it could appear: raw, in hexadecimal, and in base64 at any of its three alignments.
fn forms(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let aligned = (0..3).map(|skip| base64(&secret.as_bytes()[skip..]));
    [secret.to_owned(), hex].into_iter().chain(aligned).collect()
}

#[tokio::test]
async fn no_secret_is_ever_said() {
    let key = vec![SecretKey::parse(SECRET).unwrap()];
    let local = LocalUploadcare::with(Config { secret_keys: key, ..Config::default() }).await.unwrap();
    let (agent_key, section) = agent("media", "files = \"full\"\nproject = \"full\"\nuploads = \"write\"");
    let directory = tempfile::tempdir().unwrap();
    let more = format!("{VISITORS}signature = true\n{section}");
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
    assert!(replies.iter().filter(|reply| reply.status == 200).count() >= 6, "too little was tried");
    running.signal("TERM").await;
    let mut said = String::new();
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
    // Of the agent's key the part after its id is secret; logs cut long text, so its beginning is looked for.
    let secret_part = &agent_key.rsplit('_').next().unwrap()[..20];
    for form in forms(SECRET).iter().chain(&forms(secret_part)) {
        assert!(!said.contains(form), "{form} was said: {}", said.lines().find(|line| line.contains(form)).unwrap());
    }
}
