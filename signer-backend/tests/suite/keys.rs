//! Keys that are ended: by a report of a leak, and by hand. Threats 1 and 2.

use crate::http_client::send;
use crate::keeping::House;
use crate::process::PROGRAM;
use serde_json::{Value, json};
use std::process::Command;
use updock_signer::key::AgentKey;

fn keys(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM).arg("keys").args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_reported_or_revoked_key_is_as_unknown_as_one_that_never_was() {
    let (_, made) = keys(&["new", "--agent", "media", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let (first, second) = (made["key"].as_str().unwrap().to_owned(), AgentKey::generate());
    let section = format!(
        "[agents.media]\nname = \"Media\"\nuploads = \"read\"\nkeys = [\n{{ id = {}, sha256 = {} }},\n{{ id = \"{}\", sha256 = \"{}\" }},\n]\n",
        made["id"],
        made["sha256"],
        second.id(),
        second.digest()
    );
    let mut house = House::start(&section).await;
    let base = house.running.base.clone();
    let report = async |key: &str| {
        let body = json!({ "key": key }).to_string();
        send(&base, "POST", "/v1/keys/report-leak", &[("content-type", "application/json")], body).await
    };
    let ask = async |key: &str| house.get("/v1/upload-policy", key, "*/*").await;
    assert_eq!((ask(&first).await.status.as_u16(), ask(second.expose()).await.status.as_u16()), (200, 200));
    let mut answers = Vec::new();
    for key in ["nonsense", AgentKey::generate().expose(), &first, &first] {
        let reply = report(key).await;
        assert_eq!(reply.status, 200);
        answers.push(reply.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answer tells nothing");
    let mut ended = ask(&first).await.problem();
    let mut stranger = ask(AgentKey::generate().expose()).await.problem();
    (ended.request_id, stranger.request_id) = (None, None);
    assert_eq!((ended.status, ended), (401, stranger));
    assert_eq!(ask(second.expose()).await.status, 200, "the agent's other key goes on");

    // By hand, beside the running program.
    let config = ["--config", &house.policy];
    let (good, told) = keys(&[&["revoke"], &config[..], &[second.id()]].concat());
    assert!(good && told.contains("is revoked"), "{told}");
    let mut status = 200;
    for _ in 0..500 {
        status = ask(second.expose()).await.status.as_u16();
        if status == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(status, 401);
    assert!(keys(&[&["revoke"], &config[..], &[second.id()]].concat()).1.contains("was revoked already"));
    assert!(!keys(&[&["revoke"], &config[..], &["nosuchkey0"]].concat()).0);
    let (_, listed) = keys(&[&["list"], &config[..], &["--json"]].concat());
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(listed.len() == 2 && listed.iter().all(|key| key["revoked"] == true), "{listed:?}");

    // And after a restart.
    house.end().await;
    house.running = crate::process::Running::start(&house.policy, "warn").await;
    assert_eq!(house.get("/v1/upload-policy", &first, "*/*").await.status, 401);
    // Whoever asks too often waits.
    let base = house.running.base.clone();
    let mut last = 200;
    for _ in 0..11 {
        let headers = [("content-type", "application/json")];
        last = send(&base, "POST", "/v1/keys/report-leak", &headers, "{\"key\":\"x\"}").await.status.as_u16();
    }
    assert_eq!(last, 429);
}
