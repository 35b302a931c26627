//! Errands: events on their way to the targets of the policy, as Standard Webhooks, until they arrive or are given up.
//! Source: Standard Webhooks 1.0.0.

use super::{HookTerms, Outward, Target};
use crate::log::{DecisionLog, Record};
use crate::sentence::quoted;
use crate::state::{Errand, ErrandOutcome, State, now};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, header};
use http_body_util::Full;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// When to try again after so many attempts, in seconds; after the last one it is given up.
const AGAIN: [i64; 7] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];
/// How many at a time.
const TOGETHER: u32 = 16;
/// For how long an errand is one's own: longer than any attempt takes.
const LEASE: i64 = 60_000;
/// How often to look for what others have left.
const LOOK: Duration = Duration::from_millis(500);

/// Runs errands for ever. `heard` changes whenever this process took a delivery.
pub async fn run(state: Arc<dyn State>, terms: HookTerms, log: Arc<dyn DecisionLog>, mut heard: watch::Receiver<()>) {
    let targets: HashMap<&str, (&Target, Outward)> =
        terms.targets.iter().map(|target| (target.name.as_str(), (target, Outward::new(&target.networks)))).collect();
    loop {
        let due = match state.due(now(), now() + LEASE, TOGETHER).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "it cannot be seen which webhooks are to be sent");
                Vec::new()
            }
        };
        if due.is_empty() {
            tokio::select! {
                changed = heard.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK) => {}
            }
            continue;
        }
        join_all(due.iter().map(|errand| run_one(&*state, &targets, &*log, errand))).await;
    }
}

async fn run_one(
    state: &dyn State,
    targets: &HashMap<&str, (&Target, Outward)>,
    log: &dyn DecisionLog,
    errand: &Errand,
) {
    let tried = match targets.get(errand.target.as_str()) {
        Some((target, outward)) => send(target, outward, errand).await,
        None => Err("the policy does not name this target any more".to_owned()),
    };
    let outcome = match tried {
        Ok(()) => ErrandOutcome::Done,
        Err(error) => match again(errand.attempts) {
            Some(seconds) => ErrandOutcome::Again { at: now() + seconds * 1000, error },
            None => {
                let text = format!(
                    "The event {} was given up: {} did not take it in {} attempts, at last because: {}.",
                    quoted(&errand.event),
                    quoted(&errand.target),
                    errand.attempts,
                    quoted(&error)
                );
                let _ = log.note(Record { area: Some("webhooks"), ..Record::event(text) }).await;
                ErrandOutcome::Dead { error }
            }
        },
    };
    if let ErrandOutcome::Again { error, .. } = &outcome {
        tracing::info!(errand = errand.id, target = errand.target, error, "a webhook could not be sent on yet");
    }
    if let Err(error) = state.ran(errand.id, outcome).await {
        // Its lease ends, and somebody tries again: targets know repeats by their id.
        tracing::error!(%error, errand = errand.id, "what came of a webhook cannot be kept");
    }
}

/// How long to wait after so many attempts, in seconds.
fn again(attempts: u32) -> Option<i64> {
    AGAIN.get(usize::try_from(attempts).ok()?.checked_sub(1)?).copied()
}

async fn send(target: &Target, outward: &Outward, errand: &Errand) -> Result<(), String> {
    // The same for every attempt and every target: whoever gets it twice can tell.
    let id = format!("evt_{}", errand.dedupe);
    let at = now() / 1000;
    let signature = target.secret.sign(&id, at, errand.body.as_bytes());
    let request = Request::post(&target.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("updock-signer/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", at)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(errand.body.clone())))
        .map_err(|error| error.to_string())?;
    outward.send(request).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_go_on_for_more_than_a_day_and_end() {
        assert_eq!(again(0), None);
        assert_eq!(again(1), Some(5));
        assert_eq!(again(7), Some(36_000));
        assert_eq!(again(8), None);
        assert!(AGAIN.iter().sum::<i64>() > 24 * 3600);
    }
}
