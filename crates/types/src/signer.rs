//! The signer's own requests and answers. All JSON; errors are [`Problem`] documents (RFC 9457).

use crate::{FileUuid, PublicKey, policy::UploadPolicy};
use serde::{Deserialize, Serialize};
use std::fmt;

mod keys;

pub use keys::*;

/// Paths of the signer's own surface.
pub mod paths {
    /// Issues an upload credential.
    pub const UPLOAD_CREDENTIALS: &str = "/v1/upload-credentials";
    /// Tells the upload policy.
    pub const UPLOAD_POLICY: &str = "/v1/upload-policy";
    /// Confirms an upload.
    pub const UPLOADS_CONFIRM: &str = "/v1/uploads/confirm";
    /// Says what a receipt says, if it is good.
    pub const RECEIPTS_VERIFY: &str = "/v1/receipts/verify";
    /// The public key that verifies receipts, as a JSON Web Key Set.
    pub const RECEIPT_KEYS: &str = "/.well-known/updock-receipts";
    /// Makes a token to hear of events with.
    pub const EVENT_TOKENS: &str = "/v1/event-tokens";
    /// Tells browsers of events.
    pub const EVENTS: &str = "/v1/events";
    /// Who did what, and why it was allowed or refused.
    pub const AUDIT: &str = "/v1/audit";
    /// Whether the policy allows something, and why.
    pub const POLICY_EXPLAIN: &str = "/v1/policy/explain";
    /// Starts a conversion or an add-on and waits for its end.
    pub const JOBS: &str = "/v1/jobs";
    /// Agent keys: lists them, issues one.
    pub const KEYS: &str = "/v1/keys";
    /// Ends an agent key.
    pub const KEY_REVOKE: &str = "/v1/keys/{key_id}/revoke";
    /// Makes a narrower key of the one that asks.
    pub const KEYS_DERIVE: &str = "/v1/keys/self/derive";
    /// Ends an agent key that was found somewhere.
    pub const REPORT_LEAK: &str = "/v1/keys/report-leak";
    /// Below it lies the REST API, same paths and bodies.
    pub const UPLOADCARE: &str = "/v1/uploadcare";
}

/// Which of the two upload credentials. Source: Upload API, Authentication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A JSON Web Token, limited in time, endpoints and operations. The default.
    #[default]
    Jwt,
    /// The deprecated pair of signature and expiry, for SDKs that know nothing else. Not limited in operations.
    Signature,
}

/// Body of `POST /v1/upload-credentials`; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialRequest {
    /// Seconds the credential should live; capped by the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// How many files it should be good for; capped by the policy. JWT only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u32>,
    /// Endpoints it should open, like `/base/` or `/multipart/*`; narrowed by the policy. JWT only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<String>>,
    /// On whose behalf, in the caller's own words; goes into the log, at most 64 characters.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Which credential.
    pub kind: CredentialKind,
}

/// An upload credential: what lets a browser upload, for a while. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Credential {
    /// Goes into `Authorization: Bearer`.
    Jwt {
        /// The token.
        token: String,
    },
    /// Goes into the form fields `signature` and `expire`.
    Signature {
        /// 64 hexadecimal digits.
        signature: String,
        /// Unix seconds.
        expire: u64,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jwt { .. } => "Jwt([redacted])",
            Self::Signature { .. } => "Signature([redacted])",
        })
    }
}

/// Answer of `POST /v1/upload-credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The credential.
    #[serde(flatten)]
    pub credential: Credential,
    /// The project it opens.
    pub public_key: PublicKey,
    /// Unix seconds; not good from then on.
    pub expires_at: u64,
    /// Unix seconds on the signer's clock, so that a browser with a wrong clock knows how long it has.
    pub server_time: u64,
    /// How many files it is good for; absent when not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<u32>,
    /// What may be uploaded with it.
    #[serde(default)]
    pub policy: UploadPolicy,
}

/// Body of `POST /v1/uploads/confirm`: `{"uuid": ...}` or `{"uuids": [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "AskedToConfirm")]
pub enum ConfirmRequest {
    /// One file; the answer is [`Confirmed`] or a [`Problem`].
    One {
        /// The uploaded file.
        uuid: FileUuid,
    },
    /// 1 to [`Self::MOST`] files; the answer is [`Confirmations`].
    Several {
        /// The uploaded files.
        uuids: Vec<FileUuid>,
    },
}

impl ConfirmRequest {
    /// Most files in one request: as many as the REST API stores at once.
    pub const MOST: usize = 100;
}

/// Both members may come; the error then says what is expected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedToConfirm {
    uuid: Option<FileUuid>,
    uuids: Option<Vec<FileUuid>>,
}

/// Why a body is no [`ConfirmRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected either `uuid`, or `uuids` with 1 to 100 of them")]
pub struct ConfirmRequestError;

impl TryFrom<AskedToConfirm> for ConfirmRequest {
    type Error = ConfirmRequestError;
    fn try_from(asked: AskedToConfirm) -> Result<Self, Self::Error> {
        match asked {
            AskedToConfirm { uuid: Some(uuid), uuids: None } => Ok(Self::One { uuid }),
            AskedToConfirm { uuid: None, uuids: Some(uuids) } if (1..=Self::MOST).contains(&uuids.len()) => {
                Ok(Self::Several { uuids })
            }
            _ => Err(ConfirmRequestError),
        }
    }
}

/// Answer of `POST /v1/uploads/confirm` for several files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmations {
    /// One for each file, in the order in which they were asked.
    pub results: Vec<Confirmation>,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Confirmation {
    /// It is confirmed.
    Confirmed(Confirmed),
    /// It is not.
    Refused {
        /// The file.
        uuid: FileUuid,
        /// Why.
        problem: Problem,
    },
}

/// Answer of `POST /v1/uploads/confirm`: the file's truth, read by the signer from the REST API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The file.
    pub uuid: FileUuid,
    /// Bytes, as the service counts them.
    pub size: u64,
    /// The media type: as detected from the bytes where the service tells, else as declared.
    pub mime_type: String,
    /// Is it kept beyond 24 hours?
    pub stored: bool,
    /// A signed statement of the above for the application's server, where the signer issues such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// Body of `POST /v1/receipts/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyReceiptRequest {
    /// As it came out of the form.
    pub receipt: String,
}

/// Body of `POST /v1/event-tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventTokenRequest {
    /// Of which files to hear.
    pub files: Vec<FileUuid>,
}

/// Answer of `POST /v1/event-tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedEventToken {
    /// Goes into the query of `GET /v1/events`.
    pub token: String,
    /// Unix seconds; not good from then on.
    pub expires_at: u64,
}

/// What kind of problem, stable over versions. As `type` it travels as `urn:updock:problem:<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request cannot be read.
    BadRequest,
    /// No credential, or one we do not know.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// The caller may do this once somebody else approves of it.
    ApprovalNeeded,
    /// There is nothing at this address.
    NotFound,
    /// The address exists, the method does not.
    MethodNotAllowed,
    /// The same request is running, or was begun and nobody knows what came of it.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body has a wrong media type.
    UnsupportedMediaType,
    /// The idempotency key belongs to another request.
    KeyReused,
    /// The file does not keep the upload policy.
    PolicyViolation,
    /// The receipt is not ours, was changed, or has expired.
    ReceiptInvalid,
    /// Too many requests.
    Throttled,
    /// Uploadcare cannot be reached or answered with nonsense.
    UpstreamUnavailable,
    /// Uploadcare took too long.
    UpstreamTimeout,
    /// Uploadcare refused the signer's own key.
    UpstreamRefused,
    /// Our own fault.
    Internal,
    /// We cannot take this request now.
    Unavailable,
}

impl ProblemKind {
    const TABLE: &[(Self, &'static str, u16, &'static str)] = &[
        (Self::BadRequest, "bad-request", 400, "The request cannot be read"),
        (Self::Unauthenticated, "unauthenticated", 401, "Who is calling?"),
        (Self::Forbidden, "forbidden", 403, "Not granted"),
        (Self::ApprovalNeeded, "approval-needed", 403, "Somebody else has to approve"),
        (Self::NotFound, "not-found", 404, "Nothing here"),
        (Self::MethodNotAllowed, "method-not-allowed", 405, "Method not allowed"),
        (Self::Conflict, "conflict", 409, "Running, or begun before"),
        (Self::TooLarge, "too-large", 413, "The request is too large"),
        (Self::UnsupportedMediaType, "unsupported-media-type", 415, "Unsupported media type"),
        (Self::KeyReused, "idempotency-key-reused", 422, "The idempotency key belongs to another request"),
        (Self::PolicyViolation, "policy-violation", 422, "The file does not keep the upload policy"),
        (Self::ReceiptInvalid, "receipt-invalid", 422, "The receipt is not good"),
        (Self::Throttled, "throttled", 429, "Too many requests"),
        (Self::Internal, "internal", 500, "Internal error"),
        (Self::UpstreamUnavailable, "upstream-unavailable", 502, "Uploadcare cannot be reached"),
        (Self::UpstreamRefused, "upstream-refused", 502, "Uploadcare refused the signer's key"),
        (Self::Unavailable, "unavailable", 503, "Not available right now"),
        (Self::UpstreamTimeout, "upstream-timeout", 504, "Uploadcare took too long"),
    ];

    fn row(self) -> &'static (Self, &'static str, u16, &'static str) {
        Self::TABLE.iter().find(|row| row.0 == self).unwrap_or(&Self::TABLE[13])
    }

    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|row| row.0)
    }

    /// The `type` member.
    pub fn uri(self) -> String {
        format!("urn:updock:problem:{}", self.row().1)
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().2
    }

    /// The `title` member.
    pub fn title(self) -> &'static str {
        self.row().3
    }
}

/// [`ProblemKind::UpstreamRefused`] as it travels: the one server fault that time does not mend.
pub const UPSTREAM_REFUSED: &str = "urn:updock:problem:upstream-refused";

/// A problem document. Source: RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable, see [`ProblemKind::uri`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of a kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One plain sentence about this very problem, with a next step.
    pub detail: String,
    /// The request, to find it in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The grant that would have been needed, like `files: full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Problem {
    /// A problem of a kind with its sentence.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            request_id: None,
            missing: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_travels_flat_and_shows_no_secret() {
        let json =
            r#"{"kind":"jwt","token":"abc","public_key":"demopublickey","expires_at":20,"server_time":10,"policy":{}}"#;
        let issued: IssuedCredential = serde_json::from_str(json).unwrap();
        assert_eq!(issued.credential, Credential::Jwt { token: "abc".into() });
        assert_eq!(serde_json::to_string(&issued).unwrap(), json);
        assert!(!format!("{issued:?}").contains("abc"));
    }

    #[test]
    fn an_empty_request_asks_for_a_token() {
        let request: CredentialRequest = serde_json::from_str("{}").unwrap();
        assert_eq!(request.kind, CredentialKind::Jwt);
        assert!(serde_json::from_str::<CredentialRequest>(r#"{"tll":3}"#).is_err());
    }

    #[test]
    fn every_problem_kind_has_its_row() {
        for kind in ProblemKind::all() {
            assert_eq!(kind.row().0, kind);
        }
        assert_eq!(ProblemKind::TABLE[13].0, ProblemKind::Internal, "what stands in for a missing row");
        assert_eq!(ProblemKind::UpstreamTimeout.status(), 504);
        assert_eq!(ProblemKind::Forbidden.uri(), "urn:updock:problem:forbidden");
        assert_eq!(ProblemKind::UpstreamRefused.uri(), UPSTREAM_REFUSED);
    }
}
