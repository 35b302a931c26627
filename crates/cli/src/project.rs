//! The project at hand: its keys and addresses, and the clients made of them.

use crate::args::{NewFileArgs, ProjectArgs, SignUploads, StoreArg};
use crate::error::{Failed, exit};
use std::path::Path;
use std::sync::OnceLock;
use updock_client::{Base, Client, Credentials, FileOptions, Retry, Store, Uploader};
use updock_sign::SecretKey;
use updock_types::{FileUuid, GroupId, PublicKey};

/// Where secrets come from besides files.
const SECRET_VARIABLE: &str = "UPLOADCARE_SECRET_KEY";
/// Where Uploadcare serves files.
const CDN: &str = "https://ucarecdn.com/";

/// The project at hand.
pub(crate) struct Project<'a> {
    args: &'a ProjectArgs,
    secret: OnceLock<Option<SecretKey>>,
}

impl<'a> Project<'a> {
    pub(crate) fn of(args: &'a ProjectArgs) -> Self {
        Self { args, secret: OnceLock::new() }
    }

    fn public_key(&self) -> Result<PublicKey, Failed> {
        self.args.public_key.clone().ok_or_else(|| {
            Failed::new("which project? There is no public key")
                .hint("set UPLOADCARE_PUBLIC_KEY, or give --public-key; it is on the API keys page of your project")
                .exiting(exit::KEY)
        })
    }

    fn secret(&self) -> Result<Option<SecretKey>, Failed> {
        if let Some(secret) = self.secret.get() {
            return Ok(secret.clone());
        }
        let secret = match &self.args.secret_key_file {
            Some(path) => Some(secret_in(path)?),
            None => std::env::var(SECRET_VARIABLE).ok().and_then(|text| SecretKey::parse(&text).ok()),
        };
        Ok(self.secret.get_or_init(|| secret).clone())
    }

    /// A client of the REST API.
    pub(crate) fn client(&self) -> Result<Client, Failed> {
        let Some(secret) = self.secret()? else {
            return Err(Failed::new("this needs the project's secret key, and there is none")
                .hint("set UPLOADCARE_SECRET_KEY, or name a file with --secret-key-file")
                .exiting(exit::KEY));
        };
        let mut builder = Client::builder(self.public_key()?, secret).retry(Retry::PATIENT);
        if let Some(base) = self.args.rest_base_url.clone().or_else(|| self.args.base_url.clone()) {
            builder = builder.rest(base);
        }
        Ok(builder.build())
    }

    /// A client of the Upload API.
    pub(crate) fn uploader(&self) -> Result<Uploader, Failed> {
        let credentials = match (self.args.sign_uploads, self.secret()?) {
            (SignUploads::Token, Some(secret)) => Credentials::Token(secret),
            (SignUploads::Signature, Some(secret)) => Credentials::Signature(secret),
            (SignUploads::No, _) | (_, None) => Credentials::None,
        };
        let mut builder = Uploader::builder(self.public_key()?).credentials(credentials).retry(Retry::PATIENT);
        if let Some(base) = self.args.upload_base_url.clone().or_else(|| self.args.base_url.clone()) {
            builder = builder.base(base);
        }
        Ok(builder.build())
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
        self.args.base_url.as_ref().map_or_else(|| CDN.to_owned(), Base::to_string)
    }
}

/// A secret that stands alone in a file.
pub(crate) fn secret_in(path: &Path) -> Result<SecretKey, Failed> {
    let named = |what: String| Failed::new(format!("{}: {what}", path.display())).exiting(exit::KEY);
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    SecretKey::parse(&text).map_err(|error| named(error.to_string()))
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
