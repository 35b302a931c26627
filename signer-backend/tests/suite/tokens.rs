//! Tokens of an application's own identity provider: a real key server, real signatures, and the forgeries that
//! advisories tell of. Threat 3.

use crate::stage::{Setup, Stage, agent, bearer};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use updock_signer::decision::Verdict;

/// What the key server answers, and how often it was asked.
#[derive(Clone)]
struct Provider {
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
    address: String,
}

#[derive(Clone)]
enum Says {
    Keys(Value),
    TooMuch,
    Elsewhere(String),
    Nothing,
}

impl Provider {
    async fn start(keys: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        let provider = Self { says: Arc::new(Mutex::new(Says::Keys(keys))), asked: Arc::default(), address };
        let own = provider.clone();
        let router = Router::new().route("/keys", get(async move || own.answer()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    fn answer(&self) -> Response {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let says = self.says.lock().unwrap().clone();
        match says {
            Says::Keys(keys) => axum::Json(keys).into_response(),
            Says::TooMuch => vec![b' '; 10 * 1024 * 1024].into_response(),
            Says::Elsewhere(url) => (http::StatusCode::FOUND, [("location", url)]).into_response(),
            Says::Nothing => http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8, kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(seed).verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"})
}

fn stem(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn signed(seed: u8, header: &Value, claims: &Value) -> String {
    let stem = stem(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(key(seed).sign(stem.as_bytes()).to_bytes());
    format!("{stem}.{signature}")
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"})
}

fn claims() -> Value {
    json!({"iss": "https://login.example.com/", "aud": "signer", "exp": now() + 300, "sub": "user-42", "agent": "app"})
}

fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
    value
}

async fn stage(provider: &Provider, more: &str) -> Stage {
    let (_, keyed) = agent("keyed", "files = \"full\"");
    let policy = format!(
        "[tokens]\nissuer = \"https://login.example.com/\"\naudience = \"signer\"\njwks = \"{}\"\n{more}\n\
         [agents.app]\nname = \"The application\"\ntokens = true\nuploads = \"read\"\nadmin = \"write\"\n\
         [agents.lead]\nname = \"Lead\"\ntokens = true\nuploads = \"read\"\nadmin = \"full\"\nacknowledged = true\n\
         [agents.late]\nname = \"Late\"\ntokens = true\nuploads = \"read\"\nexpires = 2020-01-01T00:00:00Z\n{keyed}",
        provider.address
    );
    Setup::new(policy).start().await
}

const LOCAL: &str = "networks = [\"127.0.0.0/8\"]";

async fn ask(stage: &Stage, token: &str) -> u16 {
    stage.send("GET", "/v1/upload-policy", &[("authorization", &bearer(token))], "").await.status.as_u16()
}

#[tokio::test]
async fn a_good_token_is_an_agent_and_every_forged_one_is_nobody() {
    let shared = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"});
    let strange = json!({"kty": "a kind that nobody knows yet", "and": "much of it".repeat(3_000)});
    let provider = Provider::start(json!({"keys": [public(1, "one"), shared, strange]})).await;
    let stage = stage(&provider, LOCAL).await;
    let good = signed(1, &header(), &claims());
    assert_eq!(ask(&stage, &good).await, 200);
    let record = stage.log.records().pop().unwrap();
    assert_eq!(
        (record.caller.as_deref(), record.key_id, record.on_behalf_of.as_deref()),
        (Some("app"), None, Some("user-42"))
    );
    let many = stage.send("GET", "/v1/uploadcare/files/", &[("authorization", &bearer(&good))], "").await;
    assert_eq!(many.problem().missing.as_deref(), Some("files: read"), "it may what its agent may, and no more");

    let hmac = |secret: &[u8], header: &Value| {
        let stem = stem(header, &claims());
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(stem.as_bytes());
        format!("{stem}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let own_key = public(9, "one");
    for (name, token) in [
        ("alg none", format!("{}.", stem(&with(header(), &json!({"alg": "none"})), &claims()))),
        ("alg None", format!("{}.", stem(&with(header(), &json!({"alg": "None"})), &claims()))),
        (
            "HS256 with the public key",
            hmac(key(1).verifying_key().as_bytes(), &with(header(), &json!({"alg": "HS256"}))),
        ),
        ("HS256 with a published secret", hmac(b"secret", &json!({"alg": "HS256", "kid": "shared"}))),
        ("EdDSA named over a shared secret", hmac(b"secret", &json!({"alg": "EdDSA", "kid": "shared"}))),
        ("another key", signed(2, &header(), &claims())),
        ("an unknown kid", signed(1, &with(header(), &json!({"kid": "two"})), &claims())),
        ("a kid that is a path", signed(1, &with(header(), &json!({"kid": "../../dev/null"})), &claims())),
        ("a key of its own", signed(9, &with(header(), &json!({"jwk": own_key})), &claims())),
        ("an address of its own", signed(9, &with(header(), &json!({"jku": "http://127.0.0.1:9/keys"})), &claims())),
        ("another algorithm", signed(1, &with(header(), &json!({"alg": "ES256"})), &claims())),
        ("an extension that must be understood", signed(1, &with(header(), &json!({"crit": ["exp"]})), &claims())),
        ("no signature", format!("{}.", stem(&header(), &claims()))),
        ("over", signed(1, &header(), &with(claims(), &json!({"exp": now() - 120})))),
        ("without an end", signed(1, &header(), &with(claims(), &json!({"exp": null})))),
        ("not yet", signed(1, &header(), &with(claims(), &json!({"nbf": now() + 600})))),
        ("another issuer", signed(1, &header(), &with(claims(), &json!({"iss": "https://evil.test/"})))),
        ("no issuer", signed(1, &header(), &with(claims(), &json!({"iss": null})))),
        ("another audience", signed(1, &header(), &with(claims(), &json!({"aud": "other"})))),
        ("no audience", signed(1, &header(), &with(claims(), &json!({"aud": null})))),
        ("no agent", signed(1, &header(), &with(claims(), &json!({"agent": null})))),
        ("an agent that is none", signed(1, &header(), &with(claims(), &json!({"agent": "nobody"})))),
        ("an agent that comes by key only", signed(1, &header(), &with(claims(), &json!({"agent": "keyed"})))),
        ("an agent whose time is over", signed(1, &header(), &with(claims(), &json!({"agent": "late"})))),
        ("the visitor", signed(1, &header(), &with(claims(), &json!({"agent": "visitor"})))),
        ("a claim of another kind", signed(1, &header(), &with(claims(), &json!({"agent": ["app"]})))),
        ("too long", signed(1, &header(), &with(claims(), &json!({"more": "x".repeat(9000)})))),
        ("nothing", "..".to_owned()),
    ] {
        assert_eq!(ask(&stage, &token).await, 401, "{name}");
    }
    // These read well: several audiences of which one is ours, no kid where one key fits, and much that is not for us.
    for token in [
        signed(1, &header(), &with(claims(), &json!({"aud": ["other", "signer"]}))),
        signed(1, &with(header(), &json!({"kid": null})), &claims()),
        signed(1, &header(), &with(claims(), &json!({"more": "x".repeat(5000)}))),
    ] {
        assert_eq!(ask(&stage, &token).await, 200);
    }
    assert!(provider.asked() <= 2, "unknown keys made it ask {} times", provider.asked());
}

#[tokio::test]
async fn an_agent_is_named_by_the_claim_that_the_policy_names_and_by_no_other() {
    let provider = Provider::start(json!({"keys": [public(1, "one")]})).await;
    for (claim, says, expected) in [
        ("agent", json!({}), 200),
        ("agent", json!({"agent": null, "sub": "app"}), 401),
        ("sub", json!({"agent": null, "sub": "app"}), 200),
        ("sub", json!({}), 401),
        ("team", json!({"agent": null, "team": "app"}), 200),
        ("team", json!({"team": "nobody"}), 401),
    ] {
        let stage = stage(&provider, &format!("claim = \"{claim}\"\n{LOCAL}")).await;
        let token = signed(1, &header(), &with(claims(), &says));
        assert_eq!(ask(&stage, &token).await, expected, "{claim} where a token says {says}");
    }
}

#[tokio::test]
async fn who_comes_with_a_token_issues_keys_with_full_access_to_admin_only_and_derives_none() {
    let provider = Provider::start(json!({"keys": [public(1, "one")]})).await;
    let stage = stage(&provider, LOCAL).await;
    let token = signed(1, &header(), &claims());
    let problem = stage.ask(&token, "POST", "/v1/keys/self/derive", r#"{"grants":"all"}"#).await.problem();
    assert_eq!((problem.status, problem.missing.as_deref()), (403, None));
    assert!(problem.detail.contains("You came with a token, and keys are derived from keys"), "{}", problem.detail);
    let refused = stage.log.records().pop().unwrap();
    assert_eq!((refused.verdict, refused.on_behalf_of.as_deref()), (Some(Verdict::Deny), Some("user-42")));
    for asked in ["{}", r#"{"expires_in":60}"#, r#"{"agent":"keyed"}"#] {
        let problem = stage.ask(&token, "POST", "/v1/keys", asked).await.problem();
        assert_eq!((problem.status, problem.missing.as_deref()), (403, Some("admin: full")), "{asked}");
    }
    let token = signed(1, &header(), &with(claims(), &json!({"agent": "lead"})));
    let issued = stage.ask(&token, "POST", "/v1/keys", "{}").await;
    assert_eq!(issued.status, 201);
    let key = issued.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(stage.ask(&key, "GET", "/v1/upload-policy", "").await.status, 200);
    assert_eq!(stage.ask(&key, "POST", "/v1/keys/self/derive", r#"{"grants":"all"}"#).await.status, 201);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_an_outage_changes_nothing() {
    let provider = Provider::start(json!({"keys": [public(1, "one")]})).await;
    let stage = stage(&provider, LOCAL).await;
    assert_eq!(ask(&stage, &signed(1, &header(), &claims())).await, 200);
    provider.says(Says::Keys(json!({"keys": [public(2, "two"), public(1, "one")]})));
    let rotated = signed(2, &with(header(), &json!({"kid": "two"})), &claims());
    // Not at once: whoever invents key ids does not make it ask each time.
    assert_eq!(ask(&stage, &rotated).await, 401);
    let before = provider.asked();
    assert_eq!(before, 1);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    assert_eq!(ask(&stage, &rotated).await, 200);
    provider.says(Says::Nothing);
    assert_eq!(ask(&stage, &signed(1, &header(), &claims())).await, 200, "keys that are there go on");
}

#[tokio::test]
async fn keys_are_asked_for_by_the_rules_for_strangers() {
    let keys = json!({"keys": [public(1, "one")]});
    let elsewhere = Provider::start(keys.clone()).await;
    for (name, says, networks) in [
        ("a private address that no policy names", Says::Keys(keys.clone()), "networks = [\"10.0.0.0/8\"]"),
        ("too much", Says::TooMuch, LOCAL),
        ("a redirect", Says::Elsewhere(elsewhere.address.clone()), LOCAL),
        ("an outage", Says::Nothing, LOCAL),
    ] {
        let provider = Provider::start(Value::Null).await;
        provider.says(says);
        let stage = stage(&provider, networks).await;
        assert_eq!(ask(&stage, &signed(1, &header(), &claims())).await, 503, "{name}");
    }
    assert_eq!(elsewhere.asked(), 0);
}
