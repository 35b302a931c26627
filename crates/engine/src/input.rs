//! What comes in.

use crate::{Answer, Config, FileKey, RequestId};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A person (or the page) added files. They get the keys from [`crate::Engine::next_key`] on, in order.
    FilesAdded(Vec<NewFile>),
    /// A person (or the page) asked for something.
    Command(Command),
    /// So many bytes of a request's body have left, since its start. Counts of the form around a file may be included.
    Progressed {
        /// Which request.
        request: RequestId,
        /// Bytes.
        sent: u64,
    },
    /// A request has ended. Later inputs about it are ignored.
    Answered {
        /// Which request.
        request: RequestId,
        /// How.
        answer: Answer,
    },
    /// The browser's or system's opinion of the network.
    Network(Network),
    /// The most requests that may be in flight from now on; for a driver that shares a budget among engines.
    Budget(u8),
    /// From now on these settings hold; what is in flight goes on as it is.
    Configured(Box<Config>),
    /// Time has passed; see [`crate::Engine::deadline`].
    Tick,
}

/// A file's facts. Its bytes stay with the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// As the person knows it; any text.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// As told by the browser or by the first bytes; empty when unknown.
    pub media_type: String,
}

/// What a person can ask for. What makes no sense in a file's state does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Upload what is ready.
    Start(Which),
    /// Stop sending; keep what was sent.
    Pause(Which),
    /// Go on after a pause.
    Resume(Which),
    /// Try a failed or cancelled file again, keeping finished parts where they are good.
    Retry(Which),
    /// Stop and give up; the row stays, as failed, and can be retried.
    Cancel(Which),
    /// Stop if need be and take the row away.
    Remove(Which),
}

/// Which files a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every file for which it makes sense.
    All,
    /// This one.
    One(FileKey),
}

/// Is there a network?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As far as is known.
    Online,
    /// Surely not: nothing is sent, and no attempt is spent.
    Offline,
}
