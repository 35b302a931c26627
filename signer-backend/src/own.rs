//! What the signer does by itself, beside Uploadcare's operations: one row each, read by the decision, by `only` and
//! quotas in policies, and by the description of the API.

use updock_types::signer::paths;
use updock_types::{Area, Level, Method, OPERATIONS};

/// An operation of the signer's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its stable id.
    pub id: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path template.
    pub path: &'static str,
    /// What it touches.
    pub area: Area,
    /// The least level that allows it.
    pub level: Level,
    /// Who may come with it, if the policy lets them.
    pub callers: Callers,
    /// What it does, to follow "asked to".
    pub words: &'static str,
}

/// Who may come with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Programs, with a key or a token.
    Agents,
    /// Programs, and browsers on listed pages.
    AgentsAndVisitors,
}

/// To read what may be uploaded.
pub const UPLOAD_POLICY: Own = Own {
    id: "uploads.policy",
    method: Method::Get,
    path: paths::UPLOAD_POLICY,
    area: Area::Uploads,
    level: Level::Read,
    callers: Callers::AgentsAndVisitors,
    words: "read the upload policy",
};

/// To issue an upload credential.
pub const UPLOAD_CREDENTIAL: Own = Own {
    id: "uploads.credential",
    method: Method::Post,
    path: paths::UPLOAD_CREDENTIALS,
    area: Area::Uploads,
    level: Level::Write,
    callers: Callers::AgentsAndVisitors,
    words: "issue an upload credential",
};

/// To confirm what was uploaded: it ends in a stored file, as the credential does.
pub const UPLOAD_CONFIRM: Own = Own {
    id: "uploads.confirm",
    method: Method::Post,
    path: paths::UPLOADS_CONFIRM,
    area: Area::Uploads,
    level: Level::Write,
    callers: Callers::AgentsAndVisitors,
    words: "confirm an upload",
};

/// To verify a receipt.
pub const RECEIPT_VERIFY: Own = Own {
    id: "receipts.verify",
    method: Method::Post,
    path: paths::RECEIPTS_VERIFY,
    area: Area::Uploads,
    level: Level::Read,
    callers: Callers::Agents,
    words: "verify a receipt",
};

/// To hear what happens to files.
pub const EVENT_TOKEN: Own = Own {
    id: "events.token",
    method: Method::Post,
    path: paths::EVENT_TOKENS,
    area: Area::Uploads,
    level: Level::Read,
    callers: Callers::AgentsAndVisitors,
    words: "hear what happens to files",
};

/// To read the audit log: one's own records; those of others need full access.
pub const AUDIT_READ: Own = Own {
    id: "audit.read",
    method: Method::Get,
    path: paths::AUDIT,
    area: Area::Audit,
    level: Level::Read,
    callers: Callers::Agents,
    words: "read the audit log",
};

/// To ask why the policy allows or refuses something: about oneself; about others it needs full access.
pub const POLICY_EXPLAIN: Own = Own {
    id: "policy.explain",
    method: Method::Get,
    path: paths::POLICY_EXPLAIN,
    area: Area::Admin,
    level: Level::Read,
    callers: Callers::Agents,
    words: "ask the policy",
};

/// To see keys: one's own; those of others need full access.
pub const KEYS_LIST: Own = Own {
    id: "keys.list",
    method: Method::Get,
    path: paths::KEYS,
    area: Area::Admin,
    level: Level::Read,
    callers: Callers::Agents,
    words: "list agent keys",
};

/// To issue a key: for oneself; for others it needs full access.
pub const KEY_ISSUE: Own = Own {
    id: "keys.issue",
    method: Method::Post,
    path: paths::KEYS,
    area: Area::Admin,
    level: Level::Write,
    callers: Callers::Agents,
    words: "issue an agent key",
};

/// To make a narrower key of the one at hand. It gives nobody anything that was not there.
pub const KEY_DERIVE: Own = Own {
    id: "keys.derive",
    method: Method::Post,
    path: paths::KEYS_DERIVE,
    area: Area::Admin,
    level: Level::Read,
    callers: Callers::Agents,
    words: "derive a key from its own",
};

/// To end a key: of one's own agent; those of others need full access, the one at hand and its children less.
pub const KEY_REVOKE: Own = Own {
    id: "keys.revoke",
    method: Method::Post,
    path: paths::KEY_REVOKE,
    area: Area::Admin,
    level: Level::Write,
    callers: Callers::Agents,
    words: "revoke an agent key",
};

/// Every one.
pub const OWN: &[Own] = &[
    UPLOAD_POLICY,
    UPLOAD_CREDENTIAL,
    UPLOAD_CONFIRM,
    RECEIPT_VERIFY,
    EVENT_TOKEN,
    AUDIT_READ,
    POLICY_EXPLAIN,
    KEYS_LIST,
    KEY_ISSUE,
    KEY_DERIVE,
    KEY_REVOKE,
];

/// The ids of all operations that are decided on: Uploadcare's, then our own.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|row| row.id.as_str()).chain(OWN.iter().map(|own| own.id))
}

/// Who may come with what is at this path: agents only, where it is none of ours.
pub(crate) fn callers_at(path: &str) -> Callers {
    OWN.iter().find(|own| own.path == path).map_or(Callers::Agents, |own| own.callers)
}

/// Is this the id of an operation, of Uploadcare's or of our own? Its one spelling.
pub fn operation_id(text: &str) -> Option<&'static str> {
    ids().find(|id| *id == text)
}
