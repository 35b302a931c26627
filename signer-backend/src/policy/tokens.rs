//! The section `[tokens]`: an application's own identity provider, whose tokens agents may come with.

use super::{Checker, PolicyError};
use crate::tokens::TokenTerms;
use jsonwebtoken::Algorithm;
use toml::Spanned;

/// How it looks in the file.
pub(super) mod file {
    use serde::Deserialize;
    use toml::Spanned;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(in crate::policy) struct Tokens {
        pub issuer: Spanned<String>,
        pub audience: Spanned<String>,
        pub jwks: Spanned<String>,
        pub algorithms: Option<Spanned<Vec<Spanned<String>>>>,
        pub claim: Option<Spanned<String>>,
        #[serde(default)]
        pub networks: Vec<Spanned<String>>,
    }
}

/// The algorithms that can be listed. Symmetric ones cannot: whoever can verify with them can also sign.
const KNOWN: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The names of the algorithms that can be listed.
pub(super) fn names() -> Vec<&'static str> {
    KNOWN.iter().map(|(name, _)| *name).collect()
}

impl Checker<'_> {
    pub(super) fn tokens(&self, tokens: &file::Tokens) -> Result<TokenTerms, PolicyError> {
        let file::Tokens { issuer, audience, jwks, algorithms, claim, networks } = tokens;
        for text in [issuer, audience].into_iter().chain(claim.as_ref()) {
            if text.get_ref().trim().is_empty() {
                return Err(
                    self.at(&text.span(), "this must say something: a token is held against it, letter by letter")
                );
            }
        }
        let algorithm = |text: &Spanned<String>| {
            let known = KNOWN.iter().find(|(name, _)| name == text.get_ref());
            known.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
                let sentence = format!(
                    "tokens are taken with asymmetric signatures only: {}; a shared secret or none at all proves nothing",
                    names().join(", ")
                );
                self.at(&text.span(), sentence)
            })
        };
        let algorithms = match algorithms {
            None => vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            Some(list) if list.get_ref().is_empty() => {
                return Err(self.at(&list.span(), "with no algorithm no token is good; list some, like [\"ES256\"]"));
            }
            Some(list) => list.get_ref().iter().map(algorithm).collect::<Result<_, _>>()?,
        };
        Ok(TokenTerms {
            issuer: issuer.get_ref().clone(),
            audience: audience.get_ref().clone(),
            jwks: self.outward_address(jwks, networks)?,
            algorithms,
            claim: claim.as_ref().map_or_else(|| "agent".to_owned(), |claim| claim.get_ref().clone()),
            networks: networks.iter().map(|text| self.network(text)).collect::<Result<_, _>>()?,
        })
    }
}
