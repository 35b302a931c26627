//! Every operation at every level on every surface: the table in `matrix.txt`, a reference of its own that judges from
//! the policy's words, and the signer over the wire and asked directly.

use crate::postgres::Database;
use crate::stage::{PNG, Setup, agent};
use std::collections::BTreeSet;
use std::sync::Arc;
use updock_signer::decision::Verdict;
use updock_signer::state::{MemoryState, PostgresState, SqliteState, State};
use updock_types::{Api, Area, OPERATIONS};

const LEVELS: [&str; 4] = ["off", "read", "write", "full"];

/// A line of the table.
pub(crate) struct Row {
    pub(crate) operation: &'static str,
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    pub(crate) body: &'static str,
    area: &'static str,
    allowed: [bool; 4],
}

pub(crate) fn table() -> Vec<Row> {
    let lines = include_str!("matrix.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [operation, request, body, area, verdicts] = columns[..] else { panic!("{line}") };
        let (method, target) = request.split_once(' ').unwrap();
        let allowed: Vec<bool> = verdicts
            .split(' ')
            .map(|verdict| ["deny", "allow"].iter().position(|known| *known == verdict).unwrap() == 1)
            .collect();
        let body = if body == "-" { "" } else { body };
        Row { operation, method, target: target.trim(), body, area, allowed: allowed.try_into().unwrap() }
    };
    lines.map(row).collect()
}

/// The reference: what may an agent with these grants do? From the words of a policy, by rules written down here anew.
fn reference(grants: &[(&str, &str)], operation: &str, area: &str, body: &str) -> bool {
    let held = grants.iter().find(|(granted, _)| *granted == area).map_or("off", |(_, level)| *level);
    let name = operation.split_once('.').unwrap().1;
    let asks = |words: &[&str]| words.contains(&name);
    let needed = if asks(&[
        "list",
        "search",
        "info",
        "tags",
        "get",
        "policy",
        "document_info",
        "verify",
        "token",
        "read",
        "explain",
        "derive",
    ]) || name.ends_with("status")
    {
        "read"
    } else if area == "webhooks" && name == "update" && body.contains("is_active") && !body.contains(',') {
        "write"
    } else if area == "webhooks"
        || (area == "admin" && name == "revoke")
        || asks(&["remote_copy"])
        || (name.contains("delete") && area != "metadata")
    {
        "full"
    } else {
        "write"
    };
    match (held, needed) {
        ("full", _) | ("write", "read" | "write") | ("read", "read") => true,
        ("off" | "read" | "write", _) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_reference_agrees_with_the_table_and_the_table_with_the_operations() {
    let table = table();
    for row in &table {
        for (level, allowed) in LEVELS.iter().zip(row.allowed) {
            assert_eq!(
                reference(&[(row.area, level)], row.operation, row.area, row.body),
                allowed,
                "{} {level}",
                row.operation
            );
        }
        let elsewhere: Vec<_> = Area::ALL
            .iter()
            .map(|area| area.as_str())
            .filter(|area| *area != row.area)
            .map(|area| (area, "full"))
            .collect();
        assert!(!reference(&elsewhere, row.operation, row.area, row.body), "{}", row.operation);
    }
    let known: BTreeSet<&str> = table.iter().map(|row| row.operation).collect();
    for operation in OPERATIONS.iter().filter(|row| row.api == Api::Rest) {
        assert!(known.contains(operation.id.as_str()), "{} is not in the table", operation.id);
        let row = table.iter().find(|row| row.operation == operation.id.as_str()).unwrap();
        assert_eq!((row.method, row.area), (operation.method.as_str(), operation.area.as_str()), "{}", operation.id);
    }
    for own in updock_signer::own::OWN {
        assert!(known.contains(own.id), "{} is not in the table", own.id);
    }
}

/// What stands for `{file}` and the like.
struct Things {
    file: String,
}

impl Things {
    fn fill(&self, text: &str) -> String {
        let group = format!("{}~1", self.file);
        text.replace("{file}", &self.file).replace("{group}", &group).replace("{token}", "42").replace("{id}", "7")
    }
}

#[tokio::test]
async fn every_operation_asks_for_its_own_area_and_level_by_every_way_in() {
    hold_matrix(Arc::new(MemoryState::default())).await;
}

#[tokio::test]
async fn every_operation_asks_for_its_own_area_and_level_over_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    hold_matrix(Arc::new(SqliteState::open(&folder.path().join("state.db")).await.unwrap())).await;
}

#[tokio::test]
async fn every_operation_asks_for_its_own_area_and_level_over_postgresql() {
    let Some(database) = Database::fresh().await else { return };
    hold_matrix(Arc::new(PostgresState::open(database.url()).await.unwrap())).await;
}

/// Over the wire, by both addresses of the REST front. One agent for each level of each area, and one that holds
/// everything but that area.
async fn hold_matrix(state: Arc<dyn State>) {
    let mut policy = String::new();
    let mut keys = Vec::new();
    for area in Area::ALL {
        for level in LEVELS {
            let (key, section) = agent(&format!("{area}-{level}"), &format!("{area} = \"{level}\""));
            policy.push_str(&section);
            keys.push((area.as_str(), vec![(area.as_str(), level)], key));
        }
        let others: Vec<_> =
            Area::ALL.iter().filter(|other| *other != area).map(|other| (other.as_str(), "full")).collect();
        let grants: Vec<String> = others.iter().map(|(area, level)| format!("{area} = \"{level}\"")).collect();
        let (key, section) = agent(&format!("not-{area}"), &grants.join("\n"));
        policy.push_str(&section);
        keys.push((area.as_str(), others, key));
    }
    let stage = Setup { state: Some(state), ..Setup::new(policy) }.start().await;
    let things = Things { file: stage.file("a.png", PNG).await.to_string() };
    let (mut allowed, mut refused) = (0, 0);
    for row in table() {
        let root = row.target.strip_prefix("/v1/uploadcare");
        for (_, grants, key) in keys.iter().filter(|(area, ..)| *area == row.area) {
            for target in [Some(row.target), root].into_iter().flatten() {
                let expected = reference(grants, row.operation, row.area, row.body);
                let before = stage.rest_requests();
                let reply = stage.ask(key, row.method, &things.fill(target), &things.fill(row.body)).await;
                let case = format!("{} as {target} with {grants:?}", row.operation);
                if expected {
                    // What the stand-in says to it is its business: the file may be deleted by now.
                    assert!(!matches!(reply.status.as_u16(), 401 | 403 | 405 | 500..), "{case}: {:?}", reply.body);
                    allowed += 1;
                    let asked = usize::from(root.is_some());
                    assert!(stage.rest_requests() >= before + asked, "{case} did not reach Uploadcare");
                } else {
                    let problem = reply.problem();
                    assert_eq!(problem.status, 403, "{case}: {}", problem.detail);
                    let needed = problem.missing.expect("a refusal names what is missing");
                    assert!(needed.starts_with(row.area), "{case}: {needed}");
                    assert_eq!(stage.rest_requests(), before, "{case} reached Uploadcare");
                    refused += 1;
                }
            }
        }
    }
    assert!(allowed > 150 && refused > 200, "{allowed} allowed, {refused} refused");
    let records = stage.log.records();
    let told = records.iter().filter(|record| record.verdict == Some(Verdict::Deny)).count();
    assert_eq!(told, refused, "each refusal is one record");
}
