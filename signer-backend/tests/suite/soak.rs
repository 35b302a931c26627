//! The signer under load of every kind for as long as you like: its memory stays flat once it is warm, and no file stays
//! open. Rates are fixed, so that a signer that slows down shows instead of being asked less.
//!
//! A test run takes some seconds; `cargo xtask soak signer --minutes 30` takes longer.

use crate::crash::{delivery, number, write_hook_secret};
use crate::process::{Running, write_policy};
use crate::stage::{PAGE, VISITORS, agent, bearer};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use updock_local::LocalUploadcare;
use updock_signer::key::AgentKey;
use updock_signer::state::SqliteState;

/// Most that memory may grow after warm-up, in kB,
const GROWTH: u64 = 8 * 1024;
/// and in less than a minute, in which nothing gets warm.
const GROWTH_AT_ONCE: u64 = 16 * 1024;
/// Most memory altogether, in kB.
const MOST: u64 = 64 * 1024;
/// Most connections to Uploadcare that are kept: as many as were asked for at once when the machine was busy.
const KEPT: usize = 128;
/// Most files besides that are open after the load and were not before it: SQLite's.
const OPENED: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent, how often a second, and what must come back; 0: nothing is asked for.
const KINDS: &[(Kind, u32, u16)] = &[
    (Kind::Read, 20, 200),
    (Kind::Denied, 10, 403),
    (Kind::Stranger, 5, 401),
    (Kind::Webhook, 10, 200),
    (Kind::Credential, 10, 200),
    (Kind::Dropped, 20, 0),
    (Kind::Slow, 5, 0),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Read,
    Denied,
    Stranger,
    Webhook,
    Credential,
    /// Connects, says something or nothing, and is gone.
    Dropped,
    /// Sends the beginning of a request, piece by piece, and never its end.
    Slow,
}

struct Load {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: String,
    slug: String,
    sent: AtomicU64,
    /// How often what came, where it was not what must come.
    wrong: Mutex<BTreeMap<(Kind, String), u64>>,
}

impl Load {
    fn request(&self, kind: Kind, number: u64) -> Request<Full<Bytes>> {
        let at = |path: &str| format!("{}{path}", self.base);
        let agent = |method: &str, path: &str, key: &str| {
            Request::builder().method(method).uri(at(path)).header("authorization", bearer(key))
        };
        let file = "/v1/uploadcare/files/21975c81-7f57-4c7a-aef9-acfe28779f78/storage/";
        let built = match kind {
            Kind::Denied => agent("DELETE", file, &self.key).body(Full::default()),
            Kind::Stranger => agent("GET", file, AgentKey::generate().expose()).body(Full::default()),
            Kind::Webhook => {
                let (body, signature) = delivery(number);
                let path = format!("/hooks/uploadcare/{}", self.slug);
                Request::post(at(&path)).header("x-uc-signature", signature).body(Full::from(body))
            }
            Kind::Credential => Request::post(at("/v1/upload-credentials"))
                .header("origin", PAGE)
                .header("content-type", "application/json")
                .body(Full::from("{}")),
            Kind::Read | Kind::Dropped | Kind::Slow => {
                agent("GET", "/v1/uploadcare/project/", &self.key).body(Full::default())
            }
        };
        built.unwrap()
    }

    async fn once(self: Arc<Self>, kind: Kind, expected: u16) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let came = match kind {
            Kind::Dropped | Kind::Slow => self.trouble(kind, number).await.err().map(|error| error.to_string()),
            _ => {
                let answered = async {
                    let response = self.http.request(self.request(kind, number)).await.map_err(|e| format!("{e:?}"))?;
                    let status = response.status().as_u16();
                    response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
                    Ok::<u16, String>(status)
                };
                match timeout(PATIENCE, answered).await {
                    Ok(Ok(status)) if status == expected => None,
                    // Strangers who come in numbers are told to wait.
                    Ok(Ok(429)) if kind == Kind::Stranger => None,
                    Ok(Ok(status)) => Some(status.to_string()),
                    Ok(Err(error)) => Some(error),
                    Err(_) => Some("nothing in time".to_owned()),
                }
            }
        };
        if let Some(came) = came {
            *self.wrong.lock().unwrap().entry((kind, came)).or_default() += 1;
        }
    }

    async fn trouble(&self, kind: Kind, number: u64) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.base.strip_prefix("http://").unwrap()).await?;
        if kind == Kind::Slow {
            for piece in ["GET /liv", "ez HTTP/1.1\r\nhost: x\r\n", "x-slow: aaaaaaaa"] {
                stream.write_all(piece.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            return Ok(());
        }
        if number.is_multiple_of(2) {
            stream.write_all(b"POST /v1/upload-credentials HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").await?;
        }
        if number.is_multiple_of(3) {
            stream.set_zero_linger()?;
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, kind: Kind, rate: u32, expected: u16, end: Instant) {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut under_way = JoinSet::new();
        while Instant::now() < end {
            ticks.tick().await;
            under_way.spawn(Arc::clone(&self).once(kind, expected));
            while under_way.try_join_next().is_some() {}
        }
        under_way.join_all().await;
    }
}

/// Memory in kB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What a process has open.
#[derive(Debug)]
struct Files {
    /// Connections of callers.
    callers: usize,
    /// Connections to Uploadcare; some are kept for a while for whoever asks next.
    kept: usize,
    /// All else.
    others: usize,
}

impl Files {
    /// Of a process that takes callers at `listens`.
    fn of(process: u32, listens: u16) -> Self {
        let open: Vec<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()?.to_str().map(str::to_owned))
            .collect();
        let mut files = Self { callers: 0, kept: 0, others: open.len() };
        for line in std::fs::read_to_string("/proc/net/tcp").unwrap().lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let port = |address: &str| u16::from_str_radix(address.split(':').nth(1).unwrap(), 16).unwrap();
            // 0A is the one that listens.
            if words[3] == "0A" || !open.contains(&format!("socket:[{}]", words[9])) {
                continue;
            }
            files.others -= 1;
            if port(words[1]) == listens { files.callers += 1 } else { files.kept += 1 }
        }
        files
    }

    fn is_as_before(&self, before: &Self) -> bool {
        self.callers == 0 && self.kept <= KEPT && self.others <= before.others + OPENED
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_of_every_kind_memory_stays_flat_and_no_file_stays_open() {
    let seconds = number("UPDOCK_SOAK_SECONDS", 8);
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_hook_secret(folder.path());
    let (key, section) = agent("media", "files = \"read\"\nproject = \"read\"");
    // Browsers are held to their usual rate else.
    let visitors = format!("{VISITORS}rate = \"1000/s burst 1000\"\n");
    let rules =
        format!("[webhooks]\nevents = [\"file.uploaded\"]\nsecrets = [{{ file = \"hook\" }}]\n{section}{visitors}");
    let policy = write_policy(folder.path(), "demosecretkey\n", &local.base_url(), &rules);
    let database = folder.path().join("updock-signer.db");
    let slug = updock_signer::webhooks::slug(&SqliteState::open(&database).await.unwrap()).await.unwrap();
    let running = Running::start(&policy, "off").await;
    let process = running.child.id().unwrap();
    let mut lines = running.lines;
    // Somebody has to read what it says.
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let listens = running.base.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    let before = Files::of(process, listens);
    let load = Arc::new(Load {
        http: Client::builder(TokioExecutor::new()).build_http(),
        base: running.base.clone(),
        key,
        slug,
        sent: AtomicU64::new(0),
        wrong: Mutex::default(),
    });
    let start = Instant::now();
    let whole = Duration::from_secs(seconds);
    let warm = start + (whole / 3).min(Duration::from_mins(3));
    let mut workers = JoinSet::new();
    for (kind, rate, expected) in KINDS {
        workers.spawn(Arc::clone(&load).run(*kind, *rate, *expected, start + whole));
    }
    let (mut first, mut last, mut most) = (Vec::new(), Vec::new(), 0);
    let mut looks = interval(Duration::from_millis(200).max(whole / 2000));
    while Instant::now() < start + whole {
        looks.tick().await;
        let memory = memory(process);
        most = most.max(memory);
        // Right after warm-up, and at the end: a tenth of the time each.
        if (warm..warm + whole / 10).contains(&Instant::now()) {
            first.push(memory);
        } else if Instant::now() > start + whole - whole / 10 {
            last.push(memory);
        }
    }
    workers.join_all().await;
    let Ok(load) = Arc::try_unwrap(load) else { unreachable!("all workers have ended") };
    assert!(load.wrong.lock().unwrap().is_empty(), "not as it must be: {:?}", load.wrong.lock().unwrap());
    let sent = load.sent.load(Ordering::Relaxed);
    drop(load);
    let mut after = Files::of(process, listens);
    let end = Instant::now() + PATIENCE;
    while !after.is_as_before(&before) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
        after = Files::of(process, listens);
    }
    let median = |memory: &mut Vec<u64>| {
        memory.sort_unstable();
        memory[memory.len() / 2]
    };
    let (first, last) = (median(&mut first), median(&mut last));
    println!(
        "{sent} requests and connections in {seconds} s: memory {first} kB after warm-up, {last} kB at the end, {most} kB at \
         most; open before: {before:?}, after: {after:?}; the log has {} kB",
        std::fs::metadata(&database).map_or(0, |found| found.len() / 1024)
    );
    let growth = if seconds < 60 { GROWTH_AT_ONCE } else { GROWTH };
    assert!(last < first + growth, "memory grew from {first} kB to {last} kB");
    assert!(most < MOST, "it took {most} kB");
    assert!(after.is_as_before(&before), "open before: {before:?}, after: {after:?}");
    drop(running.child);
    reading.await.unwrap();
}
