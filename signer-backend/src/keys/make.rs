//! New keys before they are there: what was asked, held against what may be had. Pure: the clock is brought along.
//!
//! Invariant: what a derived key asks for beyond its parent is refused here, and would do nothing if it were not: what
//! holds at a request is worked out from all of its line.

use super::held::{HeldKey, Root};
use super::narrowed::{ADMIN_MOST, Narrowed};
use crate::decision::{Grants, Scope, decide, needs};
use crate::key::AgentKey;
use crate::policy::{Agent, Rate};
use crate::problem::Fault;
use crate::sentence::{self, quoted};
use crate::state::KeyRow;
use std::collections::BTreeMap;
use std::fmt::Write;
use updock_types::signer::{
    DeriveKeyRequest, DerivedGrants, IssueKeyRequest, KEY_LABEL, KEY_LIFE, KeyLife, ProblemKind,
};
use updock_types::{Area, Level};

/// Most keys between one and the whole key that its line begins with, itself included.
pub(super) const DEEPEST: usize = 8;

/// A key that is to be made.
pub(super) struct Plan {
    pub key: AgentKey,
    pub row: KeyRow,
    /// What making it is, to follow `asked to`.
    pub words: String,
}

/// On whose word a key is issued, and so how long it may live.
pub(super) enum Issuer<'a> {
    /// A command on the signer's machine, or somebody with full access to admin: as long as they ask.
    Anyone,
    /// A key that may issue those of its agent: no longer than itself, nor than keys live when nobody says otherwise.
    Key(&'a HeldKey),
}

/// Another key of `agent`, with all that the agent may do.
pub(super) fn issue(agent: &Agent, asked: &IssueKeyRequest, issuer: &Issuer<'_>, now: i64) -> Result<Plan, Fault> {
    if agent.expires.is_some_and(|end| end <= now) {
        let sentence = format!("The time of {} is over by the policy, so no key of it would be good.", agent.name);
        return Err(forbidden(sentence));
    }
    let expires_at = match issuer {
        Issuer::Anyone => end(asked.expires_in, now)?,
        Issuer::Key(held) => Some(within(held, asked.expires_in, now)?),
    };
    let key = AgentKey::generate();
    let mut words = format!("issue key {} of {}", key.id(), agent.name);
    words.push_str(&named(asked.label.as_deref())?);
    words.push_str(&lasting(expires_at, now));
    let row = row(&key, agent, asked.label.clone(), expires_at, now);
    Ok(Plan { key, row, words })
}

/// A key below `held`, with what was asked of it.
pub(super) fn derive(agent: &Agent, held: &HeldKey, asked: &DeriveKeyRequest, now: i64) -> Result<Plan, Fault> {
    if held.links.len() >= DEEPEST {
        let sentence = format!(
            "This key is the {DEEPEST}th of its line, and lines are no longer than that; derive from a key before it."
        );
        return Err(forbidden(sentence));
    }
    let grants = held.narrowing((*agent.grants).clone());
    let narrowed = Narrowed {
        levels: levels(&grants, &asked.grants)?,
        only: asked.only.as_ref().map(|only| scopes(&grants, only)).transpose()?,
        rate: asked.rate.as_ref().map(|text| rate(agent, held, text)).transpose()?,
        root: match held.root {
            Root::Policy(digest) if held.links.is_empty() => Some(digest),
            Root::Policy(_) | Root::Issued => None,
        },
    };
    let key = AgentKey::generate();
    let child = narrowed.over(grants, key.id());
    if !needs().any(|need| decide(&child, need).is_allowed()) {
        return Err(bad(
            "A key that may do nothing is of no use; ask for a level in some area, and for what it allows.",
        ));
    }
    let expires_at = life(held, asked.expires_in, now)?;
    let mut words = format!("derive key {} from key {}", key.id(), held.id);
    words.push_str(&named(asked.label.as_deref())?);
    let rate = narrowed.rate.map(|rate| rate.to_string());
    words.push_str(&told(narrowed.levels.as_ref(), narrowed.scopes().as_deref(), rate.as_deref()));
    words.push_str(&lasting(expires_at, now));
    let row = KeyRow {
        parent: Some(held.id.to_string()),
        narrowed: Some(narrowed.text()),
        ..row(&key, agent, asked.label.clone(), expires_at, now)
    };
    Ok(Plan { key, row, words })
}

fn row(key: &AgentKey, agent: &Agent, label: Option<String>, expires_at: Option<i64>, now: i64) -> KeyRow {
    KeyRow {
        id: key.id().to_owned(),
        agent: agent.id.clone(),
        sha256: key.digest().to_string(),
        label,
        parent: None,
        narrowed: None,
        created_at: now,
        expires_at,
        revoked_at: None,
        used_at: None,
    }
}

fn bad(sentence: impl Into<String>) -> Fault {
    Fault::new(ProblemKind::BadRequest, sentence)
}

fn forbidden(sentence: impl Into<String>) -> Fault {
    Fault::new(ProblemKind::Forbidden, sentence)
}

/// Unix milliseconds of the end of a life that begins now.
fn end(life: KeyLife, now: i64) -> Result<Option<i64>, Fault> {
    match life {
        KeyLife::Never => Ok(None),
        KeyLife::Seconds(0) => Err(bad("`expires_in` should be 1 second or more, or \"never\", or be left out.")),
        KeyLife::Seconds(seconds) => Ok(Some(now.saturating_add(i64::from(seconds) * 1000))),
    }
}

/// The end of a key that `held` issues: what was asked, within its own life. The usual life is cut to fit.
fn within(held: &HeldKey, asked: KeyLife, now: i64) -> Result<i64, Fault> {
    let longest = now.saturating_add(i64::from(KEY_LIFE) * 1000);
    let most = held.ends.map_or(longest, |end| end.min(longest));
    if asked == KeyLife::default() {
        return Ok(most);
    }
    end(asked, now)?.filter(|wished| *wished <= most).ok_or_else(|| {
        let sentence = format!(
            "Key {} issues keys that are good for {} at most, and a longer life needs full access to admin; \
             ask for less, or leave `expires_in` out.",
            held.id,
            until(most, now)
        );
        forbidden(sentence).missing(format!("{}: {}", Area::Admin, Level::Full))
    })
}

/// The end of a child: what was asked, within its parent's life.
fn life(held: &HeldKey, asked: Option<KeyLife>, now: i64) -> Result<Option<i64>, Fault> {
    let Some(most) = held.ends else { return end(asked.unwrap_or_default(), now) };
    let wished = match asked {
        None => return Ok(Some(most.min(now.saturating_add(i64::from(KEY_LIFE) * 1000)))),
        Some(asked) => end(asked, now)?,
    };
    if wished.is_some_and(|wished| wished <= most) {
        return Ok(wished);
    }
    Err(forbidden(format!(
        "Key {} is good for {} more, and a key derived from it ends no later; ask for less, or leave `expires_in` out.",
        held.id,
        until(most, now)
    )))
}

fn levels(grants: &Grants, asked: &DerivedGrants) -> Result<Option<BTreeMap<Area, Level>>, Fault> {
    let DerivedGrants::Levels(levels) = asked else { return Ok(None) };
    for (area, level) in levels {
        let held = grants.level(*area);
        if *level > held {
            let sentence = format!(
                "This key has {} access to {area} and can give no more; {level} access is more.",
                if held == Level::Off { "no".to_owned() } else { held.to_string() }
            );
            return Err(forbidden(sentence).missing(format!("{area}: {level}")));
        }
        if *area == Area::Admin && *level > ADMIN_MOST {
            let sentence = format!(
                "A derived key has {ADMIN_MOST} access to admin at most, whatever its parent has: \
                 it issues no keys, and ends none but its own."
            );
            return Err(forbidden(sentence));
        }
    }
    Ok(Some(levels.clone()))
}

fn scopes(grants: &Grants, only: &[String]) -> Result<Vec<Scope>, Fault> {
    let one = |text: &String| {
        let scope = Scope::parse(text).ok_or_else(|| {
            bad(format!(
                "`only` should list areas, like files, and operations, like files.list; {} is neither.",
                quoted(text)
            ))
        })?;
        if needs().filter(|need| scope.covers(need)).all(|need| grants.lists(&need)) {
            return Ok(scope);
        }
        let sentence = format!("This key is held to a list of operations, and not all of {} is on it.", scope.as_str());
        Err(forbidden(sentence).missing(format!("only: {}", scope.as_str())))
    };
    only.iter().map(one).collect()
}

fn rate(agent: &Agent, held: &HeldKey, text: &str) -> Result<Rate, Fault> {
    let rate: Rate =
        text.parse().map_err(|_| bad("`rate` should be a rate like \"1/s\", \"10/m\" or \"1/s burst 5\"."))?;
    let line = held.rates().map(|(_, rate)| rate).chain(agent.rate);
    match line.into_iter().find(|most| !rate.is_within(most)) {
        Some(most) => Err(forbidden(format!("This key may call {most}, and a key derived from it no more than that."))),
        None => Ok(rate),
    }
}

/// `, called "ci"`, or nothing.
fn named(label: Option<&str>) -> Result<String, Fault> {
    match label {
        Some(label) if label.chars().count() > KEY_LABEL => {
            Err(bad(format!("`label` should have {KEY_LABEL} characters at most.")))
        }
        Some(label) => Ok(format!(", called {}", quoted(label))),
        None => Ok(String::new()),
    }
}

/// `, with files: read, only files.list, at 1/s`: what narrows a derived key.
pub(super) fn told(levels: Option<&BTreeMap<Area, Level>>, only: Option<&[String]>, rate: Option<&str>) -> String {
    let mut text = match levels {
        None => ", with all its grants".to_owned(),
        Some(levels) => {
            let given = levels.iter().filter(|(_, level)| **level > Level::Off);
            let given: Vec<String> = given.map(|(area, level)| format!("{area}: {level}")).collect();
            format!(", with {}", given.join(", "))
        }
    };
    if let Some(only) = only {
        let _ = write!(text, ", only {}", only.join(", "));
    }
    if let Some(rate) = rate {
        let _ = write!(text, ", at {rate}");
    }
    text
}

/// `, good for 90 days`.
fn lasting(expires_at: Option<i64>, now: i64) -> String {
    expires_at.map_or_else(|| ", without an end".to_owned(), |end| format!(", good for {}", until(end, now)))
}

fn until(end: i64, now: i64) -> String {
    sentence::lasting(u64::try_from((end - now) / 1000).unwrap_or(0))
}
