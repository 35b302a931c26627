//! Takes deliveries out of the outbox and to their targets, again and again until they arrive or time is up.
//!
//! What the service does is only partly published: any 2xx is success, others are repeated for 72 hours with growing
//! delays, then the subscription is switched off. The delays here are a minute, two, four and so on, twelve hours at
//! most. Redirects are not followed. The body is sent as it was written; target and secret are those of now.
//! Source: REST API v0.7, Webhooks.

use crate::{
    app::App,
    outward::{self, USER_AGENT},
    store::{self, Attempt, DueDelivery, StoreError},
};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use std::{collections::HashMap, error::Error, time::Duration};
use tokio::task::{self, JoinSet};
use updock_sign::{WEBHOOK_HEADER, webhook_signature};
use updock_types::Timestamp;

const FIRST_DELAY: Duration = Duration::from_mins(1);
const LONGEST_DELAY: Duration = Duration::from_hours(12);
const GIVE_UP_AFTER: Duration = Duration::from_hours(72);
/// How long to wait after the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The most of an answer that is listened to.
const HEARD: usize = 64 * 1024;

/// Delivers for ever.
pub(crate) async fn deliver(app: App) {
    let mut under_way = HashMap::new();
    let mut attempts = JoinSet::new();
    loop {
        let wait = match take(&app, &mut under_way, &mut attempts).await {
            Ok(Some(next)) => until(next),
            Ok(None) => Duration::MAX,
            Err(error) => {
                tracing::error!(%error, "could not look for deliveries");
                PAUSE
            }
        };
        tokio::select! {
            () = app.events.posted.notified() => {}
            () = tokio::time::sleep(wait) => {}
            Some(ended) = attempts.join_next_with_id() => {
                let task = match ended {
                    Ok((task, ())) => task,
                    Err(error) => {
                        tracing::error!(%error, "an attempt to deliver failed badly; it will be repeated");
                        error.id()
                    }
                };
                under_way.remove(&task);
            }
        }
    }
}

/// Starts what is due; when the next will be.
async fn take(
    app: &App,
    under_way: &mut HashMap<task::Id, i64>,
    attempts: &mut JoinSet<()>,
) -> Result<Option<Timestamp>, StoreError> {
    // Before looking for what is due: what becomes due in between is found by the next round.
    let next = app.store.next_due().await?;
    for delivery in app.store.due().await? {
        if under_way.values().any(|id| *id == delivery.id) {
            continue;
        }
        let (id, webhook) = (delivery.id, delivery.webhook.id);
        let app = app.clone();
        let task = attempts.spawn(async move {
            let attempt = attempt(&app, delivery).await;
            if let Err(error) = app.store.attempted(webhook, id, &attempt).await {
                tracing::error!(%error, delivery = id, "could not note a delivery; it will be repeated");
                tokio::time::sleep(PAUSE).await;
            }
        });
        under_way.insert(task.id(), id);
    }
    Ok(next)
}

fn until(at: Timestamp) -> Duration {
    let micros = at.as_micros().saturating_sub(store::now().as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

async fn attempt(app: &App, delivery: DueDelivery) -> Attempt {
    let (id, webhook) = (delivery.id, delivery.webhook.id);
    let (created_at, attempts) = (delivery.created_at, delivery.attempts);
    let sent = tokio::time::timeout(app.config.webhook_timeout, send(app, delivery)).await;
    let (status, trouble) = match sent {
        Ok(Ok(status)) if (200..300).contains(&status) => {
            tracing::debug!(delivery = id, %webhook, status, "delivered");
            return Attempt::Delivered { status };
        }
        Ok(Ok(status)) => (Some(status), format!("the target answered {status}")),
        Ok(Err(trouble)) => (None, trouble),
        Err(_) => (None, "the target did not answer in time".to_owned()),
    };
    let clock = app.clock();
    let again_at = store::now().as_micros().saturating_add(clock.real_micros(delay(attempts)));
    let end = created_at.saturating_add(clock.real_micros(GIVE_UP_AFTER));
    let again_at = (again_at <= end).then_some(again_at);
    if again_at.is_some() {
        tracing::info!(delivery = id, %webhook, attempts = attempts + 1, trouble, "could not deliver yet");
    } else {
        tracing::warn!(delivery = id, %webhook, trouble, "could not deliver for 72 hours: webhook switched off");
    }
    Attempt::Failed { status, trouble, again_at }
}

/// How long to wait after so many attempts before this one.
fn delay(attempts: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX)).min(LONGEST_DELAY)
}

/// The status of the answer, or in words why there is none.
async fn send(app: &App, delivery: DueDelivery) -> Result<u16, String> {
    let wish = &delivery.webhook.wish;
    let url = url::Url::parse(&wish.target_url).map_err(|error| error.to_string())?;
    app.events.outward.check(&url).await.map_err(|error| error.to_string())?;
    let mut request = Request::post(url.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, USER_AGENT);
    if let Some(secret) = &wish.signing_secret {
        request = request.header(WEBHOOK_HEADER, webhook_signature(secret, &delivery.body));
    }
    let request = request.body(Full::new(Bytes::from(delivery.body))).map_err(|error| error.to_string())?;
    let response = app.events.outward.send(request).await.map_err(|error| words(&error))?;
    let status = response.status().as_u16();
    // Only so that the connection can be used again.
    let _ = Limited::new(response.into_body(), HEARD).collect().await;
    Ok(status)
}

/// The innermost cause, which says most.
fn words(error: &(dyn Error + 'static)) -> String {
    if let Some(refused) = outward::refusal(error) {
        return refused.to_string();
    }
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_a_minute_to_twelve_hours() {
        let minutes = |attempts| delay(attempts).as_secs() / 60;
        assert_eq!([0, 1, 2, 9, 10, 11, 31, 32, 1000].map(minutes), [1, 2, 4, 512, 720, 720, 720, 720, 720]);
    }
}
