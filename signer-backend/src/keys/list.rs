//! What there is to know about keys, without the keys.

use super::narrowed::Narrowed;
use super::standing::{Ended, judge, of_policy};
use crate::key::KeyDigest;
use crate::policy::{Agent, Policy};
use crate::sentence::counted;
use crate::state::KeyRow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use updock_types::signer::{KeyId, KeyInfo, KeyOrigin, KeyStatus};

/// Keys of the policy file that name their id, then those of `rows`, in their order; of one agent if named. `rows` are
/// all rows of the agents in question.
pub(super) fn infos(policy: &Policy, rows: Vec<KeyRow>, agent: Option<&str>, now: i64) -> Vec<KeyInfo> {
    let rows: Vec<Arc<KeyRow>> = rows.into_iter().map(Arc::new).collect();
    let by_id: HashMap<&str, &Arc<KeyRow>> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut infos = Vec::new();
    for owner in policy.agents.iter().filter(|owner| agent.is_none_or(|agent| agent == owner.id)) {
        for stored in &owner.keys {
            let Some(id) = stored.id.clone() else { continue };
            let row = by_id.get(id.as_str()).copied();
            let good = of_policy(owner, stored, id.clone(), row.map(Arc::as_ref), now);
            infos.push(KeyInfo {
                id,
                agent: owner.id.clone(),
                origin: KeyOrigin::Policy,
                status: good.err().map_or(KeyStatus::Good, Ended::status),
                label: None,
                parent: None,
                grants: None,
                only: None,
                rate: None,
                created_at: None,
                expires_at: stored.expires.map(seconds),
                revoked_at: row.and_then(|row| row.revoked_at).map(seconds),
                used_at: None,
            });
        }
    }
    let in_policy: Vec<KeyId> = infos.iter().map(|info| info.id.clone()).collect();
    for row in rows.iter().filter(|row| agent.is_none_or(|agent| agent == row.agent)) {
        let Ok(id) = KeyId::parse(&row.id) else { continue };
        if in_policy.contains(&id) {
            continue;
        }
        let mut line = vec![Arc::clone(row)];
        while let Some(parent) = line.last().and_then(|row| row.parent.as_deref())
            && let Some(before) = by_id.get(parent)
            && line.len() < rows.len()
        {
            line.push(Arc::clone(before));
        }
        let told = info(id, row, judge(policy, &line, now).err());
        let digest = KeyDigest::parse(&row.sha256);
        // One of the file that does not name its id, and is known by it since it was revoked.
        let in_file = digest.is_some_and(|digest| policy.owner(&digest).is_some());
        infos.push(KeyInfo { origin: if in_file { KeyOrigin::Policy } else { told.origin }, ..told });
    }
    infos
}

/// Keys of the policy file of which nobody knows the id, so that no list can name them.
pub(super) struct Unnamed {
    agent: String,
    count: u64,
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent, count } = self;
        let (keys, ids) = (counted(*count, "key"), if *count == 1 { "its id" } else { "their ids" });
        writeln!(
            f,
            "The policy file has {keys} of {agent} without {ids}; write {ids} there, to list and revoke by them"
        )
    }
}

/// How many each agent has, or the one that is named; without those that `rows` know since they were revoked.
pub(super) fn unnamed(policy: &Policy, rows: &[KeyRow], agent: Option<&str>) -> Vec<Unnamed> {
    let is_known = |digest: &KeyDigest| rows.iter().any(|row| row.sha256 == digest.to_string());
    let owners = policy.agents.iter().filter(|owner| agent.is_none_or(|agent| agent == owner.id));
    let of = |owner: &Arc<Agent>| {
        let unnamed = owner.keys.iter().filter(|stored| stored.id.is_none() && !is_known(&stored.digest));
        Unnamed { agent: owner.id.clone(), count: unnamed.count() as u64 }
    };
    owners.map(of).filter(|unnamed| unnamed.count > 0).collect()
}

/// What is known of a key of the state.
pub(super) fn info(id: KeyId, row: &KeyRow, ended: Option<Ended>) -> KeyInfo {
    let narrowed = row.narrowed.as_deref().and_then(|text| Narrowed::parse(text).ok());
    KeyInfo {
        id,
        agent: row.agent.clone(),
        origin: if row.parent.is_some() { KeyOrigin::Derived } else { KeyOrigin::Issued },
        status: ended.map_or(KeyStatus::Good, Ended::status),
        label: row.label.clone(),
        parent: row.parent.as_deref().and_then(|parent| KeyId::parse(parent).ok()),
        only: narrowed.as_ref().and_then(Narrowed::scopes),
        rate: narrowed.as_ref().and_then(|narrowed| narrowed.rate).map(|rate| rate.to_string()),
        grants: narrowed.and_then(|narrowed| narrowed.levels),
        created_at: Some(seconds(row.created_at)),
        expires_at: row.expires_at.map(seconds),
        revoked_at: row.revoked_at.map(seconds),
        used_at: row.used_at.map(seconds),
    }
}

fn seconds(millis: i64) -> i64 {
    millis.div_euclid(1000)
}
