//! What there is to know about keys, without the keys.

use super::narrowed::Narrowed;
use super::standing::{Ended, first_ids, judge, of_policy};
use crate::key::KeyDigest;
use crate::policy::{Policy, StoredKey};
use crate::state::KeyRow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use updock_types::signer::{KeyId, KeyInfo, KeyOrigin, KeyStatus};

/// Keys of the policy file, then those of `rows`, in their order; of one agent if named. `rows` are
/// all rows of the agents in question.
pub(super) fn infos(policy: &Policy, rows: Vec<KeyRow>, agent: Option<&str>, now: i64) -> Vec<KeyInfo> {
    let rows: Vec<Arc<KeyRow>> = rows.into_iter().map(Arc::new).collect();
    let by_id: HashMap<&str, &Arc<KeyRow>> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let about = Rows::new(&rows);
    let mut infos = Vec::new();
    for owner in policy.agents.iter().filter(|owner| agent.is_none_or(|agent| agent == owner.id)) {
        for stored in &owner.keys {
            let rows = about.about(stored);
            let good = of_policy(owner, stored, &rows, now);
            infos.push(KeyInfo {
                id: stored.id.clone(),
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
                revoked_at: rows.iter().find_map(|row| row.revoked_at).map(seconds),
                used_at: None,
            });
        }
    }
    let in_policy: HashSet<String> = policy.agents.iter().flat_map(|owner| &owner.keys).flat_map(marks).collect();
    for row in rows.iter().filter(|row| agent.is_none_or(|agent| agent == row.agent)) {
        let Ok(id) = KeyId::parse(&row.id) else { continue };
        // One that stood in the file, under its lasting id once more.
        let again = KeyDigest::parse(&row.sha256).is_some_and(|digest| digest.id() == id) && about.alike(row) > 1;
        if again || in_policy.contains(&row.id) || in_policy.contains(&row.sha256) {
            continue;
        }
        let mut line = vec![Arc::clone(row)];
        while let Some(parent) = line.last().and_then(|row| row.parent.as_deref())
            && let Some(before) = by_id.get(parent)
            && line.len() < rows.len()
        {
            line.push(Arc::clone(before));
        }
        line.extend(first_ids(policy, &line).iter().filter_map(|id| by_id.get(id.as_str())).copied().cloned());
        infos.push(info(id, row, judge(policy, &line, now).err()));
    }
    infos
}

/// Rows by their ids and by their digests.
pub(super) struct Rows<'a>(HashMap<&'a str, Vec<&'a Arc<KeyRow>>>);

impl<'a> Rows<'a> {
    pub(super) fn new(rows: &'a [Arc<KeyRow>]) -> Self {
        let mut by = HashMap::<_, Vec<_>>::new();
        for row in rows {
            for mark in [row.id.as_str(), row.sha256.as_str()] {
                by.entry(mark).or_default().push(row);
            }
        }
        Self(by)
    }

    /// How many are of the same key.
    fn alike(&self, row: &KeyRow) -> usize {
        self.0.get(row.sha256.as_str()).map_or(0, Vec::len)
    }

    /// Those about a key of the policy file: they have one of its ids, or its digest.
    pub(super) fn about(&self, stored: &StoredKey) -> Vec<Arc<KeyRow>> {
        let rows = marks(stored).filter_map(|mark| self.0.get(mark.as_str()));
        rows.flatten().copied().cloned().collect()
    }
}

/// What a row about this key has one of, as its id or its digest.
fn marks(stored: &StoredKey) -> impl Iterator<Item = String> {
    stored.ids().map(ToString::to_string).chain([stored.digest.to_string()])
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
