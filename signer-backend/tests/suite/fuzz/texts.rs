//! Texts that are read before anybody is asked: policy files and keys; and the audit log after somebody has been at it.

use super::run::fuzz;
use crate::stage::{SECRET, agent};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;
use updock_signer::audit::{AuditLog, AuditTerms, verify};
use updock_signer::key::{AgentKey, KeyDigest};
use updock_signer::log::{DecisionLog, Phase, Record};
use updock_signer::policy::{Policy, Sources};
use updock_signer::signing::Signing;
use updock_signer::state::{SqliteState, State};

/// A policy is taken or refused in one sentence; nothing else comes of it.
#[test]
fn policy() {
    let (_, section) = agent("media", "files = \"read\"\nrate = \"5/s burst 20\"\nquota = { files = \"10/day\" }");
    let own = format!("version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ env = \"X\" }}\n{section}");
    let seeds = [own.as_str(), include_str!("../../../examples/policy.toml")];
    let env = |_: &str| Some(SECRET.to_owned());
    fuzz("policy", &seeds, |case| {
        let Ok(text) = std::str::from_utf8(case) else { return Ok("no text".to_owned()) };
        match Policy::parse(text, &Sources { directory: Path::new("/nowhere"), env: &env }) {
            Ok(policy) => Ok(format!("{} agents", policy.agents.len())),
            Err(error) => {
                let told = error.to_string();
                if told.lines().count() != 1 || told.contains(SECRET) {
                    return Err(format!("not one sentence: {told:?}"));
                }
                Ok(told.chars().filter(char::is_ascii_alphabetic).take(24).collect())
            }
        }
    });
}

/// A key is exactly a key, or none.
#[test]
fn key() {
    let key = AgentKey::generate();
    let seeds = [key.expose(), &key.digest().to_string()].map(str::to_owned);
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    fuzz("key", &seeds, |case| {
        let Ok(text) = std::str::from_utf8(case) else { return Ok("no text".to_owned()) };
        let digest = KeyDigest::parse(text);
        match AgentKey::parse(text) {
            Ok(read) if read.expose() != text => Err("another key was read".to_owned()),
            Ok(read) => Ok(format!("a key of {}", read.id().len())),
            Err(_) if digest.as_ref().is_some_and(|digest| digest.to_string() != text) => {
                Err("another digest".to_owned())
            }
            Err(_) => Ok(format!("none {}", digest.is_some())),
        }
    });
}

/// Any change to any record shows. A case is a column, a record, and what is written there.
#[test]
fn chain() {
    const COLUMNS: [&str; 6] = ["record", "hash", "caller", "operation", "request", "phase"];
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("state.db"), Signing::from_seed([7; 32]));
    let (state, mut connection) = runtime.block_on(async {
        let state: Arc<dyn State> = Arc::new(SqliteState::open(&file).await.unwrap());
        let log = AuditLog::start(Arc::clone(&state), key.clone(), AuditTerms::default(), None).await.unwrap();
        for number in 0..8 {
            let caller = Some("media".to_owned());
            let text = format!("Number {number}.");
            log.record(Record { phase: Phase::Decision, caller, operation: Some("files.list"), ..Record::event(text) })
                .await
                .unwrap();
        }
        log.end().await;
        let mut connection = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
        // What is changed here is changed back; no disk need know.
        sqlx::query("PRAGMA synchronous = OFF").execute(&mut connection).await.unwrap();
        (state, connection)
    });
    let seeds = ["00media", "11other", "23", "31files.delete", "07{\"v\":1}", "45\0"];
    fuzz("chain", &seeds, |case| {
        let (Some(column), Some(row)) = (case.first(), case.get(1)) else { return Ok("nothing".to_owned()) };
        let Ok(text) = std::str::from_utf8(&case[2..]) else { return Ok("no text".to_owned()) };
        let (column, row) = (COLUMNS[usize::from(*column) % COLUMNS.len()], i64::from(*row % 8) + 1);
        runtime.block_on(async {
            let was: Option<String> =
                sqlx::query_scalar(AssertSqlSafe(format!("SELECT {column} FROM audit WHERE seq = ?")))
                    .bind(row)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
            let write = || AssertSqlSafe(format!("UPDATE audit SET {column} = ? WHERE seq = ?"));
            sqlx::query(write()).bind(text).bind(row).execute(&mut connection).await.unwrap();
            let report = verify(&*state, &key.verifying(), &[]).await;
            sqlx::query(write()).bind(&was).bind(row).execute(&mut connection).await.unwrap();
            let whole = report.as_ref().is_ok_and(|report| report.faults.is_empty());
            match was.as_deref() == Some(text) {
                true if whole => Ok(format!("{column} as it was")),
                true => Err(format!("{column} as it was, and not whole: {report:?}")),
                false if whole => Err(format!("{column} of record {row} was changed, and nothing shows")),
                false => Ok(format!("{column} shows")),
            }
        })
    });
}
