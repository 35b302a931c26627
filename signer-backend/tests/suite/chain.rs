//! The audit log by itself: what is old goes and what is left stays whole, and a lost database is not the end.

use crate::postgres::Database;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use updock_signer::audit::{AuditLog, AuditTerms, forget_once, verify};
use updock_signer::log::{DecisionLog, Phase, Record};
use updock_signer::signing::Signing;
use updock_signer::state::{MarkKind, MemoryState, PostgresState, SqliteState, State};

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
