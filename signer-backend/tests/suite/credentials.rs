//! Credentials of both kinds, as `updock-local` takes or refuses them when uploads must be signed.

use crate::stage::{PNG, Setup, Stage, VISITORS, agent, bearer, upload};
use serde_json::Value;
use updock_local::Config;
use updock_types::FileUuid;

async fn signed(policy: &str) -> Stage {
    let local = Config { signed_uploads: true, ..Config::default() };
    Setup { local, ..Setup::new(policy) }.start().await
}

async fn ask(stage: &Stage, body: &str) -> Value {
    let reply = stage.visit("/v1/upload-credentials", body).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply.json()
}

#[tokio::test]
async fn a_token_lets_a_browser_upload() {
    let stage = signed(VISITORS).await;
    assert_ne!(upload(&stage.local, &[], &[], "a.png", PNG).await.status, 200, "the stand-in must ask");
    let issued = ask(&stage, "").await;
    assert_eq!(issued["kind"], "jwt");
    assert_eq!(issued["public_key"], "demopublickey");
    assert_eq!(issued["expires_at"].as_u64().unwrap() - issued["server_time"].as_u64().unwrap(), 600);
    let authorization = bearer(issued["token"].as_str().unwrap());
    let reply = upload(&stage.local, &[], &[("authorization", &authorization)], "a.png", PNG).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let last = stage.sentences().pop().unwrap();
    assert!(
        last.starts_with(
            "Visitor from http://127.0.0.1:4000 was given an upload pass for up to 20 files, good for 10 minutes (pass "
        ),
        "{last}"
    );
}

#[tokio::test]
async fn a_signature_lets_older_sdks_upload_where_visitors_may_have_one() {
    let stage = signed(&format!("{VISITORS}signature = true\n")).await;
    let issued = ask(&stage, r#"{"kind":"signature","for":"user-42"}"#).await;
    let expire = issued["expire"].as_u64().unwrap().to_string();
    let fields = [("signature", issued["signature"].as_str().unwrap()), ("expire", &expire)];
    let reply = upload(&stage.local, &fields, &[], "a.png", PNG).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(
        stage.sentences().pop().unwrap(),
        "Visitor from http://127.0.0.1:4000 was given an upload signature for \"user-42\", good for 5 minutes; \
         the number of files is not limited."
    );
    let limited = stage.visit("/v1/upload-credentials", r#"{"kind":"signature","operations":3}"#).await;
    assert_eq!(limited.problem().status, 400);
}

#[tokio::test]
async fn a_signature_is_refused_to_visitors_and_open_to_agents() {
    const REFUSAL: &str = "An upload signature is not open to you, since it limits neither files nor endpoints; \
                           ask for a token, of kind \"jwt\".";
    let (key, section) = agent("media", "uploads = \"write\"");
    let stage = signed(&format!("{VISITORS}operations_max = 1\n{section}")).await;
    for asked in [r#"{"kind":"signature"}"#, r#"{"kind":"signature","operations":1}"#] {
        let reply = stage.visit("/v1/upload-credentials", asked).await;
        let problem = reply.problem();
        assert_eq!((problem.status, reply.kind().as_str(), problem.detail.as_str()), (403, "forbidden", REFUSAL));
        assert_eq!(
            stage.sentences().pop().unwrap(),
            format!("Visitor from http://127.0.0.1:4000 asked to issue an upload credential. Refused: {REFUSAL}")
        );
    }
    let authorization = bearer(&key);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let reply = stage.send("POST", "/v1/upload-credentials", &headers, r#"{"kind":"signature"}"#).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["kind"]), (200, &"signature".into()), "{:?}", reply.body);
}

#[tokio::test]
async fn a_token_ends_with_its_last_file_and_opens_nothing_else() {
    let stage = signed(VISITORS).await;
    let issued = ask(&stage, r#"{"operations":1,"scope":["/base/"]}"#).await;
    assert_eq!(issued["operations"], 1);
    let authorization = bearer(issued["token"].as_str().unwrap());
    let headers = [("authorization", authorization.as_str())];
    assert_eq!(upload(&stage.local, &[], &headers, "a.png", PNG).await.status, 200);
    assert_eq!(upload(&stage.local, &[], &headers, "b.png", PNG).await.status, 403);
    let form = "UPLOADCARE_PUB_KEY=demopublickey&filename=a&size=20000000&content_type=image/png";
    let headers = [headers[0], ("content-type", "application/x-www-form-urlencoded")];
    let start =
        crate::http_client::send(&stage.local.base_url(), "POST", "/multipart/start/", &headers, form.to_owned()).await;
    assert_eq!(start.status, 403, "{:?}", start.body);
}

#[tokio::test]
async fn wishes_are_capped_by_the_rule() {
    let stage = signed(&format!("{VISITORS}ttl_max = \"60s\"\noperations_max = 5\n")).await;
    let issued = ask(&stage, r#"{"ttl":86400,"operations":1000}"#).await;
    assert_eq!(issued["operations"], 5);
    assert_eq!(issued["expires_at"].as_u64().unwrap() - issued["server_time"].as_u64().unwrap(), 60);
}

#[tokio::test]
async fn the_policy_comes_with_the_credential() {
    let rules = "[uploads.policy]\nmax_file_size = 1000\naccept = [\"image/*\", \".PDF\"]\n";
    let (key, section) = agent("reader", "uploads = \"read\"");
    let stage = signed(&format!("{VISITORS}{rules}{section}")).await;
    let policy = serde_json::json!({"max_file_size": 1000, "accept": ["image/*", ".pdf"]});
    assert_eq!(ask(&stage, "{}").await["policy"], policy);
    let headers = [("authorization", bearer(&key))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(stage.send("GET", "/v1/upload-policy", &headers, "").await.json(), policy);
}

#[tokio::test]
async fn the_most_files_are_told_and_not_counted() {
    let stage = signed(&format!("{VISITORS}[uploads.policy]\nmax_files = 1\n")).await;
    let issued = ask(&stage, "").await;
    assert_eq!((&issued["policy"]["max_files"], &issued["operations"]), (&1.into(), &20.into()));
    let authorization = bearer(issued["token"].as_str().unwrap());
    for name in ["a.png", "b.png"] {
        let reply = upload(&stage.local, &[], &[("authorization", &authorization)], name, PNG).await;
        let file = FileUuid::parse(reply.json()["file"].as_str().unwrap()).unwrap();
        assert_eq!(stage.confirm(file).await.status, 200);
    }
}

#[tokio::test]
async fn unreadable_wishes_are_refused() {
    let stage = signed(VISITORS).await;
    for (body, status) in [
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        (r#"{"tll":5}"#, 400),
        (r#"{"ttl":-1}"#, 400),
        (r#"{"ttl":0}"#, 400),
        (r#"{"ttl":1,"ttl":2}"#, 400),
        (r#"{"operations":0}"#, 400),
        (r#"{"kind":"magic"}"#, 400),
        (r#"{"scope":["*"]}"#, 400),
        (r#"{"scope":["/from_url/"]}"#, 403),
        (&format!(r#"{{"for":"{}"}}"#, "x".repeat(65)), 400),
    ] {
        assert_eq!(stage.visit("/v1/upload-credentials", body).await.problem().status, status, "{body}");
        if status == 403 {
            assert_eq!(
                stage.sentences().pop().unwrap(),
                "Visitor from http://127.0.0.1:4000 asked to issue an upload credential. \
                 Refused: None of these endpoints is open to you; open are /base/, /multipart/*, /group/."
            );
        }
    }
}
