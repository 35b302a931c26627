//! Webhooks: from a real delivery of the stand-in's to a target and a browser; and everything that is not one.

use crate::http_client::{Reply, send};
use crate::keeping::run;
use crate::process::{Running, write_policy};
use crate::stage::{PAGE, PNG, VISITORS, agent, bearer, upload};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::HeaderMap;
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use updock_local::LocalUploadcare;
use updock_sign::{SecretKey, webhook_signature};
use updock_signer::state::SqliteState;

const TARGET_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOOK_SECRET: &str = "hook-secret-for-tests";

type Taken = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// Somebody who wants to know; refuses the first `refusals` deliveries.
async fn target(refusals: usize) -> (String, Taken) {
    let taken = Taken::default();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let handler = {
        let taken = Arc::clone(&taken);
        move |State(()): State<()>, headers: HeaderMap, body: String| async move {
            if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < refusals {
                return http::StatusCode::INTERNAL_SERVER_ERROR;
            }
            taken.lock().unwrap().push((headers, body));
            http::StatusCode::NO_CONTENT
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/files", post(handler))).await });
    (format!("http://{address}/files"), taken)
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1500 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} does not come");
}

struct Scene {
    local: LocalUploadcare,
    folder: tempfile::TempDir,
    policy: String,
    running: Running,
}

/// A signer that is told of events, with a target, by a policy that says where it listens.
async fn scene(target_url: &str, more: &str) -> Scene {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("target", TARGET_SECRET), ("hook", HOOK_SECRET)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    // Free a moment ago, and nobody else asks for a port by number.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rules = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n\
         [webhooks]\nevents = [\"file.uploaded\", \"file.deleted\"]\nsecrets = [{{ file = \"hook\" }}]\n\
         [webhooks.targets.cms]\nurl = \"{target_url}\"\nsecret = {{ file = \"target\" }}\nnetworks = [\"127.0.0.0/8\"]\n\
         {VISITORS}{more}"
    );
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let running = Running::start_at(&policy, "warn", &format!("127.0.0.1:{port}")).await;
    Scene { local, folder, policy, running }
}

impl Scene {
    /// The part of the address that only Uploadcare is told.
    async fn slug(&self) -> String {
        let state = SqliteState::open(&self.folder.path().join("updock-signer.db")).await.unwrap();
        updock_signer::webhooks::slug(&state).await.unwrap()
    }

    async fn hook(&self, slug: &str, body: &str, secret: &str) -> Reply {
        let signature = webhook_signature(&SecretKey::parse(secret).unwrap(), body.as_bytes());
        let headers = [("x-uc-signature", signature.as_str()), ("content-type", "application/json")];
        send(&self.running.base, "POST", &format!("/hooks/uploadcare/{slug}"), &headers, body.to_owned()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_told_to_the_target_and_to_the_browser() {
    let (url, taken) = target(0).await;
    let scene = scene(&url, "").await;
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(quiet && told.contains("Made a subscription to file.uploaded."), "{told}");
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(quiet && told.contains("The subscription to file.uploaded is as it should be."), "{told}");
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync", "--rotate"]);
    assert!(quiet && told.contains("Repaired the subscription to file.deleted"), "{told}");

    let uploaded = upload(&scene.local, &[("UPLOADCARE_STORE", "0")], &[], "a.png", PNG).await.json();
    let file = uploaded["file"].as_str().unwrap().to_owned();
    let (headers, body) = until("the event", || taken.lock().unwrap().first().cloned()).await;
    assert!(body.contains(&file));
    let header = |name: &str| headers[name].to_str().unwrap();
    let id = header("webhook-id");
    assert!(id.starts_with("evt_"));
    let secret = updock_signer::webhooks::TargetSecret::parse(TARGET_SECRET).unwrap();
    let signature = secret.sign(id, header("webhook-timestamp").parse().unwrap(), body.as_bytes());
    assert_eq!(header("webhook-signature"), signature);

    // A browser hears what happens next to its own file.
    let asked = format!("{{\"files\":[\"{file}\"]}}");
    let visitor = [("origin", PAGE), ("content-type", "application/json")];
    let token = send(&scene.running.base, "POST", "/v1/event-tokens", &visitor, asked).await.json();
    let token = token["token"].as_str().unwrap();
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = http::Request::get(format!("{}/v1/events?token={token}", scene.running.base)).header("origin", PAGE);
    let response = client.request(request.body(http_body_util::Full::default()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    let mut stream = response.into_body();
    let rest = updock_client::Client::builder(
        updock_types::PublicKey::parse("demopublickey").unwrap(),
        SecretKey::parse("demosecretkey").unwrap(),
    )
    .rest(updock_client::Base::parse(&scene.local.base_url()).unwrap())
    .build();
    rest.file_delete(updock_types::FileUuid::parse(&file).unwrap()).await.unwrap();
    let mut heard = String::new();
    while !heard.contains("file.deleted") {
        let frame = tokio::time::timeout(Duration::from_secs(15), stream.frame()).await.expect("an event in time");
        heard += std::str::from_utf8(&frame.unwrap().unwrap().into_data().unwrap()).unwrap();
    }
    assert!(heard.contains(&file) && !heard.contains("original_filename"), "{heard}");
    let bad = send(&scene.running.base, "GET", "/v1/events?token=abc", &[("origin", PAGE)], "").await;
    assert_eq!(bad.kind(), "unauthenticated");
}

fn body(file: &str, request: &str) -> String {
    format!(
        "{{\"initiator\":{{\"type\":\"api\",\"detail\":{{\"request_id\":\"{request}\"}}}},\
         \"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\"project_pub_key\":\"demopublickey\"}},\
         \"data\":{{\"uuid\":\"{file}\"}}}}"
    )
}

const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

#[tokio::test]
async fn a_webhook_that_comes_a_hundred_times_is_one_event() {
    let (url, taken) = target(0).await;
    let (key, section) = agent("lead", "audit = \"full\"");
    let mut scene = scene(&url, &section).await;
    let slug = scene.slug().await;
    let one = body(FILE, "r1");
    let replies = futures_util::future::join_all((0..100).map(|_| scene.hook(&slug, &one, HOOK_SECRET))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    // What is on its way when the process is killed is sent on a minute later; that is not what is asked for here.
    until("the first event", || (!taken.lock().unwrap().is_empty()).then_some(())).await;
    // Killed, started again, and sent again: still the same.
    scene.running.child.kill().await.unwrap();
    let address = scene.running.base.strip_prefix("http://").unwrap().to_owned();
    scene.running = Running::start_at(&scene.policy, "warn", &address).await;
    assert_eq!(scene.hook(&slug, &one, HOOK_SECRET).await.status, 200);
    assert_eq!(scene.hook(&slug, &body(FILE, "r2"), HOOK_SECRET).await.status, 200);
    let ids = until("both events", || {
        let taken = taken.lock().unwrap();
        let ids: std::collections::HashSet<_> =
            taken.iter().map(|(headers, _)| headers["webhook-id"].clone()).collect();
        (ids.len() == 2).then_some(ids)
    })
    .await;
    assert_eq!(ids.len(), 2);
    let headers = [("authorization", bearer(&key))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let log = send(&scene.running.base, "GET", "/v1/audit?area=webhooks", &headers, "").await.json();
    assert_eq!(log["records"].as_array().unwrap().len(), 2, "{log}");
}

#[tokio::test]
async fn what_is_no_webhook_of_ours_learns_nothing_and_does_nothing() {
    let (url, taken) = target(0).await;
    let scene = scene(&url, "").await;
    let slug = scene.slug().await;
    let good = body(FILE, "r1");
    assert_eq!(scene.hook("another", &good, HOOK_SECRET).await.kind(), "not-found");
    assert_eq!(scene.hook(&slug, &good, "another secret").await.kind(), "bad-request");
    assert_eq!(scene.hook(&slug, "{}", HOOK_SECRET).await.kind(), "bad-request");
    let foreign = good.replace("demopublickey", "otherpublickey");
    assert_eq!(scene.hook(&slug, &foreign, HOOK_SECRET).await.kind(), "bad-request");
    let target = format!("/hooks/uploadcare/{slug}");
    assert_eq!(send(&scene.running.base, "POST", &target, &[], good.clone()).await.kind(), "bad-request");
    let large = "x".repeat(300_000);
    assert_eq!(scene.hook(&slug, &large, HOOK_SECRET).await.kind(), "too-large");
    assert_eq!(send(&scene.running.base, "GET", &target, &[], "").await.status, 405);
    // The limit leaves room for a file about which much is known.
    let long = good.replacen('{', &format!("{{\"more\":\"{}\",", "x".repeat(250_000)), 1);
    assert_eq!(scene.hook(&slug, &long, HOOK_SECRET).await.status, 200);
    assert_eq!(scene.hook(&slug, &good, HOOK_SECRET).await.status, 200);
    // Two bodies, so two events; the one may be there before anybody looks for the other.
    until("two good events", || (taken.lock().unwrap().len() == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_subscription_is_an_alarm() {
    let (url, _) = target(0).await;
    let scene = scene(&url, "").await;
    let rest = updock_client::Client::builder(
        updock_types::PublicKey::parse("demopublickey").unwrap(),
        SecretKey::parse("demosecretkey").unwrap(),
    )
    .rest(updock_client::Base::parse(&scene.local.base_url()).unwrap())
    .build();
    rest.webhook_create(updock_types::rest::NewWebhook {
        target_url: "http://127.0.0.1:9/copies".to_owned(),
        event: updock_types::Event::FileUploaded,
        is_active: Some(true),
        signing_secret: None,
        version: Some("0.7".to_owned()),
    })
    .await
    .unwrap();
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(!quiet && told.contains("ALARM: webhook"), "{told}");
    assert!(told.contains("\"http://127.0.0.1:9/copies\""), "{told}");
}

/// Uploadcare, asked without the signer.
fn rest(scene: &Scene) -> updock_client::Client {
    let public_key = updock_types::PublicKey::parse("demopublickey").unwrap();
    updock_client::Client::builder(public_key, SecretKey::parse("demosecretkey").unwrap())
        .rest(updock_client::Base::parse(&scene.local.base_url()).unwrap())
        .build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_subscription_shows_no_secret_and_is_changed_by_nobody_but_sync() {
    let (url, _) = target(0).await;
    let (chief, all) = agent("chief", "webhooks = \"full\"");
    let (switch, some) = agent("switch", "webhooks = \"write\"");
    let (reader, little) = agent("reader", "webhooks = \"read\"");
    let scene = scene(&url, &(all + &some + &little)).await;
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(quiet, "{told}");
    let there = rest(&scene).webhooks_list().await.unwrap();
    let (ours, slug) = (&there[0], scene.slug().await);
    let secret = ours.signing_secret.clone().unwrap();
    assert!(ours.target_url.ends_with(&slug), "{}", ours.target_url);
    let ask = async |key: &str, method: &str, path: &str, body: &str| {
        let authorization = bearer(key);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        send(&scene.running.base, method, &format!("/v1/uploadcare/webhooks/{path}"), &headers, body.to_owned()).await
    };
    let one = format!("{}/", ours.id.0);
    for key in [&chief, &switch, &reader] {
        for path in ["", &one] {
            let reply = ask(key, "GET", path, "").await;
            let text = String::from_utf8(reply.body.to_vec()).unwrap();
            assert_eq!(reply.status, 200, "{text}");
            assert!(!text.contains(&slug) && !text.contains(&secret), "{text}");
            assert!(text.contains("/hooks/uploadcare/hidden"), "it is not there at all: {text}");
        }
    }
    let named = format!("{{\"target_url\":\"{}\"}}", ours.target_url);
    let another = format!("{{\"target_url\":\"{}\",\"event\":\"file.stored\"}}", ours.target_url);
    let foreign =
        "{\"target_url\":\"http://127.0.0.1:9/copies\",\"event\":\"file.uploaded\",\"signing_secret\":\"theirs\"}";
    for (key, method, path, body) in [
        (&switch, "PUT", one.as_str(), "{\"is_active\":false}"),
        (&chief, "PUT", &one, "{\"is_active\":false}"),
        (&chief, "PUT", &one, "{\"signing_secret\":\"mine\"}"),
        (&chief, "PUT", &one, foreign),
        (&chief, "DELETE", &one, ""),
        (&chief, "DELETE", "unsubscribe/", &named),
        (&chief, "POST", "", &another),
    ] {
        let problem = ask(key, method, path, body).await.problem();
        assert_eq!(problem.status, 403, "{method} {path} {body}");
        assert!(problem.detail.contains("only `updock-signer webhooks sync` changes it"), "{}", problem.detail);
    }
    assert_eq!(rest(&scene).webhooks_list().await.unwrap(), there, "something was changed");

    // What is not ours is as it was: shown to whoever may see it, changed, and not made ours.
    let made = ask(&chief, "POST", "", foreign).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["signing_secret"], "theirs");
    let theirs = format!("{}/", made["id"]);
    assert_eq!(ask(&switch, "PUT", &theirs, "{\"is_active\":false}").await.status, 200);
    assert_eq!(ask(&chief, "PUT", &theirs, &named).await.kind(), "forbidden");
    assert_eq!(ask(&chief, "DELETE", &theirs, "").await.status, 204);
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(quiet && told.contains("The subscription to file.uploaded is as it should be."), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sync_was_asked_and_what_it_did_stands_in_the_log() {
    let (url, _) = target(0).await;
    let scene = scene(&url, "").await;
    let theirs = updock_types::rest::NewWebhook {
        target_url: "http://127.0.0.1:9/s3cret-path".to_owned(),
        event: updock_types::Event::FileUploaded,
        is_active: Some(true),
        signing_secret: None,
        version: Some("0.7".to_owned()),
    };
    let plain = "asked to set up the signer's own webhooks. Allowed: commands may.";
    let rotating = "asked to set up the signer's own webhooks, with a new secret. Allowed: commands may.";
    let (made, repaired) = ("made the subscription to", "repaired the subscription to");
    let done = |did: &str| format!("The signer's own webhooks are set up: {did} file.uploaded, {did} file.deleted");
    let broken = updock_local::Effect { status: Some(500), ..updock_local::Effect::default() };
    let broken = updock_local::Fault { effect: broken, ..updock_local::Fault::default() };
    let mut secrets = Vec::new();
    let mut expected = Vec::new();
    for (arguments, faults, foreign, asked, ended) in [
        (&["sync"][..], vec![], false, plain, format!("{}.", done(made))),
        (&["sync", "--rotate"], vec![], false, rotating, format!("{}.", done(repaired))),
        (&["sync", "--rotate"], vec![broken], false, rotating, "own webhooks are not set up: Uploadcare: ".to_owned()),
        (&["sync"], vec![], true, plain, format!("{}, found that webhook 3 tells somebody else of", done(repaired))),
    ] {
        let fails = !faults.is_empty();
        if foreign {
            rest(&scene).webhook_create(theirs.clone()).await.unwrap();
        }
        scene.local.set_faults(faults);
        let (quiet, told) = run(&scene.policy, &[&["webhooks"], arguments].concat());
        assert_eq!(quiet, !fails && !foreign, "{told}");
        scene.local.set_faults(vec![]);
        secrets.extend(rest(&scene).webhooks_list().await.unwrap().into_iter().filter_map(|hook| hook.signing_secret));
        expected.extend([asked.to_owned(), ended]);
    }
    let (good, told) = run(&scene.policy, &["audit", "search", "--area", "webhooks", "--json"]);
    assert!(good, "{told}");
    let mut records: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by_key(|record| record["seq"].as_i64());
    let texts: Vec<&str> = records.iter().map(|record| record["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, expected) in texts.iter().zip(&expected) {
        assert!(text.contains(expected.as_str()), "{expected}: {text}");
    }
    // Each pair has a request id of its own.
    for pair in records.chunks(2) {
        assert_eq!((&pair[0]["phase"], &pair[1]["phase"]), (&"decision".into(), &"outcome".into()), "{pair:?}");
        assert_eq!(pair[0]["operation"], "webhooks.sync");
        assert_eq!(pair[0]["request"], pair[1]["request"]);
    }
    let ids: std::collections::HashSet<_> = records.iter().filter_map(|record| record["request"].as_str()).collect();
    assert_eq!(ids.len(), records.len() / 2, "{records:?}");
    let slug = scene.slug().await;
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 3, "a secret of a rotation that broke off is kept, and told by the next run");
    for secret in secrets.iter().chain([&slug]).map(String::as_str).chain(["s3cret-path"]) {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    let (whole, told) = run(&scene.policy, &["audit", "verify"]);
    assert!(whole, "{told}");
}

/// A subscription of somebody's to uploads.
async fn subscribe(scene: &Scene, target_url: String) {
    let webhook = updock_types::rest::NewWebhook {
        target_url,
        event: updock_types::Event::FileUploaded,
        is_active: Some(true),
        signing_secret: None,
        version: Some("0.7".to_owned()),
    };
    rest(scene).webhook_create(webhook).await.unwrap();
}

/// Writes other text into the policy.
fn rewrite(scene: &Scene, before: &str, after: &str) {
    let text = std::fs::read_to_string(&scene.policy).unwrap();
    assert!(text.contains(before), "{before}: {text}");
    std::fs::write(&scene.policy, text.replacen(before, after, 1)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ours_and_not_wanted_any_more_is_removed_by_sync() {
    let (url, _) = target(0).await;
    let scene = scene(&url, "").await;
    let slug = scene.slug().await;
    let (quiet, told) = run(&scene.policy, &["webhooks", "sync"]);
    assert!(quiet && told.matches("Made a subscription").count() == 2, "{told}");
    let old = format!("public_url = \"{}\"", scene.running.base);
    let all = "events = [\"file.uploaded\", \"file.deleted\"]";
    let there = async || {
        let there = rest(&scene).webhooks_list().await.unwrap();
        there.into_iter().map(|hook| format!("{} {}", hook.event, hook.target_url)).collect::<Vec<_>>()
    };
    let moved = "https://signer-that-has-moved-to-a-longer-name.example.com";
    for (before, after, arguments, expected, left) in [
        // Another address: what was made before is at the old one.
        (
            old.clone(),
            format!("public_url = \"{moved}\""),
            &["sync"][..],
            &["Removed webhook 1, an old one of this signer's own for \"file.uploaded\"", "Removed webhook 2"][..],
            vec![
                format!("file.uploaded {moved}/hooks/uploadcare/{slug}"),
                format!("file.deleted {moved}/hooks/uploadcare/{slug}"),
            ],
        ),
        // An event less.
        (
            all.to_owned(),
            "events = [\"file.uploaded\"]".to_owned(),
            &["sync", "--json"],
            &["{\"finding\":\"good\",\"event\":\"file.uploaded\"}", "{\"finding\":\"removed\",\"id\":4,"],
            vec![format!("file.uploaded {moved}/hooks/uploadcare/{slug}")],
        ),
        // None at all.
        (
            "events = [\"file.uploaded\"]".to_owned(),
            "events = []".to_owned(),
            &["sync"],
            &["Removed webhook 3, an old one"],
            vec![],
        ),
        ("events = []".to_owned(), "events = [ ]".to_owned(), &["sync"], &["The policy names no events, and"], vec![]),
    ] {
        rewrite(&scene, &before, &after);
        let (quiet, told) = run(&scene.policy, &[&["webhooks"], arguments].concat());
        assert!(quiet && !told.contains(&slug[..20]), "{after}: {told}");
        for expected in expected {
            assert!(told.contains(expected), "{after}: {expected}: {told}");
        }
        let mut there = there().await;
        there.sort_by_key(|hook| std::cmp::Reverse(hook.clone()));
        assert_eq!(there, left, "{after}");
    }
    let (good, told) = run(&scene.policy, &["audit", "search", "--area", "webhooks"]);
    for id in 1..=4 {
        assert!(good && told.contains(&format!("removed webhook {id}, an old one of its own for ")), "{told}");
    }
    assert!(!told.contains(&slug[..20]), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alarm_tells_nothing_of_our_own_address() {
    let (url, _) = target(0).await;
    let scene = scene(&url, "").await;
    let slug = scene.slug().await;
    // A sentence cuts what it quotes after 64 characters.
    subscribe(&scene, format!("http://127.0.0.1:9/a-long-path-of-somebody-else/{slug}/more")).await;
    subscribe(&scene, format!("http://127.0.0.1:9/copies?of={}", &slug[..20])).await;
    for arguments in [&["webhooks", "sync"][..], &["webhooks", "sync", "--json"]] {
        let (quiet, told) = run(&scene.policy, arguments);
        assert!(!quiet && told.contains("127.0.0.1:9/copies?of=hidden"), "{told}");
        let parts = |length: usize| (0..=slug.len() - length).map(move |at| at..at + length);
        for part in parts(8) {
            assert!(!told.contains(&slug[part.clone()]), "{part:?}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replayed_stands_in_the_log_with_its_outcome() {
    use updock_signer::state::{Delivery, ErrandOutcome, State as _};
    let folder = tempfile::tempdir().unwrap();
    let policy = write_policy(folder.path(), "demosecretkey\n", "http://127.0.0.1:9/", VISITORS);
    let state = SqliteState::open(&folder.path().join("updock-signer.db")).await.unwrap();
    let event = Delivery {
        dedupe: "d1".to_owned(),
        event: "file.uploaded".to_owned(),
        file: Some(FILE.to_owned()),
        terminal: false,
        version: None,
        body: "{}".to_owned(),
        at: 1,
        keep: 100,
        targets: vec!["cms".to_owned()],
    };
    state.receive(event).await.unwrap();
    let errand = state.due(5, 50, 1).await.unwrap().remove(0);
    assert_eq!(errand.id, 1);
    state.ran(errand.id, ErrandOutcome::Dead { error: "500".to_owned() }).await.unwrap();
    let (good, told) = run(&policy, &["webhooks", "replay", "1"]);
    assert!(good && told.contains("1 is sent again."), "{told}");
    let (good, told) = run(&policy, &["webhooks", "replay", "1"]);
    assert!(!good && told.contains("1 is not among what could not be sent"), "{told}");
    let (_, told) = run(&policy, &["audit", "search", "--operation", "webhooks.replay"]);
    assert_eq!(told.lines().count(), 2, "{told}");
    for expected in
        ["asked to send dead webhook 1 again. Allowed: commands may. [", "Dead webhook 1 is to be sent again."]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let (whole, told) = run(&policy, &["audit", "verify"]);
    assert!(whole && told.contains(" 0 requests without an outcome"), "{told}");
}
