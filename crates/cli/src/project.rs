//! The project at hand: its keys and addresses, and the clients made of them.

use crate::args::{NewFileArgs, ProjectArgs, SignUploads, StoreArg};
use crate::error::{Failed, exit};
use std::fmt::Display;
use std::path::Path;
use std::sync::OnceLock;
use updock_client::{ApiKey, Base, Client, Credentials, FileOptions, Retry, Store, Uploader};
use updock_sign::SecretKey;
use updock_types::signer::{CredentialKind, CredentialRequest};
use updock_types::{FileUuid, GroupId, PublicKey};

/// Where secrets come from besides files.
const SECRET_VARIABLE: &str = "UPLOADCARE_SECRET_KEY";
/// Where Uploadcare serves files.
const CDN: &str = "https://ucarecdn.com/";

/// The project at hand.
pub(crate) struct Project<'a> {
    args: &'a ProjectArgs,
    key: OnceLock<Option<ApiKey>>,
}

impl<'a> Project<'a> {
    pub(crate) fn of(args: &'a ProjectArgs) -> Self {
        Self { args, key: OnceLock::new() }
    }

    fn public_key(&self) -> Result<PublicKey, Failed> {
        self.args.public_key.clone().ok_or_else(|| {
            Failed::new("which project? There is no public key")
                .hint("set UPLOADCARE_PUBLIC_KEY, or give --public-key; it is on the API keys page of your project")
                .exiting(exit::KEY)
        })
    }

    fn key(&self) -> Result<Option<ApiKey>, Failed> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = match (&self.args.secret_key_file, std::env::var(SECRET_VARIABLE)) {
            (Some(path), _) => Some(ApiKey::parse(&read(path)?).map_err(|error| unusable(path.display(), error))?),
            (None, Ok(text)) if !text.trim().is_empty() => {
                Some(ApiKey::parse(&text).map_err(|error| unusable(SECRET_VARIABLE, error))?)
            }
            (None, _) => None,
        };
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// A client of the REST API.
    pub(crate) fn client(&self) -> Result<Client, Failed> {
        let Some(key) = self.key()? else {
            return Err(Failed::new("this needs the project's secret key, or an agent's, and there is none")
                .hint("set UPLOADCARE_SECRET_KEY, or name a file with --secret-key-file")
                .exiting(exit::KEY));
        };
        let mut builder = Client::builder(self.public_key()?, key).retry(Retry::PATIENT);
        if let Some(base) = self.args.rest_base_url.clone().or_else(|| self.args.base_url.clone()) {
            builder = builder.rest(base);
        }
        Ok(builder.build())
    }

    /// A client of the Upload API, to upload so many files.
    pub(crate) async fn uploader(&self, files: usize) -> Result<Uploader, Failed> {
        let kind = match self.args.sign_uploads {
            SignUploads::No => None,
            SignUploads::Token => Some(CredentialKind::Jwt),
            SignUploads::Signature => Some(CredentialKind::Signature),
        };
        let credentials = match (kind, self.key()?) {
            (None, _) | (_, None) => Credentials::None,
            (Some(CredentialKind::Jwt), Some(ApiKey::Secret(secret))) => Credentials::Token(secret),
            (Some(CredentialKind::Signature), Some(ApiKey::Secret(secret))) => Credentials::Signature(secret),
            (Some(kind), Some(ApiKey::Agent(_))) => {
                // There is no second one: each file may be sent twice with this.
                let most = u32::try_from(files.saturating_mul(2)).unwrap_or(u32::MAX);
                let operations = (kind == CredentialKind::Jwt).then_some(most);
                let asked = CredentialRequest { kind, operations, ..CredentialRequest::default() };
                Credentials::Given(self.client()?.upload_credential(&asked).await?.credential)
            }
        };
        let mut builder = Uploader::builder(self.public_key()?).credentials(credentials).retry(Retry::PATIENT);
        if let Some(base) = self.args.upload_base_url.as_ref().or_else(|| self.everything()) {
            builder = builder.base(base.clone());
        }
        Ok(builder.build())
    }

    /// One address for all APIs, if there is one. A signer serves but the REST API.
    fn everything(&self) -> Option<&Base> {
        match self.key() {
            Ok(Some(ApiKey::Agent(_))) => None,
            Ok(Some(ApiKey::Secret(_)) | None) | Err(_) => self.args.base_url.as_ref(),
        }
    }

    /// Where the CDN serves a file.
    pub(crate) fn file_url(&self, file: FileUuid) -> String {
        format!("{}{file}/", self.cdn())
    }

    /// Where the CDN serves a group.
    pub(crate) fn group_url(&self, group: GroupId) -> String {
        format!("{}{group}/", self.cdn())
    }

    fn cdn(&self) -> String {
        self.everything().map_or_else(|| CDN.to_owned(), Base::to_string)
    }
}

/// A secret that stands alone in a file.
pub(crate) fn secret_in(path: &Path) -> Result<SecretKey, Failed> {
    SecretKey::parse(&read(path)?).map_err(|error| unusable(path.display(), error))
}

fn read(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|error| unusable(path.display(), error))
}

fn unusable(from: impl Display, why: impl Display) -> Failed {
    Failed::new(format!("{from}: {why}")).exiting(exit::KEY)
}

impl NewFileArgs {
    pub(crate) fn options(&self) -> FileOptions {
        let store = match self.store {
            StoreArg::Auto => Store::Auto,
            StoreArg::Yes => Store::Always,
            StoreArg::No => Store::Never,
        };
        FileOptions { store, metadata: self.metadata.clone(), tags: self.tag.clone() }
    }
}
