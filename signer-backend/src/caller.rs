//! Who is calling: an agent by its key, or a browser by its page's origin.
//!
//! Invariant: an unknown key, a wrong one and one of another agent get the same answer, and a request that brings
//! neither key nor origin is nobody. Forwarded headers are not looked at.

use crate::decision::{Allowed, Decision, Grants, Need};
use crate::key::{AgentKey, PREFIX};
use crate::keys::HeldKey;
use crate::own::{Callers, callers_at};
use crate::policy::{Agent, Origin, Policy};
use crate::problem::Fault;
use http::{HeaderMap, header};
use std::net::IpAddr;
use std::sync::Arc;
use updock_types::signer::ProblemKind;

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A program with a key.
    Agent {
        /// Which.
        agent: Arc<Agent>,
        /// What it may do with this key.
        grants: Arc<Grants>,
        /// What it came with.
        proof: Proof,
    },
    /// A browser on a listed page.
    Visitor {
        /// Which page; ours from the list, not the text that came.
        origin: Origin,
        /// What it may do.
        grants: Arc<Grants>,
    },
}

/// What an agent came with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A key of its own.
    Key(HeldKey),
    /// A token of the application's identity provider.
    Token {
        /// Who the token is about, in the provider's words.
        subject: Option<String>,
    },
}

/// What a request shows of who sends it.
pub(crate) enum Shown {
    /// A key, which may be anybody's.
    Key(AgentKey),
    /// The page of a browser, which is listed.
    Page(Caller),
}

impl Shown {
    /// What these headers of a request to `path` show. No key was looked up yet.
    pub(crate) fn of(headers: &HeaderMap, path: &str, policy: &Policy) -> Result<Self, Fault> {
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        match (authorizations.next(), authorizations.next()) {
            (None, _) => Caller::visitor(headers, path, policy).map(Self::Page),
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| unknown())?;
                key(text, policy).map(Self::Key)
            }
            (Some(_), Some(_)) => {
                Err(Fault::new(ProblemKind::BadRequest, "The request has several Authorization headers; send one."))
            }
        }
    }
}

fn key(authorization: &str, policy: &Policy) -> Result<AgentKey, Fault> {
    let (scheme, value) = authorization.trim().split_once(' ').unwrap_or((authorization, ""));
    let key = if scheme.eq_ignore_ascii_case("Bearer") {
        value.trim()
    } else if scheme.eq_ignore_ascii_case("Uploadcare.Simple") {
        let (public_key, key) = value.trim().split_once(':').ok_or_else(unknown)?;
        if public_key != policy.public_key.as_str() {
            return Err(unknown());
        }
        key
    } else if scheme.eq_ignore_ascii_case("Uploadcare") {
        // A signature can only be checked by whoever has the key, and we have its digest.
        return Err(Fault::new(
            ProblemKind::Unauthenticated,
            "A signature cannot be checked here, where no key is kept that could have made it. Send the agent key itself, as \
             `Authorization: Bearer <agent key>` or `Uploadcare.Simple <public key>:<agent key>`. The command `updock` does \
             when UPLOADCARE_SECRET_KEY is an agent key and not the project's; official SDKs call it their simple scheme.",
        ));
    } else {
        return Err(Fault::new(
            ProblemKind::Unauthenticated,
            "This Authorization scheme is not known here; send `Authorization: Bearer <agent key>`.",
        ));
    };
    AgentKey::parse(key).map_err(|_| {
        Fault::new(
            ProblemKind::Unauthenticated,
            format!("This is no agent key, or not a whole one; an agent key begins with {PREFIX}."),
        )
    })
}

impl Caller {
    /// The agent, if its time is not over and it calls from where it may. `Err(None)`: it is as unknown as any other.
    pub(crate) fn let_in(
        agent: &Arc<Agent>,
        proof: Proof,
        peer: Option<IpAddr>,
        now: i64,
    ) -> Result<Self, Option<Fault>> {
        if agent.expires.is_some_and(|end| end <= now) {
            return Err(None);
        }
        let from = |peer: IpAddr| agent.networks.iter().any(|network| network.contains(&peer.to_canonical()));
        if !agent.networks.is_empty() && !peer.is_some_and(from) {
            let sentence = "This agent may not call from this address; its policy lists the networks it may call from.";
            return Err(Some(Fault::new(ProblemKind::Forbidden, sentence)));
        }
        let grants = match &proof {
            Proof::Key(held) if held.is_derived() => Arc::new(held.narrowing((*agent.grants).clone())),
            Proof::Key(_) | Proof::Token { .. } => Arc::clone(&agent.grants),
        };
        Ok(Self::Agent { agent: Arc::clone(agent), grants, proof })
    }

    fn visitor(headers: &HeaderMap, path: &str, policy: &Policy) -> Result<Self, Fault> {
        if headers.get(header::ORIGIN).is_none() {
            return Err(nobody(path, policy));
        }
        let rule = policy.visitors.as_ref().zip(listed(headers, policy));
        let (visitors, origin) = rule.ok_or_else(|| {
            Fault::new(ProblemKind::Forbidden, "The origin of this page is not among those that may call.")
        })?;
        Ok(Self::Visitor { origin: origin.clone(), grants: Arc::clone(&visitors.grants) })
    }

    /// What it may do.
    pub fn grants(&self) -> &Grants {
        match self {
            Self::Agent { grants, .. } | Self::Visitor { grants, .. } => grants,
        }
    }

    /// May it do `what`, which needs `need`? The decision, and `what` itself only if it is allowed.
    pub fn may<T>(&self, need: Need, what: T) -> (Decision, Option<Allowed<T>>) {
        Allowed::decide(self.grants(), need, what)
    }

    /// Is it a browser without key?
    pub fn is_visitor(&self) -> bool {
        matches!(self, Self::Visitor { .. })
    }

    /// Its id in records: the agent's, or `visitor`.
    pub fn id(&self) -> &str {
        match self {
            Self::Agent { agent, .. } => &agent.id,
            Self::Visitor { .. } => "visitor",
        }
    }

    /// The key it came with.
    pub fn held_key(&self) -> Option<&HeldKey> {
        match self {
            Self::Agent { proof: Proof::Key(held), .. } => Some(held),
            Self::Agent { .. } | Self::Visitor { .. } => None,
        }
    }

    /// What it has of `grants`, which another policy gives its agent.
    pub(crate) fn narrowing(&self, grants: Grants) -> Grants {
        match self.held_key() {
            Some(held) => held.narrowing(grants),
            None => grants,
        }
    }

    /// On whose behalf it calls, by its verified token.
    pub fn on_behalf_of(&self) -> Option<&str> {
        match self {
            Self::Agent { proof: Proof::Token { subject }, .. } => subject.as_deref(),
            Self::Agent { .. } | Self::Visitor { .. } => None,
        }
    }

    /// For the start of a sentence.
    pub fn describe(&self) -> String {
        match self {
            Self::Agent { agent, .. } => agent.name.clone(),
            Self::Visitor { origin, .. } => format!("Visitor from {origin}"),
        }
    }

    /// For the middle of a sentence.
    pub fn name(&self) -> String {
        match self {
            Self::Agent { agent, .. } => agent.name.clone(),
            Self::Visitor { origin, .. } => format!("a visitor from {origin}"),
        }
    }
}

/// The answer to who brings neither key nor page, with what would help at this very address.
fn nobody(path: &str, policy: &Policy) -> Fault {
    let instead = match (callers_at(path), &policy.visitors) {
        (Callers::AgentsAndVisitors, Some(_)) => "call from a listed page",
        (Callers::AgentsAndVisitors, None) | (Callers::Agents, _) => {
            "`Authorization: Uploadcare.Simple <public key>:<agent key>` as official SDKs do"
        }
    };
    let sentence = format!("Nobody can tell who is calling; send `Authorization: Bearer <agent key>`, or {instead}.");
    Fault::new(ProblemKind::Unauthenticated, sentence)
}

/// The listed origin that equals the one `Origin` header, byte for byte.
pub(crate) fn listed<'a>(headers: &HeaderMap, policy: &'a Policy) -> Option<&'a Origin> {
    let mut given = headers.get_all(header::ORIGIN).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let visitors = policy.visitors.as_ref()?;
    visitors.origins.iter().find(|origin| origin.as_str().as_bytes() == one.as_bytes())
}

pub(crate) fn unknown() -> Fault {
    Fault::new(ProblemKind::Unauthenticated, "This agent key is not known here; ask whoever runs this signer for one.")
}
