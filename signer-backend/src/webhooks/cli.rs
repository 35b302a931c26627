//! `updock-signer webhooks ...`.

use super::subscriptions::Rotate;
use super::{Finding, HookTerms, sync};
use crate::audit::command::{self, recorded};
use crate::log::Record;
use crate::policy::Policy;
use crate::sentence::quoted;
use crate::state::{State, now};
use clap::Subcommand;
use std::io::Write;
use std::sync::Arc;
use updock_client::Client;
use updock_types::Area;

/// What to do with webhooks.
#[derive(Subcommand)]
pub enum Webhooks {
    /// Makes Uploadcare tell this signer what the policy names: creates, repairs, removes what of its own it does
    /// not name any more, and says who else is told.
    Sync {
        /// With a new secret; the old one is taken for 72 hours more.
        #[arg(long)]
        rotate: bool,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists what could not be sent on.
    Dead {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sends something dead again.
    Replay {
        /// Its number, as `dead` lists it.
        id: i64,
    },
}

/// Runs a command. `Ok(false)`: somebody else is told of events.
pub async fn run(
    command: &Webhooks,
    policy: &Policy,
    state: Arc<dyn State>,
    out: &mut (dyn Write + Send),
) -> Result<bool, String> {
    let unwritten = |error: std::io::Error| format!("standard output cannot be written: {error}");
    let unread = |error: crate::state::StateError| format!("the state cannot be read: {error}");
    match command {
        Webhooks::Sync { rotate, json } => {
            let none = HookTerms::default();
            let terms = policy.webhooks.as_ref().unwrap_or(&none);
            // Whoever takes out the last event wants no subscription any more; there may be some only where we had one.
            if terms.events.is_empty() && super::known_slug(&*state).await.map_err(unread)?.is_none() {
                return Err(
                    "the policy names no events; write events = [\"file.uploaded\"] below [webhooks]".to_owned()
                );
            }
            let address = match &policy.public_url {
                Some(url) => url.to_string(),
                None if terms.events.is_empty() => String::new(),
                None => {
                    let sentence = "Uploadcare must know how to reach this signer; write public_url = \"https://...\" \
                                    below [server]";
                    return Err(sentence.to_owned());
                }
            };
            let client =
                Client::builder(policy.public_key.clone(), policy.secret.clone()).rest(policy.rest.clone()).build();
            let (rotate, words) = if *rotate {
                (Rotate::Yes, "set up the signer's own webhooks, with a new secret")
            } else {
                (Rotate::No, "set up the signer's own webhooks")
            };
            let act =
                async { sync(&client, &*state, terms, &address, rotate).await.map_err(|error| error.to_string()) };
            let findings = recorded(policy, &state, asked(policy, command::SYNC, words), act, ended).await?;
            if findings.is_empty() && !*json {
                let sentence = "The policy names no events, and Uploadcare has no subscription of this signer's.";
                writeln!(out, "{sentence}").map_err(unwritten)?;
            }
            for finding in &findings {
                if *json {
                    let text = serde_json::to_string(finding).map_err(|error| error.to_string())?;
                    writeln!(out, "{text}").map_err(unwritten)?;
                } else {
                    writeln!(out, "{}", sentence(finding)).map_err(unwritten)?;
                }
            }
            Ok(!findings.iter().any(|finding| matches!(finding, Finding::Foreign { .. })))
        }
        Webhooks::Dead { json } => {
            for errand in state.dead(1000).await.map_err(unread)? {
                if *json {
                    let value = serde_json::json!({
                        "id": errand.id, "target": errand.target, "event": errand.event, "at": errand.at,
                        "attempts": errand.attempts, "error": errand.error,
                    });
                    writeln!(out, "{value}").map_err(unwritten)?;
                } else {
                    let why = quoted(errand.error.as_deref().unwrap_or_default());
                    writeln!(
                        out,
                        "{}  {} for {}, after {} attempts, at last because: {why}",
                        errand.id, errand.event, errand.target, errand.attempts
                    )
                    .map_err(unwritten)?;
                }
            }
            Ok(true)
        }
        Webhooks::Replay { id } => {
            // What is not there is no intention.
            if !state.dead(u32::MAX).await.map_err(unread)?.iter().any(|errand| errand.id == *id) {
                return Err(not_dead(*id));
            }
            let asked = asked(policy, command::REPLAY, &format!("send dead webhook {id} again"));
            let act = async {
                let revived = state.revive(*id, now()).await.map_err(|error| format!("the state: {error}"))?;
                if revived { Ok(()) } else { Err(not_dead(*id)) }
            };
            let ended = |done: &Result<(), String>| match done {
                Ok(()) => format!("Dead webhook {id} is to be sent again."),
                Err(why) => format!("Dead webhook {id} is not sent again: {why}."),
            };
            recorded(policy, &state, asked, act, ended).await?;
            writeln!(out, "{id} is sent again.").map_err(unwritten)?;
            Ok(true)
        }
    }
}

fn not_dead(id: i64) -> String {
    format!("{id} is not among what could not be sent; see `updock-signer webhooks dead`")
}

/// What the audit log has of a command before it does anything.
fn asked(policy: &Policy, operation: &'static str, words: &str) -> Record {
    Record { area: Some(Area::Webhooks.as_str()), ..command::asked(policy, operation, words) }
}

/// What it has of how that ended: which subscriptions, and no addresses, which may hold secrets.
fn ended(done: &Result<Vec<Finding>, String>) -> String {
    let findings = match done {
        Ok(findings) => findings,
        Err(why) => {
            return format!(
                "The signer's own webhooks are not set up: {why}. What was done until then stays; run the command again."
            );
        }
    };
    let told = |finding: &Finding| match finding {
        Finding::Made { event } => format!("made the subscription to {event}"),
        Finding::Repaired { event } => format!("repaired the subscription to {event}"),
        Finding::Good { event } => format!("found the subscription to {event} as it should be"),
        Finding::Removed { id, event, .. } => {
            format!("removed webhook {id}, an old one of its own for {}", quoted(event))
        }
        Finding::Foreign { id, event, .. } => {
            format!("found that webhook {id} tells somebody else of {}", quoted(event))
        }
    };
    let told: Vec<String> = findings.iter().map(told).collect();
    if told.is_empty() {
        return "The signer's own webhooks are set up: the policy names no events, and there were none.".to_owned();
    }
    format!("The signer's own webhooks are set up: {}.", told.join(", "))
}

fn sentence(finding: &Finding) -> String {
    match finding {
        Finding::Made { event } => format!("Made a subscription to {event}."),
        Finding::Repaired { event } => {
            format!("Repaired the subscription to {event}: it was off, or had another secret.")
        }
        Finding::Good { event } => format!("The subscription to {event} is as it should be."),
        Finding::Removed { id, event, target } => {
            format!("Removed webhook {id}, an old one of this signer's own for {}: {}.", quoted(event), quoted(target))
        }
        Finding::Foreign { id, event, target, active } => format!(
            "ALARM: webhook {id} tells somebody else of {}: {}{}. If you do not know it, delete it.",
            quoted(event),
            quoted(target),
            if *active { "" } else { " (switched off)" }
        ),
    }
}
