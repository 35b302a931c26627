//! The signer is killed under load, again and again. Whatever reached Uploadcare has its intention in the log, the chain
//! is whole, and no webhook counts twice.
//!
//! Fifty rounds, each ended at a random point; `cargo xtask crash --what signer --rounds 1000` makes more of them.

use crate::process::{Running, write_policy};
use crate::stage::{agent, bearer};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use updock_local::LocalUploadcare;
use updock_sign::{SecretKey, webhook_signature};
use updock_signer::audit::{Entry, verify};
use updock_signer::signing::Signing;
use updock_signer::state::{SqliteState, State};
use updock_types::FileUuid;

const HOOK_SECRET: &str = "hook-secret-for-tests";
const ROUNDS: u64 = 50;
const WORKERS: u64 = 8;

type Http = Client<HttpConnector, Full<Bytes>>;

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn uuid(number: u64) -> FileUuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    FileUuid::from_random_bytes(bytes)
}

/// A webhook about the file of this number, and its signature.
pub(crate) fn delivery(number: u64) -> (String, String) {
    let body = format!(
        "{{\"hook\":{{\"id\":7,\"event\":\"file.uploaded\",\"project_pub_key\":\"demopublickey\"}},\
         \"data\":{{\"uuid\":\"{}\"}}}}",
        uuid(number)
    );
    let signature = webhook_signature(&SecretKey::parse(HOOK_SECRET).unwrap(), body.as_bytes());
    (body, signature)
}

/// The secret of [`delivery`], as a file `hook`.
pub(crate) fn write_hook_secret(folder: &Path) {
    let hook = folder.join("hook");
    std::fs::write(&hook, HOOK_SECRET).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// The status, unless the other side is gone.
async fn ask(http: &Http, request: Request<Full<Bytes>>) -> Option<u16> {
    let response = http.request(request).await.ok()?;
    let status = response.status().as_u16();
    response.into_body().collect().await.ok()?;
    Some(status)
}

struct Load {
    key: String,
    slug: String,
    /// Gives each request a file of its own.
    next: AtomicU64,
    /// Webhooks that were not answered: they come again, as Uploadcare has it.
    pending: Mutex<Vec<u64>>,
    taken: Mutex<HashSet<u64>>,
}

impl Load {
    /// A request about the file of this number: reads and writes in turn, each with its own way through the signer.
    fn request(&self, base: &str, number: u64) -> Request<Full<Bytes>> {
        let file = uuid(number);
        let front = format!("/v1/uploadcare/files/{file}");
        let (method, target, body) = match number % 5 {
            0 => ("GET", format!("{front}/"), String::new()),
            1 => ("PUT", format!("{front}/storage/"), String::new()),
            2 => ("DELETE", format!("{front}/storage/"), String::new()),
            3 => ("PUT", format!("{front}/metadata/kind/"), "\"draft\"".to_owned()),
            _ => ("POST", "/v1/uploads/confirm".to_owned(), format!("{{\"uuid\":\"{file}\"}}")),
        };
        let request = Request::builder().method(method).uri(format!("{base}{target}"));
        let request = request.header("authorization", bearer(&self.key)).header("content-type", "application/json");
        request.body(Full::from(body)).unwrap()
    }

    async fn work(self: Arc<Self>, base: String) {
        let http: Http = Client::builder(TokioExecutor::new()).build_http();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if ask(&http, self.request(&base, number)).await.is_none() {
                return;
            }
            let hook = self.pending.lock().unwrap().pop().unwrap_or(number);
            let (body, signature) = delivery(hook);
            let sent =
                Request::post(format!("{base}/hooks/uploadcare/{}", self.slug)).header("x-uc-signature", signature);
            match ask(&http, sent.body(Full::from(body)).unwrap()).await {
                Some(200) => {
                    self.taken.lock().unwrap().insert(hook);
                }
                _ => self.pending.lock().unwrap().push(hook),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_random_points_under_load_loses_no_intention_and_counts_nothing_twice() {
    let (rounds, seed) = (number("UPDOCK_CRASH_ROUNDS", ROUNDS), number("UPDOCK_CRASH_SEED", 1));
    let mut chance = fastrand::Rng::with_seed(seed);
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_hook_secret(folder.path());
    let (key, section) = agent("media", "files = \"full\"\nmetadata = \"write\"\nuploads = \"write\"");
    let rules = format!("[webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n{section}");
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let database = folder.path().join("updock-signer.db");
    let slug = updock_signer::webhooks::slug(&SqliteState::open(&database).await.unwrap()).await.unwrap();
    let load =
        Arc::new(Load { key, slug, next: AtomicU64::new(1), pending: Mutex::default(), taken: Mutex::default() });

    // What of the path comes after the file tells the ways apart.
    let mut reached: HashMap<String, String> = HashMap::new();
    let mut last = 0;
    let mut round = 0;
    // On a busy machine the first answers may come later than the kill: then some more rounds are made.
    while round < rounds || (load.taken.lock().unwrap().is_empty() && round < 10 * rounds) {
        let mut running = Running::start(&policy, "warn").await;
        // Somebody has to read what it says.
        let mut lines = running.lines;
        let reading = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(Arc::clone(&load).work(running.base.clone()));
        }
        tokio::time::sleep(Duration::from_micros(chance.u64(1_000..120_000))).await;
        running.child.kill().await.unwrap();
        workers.join_all().await;
        reading.await.unwrap();
        for request in local.requests() {
            let path = request.path.strip_prefix("/files/").and_then(|path| path.split_once('/'));
            if let Some((file, rest)) = path.filter(|_| request.id > last) {
                reached.insert(file.to_owned(), format!("{} {rest}", request.method));
            }
        }
        last = local.requests().last().map_or(last, |request| request.id);
        round += 1;
    }
    check(&database, &reached, &load, round, seed).await;
}

async fn check(database: &Path, reached: &HashMap<String, String>, load: &Load, rounds: u64, seed: u64) {
    let state = SqliteState::open(database).await.unwrap();
    let mut intended = HashSet::new();
    let mut after = 0;
    loop {
        let page = state.chain("a".to_owned(), after, 1000).await.unwrap();
        let Some(row) = page.last() else { break };
        after = row.seq;
        for row in &page {
            let entry: Entry = serde_json::from_str(&row.record).unwrap();
            if entry.phase == "decision" {
                intended.extend(
                    entry.text.split_whitespace().map(|word| word.trim_end_matches(['.', ':', ',']).to_owned()),
                );
            }
        }
    }
    let unsaid: Vec<_> = reached.iter().filter(|(file, _)| !intended.contains(*file)).collect();
    assert!(unsaid.is_empty(), "seed {seed}: these reached Uploadcare without a word: {unsaid:?}");
    let key = Signing::kept(&state, updock_signer::audit::KEY).await.unwrap();
    let report = verify(&state, &key.verifying(), &[]).await.unwrap();
    assert_eq!(report.faults, [], "seed {seed}");

    let mut events: HashMap<String, u32> = HashMap::new();
    for event in state.events(0, u32::MAX).await.unwrap() {
        *events.entry(event.file.unwrap()).or_default() += 1;
    }
    let twice: Vec<_> = events.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "seed {seed}: these count twice: {twice:?}");
    let taken = load.taken.lock().unwrap();
    let lost: Vec<_> = taken.iter().filter(|number| !events.contains_key(&uuid(**number).to_string())).collect();
    assert!(lost.is_empty(), "seed {seed}: these were taken and are gone: {lost:?}");
    let ways: HashSet<&String> = reached.values().collect();
    // A confirmation reads, as the first way does.
    assert!(ways.len() == 4 && !taken.is_empty(), "seed {seed}: too little was tried: {ways:?}");
    println!(
        "{rounds} rounds (seed {seed}): {} requests reached Uploadcare, each with its intention among {} records; \
         {} webhooks, each once; the chain is whole",
        reached.len(),
        report.records,
        taken.len()
    );
}
