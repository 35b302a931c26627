//! Webhooks: taken from Uploadcare once each, sent on to whoever the policy names, and told to browsers.
//!
//! Uploadcare's signature covers the body and nothing else: a delivery that somebody caught is good for ever. So what
//! counts as seen is kept, and nothing is answered before it is: see [`State::receive`](crate::state::State::receive).

pub mod cli;
pub(crate) mod events;
pub(crate) mod ours;
mod outbox;
pub(crate) mod outward;
pub(crate) mod receive;
mod standard;
mod subscriptions;

pub use events::{EVENTS_TYPE, EventToken};
pub use outbox::run as run_outbox;
pub use outward::{Outward, Refused as TargetRefused};
pub use standard::TargetSecret;
pub use subscriptions::{Cache, Finding, Own, Rotate, SyncError, sync};

use crate::state::{State, StateError};
use ipnet::IpNet;
use std::fmt;
use updock_types::Event;

/// What the policy says about webhooks.
#[derive(Debug, Clone, Default)]
pub struct HookTerms {
    /// What Uploadcare should tell us.
    pub events: Vec<Event>,
    /// Secrets of subscriptions that were made by hand.
    pub secrets: Vec<updock_sign::SecretKey>,
    /// Whom to tell.
    pub targets: Vec<Target>,
}

/// Somebody to send events on to.
#[derive(Clone)]
pub struct Target {
    /// Its name in the policy.
    pub name: String,
    /// Where.
    pub url: String,
    /// Signs what is sent, in the form of Standard Webhooks.
    pub secret: TargetSecret,
    /// Which events; all if none is named.
    pub events: Vec<Event>,
    /// Private networks that it may be in.
    pub networks: Vec<IpNet>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

impl HookTerms {
    /// The names of those who want to know.
    fn wanting(&self, event: &str) -> Vec<String> {
        let wants =
            |target: &&Target| target.events.is_empty() || target.events.iter().any(|wanted| wanted.as_str() == event);
        self.targets.iter().filter(wants).map(|target| target.name.clone()).collect()
    }
}

/// Before the part of the path that cannot be guessed.
pub(crate) const PATH: &str = "/hooks/uploadcare/";
const SLUG: &str = "webhooks:slug";
/// How long that part is.
const SLUG_LENGTH: usize = 24;

/// The path that Uploadcare calls: a name that cannot be guessed, made once and kept.
pub async fn slug(state: &dyn State) -> Result<String, StateError> {
    let kept = state.value_or(SLUG.to_owned(), crate::random::base62(SLUG_LENGTH).into_bytes()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// The same if it was made already.
pub(crate) async fn known_slug(state: &dyn State) -> Result<Option<String>, StateError> {
    let kept = state.value(SLUG.to_owned()).await?;
    Ok(kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
}

/// The name of the key that signs tokens for streams, in the state.
pub fn events_key_name() -> &'static str {
    events::KEY
}
