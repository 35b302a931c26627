//! `bench`: the figures of speed and memory, with their budgets. Not a timed test: run it on a
//! quiet machine. 1 GiB goes through the widget and through a bare page that PUTs the same slices
//! at the same parallelism, in turns, in one browser.

use std::fs::{self, File};

use serde::Deserialize;

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::setup::{browser, npm};
use crate::stack::{self, Build, Plan, Ports, SignedUploads, Stack};
use crate::wasm::{self, Mode};
use crate::workspace::Workspace;

const SIZE: u64 = 1 << 30;
const ROUNDS: &str = "3";
const MIB: f64 = 1024.0 * 1024.0;

/// Runs it all, prints the table, and fails when a budget is broken.
pub(crate) fn run(workspace: &Workspace, as_built: bool) -> Result<()> {
    if !as_built {
        wasm::build(workspace, Mode::Release)?;
        stack::build_parts(workspace, Build::Release)?;
    }
    npm::ensure_packages(&workspace.e2e())?;
    let chromium = browser::ensure(browser::CHROMIUM)?;
    let folder = workspace.scratch("bench");
    fs::create_dir_all(&folder).doing_at("make", &folder)?;
    let file = folder.join("1gib.bin");
    // Sparse: the disk should not be what is measured.
    File::create(&file).and_then(|open| open.set_len(SIZE)).doing_at("write", &file)?;

    let plan = Plan {
        ports: Ports::Free,
        build: Build::Release,
        real: None,
        signer_secret: None,
        signed_uploads: SignedUploads::Required,
        connect: Vec::new(),
        folder: folder.join("parts"),
        keep: false,
        mounts: vec![("/bench/", workspace.bench().join("pages")), ("/e2e/", workspace.e2e().join("pages"))],
    };
    let runtime = demo::runtime()?;
    let stack = runtime.block_on(Stack::start(workspace, plan))?;
    let driven = Run::new("the benchmark", "node")
        .arg(workspace.bench().join("bench.mjs"))
        .arg(&file)
        .dir(workspace.e2e())
        .env("UPDOCK_CHROMIUM", chromium)
        .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "))
        .env("UPDOCK_PAGE", stack.page())
        .env("UPDOCK_ROUNDS", ROUNDS)
        .env("UPDOCK_TRACE", folder.join("trace.json"))
        .output();
    let resident = stack.local_pid().and_then(peak_resident_kib);
    runtime.block_on(stack.stop());
    let _ = fs::remove_dir_all(folder.join("parts"));
    report(&driven?, resident)
}

/// What the driver measured. Seconds and bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    widget: Vec<f64>,
    bare: Vec<f64>,
    parallel: u32,
    part_size: f64,
    ready: f64,
    wasm_growth: f64,
    heap_growth: f64,
    /// By the wall clock; tasks below 50 ms are not reported by the browser and count as 0.
    longest_task_ms: f64,
    longest_task_bare_ms: f64,
    /// By the processor's time.
    longest_task_cpu_ms: f64,
}

fn report(json: &str, resident_kib: Option<f64>) -> Result<()> {
    let measured: Measured = serde_json::from_str(json.trim())
        .map_err(|error| Error::Check(format!("the benchmark's report cannot be read ({error}): {json}")))?;
    let (widget, bare) = (median(&measured.widget), median(&measured.bare));
    println!(
        "1 GiB, {} parts of {:.0} MiB at once: widget {widget:.2} s {:.2?}, bare page {bare:.2} s {:.2?}",
        measured.parallel,
        measured.part_size / MIB,
        measured.widget,
        measured.bare
    );
    println!("button ready {:.0} ms after the page began to load", measured.ready);
    println!(
        "longest task by the wall clock, preemption included (0: below 50): widget {:.0} ms, bare page {:.0} ms\n",
        measured.longest_task_ms, measured.longest_task_bare_ms
    );
    let rows = [
        ("widget / bare page, wall time", widget / bare, 1.25, ""),
        ("wasm memory, growth", measured.wasm_growth / MIB, 32.0, "MiB"),
        ("JavaScript heap, growth", measured.heap_growth / MIB, 32.0, "MiB"),
        // The wall clock also counts the time in which the browser, its network process and the server had the
        // processors: with two of them a task of 1 ms can last 60.
        ("longest task on the main thread", measured.longest_task_cpu_ms, 50.0, "ms"),
        ("stand-in, peak resident memory", resident_kib.unwrap_or(f64::NAN) / 1024.0, 64.0, "MiB"),
    ];
    let mut over = Vec::new();
    for (what, value, limit, unit) in rows {
        // Not a number is over, too.
        let holds = value <= limit;
        println!("{}  {what:<36}{value:>8.2} of {limit:>6.2} {unit}", if holds { "ok  " } else { "OVER" });
        if !holds {
            over.push(what);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(Error::Check(format!("over budget: {}", over.join(", ")))) }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most memory that a process ever held, as Linux counts it.
fn peak_resident_kib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_budget_is_named_and_an_unknown_figure_is_a_broken_one() {
        let json = r#"{"widget":[4.0,5.0,4.2],"bare":[4.0],"parallel":4,"partSize":5242880,"ready":80,
            "wasmGrowth":1048576,"heapGrowth":1048576,"longestTaskMs":70,"longestTaskBareMs":70,"longestTaskCpuMs":61}"#;
        let error = report(json, None).unwrap_err().to_string();
        assert_eq!(error, "over budget: longest task on the main thread, stand-in, peak resident memory");
    }

    #[test]
    fn our_own_peak_memory_can_be_read() {
        assert!(peak_resident_kib(std::process::id()).is_some_and(|kib| kib > 100.0));
    }
}
