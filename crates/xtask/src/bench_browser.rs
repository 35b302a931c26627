//! `bench browser`, and the second half of `bench engine`: the widget in Chromium beside Uploadcare's bare client, in
//! turns, in one browser, with the same files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::line::{Line, Speed};
use crate::process::Run;
use crate::samples;
use crate::setup::{browser, npm};
use crate::stack::{self, Build, Plan, Ports, SignedUploads, Stack};
use crate::wasm::{self, Mode};
use crate::workspace::Workspace;

/// 100 Mbit/s, and 100 ms until an answer is there.
const LINE: Speed = Speed { bytes_per_second: 12_500_000, delay: Duration::from_millis(100) };
const SMALL_FILES: usize = 200;
const MIB: u64 = 1024 * 1024;

/// Prints each figure beside its limit, and fails when one is over.
pub(crate) fn run(workspace: &Workspace, as_built: bool) -> Result<()> {
    if !as_built {
        wasm::build(workspace, Mode::Release)?;
        stack::build_parts(workspace, Build::Release)?;
    }
    npm::ensure_packages(&workspace.e2e())?;
    npm::ensure_packages(&workspace.conformance().join("npm"))?;
    let chromium = browser::ensure(browser::CHROMIUM)?;
    let folder = workspace.scratch("bench-engine");
    let files = Files::make(&folder.join("files"))?;
    let runtime = demo::runtime()?;
    let line = runtime.block_on(async { Line::lay() })?;
    let plan = Plan {
        ports: Ports::Free,
        build: Build::Release,
        real: None,
        signer_secret: None,
        signed_uploads: SignedUploads::Off,
        connect: vec![line.origin().to_owned()],
        folder: folder.join("parts"),
        keep: false,
        mounts: vec![
            ("/client/", workspace.conformance().join("npm/node_modules/@uploadcare/upload-client/dist/esm")),
            ("/bench/", workspace.bench().join("pages")),
            ("/e2e/", workspace.e2e().join("pages")),
        ],
    };
    let stack = runtime.block_on(Stack::start(workspace, plan))?;
    let local = stack.local().unwrap_or_default().to_owned();
    let slow = line.origin().to_owned();
    let _line = runtime.block_on(async { line.lead_to(local.trim_start_matches("http://").to_owned(), LINE) });
    let runs = json!([
        { "name": "gibibyte", "files": [files.gibibyte], "rounds": 3, "warm": true, "base": local, "signer": null },
        { "name": "line", "files": [files.line], "rounds": 3, "warm": false, "base": slow, "signer": null },
        { "name": "small", "files": files.small, "rounds": 3, "warm": true, "base": local, "signer": stack.signer() },
    ]);
    let driven = Run::new("the benchmark in Chromium", "node")
        .arg(workspace.bench().join("engine.mjs"))
        .dir(workspace.e2e())
        .env("UPDOCK_CHROMIUM", chromium)
        .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "))
        .env("UPDOCK_PAGE", stack.page())
        .env("UPDOCK_RUNS", runs.to_string())
        .output();
    runtime.block_on(stack.stop());
    let _ = fs::remove_dir_all(folder.join("parts"));
    report(&driven?)
}

/// What is sent.
struct Files {
    gibibyte: PathBuf,
    line: PathBuf,
    small: Vec<PathBuf>,
}

impl Files {
    fn make(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).doing_at("make", folder)?;
        let gibibyte = folder.join("1gib.bin");
        // Sparse: the disk should not be what is measured.
        File::create(&gibibyte).and_then(|open| open.set_len(1024 * MIB)).doing_at("write", &gibibyte)?;
        let line = samples::noise(folder, "64mib.bin", 64 * MIB)?.path;
        let small = (0..SMALL_FILES).map(|at| Ok(samples::noise(folder, &format!("{at:03}.bin"), 64 * 1024)?.path));
        Ok(Self { gibibyte, line, small: small.collect::<Result<_>>()? })
    }
}

/// One upload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Once {
    seconds: f64,
    requests: f64,
    /// Processor time of the page's main thread, seconds.
    main_thread: f64,
}

#[derive(Deserialize)]
struct Both {
    widget: Vec<Once>,
    client: Vec<Once>,
}

impl Both {
    fn medians(&self, of: fn(&Once) -> f64) -> (f64, f64) {
        (median(self.widget.iter().map(of)), median(self.client.iter().map(of)))
    }
}

fn report(json: &str) -> Result<()> {
    let unreadable = |what: &str| Error::Check(format!("the benchmark's report cannot be read ({what}): {json}"));
    let measured: BTreeMap<String, Both> =
        serde_json::from_str(json.trim()).map_err(|error| unreadable(&error.to_string()))?;
    let of = |name: &str| measured.get(name).ok_or_else(|| unreadable(name));
    let (gibibyte, line, small) = (of("gibibyte")?, of("line")?, of("small")?);
    println!("medians of {} rounds, widget / bare client:", gibibyte.widget.len());
    for (what, both) in [
        ("1 GiB on loopback", gibibyte),
        ("64 MiB, 100 Mbit/s, answers after 100 ms", line),
        ("200 files of 64 KiB", small),
    ] {
        let (seconds, theirs) = both.medians(|once| once.seconds);
        let (thread, their_thread) = both.medians(|once| once.main_thread * 1000.0);
        let (requests, their_requests) = both.medians(|once| once.requests);
        println!(
            "  {what:<42} {seconds:>6.2} / {theirs:.2} s   main thread {thread:>5.0} / {their_thread:.0} ms   \
             requests {requests:>4.0} / {their_requests:.0}"
        );
    }
    let ratio = |both: &Both, of: fn(&Once) -> f64| {
        let (ours, theirs) = both.medians(of);
        ours / theirs
    };
    // What a page pays that has all three to do.
    let threads = [gibibyte, line, small].map(|both| both.medians(|once| once.main_thread));
    let (thread, their_thread) = threads.iter().fold((0.0, 0.0), |(ours, theirs), (a, b)| (ours + a, theirs + b));
    let (line_seconds, line_theirs) = line.medians(|once| once.seconds);
    let rows = [
        ("1 GiB on loopback, of the client's time", ratio(gibibyte, |once| once.seconds), 1.05, ""),
        // Whichever is easier: on a machine where the client is slow, so is the line.
        ("64 MiB over the line", line_seconds, f64::max(5.8, 0.95 * line_theirs), "s"),
        ("200 small files, of the client's time", ratio(small, |once| once.seconds), 0.6, ""),
        ("200 small files, requests", small.medians(|once| once.requests).0, 40.0, ""),
        ("main thread, 1 GiB, of the client's", ratio(gibibyte, |once| once.main_thread), 1.0, ""),
        ("main thread, 64 MiB, of the client's", ratio(line, |once| once.main_thread), 1.0, ""),
        ("main thread, 200 files, of the client's", ratio(small, |once| once.main_thread), 1.0, ""),
        ("main thread, all three, of the client's", thread / their_thread, 1.0, ""),
    ];
    let mut over = Vec::new();
    for (what, value, limit, unit) in rows {
        // Not a number is over, too.
        let holds = value <= limit;
        println!("{}  {what:<42}{value:>8.2} of {limit:>6.2} {unit}", if holds { "ok  " } else { "OVER" });
        if !holds {
            over.push(what);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(Error::Check(format!("over the limit: {}", over.join(", ")))) }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_over_its_limit_is_named() {
        let once =
            |seconds: f64, requests: u32| json!([{ "seconds": seconds, "requests": requests, "mainThread": 0.1 }]);
        let both = |ours: f64, requests: u32| json!({ "widget": once(ours, requests), "client": once(4.0, 400) });
        let json = json!({ "gibibyte": both(4.1, 9), "line": both(5.7, 9), "small": both(2.5, 41) });
        let error = report(&json.to_string()).unwrap_err().to_string();
        assert_eq!(error, "over the limit: 200 small files, of the client's time, 200 small files, requests");
        assert!(report("{}").is_err());
    }
}
