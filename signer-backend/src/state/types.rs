//! What goes in and out of a [`State`](super::State).

use std::time::Duration;

/// Why something could not be remembered or found again.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database said no.
    #[error("the database failed: {}", said(.0))]
    Database(#[from] sqlx::Error),
    /// The database is not ours, or was written by a newer program.
    #[error("the database is not ours, or a newer program wrote it: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The server of the database lets nobody in, or not us.
    #[error("PostgreSQL at {place} cannot be used: {why}")]
    Unreachable {
        /// Its address, our name there and the database's, without the password.
        place: String,
        /// What the system or the server said.
        why: String,
    },
    /// The database's file cannot be used.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// One sentence with a next step.
        why: String,
    },
    /// Nothing was kept there yet, and whoever only reads makes nothing.
    #[error(
        "there is no state at {place}; compare [state] in the policy with where the signer runs, which makes it when it \
         starts"
    )]
    Absent {
        /// Where.
        place: String,
    },
    /// Nobody else sees it.
    #[error(
        "this policy keeps its state in memory, where only the running signer sees it; ask that over HTTP, or name a file \
         below [state]"
    )]
    InMemory,
    /// Whoever writes has ended.
    #[error("the state is closed")]
    Closed,
}

/// What the database says of itself, without the line of its own source that PostgreSQL adds.
pub(super) fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => format!("error returned from database: {}", error.message()),
        _ => error.to_string(),
    }
}

/// A row of the audit log as it is stored: its record, and of that what searches look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Whose chain.
    pub node: String,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// Unix microseconds.
    pub at: i64,
    /// `decision`, `outcome` or `event`.
    pub phase: String,
    /// The request.
    pub request: Option<String>,
    /// The agent's id, or `visitor`.
    pub caller: Option<String>,
    /// Like `files.delete`.
    pub operation: Option<String>,
    /// Like `files`.
    pub area: Option<String>,
    /// `allow` or `deny`.
    pub verdict: Option<String>,
    /// The whole record, byte for byte as it was hashed.
    pub record: String,
    /// SHA-256 of `record`, in hexadecimal.
    pub hash: String,
}

/// Who writes a chain of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainFor {
    /// A signer, as long as it runs.
    Signer,
    /// A command, for a moment, beside a signer that may be running.
    Command,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    /// Whose chain.
    pub node: String,
    /// The last number, 0 for none.
    pub seq: i64,
    /// The last hash, empty for none.
    pub hash: String,
}

/// Which rows of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this caller.
    pub caller: Option<String>,
    /// In this area.
    pub area: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// With this verdict.
    pub verdict: Option<String>,
    /// Of this request.
    pub request: Option<String>,
    /// Whose sentence or record holds this text.
    pub text: Option<String>,
    /// From this Unix microsecond.
    pub from: Option<i64>,
    /// Before this Unix microsecond.
    pub to: Option<i64>,
    /// Older than this row: time, node, number.
    pub before: Option<(i64, String, i64)>,
    /// How many at most.
    pub most: u32,
}

/// What a [`Mark`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// The chain was this long, and said this, at that time.
    Checkpoint,
    /// Up to here rows were deleted because of their age.
    Tombstone,
}

impl MarkKind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Tombstone => "tombstone",
        }
    }

    /// As it was stored.
    pub fn parse(text: &str) -> Self {
        if text == "tombstone" { Self::Tombstone } else { Self::Checkpoint }
    }
}

/// A signed statement about a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What for.
    pub kind: MarkKind,
    /// Whose chain.
    pub node: String,
    /// Of the row with this number
    pub seq: i64,
    /// this is the hash,
    pub hash: String,
    /// said at this Unix microsecond,
    pub at: i64,
    /// signed with Ed25519, in hexadecimal.
    pub signature: String,
}

/// An agent key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its public part.
    pub id: String,
    /// Whose.
    pub agent: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: String,
    /// What people call it.
    pub label: Option<String>,
    /// The key it was derived from.
    pub parent: Option<String>,
    /// What narrows it, as JSON; what it means is the caller's business.
    pub narrowed: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Not good from then on.
    pub expires_at: Option<i64>,
    /// Revoked then.
    pub revoked_at: Option<i64>,
    /// Last seen then, roughly.
    pub used_at: Option<i64>,
}

/// May it go on?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It may, and was counted.
    Yes,
    /// It must wait this long, and was not counted.
    Wait(Duration),
}

/// Was it within the quota?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It was, and so much is left.
    Yes {
        /// Left.
        left: u32,
    },
    /// It was not, and nothing was spent.
    No {
        /// Spent before.
        used: u32,
    },
}

/// What became of a claim on an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is yours: act, then settle it.
    Yours,
    /// The same request is running.
    Running,
    /// Another request has this key.
    Different,
    /// It was claimed, and whoever claimed it has gone without saying what came of it.
    Lost,
    /// It was done; this is what was answered.
    Done(KeptAnswer),
}

/// An answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A webhook as it came, read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What makes it the same as another.
    pub dedupe: String,
    /// Like `file.uploaded`.
    pub event: String,
    /// The file it is about.
    pub file: Option<String>,
    /// Does nothing come after it for this file?
    pub terminal: bool,
    /// What orders events of a file that overtake each other, as sortable text.
    pub version: Option<String>,
    /// The body.
    pub body: String,
    /// Unix milliseconds.
    pub at: i64,
    /// Is forgotten then.
    pub keep: i64,
    /// Whom to send it on to, by name.
    pub targets: Vec<String>,
}

/// Was it new?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was.
    New {
        /// Its position.
        position: i64,
        /// Something newer about this file came before it, so it was kept and sent to nobody.
        late: bool,
    },
    /// It was not, and nothing was done.
    Seen,
}

/// An event as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Grows, with gaps.
    pub position: i64,
    /// Like `file.uploaded`.
    pub event: String,
    /// The file it is about.
    pub file: Option<String>,
    /// The body.
    pub body: String,
    /// Unix milliseconds.
    pub at: i64,
    /// See [`Received::New`].
    pub late: bool,
}

/// Something to send to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its id; stays the same over all attempts.
    pub id: i64,
    /// To whom, by name.
    pub target: String,
    /// What makes the event what it is; stays the same over all targets.
    pub dedupe: String,
    /// Like `file.uploaded`.
    pub event: String,
    /// The body.
    pub body: String,
    /// Unix milliseconds of the event.
    pub at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub error: Option<String>,
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandOutcome {
    /// It arrived.
    Done,
    /// It did not; again at this time.
    Again {
        /// Unix milliseconds.
        at: i64,
        /// What went wrong.
        error: String,
    },
    /// It did not, and nobody tries again.
    Dead {
        /// What went wrong.
        error: String,
    },
}
