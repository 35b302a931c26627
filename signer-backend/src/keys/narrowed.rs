//! What narrows a derived key: kept beside it as JSON, and laid over its agent's grants at each request.
//!
//! Invariant: it narrows and never widens, and a text that cannot be read is no key at all.

use crate::decision::{Grants, Narrowing, Rule, Scope};
use crate::key::KeyDigest;
use crate::policy::Rate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use updock_types::{Area, Level};

/// The most that a derived key has of this area: it can neither issue keys nor end those of others, so nobody gets out
/// of what narrows it.
pub(super) const ADMIN_MOST: Level = Level::Read;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Narrowed {
    /// These levels at most, and nothing elsewhere; the parent's if absent.
    pub levels: Option<BTreeMap<Area, Level>>,
    /// Only these.
    pub only: Option<Vec<Scope>>,
    /// How often it may call.
    pub rate: Option<Rate>,
    /// The key of the policy file that it was derived from; absent where its parent is kept in the state.
    pub root: Option<KeyDigest>,
}

/// Of a text that somebody else wrote, or a newer program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grants: Option<BTreeMap<Area, Level>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

impl Narrowed {
    /// Reads what [`Narrowed::text`] wrote.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let Kept { grants, only, rate, root } = serde_json::from_str(text).map_err(|_| Unreadable)?;
        let scopes = |only: Vec<String>| only.iter().map(|text| Scope::parse(text)).collect::<Option<Vec<_>>>();
        Ok(Self {
            levels: grants,
            only: only.map(|only| scopes(only).ok_or(Unreadable)).transpose()?,
            rate: rate.map(|rate| rate.parse().map_err(|_| Unreadable)).transpose()?,
            root: root.map(|root| KeyDigest::parse(&root).ok_or(Unreadable)).transpose()?,
        })
    }

    /// As it is kept.
    pub(super) fn text(&self) -> String {
        let kept = Kept {
            grants: self.levels.clone(),
            only: self.scopes(),
            rate: self.rate.map(|rate| rate.to_string()),
            root: self.root.map(|root| root.to_string()),
        };
        serde_json::to_string(&kept).expect("it is names and texts")
    }

    /// The names in `only`.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        self.only.as_ref().map(|only| only.iter().map(|scope| scope.as_str().to_owned()).collect())
    }

    /// `grants` as a key with this id has them.
    pub(super) fn over(&self, mut grants: Grants, id: &str) -> Grants {
        let rule = Rule { text: format!("keys.{id}").into(), line: None };
        for area in Area::ALL {
            let most = match &self.levels {
                Some(levels) => levels.get(area).copied().unwrap_or_default(),
                None => Level::Full,
            };
            let most = if *area == Area::Admin { most.min(ADMIN_MOST) } else { most };
            grants = grants.capped(*area, most, &rule);
        }
        match &self.only {
            Some(only) => grants.narrowed(Narrowing { only: Some(only.clone()), ..Narrowing::of(rule) }),
            None => grants,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{decide, needs};
    use proptest::prelude::*;

    const LEVELS: [Level; 4] = [Level::Off, Level::Read, Level::Write, Level::Full];

    #[test]
    fn what_is_kept_is_read_back_and_anything_else_is_no_key() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for (text, good) in [
            ("{}".to_owned(), true),
            (r#"{"grants":{"files":"read"},"only":["files.list"],"rate":"1/s burst 5"}"#.to_owned(), true),
            (format!(r#"{{"root":"{digest}"}}"#), true),
            (String::new(), false),
            ("null".to_owned(), false),
            (r#"{"grant":{"files":"read"}}"#.to_owned(), false),
            (r#"{"grants":{"files":"everything"}}"#.to_owned(), false),
            (r#"{"only":["files.everything"]}"#.to_owned(), false),
            (r#"{"rate":"often"}"#.to_owned(), false),
            (r#"{"root":"9f86"}"#.to_owned(), false),
        ] {
            let read = Narrowed::parse(&text);
            assert_eq!(read.is_ok(), good, "{text}");
            if let Ok(read) = read {
                assert_eq!(read.text(), text);
            }
        }
    }

    fn any() -> impl Strategy<Value = Narrowed> {
        let levels = proptest::collection::btree_map(0usize..Area::ALL.len(), 0usize..4, 0..6).prop_map(|levels| {
            levels.into_iter().map(|(area, level)| (Area::ALL[area], LEVELS[level])).collect::<BTreeMap<_, _>>()
        });
        let scope = (0usize..Area::ALL.len()).prop_map(|area| Scope::Area(Area::ALL[area]));
        let only = proptest::collection::vec(scope, 0..4);
        (proptest::option::of(levels), proptest::option::of(only)).prop_map(|(levels, only)| Narrowed {
            levels,
            only,
            ..Narrowed::default()
        })
    }

    proptest! {
        #[test]
        fn a_child_of_any_parent_may_nothing_that_its_parent_may_not(
            agent in proptest::collection::vec(0usize..4, Area::ALL.len()),
            line in proptest::collection::vec(any(), 1..4),
        ) {
            let mut parent = Grants::default();
            for (area, level) in Area::ALL.iter().zip(&agent) {
                parent = parent.with(*area, LEVELS[*level]);
            }
            for narrowed in line {
                let child = narrowed.over(parent.clone(), "0000000000");
                for need in needs() {
                    let (was, is) = (decide(&parent, need.clone()), decide(&child, need));
                    prop_assert!(was.is_allowed() || !is.is_allowed(), "{}", is.need.operation);
                    prop_assert!(is.held <= was.held, "{}", is.need.operation);
                }
                prop_assert!(child.level(Area::Admin) <= ADMIN_MOST);
                parent = child;
            }
        }
    }
}
