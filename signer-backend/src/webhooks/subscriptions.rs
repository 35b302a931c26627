//! Our own subscriptions: what Uploadcare should tell us, and with which secret it signs.
//!
//! [`sync`] makes what is missing, repairs what was changed, removes what is ours from an address or a list of events of
//! before, and says what it finds that is not ours: somebody else's address that is told of every upload is how files
//! leave a project. A new secret is told to Uploadcare and the old
//! one taken along for 72 hours: so long may a delivery be on its way.

use super::HookTerms;
use super::ours::{Ours, Whose};
use crate::random::base62;
use crate::state::{State, StateError, now};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use updock_client::{Client, Error};
use updock_sign::SecretKey;
use updock_types::rest::{NewWebhook, Webhook, WebhookChange};
use updock_types::{Event, WebhookId};

/// How long Uploadcare tries to deliver, and so how long an old secret is taken: milliseconds.
const OVERLAP: i64 = 72 * 3_600_000;
/// As long as Uploadcare allows.
const SECRET: usize = 32;
const SECRETS: &str = "webhooks:secrets";
/// How long what the state says is believed without asking.
const FRESH: Duration = Duration::from_secs(5);

/// Where Uploadcare calls us, and what signs it.
#[derive(Clone)]
pub struct Own {
    /// The last part of the path.
    pub slug: String,
    secrets: Vec<Kept>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    secret: String,
    /// Unix milliseconds; not taken from then on.
    until: Option<i64>,
}

/// What the state said last.
#[derive(Default)]
pub struct Cache(Mutex<Option<(Instant, Arc<Own>)>>);

impl Own {
    /// As the state has it; made now if there is nothing.
    pub async fn kept(state: &dyn State) -> Result<Self, StateError> {
        let slug = super::slug(state).await?;
        let first = vec![Kept { secret: base62(SECRET), until: None }];
        let first = serde_json::to_vec(&first).expect("a secret is text");
        let kept = state.value_or(SECRETS.to_owned(), first).await?;
        let secrets = serde_json::from_slice(&kept).map_err(|_| StateError::File {
            path: SECRETS.to_owned(),
            why: "the kept secrets cannot be read; remove them, and run `updock-signer webhooks sync`".to_owned(),
        })?;
        Ok(Self { slug, secrets })
    }

    /// The same, from memory if it is fresh.
    pub(super) async fn cached(state: &Arc<dyn State>, cache: &Cache) -> Result<Arc<Self>, StateError> {
        let known = cache.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, own)) = known
            && at.elapsed() < FRESH
        {
            return Ok(own);
        }
        let own = Arc::new(Self::kept(&**state).await?);
        *cache.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&own)));
        Ok(own)
    }

    /// The secrets that are taken at this time.
    pub(super) fn live(&self, at: i64) -> impl Iterator<Item = SecretKey> {
        let live = self.secrets.iter().filter(move |kept| kept.until.is_none_or(|until| until > at));
        live.filter_map(|kept| SecretKey::parse(&kept.secret).ok())
    }

    /// The secret that signs from now on.
    fn current(&self) -> &str {
        self.secrets.first().map(|kept| kept.secret.as_str()).unwrap_or_default()
    }

    /// A new secret; the old one is taken for a while.
    async fn rotate(&mut self, state: &dyn State) -> Result<(), StateError> {
        let at = now();
        for kept in &mut self.secrets {
            kept.until.get_or_insert(at + OVERLAP);
        }
        self.secrets.retain(|kept| kept.until.is_none_or(|until| until > at));
        self.secrets.insert(0, Kept { secret: base62(SECRET), until: None });
        let kept = serde_json::to_vec(&self.secrets).expect("secrets are text");
        state.set_value(SECRETS.to_owned(), Some(kept)).await
    }
}

/// Something that [`sync`] did or found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "lowercase")]
pub enum Finding {
    /// A subscription was made.
    Made {
        /// For this event.
        event: String,
    },
    /// A subscription of ours was not as it should be.
    Repaired {
        /// For this event.
        event: String,
    },
    /// As it should be.
    Good {
        /// For this event.
        event: String,
    },
    /// One of ours was left from an address or an event of before, or was there twice, and is gone.
    Removed {
        /// The subscription.
        id: u64,
        /// Of this event,
        event: String,
        /// at this address; what cannot be guessed of it is not told.
        target: String,
    },
    /// Somebody else is told.
    Foreign {
        /// The subscription.
        id: u64,
        /// Of this event,
        event: String,
        /// at this address; nothing in it tells our own.
        target: String,
        /// Is anything sent?
        active: bool,
    },
}

/// Why [`sync`] came to an end.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Uploadcare did not play along.
    #[error("Uploadcare: {0}")]
    Uploadcare(#[from] Error),
    /// The state did not.
    #[error("the state: {0}")]
    State(#[from] StateError),
}

/// Makes Uploadcare tell us what `terms` name and nothing else, at `address` (where this signer is reached). With
/// `rotate`, with a new secret. What is ours and not wanted is removed last, so that nothing goes untold meanwhile.
pub async fn sync(
    client: &Client,
    state: &dyn State,
    terms: &HookTerms,
    address: &str,
    rotate: Rotate,
) -> Result<Vec<Finding>, SyncError> {
    let mut own = Own::kept(state).await?;
    if rotate == Rotate::Yes {
        own.rotate(state).await?;
    }
    let ours = Ours::by(own.slug.clone()).ok_or_else(|| StateError::File {
        path: super::SLUG.to_owned(),
        why: "the kept address is empty; remove it, and run `updock-signer webhooks sync`".to_owned(),
    })?;
    let there = client.webhooks_list().await?;
    let whose = |hook: &Webhook| ours.whose(hook, Some(address), &terms.events);
    let (mut findings, mut stays) = (Vec::new(), Vec::new());
    for event in &terms.events {
        let name = event.as_str().to_owned();
        let wanted = there.iter().find(|hook| hook.event == name && whose(hook) == Whose::Wanted);
        stays.extend(wanted.map(|hook| hook.id));
        findings.push(match wanted {
            None => {
                make(client, &ours.at(address), *event, own.current()).await?;
                Finding::Made { event: name }
            }
            Some(hook) if is_good(hook, own.current()) => Finding::Good { event: name },
            Some(hook) => {
                repair(client, hook.id, own.current()).await?;
                Finding::Repaired { event: name }
            }
        });
    }
    for hook in there.iter().filter(|hook| !stays.contains(&hook.id)) {
        let (id, event, target) = (hook.id.0, hook.event.clone(), ours.hidden(&hook.target_url));
        findings.push(match whose(hook) {
            Whose::Foreign => Finding::Foreign { id, event, target, active: hook.is_active },
            Whose::Wanted | Whose::Old => {
                remove(client, hook.id).await?;
                Finding::Removed { id, event, target }
            }
        });
    }
    Ok(findings)
}

/// Should there be a new secret?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotate {
    /// A new one.
    Yes,
    /// The one that is there.
    No,
}

fn is_good(hook: &Webhook, secret: &str) -> bool {
    hook.is_active && hook.signing_secret.as_deref() == Some(secret)
}

async fn make(client: &Client, target: &str, event: Event, secret: &str) -> Result<(), Error> {
    let webhook = NewWebhook {
        target_url: target.to_owned(),
        event,
        is_active: Some(true),
        signing_secret: Some(secret.to_owned()),
        version: Some("0.7".to_owned()),
    };
    client.webhook_create(webhook).await.map(drop)
}

async fn repair(client: &Client, id: WebhookId, secret: &str) -> Result<(), Error> {
    let change =
        WebhookChange { is_active: Some(true), signing_secret: Some(secret.to_owned()), ..WebhookChange::default() };
    client.webhook_update(id, change).await.map(drop)
}

async fn remove(client: &Client, id: WebhookId) -> Result<(), Error> {
    match client.webhook_delete(id).await {
        // Somebody else removed it meanwhile.
        Err(Error::Refused { status: 404, .. }) => Ok(()),
        done => done,
    }
}
