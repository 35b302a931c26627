//! What a page can set. Attributes, properties and the component's props all end here.

use updock_engine::{Config, CredentialSource, Start, Store};
use updock_types::{
    PublicKey, pieces,
    policy::{AcceptRule, UploadPolicy},
    signer::paths,
};

/// Settings of one widget. Empty texts are "not set".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the page's own switches, one an attribute")]
pub struct Options {
    /// The project's public key.
    pub public_key: String,
    /// Root of the Upload API; Uploadcare's own if empty.
    pub upload_base_url: String,
    /// Root of the CDN; for `cdnUrl` in what the page gets.
    pub cdn_base_url: String,
    /// Root of an `updock-signer`. Sets where credentials and confirmations come from.
    pub signer_url: String,
    /// Where upload credentials come from, if not from the signer.
    pub credentials_url: String,
    /// The page has a function that gives credentials; this goes before any URL.
    pub credentials_by_page: bool,
    /// May several files be chosen?
    pub multiple: bool,
    /// What types may come, as in HTML's `accept`.
    pub accept: String,
    /// Largest file: bytes, or a number with `KB`, `MB` or `GB`.
    pub max_file_size: String,
    /// Most files.
    pub max_files: Option<u32>,
    /// Are files kept? `auto`, `true` or `false`. If not set: with a signer `false`, since it stores what it confirms;
    /// else `auto`.
    pub store: String,
    /// Wait for a command before uploading?
    pub confirm: bool,
    /// Nothing can be added or changed.
    pub disabled: bool,
    /// How close rows stand.
    pub density: Density,
    /// Which widget of its page this is: uploads are gone on with by the one that began them. If empty, what is under way
    /// is not written down in the browser, and does not go on after a reload.
    pub scope: String,
}

/// How close rows stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Density {
    /// 64 px.
    #[default]
    Comfortable,
    /// 44 px.
    Compact,
}

impl Density {
    /// Height of a row, in CSS pixels. Fixed, so that the list knows where each row is without asking the page.
    pub fn row_height(self) -> u32 {
        match self {
            Self::Comfortable => 64,
            Self::Compact => 44,
        }
    }
}

impl Density {
    /// Its name in attributes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Comfortable => "comfortable",
            Self::Compact => "compact",
        }
    }
}

impl Options {
    /// What may be uploaded.
    pub fn policy(&self) -> UploadPolicy {
        UploadPolicy {
            max_file_size: parse_size(&self.max_file_size),
            max_files: if self.multiple { self.max_files } else { Some(1) },
            accept: AcceptRule::parse_list(&self.accept),
        }
    }

    /// The engine's settings; `None` without a usable public key.
    pub fn config(&self) -> Option<Config> {
        let mut config = Config::new(PublicKey::parse(self.public_key.trim_ascii()).ok()?);
        if !self.upload_base_url.is_empty() {
            root(&self.upload_base_url).clone_into(&mut config.upload_base);
        }
        let signer = root(&self.signer_url);
        config.credentials = if self.credentials_by_page {
            CredentialSource::Page
        } else if !self.credentials_url.is_empty() {
            CredentialSource::Url(self.credentials_url.clone())
        } else if !signer.is_empty() {
            CredentialSource::Url([signer, paths::UPLOAD_CREDENTIALS].concat())
        } else {
            CredentialSource::None
        };
        config.confirm_url = (!signer.is_empty()).then(|| [signer, paths::UPLOADS_CONFIRM].concat());
        config.policy = self.policy();
        config.store = match self.store.as_str() {
            "auto" => Store::Auto,
            "true" | "1" => Store::Always,
            "false" | "0" => Store::Never,
            // What is never confirmed disappears by itself after 24 hours; what is, the signer stores.
            _ if !signer.is_empty() => Store::Never,
            _ => Store::Auto,
        };
        config.start = if self.confirm { Start::OnCommand } else { Start::AtOnce };
        Some(config)
    }
}

/// Without final slashes.
fn root(url: &str) -> &str {
    pieces::without_end(url.trim_ascii(), b'/')
}

/// `5000000`, `20MB`, `1.5 GB`; units are powers of 1000. `None` if it is no size.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.').unwrap_or(text.len());
    let (whole, fraction) = pieces::cut(&text[..digits], b'.').unwrap_or((&text[..digits], ""));
    let unit: u64 = match text[digits..].trim_ascii().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        _ => return None,
    };
    let mut size = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        size += u64::from(digit.checked_sub(b'0')?) * place;
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, size) in [
            ("5000", Some(5000)),
            ("20MB", Some(20_000_000)),
            ("1.5 GB", Some(1_500_000_000)),
            ("2kb", Some(2000)),
            ("0.25M", Some(250_000)),
            ("", None),
            ("many", None),
            ("3 apples", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_size(text), size, "{text}");
        }
    }

    #[test]
    fn a_signer_gives_credentials_and_confirms_unless_the_page_knows_better() {
        let mut options = Options {
            public_key: "demopublickey".into(),
            signer_url: "https://s.example/".into(),
            ..Default::default()
        };
        let config = options.config().unwrap();
        assert_eq!(config.credentials, CredentialSource::Url("https://s.example/v1/upload-credentials".into()));
        assert_eq!(config.confirm_url.as_deref(), Some("https://s.example/v1/uploads/confirm"));
        assert_eq!(config.policy.max_files, Some(1), "one file unless `multiple`");
        assert_eq!(config.store, Store::Never, "the signer stores what it confirms");
        options.credentials_url = "/mine".into();
        assert_eq!(options.config().unwrap().credentials, CredentialSource::Url("/mine".into()));
        options.credentials_by_page = true;
        assert_eq!(options.config().unwrap().credentials, CredentialSource::Page);
        options.public_key = "not a key!".into();
        assert_eq!(options.config(), None);
    }
}
