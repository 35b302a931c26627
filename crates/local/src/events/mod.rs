//! What happened to files, told to whoever subscribed.
//!
//! [`App::tell`] writes what is to be delivered into the outbox, with the file as it is at that moment, before it
//! returns; [`deliver`] takes it from there. What is in the outbox survives the death of the process and is delivered
//! at least once, in no promised order. Source: REST API v0.7, Webhooks.

mod delivery;

pub(crate) use delivery::deliver;

use crate::{
    app::App,
    config::Config,
    origin::Origins,
    outward::Outward,
    store::{self, FileRow, StoreError, WebhookRow},
    view,
};
use http::HeaderMap;
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;
use updock_types::{
    Event, FileUuid, Timestamp,
    rest::{Appdata, Delivery, DeliveryHook, Initiator, InitiatorDetail, InitiatorKind, PreviousValues},
};

/// The project's number: there is only one here.
pub(crate) const PROJECT: u64 = 1;
/// Events that are remembered for whoever looks.
const REMEMBERED: usize = 1000;

/// One thing that happened to one file.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) event: Event,
    pub(crate) file: FileUuid,
    pub(crate) initiator: Initiator,
    /// `file.info_updated` only.
    pub(crate) previous: Option<Previous>,
}

/// What was there before a change.
#[derive(Debug, Clone)]
pub(crate) enum Previous {
    Metadata(BTreeMap<String, String>),
    Appdata(Appdata),
    /// Tags changed; the service does not say from what.
    Tags,
}

impl Notice {
    /// Brought about by a request.
    pub(crate) fn by_request(event: Event, file: FileUuid) -> Self {
        let initiator = Initiator { kind: InitiatorKind::Api, detail: InitiatorDetail::default() };
        Self { event, file, initiator, previous: None }
    }

    /// Brought about by an add-on or a conversion, named as deliveries name it.
    pub(crate) fn by_addon(event: Event, file: FileUuid, addon: &str, request: Option<String>) -> Self {
        let detail =
            InitiatorDetail { request_id: request, addon_name: Some(addon.to_owned()), source_file_uuid: None };
        Self { event, file, initiator: Initiator { kind: InitiatorKind::Addon, detail }, previous: None }
    }

    /// Brought about by the service itself: expiry.
    pub(crate) fn by_system(event: Event, file: FileUuid) -> Self {
        let initiator = Initiator { kind: InitiatorKind::System, detail: InitiatorDetail::default() };
        Self { event, file, initiator, previous: None }
    }

    /// A file derived from `source`.
    #[must_use]
    #[expect(clippy::wrong_self_convention, reason = "a step in building a notice, not a conversion")]
    pub(crate) fn from_source(mut self, source: FileUuid) -> Self {
        self.initiator.detail.source_file_uuid = Some(source);
        self
    }

    /// With what was there before.
    #[must_use]
    pub(crate) fn replacing(mut self, previous: Previous) -> Self {
        self.previous = Some(previous);
        self
    }
}

/// What is shared between whoever tells and whoever delivers.
pub(crate) struct Events {
    outward: Outward,
    /// Something is in the outbox, or may leave it now.
    posted: Notify,
    log: Mutex<VecDeque<EventRecord>>,
}

/// An event as `/_local/events` tells it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EventRecord {
    at: Timestamp,
    event: Event,
    file: FileUuid,
    initiator: Initiator,
    /// How many subscriptions it goes to.
    deliveries: usize,
}

impl Events {
    pub(crate) fn new(config: &Config) -> Self {
        Self { outward: Outward::new(config.private_webhooks), posted: Notify::new(), log: Mutex::default() }
    }

    /// The last events, oldest first.
    pub(crate) fn list(&self) -> Vec<EventRecord> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn note(&self, record: EventRecord) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == REMEMBERED {
            log.pop_front();
        }
        log.push_back(record);
    }

    /// May this target be told anything?
    pub(crate) async fn check_target(&self, url: &url::Url) -> Result<(), crate::outward::HostRefused> {
        self.outward.check(url).await
    }

    /// Something about a subscription has changed.
    pub(crate) fn stir(&self) {
        self.posted.notify_one();
    }
}

impl App {
    /// Tells subscribers. Call it once the change is committed; it neither waits for deliveries nor fails.
    pub(crate) async fn tell(&self, notice: Notice) {
        tracing::debug!(event = %notice.event, file = %notice.file, "event");
        match self.post(&notice).await {
            Ok(deliveries) => {
                let Notice { event, file, initiator, .. } = notice;
                self.events.note(EventRecord { at: store::now(), event, file, initiator, deliveries });
            }
            Err(error) => {
                tracing::error!(event = %notice.event, file = %notice.file, %error, "could not tell subscribers");
            }
        }
    }

    async fn post(&self, notice: &Notice) -> Result<usize, StoreError> {
        let webhooks = self.store.subscribed(notice.event).await?;
        if webhooks.is_empty() {
            return Ok(0);
        }
        let Some(row) = self.store.file(notice.file).await? else {
            tracing::warn!(event = %notice.event, file = %notice.file, "the file is gone before it could be told of");
            return Ok(0);
        };
        let origins = Origins::of(&self.config, self.address, &HeaderMap::new());
        let body = |webhook: &WebhookRow| -> Result<_, StoreError> {
            let delivery = self.delivery(notice, &row, webhook, &origins);
            Ok((webhook.id, serde_json::to_vec(&delivery)?))
        };
        let bodies = webhooks.iter().map(body).collect::<Result<Vec<_>, _>>()?;
        self.store.post(notice.event, notice.file, &bodies).await?;
        self.events.stir();
        Ok(bodies.len())
    }

    fn delivery(&self, notice: &Notice, row: &FileRow, webhook: &WebhookRow, origins: &Origins) -> Delivery {
        let mut data = view::file(row, origins);
        data.appdata = Some(row.appdata.clone());
        let file = data.original_file_url.clone();
        Delivery {
            initiator: notice.initiator.clone(),
            hook: DeliveryHook {
                id: webhook.id,
                project_id: PROJECT,
                project_pub_key: self.config.public_key.clone(),
                target: webhook.wish.target_url.clone(),
                event: notice.event,
                is_active: webhook.wish.is_active,
                version: webhook.version.clone(),
                created_at: webhook.created_at,
                updated_at: webhook.updated_at,
            },
            data,
            file,
            previous_values: notice.previous.as_ref().map(previous),
        }
    }
}

/// An empty map is told as null: there was nothing.
fn previous(previous: &Previous) -> PreviousValues {
    let mut values = PreviousValues::default();
    match previous {
        Previous::Metadata(before) => values.metadata = Some(Some(before.clone()).filter(|map| !map.is_empty())),
        Previous::Appdata(before) => values.appdata = Some(Some(before.clone()).filter(|map| !map.is_empty())),
        Previous::Tags => {}
    }
    values
}
