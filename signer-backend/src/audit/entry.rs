//! One record as it is hashed and kept: a JSON object on one line, its members always in this order.

use crate::decision::Verdict;
use crate::log::Record;
use crate::signing::hex;
use crate::state::{AuditRow, ChainEnd};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::time::SystemTime;

/// See the module. Members that have no value are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<'a> {
    /// Version of this form.
    pub v: u8,
    /// Whose chain.
    pub node: Cow<'a, str>,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When, with microseconds.
    pub at: Cow<'a, str>,
    /// `decision`, `outcome` or `event`.
    pub phase: Cow<'a, str>,
    /// The request; the same in all its records and in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Cow<'a, str>>,
    /// The agent's id, or `visitor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Cow<'a, str>>,
    /// The public part of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'a, str>>,
    /// The public part of the key that it was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_key: Option<Cow<'a, str>>,
    /// On whose behalf it called, by its verified token; the provider's words, cut to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Cow<'a, str>>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Cow<'a, str>>,
    /// Like `files.delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Cow<'a, str>>,
    /// Like `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Cow<'a, str>>,
    /// Like `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Cow<'a, str>>,
    /// What the request was made of: names and sizes, never values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Cow<'a, str>>,
    /// `allow`, `deny` or `needs_approval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Cow<'a, str>>,
    /// The grant that would have been needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Cow<'a, str>>,
    /// The place in the policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'a, str>>,
    /// What the shadow policy says, where it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Cow<'a, str>>,
    /// Which policy it was: the first half of its SHA-256, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// Uploadcare's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long Uploadcare took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
    /// One plain sentence.
    pub text: Cow<'a, str>,
    /// Hash of the record before this one; empty for the first.
    pub prev: Cow<'a, str>,
}

/// SHA-256 over a record's bytes, in hexadecimal.
pub(super) fn digest(record: &str) -> String {
    hex(&Sha256::digest(record.as_bytes()))
}

/// The record as the row that follows `end`.
pub(super) fn row<'a>(record: &'a Record, end: &'a ChainEnd) -> AuditRow {
    let at = record.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let verdict = record.verdict.map(Verdict::as_str);
    let lent = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
    let entry = Entry {
        v: 1,
        node: Cow::Borrowed(&end.node),
        seq: end.seq + 1,
        at: Cow::Owned(time(at)),
        phase: Cow::Borrowed(record.phase.as_str()),
        request: lent(&record.request_id),
        caller: lent(&record.caller),
        key: lent(&record.key_id),
        parent_key: lent(&record.parent_key),
        on_behalf_of: lent(&record.on_behalf_of),
        peer: record.peer.map(|peer| Cow::Owned(peer.to_string())),
        operation: record.operation.map(Cow::Borrowed),
        area: record.area.map(Cow::Borrowed),
        level: record.level.map(Cow::Borrowed),
        shape: lent(&record.shape),
        verdict: verdict.map(Cow::Borrowed),
        missing: lent(&record.missing),
        rule: lent(&record.rule),
        shadow: record.shadow.map(Cow::Borrowed),
        policy: record.policy.as_deref().map(Cow::Borrowed),
        status: record.status,
        millis: record.millis,
        text: Cow::Borrowed(&record.text),
        prev: Cow::Borrowed(&end.hash),
    };
    let text = serde_json::to_string(&entry).expect("a record is text and numbers");
    AuditRow {
        hash: digest(&text),
        node: end.node.clone(),
        seq: entry.seq,
        at,
        phase: record.phase.as_str().to_owned(),
        request: record.request_id.clone(),
        caller: record.caller.clone(),
        operation: record.operation.map(str::to_owned),
        area: record.area.map(str::to_owned),
        verdict: verdict.map(str::to_owned),
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
