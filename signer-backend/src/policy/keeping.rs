//! The sections `[state]`, `[audit]` and `[receipts]`: where the signer keeps what it must not forget, and with which
//! keys it signs.

use super::{Checker, PolicyError, Signs, text};
use crate::audit::AuditTerms;
use crate::signing::{Signing, from_hex};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// How it looks in the file.
pub(super) mod file {
    use super::super::file::Source;
    use crate::audit::OnFailure;
    use serde::Deserialize;
    use toml::Spanned;

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(in crate::policy) struct State {
        pub sqlite: Option<Spanned<String>>,
        pub postgres: Option<Spanned<Source>>,
    }

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(in crate::policy) struct Audit {
        pub on_failure: OnFailure,
        pub keep: Option<Spanned<String>>,
        pub checkpoint: Option<Spanned<String>>,
        pub key: Option<Spanned<Source>>,
    }

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(in crate::policy) struct Receipts {
        pub ttl: Option<Spanned<String>>,
        pub key: Option<Spanned<Source>>,
    }
}

/// Where the state is, and how it is kept.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// Where.
    pub place: Place,
    /// How the audit log is kept.
    pub audit: AuditTerms,
    /// Signs checkpoints; else one is made and kept in the state.
    pub audit_key: Option<Signing>,
    /// What receipts are.
    pub receipts: ReceiptTerms,
}

/// Where the state is. `Debug` shows no address, because it may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In this process only: for embedding.
    #[default]
    Memory,
    /// In a file.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, by its address.
    Postgres(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres([redacted])"),
        }
    }
}

/// What receipts are.
#[derive(Debug, Clone)]
pub struct ReceiptTerms {
    /// How long one is good.
    pub ttl: Duration,
    /// Signs them; else one is made and kept in the state.
    pub key: Option<Signing>,
}

impl Default for ReceiptTerms {
    /// One hour: a form is filled in and sent.
    fn default() -> Self {
        Self { ttl: Duration::from_hours(1), key: None }
    }
}

/// The state's file when nobody names one, beside the policy.
const STATE_FILE: &str = "updock-signer.db";

impl Checker<'_> {
    pub(super) fn keeping(
        &self,
        state: &file::State,
        audit: &file::Audit,
        receipts: &file::Receipts,
    ) -> Result<Keeping, PolicyError> {
        let file::State { sqlite, postgres } = state;
        let place = match (sqlite.as_ref(), postgres.as_ref()) {
            (None, None) => Place::Sqlite(self.sources.directory.join(STATE_FILE)),
            (Some(path), None) => Place::Sqlite(self.sources.directory.join(path.get_ref())),
            // Never opened: who opens the state has its address read.
            (None, Some(_)) if cfg!(feature = "postgres") && !self.secrets.hold_state() => {
                Place::Postgres(String::new())
            }
            (None, Some(source)) if cfg!(feature = "postgres") => {
                let address = self.secret_text(source, "the database's address")?.trim().to_owned();
                #[cfg(feature = "postgres")]
                if !crate::state::is_postgres_address(&address) {
                    let sentence = "this holds no address of a PostgreSQL database; \
                        it looks like postgres://user:password@host/database, with % escapes in user and password";
                    return Err(self.at(&source.span(), sentence));
                }
                Place::Postgres(address)
            }
            (None, Some(source)) => {
                return Err(self.at(&source.span(), "this program was built without PostgreSQL; name a file at sqlite"));
            }
            (Some(_), Some(source)) => {
                let sentence = "the state is in one place; write either sqlite or postgres below [state]";
                return Err(self.at(&source.span(), sentence));
            }
        };
        let mut terms = AuditTerms { on_failure: audit.on_failure, ..AuditTerms::default() };
        terms.keep = audit.keep.as_ref().map(|text| self.span_of_time(text)).transpose()?;
        if let Some(text) = &audit.checkpoint {
            terms.checkpoint_after = self.span_of_time(text)?;
        }
        let mut receipt_terms =
            ReceiptTerms { key: self.signing(Signs::Receipts, receipts.key.as_ref())?, ..ReceiptTerms::default() };
        if let Some(text) = &receipts.ttl {
            receipt_terms.ttl = self.span_of_time(text)?;
        }
        Ok(Keeping {
            place,
            audit: terms,
            audit_key: self.signing(Signs::Checkpoints, audit.key.as_ref())?,
            receipts: receipt_terms,
        })
    }

    fn span_of_time(&self, text: &Spanned<String>) -> Result<Duration, PolicyError> {
        match self.parsed(text, text::seconds)? {
            0 => Err(self.at(&text.span(), "this would be over before it began; write 1 second or more")),
            seconds => Ok(Duration::from_secs(seconds.into())),
        }
    }

    fn signing(
        &self,
        what: Signs,
        source: Option<&Spanned<super::file::Source>>,
    ) -> Result<Option<Signing>, PolicyError> {
        let Some(source) = source.filter(|_| self.secrets.hold_key_of(what)) else { return Ok(None) };
        let text = self.secret_text(source, "the signing key")?;
        let seed = from_hex(text.trim()).and_then(|seed| <[u8; 32]>::try_from(seed).ok()).ok_or_else(|| {
            let sentence = "a signing key is 32 random bytes as 64 small hexadecimal digits; \
                make one with: openssl rand -hex 32";
            self.at(&source.span(), sentence)
        })?;
        Ok(Some(Signing::from_seed(seed)))
    }
}
