//! What a policy says to a question, asked without a request: for people, for tests of a policy, for the shadow and for
//! what was recorded. The answer comes from the one function that decides on requests too.

use super::Policy;
use crate::caller::{Caller, Proof};
use crate::decision::{Decision, Destination, Need, Readers, Verdict, decide};
use crate::own;
use crate::sentence;
use crate::state::now;
use serde::Serialize;
use std::sync::Arc;
use updock_types::{Area, Level, OPERATIONS};

/// A question to a policy.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Who: an agent's id, or `visitor`.
    pub caller: String,
    /// What: the id of an operation.
    pub operation: String,
    /// How many files it names; 1 if not said.
    pub count: Option<usize>,
    /// Where it sends something: a webhook's address, or a storage's name.
    pub to: Option<String>,
    /// Who may read what it makes there.
    pub readers: Readers,
}

/// The answer, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Who.
    pub caller: String,
    /// What.
    pub operation: &'static str,
    /// In which area,
    pub area: Area,
    /// at which level at least.
    pub needs: Level,
    /// What the caller has there.
    pub holds: Level,
    /// `allow`, `deny` or `needs_approval`.
    pub verdict: &'static str,
    /// The place in the policy that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What would have to be granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Rates and quotas that count here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// The answer as a sentence.
    pub sentence: String,
}

impl Policy {
    /// Answers a question; the error is a sentence about the question.
    pub fn explain(&self, question: &Question) -> Result<Explanation, String> {
        let caller = self.caller(&question.caller).ok_or_else(|| {
            let known = self.agents.iter().map(|agent| agent.id.as_str()).chain(["visitor"]);
            let hint = super::error::hint(&question.caller, known);
            format!("this policy lets in no such caller{hint}")
        })?;
        self.explain_to(&caller, question)
    }

    /// Answers a question about `caller` as it is, with what its key has.
    pub(crate) fn explain_to(&self, caller: &Caller, question: &Question) -> Result<Explanation, String> {
        let need = need_of(question)?;
        let (operation, area, needs) = (need.operation, need.area, need.level);
        let words = words_of(operation);
        let decision = decide(caller.grants(), need);
        let mut limits = Vec::new();
        let mut over = false;
        if let Caller::Agent { agent, .. } = caller {
            let rates = agent.rates.iter().filter(|rate| rate.of.covers(&decision.need));
            limits.extend(rates.map(|rate| format!("rates: {}", rate.of.as_str())));
            let quotas = agent.quotas.iter().filter(|quota| quota.of.covers(&decision.need));
            limits.extend(quotas.map(|quota| format!("quota: {} = {}/day", quota.of.as_str(), quota.most)));
            over = agent.expires.is_some_and(|end| end <= now());
        }
        if operation == own::UPLOAD_CONFIRM.id
            && let Some(most) = self.files_of_address(caller)
        {
            limits.push(format!("quota: {most}/day of one address"));
        }
        let sentence = if over {
            format!("{} asked to {words}. Refused: its time is over.", caller.describe())
        } else {
            sentence::decided(caller, words, &decision)
        };
        let verdict = if over { Verdict::Deny } else { decision.verdict };
        let missing = (!decision.is_allowed()).then(|| decision.missing());
        Ok(Explanation {
            caller: question.caller.clone(),
            operation,
            area,
            needs,
            holds: decision.held,
            verdict: verdict.as_str(),
            line: decision.rule.as_ref().and_then(|rule| rule.line),
            rule: decision.rule.map(|rule| rule.text.to_string()),
            missing,
            limits,
            sentence,
        })
    }

    /// What would this policy say to `need` of the caller with this id? `None`: it does not let it in.
    pub(crate) fn decision(&self, caller: &str, need: Need) -> Option<Decision> {
        self.caller(caller).map(|caller| decide(caller.grants(), need))
    }

    /// What would this policy say to `need` of `caller` as it is, with what its key has?
    pub(crate) fn decision_for(&self, caller: &Caller, need: Need) -> Option<Decision> {
        self.caller(caller.id()).map(|other| decide(&caller.narrowing(other.grants().clone()), need))
    }

    /// The caller with this id, as if it had called with a key of its own.
    fn caller(&self, id: &str) -> Option<Caller> {
        if id == "visitor" {
            let visitors = self.visitors.as_ref()?;
            let origin = visitors.origins.first()?.clone();
            return Some(Caller::Visitor { origin, grants: Arc::clone(&visitors.grants) });
        }
        let agent = self.agents.iter().find(|agent| agent.id == id)?;
        let (agent, grants) = (Arc::clone(agent), Arc::clone(&agent.grants));
        Some(Caller::Agent { agent, grants, proof: Proof::Token { subject: None } })
    }
}

fn need_of(question: &Question) -> Result<Need, String> {
    let need = Need::of_operation(&question.operation)
        .ok_or_else(|| format!("there is no such operation{}", super::error::hint(&question.operation, own::ids())))?;
    let destination = question.to.clone().map(|to| match need.area {
        Area::Webhooks => Destination::Webhook(to),
        _ => Destination::Storage(to),
    });
    Ok(Need { count: question.count.unwrap_or(1), destination, readers: question.readers, ..need })
}

/// What an operation does, to follow "asked to".
fn words_of(operation: &str) -> &'static str {
    let row = OPERATIONS.iter().find(|row| row.id.as_str() == operation).map(|row| row.words);
    let own = || own::OWN.iter().find(|own| own.id == operation).map(|own| own.words);
    row.or_else(own).unwrap_or("do something")
}
