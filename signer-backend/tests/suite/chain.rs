//! The audit log by itself: what is old goes and what is left stays whole, and a lost database is not the end.

use crate::postgres::Database;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use updock_signer::audit::{AuditLog, AuditTerms, Entry, forget_once, verify};
use updock_signer::log::{DecisionLog, Phase, Record};
use updock_signer::signing::Signing;
use updock_signer::state::{AuditRow, MarkKind, MemoryState, PostgresState, SqliteState, State};

fn record(number: u64, age: Duration) -> Record {
    Record { at: SystemTime::now() - age, phase: Phase::Decision, ..Record::event(format!("Number {number}.")) }
}

async fn log(state: &Arc<dyn State>, key: &Signing) -> AuditLog {
    let terms = AuditTerms { checkpoint_records: 4, ..AuditTerms::default() };
    AuditLog::start(Arc::clone(state), key.clone(), terms, None).await.unwrap()
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_left_is_whole() {
    const DAY: Duration = Duration::from_hours(24);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteState::open(&folder.path().join("state.db")).await.unwrap();
    for state in [Arc::new(MemoryState::default()) as Arc<dyn State>, Arc::new(sqlite)] {
        let key = Signing::from_seed([7; 32]);
        let writing = log(&state, &key).await;
        for number in 0..20 {
            let age = if number < 10 { 3 * DAY } else { Duration::ZERO };
            writing.record(record(number, age)).await.unwrap();
        }
        assert_eq!(forget_once(&*state, &key, 2 * DAY).await.unwrap(), 10);
        assert_eq!(forget_once(&*state, &key, 2 * DAY).await.unwrap(), 0);
        let report = verify(&*state, &key.verifying(), &[]).await.unwrap();
        assert_eq!((report.records, report.faults.as_slice()), (10, &[][..]));
        writing.record(record(20, Duration::ZERO)).await.unwrap();
        writing.end().await;
        let report = verify(&*state, &key.verifying(), &[]).await.unwrap();
        assert_eq!((report.records, report.faults.as_slice()), (11, &[][..]));
        // Whoever deletes without the key cannot say that it was for age.
        let forged = Signing::from_seed([8; 32]);
        assert_eq!(forget_once(&*state, &forged, Duration::ZERO).await.unwrap(), 11);
        let report = verify(&*state, &key.verifying(), &[]).await.unwrap();
        assert!(report.faults[0].what.contains("its tombstone is not signed by this key"), "{:?}", report.faults);
    }
}

#[tokio::test]
async fn checkpoints_come_by_number_and_at_the_end() {
    let state: Arc<dyn State> = Arc::new(MemoryState::default());
    let writing = log(&state, &Signing::from_seed([7; 32])).await;
    for number in 0..10 {
        writing.record(record(number, Duration::ZERO)).await.unwrap();
    }
    writing.end().await;
    let marks = state.marks("a".to_owned()).await.unwrap();
    let at: Vec<i64> = marks.iter().map(|mark| mark.seq).collect();
    assert_eq!(at, [4, 8, 10]);
    assert!(marks.iter().all(|mark| mark.kind == MarkKind::Checkpoint));
}

#[tokio::test]
async fn the_log_goes_on_after_its_connection_was_cut() {
    let Some(database) = Database::fresh().await else { return };
    let state: Arc<dyn State> = Arc::new(PostgresState::open(database.url()).await.unwrap());
    let key = Signing::from_seed([7; 32]);
    let writing = log(&state, &key).await;
    writing.record(record(1, Duration::ZERO)).await.unwrap();
    let mut other = <sqlx::PgConnection as sqlx::Connection>::connect(database.url()).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .execute(&mut other)
    .await
    .unwrap();
    assert!(writing.record(record(2, Duration::ZERO)).await.is_err(), "what cannot be written is an error");
    for number in 3..6 {
        writing.record(record(number, Duration::ZERO)).await.unwrap();
    }
    let report = verify(&*state, &key.verifying(), &[]).await.unwrap();
    assert_eq!((report.chains, report.records, report.faults.as_slice()), (1, 4, &[][..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_was_told_as_recorded_is_there_while_the_disk_fails_now_and_then() {
    const TASKS: u64 = 8;
    const EACH: u64 = 150;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state: Arc<dyn State> = Arc::new(SqliteState::open(&path).await.unwrap());
    let key = Signing::from_seed([7; 32]);
    let writing = Arc::new(log(&state, &key).await);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).busy_timeout(Duration::from_secs(10));
    let mut disk = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let writing = Arc::clone(&writing);
            tokio::spawn(async move {
                let mut told = Vec::new();
                for number in 0..EACH {
                    let number = task * EACH + number;
                    if writing.record(record(number, Duration::ZERO)).await.is_ok() {
                        told.push(format!("Number {number}."));
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                told
            })
        })
        .collect();
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        sqlx::raw_sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
            .execute(&mut disk)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        sqlx::raw_sql("DROP TRIGGER full").execute(&mut disk).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut told: Vec<String> =
        futures_util::future::join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    writing.end().await;
    let report = verify(&*state, &key.verifying(), &[]).await.unwrap();
    assert_eq!((report.chains, report.faults.as_slice()), (1, &[][..]));
    let rows = state.chain("a".to_owned(), 0, 10_000).await.unwrap();
    let text = |row: &AuditRow| serde_json::from_str::<Entry<'_>>(&row.record).unwrap().text.into_owned();
    let mut there: Vec<String> = rows.iter().map(text).collect();
    told.sort();
    there.sort();
    assert_eq!(told, there);
    let failed = TASKS * EACH - told.len() as u64;
    assert!(failed > 0 && !told.is_empty(), "{failed} of {} failed", TASKS * EACH);
}
