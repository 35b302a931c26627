//! The loop: take a seed or a case that was answered in a new way, change its bytes, judge, remember; and what to do
//! with what fails.

use fastrand::Rng;
use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Cases of each target in a test run.
const SHORT_FORM: u64 = 600;
/// The seed of a test run: the same cases every time.
const SEED: u64 = 7;
/// Cases kept of one target.
const POOL: usize = 4000;
/// Larger cases only cost time.
const MOST: usize = 16 * 1024;

/// What a judge makes of a case: how it was answered, or what is wrong.
pub(crate) type Judged = Result<String, String>;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn regressions() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/suite/fuzz/regressions")
}

/// Fuzzes for `UPDOCK_FUZZ_SECONDS` from `UPDOCK_FUZZ_SEED`, or in the short form; first come the seeds themselves, and
/// what was found before.
pub(crate) fn fuzz(name: &str, seeds: &[&str], mut judge: impl FnMut(&[u8]) -> Judged) {
    let seconds = environment("UPDOCK_FUZZ_SECONDS");
    let seed = environment("UPDOCK_FUZZ_SEED").unwrap_or_else(|| match seconds {
        Some(_) => RandomState::new().hash_one(name),
        None => SEED,
    });
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut rng = Rng::with_seed(seed);
    let mut pool: Vec<Vec<u8>> = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut first = pool.clone();
    first.extend(found_before(name));
    let mut seen = HashSet::new();
    let mut cases = 0;
    while deadline.map_or(cases < SHORT_FORM, |deadline| Instant::now() < deadline) {
        cases += 1;
        let case = first.pop().unwrap_or_else(|| next(&mut rng, &pool));
        match judge(&case) {
            Ok(answer) => {
                if seen.insert(answer) && pool.len() < POOL {
                    pool.push(case);
                }
            }
            Err(wrong) => {
                let case = shrink(case, &mut judge);
                let file = save(name, &case);
                panic!("{name} with seed {seed}, case {cases}: {wrong}\n  saved as {}", file.display());
            }
        }
    }
    println!("{name}: seed {seed}, {cases} cases, {} kinds of answers", seen.len());
    assert!(seen.len() > 1, "{name} is always answered in the same way");
}

fn next(rng: &mut Rng, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut case = pool[rng.usize(..pool.len())].clone();
    let other = &pool[rng.usize(..pool.len())];
    for _ in 0..=rng.usize(..4) {
        case = changed(rng, case, other);
    }
    case.truncate(MOST);
    case
}

/// Pieces that readers disagree about. From advisories of Envoy (CVE-2019-9901, CVE-2021-29492), oauth2-proxy
/// (GHSA-7rh7-c77v-6434, CVE-2026-41059) and others on paths, and from request smuggling (CL.TE, TE.CL, folded lines).
const ODD: &[&str] = &[
    "..",
    "/../",
    "/./",
    "//",
    "%2e%2e",
    "%2E%2e/",
    "%252e%252e",
    "%2f",
    "%5c",
    "\\",
    ";a=b",
    "%00",
    "\0",
    "#",
    "?",
    "%23",
    "%3f",
    "．．",
    "\u{202e}",
    "\u{feff}",
    "\r\n",
    "\n",
    "\r",
    "\t",
    " ",
    "%0d%0a",
    "@",
    ":",
    "*",
    "{uuid}",
    "\u{1b}[31m",
    "transfer-encoding: chunked\r\n",
    "content-length: 0\r\n",
    " content-length: 5\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\n",
    "\"",
    "\\u0000",
    "[[[[[[[[",
    "{{",
    "1e999",
    "-0",
    "18446744073709551616",
    "null",
    "true",
    "\\ud800",
    "=cmd|'/c'!A0",
    "https://evil.test/",
    "http://169.254.169.254/",
    "__proto__",
    "updock_live_",
];

fn changed(rng: &mut Rng, mut case: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let at = rng.usize(..=case.len());
    let until = (at + rng.usize(..16)).min(case.len());
    match rng.u32(..9) {
        0 if at < case.len() => case[at] = rng.u8(..),
        1 if at < case.len() => case[at] ^= 1 << rng.u32(..8),
        2 => _ = case.drain(at..until),
        3 => case.truncate(at),
        4 => {
            let piece = case[at..until].to_vec();
            let times = if rng.u32(..10) == 0 { rng.usize(..200) } else { 1 };
            _ = case.splice(at..at, piece.repeat(times));
        }
        5 if !other.is_empty() => {
            let from = rng.usize(..other.len());
            let to = (from + rng.usize(..32)).min(other.len());
            _ = case.splice(at..until, other[from..to].iter().copied());
        }
        6 => _ = case.splice(at..until, ODD[rng.usize(..ODD.len())].bytes()),
        _ => _ = case.splice(at..at, ODD[rng.usize(..ODD.len())].bytes()),
    }
    case
}

/// The case without what it need not have to fail.
fn shrink(mut case: Vec<u8>, judge: &mut impl FnMut(&[u8]) -> Judged) -> Vec<u8> {
    let mut piece = case.len() / 2;
    while piece > 0 {
        let mut from = 0;
        while from < case.len() {
            let mut smaller = case.clone();
            smaller.drain(from..(from + piece).min(case.len()));
            if judge(&smaller).is_err() {
                case = smaller;
            } else {
                from += piece;
            }
        }
        piece /= 2;
    }
    case
}

fn found_before(name: &str) -> Vec<Vec<u8>> {
    // Without any, git keeps no directory.
    let entries = fs::read_dir(regressions()).into_iter().flatten().flatten();
    let of_this = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{name}-")));
    of_this.map(|entry| fs::read(entry.path()).unwrap()).collect()
}

fn save(name: &str, case: &[u8]) -> PathBuf {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let file = regressions().join(format!("{name}-{:016x}", case.iter().fold(0xcbf2_9ce4_8422_2325, hash)));
    fs::create_dir_all(regressions()).and_then(|()| fs::write(&file, case)).unwrap();
    file
}

#[test]
fn what_is_wrong_is_seen_and_made_small() {
    let judge = |case: &[u8]| if case.contains(&b'!') { Err("a mark".to_owned()) } else { Ok(String::new()) };
    assert_eq!(shrink(b"a long text with one ! in it".to_vec(), &mut { judge }), b"!");
}
