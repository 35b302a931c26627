//! A disk that is full: an error in the service's own words, and nothing half-stored, not even after a restart.

use crate::client::*;
use http::Method;
use serde_json::json;
use std::path::Path;
use updock_local::{Config, LocalUploadcare, Storage};

async fn on_disk(directory: &Path) -> Service {
    let config = Config { storage: Storage::Directory(directory.to_owned()), ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let http = Http::new(local.base_url());
    Service { local, http }
}

fn left(directory: &Path) -> usize {
    std::fs::read_dir(directory.join("incoming")).unwrap().count()
}

#[tokio::test]
async fn a_direct_upload_that_finds_no_room_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let service = on_disk(directory.path()).await;
    let full = json!([{"effect": {"disk_full_after": 1_000_000}}]).to_string();
    service.send(Method::PUT, "/_local/faults", &[], full).await;
    // The first fits, the second does not, and they came together.
    let form = || {
        Form::new().file("a", "a.bin", "text/plain", &bytes(900_000, 1)).file(
            "b",
            "b.bin",
            "text/plain",
            &bytes(3_000_000, 2),
        )
    };
    let answer = service.form("/base/?jsonerrors=1", form()).await;
    assert_eq!((answer.error().0, answer.error().1.as_str()), (500, "UploadAPIError"));
    let plain = service.form("/base/", form()).await;
    assert_eq!(plain.status, 500);
    assert!(!plain.text().contains(directory.path().to_str().unwrap()), "it says where it keeps things");
    assert_eq!(service.get("/_local/files").await.text(), "[]");
    assert_eq!(left(directory.path()), 0);
    service.send(Method::DELETE, "/_local/faults", &[], "").await;
    assert_eq!(service.form("/base/", form()).await.status, 200, "there is room again");
}

#[tokio::test]
async fn a_part_that_finds_no_room_can_be_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let service = on_disk(directory.path()).await;
    let whole = bytes(11_000_000, 1);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    let parts: Vec<_> = whole.chunks(5 * MIB).map(<[u8]>::to_vec).collect();
    let full =
        json!([{"operation": "part", "part": 2, "count": 1, "effect": {"disk_full_after": 2_000_000}}]).to_string();
    service.send(Method::PUT, "/_local/faults", &[], full).await;
    for (at, expected) in [(0, 200), (1, 500), (2, 200)] {
        let answer = service.put(&urls[at], parts[at].clone()).await;
        assert_eq!(answer.status, expected);
        assert!(expected == 200 || answer.text().contains("<Code>InternalError</Code>"), "{}", answer.text());
    }
    assert_eq!(service.complete(&uuid).await.error().1, "MultipartUploadSizeTooSmallError");
    assert_eq!(service.put(&urls[1], parts[1].clone()).await.status, 200);
    assert_eq!(service.complete(&uuid).await.json()["size"], whole.len());
    assert!(service.get(&format!("/{uuid}/")).await.body == whole);
}

/// The same from the kernel: `/dev/full` takes no byte, and says what a full disk says.
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full")]
async fn what_the_kernel_refuses_is_told_and_not_stored() {
    let directory = tempfile::tempdir().unwrap();
    let service = on_disk(directory.path()).await;
    let whole = bytes(11_000_000, 1);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    let blob = directory.path().join("incoming").join(&uuid);
    std::fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink("/dev/full", &blob).unwrap();
    let answer = service.put(&urls[0], whole.slice(..5 * MIB)).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("<Code>InternalError</Code>"), "{}", answer.text());
    assert_eq!(service.complete(&uuid).await.error().1, "MultipartUploadSizeTooSmallError");
    assert_eq!(service.get("/_local/files").await.text(), "[]");
}
