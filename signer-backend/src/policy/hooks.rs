//! The section `[webhooks]`: what Uploadcare tells us, and whom we tell.

use super::{Checker, PolicyError};
use crate::random::base62;
use crate::webhooks::{HookTerms, Target, TargetSecret};
use std::collections::BTreeMap;
use toml::Spanned;
use updock_types::Event;

/// How it looks in the file.
pub(super) mod file {
    use super::super::file::Source;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use toml::Spanned;
    use updock_types::Event;

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(in crate::policy) struct Webhooks {
        pub events: Vec<Event>,
        pub secrets: Vec<Spanned<Source>>,
        pub targets: BTreeMap<String, Spanned<Target>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(in crate::policy) struct Target {
        pub url: Spanned<String>,
        pub secret: Spanned<Source>,
        #[serde(default)]
        pub events: Vec<Event>,
        #[serde(default)]
        pub networks: Vec<Spanned<String>>,
    }
}

impl Checker<'_> {
    pub(super) fn webhooks(&self, webhooks: &file::Webhooks) -> Result<HookTerms, PolicyError> {
        let file::Webhooks { events, secrets, targets } = webhooks;
        Ok(HookTerms {
            events: distinct(events),
            secrets: secrets.iter().map(|source| self.secret(source)).collect::<Result<_, _>>()?,
            targets: self.targets(targets)?,
        })
    }

    /// An address that the signer itself will ask or tell something.
    pub(super) fn outward_address(
        &self,
        url: &Spanned<String>,
        networks: &[Spanned<String>],
    ) -> Result<http::Uri, PolicyError> {
        let uri: http::Uri = url.get_ref().parse().map_err(|_| self.at(&url.span(), "this is no address"))?;
        let plain = uri.scheme_str() == Some("http");
        let bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !bare || !(plain || uri.scheme_str() == Some("https")) {
            let sentence = "expected an address like https://hooks.example.com/path, without user or password";
            return Err(self.at(&url.span(), sentence));
        }
        if plain && networks.is_empty() {
            let sentence = "plain http would let others on the way read along; write https, \
                or name the private network it is in, like networks = [\"10.0.0.0/8\"]";
            return Err(self.at(&url.span(), sentence));
        }
        Ok(uri)
    }

    fn targets(&self, targets: &BTreeMap<String, Spanned<file::Target>>) -> Result<Vec<Target>, PolicyError> {
        let mut checked = Vec::new();
        for (name, target) in targets {
            let file::Target { url, secret, events, networks } = target.get_ref();
            self.outward_address(url, networks)?;
            let key = self.secret_text_or(secret, "the target's secret", || format!("whsec_{}", base62(32)))?;
            let secret = TargetSecret::parse(&key).ok_or_else(|| {
                let sentence = "a target's secret is `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it; \
                    make one with: echo whsec_$(openssl rand -base64 32)";
                self.at(&secret.span(), sentence)
            })?;
            checked.push(Target {
                name: name.clone(),
                url: url.get_ref().clone(),
                secret,
                events: distinct(events),
                networks: networks.iter().map(|text| self.network(text)).collect::<Result<_, _>>()?,
            });
        }
        Ok(checked)
    }
}

fn distinct(events: &[Event]) -> Vec<Event> {
    let mut once = Vec::new();
    for event in events {
        if !once.contains(event) {
            once.push(*event);
        }
    }
    once
}
