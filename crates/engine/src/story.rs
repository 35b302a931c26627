//! What happened to a file, moment by moment, for whoever wants to know why it took so long.
//!
//! A story holds no name, address, credential or sentence of a server's, so that it can be handed on as it is. It is
//! bounded: the oldest moments give way. A file to which nothing has happened has none.

mod text;

use crate::{Cause, Millis};
use std::collections::VecDeque;

/// Most moments that are kept of one file.
const MOST_MOMENTS: usize = 48;

/// What happened to one file, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// When the file was added.
    pub added: Millis,
    /// How many moments before the first that is kept are left out.
    pub left_out: u32,
    /// The moments.
    pub moments: VecDeque<Moment>,
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Millis,
    /// What.
    pub what: Event,
}

/// What can happen to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A credential came, for which it had waited.
    Credential,
    /// A request left.
    Sent {
        /// Which.
        request: Errand,
        /// With how many files.
        files: u16,
    },
    /// The service keeps a place for it.
    Started {
        /// In so many parts.
        parts: u16,
    },
    /// Every byte has left and was taken.
    Arrived,
    /// A request failed, and goes again.
    Again {
        /// Which.
        request: Errand,
        /// Which part, from 1; 0 where there are none.
        part: u16,
        /// Why.
        cause: Cause,
        /// After this wait.
        wait: Millis,
    },
    /// The server asks to wait for so long.
    Throttled {
        /// How long.
        wait: Millis,
    },
    /// The service refused the credential; another one is asked for.
    Renewed,
    /// A request of several files was refused or failed, and goes again with fewer.
    Parted,
    /// What the service had of it is lost: it begins anew.
    Anew(Cause),
    /// Whether it is complete nobody knows: the service is asked.
    Inspected(Cause),
    /// The network went away.
    Offline,
    /// The network is back.
    Online,
    /// A person paused it.
    Paused,
    /// A person let it go on.
    Resumed,
    /// A person wanted another try.
    Retried,
    /// A person gave it up.
    Cancelled,
    /// It is there.
    Done,
    /// It failed for good, for this reason; see [`crate::Failure`].
    Failed(&'static str),
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// The file in one request.
    Upload,
    /// The start of an upload in parts.
    Start,
    /// A part.
    Part,
    /// The end of an upload in parts.
    Complete,
    /// To look at it.
    Look,
    /// To have it fetched, or to ask after that.
    Fetch,
    /// To have it confirmed.
    Confirm,
    /// A credential.
    Credential,
}

impl Story {
    pub(crate) fn tell(&mut self, at: Millis, what: Event) {
        if self.moments.len() == MOST_MOMENTS {
            self.moments.pop_front();
            self.left_out += 1;
        }
        self.moments.push_back(Moment { at, what });
    }
}
