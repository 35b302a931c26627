//! The policy file as it is written. Unknown fields are refused everywhere; nothing here is checked beyond its shape.

use super::hooks::file as hooks;
use super::keeping::file as keeping;
use super::text::Rate;
use super::tokens::file as tokens;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use toml::Spanned;
use toml::value::Datetime;
use updock_types::policy::UploadPolicy;
use updock_types::{Area, Level};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub version: Spanned<u32>,
    #[serde(default)]
    pub server: Server,
    pub project: Project,
    #[serde(default)]
    pub upstream: Upstream,
    #[serde(default)]
    pub uploads: Uploads,
    #[serde(default)]
    pub defaults: Defaults,
    #[serde(default)]
    pub roles: BTreeMap<String, Spanned<Role>>,
    #[serde(default)]
    pub agents: BTreeMap<String, Spanned<Agent>>,
    #[serde(default)]
    pub state: keeping::State,
    #[serde(default)]
    pub audit: keeping::Audit,
    #[serde(default)]
    pub receipts: keeping::Receipts,
    pub webhooks: Option<hooks::Webhooks>,
    pub tokens: Option<tokens::Tokens>,
    pub shadow: Option<Shadow>,
}

/// A policy that is asked beside this one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shadow {
    pub file: Spanned<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub listen: Option<Spanned<String>>,
    pub public_url: Option<Spanned<String>>,
    pub max_connections: Option<Spanned<u32>>,
    pub max_connections_per_peer: Option<Spanned<u32>>,
    pub metrics: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    pub public_key: Spanned<String>,
    pub secret: Spanned<Source>,
    pub upload_secret: Option<Spanned<Source>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Upstream {
    pub rest: Option<Spanned<String>>,
    pub plain_http: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Uploads {
    pub policy: UploadPolicy,
    pub violations: Violations,
    pub visitors: Option<Spanned<Visitors>>,
    pub agents: Terms,
}

/// What becomes of a file that does not keep the upload policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Violations {
    /// It is not stored; its life of 24 hours ends it.
    #[default]
    Leave,
    /// It is deleted, if it was uploaded within the last day and nobody has stored it.
    Delete,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Visitors {
    pub origins: Spanned<Vec<Spanned<String>>>,
    pub rate: Option<Spanned<String>>,
    pub quota: Option<Spanned<String>>,
    pub ttl_max: Option<Spanned<String>>,
    pub operations_max: Option<Spanned<u32>>,
    #[serde(default)]
    pub signature: bool,
    pub store: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Terms {
    pub ttl_max: Option<Spanned<String>>,
    pub operations_max: Option<Spanned<u32>>,
    pub store: Option<bool>,
}

/// A table with a level for each area beside what else stands in it. Unknown fields cannot be refused where tables are
/// flattened into one another, so the areas are written into each.
macro_rules! with_levels {
    ($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$field_attribute])* pub $field: $type,)*
            files: Option<Spanned<Level>>,
            metadata: Option<Spanned<Level>>,
            groups: Option<Spanned<Level>>,
            uploads: Option<Spanned<Level>>,
            conversion: Option<Spanned<Level>>,
            addons: Option<Spanned<Level>>,
            webhooks: Option<Spanned<Level>>,
            project: Option<Spanned<Level>>,
            audit: Option<Spanned<Level>>,
            admin: Option<Spanned<Level>>,
        }

        impl $name {
            pub(super) fn level(&self, area: Area) -> Option<&Spanned<Level>> {
                match area {
                    Area::Files => self.files.as_ref(),
                    Area::Metadata => self.metadata.as_ref(),
                    Area::Groups => self.groups.as_ref(),
                    Area::Uploads => self.uploads.as_ref(),
                    Area::Conversion => self.conversion.as_ref(),
                    Area::Addons => self.addons.as_ref(),
                    Area::Webhooks => self.webhooks.as_ref(),
                    Area::Project => self.project.as_ref(),
                    Area::Audit => self.audit.as_ref(),
                    Area::Admin => self.admin.as_ref(),
                }
            }
        }
    };
}

with_levels! {
    struct Agent {
        name: Spanned<String>,
        #[serde(default)]
        keys: Option<Spanned<Vec<Spanned<Key>>>>,
        #[serde(default)]
        roles: Vec<Spanned<String>>,
        only: Option<Spanned<Vec<Spanned<String>>>>,
        rate: Option<Spanned<String>>,
        #[serde(default)]
        rates: BTreeMap<Spanned<String>, Spanned<String>>,
        #[serde(default)]
        quota: BTreeMap<Spanned<String>, Spanned<String>>,
        limits: Option<Spanned<AgentLimits>>,
        expires: Option<Spanned<Datetime>>,
        networks: Option<Spanned<Vec<Spanned<String>>>>,
        tokens: Option<Spanned<bool>>,
        #[serde(default)]
        acknowledged: bool,
    }
}

with_levels! {
    struct Role {
    }
}

/// What an agent has when nothing else is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    pub rate: Option<Spanned<String>>,
}

/// What narrows an agent beside `only`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AgentLimits {
    pub batch_max: Option<Spanned<u32>>,
    pub upload_credential: Option<UploadLimits>,
    pub webhook_targets: Option<Spanned<Vec<Spanned<String>>>>,
    pub copy_targets: Option<Spanned<Vec<Spanned<String>>>>,
    pub make_public: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UploadLimits {
    pub ttl_max: Option<Spanned<String>>,
    pub operations_max: Option<Spanned<u32>>,
    pub scope: Option<Spanned<Vec<Spanned<String>>>>,
    pub signature: Option<bool>,
}

/// Where a secret is read from.
pub(super) enum Source {
    Env(String),
    File(String),
}

/// A stored agent key.
pub(super) struct Key {
    pub sha256: String,
    pub id: Option<String>,
    pub expires: Option<Spanned<Datetime>>,
}

/// A table that people are tempted to replace by the secret itself. Such a text is refused here, by hand, so that
/// no message of the reader can repeat it.
struct NotText<T> {
    sentence: &'static str,
    table: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for NotText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table in braces")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
        Err(E::custom(self.sentence))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            env: Option<String>,
            file: Option<String>,
        }
        let sentence =
            "the secret itself must not stand in this file; write { env = \"NAME\" } or { file = \"/path\" }";
        let table = deserializer.deserialize_any(NotText::<Table> { sentence, table: PhantomData })?;
        match (table.env, table.file) {
            (Some(name), None) => Ok(Self::Env(name)),
            (None, Some(path)) => Ok(Self::File(path)),
            _ => {
                Err(D::Error::custom("a secret comes from one place; write { env = \"NAME\" } or { file = \"/path\" }"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            sha256: String,
            id: Option<String>,
            expires: Option<Spanned<Datetime>>,
        }
        let sentence = "an agent key must not stand in this file, only its digest: \
            make a new key with `updock-signer keys new` and write the line it prints";
        let table = deserializer.deserialize_any(NotText::<Table> { sentence, table: PhantomData })?;
        Ok(Self { sha256: table.sha256, id: table.id, expires: table.expires })
    }
}

/// Reads a rate, or the default.
pub(super) fn rate(text: Option<&Spanned<String>>) -> Result<Rate, (std::ops::Range<usize>, &'static str)> {
    text.map_or(Ok(Rate::default()), |text| text.get_ref().parse().map_err(|sentence| (text.span(), sentence)))
}
