//! Memory does not grow with a file's size.

use crate::{client::*, crash::Process};
use bytes::Bytes;
use http::Method;

/// The most memory the process ever had, in MiB.
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn large_files_go_in_and_out_in_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let service = Process::start(directory.path());
    let part = bytes(16 * MIB, 1);
    let size = 20 * part.len();
    let (uuid, urls) = service.http.start(size, &[("part_size", "16777216")]).await;
    for urls in urls.chunks(4) {
        let puts = urls.iter().map(|url| service.http.put(url, part.clone()));
        for answer in futures_util::future::join_all(puts).await {
            assert_eq!(answer.status, 200);
        }
    }
    assert_eq!(service.http.complete(&uuid).await.json()["size"], size);
    let form = Form::new().file("file", "a.bin", "text/plain", &vec![7; 90_000_000]);
    let direct = service.http.form("/base/", form).await.uuid("file");
    for (uuid, size) in [(&uuid, size), (&direct, 90_000_000)] {
        let body: Bytes = service.http.send(Method::GET, &format!("/{uuid}/"), &[], "").await.body;
        assert_eq!(body.len(), size);
    }
    let peak = peak(service.id());
    assert!(peak < 64, "it took {peak} MiB");
}
