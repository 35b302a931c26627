//! Rows of webhook subscriptions, and the outbox: what is to be delivered, and what became of it.
//!
//! A delivery is written when something happened, with the body it will have whenever it leaves; it is deleted with
//! its subscription. While it waits it has a `next_attempt_at`, and only then.

use super::{Change, Store, StoreError, now, timestamp};
use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};
use updock_sign::SecretKey;
use updock_types::{Event, FileUuid, Timestamp, WebhookId};

/// A subscription.
#[derive(Debug, Clone)]
pub(crate) struct WebhookRow {
    pub(crate) id: WebhookId,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) wish: Wish,
    pub(crate) version: String,
}

/// What of a subscription its owner decides.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) event: Event,
    pub(crate) target_url: String,
    pub(crate) is_active: bool,
    pub(crate) signing_secret: Option<SecretKey>,
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Written {
    Done(WebhookRow),
    /// Another subscription has this event and target.
    Taken,
    Unknown,
}

/// A delivery whose time has come.
#[derive(Debug)]
pub(crate) struct DueDelivery {
    pub(crate) id: i64,
    pub(crate) created_at: i64,
    pub(crate) attempts: u32,
    pub(crate) body: Vec<u8>,
    pub(crate) webhook: WebhookRow,
}

/// What an attempt came to.
#[derive(Debug)]
pub(crate) enum Attempt {
    Delivered {
        status: u16,
    },
    /// Try again then; or never, where there is no time: then the subscription is switched off.
    Failed {
        status: Option<u16>,
        trouble: String,
        again_at: Option<i64>,
    },
}

/// A delivery as the log tells it.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveryRecord {
    pub(crate) id: i64,
    pub(crate) event: String,
    pub(crate) file: String,
    pub(crate) created: Timestamp,
    /// `pending`, `delivered`, `failed`, or `dropped` because the subscription was switched off.
    pub(crate) state: String,
    pub(crate) attempts: u32,
    /// What the last attempt was answered with.
    pub(crate) status: Option<u16>,
    /// Why the last attempt failed.
    pub(crate) trouble: Option<String>,
    pub(crate) last_attempt: Option<Timestamp>,
    pub(crate) next_attempt: Option<Timestamp>,
}

/// Finished deliveries that are kept of each subscription.
const REMEMBERED: i64 = 200;
/// Deliveries of one subscription that are under way at the same time.
const AT_ONCE: i64 = 4;

const COLUMNS: &str =
    "SELECT id, created_at, updated_at, event, target_url, is_active, version, signing_secret FROM webhooks";

fn read(row: &SqliteRow) -> Result<WebhookRow, StoreError> {
    let event: &str = row.try_get("event")?;
    let secret: Option<&str> = row.try_get("signing_secret")?;
    Ok(WebhookRow {
        id: WebhookId(row.try_get::<i64, _>("id")?.cast_unsigned()),
        created_at: timestamp(row.try_get("created_at")?),
        updated_at: timestamp(row.try_get("updated_at")?),
        wish: Wish {
            event: event_named(event).ok_or_else(|| sqlx::Error::Decode(format!("{event} is no event").into()))?,
            target_url: row.try_get("target_url")?,
            is_active: row.try_get("is_active")?,
            signing_secret: secret.and_then(|secret| SecretKey::parse(secret).ok()),
        },
        version: row.try_get("version")?,
    })
}

/// The event of that name.
pub(crate) fn event_named(name: &str) -> Option<Event> {
    Event::ALL.iter().copied().find(|event| event.as_str() == name)
}

fn id(webhook: WebhookId) -> i64 {
    // What does not fit names no subscription.
    i64::try_from(webhook.0).unwrap_or(-1)
}

impl Store {
    /// All subscriptions, newest first.
    pub(crate) async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id DESC"))).fetch_all(&self.read).await?;
        rows.iter().map(read).collect()
    }

    /// The subscription of that number.
    pub(crate) async fn webhook(&self, webhook: WebhookId) -> Result<Option<WebhookRow>, StoreError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"))).bind(id(webhook));
        query.fetch_optional(&self.read).await?.as_ref().map(read).transpose()
    }

    /// Active subscriptions to `event`.
    pub(crate) async fn subscribed(&self, event: Event) -> Result<Vec<WebhookRow>, StoreError> {
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE event = ? AND is_active ORDER BY id")));
        query.bind(event.as_str()).fetch_all(&self.read).await?.iter().map(read).collect()
    }

    /// Adds a subscription.
    pub(crate) async fn add_webhook(&self, wish: &Wish, version: &str) -> Result<Written, StoreError> {
        let mut change = self.change().await?;
        let at = now().as_micros();
        let added = sqlx::query_scalar::<_, i64>(
            "INSERT INTO webhooks (created_at, updated_at, event, target_url, is_active, version, signing_secret)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(at)
        .bind(wish.event.as_str())
        .bind(&wish.target_url)
        .bind(wish.is_active)
        .bind(version)
        .bind(wish.signing_secret.as_ref().map(SecretKey::expose))
        .fetch_optional(&mut *change)
        .await?;
        let Some(added) = added else { return Ok(Written::Taken) };
        change.commit().await?;
        let (at, version) = (timestamp(at), version.to_owned());
        let id = WebhookId(added.cast_unsigned());
        Ok(Written::Done(WebhookRow { id, created_at: at, updated_at: at, wish: wish.clone(), version }))
    }

    /// Changes a subscription. One that is switched off forgets what it still had to deliver.
    pub(crate) async fn change_webhook(
        &self,
        webhook: WebhookId,
        edit: impl FnOnce(&mut Wish),
    ) -> Result<Written, StoreError> {
        let mut change = self.change().await?;
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"))).bind(id(webhook));
        let Some(row) = query.fetch_optional(&mut *change).await? else { return Ok(Written::Unknown) };
        let mut row = read(&row)?;
        edit(&mut row.wish);
        let at = now().as_micros();
        let written = sqlx::query(
            "UPDATE OR IGNORE webhooks
             SET updated_at = ?, event = ?, target_url = ?, is_active = ?, signing_secret = ? WHERE id = ?",
        )
        .bind(at)
        .bind(row.wish.event.as_str())
        .bind(&row.wish.target_url)
        .bind(row.wish.is_active)
        .bind(row.wish.signing_secret.as_ref().map(SecretKey::expose))
        .bind(id(webhook))
        .execute(&mut *change)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(Written::Taken);
        }
        if !row.wish.is_active {
            drop_waiting(&mut change, id(webhook)).await?;
        }
        change.commit().await?;
        row.updated_at = timestamp(at);
        Ok(Written::Done(row))
    }

    /// Forgets a subscription. `false` where there is none.
    pub(crate) async fn delete_webhook(&self, webhook: WebhookId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM webhooks WHERE id = ?").bind(id(webhook));
        Ok(self.execute(query).await?.rows_affected() > 0)
    }

    /// Forgets every subscription of a target.
    pub(crate) async fn unsubscribe(&self, target_url: &str) -> Result<u64, StoreError> {
        let query = sqlx::query("DELETE FROM webhooks WHERE target_url = ?").bind(target_url);
        Ok(self.execute(query).await?.rows_affected())
    }

    /// Writes deliveries into the outbox, due at once; those whose subscription was switched off meanwhile are not.
    pub(crate) async fn post(
        &self,
        event: Event,
        file: FileUuid,
        bodies: &[(WebhookId, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for (webhook, body) in bodies {
            sqlx::query(
                "INSERT INTO deliveries (webhook, event, file, body, created_at, next_attempt_at)
                 SELECT id, ?2, ?3, ?4, ?5, ?5 FROM webhooks WHERE id = ?1 AND is_active",
            )
            .bind(id(*webhook))
            .bind(event.as_str())
            .bind(file.to_string())
            .bind(body)
            .bind(now().as_micros())
            .execute(&mut *change)
            .await?;
        }
        Ok(change.commit().await?)
    }

    /// Deliveries whose time has come, at most [`AT_ONCE`] of each subscription: a target that hangs holds up no other.
    /// Those under way are among them.
    pub(crate) async fn due(&self) -> Result<Vec<DueDelivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.id AS delivery, d.created_at AS posted_at, d.attempts, d.body, w.* FROM (
                 SELECT id, webhook, row_number() OVER (PARTITION BY webhook ORDER BY next_attempt_at, id) AS place
                 FROM deliveries WHERE next_attempt_at <= ?
             ) AS ready JOIN deliveries AS d ON d.id = ready.id JOIN webhooks AS w ON w.id = ready.webhook
             WHERE ready.place <= ?",
        )
        .bind(now().as_micros())
        .bind(AT_ONCE)
        .fetch_all(&self.read)
        .await?;
        let due = |row: &SqliteRow| {
            Ok(DueDelivery {
                id: row.try_get("delivery")?,
                created_at: row.try_get("posted_at")?,
                attempts: row.try_get("attempts")?,
                body: row.try_get("body")?,
                webhook: read(row)?,
            })
        };
        rows.iter().map(due).collect()
    }

    /// When the next delivery that is not due yet will be.
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> =
            sqlx::query_scalar("SELECT min(next_attempt_at) FROM deliveries WHERE next_attempt_at > ?")
                .bind(now().as_micros())
                .fetch_one(&self.read)
                .await?;
        Ok(at.map(timestamp))
    }

    /// Notes what an attempt came to.
    pub(crate) async fn attempted(
        &self,
        webhook: WebhookId,
        delivery: i64,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let (state, status, trouble, again_at) = match attempt {
            Attempt::Delivered { status } => ("delivered", Some(*status), None, None),
            Attempt::Failed { status, trouble, again_at: None } => ("failed", *status, Some(trouble), None),
            Attempt::Failed { status, trouble, again_at } => ("pending", *status, Some(trouble), *again_at),
        };
        let mut change = self.change().await?;
        // One that was dropped while it was under way stays dropped.
        sqlx::query(
            "UPDATE deliveries SET attempts = attempts + 1, attempted_at = ?, status = ?, trouble = ?,
                    state = iif(state = 'pending', ?, state), next_attempt_at = iif(state = 'pending', ?, NULL)
             WHERE id = ?",
        )
        .bind(now().as_micros())
        .bind(status)
        .bind(trouble)
        .bind(state)
        .bind(again_at)
        .bind(delivery)
        .execute(&mut *change)
        .await?;
        if state == "failed" {
            sqlx::query("UPDATE webhooks SET is_active = 0, updated_at = ? WHERE id = ?")
                .bind(now().as_micros())
                .bind(id(webhook))
                .execute(&mut *change)
                .await?;
            drop_waiting(&mut change, id(webhook)).await?;
        }
        sqlx::query(
            "DELETE FROM deliveries WHERE webhook = ?1 AND next_attempt_at IS NULL AND id <= (
                 SELECT id FROM deliveries WHERE webhook = ?1 AND next_attempt_at IS NULL
                 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(id(webhook))
        .bind(REMEMBERED)
        .execute(&mut *change)
        .await?;
        Ok(change.commit().await?)
    }

    /// The last deliveries of a subscription, newest first.
    pub(crate) async fn deliveries(&self, webhook: WebhookId, limit: u16) -> Result<Vec<DeliveryRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM deliveries WHERE webhook = ? ORDER BY id DESC LIMIT ?")
            .bind(id(webhook))
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        let record = |row: &SqliteRow| -> Result<DeliveryRecord, StoreError> {
            Ok(DeliveryRecord {
                id: row.try_get("id")?,
                event: row.try_get("event")?,
                file: row.try_get("file")?,
                created: timestamp(row.try_get("created_at")?),
                state: row.try_get("state")?,
                attempts: row.try_get("attempts")?,
                status: row.try_get("status")?,
                trouble: row.try_get("trouble")?,
                last_attempt: row.try_get::<Option<i64>, _>("attempted_at")?.map(timestamp),
                next_attempt: row.try_get::<Option<i64>, _>("next_attempt_at")?.map(timestamp),
            })
        };
        rows.iter().map(record).collect()
    }
}

async fn drop_waiting(change: &mut Change, webhook: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET state = 'dropped', next_attempt_at = NULL
         WHERE webhook = ? AND next_attempt_at IS NOT NULL",
    )
    .bind(webhook)
    .execute(&mut **change)
    .await?;
    Ok(())
}
