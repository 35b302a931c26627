//! Keys that are issued and derived over HTTP: who may, and what a derived key has. Threat 8.

use crate::http_client::Reply;
use crate::stage::{PAGE, PNG, Setup, Stage, agent};
use serde_json::{Value, json};
use std::sync::Arc;
use updock_signer::decision::Verdict;
use updock_signer::key::AgentKey;
use updock_signer::state::{KeyRow, MemoryState, State, now};

pub(crate) const KEYS: &str = "/v1/keys";
pub(crate) const DERIVE: &str = "/v1/keys/self/derive";
pub(crate) const FILES: &str = "/v1/uploadcare/files/";

pub(crate) async fn stage(state: &Arc<dyn State>, policy: impl Into<String>) -> Stage {
    Setup { state: Some(Arc::clone(state)), ..Setup::new(policy) }.start().await
}

pub(crate) fn memory() -> Arc<dyn State> {
    Arc::new(MemoryState::default())
}

pub(crate) fn text(reply: &Reply, name: &str) -> String {
    reply.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {:?}", reply.body)).to_owned()
}

pub(crate) async fn derive(stage: &Stage, key: &str, asked: &Value) -> Reply {
    stage.ask(key, "POST", DERIVE, &asked.to_string()).await
}

/// A key that was derived with success.
pub(crate) async fn child(stage: &Stage, key: &str, asked: &Value) -> String {
    let reply = derive(stage, key, asked).await;
    assert_eq!(reply.status, 201, "{asked}: {:?}", reply.body);
    text(&reply, "key")
}

pub(crate) async fn status(stage: &Stage, key: &str, target: &str) -> u16 {
    stage.ask(key, "GET", target, "").await.status.as_u16()
}

/// What a request needs who holds `admin: off`, `read`, `write` and `full`.
#[tokio::test]
async fn who_may_issue_list_derive_and_revoke_what() {
    const LEVELS: [&str; 4] = ["off", "read", "write", "full"];
    let (none, read, write, full) =
        (Some("admin: read"), Some("admin: read"), Some("admin: write"), Some("admin: full"));
    for (name, method, target, body, statuses, missing) in [
        ("its own keys", "GET", KEYS, "", [403, 200, 200, 200], none),
        ("its own keys by name", "GET", "/v1/keys?agent=media", "", [403, 200, 200, 200], read),
        ("another's keys", "GET", "/v1/keys?agent=other", "", [403, 403, 403, 200], full),
        ("a wrong question", "GET", "/v1/keys?agnet=other", "", [400, 400, 400, 400], None),
        ("a key of its own", "POST", KEYS, "{}", [403, 403, 201, 201], write),
        ("a key without a body", "POST", KEYS, "", [403, 403, 201, 201], write),
        ("a key without an end", "POST", KEYS, r#"{"expires_in":"never"}"#, [403, 403, 403, 201], full),
        ("a key of another", "POST", KEYS, r#"{"agent":"other"}"#, [403, 403, 403, 201], full),
        ("a key of nobody", "POST", KEYS, r#"{"agent":"nobody"}"#, [403, 403, 403, 404], full),
        ("a key that is over at once", "POST", KEYS, r#"{"expires_in":0}"#, [403, 403, 400, 400], None),
        ("a life that is no life", "POST", KEYS, r#"{"expires_in":"90d"}"#, [400, 400, 400, 400], None),
        ("a field that is not known", "POST", KEYS, r#"{"expires":60}"#, [400, 400, 400, 400], None),
        ("a derived key", "POST", DERIVE, r#"{"grants":"all"}"#, [403, 201, 201, 201], read),
        ("to end its other key", "POST", "/v1/keys/{second}/revoke", "", [403, 403, 200, 200], write),
        ("to end its own key", "POST", "/v1/keys/{own}/revoke", "", [403, 200, 200, 200], read),
        ("to end another's key", "POST", "/v1/keys/{other}/revoke", "", [403, 403, 403, 200], full),
        ("to end a key that is none", "POST", "/v1/keys/0000000000/revoke", "", [403, 403, 403, 404], full),
        ("to end what cannot be a key", "POST", "/v1/keys/..%2f/revoke", "", [400, 400, 400, 400], None),
    ] {
        for (level, expected) in LEVELS.iter().zip(statuses) {
            let state = memory();
            let (own, media) = agent("media", &format!("files = \"read\"\nadmin = \"{level}\""));
            let (_, other) = agent("other", "files = \"full\"");
            let stage = stage(&state, format!("{media}{other}")).await;
            let mut target = target.replace("{own}", AgentKey::parse(&own).unwrap().id());
            for (place, owner) in [("{second}", "media"), ("{other}", "other")] {
                if target.contains(place) {
                    target = target.replace(place, kept(&state, owner, |_| ()).await.id());
                }
            }
            let reply = stage.ask(&own, method, &target, body).await;
            assert_eq!(reply.status.as_u16(), expected, "{name} with admin: {level}: {:?}", reply.body);
            match expected {
                403 => assert_eq!(reply.problem().missing.as_deref(), missing.or(write), "{name} with admin: {level}"),
                400.. => assert_eq!(reply.problem().missing, None, "{name} with admin: {level}"),
                _ => {}
            }
            if expected == 403 {
                assert!(stage.sentences().last().unwrap().contains("Refused: "), "{name}: {:#?}", stage.sentences());
            }
        }
    }
    // Browsers on listed pages, and those who are nobody.
    let stage = stage(&memory(), crate::stage::VISITORS).await;
    for (method, target) in [("GET", KEYS), ("POST", KEYS), ("POST", DERIVE), ("POST", "/v1/keys/0000000000/revoke")] {
        let json = ("content-type", "application/json");
        let body = if target == DERIVE { r#"{"grants":"all"}"# } else { "" };
        assert_eq!(stage.send(method, target, &[("origin", PAGE), json], body).await.status, 403, "{method} {target}");
        assert_eq!(stage.send(method, target, &[json], body).await.status, 401, "{method} {target}");
    }
}

/// A key that somebody made before, as the state keeps it.
pub(crate) async fn kept(state: &Arc<dyn State>, owner: &str, change: impl FnOnce(&mut KeyRow)) -> AgentKey {
    let key = AgentKey::generate();
    let mut row = KeyRow {
        id: key.id().to_owned(),
        agent: owner.to_owned(),
        sha256: key.digest().to_string(),
        label: None,
        parent: None,
        narrowed: None,
        created_at: now(),
        expires_at: None,
        revoked_at: None,
        used_at: None,
    };
    change(&mut row);
    assert!(state.add_key(row).await.unwrap());
    key
}

#[tokio::test]
async fn no_derived_key_gets_more_than_its_parent_has() {
    let (whole, section) = agent(
        "media",
        "files = \"write\"\nuploads = \"read\"\nadmin = \"full\"\nrate = \"1000/s\"\nexpires = 2999-01-01T00:00:00Z",
    );
    let stage = stage(&memory(), section).await;
    let narrow = child(
        &stage,
        &whole,
        &json!({
            "grants": {"files": "read", "admin": "read"},
            "only": ["files.list", "files.info", "keys.derive", "keys.list"],
            "rate": "500/s burst 100",
            "expires_in": 600,
        }),
    )
    .await;
    let label = "x".repeat(65);
    for (name, key, asked, expected, told) in [
        (
            "a higher level",
            &narrow,
            json!({"grants": {"files": "write"}}),
            (403, Some("files: write")),
            "read access to files and can give no more",
        ),
        (
            "another area",
            &narrow,
            json!({"grants": {"groups": "read"}}),
            (403, Some("groups: read")),
            "no access to groups",
        ),
        (
            "an area of the agent that is not its own",
            &narrow,
            json!({"grants": {"uploads": "read"}}),
            (403, Some("uploads: read")),
            "no access to uploads",
        ),
        (
            "the level that issues keys",
            &narrow,
            json!({"grants": {"admin": "write"}}),
            (403, Some("admin: write")),
            "read access to admin",
        ),
        (
            "the same from a whole key",
            &whole,
            json!({"grants": {"admin": "write"}}),
            (403, None),
            "A derived key has read access to admin at most",
        ),
        (
            "an area wider than its list",
            &narrow,
            json!({"grants": "all", "only": ["files"]}),
            (403, Some("only: files")),
            "held to a list",
        ),
        (
            "an operation off its list",
            &narrow,
            json!({"grants": "all", "only": ["files.list", "files.delete"]}),
            (403, Some("only: files.delete")),
            "held to a list",
        ),
        (
            "a higher rate",
            &narrow,
            json!({"grants": "all", "rate": "501/s burst 1"}),
            (403, None),
            "may call 500/s burst 100",
        ),
        (
            "a longer burst",
            &narrow,
            json!({"grants": "all", "rate": "1/s burst 101"}),
            (403, None),
            "may call 500/s burst 100",
        ),
        (
            "a rate above the agent's",
            &whole,
            json!({"grants": "all", "rate": "1001/s"}),
            (403, None),
            "may call 1000/s",
        ),
        ("a longer life", &narrow, json!({"grants": "all", "expires_in": 3600}), (403, None), "ends no later"),
        (
            "a life without an end",
            &narrow,
            json!({"grants": "all", "expires_in": "never"}),
            (403, None),
            "ends no later",
        ),
        (
            "a life beyond the agent's",
            &whole,
            json!({"grants": "all", "expires_in": "never"}),
            (403, None),
            "ends no later",
        ),
        ("nothing at all", &narrow, json!({"grants": {}}), (400, None), "of no use"),
        ("nothing in other words", &narrow, json!({"grants": {"files": "off"}}), (400, None), "of no use"),
        (
            "a list that its levels do not reach",
            &whole,
            json!({"grants": {"files": "read"}, "only": ["files.store"]}),
            (400, None),
            "of no use",
        ),
        ("an empty list", &whole, json!({"grants": "all", "only": []}), (400, None), "of no use"),
        (
            "an operation that is none",
            &narrow,
            json!({"grants": "all", "only": ["files.everything"]}),
            (400, None),
            "is neither",
        ),
        ("a rate that is none", &narrow, json!({"grants": "all", "rate": "often"}), (400, None), "`rate` should be"),
        (
            "a life that is over at once",
            &narrow,
            json!({"grants": "all", "expires_in": 0}),
            (400, None),
            "`expires_in` should be",
        ),
        (
            "a name that is a story",
            &narrow,
            json!({"grants": "all", "label": label}),
            (400, None),
            "64 characters at most",
        ),
        ("no word of grants", &narrow, json!({"expires_in": 60}), (400, None), "missing field"),
        ("a word that is not known", &narrow, json!({"grants": "all", "agent": "other"}), (400, None), "unknown field"),
    ] {
        let reply = derive(&stage, key, &asked).await;
        let problem = reply.problem();
        assert_eq!((problem.status, problem.missing.as_deref()), expected, "{name}: {}", problem.detail);
        assert!(problem.detail.contains(told), "{name}: {}", problem.detail);
        if told != "missing field" && told != "unknown field" {
            let record = stage.log.records().pop().unwrap();
            assert_eq!((record.verdict, record.missing.as_deref()), (Some(Verdict::Deny), expected.1), "{name}");
            assert!(record.text.starts_with("Agent media asked to derive a key from its own. Refused: "), "{name}");
        }
    }
    let listed = stage.ask(&whole, "GET", KEYS, "").await.json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "nothing was made of it: {listed}");
    // What is within is had, and no more.
    let least =
        json!({"grants": {"files": "read"}, "only": ["files.list"], "rate": "1/s burst 50", "label": label[1..]});
    let least = child(&stage, &narrow, &least).await;
    for (target, expected) in [(FILES, 200), ("/v1/uploadcare/project/", 403), ("/v1/upload-policy", 403), (KEYS, 403)]
    {
        assert_eq!(status(&stage, &least, target).await, expected, "{target}");
    }
    assert_eq!(
        derive(&stage, &least, &json!({"grants": "all"})).await.problem().missing.as_deref(),
        Some("admin: read")
    );
}

#[tokio::test]
async fn a_derived_key_says_whose_it_is_and_what_refused() {
    let (whole, section) =
        agent("media", "files = \"full\"\nuploads = \"write\"\nadmin = \"full\"\nacknowledged = true");
    let stage = stage(&memory(), section).await;
    let file = stage.file("a.png", PNG).await;
    let reply = derive(&stage, &whole, &json!({"grants": {"files": "read", "groups": "off", "uploads": "write", "admin": "read"}, "label": "a \"b\"", "expires_in": 60})).await;
    let (key, id) = (text(&reply, "key"), text(&reply, "id"));
    assert_eq!(reply.json()["grants"], json!({"files": "read", "groups": "off", "uploads": "write", "admin": "read"}));
    let own = AgentKey::parse(&whole).unwrap();
    assert_eq!(text(&reply, "parent"), own.id());
    assert!(
        stage.sentences().contains(&format!(
            "Agent media asked to derive key {id} from key {}, called \"a \\\"b\\\"\", with files: read, uploads: write, \
             admin: read, good for 1 minute. Allowed: this agent has full access to admin.",
            own.id()
        )),
        "{:#?}",
        stage.sentences()
    );
    let reply = stage.ask(&key, "DELETE", &format!("{FILES}{file}/storage/"), "").await;
    let problem = reply.problem();
    assert_eq!((problem.status, problem.missing.as_deref()), (403, Some("files: full")));
    assert!(
        problem.detail.contains("this key has read access to files, and this needs full access"),
        "{}",
        problem.detail
    );
    let record = stage.log.records().pop().unwrap();
    assert_eq!(record.rule, Some(format!("keys.{id}")));
    assert_eq!((record.key_id.as_deref(), record.parent_key.as_deref()), (Some(id.as_str()), Some(own.id())));
    // Asked about itself, the policy answers for the key.
    let told = stage.ask(&key, "GET", "/v1/policy/explain?operation=files.delete", "").await.json();
    assert_eq!((&told["verdict"], &told["holds"]), (&json!("deny"), &json!("read")), "{told}");
    let told = stage.ask(&whole, "GET", "/v1/policy/explain?operation=files.delete", "").await.json();
    assert_eq!(told["verdict"], "allow", "{told}");
    // It issues nothing and ends nobody else, whatever its agent may.
    assert_eq!(stage.ask(&key, "POST", KEYS, "{}").await.problem().missing.as_deref(), Some("admin: write"));
    let others = format!("{KEYS}/{}/revoke", own.id());
    assert_eq!(stage.ask(&key, "POST", &others, "").await.status, 403);
    // What it hands out ends with it.
    let pass = stage.ask(&key, "POST", "/v1/upload-credentials", r#"{"ttl":600}"#).await.json();
    let life = pass["expires_at"].as_u64().unwrap() - pass["server_time"].as_u64().unwrap();
    assert!((1..=60).contains(&life), "{life} seconds");
    // It ends its own children, and then itself.
    let reply = derive(&stage, &key, &json!({"grants": {"files": "read"}})).await;
    let (grandchild, its_id) = (text(&reply, "key"), text(&reply, "id"));
    for (id, ended) in [(its_id, &grandchild), (id, &key)] {
        assert_eq!(status(&stage, ended, FILES).await, 200);
        let told = stage.ask(&key, "POST", &format!("{KEYS}/{id}/revoke"), "").await;
        assert_eq!((told.status.as_u16(), text(&told, "status").as_str()), (200, "revoked"), "{:?}", told.body);
        assert_eq!(status(&stage, ended, FILES).await, 401);
    }
    let ended = format!(
        "The request of Agent media to revoke key {} of Agent media was carried out.",
        AgentKey::parse(&key).unwrap().id()
    );
    assert!(stage.sentences().contains(&ended), "{:#?}", stage.sentences());
}

#[tokio::test]
async fn a_line_of_keys_has_an_end() {
    let (of_policy, section) = agent("media", "files = \"read\"\nadmin = \"read\"");
    let state = memory();
    let stage = stage(&state, section).await;
    let issued = kept(&state, "media", |_| ()).await;
    for root in [of_policy, issued.expose().to_owned()] {
        let mut key = root;
        for _ in 0..8 {
            key = child(&stage, &key, &json!({"grants": "all"})).await;
            assert_eq!(status(&stage, &key, FILES).await, 200);
        }
        let problem = derive(&stage, &key, &json!({"grants": "all"})).await.problem();
        assert!(problem.status == 403 && problem.detail.contains("8th of its line"), "{}", problem.detail);
        // Nor is one good that somebody wrote into the state.
        let parent = AgentKey::parse(&key).unwrap().id().to_owned();
        let ninth =
            kept(&state, "media", |row| (row.parent, row.narrowed) = (Some(parent), Some("{}".to_owned()))).await;
        assert_eq!(status(&stage, ninth.expose(), FILES).await, 401);
    }
}

#[tokio::test]
async fn a_derived_key_is_good_for_ninety_days_if_nobody_says_otherwise_and_never_longer_than_its_parent() {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    let state = memory();
    let (_, section) = agent("media", "files = \"read\"\nadmin = \"read\"");
    let stage = stage(&state, section).await;
    for (name, parent, asked, life) in [
        ("as usual, of a key without an end", None, json!({}), Some(90 * DAY)),
        ("for ever, of a key without an end", None, json!({"expires_in": "never"}), None),
        ("longer than usual, of a key without an end", None, json!({"expires_in": 100 * DAY}), Some(100 * DAY)),
        ("as usual, of a key that ends later", Some(200 * DAY), json!({}), Some(90 * DAY)),
        (
            "longer than usual, of a key that ends later",
            Some(200 * DAY),
            json!({"expires_in": 100 * DAY}),
            Some(100 * DAY),
        ),
        ("as usual, of a key that ends sooner", Some(HOUR), json!({}), Some(HOUR)),
        ("less, of a key that ends sooner", Some(HOUR), json!({"expires_in": 60}), Some(60)),
    ] {
        let key = kept(&state, "media", |row| row.expires_at = parent.map(|life| now() + life * 1000)).await;
        let mut asked = asked;
        asked["grants"] = "all".into();
        let told = derive(&stage, key.expose(), &asked).await.json();
        let told = told["expires_at"].as_i64().map(|end| end - now() / 1000);
        let fits = match (told, life) {
            (Some(told), Some(life)) => (life - 30..=life).contains(&told),
            (told, life) => told == life,
        };
        assert!(fits, "{name}: {told:?} seconds");
    }
}

#[tokio::test]
async fn a_key_is_held_to_the_rates_of_its_line_and_its_agent_to_its_own() {
    let (whole, section) = agent("media", "files = \"read\"\nadmin = \"read\"\nrate = \"12/h\"");
    let stage = stage(&memory(), section).await;
    let key = child(&stage, &whole, &json!({"grants": "all", "rate": "5/h"})).await;
    let below = child(&stage, &key, &json!({"grants": "all"})).await;
    let mut answers = Vec::new();
    for key in [&below, &below, &below, &below, &below, &key, &whole, &whole, &whole, &whole, &whole, &whole, &whole] {
        let reply = stage.ask(key, "GET", FILES, "").await;
        answers.push(if reply.status == 200 { "200".to_owned() } else { reply.problem().detail });
    }
    // One of the five was spent by deriving. What the key was refused cost its agent nothing.
    let told = |answer: &String| {
        answer.contains("from this key").then_some("key").or(answer.contains("from this agent").then_some("agent"))
    };
    let told: Vec<_> = answers.iter().map(|answer| told(answer).unwrap_or("good")).collect();
    let good = ["good"; 4];
    assert_eq!(told, [&good[..], &["key"; 2], &["good"; 6], &["agent"]].concat(), "{answers:#?}");
}

#[tokio::test]
async fn a_shadow_is_asked_about_the_key_and_not_only_about_its_agent() {
    let (whole, section) = agent("media", "files = \"full\"\nadmin = \"read\"\nacknowledged = true");
    let folder = tempfile::tempdir().unwrap();
    let shadow = folder.path().join("next.toml");
    let text = "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = { env = \"SECRET\" }\n";
    std::fs::write(&shadow, format!("{text}{section}")).unwrap();
    let stage = stage(&memory(), format!("{section}[shadow]\nfile = \"{}\"\n", shadow.display())).await;
    assert!(stage.signer.policy().shadow.is_some(), "{:?}", stage.signer.policy().warnings);
    let file = stage.file("a.png", PNG).await;
    let key = child(&stage, &whole, &json!({"grants": {"files": "read"}})).await;
    assert_eq!(stage.ask(&key, "DELETE", &format!("{FILES}{file}/storage/"), "").await.status, 403);
    // It is the same policy, so it says the same.
    assert!(stage.log.records().iter().all(|record| record.shadow.is_none()), "{:#?}", stage.sentences());
}
