//! The process is killed at bad moments; what it had acknowledged is there when it comes back.

use crate::client::*;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
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

/// Kills while uploads are on their way, again and again: what was answered is there, and nothing else is listed whose
/// bytes are not whole.
#[tokio::test]
async fn kill_9_under_load_loses_nothing_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut answered = BTreeMap::new();
    for (round, wanted) in (0..5u64).zip((8..).step_by(8)) {
        let service = Process::start(directory.path());
        let uploads = (0..4u64).map(|worker| {
            let http = service.http.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for at in 0.. {
                    let whole = bytes(200_000, round * 1_000_000 + worker * 10_000 + at);
                    let form = Form::new().file("file", "a.bin", "text/plain", &whole);
                    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
                    let headers = [("content-type", content_type.as_str())];
                    let sent = http.try_send(http::Method::POST, "/base/", &headers, form.build()).await;
                    let Ok(answer) = sent else { break };
                    done.push((answer.uuid("file"), whole));
                }
                done
            })
        });
        let uploads: Vec<_> = uploads.collect();
        while service.http.get("/_local/files").await.json().as_array().unwrap().len() < wanted {
            tokio::task::yield_now().await;
        }
        service.kill();
        for upload in uploads {
            answered.extend(upload.await.unwrap());
        }
    }
    let service = Process::start(directory.path());
    for (uuid, whole) in &answered {
        assert!(service.http.get(&format!("/{uuid}/")).await.body == *whole, "{uuid} is not what was sent");
    }
    let listed = service.http.get("/_local/files?limit=1000").await.json();
    for file in listed.as_array().unwrap() {
        let body = service.http.get(&format!("/{}/", file["uuid"].as_str().unwrap())).await.body;
        assert_eq!((body.len(), &file["size"]), (200_000, &serde_json::json!(200_000)));
    }
    assert_eq!(std::fs::read_dir(directory.path().join("incoming")).unwrap().count(), 0, "not swept");
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
