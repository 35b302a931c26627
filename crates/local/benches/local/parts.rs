//! How fast parts go in, beside a bare hyper server that writes the same bytes to the same disk.

use crate::{
    measure::{Table, call, median, post},
    servers::{Server, bare_disk, local, peak_mib},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

const MIB: usize = 1024 * 1024;
const PART: usize = 16 * MIB;
const SIZE: usize = 1024 * MIB;
const PARALLEL: usize = 4;
const ROUNDS: usize = 5;

pub(crate) fn run(table: &mut Table, directory: &Path) {
    let (mut fast_ratios, mut ratios, mut hashing_ratios, mut most) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 1..=ROUNDS {
        let bare = measure_bare(&directory.join("bare"), false);
        // The ETag of a part is its MD5, and that costs more than all the rest: so also with it, and without.
        let hashing = measure_bare(&directory.join("bare"), true);
        let (local, peak) = measure_local(&directory.join("local"), &[]);
        let (fast, _) = measure_local(&directory.join("local"), &["--part-etags", "fast"]);
        fast_ratios.push(fast / bare);
        ratios.push(local / bare);
        hashing_ratios.push(local / hashing);
        most = most.max(peak);
        println!(
            "  parts, round {round}: bare {bare:.0} MB/s, bare with MD5 {hashing:.0} MB/s, updock-local {local:.0} MB/s, \
             with fast ETags {fast:.0} MB/s"
        );
    }
    table.at_least("part PUT with --part-etags fast / bare hyper server", median(&mut fast_ratios), 0.7, "x");
    table.told("part PUT (ETag is MD5) / bare hyper server", median(&mut ratios), "x");
    table.told("part PUT / bare hyper server that makes MD5 too", median(&mut hashing_ratios), "x");
    table.told("peak memory with 1 GiB in parts of 16 MiB", f64::from(most), "MiB");
}

fn measure_bare(directory: &Path, md5: bool) -> f64 {
    std::fs::create_dir_all(directory).unwrap();
    let server = bare_disk(directory, md5);
    let targets = (0..SIZE / PART).map(|part| format!("/{part}")).collect();
    let rate = send_all(&server, targets);
    std::fs::remove_dir_all(directory).unwrap();
    rate
}

fn measure_local(directory: &Path, more: &[&str]) -> (f64, u32) {
    let server = local(directory, more);
    let body = format!(
        "UPLOADCARE_PUB_KEY=demopublickey&filename=a.bin&size={SIZE}&part_size={PART}&content_type=application/octet-stream"
    );
    let started = call(&server.address, &post("/multipart/start/", &body), b"");
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let urls = started["parts"].as_array().unwrap().iter().map(|url| url.as_str().unwrap());
    let targets = urls.map(|url| format!("/{}", url.splitn(4, '/').nth(3).unwrap())).collect();
    let rate = send_all(&server, targets);
    let uuid = started["uuid"].as_str().unwrap();
    let body = format!("UPLOADCARE_PUB_KEY=demopublickey&uuid={uuid}");
    let info = call(&server.address, &post("/multipart/complete/", &body), b"");
    assert!(info.contains(&format!("\"size\":{SIZE},")), "{info}");
    let peak = peak_mib(server.id());
    drop(server);
    std::fs::remove_dir_all(directory).unwrap();
    (rate, peak)
}

/// Puts one part to each target, several at once; bytes a second, in millions.
#[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
fn send_all(server: &Server, targets: Vec<String>) -> f64 {
    let part: Arc<Vec<u8>> = Arc::new((0..PART).map(|at| u8::try_from(at % 251).unwrap()).collect());
    let (targets, next) = (Arc::new(targets), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let workers = (0..PARALLEL).map(|_| {
        let (address, part, targets, next) = (server.address.clone(), part.clone(), targets.clone(), next.clone());
        std::thread::spawn(move || {
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                let head = format!("PUT {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {PART}\r\n\r\n");
                call(&address, &head, &part);
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        worker.join().unwrap();
    }
    SIZE as f64 / 1e6 / started.elapsed().as_secs_f64()
}
