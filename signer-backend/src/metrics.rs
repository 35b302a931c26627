//! What the signer counts, in the text form of Prometheus, on a listener of its own: who reads numbers need not be who
//! may call.
//!
//! Labels come from finite sets only: agents of the policy, operations of the table, verdicts. Nothing that a client
//! chose is a label.

use crate::decision::Verdict;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of times, in microseconds.
const BOUNDS: [u64; 14] =
    [100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];

/// How long something took, by buckets.
#[derive(Debug, Default)]
pub struct Times {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Times {
    /// Counts one.
    pub fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS.iter().position(|bound| micros <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut sum = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            sum += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {sum}", seconds(*bound));
        }
        let count = self.count.load(Ordering::Relaxed);
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {}\n{name}_count {count}", seconds(self.micros.load(Ordering::Relaxed)));
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    decisions: Mutex<BTreeMap<(String, &'static str, &'static str), u64>>,
    answers: Mutex<BTreeMap<u16, u64>>,
    unrecorded: AtomicU64,
    refused_unrecorded: AtomicU64,
    left_out: AtomicU64,
    webhooks: Mutex<BTreeMap<&'static str, u64>>,
    policies: Mutex<BTreeMap<&'static str, u64>>,
    shadows: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// The whole request, Uploadcare's time included.
    pub requests: Times,
    /// Uploadcare's part of it.
    pub upstream: Times,
    /// How long a record took to be safe.
    pub recorded: Times,
}

fn add<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, key: K) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
}

impl Metrics {
    /// A decision.
    pub fn decided(&self, caller: &str, operation: &'static str, verdict: Verdict) {
        add(&self.decisions, (caller.to_owned(), operation, verdict.as_str()));
    }

    /// An answer with this status.
    pub fn answered(&self, status: u16) {
        add(&self.answers, status);
    }

    /// A webhook: `new`, `seen`, `late` or `refused`.
    pub fn webhook(&self, what: &'static str) {
        add(&self.webhooks, what);
    }

    /// The shadow policy says otherwise than the one that holds.
    pub fn shadow_differs(&self, operation: &'static str, verdict: &'static str) {
        add(&self.shadows, (operation, verdict));
    }

    /// The policy file was read again: `taken` or `refused`.
    pub fn policy_read(&self, what: &'static str) {
        add(&self.policies, what);
    }

    /// A read went on without a record.
    pub fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused because its decision could not be recorded.
    pub fn refused_unrecorded(&self) {
        self.refused_unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody was turned away without a record of their own.
    pub fn left_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it as text. Source: Prometheus, text-based exposition format 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let lock = |error: PoisonError<_>| error.into_inner();
        let _ = writeln!(text, "# HELP updock_decisions_total Decisions by caller, operation and verdict.");
        let _ = writeln!(text, "# TYPE updock_decisions_total counter");
        for ((caller, operation, verdict), count) in &*self.decisions.lock().unwrap_or_else(lock) {
            let labels = format!("caller=\"{caller}\",operation=\"{operation}\",verdict=\"{verdict}\"");
            let _ = writeln!(text, "updock_decisions_total{{{labels}}} {count}");
        }
        let _ = writeln!(text, "# HELP updock_answers_total Answers by status.\n# TYPE updock_answers_total counter");
        for (status, count) in &*self.answers.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "updock_answers_total{{status=\"{status}\"}} {count}");
        }
        let _ = writeln!(text, "# HELP updock_webhooks_total Webhooks by what became of them.");
        let _ = writeln!(text, "# TYPE updock_webhooks_total counter");
        for (what, count) in &*self.webhooks.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "updock_webhooks_total{{outcome=\"{what}\"}} {count}");
        }
        let _ = writeln!(text, "# HELP updock_policy_reads_total The policy file read again, by what came of it.");
        let _ = writeln!(text, "# TYPE updock_policy_reads_total counter");
        for (what, count) in &*self.policies.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "updock_policy_reads_total{{outcome=\"{what}\"}} {count}");
        }
        let _ =
            writeln!(text, "# HELP updock_shadow_differences_total Decisions that the shadow policy takes otherwise.");
        let _ = writeln!(text, "# TYPE updock_shadow_differences_total counter");
        for ((operation, verdict), count) in &*self.shadows.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = format!("operation=\"{operation}\",verdict=\"{verdict}\"");
            let _ = writeln!(text, "updock_shadow_differences_total{{{labels}}} {count}");
        }
        let _ = writeln!(
            text,
            "# HELP updock_unrecorded_reads_total Reads that went on although nothing could be recorded."
        );
        let _ = writeln!(text, "# TYPE updock_unrecorded_reads_total counter");
        let _ = writeln!(text, "updock_unrecorded_reads_total {}", self.unrecorded.load(Ordering::Relaxed));
        let _ = writeln!(
            text,
            "# HELP updock_unrecorded_refusals_total Requests refused because nothing could be recorded."
        );
        let _ = writeln!(text, "# TYPE updock_unrecorded_refusals_total counter");
        let _ = writeln!(text, "updock_unrecorded_refusals_total {}", self.refused_unrecorded.load(Ordering::Relaxed));
        let _ = writeln!(
            text,
            "# HELP updock_turned_away_unrecorded_total Requests turned away without a record of their own."
        );
        let _ = writeln!(text, "# TYPE updock_turned_away_unrecorded_total counter");
        let _ = writeln!(text, "updock_turned_away_unrecorded_total {}", self.left_out.load(Ordering::Relaxed));
        self.requests.write(&mut text, "updock_request_seconds", "Whole requests, Uploadcare's time included.");
        self.upstream.write(&mut text, "updock_upstream_seconds", "Calls of Uploadcare.");
        self.recorded.write(&mut text, "updock_audit_seconds", "How long a record took to be on the disk.");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.decided("media", "files.list", Verdict::Allow);
        metrics.decided("media", "files.list", Verdict::Allow);
        metrics.decided("media", "files.delete", Verdict::NeedsApproval);
        metrics.answered(200);
        metrics.webhook("new");
        metrics.requests.took(Duration::from_micros(250));
        metrics.requests.took(Duration::from_mins(1));
        let text = metrics.text();
        for line in [
            "updock_decisions_total{caller=\"media\",operation=\"files.list\",verdict=\"allow\"} 2",
            "updock_decisions_total{caller=\"media\",operation=\"files.delete\",verdict=\"needs_approval\"} 1",
            "updock_answers_total{status=\"200\"} 1",
            "updock_webhooks_total{outcome=\"new\"} 1",
            "updock_unrecorded_reads_total 0",
            "updock_request_seconds_bucket{le=\"0.000200\"} 0",
            "updock_request_seconds_bucket{le=\"0.000300\"} 1",
            "updock_request_seconds_bucket{le=\"+Inf\"} 2",
            "updock_request_seconds_sum 60.000250",
            "updock_upstream_seconds_count 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
    }
}
