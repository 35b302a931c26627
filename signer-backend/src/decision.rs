//! Who may do what: one pure function, [`decide`], that every surface asks.
//!
//! Invariant: only [`Caller::may`](crate::caller::Caller::may) makes an [`Allowed`], by way of [`decide`], and whatever
//! acts takes an [`Allowed`]: so nothing is done that was not decided on. No I/O, no clock.

use crate::own::Own;
use crate::policy::HookPrefix;
use std::sync::Arc;
use updock_client::Call;
use updock_types::rest::WebhookChange;
use updock_types::{Area, Level, Operation, Redaction};

/// What somebody may do: a level for each area, and what narrows it. What is not written is off.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    levels: [Granted; Area::ALL.len()],
    narrowings: Vec<Arc<Narrowing>>,
}

/// A level, and who says so.
#[derive(Debug, Clone, Default)]
struct Granted {
    level: Level,
    rule: Option<Rule>,
}

/// The place in a policy that grants or refuses something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Like `agents.media.files = read`.
    pub text: Arc<str>,
    /// Where that stands, counted from 1; not in a file, if absent.
    pub line: Option<usize>,
}

/// What narrows grants, whatever the levels say. It never widens them.
#[derive(Debug, Clone)]
pub struct Narrowing {
    /// Only these.
    pub only: Option<Vec<Scope>>,
    /// Most files in one request.
    pub batch_max: Option<usize>,
    /// Webhooks go nowhere else.
    pub webhook_targets: Option<Vec<HookPrefix>>,
    /// Copies out of the project go nowhere else.
    pub copy_targets: Option<Vec<String>>,
    /// Copies out of the project are for no more readers.
    pub readers: Readers,
    /// These only once somebody else approves.
    pub approval: Option<Vec<Scope>>,
    /// Who says so, like `agents.media`.
    pub rule: Rule,
}

/// An area or a single operation: what `only`, quotas and rates are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of an area.
    Area(Area),
    /// One operation.
    Operation(&'static str),
}

impl Scope {
    /// Reads `files` or `files.delete`.
    pub fn parse(text: &str) -> Option<Self> {
        let area = Area::ALL.iter().find(|area| area.as_str() == text).map(|area| Self::Area(*area));
        area.or_else(|| crate::own::operation_id(text).map(Self::Operation))
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Area(area) => area.as_str(),
            Self::Operation(id) => id,
        }
    }

    /// Is this need within it?
    pub fn covers(self, need: &Need) -> bool {
        match self {
            Self::Area(area) => area == need.area,
            Self::Operation(id) => id == need.operation,
        }
    }
}

impl Grants {
    /// These grants, with `level` in `area`.
    #[must_use]
    pub fn with(mut self, area: Area, level: Level) -> Self {
        self.levels[area as usize] = Granted { level, rule: None };
        self
    }

    /// These grants, with `level` in `area` because of `rule`, unless there is as much already.
    #[must_use]
    pub fn add(mut self, area: Area, level: Level, rule: Rule) -> Self {
        if level > self.levels[area as usize].level {
            self.levels[area as usize] = Granted { level, rule: Some(rule) };
        }
        self
    }

    /// These grants, narrowed.
    #[must_use]
    pub fn narrowed(mut self, narrowing: Narrowing) -> Self {
        self.narrowings.push(Arc::new(narrowing));
        self
    }

    /// These grants, with at most `most` in `area`, because of `rule`.
    #[must_use]
    pub fn capped(mut self, area: Area, most: Level, rule: &Rule) -> Self {
        if most < self.levels[area as usize].level {
            self.levels[area as usize] = Granted { level: most, rule: Some(rule.clone()) };
        }
        self
    }

    /// Is this on every list that they are held to, whatever the levels say?
    pub(crate) fn lists(&self, need: &Need) -> bool {
        self.narrowings.iter().all(|narrowing| narrowing.lists(need))
    }

    /// The level in `area`.
    pub fn level(&self, area: Area) -> Level {
        self.levels[area as usize].level
    }

    /// Who grants it.
    pub fn rule(&self, area: Area) -> Option<&Rule> {
        self.levels[area as usize].rule.as_ref()
    }

    /// Is nothing granted at all?
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|granted| granted.level == Level::Off)
    }
}

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// To do this.
    pub operation: &'static str,
    /// In which area.
    pub area: Area,
    /// At least this level.
    pub level: Level,
    /// What to hide from whoever has less than full access there.
    pub redact: Redaction,
    /// How many files it names; 1 where it names none.
    pub count: usize,
    /// Where it sends something, beyond the project.
    pub destination: Option<Destination>,
    /// Who may read what it makes there.
    pub readers: Readers,
}

/// Who may read what a request makes, by its own words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readers {
    /// Whoever could read such things before.
    #[default]
    AsBefore,
    /// Everybody who has the link.
    Everybody,
}

impl Readers {
    /// Of a request that says, or does not say, that what it makes is public.
    pub fn asked(public: bool) -> Self {
        if public { Self::Everybody } else { Self::AsBefore }
    }
}

/// Everything that can be needed, one file at a time and sent nowhere.
pub(crate) fn needs() -> impl Iterator<Item = Need> {
    let row = |row: &Operation| match row.id {
        // Switching one on or off needs less than the row says.
        updock_types::OperationId::WebhookUpdate => Need::of(row).at(Level::Write),
        _ => Need::of(row),
    };
    updock_types::OPERATIONS.iter().map(row).chain(crate::own::OWN.iter().map(Need::own))
}

/// Where something is sent, beyond the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Every later event, to this address.
    Webhook(String),
    /// A file, to this custom storage.
    Storage(String),
}

impl Need {
    /// What an operation of the signer's own needs.
    pub const fn own(own: &Own) -> Self {
        let Own { id: operation, area, level, .. } = *own;
        Self {
            operation,
            area,
            level,
            redact: Redaction::None,
            count: 1,
            destination: None,
            readers: Readers::AsBefore,
        }
    }

    /// What a row of the operation table needs.
    pub const fn of(row: &Operation) -> Self {
        let (operation, Operation { area, level, redact, .. }) = (row.id.as_str(), *row);
        Self { operation, area, level, redact, count: 1, destination: None, readers: Readers::AsBefore }
    }

    /// What the operation with this id needs, of Uploadcare's or of our own.
    pub fn of_operation(id: &str) -> Option<Self> {
        let row = updock_types::OPERATIONS.iter().find(|row| row.id.as_str() == id).map(Self::of);
        row.or_else(|| crate::own::OWN.iter().find(|own| own.id == id).map(Self::own))
    }

    /// The same, where the request makes it need another level.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// What this very call needs: its row, and what its arguments make of it.
    pub fn of_call(call: &Call) -> Self {
        let need = Self::of(call.id().row());
        match call {
            // Switching a webhook on or off sends nothing to anybody new.
            Call::WebhookUpdate(
                _,
                WebhookChange { target_url: None, event: None, is_active: Some(_), signing_secret: None },
            ) => need.at(Level::Write),
            Call::WebhookUpdate(_, WebhookChange { target_url: Some(url), .. }) => need.sent_to(url),
            Call::WebhookCreate(webhook) => need.sent_to(&webhook.target_url),
            Call::FileRemoteCopy(copy) => Self {
                destination: Some(Destination::Storage(copy.target.clone())),
                // The service takes silence for a yes.
                readers: Readers::asked(copy.make_public != Some(false)),
                ..need
            },
            Call::FilesStore(files) | Call::FilesDelete(files) => Self { count: files.len(), ..need },
            Call::DocumentConvert(conversion) | Call::VideoConvert(conversion) => {
                Self { count: conversion.paths.len(), ..need }
            }
            _ => need,
        }
    }

    fn sent_to(self, url: &str) -> Self {
        Self { destination: Some(Destination::Webhook(url.to_owned())), ..self }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Allow,
    /// The grant is too small.
    Deny,
    /// Granted, once somebody else approves of this very request. Nobody can be asked yet, and no policy file yields
    /// it: until then it is a refusal that says what it waits for.
    NeedsApproval,
}

impl Verdict {
    /// As it is written in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NeedsApproval => "needs_approval",
        }
    }

    /// Reads what [`Verdict::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allow, Self::Deny, Self::NeedsApproval].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

/// Why it came so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The level is high enough, and nothing narrows it.
    Granted,
    /// The level is too low.
    Level,
    /// The operation is not on a list that the caller is held to.
    Only,
    /// The request names more files than the caller may.
    Batch {
        /// So many it may.
        most: usize,
    },
    /// What it would send goes somewhere that is not listed.
    Destination,
    /// What it would make is for everybody to read.
    Public,
    /// Somebody else has to approve of it first.
    Approval,
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub because: Because,
    /// What was needed.
    pub need: Need,
    /// What the caller has in that area.
    pub held: Level,
    /// What must be hidden in the answer.
    pub redact: Redaction,
    /// The place in the policy that decided; absent where nothing is written.
    pub rule: Option<Rule>,
}

impl Decision {
    /// The grant that would have been needed, like `files: full`.
    pub fn missing(&self) -> String {
        match (self.because, &self.need.destination) {
            (Because::Only, _) => format!("only: {}", self.need.operation),
            (Because::Batch { .. }, _) => format!("limits.batch_max: {}", self.need.count),
            (Because::Destination, Some(Destination::Storage(_))) => "limits.copy_targets".to_owned(),
            (Because::Destination, _) => "limits.webhook_targets".to_owned(),
            (Because::Public, _) => "limits.make_public".to_owned(),
            (Because::Approval, _) => format!("approval: {}", self.need.operation),
            (Because::Granted | Because::Level, _) => format!("{}: {}", self.need.area, self.need.level),
        }
    }

    /// Is it allowed?
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }
}

impl Narrowing {
    /// Narrows nothing yet.
    pub fn of(rule: Rule) -> Self {
        Self {
            only: None,
            batch_max: None,
            webhook_targets: None,
            copy_targets: None,
            readers: Readers::Everybody,
            approval: None,
            rule,
        }
    }

    fn lists(&self, need: &Need) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|scope| scope.covers(need)))
    }

    /// What of it stands against the need.
    fn refuses(&self, need: &Need) -> Option<Because> {
        if !self.lists(need) {
            return Some(Because::Only);
        }
        if let Some(most) = self.batch_max.filter(|most| need.count > *most) {
            return Some(Because::Batch { most });
        }
        let listed = match &need.destination {
            None => true,
            Some(Destination::Webhook(url)) => {
                self.webhook_targets.as_ref().is_none_or(|targets| targets.iter().any(|target| target.covers(url)))
            }
            Some(Destination::Storage(name)) => {
                self.copy_targets.as_ref().is_none_or(|targets| targets.iter().any(|target| target == name))
            }
        };
        if !listed {
            return Some(Because::Destination);
        }
        (need.readers > self.readers).then_some(Because::Public)
    }

    fn wants_approval(&self, need: &Need) -> bool {
        self.approval.as_ref().is_some_and(|scopes| scopes.iter().any(|scope| scope.covers(need)))
    }
}

/// Holds what is needed against what is granted.
pub fn decide(grants: &Grants, need: Need) -> Decision {
    let Granted { level: held, rule } = grants.levels[need.area as usize].clone();
    // A need of `off` would open a row to everybody; no row has one, and if one had, it would be closed.
    let enough = need.level > Level::Off && held >= need.level;
    let redact = if held == Level::Full { Redaction::None } else { need.redact };
    let (because, rule) = if enough {
        let refused = |narrowing: &Arc<Narrowing>| Some((narrowing.refuses(&need)?, Some(narrowing.rule.clone())));
        // Nobody is asked about what would be refused anyway.
        grants.narrowings.iter().find_map(refused).unwrap_or_else(|| {
            let waits = grants.narrowings.iter().find(|narrowing| narrowing.wants_approval(&need));
            waits.map_or((Because::Granted, rule), |narrowing| (Because::Approval, Some(narrowing.rule.clone())))
        })
    } else {
        (Because::Level, rule)
    };
    let verdict = match because {
        Because::Granted => Verdict::Allow,
        Because::Approval => Verdict::NeedsApproval,
        Because::Level | Because::Only | Because::Batch { .. } | Because::Destination | Because::Public => {
            Verdict::Deny
        }
    };
    Decision { verdict, because, need, held, redact, rule }
}

/// Something that was decided on and may be done.
#[derive(Debug)]
pub struct Allowed<T> {
    what: T,
    decision: Decision,
}

impl<T> Allowed<T> {
    /// Decides; gives `what` back only when allowed.
    pub(crate) fn decide(grants: &Grants, need: Need, what: T) -> (Decision, Option<Self>) {
        let decision = decide(grants, need);
        let allowed = decision.is_allowed().then(|| Self { what, decision: decision.clone() });
        (decision, allowed)
    }

    /// What may be done.
    pub fn what(&self) -> &T {
        &self.what
    }

    /// The decision behind it.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::OPERATIONS;

    const LEVELS: [Level; 4] = [Level::Off, Level::Read, Level::Write, Level::Full];

    #[test]
    fn nothing_is_allowed_by_default() {
        for row in OPERATIONS {
            assert_eq!(decide(&Grants::default(), Need::of(row)).verdict, Verdict::Deny, "{}", row.id);
        }
        assert!(Grants::default().is_empty());
    }

    #[test]
    fn the_rule_that_is_told_is_the_one_that_decided() {
        let granted = Grants::default().add(Area::Files, Level::Write, rule("first"));
        let need = || Need { level: Level::Read, ..Need::of_operation("files.list").unwrap() };
        let told = |grants: &Grants| decide(grants, need()).rule.map(|rule| rule.text.to_string());
        for (grants, expected) in [
            (granted.clone().add(Area::Files, Level::Write, rule("as much")), "first"),
            (granted.clone().add(Area::Files, Level::Read, rule("less")), "first"),
            (granted.clone().add(Area::Files, Level::Full, rule("more")), "more"),
            (granted.clone().capped(Area::Files, Level::Write, &rule("as much")), "first"),
            (granted.clone().capped(Area::Files, Level::Full, &rule("more")), "first"),
            (granted.clone().capped(Area::Files, Level::Read, &rule("less")), "less"),
        ] {
            assert_eq!(told(&grants).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_on_every_list_is_on_the_list() {
        let only = |grants: Grants, ids: &[&str]| {
            let scopes = ids.iter().map(|id| Scope::parse(id).unwrap()).collect();
            grants.narrowed(Narrowing { only: Some(scopes), ..Narrowing::of(rule("only")) })
        };
        let one = only(Grants::default(), &["files.list", "files.info"]);
        let both = only(one.clone(), &["files.list", "project"]);
        for (grants, id, listed) in [
            (&Grants::default(), "files.delete", true),
            (&one, "files.list", true),
            (&one, "files.info", true),
            (&one, "files.delete", false),
            (&both, "files.list", true),
            (&both, "files.info", false),
            (&both, "project.info", false),
        ] {
            assert_eq!(grants.lists(&Need::of_operation(id).unwrap()), listed, "{id}");
        }
    }

    #[test]
    fn a_grant_counts_in_its_own_area_only_and_more_never_allows_less() {
        for row in OPERATIONS {
            for area in Area::ALL {
                let mut before = false;
                for level in LEVELS {
                    let decision = decide(&Grants::default().with(*area, level), Need::of(row));
                    let allowed = decision.verdict == Verdict::Allow;
                    assert!(allowed >= before, "{} with {area}: {level}", row.id);
                    assert!(!allowed || *area == row.area, "{} with {area}: {level}", row.id);
                    before = allowed;
                }
            }
        }
    }

    #[test]
    fn a_need_of_nothing_is_refused_rather_than_open() {
        let need = Need::own(&crate::own::AUDIT_READ).at(Level::Off);
        let need = Need { area: Area::Files, ..need };
        assert_eq!(decide(&Grants::default().with(Area::Files, Level::Full), need).verdict, Verdict::Deny);
    }

    #[test]
    fn only_full_access_sees_what_is_redacted() {
        let need = || Need::of(updock_types::OperationId::ProjectInfo.row());
        for (level, redact) in [
            (Level::Read, Redaction::Collaborators),
            (Level::Write, Redaction::Collaborators),
            (Level::Full, Redaction::None),
        ] {
            assert_eq!(decide(&Grants::default().with(Area::Project, level), need()).redact, redact);
        }
    }

    fn rule(text: &str) -> Rule {
        Rule { text: text.into(), line: None }
    }

    fn narrowing(only: &[&str]) -> Narrowing {
        let only = only.iter().map(|text| Scope::parse(text).unwrap()).collect();
        Narrowing { only: Some(only), ..Narrowing::of(rule("agents.a.only")) }
    }

    #[test]
    fn a_list_of_operations_narrows_and_never_widens() {
        let full = Area::ALL.iter().fold(Grants::default(), |grants, area| grants.with(*area, Level::Full));
        for row in OPERATIONS {
            for only in [&["files.list"][..], &["files"], &["groups", "files.delete"], &[]] {
                let narrowed = decide(&full.clone().narrowed(narrowing(only)), Need::of(row));
                let listed = only.iter().any(|item| *item == row.id.as_str() || *item == row.area.as_str());
                assert_eq!(narrowed.is_allowed(), listed, "{} with only = {only:?}", row.id);
                let nothing = decide(&Grants::default().narrowed(narrowing(only)), Need::of(row));
                assert_eq!(nothing.because, Because::Level, "{} with only = {only:?}", row.id);
            }
        }
        let both = full.narrowed(narrowing(&["files"])).narrowed(narrowing(&["files.list", "groups"]));
        let allowed = OPERATIONS.iter().filter(|row| decide(&both, Need::of(row)).is_allowed());
        assert_eq!(allowed.map(|row| row.id.as_str()).collect::<Vec<_>>(), ["files.list"]);
    }

    #[test]
    fn what_refuses_names_its_rule_and_the_grant_that_is_missing() {
        let need = || Need { count: 40, ..Need::of(updock_types::OperationId::FilesDelete.row()) };
        let granted = Grants::default().add(Area::Files, Level::Full, rule("agents.a.files = full"));
        let told = |decision: Decision| {
            let missing = if decision.is_allowed() { String::new() } else { decision.missing() };
            (decision.rule.map(|rule| rule.text.to_string()).unwrap_or_default(), missing)
        };
        let own = |text: &str, missing: &str| (text.to_owned(), missing.to_owned());
        assert_eq!(told(decide(&granted, need())), own("agents.a.files = full", ""));
        assert_eq!(told(decide(&Grants::default(), need())), own("", "files: full"));
        let narrowed = granted.clone().narrowed(narrowing(&["files.list"]));
        assert_eq!(told(decide(&narrowed, need())), own("agents.a.only", "only: files.delete_batch"));
        let batch = Narrowing { only: None, batch_max: Some(25), ..narrowing(&[]) };
        let granted = granted.narrowed(batch);
        for (count, allowed) in [(1, true), (25, true), (26, false)] {
            assert_eq!(decide(&granted, Need { count, ..need() }).is_allowed(), allowed, "{count} files");
        }
        let decision = decide(&granted, need());
        assert_eq!(decision.because, Because::Batch { most: 25 });
        assert_eq!(told(decision), own("agents.a.only", "limits.batch_max: 40"));
    }

    #[test]
    fn each_file_of_a_conversion_counts() {
        let paths = |count| (0..count).map(|path| path.to_string()).collect();
        let conversion =
            |count| updock_types::rest::Conversion { paths: paths(count), store: None, save_in_group: None };
        for count in [1, 2, 30] {
            assert_eq!(Need::of_call(&Call::DocumentConvert(conversion(count))).count, count);
            assert_eq!(Need::of_call(&Call::VideoConvert(conversion(count))).count, count);
        }
    }

    #[test]
    fn approval_is_asked_for_only_where_all_else_is_granted() {
        let need = || Need::of(updock_types::OperationId::FileDelete.row());
        let approval = |scopes: &[&str]| Narrowing {
            only: None,
            approval: Some(scopes.iter().map(|text| Scope::parse(text).unwrap()).collect()),
            ..narrowing(&[])
        };
        let full = Grants::default().with(Area::Files, Level::Full);
        for (scopes, verdict) in [
            (&["files.delete"][..], Verdict::NeedsApproval),
            (&["files"], Verdict::NeedsApproval),
            (&["files.delete_batch", "groups"], Verdict::Allow),
            (&[], Verdict::Allow),
        ] {
            assert_eq!(decide(&full.clone().narrowed(approval(scopes)), need()).verdict, verdict, "{scopes:?}");
        }
        let waits = full.clone().narrowed(approval(&["files"]));
        let decision = decide(&waits, need());
        assert!(!decision.is_allowed());
        assert_eq!(decision.missing(), "approval: files.delete");
        for (refused, because) in [
            (waits.clone().capped(Area::Files, Level::Write, &rule("keys.a")), Because::Level),
            (waits.clone().narrowed(narrowing(&["files.list"])), Because::Only),
            (full.narrowed(narrowing(&["files.list"])).narrowed(approval(&["files"])), Because::Only),
        ] {
            let decision = decide(&refused, need());
            assert_eq!((decision.verdict, decision.because), (Verdict::Deny, because));
        }
        assert!(Allowed::decide(&waits, need(), ()).1.is_none());
    }

    #[test]
    fn verdicts_are_read_as_they_are_written() {
        for verdict in [Verdict::Allow, Verdict::Deny, Verdict::NeedsApproval] {
            assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
        }
        assert_eq!(Verdict::parse("Allow"), None);
    }

    proptest::proptest! {
        /// Threat 29: a mistake in a limit must not open anything.
        #[test]
        fn lowering_a_level_or_adding_a_limit_never_allows_more(
            levels in proptest::collection::vec(0usize..4, Area::ALL.len()),
            lowered in 0usize..10, to in 0usize..4,
            only in proptest::collection::vec(0usize..OPERATIONS.len(), 0..6),
            most in 0usize..5, count in 0usize..5,
            approval in proptest::collection::vec(0usize..OPERATIONS.len(), 0..6),
        ) {
            let mut before = Grants::default();
            for (area, level) in Area::ALL.iter().zip(&levels) {
                before = before.with(*area, LEVELS[*level]);
            }
            let only: Vec<&str> = only.iter().map(|at| OPERATIONS[*at].id.as_str()).collect();
            let approval = approval.iter().map(|at| Scope::Operation(OPERATIONS[*at].id.as_str())).collect();
            let after = before
                .clone()
                .capped(Area::ALL[lowered], LEVELS[to], &rule("keys.a"))
                .narrowed(Narrowing { batch_max: Some(most), approval: Some(approval), ..narrowing(&only) });
            for row in OPERATIONS {
                let need = Need { count, ..Need::of(row) };
                let (was, is) = (decide(&before, need.clone()), decide(&after, need));
                proptest::prop_assert!(was.is_allowed() || !is.is_allowed(), "{}", row.id);
            }
        }
    }
}
