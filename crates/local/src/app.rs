//! What every request can reach.

use crate::{
    cdn::Workshop, clock::Clock, config::Config, events::Events, faults::Faults, fetch::Sources, jobs::Jobs,
    journal::Journal, rest::Kept, store::Store, throttle::Throttle,
};
use std::{net::SocketAddr, sync::Arc};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<Store>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) events: Arc<Events>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) jobs: Arc<Jobs>,
    /// What is listened on.
    pub(crate) address: SocketAddr,
}

impl App {
    /// The clock by which files expire and deliveries are repeated.
    pub(crate) fn clock(&self) -> Clock {
        Clock::new(self.config.clock_speed)
    }
}
