//! What every request can reach.

use crate::{cdn::Workshop, config::Config, faults::Faults, journal::Journal, store::Store};
use std::{net::SocketAddr, sync::Arc};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<Store>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) workshop: Arc<Workshop>,
    /// What is listened on.
    pub(crate) address: SocketAddr,
}
