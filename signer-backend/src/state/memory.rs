//! State in this process's memory: for tests, and for applications that embed the signer and need nothing kept.

use super::{
    Answer, AuditQuery, AuditRow, ChainEnd, ChainFor, Claim, Delivery, Errand, ErrandOutcome, EventRow, KEYS_KEPT,
    KeptAnswer, KeyRow, Mark, MarkKind, Received, Spent, State, StateError, Taken,
};
use crate::policy::Rate;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    rows: Vec<AuditRow>,
    marks: Vec<Mark>,
    keys: Vec<KeyRow>,
    rates: Rates,
    quotas: HashMap<(String, i64), u32>,
    claims: HashMap<String, Claimed>,
    seen: HashMap<String, i64>,
    files: HashMap<String, FileState>,
    events: Vec<EventRow>,
    errands: BTreeMap<i64, (Errand, i64, bool)>,
    values: HashMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct Claimed {
    fingerprint: String,
    lease: i64,
    keep: i64,
    answer: Option<KeptAnswer>,
}

#[derive(Debug, Default)]
struct FileState {
    ended: bool,
    version: Option<String>,
}

/// Most keys whose rates are kept apart; beyond it the quiet ones go, and if none is quiet, all share one cell.
const MOST_RATES: usize = 100_000;

/// When each key's allowance is whole again, in microseconds: the generic cell rate algorithm. For SQLite too: one
/// instance needs no disk to count calls.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<String, i64>);

/// Microseconds between two calls, and how far ahead of time a burst may run.
pub(super) fn cell(rate: Rate) -> (i64, i64) {
    let between = i64::try_from(rate.period.as_micros()).unwrap_or(i64::MAX) / i64::from(rate.calls.get());
    let between = between.max(1);
    (between, between.saturating_mul(i64::from(rate.burst.get()) - 1))
}

/// How long until `tat` is near enough; whole milliseconds, up.
pub(super) fn wait(tat: i64, ahead: i64, at: i64) -> Duration {
    let micros = u64::try_from(tat - ahead - at).unwrap_or(0);
    Duration::from_millis(micros.div_ceil(1000).max(1))
}

impl Rates {
    pub(super) fn take(&mut self, key: String, rate: Rate, at: i64) -> Taken {
        let at = at.saturating_mul(1000);
        let (between, ahead) = cell(rate);
        let mut key = key;
        if self.0.len() >= MOST_RATES && !self.0.contains_key(&key) {
            self.0.retain(|_, tat| *tat > at);
            if self.0.len() >= MOST_RATES {
                key = String::new();
            }
        }
        let tat = self.0.entry(key).or_insert(at);
        if *tat > at + ahead {
            return Taken::Wait(wait(*tat, ahead, at));
        }
        *tat = (*tat).max(at) + between;
        Taken::Yes
    }
}

impl MemoryState {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn done<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok::<_, StateError>(value)))
}

fn fits(row: &AuditRow, query: &AuditQuery) -> bool {
    fn is<T: PartialEq>(wanted: Option<&T>, value: Option<&T>) -> bool {
        wanted.is_none_or(|wanted| value == Some(wanted))
    }
    is(query.caller.as_ref(), row.caller.as_ref())
        && is(query.area.as_ref(), row.area.as_ref())
        && is(query.operation.as_ref(), row.operation.as_ref())
        && is(query.verdict.as_ref(), row.verdict.as_ref())
        && is(query.request.as_ref(), row.request.as_ref())
        && query.text.as_ref().is_none_or(|text| row.record.to_lowercase().contains(&text.to_lowercase()))
        && query.from.is_none_or(|from| row.at >= from)
        && query.to.is_none_or(|to| row.at < to)
        && query.before.as_ref().is_none_or(|(at, node, seq)| (row.at, &row.node, row.seq) < (*at, node, *seq))
}

fn size(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

impl State for MemoryState {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn ready(&self) -> Answer<'_, ()> {
        done(())
    }

    fn take_chain(&self, _: ChainFor) -> Answer<'_, ChainEnd> {
        let tables = self.tables();
        let last = tables.rows.last().map(|row| (row.seq, row.hash.clone()));
        let last = last.or_else(|| tables.marks.last().map(|mark| (mark.seq, mark.hash.clone())));
        let (seq, hash) = last.unwrap_or_default();
        done(ChainEnd { node: "a".to_owned(), seq, hash })
    }

    fn append(&self, rows: Arc<[AuditRow]>) -> Answer<'_, ()> {
        self.tables().rows.extend(rows.iter().cloned());
        done(())
    }

    fn search(&self, what: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        let mut rows: Vec<AuditRow> = self.tables().rows.iter().filter(|row| fits(row, &what)).cloned().collect();
        rows.sort_by(|a, b| (b.at, &b.node, b.seq).cmp(&(a.at, &a.node, a.seq)));
        rows.truncate(size(what.most));
        done(rows)
    }

    fn chains(&self) -> Answer<'_, Vec<String>> {
        let tables = self.tables();
        let mut nodes: Vec<String> = tables.rows.iter().map(|row| row.node.clone()).collect();
        nodes.extend(tables.marks.iter().map(|mark| mark.node.clone()));
        nodes.sort();
        nodes.dedup();
        done(nodes)
    }

    fn chain(&self, node: String, after: i64, most: u32) -> Answer<'_, Vec<AuditRow>> {
        let tables = self.tables();
        let rows = tables.rows.iter().filter(|row| row.node == node && row.seq > after).take(size(most));
        done(rows.cloned().collect())
    }

    fn marks(&self, node: String) -> Answer<'_, Vec<Mark>> {
        done(self.tables().marks.iter().filter(|mark| mark.node == node).cloned().collect())
    }

    fn mark(&self, mark: Mark) -> Answer<'_, ()> {
        let mut tables = self.tables();
        if mark.kind == MarkKind::Tombstone {
            tables.rows.retain(|row| row.node != mark.node || row.seq > mark.seq);
            tables.marks.retain(|other| other.node != mark.node || other.seq > mark.seq);
        }
        let at = tables.marks.partition_point(|other| (&other.node, other.seq) <= (&mark.node, mark.seq));
        tables.marks.insert(at, mark);
        done(())
    }

    fn add_key(&self, key: KeyRow) -> Answer<'_, bool> {
        let mut tables = self.tables();
        let free = tables.keys.iter().all(|other| other.id != key.id);
        if free {
            tables.keys.push(key);
        }
        done(free)
    }

    fn key(&self, id: String) -> Answer<'_, Option<KeyRow>> {
        done(self.tables().keys.iter().find(|key| key.id == id).cloned())
    }

    fn keys(&self, agent: Option<String>) -> Answer<'_, Vec<KeyRow>> {
        let tables = self.tables();
        let keys = tables.keys.iter().filter(|key| agent.as_ref().is_none_or(|agent| *agent == key.agent));
        let mut keys: Vec<KeyRow> = keys.cloned().collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        done(keys)
    }

    fn revoke_key(&self, id: String, at: i64) -> Answer<'_, bool> {
        let mut tables = self.tables();
        let key = tables.keys.iter_mut().find(|key| key.id == id && key.revoked_at.is_none());
        done(key.map(|key| key.revoked_at = Some(at)).is_some())
    }

    fn key_used(&self, id: String, at: i64) -> Answer<'_, ()> {
        if let Some(key) = self.tables().keys.iter_mut().find(|key| key.id == id) {
            key.used_at = key.used_at.max(Some(at));
        }
        done(())
    }

    fn take(&self, key: String, rate: Rate, at: i64) -> Answer<'_, Taken> {
        done(self.tables().rates.take(key, rate, at))
    }

    fn spend(&self, key: String, window: i64, amount: u32, most: u32) -> Answer<'_, Spent> {
        let mut tables = self.tables();
        let used = tables.quotas.entry((key, window)).or_default();
        done(match used.checked_add(amount).filter(|sum| *sum <= most) {
            Some(sum) => {
                *used = sum;
                Spent::Yes { left: most - sum }
            }
            None => Spent::No { used: *used },
        })
    }

    fn unspend(&self, key: String, window: i64, amount: u32) -> Answer<'_, ()> {
        if let Some(used) = self.tables().quotas.get_mut(&(key, window)) {
            *used = used.saturating_sub(amount);
        }
        done(())
    }

    fn claim(&self, key: String, fingerprint: String, at: i64, lease: i64, keep: i64) -> Answer<'_, Claim> {
        let mut tables = self.tables();
        done(match tables.claims.get(&key).filter(|claimed| claimed.keep > at) {
            None => {
                tables.claims.insert(key, Claimed { fingerprint, lease, keep, answer: None });
                Claim::Yours
            }
            Some(claimed) if claimed.fingerprint != fingerprint => Claim::Different,
            Some(Claimed { answer: Some(answer), .. }) => Claim::Done(answer.clone()),
            Some(claimed) if claimed.lease > at => Claim::Running,
            Some(_) => Claim::Lost,
        })
    }

    fn settle(&self, key: String, answer: Option<KeptAnswer>) -> Answer<'_, ()> {
        let mut tables = self.tables();
        match answer {
            Some(answer) => {
                if let Some(claimed) = tables.claims.get_mut(&key) {
                    claimed.answer = Some(answer);
                }
            }
            None => {
                tables.claims.remove(&key);
            }
        }
        done(())
    }

    fn receive(&self, delivery: Delivery) -> Answer<'_, Received> {
        let mut guard = self.tables();
        let tables = &mut *guard;
        if tables.seen.contains_key(&delivery.dedupe) {
            return done(Received::Seen);
        }
        tables.seen.insert(delivery.dedupe.clone(), delivery.keep);
        let mut late = false;
        if let Some(file) = &delivery.file {
            let state = tables.files.entry(file.clone()).or_default();
            late = state.ended || (delivery.version.is_some() && delivery.version < state.version);
            state.ended |= delivery.terminal;
            if delivery.version > state.version {
                state.version.clone_from(&delivery.version);
            }
        }
        let position = tables.events.last().map_or(1, |event| event.position + 1);
        for target in delivery.targets.iter().filter(|_| !late) {
            let id = tables.errands.last_key_value().map_or(1, |(id, _)| id + 1);
            let errand = Errand {
                id,
                target: target.clone(),
                dedupe: delivery.dedupe.clone(),
                event: delivery.event.clone(),
                body: delivery.body.clone(),
                at: delivery.at,
                attempts: 0,
                error: None,
            };
            tables.errands.insert(id, (errand, delivery.at, false));
        }
        let Delivery { event, file, body, at, .. } = delivery;
        tables.events.push(EventRow { position, event, file, body, at, late });
        done(Received::New { position, late })
    }

    fn events(&self, after: i64, most: u32) -> Answer<'_, Vec<EventRow>> {
        let tables = self.tables();
        done(tables.events.iter().filter(|event| event.position > after).take(size(most)).cloned().collect())
    }

    fn newest_event(&self) -> Answer<'_, i64> {
        done(self.tables().events.last().map_or(0, |event| event.position))
    }

    fn due(&self, at: i64, lease: i64, most: u32) -> Answer<'_, Vec<Errand>> {
        let mut tables = self.tables();
        let due = tables.errands.values_mut().filter(|(_, next, dead)| !dead && *next <= at).take(size(most));
        done(
            due.map(|(errand, next, _)| {
                *next = lease;
                errand.attempts += 1;
                errand.clone()
            })
            .collect(),
        )
    }

    fn ran(&self, id: i64, outcome: ErrandOutcome) -> Answer<'_, ()> {
        let mut tables = self.tables();
        match outcome {
            ErrandOutcome::Done => {
                tables.errands.remove(&id);
            }
            ErrandOutcome::Again { at, error } => {
                if let Some((errand, next, _)) = tables.errands.get_mut(&id) {
                    (errand.error, *next) = (Some(error), at);
                }
            }
            ErrandOutcome::Dead { error } => {
                if let Some((errand, _, dead)) = tables.errands.get_mut(&id) {
                    (errand.error, *dead) = (Some(error), true);
                }
            }
        }
        done(())
    }

    fn dead(&self, most: u32) -> Answer<'_, Vec<Errand>> {
        let tables = self.tables();
        let dead = tables.errands.values().rev().filter(|(_, _, dead)| *dead).take(size(most));
        done(dead.map(|(errand, ..)| errand.clone()).collect())
    }

    fn revive(&self, id: i64, at: i64) -> Answer<'_, bool> {
        let mut tables = self.tables();
        let errand = tables.errands.get_mut(&id).filter(|(_, _, dead)| *dead);
        done(errand.map(|(errand, next, dead)| (errand.attempts, *next, *dead) = (0, at, false)).is_some())
    }

    fn value(&self, name: String) -> Answer<'_, Option<Vec<u8>>> {
        done(self.tables().values.get(&name).cloned())
    }

    fn value_or(&self, name: String, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        done(self.tables().values.entry(name).or_insert(value).clone())
    }

    fn set_value(&self, name: String, value: Option<Vec<u8>>) -> Answer<'_, ()> {
        let mut tables = self.tables();
        match value {
            Some(value) => tables.values.insert(name, value),
            None => tables.values.remove(&name),
        };
        done(())
    }

    fn sweep(&self, at: i64, window: i64) -> Answer<'_, ()> {
        let mut tables = self.tables();
        tables.quotas.retain(|(_, of), _| *of >= window);
        tables.claims.retain(|_, claimed| claimed.keep > at);
        tables.seen.retain(|_, keep| *keep > at);
        let over = |end: Option<i64>| end.is_some_and(|end| end <= at - KEYS_KEPT);
        tables.keys.retain(|key| !over(key.expires_at) && (key.parent.is_none() || !over(key.revoked_at)));
        done(())
    }
}
