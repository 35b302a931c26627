//! Asking a policy: explain, test, simulate, schema, and the shadow beside the one that holds.

use crate::http_client::send;
use crate::keeping::{House, run};
use crate::process::write_policy;
use crate::stage::{Setup, agent, bearer};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use updock_signer::policy::{Policy, Sources, schema};
use updock_types::Area;

const RULES: &str = "files = \"read\"\nroles = [\"maker\"]\nonly = [\"files.list\", \"groups\"]\n\
    quota = { groups = \"5/day\" }\n[roles.maker]\ngroups = \"write\"\n";

fn asked(policy: &str, arguments: &[&str]) -> (bool, Value) {
    let (good, told) = run(policy, &[&["policy"], arguments, &["--json"]].concat());
    (good, serde_json::from_str(told.lines().next().unwrap()).unwrap_or_else(|_| panic!("{told}")))
}

#[test]
fn a_policy_explains_itself_with_the_line_that_decides() {
    let folder = tempfile::tempdir().unwrap();
    let (_, section) = agent("media", RULES);
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &section);
    for (caller, operation, expected) in [
        ("media", "files.list", json!({"verdict": "allow", "rule": "agents.media.files = read", "line": 10})),
        (
            "media",
            "files.delete",
            json!({"verdict": "deny", "holds": "read", "needs": "full", "missing": "files: full"}),
        ),
        (
            "media",
            "files.info",
            json!({"verdict": "deny", "rule": "agents.media.only", "line": 12, "missing": "only: files.info"}),
        ),
        (
            "media",
            "groups.create",
            json!({"verdict": "allow", "rule": "agents.media.groups = write (from roles.maker)", "line": 15, "limits": ["quota: groups = 5/day"]}),
        ),
        ("media", "project.info", json!({"verdict": "deny", "holds": "off", "missing": "project: read"})),
    ] {
        let (good, answer) = asked(&policy, &["explain", caller, operation]);
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&answer[member], value, "{caller} {operation}: {answer}");
        }
        assert_eq!(good, answer["verdict"] == "allow");
        assert!(answer["sentence"].as_str().unwrap().starts_with("Agent media asked to"), "{answer}");
    }
    let rules = format!("{}quota = \"200/day\"\n", crate::stage::VISITORS);
    let folder_of_visitors = tempfile::tempdir().unwrap();
    let visitors = write_policy(folder_of_visitors.path(), "demosecretkey\n", "http://127.0.0.1:9/", &rules);
    let (_, answer) = asked(&visitors, &["explain", "visitor", "uploads.confirm"]);
    assert_eq!(answer["limits"], json!(["quota: 200/day of one address"]), "{answer}");
    let (_, told) = run(&policy, &["policy", "explain", "media", "files.delete"]);
    assert!(told.contains("Refused: this agent has read access to files, and this needs full access."), "{told}");
    assert!(told.contains("By: agents.media.files = read (line 10)\nMissing: files: full"), "{told}");
    for (caller, operation, expected) in [
        ("meda", "files.list", "this policy lets in no such caller; did you mean `media`?"),
        ("visitor", "uploads.credential", "this policy lets in no such caller"),
        ("media", "files.delte", "there is no such operation; did you mean `files.delete`?"),
    ] {
        let (good, told) = run(&policy, &["policy", "explain", caller, operation]);
        assert!(!good && told.contains(expected), "{told}");
    }
    let (good, checked) = asked(&policy, &["check"]);
    assert!(good && checked["agents"][0]["grants"] == json!({"files": "read", "groups": "write"}), "{checked}");
    write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", "[agnts]");
    let (good, checked) = asked(&policy, &["check"]);
    assert!(!good && checked["line"] == 7 && checked["good"] == false, "{checked}");
}

#[test]
fn expected_verdicts_are_held_against_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let (_, section) = agent("media", "files = \"write\"\nlimits = { batch_max = 5, copy_targets = [\"archive\"] }");
    let (_, sender) = agent("sender", "files = \"full\"\nlimits = { make_public = false }");
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &(section + &sender));
    let case = |operation: &str, expect: &str, more: &str| {
        format!("[[case]]\ncaller = \"media\"\noperation = \"{operation}\"\nexpect = \"{expect}\"\n{more}\n")
    };
    let cases = folder.path().join("cases.toml");
    let write = |text: &str| fs::write(&cases, text).unwrap();
    let good = [
        case("files.list", "allow", ""),
        case("files.delete", "deny", ""),
        case("files.store_batch", "allow", "count = 5"),
        case("files.store_batch", "deny", "count = 6"),
        case("files.remote_copy", "allow", "to = \"archive\"").replace("media", "sender"),
        case("files.remote_copy", "deny", "to = \"archive\"\npublic = true").replace("media", "sender"),
    ];
    write(&good.concat());
    let test = || run(&policy, &["policy", "test", cases.to_str().unwrap()]);
    let (held, told) = test();
    assert!(held && told.contains("6 cases, 0 of them otherwise."), "{told}");
    write(&format!("{}{}", good.concat(), case("files.delete", "allow", "")));
    let (held, told) = test();
    assert!(
        !held && told.contains("cases.toml:32: media files.delete should be allow: Agent media asked to"),
        "{told}"
    );
    let (good, answer) = asked(&policy, &["explain", "sender", "files.remote_copy", "--to", "archive", "--public"]);
    assert!(!good && answer["missing"] == "limits.make_public", "{answer}");
    write(&case("files.list", "maybe", ""));
    let (held, told) = test();
    assert!(!held && told.contains("line 4: not known here; known are allow, deny, needs_approval"), "{told}");
}

#[tokio::test]
async fn what_was_recorded_is_held_against_another_policy_and_a_shadow_is_never_enforced() {
    let numbers = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (key, section) = agent("media", "");
    // The other policy grants what this one does not, and the other way round.
    let folder = tempfile::tempdir().unwrap();
    let other =
        write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", &format!("{section}groups = \"read\"\n"));
    let more = format!(
        "[server]\nmetrics = \"{numbers}\"\n[shadow]\nfile = \"{other}\"\n{section}files = \"read\"\nproject = \"off\"\n"
    );
    let mut house = House::start(&more).await;
    for _ in 0..3 {
        assert_eq!(house.get("/v1/uploadcare/files/", &key, "*/*").await.status, 200);
    }
    assert_eq!(
        house.get("/v1/uploadcare/groups/", &key, "*/*").await.problem().missing.as_deref(),
        Some("groups: read")
    );
    assert_eq!(house.get("/v1/uploadcare/project/", &key, "*/*").await.status, 403);
    let told = send(&format!("http://{numbers}"), "GET", "/metrics", &[], "").await;
    let told = String::from_utf8(told.body.to_vec()).unwrap();
    for line in [
        "updock_shadow_differences_total{operation=\"files.list\",verdict=\"deny\"} 3",
        "updock_shadow_differences_total{operation=\"groups.list\",verdict=\"allow\"} 1",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("differences_total{operation=\"project.info\""), "{told}");
    house.end().await;
    let (_, found) = run(&house.policy, &["audit", "search", "--operation", "groups.list", "--json"]);
    let record: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    assert_eq!((record["verdict"].as_str(), record["shadow"].as_str()), (Some("deny"), Some("allow")));

    let (good, answer) = asked(&house.policy, &["simulate", "--with", &other]);
    assert!(good && answer["decisions"] == 5 && answer["changed"] == 4 && answer["untold"] == 0, "{answer}");
    let changes = answer["changes"].as_array().unwrap();
    assert_eq!(
        changes[0],
        json!({"caller": "media", "operation": "files.list", "was": "allow", "would_be": "deny", "times": 3, "missing": "files: read"})
    );
    assert_eq!(changes[1]["rule"], "agents.media.groups = read");
    let (_, same) = asked(&house.policy, &["simulate", "--with", &house.policy]);
    assert_eq!(same["changed"], 0, "{same}");
}

#[tokio::test]
async fn whoever_may_asks_about_itself_and_about_others_only_with_full_access() {
    let (own, first) = agent("media", "files = \"read\"\nadmin = \"read\"");
    let (all, second) = agent("lead", "admin = \"full\"");
    let (_, third) = agent("sender", "files = \"full\"\nlimits = { make_public = false }");
    let stage = Setup::new(format!("{first}{second}{third}")).start().await;
    let ask = async |key: &str, query: &str| stage.ask(key, "GET", &format!("/v1/policy/explain?{query}"), "").await;
    let answer = ask(&own, "operation=files.delete").await.json();
    assert_eq!((answer["verdict"].as_str(), answer["missing"].as_str()), (Some("deny"), Some("files: full")));
    assert_eq!(ask(&own, "operation=files.list&caller=lead").await.problem().missing.as_deref(), Some("admin: full"));
    assert_eq!(ask(&all, "operation=files.list&caller=media").await.json()["verdict"], "allow");
    let copy = "operation=files.remote_copy&caller=sender&to=archive&public=";
    assert_eq!(ask(&all, &format!("{copy}false")).await.json()["verdict"], "allow");
    assert_eq!(ask(&all, &format!("{copy}true")).await.json()["missing"], "limits.make_public");
    for query in [
        "operation=files.list&public=maybe",
        "",
        "operation=files.lst",
        "operation=files.list&caller=nobody",
        "operation=files.list&colour=red",
    ] {
        assert_eq!(ask(&all, query).await.kind(), "bad-request", "{query}");
    }
}

/// Every table of the schema, as a path of TOML keys.
fn tables(schema: &Value, path: &str, found: &mut Vec<(String, Vec<String>)>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(properties) = schema["properties"].as_object() {
        found.push((path.to_owned(), properties.keys().cloned().collect()));
        for (name, inner) in properties {
            tables(inner, &join(name), found);
        }
    } else if schema["additionalProperties"].is_object() {
        tables(&schema["additionalProperties"], &join("some"), found);
    } else if schema["items"]["properties"].is_object() {
        tables(&schema["items"], &format!("{path}[]"), found);
    }
}

/// Settings of the schema that stand in none of these values of the example. A level is shown once, below a role.
fn not_shown(schema: &Value, path: &str, values: &[&toml::Value], missing: &mut Vec<String>) {
    let inner = |name: &str| format!("{path}.{name}");
    if let Some(properties) = schema["properties"].as_object() {
        let either = schema["maxProperties"] == 1;
        for (name, inside) in properties {
            let found: Vec<_> = values.iter().filter_map(|value| value.get(name)).collect();
            let level = path.starts_with(".agents") && Area::ALL.iter().any(|area| area.as_str() == name);
            match found.is_empty() {
                true if either || level => {}
                true => missing.push(inner(name)),
                false => not_shown(inside, &inner(name), &found, missing),
            }
        }
    } else if schema["additionalProperties"].is_object() {
        let found: Vec<_> = values.iter().filter_map(|value| value.as_table()).flat_map(toml::Table::values).collect();
        not_shown(&schema["additionalProperties"], &inner("*"), &found, missing);
    } else if schema["items"].is_object() {
        let found: Vec<_> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        not_shown(&schema["items"], path, &found, missing);
    }
}

#[test]
fn the_example_shows_every_setting() {
    let example = include_str!("../../examples/policy.toml");
    // What is off by default stands in comments; prose has no sign of equality after its first word.
    let setting = |line: &str| line.starts_with('[') || line.split(' ').nth(1) == Some("=");
    let shown: Vec<_> =
        example.lines().map(|line| line.strip_prefix("# ").filter(|line| setting(line)).unwrap_or(line)).collect();
    let shown: toml::Value = toml::from_str(&shown.join("\n")).unwrap();
    let mut missing = Vec::new();
    not_shown(&schema::schema(), "", &[&shown], &mut missing);
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_schema_knows_what_the_reader_knows_table_by_table() {
    let mut found = Vec::new();
    tables(&schema::schema(), "", &mut found);
    assert!(found.len() > 20, "{found:#?}");
    for (path, mut known) in found {
        let (head, tail) = path.split_once("[]").unwrap_or((&path, ""));
        let unknown = if path.contains("[]") {
            assert_eq!(tail, "", "a table in a list in a list");
            format!("{head} = [{{ zzzzzz9 = 1 }}]")
        } else if path.is_empty() {
            "zzzzzz9 = 1".to_owned()
        } else {
            format!("{path}.zzzzzz9 = 1")
        };
        let text = format!("version = 1\n{unknown}\n");
        let sources = Sources { directory: Path::new("."), env: &|_| None };
        let told = Policy::parse(&text, &sources).map(|_| ()).unwrap_err().to_string();
        let told = told.split_once("known are ").unwrap_or_else(|| panic!("{path}: {told}")).1;
        let mut reader: Vec<&str> = told.split(", ").collect();
        reader.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, reader, "{path}");
    }
}

#[tokio::test]
async fn what_only_a_derived_key_was_refused_is_no_change_of_the_policy_and_counts_as_refused() {
    let numbers = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (key, section) = agent("media", "files = \"write\"\ngroups = \"read\"\nadmin = \"read\"");
    let mut house = House::start(&format!("[server]\nmetrics = \"{numbers}\"\n{section}")).await;
    let derive = async |grants: &str| {
        let headers = [("authorization", bearer(&key)), ("content-type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let body = format!("{{\"grants\":{{{grants}}}}}");
        send(&house.running.base, "POST", "/v1/keys/self/derive", &headers, body).await
    };
    let child = derive("\"files\":\"read\"").await.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(derive("\"files\":\"full\"").await.status, 403);
    assert_eq!(house.get("/v1/uploadcare/files/", &child, "*/*").await.status, 200);
    // Its parent may; what the agent itself may not is refused by the policy, whoever asks.
    assert_eq!(house.get("/v1/uploadcare/groups/", &child, "*/*").await.status, 403);
    assert_eq!(house.get("/v1/uploadcare/project/", &child, "*/*").await.status, 403);
    let told = send(&format!("http://{numbers}"), "GET", "/metrics", &[], "").await;
    let told = String::from_utf8(told.body.to_vec()).unwrap();
    for verdict in ["allow", "deny"] {
        let line =
            format!("updock_decisions_total{{caller=\"media\",operation=\"keys.derive\",verdict=\"{verdict}\"}} 1");
        assert!(told.contains(&line), "{line}: {told}");
    }
    house.end().await;
    let (_, same) = asked(&house.policy, &["simulate", "--with", &house.policy]);
    assert_eq!(same, json!({"changed": 0, "changes": [], "decisions": 5, "untold": 2}));
}
