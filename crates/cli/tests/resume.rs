//! `updock upload` that is interrupted or killed, and run again: real processes against `updock-local` on a slow line.
#![cfg(unix)]
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use std::cell::Cell;
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use updock_local::{Config, Effect, Fault, LocalUploadcare, RequestRecord};

/// Twelve parts.
const BYTES: usize = 12 * 5_242_880;

struct Service {
    local: LocalUploadcare,
    folder: tempfile::TempDir,
}

/// The first parts take a second each, and those after them never end.
async fn slow_service(first: u32) -> Service {
    let slow = Effect { bytes_per_second: NonZeroU64::new(5_000_000), ..Effect::default() };
    let held = Effect { delay: Some(Duration::from_mins(10)), ..Effect::default() };
    let part = Fault { operation: Some("part".to_owned()), ..Fault::default() };
    let faults = vec![Fault { count: Some(first), effect: slow, ..part.clone() }, Fault { effect: held, ..part }];
    let local = LocalUploadcare::with(Config { faults, ..Config::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film.mp4"), bytes(7)).unwrap();
    Service { local, folder }
}

/// Other ones in every part.
fn bytes(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    };
    std::iter::repeat_with(next).flatten().take(BYTES).collect()
}

impl Service {
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_updock"));
        command.args(["upload", "film.mp4", "--public-key", "demopublickey", "--base-url", &self.local.base_url()]);
        command.args(arguments).current_dir(self.folder.path()).env("UPDOCK_STATE_DIR", self.state());
        command.env_remove("UPLOADCARE_SECRET_KEY").stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    fn written(&self) -> usize {
        std::fs::read_dir(self.state()).map_or(0, Iterator::count)
    }

    fn parts(&self) -> Vec<RequestRecord> {
        self.local.requests().into_iter().filter(|request| request.operation == Some("part")).collect()
    }

    fn times(&self, operation: &str) -> usize {
        self.local.requests().iter().filter(|request| request.operation == Some(operation)).count()
    }

    /// Until so many parts are stored, and the process has heard of it: it asks for no more.
    async fn until_stored(&self, stored: usize) {
        let seen = Cell::new((0, Instant::now()));
        wait_until(|| {
            let parts = self.parts();
            let (count, since) = seen.get();
            if parts.len() != count || parts.iter().filter(|part| part.status == Some(200)).count() < stored {
                seen.set((parts.len(), Instant::now()));
            }
            since.elapsed() > Duration::from_millis(300)
        })
        .await;
    }

    /// From now on every part takes a second.
    fn let_go(&self) {
        let effect = Effect { bytes_per_second: NonZeroU64::new(5_000_000), ..Effect::default() };
        self.local.set_faults(vec![Fault { operation: Some("part".to_owned()), effect, ..Fault::default() }]);
    }

    /// Parts that were stored, each as often as it was.
    fn stored(&self) -> Vec<(String, Option<u64>)> {
        let stored = self.parts().into_iter().filter(|part| part.status == Some(200));
        let mut stored: Vec<_> = stored.map(|part| (part.path, part.part)).collect();
        stored.sort();
        stored
    }

    /// What the CDN has of the file that was printed.
    async fn served(&self, printed: &Output) -> Vec<u8> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let line = String::from_utf8(printed.stdout.clone()).unwrap();
        let uuid = line.split_whitespace().next().unwrap();
        let request = format!("GET /{uuid}/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.local.address());
        let mut stream = tokio::net::TcpStream::connect(self.local.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        answer.split_off(body)
    }
}

async fn wait_until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("it comes to that");
}

async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
}

async fn ended(child: Child) -> Output {
    tokio::time::timeout(Duration::from_mins(1), child.wait_with_output()).await.expect("it ends").unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_or_interrupted_goes_on_where_it_stopped_and_no_stored_part_is_sent_again() {
    for how in ["-KILL", "-INT"] {
        let service = slow_service(4).await;
        let child = service.start(&[]);
        service.until_stored(4).await;
        signal(&child, how).await;
        let first = ended(child).await;
        assert!(!first.status.success(), "{how}");
        if how == "-INT" {
            assert_eq!(first.status.code(), Some(130), "{}", errors(&first));
            assert!(errors(&first).contains("run the same command again"), "{}", errors(&first));
        }
        assert_eq!(service.written(), 1, "{how}");

        service.let_go();
        let second = ended(service.start(&[])).await;
        assert!(second.status.success(), "{how}: {}", errors(&second));
        let told = "updock: film.mp4 goes on where it stopped: 20.9 MB of 62.9 MB are there\n";
        assert_eq!(errors(&second), told, "{how}");
        let stored = service.stored();
        let mut once = stored.clone();
        once.dedup();
        assert_eq!(stored.len(), 12, "{how}: {stored:?}");
        assert_eq!(once, stored, "{how}: a stored part was sent again");
        assert_eq!((service.times("uploads.multipart_start"), service.times("uploads.multipart_complete")), (1, 1));
        assert!(service.served(&second).await == bytes(7), "{how}: other bytes arrived");
        assert_eq!(service.written(), 0, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_in_between_is_sent_from_its_start() {
    let service = slow_service(4).await;
    let child = service.start(&[]);
    service.until_stored(4).await;
    signal(&child, "-KILL").await;
    ended(child).await;
    service.local.set_faults(Vec::new());
    let path = service.folder.path().join("film.mp4");
    change(&path);
    let second = ended(service.start(&[])).await;
    assert!(second.status.success(), "{}", errors(&second));
    assert_eq!(errors(&second), "");
    assert_eq!(service.times("uploads.multipart_start"), 2);
    assert!(service.served(&second).await == std::fs::read(&path).unwrap(), "a mixture arrived");
    assert_eq!(service.written(), 0, "what nobody will bring back is not kept");
}

/// Its first byte, and neither its length nor its time.
fn change(path: &Path) {
    let before = std::fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[0] ^= 1;
    std::fs::write(path, bytes).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_no_resume_gets_none() {
    let service = slow_service(4).await;
    let child = service.start(&["--no-resume"]);
    service.until_stored(4).await;
    assert_eq!(service.written(), 0);
    signal(&child, "-INT").await;
    let first = ended(child).await;
    assert_eq!(first.status.code(), Some(130));
    assert!(!errors(&first).contains("go on"), "{}", errors(&first));

    let child = service.start(&[]);
    wait_until(|| service.written() == 1).await;
    signal(&child, "-KILL").await;
    ended(child).await;
    service.local.set_faults(Vec::new());
    let third = ended(service.start(&["--no-resume"])).await;
    assert!(third.status.success(), "{}", errors(&third));
    assert_eq!(service.times("uploads.multipart_start"), 3);
}
