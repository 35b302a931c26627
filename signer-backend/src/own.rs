//! What the signer does by itself, beside Uploadcare's operations: one row each, read by the decision, by `only` and
//! quotas in policies, and by the description of the API.

use updock_types::signer::paths;
use updock_types::{Area, Level, Method};

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
    /// What it does, to follow "asked to".
    pub words: &'static str,
}

/// To read what may be uploaded.
pub const UPLOAD_POLICY: Own = Own {
    id: "uploads.policy",
    method: Method::Get,
    path: paths::UPLOAD_POLICY,
    area: Area::Uploads,
    level: Level::Read,
    words: "read the upload policy",
};

/// To issue an upload credential.
pub const UPLOAD_CREDENTIAL: Own = Own {
    id: "uploads.credential",
    method: Method::Post,
    path: paths::UPLOAD_CREDENTIALS,
    area: Area::Uploads,
    level: Level::Write,
    words: "issue an upload credential",
};

/// To confirm what was uploaded: it ends in a stored file, as the credential does.
pub const UPLOAD_CONFIRM: Own = Own {
    id: "uploads.confirm",
    method: Method::Post,
    path: paths::UPLOADS_CONFIRM,
    area: Area::Uploads,
    level: Level::Write,
    words: "confirm an upload",
};

/// To verify a receipt.
pub const RECEIPT_VERIFY: Own = Own {
    id: "receipts.verify",
    method: Method::Post,
    path: paths::RECEIPTS_VERIFY,
    area: Area::Uploads,
    level: Level::Read,
    words: "verify a receipt",
};

/// To hear what happens to files.
pub const EVENT_TOKEN: Own = Own {
    id: "events.token",
    method: Method::Post,
    path: paths::EVENT_TOKENS,
    area: Area::Uploads,
    level: Level::Read,
    words: "hear what happens to files",
};

/// To read the audit log: one's own records; those of others need full access.
pub const AUDIT_READ: Own = Own {
    id: "audit.read",
    method: Method::Get,
    path: paths::AUDIT,
    area: Area::Audit,
    level: Level::Read,
    words: "read the audit log",
};

/// To ask why the policy allows or refuses something: about oneself; about others it needs full access.
pub const POLICY_EXPLAIN: Own = Own {
    id: "policy.explain",
    method: Method::Get,
    path: paths::POLICY_EXPLAIN,
    area: Area::Admin,
    level: Level::Read,
    words: "ask the policy",
};

/// Every one.
pub const OWN: &[Own] =
    &[UPLOAD_POLICY, UPLOAD_CREDENTIAL, UPLOAD_CONFIRM, RECEIPT_VERIFY, EVENT_TOKEN, AUDIT_READ, POLICY_EXPLAIN];

/// Is this the id of an operation, of Uploadcare's or of our own? Its one spelling.
pub fn operation_id(text: &str) -> Option<&'static str> {
    let table = updock_types::OPERATIONS.iter().map(|row| row.id.as_str());
    table.chain(OWN.iter().map(|own| own.id)).find(|id| *id == text)
}
