//! One suite over every kind of state: what one promises, all do. PostgreSQL is asked where `DATABASE_URL` names a
//! server; `cargo xtask test` starts one.

use crate::postgres::Database;
use sqlx::{Connection, SqliteConnection};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use updock_signer::policy::Rate;
use updock_signer::state::{
    AuditQuery, AuditRow, ChainFor, Claim, Delivery, Errand, ErrandOutcome, EventRow, KEYS_KEPT, KeptAnswer, KeyRow,
    Mark, MarkKind, MemoryState, PostgresState, Received, Spent, SqliteState, State, Taken,
};

/// Runs `$test` over all kinds of state.
macro_rules! over_all_states {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(&super::MemoryState::default()).await; })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $test() {
                let directory = tempfile::tempdir().unwrap();
                super::$test(&super::SqliteState::open(&directory.path().join("state.db")).await.unwrap()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $test() {
                let Some(database) = super::Database::fresh().await else { return };
                super::$test(&super::PostgresState::open(database.url()).await.unwrap()).await;
            })*
        }
    };
}

over_all_states! {
    a_chain_goes_on_where_it_ended,
    records_are_found_by_what_they_say,
    a_tombstone_stands_for_what_was_deleted,
    keys_are_kept_and_revoked_once,
    a_rate_lets_a_burst_through_and_then_waits,
    a_quota_is_spent_to_the_last_and_not_beyond,
    an_idempotency_key_belongs_to_one_request,
    a_delivery_counts_once,
    events_of_one_file_keep_their_order,
    errands_are_run_until_they_arrive_or_are_given_up,
    values_are_set_once_where_it_matters,
    what_has_had_its_time_is_forgotten,
    keys_that_are_over_are_forgotten_a_week_later,
    many_at_once_spend_exactly_what_there_is,
}

fn row(node: &str, seq: i64, caller: &str) -> AuditRow {
    AuditRow {
        node: node.to_owned(),
        seq,
        at: 1_000 + seq,
        phase: "decision".to_owned(),
        request: Some(format!("r{seq}")),
        caller: Some(caller.to_owned()),
        operation: Some("files.list".to_owned()),
        area: Some("files".to_owned()),
        verdict: Some(if seq % 2 == 0 { "allow" } else { "deny" }.to_owned()),
        record: format!("{{\"text\":\"{caller} asked for Number {seq}\"}}"),
        hash: format!("hash{seq}"),
    }
}

async fn a_chain_goes_on_where_it_ended(state: &dyn State) {
    let end = state.take_chain(ChainFor::Signer).await.unwrap();
    assert_eq!((end.seq, end.hash.as_str()), (0, ""));
    let node = end.node;
    state.append(Arc::from([row(&node, 1, "one"), row(&node, 2, "two")])).await.unwrap();
    // More rows than fit into one statement.
    let many: Vec<_> = (3..=700).map(|seq| row(&node, seq, "many")).collect();
    state.append(Arc::from(many)).await.unwrap();
    let end = state.take_chain(ChainFor::Signer).await.unwrap();
    assert_eq!((end.seq, end.hash.as_str(), &end.node), (700, "hash700", &node));
    let rows = state.chain(node.clone(), 1, 2).await.unwrap();
    assert_eq!(rows, [row(&node, 2, "two"), row(&node, 3, "many")]);
    assert_eq!(state.chains().await.unwrap(), [node]);
}

async fn records_are_found_by_what_they_say(state: &dyn State) {
    let node = state.take_chain(ChainFor::Signer).await.unwrap().node;
    let rows: Vec<_> = (1..=9).map(|seq| row(&node, seq, if seq < 5 { "early" } else { "late" })).collect();
    state.append(Arc::from(rows)).await.unwrap();
    let query = |query: AuditQuery| async move {
        let found = state.search(AuditQuery { most: 100, ..query }).await.unwrap();
        found.into_iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let any = AuditQuery::default;
    assert_eq!(query(any()).await, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(query(AuditQuery { caller: text("early"), verdict: text("allow"), ..any() }).await, [4, 2]);
    assert_eq!(query(AuditQuery { text: text("number 7"), ..any() }).await, [7]);
    assert_eq!(query(AuditQuery { text: text("%"), ..any() }).await, [0; 0]);
    assert_eq!(query(AuditQuery { request: text("r3"), ..any() }).await, [3]);
    assert_eq!(query(AuditQuery { area: text("groups"), ..any() }).await, [0; 0]);
    assert_eq!(query(AuditQuery { operation: text("files.list"), from: Some(1_008), ..any() }).await, [9, 8]);
    assert_eq!(query(AuditQuery { to: Some(1_003), ..any() }).await, [2, 1]);
    assert_eq!(query(AuditQuery { before: Some((1_003, node.clone(), 3)), ..any() }).await, [2, 1]);
    assert_eq!(state.search(AuditQuery { most: 2, ..any() }).await.unwrap().len(), 2);
}

async fn a_tombstone_stands_for_what_was_deleted(state: &dyn State) {
    let node = state.take_chain(ChainFor::Signer).await.unwrap().node;
    let rows: Vec<_> = (1..=5).map(|seq| row(&node, seq, "x")).collect();
    state.append(Arc::from(rows)).await.unwrap();
    let mark = |kind, seq| Mark {
        kind,
        node: node.clone(),
        seq,
        hash: format!("hash{seq}"),
        at: 9,
        signature: "s".to_owned(),
    };
    for seq in [2, 5] {
        state.mark(mark(MarkKind::Checkpoint, seq)).await.unwrap();
    }
    state.mark(mark(MarkKind::Tombstone, 3)).await.unwrap();
    let left: Vec<i64> = state.chain(node.clone(), 0, 9).await.unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(left, [4, 5]);
    let marks = state.marks(node.clone()).await.unwrap();
    assert_eq!(marks, [mark(MarkKind::Tombstone, 3), mark(MarkKind::Checkpoint, 5)]);
    state.mark(mark(MarkKind::Tombstone, 5)).await.unwrap();
    let end = state.take_chain(ChainFor::Signer).await.unwrap();
    assert_eq!((end.seq, end.hash.as_str()), (5, "hash5"), "an empty chain still knows where it ended");
}

fn key_row(id: &str, agent: &str, created_at: i64) -> KeyRow {
    KeyRow {
        id: id.to_owned(),
        agent: agent.to_owned(),
        sha256: "00".repeat(32),
        label: Some("laptop".to_owned()),
        parent: None,
        narrowed: Some("{}".to_owned()),
        created_at,
        expires_at: Some(99),
        revoked_at: None,
        used_at: None,
    }
}

async fn keys_are_kept_and_revoked_once(state: &dyn State) {
    let key = key_row;
    assert!(state.add_key(key("k2", "media", 2)).await.unwrap());
    assert!(state.add_key(key("k1", "media", 1)).await.unwrap());
    assert!(state.add_key(key("k3", "other", 3)).await.unwrap());
    assert!(!state.add_key(key("k3", "media", 4)).await.unwrap(), "an id is taken once");
    assert_eq!(state.keys(Some("media".to_owned())).await.unwrap(), [key("k1", "media", 1), key("k2", "media", 2)]);
    assert_eq!(state.keys(None).await.unwrap().len(), 3);
    assert!(state.revoke_key("k1".to_owned(), 7).await.unwrap());
    assert!(!state.revoke_key("k1".to_owned(), 8).await.unwrap());
    assert!(!state.revoke_key("k9".to_owned(), 8).await.unwrap());
    state.key_used("k1".to_owned(), 50).await.unwrap();
    state.key_used("k1".to_owned(), 40).await.unwrap();
    let seen = state.key("k1".to_owned()).await.unwrap();
    assert_eq!(seen, Some(KeyRow { revoked_at: Some(7), used_at: Some(50), ..key("k1", "media", 1) }));
    assert_eq!(state.key("k9".to_owned()).await.unwrap(), None);
}

async fn a_rate_lets_a_burst_through_and_then_waits(state: &dyn State) {
    let rate: Rate = "2/s burst 3".parse().unwrap();
    let take = |at: i64| state.take("a".to_owned(), rate, at);
    for _ in 0..3 {
        assert_eq!(take(10_000).await.unwrap(), Taken::Yes);
    }
    assert_eq!(take(10_000).await.unwrap(), Taken::Wait(Duration::from_millis(500)));
    assert_eq!(take(10_499).await.unwrap(), Taken::Wait(Duration::from_millis(1)));
    assert_eq!(take(10_500).await.unwrap(), Taken::Yes);
    assert_eq!(take(10_500).await.unwrap(), Taken::Wait(Duration::from_millis(500)));
    assert_eq!(state.take("b".to_owned(), rate, 10_500).await.unwrap(), Taken::Yes, "another key has its own");
    for _ in 0..3 {
        assert_eq!(take(60_000).await.unwrap(), Taken::Yes, "what was not used grows to a burst and no further");
    }
    assert_ne!(take(60_000).await.unwrap(), Taken::Yes);
}

async fn a_quota_is_spent_to_the_last_and_not_beyond(state: &dyn State) {
    let spend = |window, amount| state.spend("a".to_owned(), window, amount, 10);
    assert_eq!(spend(1, 11).await.unwrap(), Spent::No { used: 0 });
    assert_eq!(spend(1, 7).await.unwrap(), Spent::Yes { left: 3 });
    assert_eq!(spend(1, 4).await.unwrap(), Spent::No { used: 7 });
    assert_eq!(spend(1, 3).await.unwrap(), Spent::Yes { left: 0 });
    assert_eq!(spend(1, 1).await.unwrap(), Spent::No { used: 10 });
    assert_eq!(spend(2, 10).await.unwrap(), Spent::Yes { left: 0 }, "the next day is another");
    state.unspend("a".to_owned(), 1, 4).await.unwrap();
    assert_eq!(spend(1, 5).await.unwrap(), Spent::No { used: 6 }, "what was given back is there again");
    assert_eq!(spend(1, 4).await.unwrap(), Spent::Yes { left: 0 });
    for key in ["a", "nobody"] {
        state.unspend(key.to_owned(), 1, 100).await.unwrap();
    }
    assert_eq!(spend(1, 10).await.unwrap(), Spent::Yes { left: 0 }, "and no more than was spent");
}

async fn an_idempotency_key_belongs_to_one_request(state: &dyn State) {
    let claim = |fingerprint: &str, at| state.claim("k".to_owned(), fingerprint.to_owned(), at, at + 60, 1_000);
    assert_eq!(claim("one", 0).await.unwrap(), Claim::Yours);
    assert_eq!(claim("one", 10).await.unwrap(), Claim::Running);
    assert_eq!(claim("two", 10).await.unwrap(), Claim::Different);
    assert_eq!(claim("one", 60).await.unwrap(), Claim::Lost, "whoever had it has gone");
    let answer = KeptAnswer { status: 201, content_type: "application/json".to_owned(), body: b"{}\xff".to_vec() };
    state.settle("k".to_owned(), Some(answer.clone())).await.unwrap();
    assert_eq!(claim("one", 70).await.unwrap(), Claim::Done(answer));
    assert_eq!(claim("two", 70).await.unwrap(), Claim::Different);
    assert_eq!(claim("two", 1_000).await.unwrap(), Claim::Yours, "kept for so long and no longer");
    state.settle("k".to_owned(), None).await.unwrap();
    assert_eq!(claim("three", 1_001).await.unwrap(), Claim::Yours, "given back, it is anybody's");
}

/// So many events, once all are to be seen: PostgreSQL shows none while an older transaction runs, of whoever.
async fn events(state: &dyn State, after: i64, count: usize) -> Vec<EventRow> {
    for _ in 0..1000 {
        let events = state.events(after, 100).await.unwrap();
        if events.len() >= count {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the events do not come");
}

fn delivery(dedupe: &str, event: &str) -> Delivery {
    Delivery {
        dedupe: dedupe.to_owned(),
        event: event.to_owned(),
        file: Some("f".to_owned()),
        terminal: event == "file.deleted",
        version: None,
        body: "{}".to_owned(),
        at: 5,
        keep: 100,
        targets: vec!["cms".to_owned(), "search".to_owned()],
    }
}

async fn a_delivery_counts_once(state: &dyn State) {
    let Received::New { position, late: false } = state.receive(delivery("d1", "file.uploaded")).await.unwrap() else {
        panic!("it is new");
    };
    for _ in 0..3 {
        assert_eq!(state.receive(delivery("d1", "file.uploaded")).await.unwrap(), Received::Seen);
    }
    assert!(matches!(state.receive(delivery("d2", "file.stored")).await.unwrap(), Received::New { .. }));
    let all = events(state, 0, 2).await;
    let names: Vec<&str> = all.iter().map(|event| event.event.as_str()).collect();
    assert_eq!((names, all[0].position), (vec!["file.uploaded", "file.stored"], position));
    assert_eq!(events(state, position, 1).await, all[1..]);
    assert!(state.newest_event().await.unwrap() <= all[1].position);
    assert_eq!(state.due(5, 10, 10).await.unwrap().len(), 4, "one errand for each event and target");
}

async fn events_of_one_file_keep_their_order(state: &dyn State) {
    let info = |dedupe: &str, version: &str| Delivery {
        version: Some(version.to_owned()),
        ..delivery(dedupe, "file.info_updated")
    };
    let mut late = Vec::new();
    for event in [
        info("1", "2026-11-02"),
        info("2", "2026-11-01"),
        info("3", "2026-11-03"),
        delivery("4", "file.deleted"),
        info("5", "2026-11-04"),
        delivery("6", "file.stored"),
    ] {
        match state.receive(event).await.unwrap() {
            Received::New { late: is, .. } => late.push(is),
            Received::Seen => panic!("each is new"),
        }
    }
    assert_eq!(late, [false, true, false, false, true, true], "deleted is the end, and older news is late");
    assert_eq!(state.due(5, 10, 100).await.unwrap().len(), 6, "what is late is sent to nobody");
    assert_eq!(events(state, 0, 6).await.len(), 6, "and kept all the same");
}

async fn errands_are_run_until_they_arrive_or_are_given_up(state: &dyn State) {
    state.receive(delivery("d1", "file.uploaded")).await.unwrap();
    assert_eq!(state.due(4, 50, 10).await.unwrap(), [], "not before its time");
    let taken = state.due(5, 50, 10).await.unwrap();
    let targets: Vec<(&str, u32)> = taken.iter().map(|errand| (errand.target.as_str(), errand.attempts)).collect();
    assert_eq!(targets, [("cms", 1), ("search", 1)]);
    assert_eq!(state.due(49, 90, 10).await.unwrap(), [], "whoever took it has it until the lease ends");
    let again: Vec<Errand> = state.due(50, 90, 10).await.unwrap();
    assert_eq!(
        again.iter().map(|errand| (errand.id, errand.attempts)).collect::<Vec<_>>(),
        [(taken[0].id, 2), (taken[1].id, 2)]
    );
    state.ran(taken[0].id, ErrandOutcome::Done).await.unwrap();
    state.ran(taken[1].id, ErrandOutcome::Again { at: 200, error: "500".to_owned() }).await.unwrap();
    assert_eq!(state.due(199, 300, 10).await.unwrap(), []);
    let third = state.due(200, 300, 10).await.unwrap();
    assert_eq!((third.len(), third[0].error.as_deref()), (1, Some("500")));
    state.ran(taken[1].id, ErrandOutcome::Dead { error: "gone".to_owned() }).await.unwrap();
    assert_eq!(state.due(10_000, 10_001, 10).await.unwrap(), []);
    let dead = state.dead(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].id, dead[0].error.as_deref()), (1, taken[1].id, Some("gone")));
    assert!(state.revive(taken[1].id, 500).await.unwrap());
    assert!(!state.revive(taken[1].id, 500).await.unwrap());
    assert_eq!(state.due(500, 600, 10).await.unwrap()[0].attempts, 1);
}

async fn values_are_set_once_where_it_matters(state: &dyn State) {
    let name = || "key".to_owned();
    assert_eq!(state.value(name()).await.unwrap(), None);
    assert_eq!(state.value_or(name(), vec![1]).await.unwrap(), [1]);
    assert_eq!(state.value_or(name(), vec![2]).await.unwrap(), [1], "the first one counts");
    state.set_value(name(), Some(vec![3])).await.unwrap();
    assert_eq!(state.value(name()).await.unwrap(), Some(vec![3]));
    state.set_value(name(), None).await.unwrap();
    assert_eq!(state.value(name()).await.unwrap(), None);
    state.ready().await.unwrap();
}

async fn what_has_had_its_time_is_forgotten(state: &dyn State) {
    state.receive(delivery("d1", "file.uploaded")).await.unwrap();
    state.spend("a".to_owned(), 1, 10, 10).await.unwrap();
    state.sweep(99, 1).await.unwrap();
    assert_eq!(state.receive(delivery("d1", "file.uploaded")).await.unwrap(), Received::Seen);
    assert_eq!(state.spend("a".to_owned(), 1, 1, 10).await.unwrap(), Spent::No { used: 10 });
    state.sweep(100, 2).await.unwrap();
    assert_ne!(state.receive(delivery("d1", "file.uploaded")).await.unwrap(), Received::Seen);
    assert_eq!(state.spend("a".to_owned(), 1, 1, 10).await.unwrap(), Spent::Yes { left: 9 });
}

async fn keys_that_are_over_are_forgotten_a_week_later(state: &dyn State) {
    let parent = || Some("whole".to_owned());
    for (id, parent, expires_at, revoked_at) in [
        ("whole", None, None, None),
        ("expired", None, Some(1_000), None),
        ("derived", parent(), None, None),
        ("ended", parent(), None, Some(1_000)),
        ("later", parent(), Some(2_000), None),
        // Of the policy file, perhaps: it would be good again.
        ("revoked", None, None, Some(1_000)),
    ] {
        assert!(state.add_key(KeyRow { parent, expires_at, revoked_at, ..key_row(id, "media", 1) }).await.unwrap());
    }
    let left = async || {
        let mut ids: Vec<_> = state.keys(None).await.unwrap().into_iter().map(|key| key.id).collect();
        ids.sort();
        ids
    };
    state.sweep(999 + KEYS_KEPT, 0).await.unwrap();
    assert_eq!(left().await.len(), 6);
    state.sweep(1_000 + KEYS_KEPT, 0).await.unwrap();
    assert_eq!(left().await, ["derived", "later", "revoked", "whole"]);
}

async fn many_at_once_spend_exactly_what_there_is(state: &dyn State) {
    let rate: Rate = "1/h burst 5".parse().unwrap();
    let one = || async {
        let taken = state.take("a".to_owned(), rate, 1_000).await.unwrap() == Taken::Yes;
        let spent = matches!(state.spend("a".to_owned(), 1, 1, 7).await.unwrap(), Spent::Yes { .. });
        let claimed = state.claim("k".to_owned(), "f".to_owned(), 0, 60, 99).await.unwrap() == Claim::Yours;
        let new = state.receive(delivery("d", "file.uploaded")).await.unwrap() != Received::Seen;
        [taken, spent, claimed, new].map(u32::from)
    };
    let mut sums = [0; 4];
    let all = futures_util::future::join_all((0..50).map(|_| one())).await;
    for counts in all {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    assert_eq!(sums, [5, 7, 1, 1]);
}

async fn edit(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

/// The copies of `state.db` in a folder.
fn copies(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".before-")).collect()
}

#[tokio::test]
async fn a_state_of_an_older_program_is_copied_and_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let rows = [row("a", 1, "one"), row("a", 2, "two")];
    SqliteState::open(&path).await.unwrap().append(Arc::from(rows.clone())).await.unwrap();
    // The audit log as the first program kept it.
    edit(
        &path,
        "DELETE FROM _sqlx_migrations WHERE version = 2;
         CREATE TABLE first (node TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, phase TEXT NOT NULL,
             request TEXT, caller TEXT, operation TEXT, area TEXT, verdict TEXT, record TEXT NOT NULL,
             hash TEXT NOT NULL, PRIMARY KEY (node, seq)) STRICT, WITHOUT ROWID;
         INSERT INTO first SELECT * FROM audit;
         DROP TABLE audit;
         ALTER TABLE first RENAME TO audit",
    )
    .await;
    let state = SqliteState::open(&path).await.unwrap();
    assert_eq!(state.chain("a".to_owned(), 0, 9).await.unwrap(), rows);
    assert_eq!(state.take_chain(ChainFor::Signer).await.unwrap().seq, 2);
    assert_eq!(copies(directory.path()), ["state.db.before-2"]);
}

#[tokio::test]
async fn a_state_that_cannot_be_brought_up_to_date_is_kept_aside_and_a_newer_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    SqliteState::open(&path).await.unwrap().set_value("a".to_owned(), Some(vec![1])).await.unwrap();
    // Tables that are there cannot be made.
    edit(&path, "DELETE FROM _sqlx_migrations").await;
    assert!(SqliteState::open(&path).await.is_err());
    assert_eq!(copies(directory.path()), ["state.db.before-1"]);
    let copy = std::fs::metadata(directory.path().join("state.db.before-1")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&copy.permissions()) & 0o777;
    assert_eq!((mode, copy.len() > 0), (0o600, true), "a copy is as private as what it copies");

    let newer = directory.path().join("newer.db");
    SqliteState::open(&newer).await.unwrap();
    edit(&newer, "INSERT INTO _sqlx_migrations VALUES (999, 'later', '2030-01-01', 1, x'00', 0)").await;
    let error = SqliteState::open(&newer).await.err().unwrap().to_string();
    assert!(error.contains("a newer program wrote it"), "{error}");
}

#[tokio::test]
async fn two_signers_never_write_one_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let one = SqliteState::open(&path).await.unwrap();
    one.take_chain(ChainFor::Signer).await.unwrap();
    let other = SqliteState::open(&path).await.unwrap();
    let error = other.take_chain(ChainFor::Signer).await.unwrap_err().to_string();
    assert!(error.contains("another signer uses this file"), "{error}");
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?} is open to others",
            entry.file_name()
        );
    }
}
