//! The process is killed at bad moments; what it had acknowledged is there when it comes back.

use crate::client::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

/// A stand-in in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) http: Http,
}

impl Process {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    pub(crate) fn start_with(directory: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_updock-local"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory)
            .args(more)
            .env_remove("UPLOADCARE_SECRET_KEY")
            .env_remove("UPLOADCARE_PUBLIC_KEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("updock-local is listening on ").unwrap_or_else(|| panic!("{line}"));
        let http = Http::new(base.to_owned());
        Self { child, http }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Without any chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut pending: Option<(String, Vec<String>, bytes::Bytes)> = None;
    for round in 0..6 {
        let service = Process::start(directory.path());
        // An upload of which the last round left one part acknowledged, in place or beside it.
        if let Some((_, urls, whole)) = &pending {
            // The process came back on another port; what was signed is still good there.
            let rebased: Vec<String> = urls.iter().map(|url| rebase(url, service.http.base())).collect();
            for (url, part) in rebased.iter().zip(whole.chunks(5 * MIB)).skip(1) {
                assert_eq!(service.http.put(url, part.to_vec()).await.status, 200);
            }
        }
        if let Some((uuid, _, whole)) = pending.take() {
            assert_eq!(service.http.complete(&uuid).await.json()["size"], whole.len());
            acknowledged.insert(uuid, whole);
        }
        if round % 2 == 0 {
            let whole = bytes(300_000 + round, round as u64);
            let uuid = service.http.upload("direct.bin", "application/octet-stream", &whole).await;
            acknowledged.insert(uuid, whole);
        } else {
            let whole = bytes(11_000_000, round as u64);
            let (uuid, urls) = service.http.start(whole.len(), &[]).await;
            if round == 3 {
                service.http.put(&urls[0], bytes(5 * MIB, 99)).await; // so that the next lies beside its place
            }
            assert_eq!(service.http.put(&urls[0], whole.slice(..5 * MIB)).await.status, 200);
            pending = Some((uuid, urls, whole));
        }
        service.kill();
    }
    // Leftovers of requests that were cut off, as a crash leaves them.
    std::fs::write(directory.path().join("incoming").join(NOBODY), "half").unwrap();
    std::fs::write(directory.path().join("incoming").join(format!("{NOBODY}.remade")), "half").unwrap();
    let service = Process::start(directory.path());
    let listed = service.http.get("/_local/files?limit=1000").await.json();
    assert_eq!(listed.as_array().unwrap().len(), acknowledged.len(), "an orphan is listed, or a file is lost");
    for (uuid, whole) in &acknowledged {
        assert!(service.http.get(&format!("/{uuid}/")).await.body == *whole, "{uuid} is not what was sent");
    }
    let kept = pending.map(|(uuid, ..)| uuid);
    for entry in std::fs::read_dir(directory.path().join("incoming")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(kept.as_ref().is_some_and(|uuid| name.starts_with(uuid)), "{name} was not swept");
    }
}

/// What the clients of the crash test know for sure.
#[derive(Default)]
struct Known {
    /// Files that were acknowledged, by UUID, with the seed and size of their bytes.
    files: BTreeMap<String, (u64, usize)>,
    /// Multipart uploads that were started and whose completion was not acknowledged.
    open: BTreeMap<String, Open>,
}

struct Open {
    seed: u64,
    urls: Vec<String>,
    acknowledged: BTreeSet<usize>,
}

const LARGE: usize = 11_000_000;

/// Kills at random points while direct and multipart uploads are on their way. What was answered is there when the
/// process comes back, parts as well as files; what is listed is whole; and nothing else lies around. A short form of
/// `cargo xtask crash`, which gives the rounds and a new seed.
#[tokio::test]
async fn kill_9_at_random_points_under_load_loses_nothing_that_was_acknowledged() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("UPDOCK_CRASH_ROUNDS").unwrap_or(4);
    let seed = number("UPDOCK_CRASH_SEED").unwrap_or(11);
    println!("{rounds} rounds from seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().unwrap();
    let known = Arc::new(Mutex::new(Known::default()));
    let (mut killed_uploads, mut parts_kept) = (0, 0);
    for round in 0..rounds {
        let service = Process::start(directory.path());
        parts_kept += finish_open(&service.http, &known).await;
        verify(&service.http, &known).await;
        let open: Vec<String> = known.lock().unwrap().open.keys().cloned().collect();
        for entry in std::fs::read_dir(directory.path().join("incoming")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(open.iter().any(|uuid| name.starts_with(uuid)), "round {round}: {name} was not swept");
        }
        let workers: Vec<_> = (0..5)
            .map(|worker| {
                let (http, known) = (service.http.clone(), known.clone());
                let seed = (round * 10 + worker) * 1_000_000;
                tokio::spawn(async move {
                    if worker < 3 { send_small(http, known, seed).await } else { send_large(http, known, seed).await }
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(rng.u64(10..600))).await;
        service.kill();
        for worker in workers {
            worker.await.unwrap();
        }
        killed_uploads += known.lock().unwrap().open.len();
    }
    let service = Process::start(directory.path());
    parts_kept += finish_open(&service.http, &known).await;
    let files = verify(&service.http, &known).await;
    println!("{files} files, {killed_uploads} uploads cut off, {parts_kept} acknowledged parts used again");
    assert_eq!(std::fs::read_dir(directory.path().join("incoming")).unwrap().count(), 0, "not swept");
}

/// Uploads directly until nobody answers. The seed of a file's bytes is its name.
async fn send_small(http: Http, known: Arc<Mutex<Known>>, mut seed: u64) {
    loop {
        seed += 1;
        let size = 50_000 + usize::try_from(seed % 7).unwrap() * 40_000;
        let form = Form::new().file("file", &seed.to_string(), "text/plain", &bytes(size, seed)).build();
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let sent = http.try_send(http::Method::POST, "/base/", &[("content-type", &content_type)], form).await;
        let Ok(answer) = sent else { return };
        known.lock().unwrap().files.insert(answer.uuid("file"), (seed, size));
    }
}

/// Uploads in parts, two at a time, until nobody answers.
async fn send_large(http: Http, known: Arc<Mutex<Known>>, mut seed: u64) {
    loop {
        seed += 1;
        let form = format!("UPLOADCARE_PUB_KEY={KEY}&filename={seed}&size={LARGE}&content_type=video/mp4");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let Ok(answer) = http.try_send(http::Method::POST, "/multipart/start/", &headers, form).await else { return };
        let uuid = answer.uuid("uuid");
        let urls: Vec<String> = serde_json::from_value(answer.json()["parts"].take()).unwrap();
        let open = Open { seed, urls: urls.clone(), acknowledged: BTreeSet::new() };
        known.lock().unwrap().open.insert(uuid.clone(), open);
        let whole = bytes(LARGE, seed);
        let put = |at: usize| {
            let part = whole.slice(at * 5 * MIB..LARGE.min((at + 1) * 5 * MIB));
            let (http, url, known, uuid) = (http.clone(), urls[at].clone(), known.clone(), uuid.clone());
            async move {
                let answer = http.try_send(http::Method::PUT, &url, &[], part).await.ok()?;
                assert_eq!(answer.status, 200, "{}", answer.text());
                known.lock().unwrap().open.get_mut(&uuid).unwrap().acknowledged.insert(at);
                Some(())
            }
        };
        let (first, second) = tokio::join!(put(0), put(1));
        if first.and(second).is_none() || put(2).await.is_none() {
            return;
        }
        let form = format!("UPLOADCARE_PUB_KEY={KEY}&uuid={uuid}");
        let Ok(answer) = http.try_send(http::Method::POST, "/multipart/complete/", &headers, form).await else {
            return;
        };
        assert_eq!(answer.json()["size"], LARGE);
        let mut known = known.lock().unwrap();
        known.open.remove(&uuid);
        known.files.insert(uuid, (seed, LARGE));
    }
}

/// Sends the parts that were not acknowledged, and only those, and completes. Returns how many need not be sent again.
async fn finish_open(http: &Http, known: &Mutex<Known>) -> usize {
    let open = std::mem::take(&mut known.lock().unwrap().open);
    let mut kept = 0;
    for (uuid, upload) in open {
        let whole = bytes(LARGE, upload.seed);
        // Completed, perhaps, and only the answer was lost.
        if http.get(&format!("/info/?pub_key={KEY}&file_id={uuid}")).await.status != 200 {
            for (at, part) in whole.chunks(5 * MIB).enumerate().filter(|(at, _)| !upload.acknowledged.contains(at)) {
                assert_eq!(http.put(&rebase(&upload.urls[at], http.base()), part.to_vec()).await.status, 200);
            }
            kept += upload.acknowledged.len();
            let answer = http.complete(&uuid).await;
            assert_eq!(answer.json()["size"], LARGE, "an acknowledged part is lost");
        }
        known.lock().unwrap().files.insert(uuid, (upload.seed, LARGE));
    }
    kept
}

/// Everything acknowledged is there; everything listed is whole. Returns how many files that are.
async fn verify(http: &Http, known: &Mutex<Known>) -> usize {
    let listed = http.get("/_local/files?limit=1000").await.json();
    let listed: BTreeMap<&str, &serde_json::Value> =
        listed.as_array().unwrap().iter().map(|file| (file["uuid"].as_str().unwrap(), file)).collect();
    let acknowledged = known.lock().unwrap().files.clone();
    if listed.len() < 1000 {
        let lost: Vec<_> = acknowledged.keys().filter(|uuid| !listed.contains_key(uuid.as_str())).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
    for (uuid, file) in &listed {
        let seed: u64 = file["original_filename"].as_str().unwrap().parse().unwrap();
        let size = usize::try_from(file["size"].as_u64().unwrap()).unwrap();
        let body = http.get(&format!("/{uuid}/")).await.body;
        assert!(body == bytes(size, seed), "{uuid} is not what was sent");
        if let Some(expected) = acknowledged.get(*uuid) {
            assert_eq!((seed, size), *expected);
        }
    }
    listed.len()
}

fn rebase(url: &str, base: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap();
    format!("{base}/{path}")
}

#[tokio::test]
async fn two_processes_do_not_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Process::start(directory.path());
    let second = Command::new(env!("CARGO_BIN_EXE_updock-local"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path())
        .output()
        .unwrap();
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && message.contains("another updock-local works in"), "{message}");
}
