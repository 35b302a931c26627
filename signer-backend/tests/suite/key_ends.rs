//! What keys die of, over every state: their own end, that of a key before them, of their agent, or a report. Threats 1, 2
//! and 22.

use crate::key_lines::{FILES, KEYS, child, derive, kept, memory, stage, status, text};
use crate::postgres::Database;
use crate::stage::{PNG, Stage, agent};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use updock_signer::key::AgentKey;
use updock_signer::state::{KeyRow, PostgresState, SqliteState, State, now};

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_key_that_hangs_on_nothing_good_is_as_unknown_as_one_that_never_was() {
    let state = memory();
    let digest = AgentKey::generate().digest();
    let (policy_key, section) = agent("media", "files = \"read\"\nadmin = \"read\"");
    let (late, over) = agent("late", "files = \"read\"\nexpires = 2020-01-01T00:00:00Z");
    let stage = stage(&state, format!("{section}{over}")).await;
    let good = kept(&state, "media", |_| ()).await;
    let expired = kept(&state, "media", |row| row.expires_at = Some(now() - 1)).await;
    let revoked = kept(&state, "media", |row| row.revoked_at = Some(now() - 1)).await;
    let elsewhere = kept(&state, "late", |_| ()).await;
    let below = async |parent: &AgentKey, narrowed: &str| {
        let (parent, narrowed) = (parent.id().to_owned(), narrowed.to_owned());
        kept(&state, "media", move |row| (row.parent, row.narrowed) = (Some(parent), Some(narrowed))).await
    };
    let child_of_expired = below(&expired, "{}").await;
    let same_id = AgentKey::generate();
    kept(&state, "media", |row| row.id = same_id.id().to_owned()).await;
    for (name, key, expected) in [
        ("a key of the policy", AgentKey::parse(&policy_key).unwrap(), 200),
        ("an issued key", AgentKey::parse(good.expose()).unwrap(), 200),
        ("a child of it", below(&good, "{}").await, 200),
        ("a child of its child", below(&below(&good, "{}").await, "{}").await, 200),
        ("one that never was", AgentKey::generate(), 401),
        ("one with the id of another", same_id, 401),
        ("an expired key", AgentKey::parse(expired.expose()).unwrap(), 401),
        ("a child of it", AgentKey::parse(child_of_expired.expose()).unwrap(), 401),
        ("a child of its child", below(&child_of_expired, "{}").await, 401),
        ("a revoked key", AgentKey::parse(revoked.expose()).unwrap(), 401),
        ("a child of a revoked key", below(&revoked, "{}").await, 401),
        ("a child of a key that is gone", below(&AgentKey::generate(), "{}").await, 401),
        (
            "a child of a key that the policy has no more",
            below(&good, &format!("{{\"root\":\"{digest}\"}}")).await,
            401,
        ),
        ("a child of another agent's key", below(&elsewhere, "{}").await, 401),
        ("a child that says of itself what nobody knows", below(&good, "{\"may\":\"everything\"}").await, 401),
        ("a key of an agent that the policy has no more", kept(&state, "gone", |_| ()).await, 401),
        ("a key of an agent whose time is over", elsewhere, 401),
        ("a key of the policy of that agent", AgentKey::parse(&late).unwrap(), 401),
    ] {
        let mut answers = Vec::new();
        for reply in [
            stage.ask(key.expose(), "GET", FILES, "").await,
            derive(&stage, key.expose(), &json!({"grants": "all"})).await,
        ] {
            if expected == 200 {
                assert!(reply.status.is_success(), "{name}: {:?}", reply.body);
            } else {
                answers.push((reply.status.as_u16(), reply.problem().detail));
            }
        }
        let unknown = "This agent key is not known here; ask whoever runs this signer for one.";
        assert!(answers.iter().all(|answer| *answer == (401, unknown.to_owned())), "{name}: {answers:?}");
    }
}

#[tokio::test]
async fn a_policy_that_gives_less_gives_derived_keys_less() {
    let (first, media) = agent("media", "");
    let (_, other) = agent("other", "project = \"read\"");
    let rules = |grants: &str| format!("{media}{grants}\n{other}");
    let state = memory();
    let stage = stage(&state, rules("files = \"full\"\nadmin = \"read\"\nacknowledged = true")).await;
    let file = stage.file("a.png", PNG).await;
    let key = child(&stage, &first, &json!({"grants": {"files": "write", "admin": "read"}})).await;
    let below = child(&stage, &key, &json!({"grants": "all"})).await;
    let store = async |key: &str| {
        let reply = stage.ask(key, "PUT", &format!("{FILES}{file}/storage/"), "").await;
        if reply.status == 200 { (200, None) } else { (reply.status.as_u16(), reply.problem().missing) }
    };
    let wanting = |what: &str| (403, Some(what.to_owned()));
    for (grants, stored, listed) in [
        ("files = \"full\"\nacknowledged = true", (200, None), 200),
        ("files = \"read\"", wanting("files: write"), 200),
        ("files = \"write\"\nonly = [\"files.list\"]", wanting("only: files.store"), 200),
        ("groups = \"read\"", wanting("files: write"), 403),
        ("files = \"write\"", (200, None), 200),
    ] {
        stage.replace(&rules(grants));
        for key in [&key, &below] {
            assert_eq!(store(key).await, stored, "{grants}");
            assert_eq!(status(&stage, key, FILES).await, listed, "{grants}");
        }
    }
    // The key of the file that they were derived from ends; then another stands there, and then the agent does not.
    let (_, rotated) = agent("media", "files = \"full\"\nacknowledged = true");
    let over = media.replace("\" }]", "\", expires = 2020-01-01T00:00:00Z }]");
    for rules in [format!("{over}files = \"full\"\n{other}"), format!("{rotated}{other}"), other.clone()] {
        stage.replace(&rules);
        for key in [&first, &key, &below] {
            assert_eq!(status(&stage, key, FILES).await, 401);
        }
    }
}

/// One of each kind, with what they live in.
struct States {
    all: Vec<Arc<dyn State>>,
    _folder: tempfile::TempDir,
    _database: Option<Database>,
}

impl States {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut states: Vec<Arc<dyn State>> =
            vec![memory(), Arc::new(SqliteState::open(&folder.path().join("state.db")).await.unwrap())];
        let database = Database::fresh().await;
        if let Some(database) = &database {
            states.push(Arc::new(PostgresState::open(database.url()).await.unwrap()));
        }
        Self { all: states, _folder: folder, _database: database }
    }

    fn each(&self) -> impl Iterator<Item = Arc<dyn State>> {
        self.all.iter().cloned()
    }
}

#[tokio::test]
async fn keys_are_issued_derived_listed_and_ended_over_every_state() {
    let states = States::open().await;
    for state in states.each() {
        hold_life_of_keys(state).await;
    }
}

async fn hold_life_of_keys(state: Arc<dyn State>) {
    let name = state.name();
    let (lead, first) = agent("lead", "admin = \"full\"\nacknowledged = true");
    // It has no key in the file, and says so.
    let second = "[agents.media]\nname = \"Media agent\"\nfiles = \"write\"\nadmin = \"read\"\n";
    let stage = stage(&state, format!("{first}{second}")).await;
    let warned =
        stage.signer.policy().warnings.iter().any(|warning| warning.to_string().contains("keys issue --agent media"));
    assert!(warned, "{:?}", stage.signer.policy().warnings);

    let before = now() / 1000;
    let issued = stage.ask(&lead, "POST", KEYS, r#"{"agent":"media","label":"nightly"}"#).await;
    assert_eq!(issued.status, 201, "{name}: {:?}", issued.body);
    let (whole, id) = (text(&issued, "key"), text(&issued, "id"));
    let issued = issued.json();
    let life = issued["expires_at"].as_i64().unwrap() - before;
    assert!((90 * DAY..90 * DAY + 60).contains(&life), "{name}: 90 days if nobody says otherwise, not {life} seconds");
    assert_eq!(
        (&issued["origin"], &issued["status"], &issued["label"]),
        (&json!("issued"), &json!("good"), &json!("nightly"))
    );
    assert_eq!(status(&stage, &whole, FILES).await, 200, "{name}");

    let reply = derive(
        &stage,
        &whole,
        &json!({"grants": {"files": "read", "admin": "read"}, "only": ["files", "admin"], "rate": "100/s"}),
    )
    .await;
    let (child, child_id) = (text(&reply, "key"), text(&reply, "id"));
    assert_eq!(reply.json()["expires_at"], issued["expires_at"], "{name}: no longer than its parent");
    let reply = derive(&stage, &child, &json!({"grants": {"files": "read"}, "expires_in": 60})).await;
    let grandchild = text(&reply, "key");
    for (key, expected) in [(&child, 200), (&grandchild, 200)] {
        assert_eq!(status(&stage, key, FILES).await, expected, "{name}");
        assert_eq!(status(&stage, key, "/v1/upload-policy").await, 403, "{name}");
    }
    let listed = async |key: &str, target: &str| {
        let reply = stage.ask(key, "GET", target, "").await.json();
        let told = |key: &Value| (text_of(&key["label"]), text_of(&key["origin"]), text_of(&key["status"]));
        let mut told: Vec<_> = reply["keys"].as_array().unwrap().iter().map(told).collect();
        told.sort();
        told
    };
    let one = |label: &str, origin: &str, status: &str| (label.to_owned(), origin.to_owned(), status.to_owned());
    let leads = stage.ask(&lead, "POST", KEYS, r#"{"label":"of lead"}"#).await;
    assert_eq!(leads.status, 201);
    let own = [one("", "derived", "good"), one("", "derived", "good"), one("nightly", "issued", "good")];
    assert_eq!(listed(&whole, KEYS).await, own, "{name}: its own");
    let (in_file, leads) = (one("", "policy", "good"), one("of lead", "issued", "good"));
    let all = [own[0].clone(), own[1].clone(), in_file.clone(), own[2].clone(), leads.clone()];
    assert_eq!(listed(&lead, KEYS).await, all, "{name}: everyone's");
    assert_eq!(listed(&lead, "/v1/keys?agent=lead").await, [in_file.clone(), leads.clone()], "{name}");
    // That it was used is noted soon, and not each time.
    let mut used = None;
    for _ in 0..500 {
        used = state.key(id.clone()).await.unwrap().unwrap().used_at;
        if used.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(used.is_some_and(|at| at / 1000 >= before), "{name}");

    let revoked = stage.ask(&lead, "POST", &format!("{KEYS}/{id}/revoke"), "").await;
    assert_eq!((revoked.status.as_u16(), text(&revoked, "status").as_str()), (200, "revoked"), "{name}");
    for key in [&whole, &child, &grandchild] {
        assert_eq!(status(&stage, key, FILES).await, 401, "{name}: a parent takes its children along");
    }
    let orphaned = || one("", "derived", "orphaned");
    let ended = [orphaned(), orphaned(), in_file, one("nightly", "issued", "revoked"), leads];
    assert_eq!(listed(&lead, KEYS).await, ended, "{name}");
    assert_eq!(status(&stage, &lead, KEYS).await, 200);

    // Each of it is a sentence, none of which holds a secret; and what is kept holds none either.
    let sentences = stage.sentences();
    for told in [
        format!(
            "Agent lead asked to issue key {id} of Media agent, called \"nightly\", good for 90 days. Allowed: this agent has full access to admin."
        ),
        format!(
            "The request of Media agent to derive key {child_id} from key {id}, with files: read, admin: read, only files, admin, at 100/s"
        ),
        format!("Agent lead asked to revoke key {id} of Media agent. Allowed: this agent has full access to admin."),
        format!("The request of Agent lead to revoke key {id} of Media agent was carried out."),
    ] {
        assert!(
            sentences.iter().any(|sentence| sentence.starts_with(&told)),
            "{name}: {told} is not in {sentences:#?}"
        );
    }
    let said = format!("{sentences:?}{:?}{:?}", stage.log.records(), state.keys(None).await.unwrap());
    for key in [&whole, &child, &grandchild] {
        let secret = key.rsplit('_').next().unwrap();
        assert!(!said.contains(&secret[..20]), "{name}");
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A section of the policy file with a key, whose line names this id or none.
fn line(key: &AgentKey, id: Option<&str>) -> String {
    let id = id.map(|id| format!("id = \"{id}\", ")).unwrap_or_default();
    let digest = key.digest();
    format!(
        "[agents.media]\nname = \"Media\"\nkeys = [{{ {id}sha256 = \"{digest}\" }}]\nfiles = \"read\"\nadmin = \"read\"\n"
    )
}

/// How a key is ended.
#[derive(Debug, Clone, Copy)]
enum End {
    /// By somebody else, with the id that lists show.
    Listed,
    /// By its holder, with its public part.
    Own,
    /// By a report.
    Leaked,
}

#[tokio::test]
async fn a_key_of_the_policy_is_listed_and_ended_whatever_its_line_calls_it() {
    let states = States::open().await;
    for state in states.each() {
        for (named, end) in [
            (None, End::Listed),
            (None, End::Own),
            (None, End::Leaked),
            (Some("0123456789"), End::Listed),
            (Some("9876543210"), End::Own),
        ] {
            hold_end_of_key(&state, named, end).await;
        }
    }
}

/// `named` is what the line says, which is not the key's public part.
async fn hold_end_of_key(state: &Arc<dyn State>, named: Option<&str>, end: End) {
    let case = format!("{} {named:?} {end:?}", state.name());
    let key = AgentKey::generate();
    let (lead, admin) = agent("lead", "admin = \"full\"\nacknowledged = true");
    let policy = |id: Option<&str>| format!("{}{admin}", line(&key, id));
    let one = stage(state, policy(named)).await;
    // Ids and statuses of the agent's keys of which this is told.
    let told_of = async |stage: &Stage, field: &str, says: &str| {
        let listed = stage.ask(&lead, "GET", "/v1/keys?agent=media", "").await.json();
        let keys = listed["keys"].as_array().unwrap().iter().filter(|key| key[field] == says);
        keys.map(|key| (text_of(&key["id"]), text_of(&key["status"]))).collect::<Vec<_>>()
    };
    let seen = async |stage: &Stage| told_of(stage, "origin", "policy").await;
    let revoked = async |stage: &Stage| told_of(stage, "status", "revoked").await;
    let below = child(&one, key.expose(), &json!({"grants": "all"})).await;
    let [(id, good)] = &seen(&one).await[..] else { panic!("{case}: not one line") };
    assert_eq!((good.as_str(), named.unwrap_or(id)), ("good", id.as_str()), "{case}");
    let told = one.log.records().into_iter().rfind(|record| record.operation == Some("keys.derive")).unwrap();
    assert_eq!(told.key_id.as_deref(), Some(id.as_str()), "{case}: the log calls it as the list does");
    // A derived key that ends itself ends nothing before it.
    let other = child(&one, key.expose(), &json!({"grants": "all"})).await;
    let own = AgentKey::parse(&other).unwrap();
    assert_eq!(one.ask(&other, "POST", &format!("{KEYS}/{}/revoke", own.id()), "").await.status, 200, "{case}");
    let statuses = [status(&one, &other, FILES).await, status(&one, key.expose(), FILES).await];
    assert_eq!(statuses, [401, 200], "{case}");
    let others = revoked(&one).await;

    let reply = match end {
        End::Listed => one.ask(&lead, "POST", &format!("{KEYS}/{id}/revoke"), "").await,
        End::Own => one.ask(key.expose(), "POST", &format!("{KEYS}/{}/revoke", key.id()), "").await,
        End::Leaked => {
            let body = json!({"key": key.expose()}).to_string();
            one.send("POST", "/v1/keys/report-leak", &[("content-type", "application/json")], &body).await
        }
    };
    assert_eq!(reply.status, 200, "{case}: {:?}", reply.body);
    // At this instance at once, at a new one, and whatever its line says from now on.
    let ended = [(id.clone(), "revoked".to_owned())];
    assert_eq!(seen(&one).await, ended, "{case}");
    let again = stage(state, policy(named)).await;
    for stage in [&one, &again] {
        for key in [key.expose(), &below] {
            assert_eq!(status(stage, key, FILES).await, 401, "{case}");
        }
    }
    again.replace(&policy(Some(key.id())));
    for key in [key.expose(), &below] {
        assert_eq!(status(&again, key, FILES).await, 401, "{case}: its id was written into the line");
    }
    assert_eq!(seen(&again).await, [(key.id().to_owned(), "revoked".to_owned())], "{case}");
    // Without its line it is still told of, once.
    again.replace(&format!("[agents.media]\nname = \"Media\"\nfiles = \"read\"\n{admin}"));
    let mut told = revoked(&again).await;
    told.retain(|key| !others.contains(key));
    assert_eq!(told, ended, "{case}");
}

/// As an earlier version kept it: under the public part of the key, which the file does not name.
#[tokio::test]
async fn a_key_that_was_revoked_by_its_public_part_stays_so() {
    let state = memory();
    let key = AgentKey::generate();
    let revoked = |row: &mut KeyRow| {
        (row.id, row.sha256) = (key.id().to_owned(), key.digest().to_string());
        row.revoked_at = Some(now());
    };
    kept(&state, "media", revoked).await;
    let root = json!({"root": key.digest().to_string()}).to_string();
    let child = kept(&state, "media", |row| (row.parent, row.narrowed) = (Some(key.id().to_owned()), Some(root))).await;
    let (lead, admin) = agent("lead", "admin = \"full\"\nacknowledged = true");
    let stage = stage(&state, format!("{}{admin}", line(&key, None))).await;
    for key in [&key, &child] {
        assert_eq!(status(&stage, key.expose(), FILES).await, 401);
    }
    let listed = stage.ask(&lead, "GET", "/v1/keys?agent=media", "").await.json();
    let told: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| (&key["origin"], &key["status"])).collect();
    assert_eq!(told, [(&json!("policy"), &json!("revoked")), (&json!("derived"), &json!("orphaned"))]);
}

#[tokio::test]
async fn a_leaked_issued_key_is_ended_by_whoever_finds_it() {
    let state = memory();
    let (_, section) = agent("media", "files = \"read\"");
    let stage = stage(&state, section).await;
    let (key, other) = (kept(&state, "media", |_| ()).await, kept(&state, "media", |_| ()).await);
    // The id alone ends nothing: whoever reads it in a log has found no key.
    let forged = AgentKey::generate();
    kept(&state, "media", |row| row.id = forged.id().to_owned()).await;
    for reported in [&key, &forged] {
        let body = json!({"key": reported.expose()}).to_string();
        let headers = [("content-type", "application/json")];
        assert_eq!(stage.send("POST", "/v1/keys/report-leak", &headers, &body).await.status, 200);
    }
    assert_eq!((status(&stage, key.expose(), FILES).await, status(&stage, other.expose(), FILES).await), (401, 200));
    assert_eq!(state.key(forged.id().to_owned()).await.unwrap().unwrap().revoked_at, None);
    let told = format!("Key {} of Agent media was reported as leaked and is revoked.", key.id());
    let record = stage.log.records().into_iter().find(|record| record.text == told).unwrap();
    assert_eq!(record.key_id.as_deref(), Some(key.id()));
}

/// Each of these is asked within the second that the documentation names, or shows nothing: a busy machine is no fault.
#[tokio::test]
async fn what_the_state_said_of_a_key_is_believed_for_a_second_and_of_a_made_up_id_not_at_all() {
    let state = memory();
    let (of_policy, section) = agent("media", "files = \"read\"\nadmin = \"read\"");
    let stage = stage(&state, section).await;
    let issued = kept(&state, "media", |_| ()).await;
    let derived = child(&stage, issued.expose(), &json!({"grants": "all"})).await;
    let keys = [issued.expose(), of_policy.as_str()];
    let asked = Instant::now();
    for key in keys {
        assert_eq!(status(&stage, key, FILES).await, 200);
    }
    for key in keys.map(|key| AgentKey::parse(key).unwrap()) {
        let (id, at) = (key.id().to_owned(), Some(now()));
        let (sha256, agent) = (key.digest().to_string(), "media".to_owned());
        if !state.revoke_key(id.clone(), now()).await.unwrap() {
            let row = state.key(issued.id().to_owned()).await.unwrap().unwrap();
            assert!(state.add_key(KeyRow { id, sha256, agent, revoked_at: at, ..row }).await.unwrap());
        }
    }
    for key in keys {
        let known = status(&stage, key, FILES).await;
        assert!(known == 200 || asked.elapsed() >= Duration::from_secs(1), "the state was asked again");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for key in [keys[0], keys[1], derived.as_str()] {
        assert_eq!(status(&stage, key, FILES).await, 401);
    }
    let made_up = AgentKey::generate();
    assert_eq!(status(&stage, made_up.expose(), FILES).await, 401);
    kept(&state, "media", |row| (row.id, row.sha256) = (made_up.id().to_owned(), made_up.digest().to_string())).await;
    assert_eq!(status(&stage, made_up.expose(), FILES).await, 200, "it was remembered that there is none");
}

#[tokio::test]
async fn that_a_key_was_used_is_noted_every_five_minutes() {
    const MINUTE: i64 = 60_000;
    let state = memory();
    let (_, section) = agent("media", "files = \"read\"");
    let stage = stage(&state, section).await;
    let start = now();
    let used = async |ago: i64| kept(&state, "media", |row| row.used_at = Some(start - ago)).await;
    let (recently, before) = (used(4 * MINUTE).await, used(5 * MINUTE).await);
    let noted = async |key: &AgentKey| state.key(key.id().to_owned()).await.unwrap().unwrap().used_at.unwrap();
    for key in [&recently, &recently, &before] {
        assert_eq!(status(&stage, key.expose(), FILES).await, 200);
    }
    let mut at = 0;
    for _ in 0..500 {
        at = noted(&before).await;
        if at >= start {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(at >= start, "it was not noted");
    assert_eq!(noted(&recently).await, start - 4 * MINUTE);
}

#[tokio::test]
async fn a_running_signer_forgets_what_has_had_its_time() {
    let state = memory();
    let (_, section) = agent("media", "files = \"read\"");
    let stage = stage(&state, section).await;
    let over = kept(&state, "media", |row| row.expires_at = Some(1)).await;
    let good = kept(&state, "media", |_| ()).await;
    let forgotten = async {
        while state.key(over.id().to_owned()).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = stage.signer.run_sweep() => {}
        () = forgotten => {}
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("it is still there"),
    }
    assert!(state.key(good.id().to_owned()).await.unwrap().is_some());
}

/// The bound that the documentation names: one second.
#[tokio::test]
async fn a_key_revoked_at_one_instance_is_refused_by_another_within_a_second() {
    let Some(database) = Database::fresh().await else { return };
    let instance = async || Arc::new(PostgresState::open(database.url()).await.unwrap()) as Arc<dyn State>;
    let (lead, section) = agent("lead", "admin = \"full\"\nfiles = \"read\"\nacknowledged = true");
    let (one, other) = (stage(&instance().await, section.clone()).await, stage(&instance().await, section).await);
    let issued = one.ask(&lead, "POST", KEYS, "{}").await;
    let (key, id) = (text(&issued, "key"), text(&issued, "id"));
    let below = child(&other, &key, &json!({"grants": {"files": "read"}})).await;
    for key in [&key, &below] {
        assert_eq!(status(&other, key, FILES).await, 200, "what one issued, the other takes");
    }
    assert_eq!(one.ask(&lead, "POST", &format!("{KEYS}/{id}/revoke"), "").await.status, 200);
    let revoked = Instant::now();
    for key in [&key, &below] {
        assert_eq!(status(&one, key, FILES).await, 401, "where it was revoked it ends at once");
        loop {
            let asked = Instant::now();
            if status(&other, key, FILES).await == 401 {
                break;
            }
            // When it was asked counts, not when it was answered: a busy machine is no excuse and no fault.
            assert!(asked < revoked + Duration::from_secs(1), "asked {:?} after it was revoked", asked - revoked);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_key_issues_none_that_outlives_it_unless_with_full_access_to_admin() {
    const HOUR: i64 = 3600;
    let state = memory();
    let (endless, media) = agent("media", "files = \"read\"\nadmin = \"write\"");
    let (lead, full) = agent("lead", "admin = \"full\"\nacknowledged = true");
    let short = kept(&state, "media", |row| row.expires_at = Some(now() + HOUR * 1000)).await;
    let stage = stage(&state, format!("{media}{full}")).await;
    // Who asks, what for, and for how many seconds the new key is good; none, if it is refused.
    for (name, key, asked, life) in [
        ("as usual, cut to fit", short.expose(), "{}", Some(HOUR)),
        ("less", short.expose(), r#"{"expires_in":60}"#, Some(60)),
        ("more", short.expose(), r#"{"expires_in":7200}"#, None),
        ("for ever", short.expose(), r#"{"expires_in":"never"}"#, None),
        ("as usual, by a key without an end", &endless, "{}", Some(90 * 24 * HOUR)),
        ("for a century, by a key without an end", &endless, r#"{"expires_in":4294967295}"#, None),
        ("for ever, by a key without an end", &endless, r#"{"expires_in":"never"}"#, None),
        ("by who may issue everyone's", &lead, r#"{"agent":"media","expires_in":31536000}"#, Some(365 * 24 * HOUR)),
    ] {
        let reply = stage.ask(key, "POST", KEYS, asked).await;
        let Some(life) = life else {
            let problem = reply.problem();
            assert_eq!((problem.status, problem.missing.as_deref()), (403, Some("admin: full")), "{name}");
            continue;
        };
        assert_eq!(reply.status, 201, "{name}: {:?}", reply.body);
        let told = reply.json();
        let ends = told["expires_at"].as_i64().unwrap();
        assert!((life - 30..=life).contains(&(ends - now() / 1000)), "{name}: {told}");
        // The log says which key issued it.
        let made = stage.log.records().into_iter().rfind(|record| record.operation == Some("keys.issue")).unwrap();
        assert_eq!(made.key_id.as_deref(), Some(AgentKey::parse(key).unwrap().id()), "{name}");
    }
    let reply = stage.ask(&lead, "POST", KEYS, r#"{"agent":"media","expires_in":"never"}"#).await;
    assert!(reply.status == 201 && reply.json()["expires_at"].is_null());
    // Nor does a line of issued keys go on for ever.
    let next = text(&stage.ask(short.expose(), "POST", KEYS, "{}").await, "key");
    let last = stage.ask(&next, "POST", KEYS, "{}").await.json()["expires_at"].as_i64().unwrap();
    assert!(last <= now() / 1000 + HOUR);
}
