//! A database of a test's own on the server that `DATABASE_URL` names. Without the variable there is none, and tests
//! over PostgreSQL say that they are left out; `cargo xtask test` starts a server and sets it.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// Set by `cargo xtask test`, where nothing may be left out.
const WHOLE_RUN: &str = "UPDOCK_WHOLE_RUN";
static SAID: Once = Once::new();

/// Made for one test; dropped by the server's owner with everything else.
pub(crate) struct Database(String);

impl Database {
    pub(crate) async fn fresh() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(server) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) else {
            assert!(std::env::var_os(WHOLE_RUN).is_none(), "a whole run needs PostgreSQL, and DATABASE_URL names none");
            // Past the test runner, which shows nothing of tests that pass.
            SAID.call_once(|| {
                let _ = writeln!(std::io::stderr(), "DATABASE_URL is not set: tests over PostgreSQL are left out");
            });
            return None;
        };
        let name = format!("updock_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server).await.expect("DATABASE_URL names a server that answers");
        for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        let (address, options) = server.split_once('?').map_or((server.as_str(), ""), |(a, o)| (a, o));
        let host = address.rsplit_once('/').map_or(address, |(host, _)| host);
        Some(Self(format!("{host}/{name}?{options}")))
    }

    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}
