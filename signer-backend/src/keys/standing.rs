//! Agent keys that are good no longer: revoked by hand, or because somebody reported that they leaked. Kept in the
//! state, so they stay revoked over restarts and for all instances.
//!
//! Invariant: a revoked key gets the answer of one that never was; who reports a leak learns nothing from the answer.
//! What the state said is believed for a second: that is how long a key goes on after it was revoked elsewhere.

use crate::body::Json;
use crate::caller::{Caller, unknown};
use crate::key::AgentKey;
use crate::limits;
use crate::log::Record;
use crate::policy::{Agent, Policy};
use crate::problem::Fault;
use crate::signer::Signer;
use crate::state::{KeyRow, State, StateError, now};
use axum::extract::{ConnectInfo, State as Shared};
use axum::response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use updock_types::signer::ProblemKind;

const BELIEVED: Duration = Duration::from_secs(1);

/// What the state said about keys of the policy; never about others, so it stays small.
#[derive(Default)]
pub(crate) struct Standing(Mutex<HashMap<String, (Instant, bool)>>);

impl Standing {
    /// The same caller, if its key is not revoked.
    pub(crate) async fn holds(&self, state: &dyn State, caller: Caller) -> Result<Caller, Fault> {
        let Some(id) = caller.key_id() else { return Ok(caller) };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        let revoked = match known.filter(|(at, _)| at.elapsed() < BELIEVED) {
            Some((_, revoked)) => revoked,
            None => {
                let row = state.key(id.to_owned()).await.map_err(|error| {
                    tracing::error!(%error, "whether a key is revoked cannot be looked up");
                    Fault::new(ProblemKind::Unavailable, "Keys cannot be looked up right now; try again later.")
                })?;
                let revoked = row.is_some_and(|row| row.revoked_at.is_some());
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), (Instant::now(), revoked));
                revoked
            }
        };
        if revoked { Err(unknown()) } else { Ok(caller) }
    }

    fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// Revokes a key of the policy; `false` if it was revoked already.
pub(crate) async fn revoke(state: &dyn State, id: &str, agent: &Agent, sha256: &str) -> Result<bool, StateError> {
    let at = now();
    let row = KeyRow {
        id: id.to_owned(),
        agent: agent.id.clone(),
        sha256: sha256.to_owned(),
        label: None,
        parent: None,
        narrowed: None,
        created_at: at,
        expires_at: None,
        revoked_at: Some(at),
        used_at: None,
    };
    if state.add_key(row).await? { Ok(true) } else { state.revoke_key(id.to_owned(), at).await }
}

/// Body of a report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leak {
    key: String,
}

/// `POST /v1/keys/report-leak`: whoever finds an agent key somewhere can end it. Asks nobody who they are, and says
/// the same whatever was sent.
pub(crate) async fn report(
    Shared(signer): Shared<Signer>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    Json(Leak { key }): Json<Leak>,
) -> Result<response::Json<Value>, Fault> {
    let peer = peer.map(|peer| crate::limiter::network(peer.0.0.ip()).to_string()).unwrap_or_default();
    let rate = "10/m".parse().map_err(|_| Fault::new(ProblemKind::Internal, "A rate cannot be read."))?;
    limits::rate(&**signer.state(), format!("leak:{peer}"), rate, "your address").await?;
    let policy = signer.policy();
    if let Some((agent, key)) = AgentKey::parse(key.trim()).ok().and_then(|key| Some((owner(&policy, &key)?, key))) {
        let revoked = revoke(&**signer.state(), key.id(), &agent, &key.digest().to_string()).await;
        match revoked {
            Ok(true) => {
                signer.standing().forget(key.id());
                let text = format!("Key {} of {} was reported as leaked and is revoked.", key.id(), agent.name);
                let _ = signer.log().record(Record { key_id: Some(key.id().to_owned()), ..Record::event(text) }).await;
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a leaked key cannot be revoked"),
        }
    }
    Ok(response::Json(json!({ "thanks": "If this was a key of ours, it is good no longer." })))
}

fn owner(policy: &Policy, key: &AgentKey) -> Option<Arc<Agent>> {
    let digest = key.digest();
    let owns = |agent: &&Arc<Agent>| agent.keys.iter().any(|stored| stored.digest.matches(&digest));
    policy.agents.iter().find(owns).cloned()
}
