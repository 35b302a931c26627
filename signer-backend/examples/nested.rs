//! The signer inside somebody's own axum application, below `/signer`:
//!
//! ```sh
//! export UPLOADCARE_PUBLIC_KEY=demopublickey UPLOADCARE_SECRET_KEY=demosecretkey
//! updock-signer init
//! cargo run --package updock-signer --example nested
//! curl -H "Authorization: Bearer <the key that init showed>" http://127.0.0.1:8080/signer/v1/uploadcare/project/
//! ```

use axum::Router;
use axum::routing::get;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use updock_signer::audit::{self, AuditLog};
use updock_signer::policy::Policy;
use updock_signer::signing::Signing;
use updock_signer::{Limits, Signer, receipt, serve, state};

/// The application: its own pages, and the signer. `address` is where callers reach the application.
pub(crate) async fn app(policy: Policy, address: &str) -> Result<Router, Box<dyn Error>> {
    // Where the policy says: audit log, keys that sign, quotas.
    let state = state::open(&policy.keeping.place).await?;
    let audit = Signing::kept(&*state, audit::KEY).await?;
    let receipts = Signing::kept(&*state, receipt::KEY).await?;
    let log = AuditLog::start(Arc::clone(&state), audit, policy.keeping.audit.clone(), None).await?;
    let signer = Signer::builder(policy, Arc::new(log))
        .state(state)
        .receipts(receipts)
        // For the links in its answers: the prefix belongs to it.
        .address(format!("{address}/signer"))
        .build();
    Ok(Router::new().route("/", get(async || "This is my own application.\n")).nest("/signer", signer.router()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::load(Path::new("updock-signer.toml"), None)?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let app = app(policy, "http://127.0.0.1:8080").await?;
    // With any other server, hand on `ConnectInfo<SocketAddr>`: rates are counted by it.
    serve(listener, app, Limits::default(), std::future::pending()).await;
    Ok(())
}
