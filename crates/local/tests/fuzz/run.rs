//! The loop: write or mutate, send, judge, remember; and what to do with what fails.

use crate::{
    TARGETS, Target,
    case::Case,
    mutate::{mutate, smaller},
    service::{Answer, Service},
};
use fastrand::Rng;
use std::{
    collections::HashSet,
    fs,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Cases of each target in a test run.
const SHORT_FORM: u64 = 400;
/// The seed of a test run: the same cases every time.
const SEED: u64 = 7;
/// Cases after which what is stored is read back and forgotten.
const FRESH_AFTER: u64 = 500;
/// Seeds kept of one target.
const POOL: usize = 4000;
/// Failures of different kinds after which a target is given up.
const ENOUGH: usize = 10;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn regressions() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/regressions")
}

/// Fuzzes the target of that name for `UPDOCK_FUZZ_SECONDS` from `UPDOCK_FUZZ_SEED`, or in the short form.
pub(crate) fn fuzz(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seconds = environment("UPDOCK_FUZZ_SECONDS");
    let seed = environment("UPDOCK_FUZZ_SEED").unwrap_or_else(|| match seconds {
        Some(_) => RandomState::new().hash_one(name),
        None => SEED,
    });
    println!("{name}: seed {seed}");
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut service = Service::start(target.signed);
    let mut rng = Rng::with_seed(seed);
    let (mut pool, mut seen, mut kinds, mut found) = (Vec::new(), HashSet::new(), HashSet::new(), Vec::new());
    let mut cases = 0;
    while deadline.map_or(cases < SHORT_FORM, |deadline| Instant::now() < deadline) && found.len() < ENOUGH {
        if cases % FRESH_AFTER == FRESH_AFTER - 1 {
            if let Some(wrong) = service.read_back() {
                found.push(format!(
                    "{name} with seed {seed}, before case {cases}: what was accepted cannot be read: {wrong}"
                ));
                break;
            }
            service.seed();
        }
        cases += 1;
        let case = next(&mut rng, target, &pool);
        match service.judge(&case) {
            Ok(Some(answer)) => {
                if seen.insert(signature(&case, &answer)) && pool.len() < POOL {
                    pool.push(case);
                }
            }
            Ok(None) => {}
            Err(wrong) => {
                service.restart();
                if kinds.insert(kind(&wrong)) {
                    let case = shrink(&mut service, case, &wrong);
                    let file = save(name, &case);
                    found
                        .push(format!("{name} with seed {seed}, case {cases}: {wrong}\n  saved as {}", file.display()));
                }
            }
        }
    }
    println!("{name}: {cases} cases, {} kinds of answers, {} failures", seen.len(), found.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn next(rng: &mut Rng, target: &Target, pool: &[Case]) -> Case {
    if pool.is_empty() || rng.u32(..10) < 4 {
        let case = (target.write)(rng);
        return if rng.u32(..4) == 0 { mutate(rng, &case, &case) } else { case };
    }
    let (one, other) = (&pool[rng.usize(..pool.len())], &pool[rng.usize(..pool.len())]);
    mutate(rng, one, other)
}

/// What makes an answer a new one: operation, status, and its beginning without ids and numbers.
fn signature(case: &Case, answer: &Answer) -> (String, Vec<u8>, u16, Vec<u8>) {
    let path = case.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let place = path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()).take(3).collect::<Vec<_>>();
    let place: Vec<u8> = place.join(&b'/').into_iter().take(48).map(plain).collect();
    let beginning = answer.body.iter().take(72).copied().map(plain).collect();
    (case.method.clone(), place, answer.status, beginning)
}

fn plain(byte: u8) -> u8 {
    if byte.is_ascii_hexdigit() || byte == b'-' { b'0' } else { byte }
}

fn kind(wrong: &str) -> String {
    wrong.chars().map(|c| if c.is_ascii_hexdigit() { '0' } else { c }).take(160).collect()
}

/// Makes a failing case smaller while it fails in the same way.
fn shrink(service: &mut Service, mut case: Case, wrong: &str) -> Case {
    let wanted = kind(wrong);
    let mut tries = 300;
    'again: loop {
        for smaller in smaller(&case) {
            tries -= 1;
            if tries == 0 {
                return case;
            }
            let result = service.judge(&smaller);
            if result.is_err() {
                service.restart();
            }
            if result.is_err_and(|wrong| kind(&wrong) == wanted) {
                case = smaller;
                continue 'again;
            }
        }
        return case;
    }
}

fn save(name: &str, case: &Case) -> PathBuf {
    let bytes = case.to_bytes();
    let digest = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let file = regressions().join(format!("{name}-{digest:016x}.http"));
    fs::create_dir_all(regressions()).and_then(|()| fs::write(&file, bytes)).unwrap();
    file
}

/// Sends every saved case again.
pub(crate) fn replay() {
    let mut services = [false, true].map(Service::start);
    let mut failed = Vec::new();
    // Without any, git keeps no directory.
    let entries = fs::read_dir(regressions()).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "http")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let name = name.split('-').next().unwrap();
        let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
        let service = &mut services[usize::from(target.signed)];
        if let Err(wrong) = service.judge(&Case::parse(&fs::read(file).unwrap())) {
            failed.push(format!("{}: {wrong}", file.display()));
            service.restart();
        }
        service.seed();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A harness that finds nothing wrong anywhere would pass everything.
#[test]
fn what_is_wrong_is_seen() {
    let mut service = Service::start(false);
    let case = Case::new("GET", "/files/?limit=1").rest();
    assert!(service.judge(&case).is_ok());
    for (effect, wrong) in [
        (r#"{"status":503}"#, "503: "),
        (r#"{"reset":"before_answer"}"#, "no answer: "),
        (r#"{"error":"UploadAPIError"}"#, "500: "),
    ] {
        service.fault(&format!(r#"[{{"effect":{effect}}}]"#));
        let said = service.judge(&case).unwrap_err();
        assert!(said.starts_with(wrong), "{said}");
    }
    service.fault(r#"[{"effect":{"error":"UploadAPIError"}}]"#);
    let said = service.judge(&Case::new("GET", "/info/?jsonerrors=1")).unwrap_err();
    assert!(said.starts_with("in an envelope: "), "{said}");
}
