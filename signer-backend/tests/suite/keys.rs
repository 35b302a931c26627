//! Keys that are ended: by a report of a leak, and by hand. Threats 1 and 2.

use crate::http_client::send;
use crate::keeping::{House, run};
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
    assert!(
        good && told.contains("is revoked. Its line still stands in the policy file, below [agents.media]"),
        "{told}"
    );
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
    let revoked = |key: &Value| key["status"] == "revoked" && key["origin"] == "policy" && key["agent"] == "media";
    assert!(listed.len() == 2 && listed.iter().all(revoked), "{listed:?}");
    let (_, told) = run(&house.policy, &["audit", "search", "--operation", "keys.revoke"]);
    let line = format!("A command on the signer's machine asked to revoke key {} of Media. Allowed", second.id());
    assert_eq!(told.matches(&line).count(), 2, "asked and done, and not again where nothing was left to do: {told}");
    assert_eq!(told.matches("Allowed: commands may. It is done. [").count(), 1, "{told}");

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

#[tokio::test]
async fn keys_are_issued_derived_and_ended_by_command_beside_a_running_signer() {
    let section = "[agents.media]\nname = \"Media\"\nfiles = \"write\"\nuploads = \"read\"\n\
        [agents.late]\nname = \"Late\"\nfiles = \"read\"\nexpires = 2020-01-01T00:00:00Z";
    let mut house = House::start(section).await;
    let policy = house.policy.clone();
    let keys = |arguments: &[&str]| {
        let (first, rest) = arguments.split_first().unwrap();
        keys(&[&[*first, "--config", &policy], rest].concat())
    };
    let made = |arguments: &[&str]| -> Value {
        let (good, told) = keys(&[arguments, &["--json"]].concat());
        assert!(good, "{arguments:?}: {told}");
        serde_json::from_str(&told).unwrap()
    };
    let issued = made(&["issue", "--agent", "media", "--label", "by hand"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (whole, id) = (text(&issued["key"]), text(&issued["id"]));
    let life = issued["expires_at"].as_i64().unwrap() - issued["created_at"].as_i64().unwrap();
    assert_eq!(life, 90 * 86_400, "90 days if nobody says otherwise");
    assert!(made(&["issue", "--agent", "media", "--expires", "never"])["expires_at"].is_null());
    let short = made(&["issue", "--agent", "media", "--expires", "1h"]);
    assert_eq!(short["expires_at"].as_i64().unwrap() - short["created_at"].as_i64().unwrap(), 3600);
    let child =
        made(&["derive", &id, "--grant", "files=read", "--only", "files.list", "--rate", "50/s", "--expires", "12h"]);
    let below = made(&["derive", &text(&child["id"]), "--all-grants"]);
    assert_eq!((&child["parent"], &child["grants"]["files"]), (&issued["id"], &Value::from("read")));

    let ask = async |key: &Value, target: &str| house.get(target, key.as_str().unwrap(), "*/*").await.status.as_u16();
    assert_eq!(ask(&issued["key"], "/v1/upload-policy").await, 200, "it is good at once");
    for key in [&child["key"], &below["key"]] {
        assert_eq!(ask(key, "/v1/uploadcare/files/").await, 200);
        assert_eq!(ask(key, "/v1/upload-policy").await, 403);
    }
    let (child_id, nobody) = (text(&child["id"]), "0000000000");
    for (arguments, why) in [
        (vec!["issue", "--agent", "nobody"], "the policy has no agent nobody"),
        (vec!["issue", "--agent", "late"], "The time of Late is over"),
        (vec!["issue", "--agent", "media", "--expires", "soon"], "expected a number and a unit"),
        (vec!["derive", &child_id, "--grant", "files=write"], "This key has read access to files and can give no more"),
        (vec!["derive", &child_id, "--all-grants", "--expires", "1d"], "ends no later"),
        (vec!["derive", nobody, "--all-grants"], "there is no key 0000000000"),
        (vec!["derive", "nobody", "--all-grants"], "a key's id has 10 letters and digits"),
        (vec!["derive", &child_id], "--grant <AREA=LEVEL>"),
        (vec!["revoke", nobody], "there is no key 0000000000"),
        (vec!["list", "--agent", "nobody"], "the policy has no agent nobody"),
    ] {
        let (good, told) = keys(&arguments);
        assert!(!good && told.contains(why), "{arguments:?}: {told}");
    }
    let ended = made(&["revoke", &id]);
    assert_eq!(ended["status"], "revoked");
    for key in [&issued["key"], &child["key"], &below["key"]] {
        let revoked = std::time::Instant::now();
        loop {
            let asked = std::time::Instant::now();
            if ask(key, "/v1/uploadcare/files/").await == 401 {
                break;
            }
            assert!(asked < revoked + std::time::Duration::from_secs(1), "a running signer notices within a second");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    let (good, told) = keys(&["derive", &child_id, "--all-grants"]);
    assert!(!good && told.contains("is orphaned, and nothing can be derived from it"), "{told}");
    let (_, listed) = keys(&["list", "--agent", "media"]);
    assert!(listed.contains(&format!("{id}  media  revoked  issued, until ")), "{listed}");
    assert!(listed.contains("called \"by hand\""), "{listed}");
    assert!(
        listed.contains(&format!("orphaned  derived from {id}, with files: read, only files.list, at 50/s, until ")),
        "{listed}"
    );

    house.end().await;
    let (_, told) = run(&policy, &["audit", "search", "--limit", "1000"]);
    for line in [
        format!("asked to issue key {id} of Media, called \"by hand\", good for 90 days. Allowed: commands may."),
        format!(
            "asked to derive key {child_id} from key {id}, with files: read, only files.list, at 50/s, good for 12 hours. Allowed: commands may."
        ),
        format!("asked to revoke key {id} of Media. Allowed: commands may."),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    let (whole_log, verified) = run(&policy, &["audit", "verify"]);
    assert!(whole_log && verified.contains("in 2 chains"), "{verified}");
    let kept = std::fs::read(house.folder.path().join("updock-signer.db")).unwrap();
    let secret = whole.rsplit('_').next().unwrap()[..20].to_owned();
    assert!(!told.contains(&secret) && !String::from_utf8_lossy(&kept).contains(&secret));
}

#[test]
fn a_key_is_made_for_an_agent_that_a_policy_can_name() {
    let long = "a".repeat(41);
    for agent in ["Bad Name!", "Media", "", "visitor", "a.b", "a]\n[agents.b", &long] {
        let (good, told) = keys(&["new", "--agent", agent]);
        assert!(!good && told.contains("an agent's id has 1 to 40 small letters, digits and hyphens"), "{told}");
        assert!(!told.contains("updock_live_"), "{agent}: a key was told");
    }
    assert!(keys(&["new", "--agent", "media-bot-2"]).0);
}

#[tokio::test]
async fn a_key_whose_line_names_no_id_is_listed_and_revoked_by_hand() {
    let key = AgentKey::generate();
    let section =
        format!("[agents.media]\nname = \"Media\"\nuploads = \"read\"\nkeys = [{{ sha256 = \"{}\" }}]\n", key.digest());
    let mut house = House::start(&section).await;
    let (_, listed) = run(&house.policy, &["keys", "list"]);
    let [id, owner, "good", ..] = listed.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{listed}") };
    assert_eq!((id.len(), owner, id == key.id(), listed.lines().count()), (10, "media", false, 1), "{listed}");
    let (good, told) = run(&house.policy, &["keys", "derive", id, "--grant", "uploads=read"]);
    assert!(good && told.contains("This key is shown once"), "{told}");

    // Its public part is nowhere to be compared with, which is said.
    let (good, told) = run(&house.policy, &["keys", "revoke", key.id()]);
    let hint = "a key of the policy file that stands there without its id has one made of its digest";
    assert!(!good && told.contains(&format!("there is no key {}", key.id())) && told.contains(hint), "{told}");
    let (good, told) = run(&house.policy, &["keys", "revoke", id]);
    assert!(good && told.contains(&format!("Key {id} of Media is revoked. Its line still stands")), "{told}");
    for arguments in [["keys", "revoke", id], ["keys", "derive", id]] {
        let all = [&arguments[..], if arguments[1] == "derive" { &["--all-grants"] } else { &[] }].concat();
        let (_, told) = run(&house.policy, &all);
        assert!(told.contains("revoked"), "{told}");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while house.get("/v1/upload-policy", key.expose(), "*/*").await.status != 401 {
        assert!(std::time::Instant::now() < deadline, "it goes on");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    house.end().await;
    let (_, listed) = run(&house.policy, &["keys", "list"]);
    assert!(listed.starts_with(&format!("{id}  media  revoked  in the policy")), "{listed}");
}
