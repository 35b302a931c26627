//! Tokens of an application's own identity provider (JWT, RFC 7519), verified with the keys it publishes (JWKS, RFC
//! 7517): a claim names an agent of the policy, and only one that the policy says may come so.
//!
//! Invariant: the algorithms are asymmetric and listed, issuer and audience are fixed, an end is required; of the
//! token's header only `alg` and `kid` are read, so no token says where its own key is. Keys are asked for at a fixed
//! address, by the rules for everything the signer asks of strangers, and no more often than once in five seconds,
//! whatever comes in.

use crate::caller::{Caller, Proof};
use crate::policy::Policy;
use crate::problem::Fault;
use crate::webhooks::outward::{Outward, Refused};
use http::Uri;
use ipnet::IpNet;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use updock_types::signer::ProblemKind;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;
/// Largest key set that is read, in bytes.
const KEYS_MOST: usize = 64 * 1024;
/// Clocks may differ by this much, in seconds.
const LEEWAY: u64 = 60;
/// Keys are asked for no more often than this,
const PAUSE: Duration = Duration::from_secs(5);
/// and are fresh for so long. Older ones go on while nothing newer can be had,
const FRESH: Duration = Duration::from_mins(10);
/// but not for longer than this.
const LAST: Duration = Duration::from_hours(24);

/// Which tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTerms {
    /// Who makes them.
    pub issuer: String,
    /// For whom they are made: us.
    pub audience: String,
    /// Where its keys are.
    pub jwks: Uri,
    /// How they may be signed.
    pub algorithms: Vec<Algorithm>,
    /// The claim that names an agent.
    pub claim: String,
    /// Private networks where the keys may be.
    pub networks: Vec<IpNet>,
}

/// Verifies tokens; keeps the keys.
pub(crate) struct Tokens {
    outward: Outward,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    set: Vec<Jwk>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Has it the form of a token, rather than of an agent key?
pub(crate) fn is_token(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Tokens {
    pub(crate) fn new(terms: &TokenTerms) -> Self {
        Self { outward: Outward::new(&terms.networks), keys: Mutex::default() }
    }

    /// Whose token this is.
    pub(crate) async fn caller(
        &self,
        text: &str,
        peer: Option<IpAddr>,
        now: i64,
        terms: &TokenTerms,
        policy: &Policy,
    ) -> Result<Caller, Fault> {
        let unknown = || {
            // One answer for all: whoever made the token knows what is in it.
            Fault::new(ProblemKind::Unauthenticated, "This token is not good here, or not any more; get a new one.")
        };
        let header =
            Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| jsonwebtoken::decode_header(text).ok());
        let header = header.filter(|header| header.crit.is_none() && terms.algorithms.contains(&header.alg));
        let header = header.ok_or_else(unknown)?;
        let key = self.key(terms, header.kid.as_deref(), header.alg, Instant::now()).await?.ok_or_else(unknown)?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&terms.issuer]);
        validation.set_audience(&[&terms.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = jsonwebtoken::decode::<Claims>(text, &key, &validation).map_err(|_| unknown())?.claims;
        let named = claims.others.get(&terms.claim).and_then(Value::as_str);
        let named = named.or_else(|| claims.sub.as_deref().filter(|_| terms.claim == "sub")).ok_or_else(unknown)?;
        let agent = policy.agents.iter().find(|agent| agent.id == named && agent.tokens).ok_or_else(unknown)?;
        Caller::let_in(agent, Proof::Token { subject: claims.sub }, peer, now)
            .map_err(|fault| fault.unwrap_or_else(unknown))
    }

    /// The key with this id that fits the algorithm; asks for the keys if it is not there. `now` is when it was wanted.
    async fn key(
        &self,
        terms: &TokenTerms,
        kid: Option<&str>,
        alg: Algorithm,
        now: Instant,
    ) -> Result<Option<DecodingKey>, Fault> {
        // One asks, the others wait for what comes of it.
        let mut keys = self.keys.lock().await;
        let fresh = keys.fetched.is_some_and(|at| now.duration_since(at) < FRESH);
        if let Some(key) = keys.find(kid, alg).filter(|_| fresh) {
            return Ok(Some(key));
        }
        if keys.tried.is_none_or(|at| now.duration_since(at) >= PAUSE) {
            keys.tried = Some(now);
            match self.fetch(terms).await {
                Ok(set) => {
                    keys.set = set;
                    keys.fetched = Some(now);
                }
                Err(why) => tracing::error!(%why, "the keys that verify tokens cannot be had"),
            }
        }
        if keys.fetched.is_none_or(|at| now.duration_since(at) >= LAST) {
            let sentence = "The keys that verify tokens cannot be had right now; try again in some seconds.";
            return Err(Fault::new(ProblemKind::Unavailable, sentence).retry_after(PAUSE));
        }
        Ok(keys.find(kid, alg))
    }

    async fn fetch(&self, terms: &TokenTerms) -> Result<Vec<Jwk>, String> {
        let bytes = self.outward.read(terms.jwks.clone(), KEYS_MOST).await.map_err(|why: Refused| why.to_string())?;
        // A key of a kind we do not know is no reason to do without the others.
        let set: Value = serde_json::from_slice(&bytes).map_err(|_| "it is no JSON".to_owned())?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("it is no set of keys")?;
        let read = |key: &Value| serde_json::from_value::<Jwk>(key.clone()).ok();
        Ok(JwkSet { keys: keys.iter().filter_map(read).collect() }.keys)
    }
}

impl Keys {
    fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self.set.iter().filter(|key| fits(key, alg));
        let key = match kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_deref() == Some(kid)),
            // Without an id it must be clear which one is meant.
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        DecodingKey::from_jwk(key?).ok()
    }
}

/// Is it a public key of the kind that the algorithm needs, and meant for it?
fn fits(key: &Jwk, alg: Algorithm) -> bool {
    let kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => is_rsa(alg),
        AlgorithmParameters::EllipticCurve(_) => matches!(alg, Algorithm::ES256 | Algorithm::ES384),
        AlgorithmParameters::OctetKeyPair(_) => alg == Algorithm::EdDSA,
        // A shared secret in a public place verifies nothing.
        _ => false,
    };
    let meant = key.common.key_algorithm.is_none_or(|given| given.to_string() == format!("{alg:?}"));
    let signs =
        key.common.public_key_use.as_ref().is_none_or(|used| *used == jsonwebtoken::jwk::PublicKeyUse::Signature);
    kind && meant && signs
}

fn is_rsa(alg: Algorithm) -> bool {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    matches!(alg, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jwk(key: &Value) -> Jwk {
        serde_json::from_value(key.clone()).unwrap()
    }

    #[test]
    fn a_key_verifies_only_what_its_kind_its_algorithm_and_its_use_allow() {
        use Algorithm::{ES256, ES384, EdDSA, HS256, PS256, PS384, PS512, RS256, RS384, RS512};
        const ALL: [Algorithm; 10] = [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256];
        let rsa = json!({"kty": "RSA", "n": "sXch", "e": "AQAB"});
        let curve = json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"});
        let pair = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
        let with = |key: &Value, name: &str, value: &str| {
            let mut key = key.clone();
            key[name] = value.into();
            key
        };
        for (key, fitting) in [
            (rsa.clone(), &[RS256, RS384, RS512, PS256, PS384, PS512][..]),
            (curve.clone(), &[ES256, ES384]),
            (pair.clone(), &[EdDSA]),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), &[]),
            (with(&rsa, "alg", "PS256"), &[PS256]),
            (with(&curve, "alg", "ES256"), &[ES256]),
            (with(&pair, "alg", "EdDSA"), &[EdDSA]),
            (with(&pair, "alg", "ES256"), &[]),
            (with(&pair, "use", "sig"), &[EdDSA]),
            (with(&pair, "use", "enc"), &[]),
        ] {
            let fits: Vec<_> = ALL.into_iter().filter(|alg| fits(&jwk(&key), *alg)).collect();
            assert_eq!(fits, fitting, "{key}");
        }
    }

    #[tokio::test]
    async fn keys_are_fresh_for_ten_minutes_and_go_on_for_a_day_while_no_newer_ones_can_be_had() {
        // An address that no policy allows, so that asking fails at once.
        let jwks = Uri::from_static("http://127.0.0.1:9/keys");
        let (issuer, audience, claim) = ("i".to_owned(), "a".to_owned(), "agent".to_owned());
        let algorithms = vec![Algorithm::EdDSA];
        let terms = TokenTerms { issuer, audience, jwks, algorithms, claim, networks: Vec::new() };
        let tokens = Tokens::new(&terms);
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let set = vec![jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one"}))];
        let start = Instant::now();
        *tokens.keys.lock().await = Keys { set, fetched: Some(start), tried: None };
        // After so many seconds, is somebody asked for this key, and is it found?
        for (after, kid, asked, found) in [
            (0, "one", false, Ok(true)),
            (1, "two", true, Ok(false)),
            (5, "two", false, Ok(false)),
            (599, "one", false, Ok(true)),
            (600, "one", true, Ok(true)),
            (604, "one", false, Ok(true)),
            (605, "one", true, Ok(true)),
            (86_399, "one", true, Ok(true)),
            (86_400, "one", false, Err(503)),
            (86_404, "one", true, Err(503)),
        ] {
            let before = tokens.keys.lock().await.tried;
            let key = tokens.key(&terms, Some(kid), Algorithm::EdDSA, start + Duration::from_secs(after)).await;
            assert_eq!(key.map(|key| key.is_some()).map_err(|fault| fault.status()), found, "{kid} after {after} s");
            assert_eq!(tokens.keys.lock().await.tried != before, asked, "{kid} after {after} s");
        }
    }
}
