//! Webhook subscriptions, and what is delivered to them. Source: REST API v0.7, Webhooks.

use super::{Appdata, File};
use crate::{Event, FileUuid, PublicKey, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A subscription as the REST API describes it, in the order the service writes its members. `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Names it.
    pub id: WebhookId,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// What it is told of; an open list.
    pub event: String,
    /// Where it is told.
    pub target_url: String,
    /// The project's number.
    pub project: u64,
    /// Is anything sent?
    pub is_active: bool,
    /// Version of the payload: `0.7`, ...
    #[serde(default)]
    pub version: String,
    /// Signs each delivery; returned in clear by the service.
    pub signing_secret: Option<String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("event", &self.event)
            .field("target_url", &self.target_url)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// Body of `POST /webhooks/`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWebhook {
    /// Where to tell: absolute `http` or `https`, at most 255 characters.
    pub target_url: String,
    /// What to tell.
    pub event: Event,
    /// Active when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// Signs each delivery; at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// `0.7`; fixed for life, so clients always say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("NewWebhook");
        shown.field("target_url", &self.target_url).field("event", &self.event).finish_non_exhaustive()
    }
}

/// Body of `PUT /webhooks/{id}/`: what is absent stays as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookChange {
    /// Where to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_url: Option<String>,
    /// What to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Is anything sent?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// Signs each delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

impl std::fmt::Debug for WebhookChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("WebhookChange");
        shown.field("target_url", &self.target_url).field("event", &self.event).field("is_active", &self.is_active);
        shown.finish_non_exhaustive()
    }
}

/// Body of `DELETE /webhooks/unsubscribe/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// All subscriptions of this target go.
    pub target_url: String,
}

/// What is delivered to a subscription of version 0.7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Who brought it about.
    pub initiator: Initiator,
    /// Which subscription; names the event, and never the secret.
    pub hook: DeliveryHook,
    /// The file, with what add-ons found.
    pub data: File,
    /// Where the CDN serves it; null once removed.
    pub file: Option<String>,
    /// `file.info_updated` only: what was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_values: Option<PreviousValues>,
}

/// Who brought an event about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiator {
    /// A request, the service itself, or an add-on or conversion.
    #[serde(rename = "type")]
    pub kind: InitiatorKind,
    /// More about it.
    pub detail: InitiatorDetail,
}

/// Kinds of initiators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the service")]
pub enum InitiatorKind {
    Api,
    System,
    Addon,
}

/// More about an initiator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitiatorDetail {
    /// The request.
    pub request_id: Option<String>,
    /// An add-on's name, `zamzar_convert_document` or `zencoder_convert_video`.
    pub addon_name: Option<String>,
    /// Of what a derived file was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_file_uuid: Option<FileUuid>,
}

/// The subscription in a delivery: other names than in [`Webhook`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the service")]
pub struct DeliveryHook {
    pub id: WebhookId,
    pub project_id: u64,
    pub project_pub_key: PublicKey,
    pub target: String,
    pub event: Event,
    pub is_active: bool,
    pub version: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What was there before a change; null: there was nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PreviousValues {
    /// All application data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appdata: Option<Option<Appdata>>,
    /// All metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<BTreeMap<String, String>>>,
}
