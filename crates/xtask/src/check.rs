//! `demo --check`: the promise of the demo, kept or broken, without a person looking.
//!
//! Starts the same parts, lets a real Chromium drop a photo and a large file, and then asks the
//! stand-in itself: the bytes through its CDN, their state through its REST API with the secret.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::samples::{self, Hashing, Sample};
use crate::setup::npm::hex;
use crate::setup::{browser, npm};
use crate::stack::{Build, Keys, Plan, Ports, SignedUploads, Stack};
use crate::workspace::Workspace;

const LARGE: u64 = 150 * 1000 * 1000;

/// Drops the files and holds what is stored against what was sent.
pub(crate) fn run(workspace: &Workspace, signer_secret: Option<&str>, as_built: bool) -> Result<()> {
    if !as_built {
        demo::build(workspace)?;
    }
    npm::ensure_packages(&workspace.e2e())?;
    let chromium = browser::ensure(browser::CHROMIUM)?;
    let folder = workspace.scratch("check");
    let files = [
        samples::photo(&folder.join("files"), "harbour at dawn.jpg")?,
        samples::noise(&folder.join("files"), "survey-data.bin", LARGE)?,
    ];
    let plan = Plan {
        ports: Ports::Free,
        build: Build::Dev,
        real: None,
        signer_secret: signer_secret.map(Into::into),
        signed_uploads: SignedUploads::Required,
        connect: Vec::new(),
        folder: folder.join("parts"),
        keep: false,
        mounts: Vec::new(),
    };
    let runtime = demo::runtime()?;
    let stack = runtime.block_on(Stack::start(workspace, plan))?;
    let start = Instant::now();
    let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
    let driven = Run::new("driving Chromium", "node")
        .arg("check.mjs")
        .args(paths)
        .dir(workspace.e2e())
        .env("UPDOCK_CHROMIUM", chromium)
        .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "))
        .env("UPDOCK_PAGE", stack.page())
        .output();
    let took = start.elapsed();
    let judged = driven.and_then(|json| judge(&json, &files, &stack));
    runtime.block_on(stack.stop());
    judged?;
    println!(
        "both files were sent by Chromium, stored, confirmed with a good receipt, and read back equal ({:.1} s)",
        took.as_secs_f64()
    );
    Ok(())
}

/// What the signer says when Uploadcare does not take its secret key.
const SECRET_REFUSED: &str = "refused the secret key";

/// A signer with another secret must not look like success.
pub(crate) fn fails_with_wrong_secret(workspace: &Workspace) -> Result<()> {
    demo::build(workspace)?;
    match run(workspace, Some("wrong"), true) {
        Err(Error::Check(why)) if why.contains(SECRET_REFUSED) => {
            println!("failed, as it should: {why}");
            Ok(())
        }
        Err(other) => Err(other),
        Ok(()) => Err(Error::Check("a signer with a wrong secret went unnoticed".into())),
    }
}

/// What the driver saw in the page.
#[derive(Deserialize)]
struct Seen {
    rows: Vec<Row>,
    /// Reports of the content security policy.
    violations: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    state: String,
    uuid: Option<String>,
    /// The widget holds the signer's confirmation,
    confirmed: bool,
    /// and its receipt.
    receipt: Option<String>,
    /// What the row says, for people.
    text: String,
}

fn judge(json: &str, files: &[Sample], stack: &Stack) -> Result<()> {
    let seen: Seen = serde_json::from_str(json.trim())
        .map_err(|error| Error::Check(format!("the driver's report cannot be read ({error}): {json}")))?;
    if !seen.violations.is_empty() {
        return Err(Error::Check(format!("the page broke its security policy: {}", seen.violations.join("; "))));
    }
    let mut wrong = Vec::new();
    for file in files {
        let Some(row) = seen.rows.iter().find(|row| row.name == file.name) else {
            wrong.push(format!("{:?} has no row in the page", file.name));
            continue;
        };
        let Some(uuid) = row.uuid.as_deref().filter(|_| row.state == "done") else {
            wrong.push(format!("{:?} was not stored: the page says {:?}", file.name, row.text));
            continue;
        };
        let stored = stored(stack, uuid)?;
        let said_so = stack.decisions().so_far().iter().any(|line| line.contains(uuid));
        let confirmed = row.confirmed && said_so;
        let receipt = row.receipt.as_deref().is_some_and(|receipt| is_good(stack, receipt, uuid, file.size));
        println!("{}\n  size      {} sent, {} stored", file.name, file.size, stored.size);
        println!("  SHA-256   {} sent\n            {} stored", file.sha256, stored.sha256);
        println!("  stored    {}\n  confirmed {}\n  receipt   {}", yes(stored.kept), yes(confirmed), yes(receipt));
        for (holds, what) in [
            (stored.size == file.size && stored.sha256 == file.sha256, "is not what was sent"),
            (stored.kept, "was uploaded but not stored"),
            (row.confirmed, "was not confirmed to the page"),
            (said_so, "is not in the signer's log"),
            (receipt, "has no receipt that the signer verifies"),
        ] {
            if !holds {
                wrong.push(format!("{:?} {what}", file.name));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    // The page tells its visitors little, rightly; the signer's log tells its owner why.
    wrong.extend(stack.decisions().so_far().iter().rfind(|line| line.contains(SECRET_REFUSED)).cloned());
    Err(Error::Check(wrong.join("; ")))
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "NO" }
}

/// Does the signer say that this receipt is good, and about this file?
fn is_good(stack: &Stack, receipt: &str, uuid: &str, size: u64) -> bool {
    let said = ureq::post(format!("{}/v1/receipts/verify", stack.signer()))
        .header("Origin", stack.page())
        .send_json(serde_json::json!({ "receipt": receipt }))
        .and_then(|mut answer| answer.body_mut().read_json::<serde_json::Value>());
    said.is_ok_and(|said| said["uuid"] == uuid && said["size"] == size)
}

struct Stored {
    size: u64,
    sha256: String,
    /// Beyond the 24 hours of an upload that nobody stored.
    kept: bool,
}

/// Asks the stand-in, as its owner would.
fn stored(stack: &Stack, uuid: &str) -> Result<Stored> {
    let local = stack.local().unwrap_or_default();
    let asked = |error: ureq::Error| Error::Check(format!("the stand-in does not give {uuid} back: {error}"));
    let mut original = ureq::get(format!("{local}/{uuid}/")).call().map_err(asked)?;
    let mut sink = Hashing { inner: io::sink(), hash: Sha256::new(), size: 0 };
    io::copy(&mut original.body_mut().as_reader(), &mut sink).doing(format!("read {uuid} back"))?;

    let Keys { public, secret } = Keys::demo();
    let info: BTreeMap<String, serde_json::Value> = ureq::get(format!("{local}/files/{uuid}/"))
        .header("Accept", "application/vnd.uploadcare-v0.7+json")
        .header("Authorization", format!("Uploadcare.Simple {public}:{secret}"))
        .call()
        .and_then(|mut answer| answer.body_mut().read_json())
        .map_err(asked)?;
    let kept = info.get("datetime_stored").is_some_and(serde_json::Value::is_string);
    Ok(Stored { size: sink.size, sha256: hex(&sink.hash.finalize()), kept })
}
