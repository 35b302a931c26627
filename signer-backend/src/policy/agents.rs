//! The sections `[defaults]`, `[roles]` and `[agents]`: who calls with a key, and what each may do.
//!
//! Invariant: roles add, limits narrow, and nothing takes away: so the order of what is written does not matter.

use super::text::{HookPrefix, quota};
use super::{Agent, Checker, CredentialTerms, PolicyError, Quota, RateOf, StoredKey, error, file};
use crate::credentials::covers;
use crate::decision::{Grants, Narrowing, Readers, Rule, Scope, decide, needs};
use crate::key::{KeyDigest, PREFIX};
use crate::own;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::value::Datetime;
use updock_sign::ScopeItem;
use updock_types::signer::KeyId;
use updock_types::{Area, Level};

impl Checker<'_> {
    pub(super) fn agents(&self, file: &file::File, terms: &CredentialTerms) -> Result<Vec<Arc<Agent>>, PolicyError> {
        let default_rate = file.defaults.rate.as_ref().map(|rate| self.rate(rate)).transpose()?;
        for (id, role) in &file.roles {
            self.id(id, &role.span(), "a role's id")?;
        }
        let mut owners: HashMap<String, &str> = HashMap::new();
        let mut checked = Vec::new();
        for (id, agent) in &file.agents {
            let (span, agent) = (agent.span(), agent.get_ref());
            self.id(id, &span, "an agent's id")?;
            let name = agent.name.get_ref();
            // Names stand in sentences unquoted, so they are held to what reads as a name.
            if !(1..=64).contains(&name.chars().count())
                || name.trim() != name
                || !name.chars().all(|c| c.is_alphanumeric() || " -_.,'&()/#".contains(c))
            {
                return Err(self.at(&agent.name.span(), "an agent's name has 1 to 64 letters, digits and simple marks"));
            }
            let mut keys = Vec::new();
            for key in self.keys_of(id, agent)? {
                let stored = self.key(key)?;
                if let Some(owner) = owners.insert(stored.digest.to_string(), id) {
                    let sentence =
                        format!("this key stands twice, here and at the agent {owner}; make one key for each");
                    return Err(self.at(&key.span(), sentence));
                }
                keys.push(stored);
            }
            let grants = self.grants(id, agent, &file.roles)?;
            let rate = agent.rate.as_ref().map(|rate| self.rate(rate)).transpose()?.or(default_rate);
            let expires = agent.expires.as_ref().map(|at| self.moment(at)).transpose()?;
            let networks = agent.networks.as_ref().map(|networks| self.networks(networks)).transpose()?;
            checked.push(Arc::new(Agent {
                id: id.clone(),
                name: name.clone(),
                keys,
                grants: Arc::new(grants),
                rate,
                rates: self.rates(&agent.rates)?,
                quotas: self.quotas(&agent.quota)?,
                terms: self.agent_terms(agent, terms)?,
                tokens: self.takes_tokens(file, agent)?,
                expires,
                networks: networks.unwrap_or_default(),
            }));
        }
        Ok(checked)
    }

    fn id(&self, id: &str, span: &Range<usize>, what: &str) -> Result<(), PolicyError> {
        if is_id(id) { Ok(()) } else { Err(self.at(span, expected_id(what))) }
    }

    fn keys_of<'a>(&self, id: &str, agent: &'a file::Agent) -> Result<&'a [Spanned<file::Key>], PolicyError> {
        let span = match &agent.keys {
            Some(keys) if !keys.get_ref().is_empty() => return Ok(keys.get_ref()),
            None if agent.tokens.is_some() => return Ok(&[]),
            Some(keys) => keys.span(),
            None => {
                let sentence = format!(
                    "the agent {id} has no key in this file, and comes with issued ones only: \
                     updock-signer keys issue --agent {id}"
                );
                self.warn(&agent.name.span(), sentence);
                return Ok(&[]);
            }
        };
        let sentence = format!(
            "the agent {id} has an empty list of keys; make one with updock-signer keys new --agent {id}, \
             or leave `keys` out if its keys are issued"
        );
        Err(self.at(&span, sentence))
    }

    fn takes_tokens(&self, file: &file::File, agent: &file::Agent) -> Result<bool, PolicyError> {
        match &agent.tokens {
            Some(tokens) if *tokens.get_ref() && file.tokens.is_none() => {
                let sentence = "no section [tokens] says whose tokens are good; write issuer, audience and jwks there";
                Err(self.at(&tokens.span(), sentence))
            }
            Some(tokens) if !tokens.get_ref() && agent.keys.is_none() => {
                Err(self.at(&tokens.span(), "this agent has neither key nor token and could never call"))
            }
            tokens => Ok(tokens.as_ref().is_some_and(|tokens| *tokens.get_ref())),
        }
    }

    /// The highest level of the agent and its roles in each area, then what narrows them.
    fn grants(
        &self,
        id: &str,
        agent: &file::Agent,
        roles: &BTreeMap<String, Spanned<file::Role>>,
    ) -> Result<Grants, PolicyError> {
        let rule = |text: String, span: &Range<usize>| Rule { text: text.into(), line: Some(self.line(span)) };
        let mut grants = Grants::default();
        for area in Area::ALL {
            let Some(level) = agent.level(*area) else { continue };
            let text = format!("agents.{id}.{area} = {}", level.get_ref());
            grants = grants.add(*area, *level.get_ref(), rule(text, &level.span()));
        }
        for name in &agent.roles {
            let Some(role) = roles.get(name.get_ref()) else {
                let hint = error::hint(name.get_ref(), roles.keys().map(String::as_str));
                let sentence = format!("there is no such role{hint}");
                return Err(self.at(&name.span(), sentence.trim_end_matches(';')));
            };
            for area in Area::ALL {
                let Some(level) = role.get_ref().level(*area) else { continue };
                let text = format!("agents.{id}.{area} = {} (from roles.{})", level.get_ref(), name.get_ref());
                grants = grants.add(*area, *level.get_ref(), rule(text, &level.span()));
            }
        }
        self.warn_of_full(id, agent, &grants);
        if let Some(only) = &agent.only {
            let scopes = only.get_ref().iter().map(|text| self.scope(text)).collect::<Result<Vec<_>, _>>()?;
            if scopes.is_empty() {
                let sentence =
                    "an empty list lets this agent do nothing; list operations or areas, or leave `only` out";
                return Err(self.at(&only.span(), sentence));
            }
            for (scope, text) in scopes.iter().zip(only.get_ref()) {
                if !reaches(&grants, *scope) {
                    let sentence = format!("{} is listed, and no level of this agent allows it", scope.as_str());
                    self.warn(&text.span(), sentence);
                }
            }
            let rule = rule(format!("agents.{id}.only"), &only.span());
            grants = grants.narrowed(Narrowing { only: Some(scopes), ..Narrowing::of(rule) });
        }
        if let Some(limits) = &agent.limits {
            let file::AgentLimits { batch_max, webhook_targets, copy_targets, make_public, .. } = limits.get_ref();
            let target = |text: &Spanned<String>| {
                HookPrefix::parse(text.get_ref()).map_err(|sentence| self.at(&text.span(), sentence))
            };
            let targets = |list: &Spanned<Vec<Spanned<String>>>| list.get_ref().iter().map(target).collect();
            let names = |list: &Spanned<Vec<Spanned<String>>>| {
                list.get_ref().iter().map(|name| name.get_ref().clone()).collect()
            };
            if let Some(most) = batch_max.as_ref().filter(|most| *most.get_ref() == 0) {
                return Err(
                    self.at(&most.span(), "with no file at all in a request nothing is possible; write 1 or more")
                );
            }
            grants = grants.narrowed(Narrowing {
                batch_max: batch_max.as_ref().map(|most| usize::try_from(*most.get_ref()).unwrap_or(usize::MAX)),
                webhook_targets: webhook_targets.as_ref().map(targets).transpose()?,
                copy_targets: copy_targets.as_ref().map(names),
                readers: Readers::asked(*make_public != Some(false)),
                ..Narrowing::of(rule(format!("agents.{id}.limits"), &limits.span()))
            });
        }
        Ok(grants)
    }

    /// What cannot be undone, or sends everything to others, is said aloud unless somebody has read this before.
    fn warn_of_full(&self, id: &str, agent: &file::Agent, grants: &Grants) {
        for (area, what) in [
            (Area::Files, "delete files for ever and copy them out of the project"),
            (Area::Webhooks, "send every later event to any address"),
            (Area::Admin, "issue and revoke keys of every agent"),
        ] {
            if grants.level(area) == Level::Full && !agent.acknowledged {
                let sentence = format!(
                    "the agent {id} has full access to {area}: it may {what}; \
                     narrow it with `only` or `limits`, or write acknowledged = true"
                );
                let line = grants.rule(area).and_then(|rule| rule.line);
                self.warn_at(line, sentence);
            }
        }
    }

    fn scope(&self, text: &Spanned<String>) -> Result<Scope, PolicyError> {
        Scope::parse(text.get_ref()).ok_or_else(|| {
            let known = Area::ALL.iter().map(|area| area.as_str()).chain(own::ids());
            let sentence = match error::closest(text.get_ref(), known) {
                Some(best) => format!("this is no area and no operation; did you mean `{best}`?"),
                None => "expected an area, like files, or an operation, like addons.remove_bg".to_owned(),
            };
            self.at(&text.span(), sentence)
        })
    }

    pub(super) fn rate(&self, text: &Spanned<String>) -> Result<super::Rate, PolicyError> {
        text.get_ref().parse().map_err(|sentence| self.at(&text.span(), sentence))
    }

    fn rates(&self, rates: &BTreeMap<Spanned<String>, Spanned<String>>) -> Result<Vec<RateOf>, PolicyError> {
        rates.iter().map(|(of, rate)| Ok(RateOf { of: self.scope(of)?, rate: self.rate(rate)? })).collect()
    }

    fn quotas(&self, quotas: &BTreeMap<Spanned<String>, Spanned<String>>) -> Result<Vec<Quota>, PolicyError> {
        quotas.iter().map(|(of, most)| Ok(Quota { of: self.scope(of)?, most: self.quota(most)? })).collect()
    }

    pub(super) fn quota(&self, most: &Spanned<String>) -> Result<u32, PolicyError> {
        quota(most.get_ref()).map_err(|sentence| self.at(&most.span(), sentence))
    }

    fn networks(&self, networks: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<IpNet>, PolicyError> {
        if networks.get_ref().is_empty() {
            let sentence = "from no network nobody can call; list some, like [\"10.0.0.0/8\"], or leave `networks` out";
            return Err(self.at(&networks.span(), sentence));
        }
        networks.get_ref().iter().map(|text| self.network(text)).collect()
    }

    /// What the agent gets of what all agents may get.
    fn agent_terms(&self, agent: &file::Agent, most: &CredentialTerms) -> Result<CredentialTerms, PolicyError> {
        let Some(limits) = agent.limits.as_ref().and_then(|limits| limits.get_ref().upload_credential.as_ref()) else {
            return Ok(most.clone());
        };
        let file::UploadLimits { ttl_max, operations_max, scope, signature } = limits;
        let own = self.terms(ttl_max.as_ref(), operations_max.as_ref(), None)?;
        let mut terms = most.clone();
        if ttl_max.is_some() {
            terms.ttl_max = terms.ttl_max.min(own.ttl_max);
        }
        if operations_max.is_some() {
            terms.operations_max = terms.operations_max.min(own.operations_max);
        }
        if let Some(scope) = scope {
            let item = |text: &Spanned<String>| {
                let item = self.parsed(text, ScopeItem::parse)?;
                if most.scope.iter().any(|wide| covers(wide, &item)) {
                    return Ok(item);
                }
                let known: Vec<_> = most.scope.iter().map(ScopeItem::as_str).collect();
                let sentence = format!("limits narrow only; a credential opens {}", known.join(", "));
                Err(self.at(&text.span(), sentence))
            };
            terms.scope = scope.get_ref().iter().map(item).collect::<Result<_, _>>()?;
            if terms.scope.is_empty() {
                let sentence = "a credential that opens nothing is of no use; list endpoints, or leave `scope` out";
                return Err(self.at(&scope.span(), sentence));
            }
        }
        // A pair opens every endpoint, any number of times: it cannot be held to either limit.
        let limited = operations_max.is_some() || scope.is_some();
        terms.signature = terms.signature && signature.unwrap_or(!limited);
        if terms.signature && limited {
            let sentence = "a signature holds to neither operations_max nor scope; leave out one or the other";
            let span = agent.limits.as_ref().map_or(0..0, Spanned::span);
            return Err(self.at(&span, sentence));
        }
        Ok(terms)
    }

    /// Unix milliseconds of a date and time with its zone.
    pub(super) fn moment(&self, at: &Spanned<Datetime>) -> Result<i64, PolicyError> {
        let moment =
            at.get_ref().to_string().parse::<jiff::Timestamp>().map_err(|_| {
                self.at(&at.span(), "expected a date and time with its zone, like 2027-03-31T00:00:00Z")
            })?;
        let moment = moment.as_millisecond();
        if moment <= crate::state::now() {
            self.warn(&at.span(), "this time is over, so whoever it is written for cannot call any more");
        }
        Ok(moment)
    }

    fn key(&self, key: &Spanned<file::Key>) -> Result<StoredKey, PolicyError> {
        const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let file::Key { sha256, id, expires } = key.get_ref();
        if sha256.contains(PREFIX) {
            let sentence = "this is the agent key itself, and now everyone who reads this file has it; \
                make a new one with `updock-signer keys new` and write the line it prints";
            return Err(self.at(&key.span(), sentence));
        }
        let digest = KeyDigest::parse(sha256).filter(|_| sha256 != OF_NOTHING).ok_or_else(|| {
            self.at(&key.span(), "sha256 has 64 small hexadecimal digits, as `updock-signer keys new` prints them")
        })?;
        let id = id.as_deref().map(KeyId::parse).transpose().map_err(|_| {
            self.at(&key.span(), "a key's id has 10 letters and digits, as `updock-signer keys new` prints it")
        })?;
        let expires = expires.as_ref().map(|at| self.moment(at)).transpose()?;
        Ok(StoredKey::new(digest, id, expires))
    }
}

/// Reads an agent's id. It stands bare in the policy file and in records.
pub(crate) fn agent_id(text: &str) -> Result<String, String> {
    if is_id(text) { Ok(text.to_owned()) } else { Err(expected_id("an agent's id")) }
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(allowed) && text != "visitor"
}

fn expected_id(what: &str) -> String {
    format!("{what} has 1 to 40 small letters, digits and hyphens, and is not `visitor`")
}

/// Does any level of these grants reach into the scope?
fn reaches(grants: &Grants, scope: Scope) -> bool {
    needs().any(|need| scope.covers(&need) && decide(grants, need).is_allowed())
}
