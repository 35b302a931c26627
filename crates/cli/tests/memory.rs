//! What an upload weighs in memory: as much for a large file as for a small one.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};
use updock_local::LocalUploadcare;

const MIB: u64 = 1024 * 1024;
/// Most that the process may ever have had in memory.
const LIMIT: u64 = 64 * MIB;

/// Uploads a sparse file of this size with the command; the most memory it had, in bytes.
async fn peak_of(size: u64) -> u64 {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("sparse.bin")).unwrap().set_len(size).unwrap();
    let start = Instant::now();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_updock"))
        .args(["upload", "sparse.bin", "--json", "--public-key", "demopublickey", "--base-url", &local.base_url()])
        .env_remove("UPLOADCARE_SECRET_KEY")
        .env("UPDOCK_STATE_DIR", folder.path().join("state"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // The kernel keeps the high-water mark itself; the last look is enough.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(mark.unwrap_or(0_u64) * 1024);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ended = child.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "the upload failed");
    let line: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(line["size"], size);
    println!("{} MiB in {:.1} s with {} MiB of memory", size / MIB, start.elapsed().as_secs_f64(), peak / MIB);
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_never_in_memory_as_a_whole() {
    let peak = peak_of(400 * MIB).await;
    assert!((1..LIMIT).contains(&peak), "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes 5 GiB to disk"]
async fn five_gibibytes_go_in_64_megabytes() {
    let peak = peak_of(5 * 1024 * MIB).await;
    assert!((1..LIMIT).contains(&peak), "{peak} bytes");
}
