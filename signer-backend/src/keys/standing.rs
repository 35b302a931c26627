//! Which keys are good: those of the policy file and those of the state, and what each may do. Revoked ones are kept in
//! the state, so they stay revoked over restarts and for all instances.
//!
//! Invariant: a key that is not good gets the answer of one that never was; who reports a leak learns nothing from the
//! answer. What the state said is believed for a second: that is how long a key goes on after it was revoked elsewhere.

use super::held::{HeldKey, Link, Root};
use super::make::DEEPEST;
use super::narrowed::Narrowed;
use crate::body::Json;
use crate::caller::{Caller, Proof, unknown};
use crate::key::{AgentKey, KeyDigest};
use crate::limits;
use crate::log::Record;
use crate::policy::{Agent, Policy, StoredKey};
use crate::problem::Fault;
use crate::signer::Signer;
use crate::state::{KeyRow, State, StateError, now};
use axum::extract::{ConnectInfo, State as Shared};
use axum::response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use updock_types::signer::{KeyId, KeyStatus, ProblemKind};

const BELIEVED: Duration = Duration::from_secs(1);
/// Most keys that are remembered; beyond it all are looked up anew.
const MOST: usize = 10_000;
/// How exactly it is known when a key was last used, in milliseconds: reading must not mean writing.
const USED: i64 = 300_000;

/// What the state said about keys that are there; never about ids that somebody made up, so it stays small.
#[derive(Default)]
pub(crate) struct Standing(Mutex<HashMap<String, Answered>>);

/// What the state said, and when it was asked.
type Answered = (Instant, Option<Arc<KeyRow>>);

/// A row of the state, or that there is none, and where that was looked up.
struct Seen {
    row: Option<Arc<KeyRow>>,
    from: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Memory,
    State,
}

/// Whose id is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// A key's that is there.
    Ours,
    /// Perhaps nobody's.
    Anybodys,
}

/// Why a key is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its time is over, or its agent's.
    Expired,
    /// It was revoked.
    Revoked,
    /// What it hangs on is good no longer: its agent, or a key before it.
    Orphaned,
}

impl Ended {
    /// As lists show it.
    pub(super) fn status(self) -> KeyStatus {
        match self {
            Self::Expired => KeyStatus::Expired,
            Self::Revoked => KeyStatus::Revoked,
            Self::Orphaned => KeyStatus::Orphaned,
        }
    }
}

impl Standing {
    /// Who comes with this key, if it is good at `now` (Unix milliseconds).
    pub(crate) async fn admit(
        &self,
        state: &Arc<dyn State>,
        policy: &Policy,
        key: &AgentKey,
        peer: Option<IpAddr>,
        now: i64,
    ) -> Result<Caller, Fault> {
        let digest = key.digest();
        let stored = policy.owner(&digest);
        let whose = if stored.is_some() { Whose::Ours } else { Whose::Anybodys };
        let failed = |error: StateError| {
            tracing::error!(%error, "a key cannot be looked up");
            Fault::new(ProblemKind::Unavailable, "Keys cannot be looked up right now; try again later.")
        };
        let seen = self.look_up(&**state, key.id(), whose).await.map_err(failed)?;
        let (agent, held) = if let Some((agent, stored)) = stored {
            let mut rows = Vec::from_iter(seen.row);
            for id in stored.ids().filter(|id| id.as_str() != key.id()) {
                rows.extend(self.look_up(&**state, id.as_str(), whose).await.map_err(failed)?.row);
            }
            let held = of_policy(agent, stored, &rows, now).map_err(|_| unknown())?;
            let public = Some(key.key_id()).filter(|public| *public != held.id);
            (Arc::clone(agent), HeldKey { public, ..held })
        } else {
            // Without a row a digest of nothing is compared, so that time tells nothing about which ids there are.
            let kept = seen.row.as_ref().and_then(|row| KeyDigest::parse(&row.sha256));
            let matches = kept.unwrap_or(KeyDigest::NONE).matches(&digest);
            let row = seen.row.filter(|_| matches).ok_or_else(unknown)?;
            let line = self.line(&**state, policy, Arc::clone(&row)).await.map_err(failed)?;
            let good = judge(policy, &line, now).map_err(|_| unknown())?;
            if seen.from == Source::State && row.used_at.is_none_or(|at| now - at >= USED) {
                let (state, id) = (Arc::clone(state), row.id.clone());
                tokio::spawn(async move {
                    if let Err(error) = state.key_used(id, now).await {
                        tracing::warn!(%error, "that a key was used cannot be noted");
                    }
                });
            }
            good
        };
        Caller::let_in(&agent, Proof::Key(held), peer, now).map_err(|fault| fault.unwrap_or_else(unknown))
    }

    async fn look_up(&self, state: &dyn State, id: &str, whose: Whose) -> Result<Seen, StateError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((_, row)) = known.filter(|(at, _)| at.elapsed() < BELIEVED) {
            return Ok(Seen { row, from: Source::Memory });
        }
        // Counted from before it was asked: what changed while the answer was on its way is not believed for longer.
        let asked = Instant::now();
        let row = state.key(id.to_owned()).await?.map(Arc::new);
        if row.is_some() || whose == Whose::Ours {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(id.to_owned(), (asked, row.clone()));
        }
        Ok(Seen { row, from: Source::State })
    }

    /// The row, and those of the keys before it, as far as there are any.
    async fn line(&self, state: &dyn State, policy: &Policy, row: Arc<KeyRow>) -> Result<Vec<Arc<KeyRow>>, StateError> {
        let mut line = vec![row];
        while let Some(parent) = line.last().and_then(|row| row.parent.clone())
            && line.len() <= DEEPEST
        {
            match self.look_up(state, &parent, Whose::Ours).await?.row {
                Some(row) => line.push(row),
                None => break,
            }
        }
        for id in first_ids(policy, &line) {
            line.extend(self.look_up(state, id.as_str(), Whose::Ours).await?.row);
        }
        Ok(line)
    }

    pub(super) fn forget(&self, known: &Known) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in known.ids() {
            memory.remove(id.as_str());
        }
    }
}

/// The key with this row and those before it, asked of the state itself.
pub(super) async fn line_of(state: &dyn State, policy: &Policy, row: KeyRow) -> Result<Vec<Arc<KeyRow>>, StateError> {
    Standing::default().line(state, policy, Arc::new(row)).await
}

/// The ids of the policy file's key that a line begins with, whose rows belong to the line: there are some when it was
/// revoked.
pub(super) fn first_ids(policy: &Policy, line: &[Arc<KeyRow>]) -> Vec<KeyId> {
    let first = line.last().and_then(|row| Narrowed::parse(row.narrowed.as_deref()?).ok()?.root);
    let stored = first.and_then(|digest| policy.owner(&digest));
    stored.map(|(_, stored)| stored.ids().cloned().collect()).unwrap_or_default()
}

/// A key of the policy file, with what the state has about it: rows with one of its ids.
pub(super) fn of_policy(agent: &Agent, stored: &StoredKey, rows: &[Arc<KeyRow>], now: i64) -> Result<HeldKey, Ended> {
    if rows.iter().any(|row| row.revoked_at.is_some()) {
        return Err(Ended::Revoked);
    }
    let ends = [stored.expires, agent.expires].into_iter().flatten().min();
    if ends.is_some_and(|end| end <= now) {
        return Err(Ended::Expired);
    }
    let root = Root::Policy(stored.digest);
    Ok(HeldKey { id: stored.id.clone(), public: None, parent: None, ends, root, links: Vec::new() })
}

/// The key of the first row, with those of the keys before it: whose it is and what holds for it, or why it is not good.
pub(super) fn judge(policy: &Policy, line: &[Arc<KeyRow>], now: i64) -> Result<(Arc<Agent>, HeldKey), Ended> {
    let (own, before) = line.split_first().ok_or(Ended::Orphaned)?;
    let over = |row: &Arc<KeyRow>| row.expires_at.is_some_and(|end| end <= now);
    if own.revoked_at.is_some() {
        return Err(Ended::Revoked);
    }
    let agent = policy.agent(&own.agent).ok_or(Ended::Orphaned)?;
    if over(own) || agent.expires.is_some_and(|end| end <= now) {
        return Err(Ended::Expired);
    }
    if before.iter().any(|row| row.revoked_at.is_some() || over(row) || row.agent != own.agent) {
        return Err(Ended::Orphaned);
    }
    let mut ends = line.iter().filter_map(|row| row.expires_at).chain(agent.expires).min();
    let mut links = Vec::new();
    let mut root = Root::Issued;
    for (at, row) in line.iter().enumerate() {
        let Some(parent) = &row.parent else { break };
        let narrowed = row.narrowed.as_deref().and_then(|text| Narrowed::parse(text).ok());
        let narrowed = narrowed.ok_or_else(|| {
            tracing::error!(key = row.id, "what narrows this key cannot be read, so it is not good");
            Ended::Orphaned
        })?;
        if let Some(digest) = narrowed.root {
            let stored = agent.keys.iter().find(|stored| stored.digest.matches(&digest)).ok_or(Ended::Orphaned)?;
            if stored.expires.is_some_and(|end| end <= now) {
                return Err(Ended::Orphaned);
            }
            ends = ends.into_iter().chain(stored.expires).min();
            root = Root::Policy(digest);
        } else if line.get(at + 1).is_none_or(|next| next.id != *parent) {
            return Err(Ended::Orphaned);
        }
        links.push(Link { id: row.id.clone(), narrowed });
        if matches!(root, Root::Policy(_)) {
            break;
        }
    }
    if links.len() > DEEPEST {
        return Err(Ended::Orphaned);
    }
    links.reverse();
    let id = |text: &str| KeyId::parse(text).map_err(|_| Ended::Orphaned);
    let parent = own.parent.as_deref().map(id).transpose()?;
    Ok((Arc::clone(agent), HeldKey { id: id(&own.id)?, public: None, parent, ends, root, links }))
}

/// A key that there is, good or not.
pub(super) struct Known {
    pub id: KeyId,
    /// Of one of the policy file, where it is not its id: what it stays revoked by when its line names another id.
    lasting: Option<KeyId>,
    pub agent: String,
    pub sha256: String,
}

impl Known {
    /// The key that a caller came with, if it is one of the policy file, where its public part need not stand.
    pub(super) fn at_hand(agent: &Agent, held: &HeldKey) -> Option<Self> {
        match held.root {
            Root::Policy(digest) if !held.is_derived() => {
                let stored = agent.keys.iter().find(|stored| stored.digest.matches(&digest));
                stored.map(|stored| Self::stored(agent, stored))
            }
            Root::Policy(_) | Root::Issued => None,
        }
    }

    /// The key with this id, in the policy file or in the state.
    pub(super) async fn find(state: &dyn State, policy: &Policy, id: &KeyId) -> Result<Option<Self>, StateError> {
        if let Some((agent, stored)) = policy.stored(id) {
            return Ok(Some(Self::stored(agent, stored)));
        }
        let row = state.key(id.to_string()).await?;
        Ok(row.map(|row| Self { id: id.clone(), lasting: None, agent: row.agent, sha256: row.sha256 }))
    }

    fn stored(agent: &Agent, stored: &StoredKey) -> Self {
        Self {
            id: stored.id.clone(),
            lasting: stored.lasting.clone(),
            agent: agent.id.clone(),
            sha256: stored.digest.to_string(),
        }
    }

    fn ids(&self) -> impl Iterator<Item = &KeyId> {
        iter::once(&self.id).chain(&self.lasting)
    }
}

/// Revokes a key; `false` if it was revoked already.
pub(super) async fn revoke(state: &dyn State, known: &Known) -> Result<bool, StateError> {
    let at = now();
    let mut anew = false;
    for id in known.ids() {
        let row = KeyRow {
            id: id.to_string(),
            agent: known.agent.clone(),
            sha256: known.sha256.clone(),
            label: None,
            parent: None,
            narrowed: None,
            created_at: at,
            expires_at: None,
            revoked_at: Some(at),
            used_at: None,
        };
        // A key of the policy file has no row before; one of the state has, and keeps what it says.
        anew |= state.add_key(row).await? || state.revoke_key(id.to_string(), at).await?;
    }
    Ok(anew)
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
    if let Ok(key) = AgentKey::parse(key.trim())
        && let Err(error) = end_leaked(&signer, &key).await
    {
        tracing::error!(%error, "a leaked key cannot be revoked");
    }
    Ok(response::Json(json!({ "thanks": "If this was a key of ours, it is good no longer." })))
}

/// Revokes the key, if it is one of ours and not only its id.
async fn end_leaked(signer: &Signer, key: &AgentKey) -> Result<(), StateError> {
    let (policy, digest) = (signer.policy(), key.digest());
    let known = match policy.owner(&digest) {
        Some((agent, stored)) => Some(Known::stored(agent, stored)),
        None => Known::find(&**signer.state(), &policy, &key.key_id())
            .await?
            .filter(|known| KeyDigest::parse(&known.sha256).is_some_and(|kept| kept.matches(&digest))),
    };
    let Some(known) = known else { return Ok(()) };
    if revoke(&**signer.state(), &known).await? {
        signer.standing().forget(&known);
        let name = policy.agent(&known.agent).map_or(known.agent.as_str(), |agent| &agent.name);
        let text = format!("Key {} of {name} was reported as leaked and is revoked.", known.id);
        let _ = signer.log().record(Record { key_id: Some(known.id.to_string()), ..Record::event(text) }).await;
    }
    Ok(())
}
