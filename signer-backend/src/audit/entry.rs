//! One record as it is hashed and kept: a JSON object on one line, its members always in this order.

use crate::log::Record;
use crate::signing::hex;
use crate::state::{AuditRow, ChainEnd};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// See the module. Members that have no value are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this form.
    pub v: u8,
    /// Whose chain.
    pub node: String,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When, with microseconds.
    pub at: String,
    /// `decision`, `outcome` or `event`.
    pub phase: String,
    /// The request; the same in all its records and in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The agent's id, or `visitor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The public part of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// On whose behalf it called, by its verified token; the provider's words, cut to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Like `files.delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Like `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Like `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What the request was made of: names and sizes, never values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// `allow`, `deny` or `needs_approval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The grant that would have been needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// The place in the policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the shadow policy says, where it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
    /// Which policy it was: the first half of its SHA-256, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Uploadcare's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long Uploadcare took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// One plain sentence.
    pub text: String,
    /// Hash of the record before this one; empty for the first.
    pub prev: String,
}

/// SHA-256 over a record's bytes, in hexadecimal.
pub(super) fn digest(record: &str) -> String {
    hex(&Sha256::digest(record.as_bytes()))
}

/// The record as the row that follows `end`.
pub(super) fn row(record: &Record, end: &ChainEnd) -> AuditRow {
    let at = record.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let verdict = record.verdict.map(|verdict| verdict.as_str().to_owned());
    let entry = Entry {
        v: 1,
        node: end.node.clone(),
        seq: end.seq + 1,
        at: time(at),
        phase: record.phase.as_str().to_owned(),
        request: record.request_id.clone(),
        caller: record.caller.clone(),
        key: record.key_id.clone(),
        on_behalf_of: record.on_behalf_of.clone(),
        peer: record.peer.map(|peer| peer.to_string()),
        operation: record.operation.map(str::to_owned),
        area: record.area.map(str::to_owned),
        level: record.level.map(str::to_owned),
        shape: record.shape.clone(),
        verdict,
        missing: record.missing.clone(),
        rule: record.rule.clone(),
        shadow: record.shadow.map(str::to_owned),
        policy: record.policy.as_deref().map(str::to_owned),
        status: record.status,
        millis: record.millis,
        text: record.text.clone(),
        prev: end.hash.clone(),
    };
    let text = serde_json::to_string(&entry).expect("a record is text and numbers");
    AuditRow {
        hash: digest(&text),
        node: entry.node,
        seq: entry.seq,
        at,
        phase: entry.phase,
        request: entry.request,
        caller: entry.caller,
        operation: entry.operation,
        area: entry.area,
        verdict: entry.verdict,
        record: text,
    }
}

/// `2026-11-23T09:14:07.482113Z`.
pub(super) fn time(micros: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Microseconds of a time as people and programs write it.
pub(super) fn micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}
