//! What a policy makes of the signer, replaced as a whole when the policy is: a request sees either all of the old one
//! or all of the new one.
//!
//! Invariant: what a running process cannot change (where it listens, its project and that project's secret key, where
//! its state is) stays; a policy that differs there is refused as a whole, never half applied.

use crate::limiter::PeerLimiter;
use crate::policy::{Keeping, Policy};
use crate::receipt::Receipts;
use crate::signing::Signing;
use crate::tokens::Tokens;
use std::sync::{Arc, PoisonError, RwLock};

/// What holds at the moment.
pub(crate) struct Live {
    pub(crate) policy: Arc<Policy>,
    pub(crate) visitors: Option<Arc<PeerLimiter>>,
    pub(crate) receipts: Option<Receipts>,
    pub(crate) tokens: Option<Arc<Tokens>>,
}

/// A policy that a running signer cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot change while the signer runs; restart it to take the new policy")]
pub struct Unchangeable(&'static str);

/// What holds at the moment, and what it is made of.
pub(crate) struct Holder {
    live: RwLock<Arc<Live>>,
    receipts_key: Option<Signing>,
    address: String,
}

impl Holder {
    pub(crate) fn new(policy: Policy, receipts_key: Option<Signing>, address: String) -> Self {
        let limiter = policy.visitors.as_ref().map(|visitors| Arc::new(PeerLimiter::new(visitors.rate)));
        let tokens = policy.tokens.as_ref().map(|terms| Arc::new(Tokens::new(terms)));
        let live = made(policy, limiter, tokens, receipts_key.as_ref(), &address);
        Self { live: RwLock::new(Arc::new(live)), receipts_key, address }
    }

    pub(crate) fn get(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where callers reach us, without a final slash.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn replace(&self, policy: Policy) -> Result<(), Unchangeable> {
        let before = self.get();
        if let Some(what) = unchangeable(&before.policy, &policy) {
            return Err(Unchangeable(what));
        }
        let rate = |policy: &Policy| policy.visitors.as_ref().map(|visitors| visitors.rate);
        // Whoever has used up an allowance does not get it back by a new policy with the same one.
        let kept = before.visitors.clone().filter(|_| rate(&before.policy) == rate(&policy));
        let limiter = kept.or_else(|| rate(&policy).map(|rate| Arc::new(PeerLimiter::new(rate))));
        // Keys that are there stay, unless others are meant now.
        let kept = before.tokens.clone().filter(|_| before.policy.tokens == policy.tokens);
        let tokens = kept.or_else(|| policy.tokens.as_ref().map(|terms| Arc::new(Tokens::new(terms))));
        let live = made(policy, limiter, tokens, self.receipts_key.as_ref(), &self.address);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        Ok(())
    }
}

fn made(
    policy: Policy,
    limiter: Option<Arc<PeerLimiter>>,
    tokens: Option<Arc<Tokens>>,
    key: Option<&Signing>,
    address: &str,
) -> Live {
    let receipts = key.map(|key| {
        let ttl = policy.keeping.receipts.ttl;
        Receipts::new(key.clone(), ttl, address.to_owned(), policy.public_key.clone())
    });
    let visitors = limiter.filter(|_| policy.visitors.is_some());
    Live { policy: Arc::new(policy), visitors, receipts, tokens }
}

/// What differs, of what a running process cannot change.
fn unchangeable(old: &Policy, new: &Policy) -> Option<&'static str> {
    let key = |keeping: &Keeping| {
        [&keeping.audit_key, &keeping.receipts.key].map(|key| key.as_ref().map(|key| key.id().to_owned()))
    };
    let url = |policy: &Policy| policy.public_url.as_ref().map(ToString::to_string);
    [
        (old.listen != new.listen, "[server] listen"),
        (url(old) != url(new), "[server] public_url"),
        (old.max_connections != new.max_connections, "[server] max_connections"),
        (old.max_connections_per_peer != new.max_connections_per_peer, "[server] max_connections_per_peer"),
        (old.metrics != new.metrics, "[server] metrics"),
        (old.public_key != new.public_key, "[project] public_key"),
        (!old.secret.matches(new.secret.expose()), "the project's secret key"),
        (old.rest.to_string() != new.rest.to_string(), "[upstream] rest"),
        (old.keeping.place != new.keeping.place, "[state]"),
        (old.keeping.audit != new.keeping.audit, "[audit]"),
        (key(&old.keeping) != key(&new.keeping), "a signing key"),
        (old.webhooks.is_some() != new.webhooks.is_some(), "whether there is a section [webhooks]"),
    ]
    .into_iter()
    .find_map(|(differs, what)| differs.then_some(what))
}
