//! What may stand in an address and beside it: parameters of paths, queries and headers.

use super::reference;
use crate::decision::Verdict;
use crate::own::{AUDIT_READ, KEYS_LIST, Own, POLICY_EXPLAIN, ids};
use serde_json::{Value, json};
use updock_types::{Area, OperationId};

fn number(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn told(name: &str, schema: &Value, description: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": schema, "description": description })
}

fn needed(mut parameter: Value) -> Value {
    parameter["required"] = true.into();
    parameter
}

/// In the query of an operation of Uploadcare's.
pub(super) fn in_query(id: OperationId) -> Vec<Value> {
    let one = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let moment = || json!({ "type": "string", "format": "date-time" });
    let offset = || one("offset", json!({ "type": "integer", "minimum": 0 }));
    let appdata = || one("include", json!({ "type": "string", "enum": ["appdata"] }));
    let list = |ordering: &str| {
        let both = json!({ "type": "string", "enum": [ordering, format!("-{ordering}")] });
        vec![one("limit", number(1, 1000)), one("ordering", both), one("from", moment()), one("to", moment()), offset()]
    };
    match id {
        OperationId::FilesList => {
            let flag = || json!({ "type": "boolean" });
            [list("datetime_uploaded"), vec![one("stored", flag()), one("removed", flag()), appdata()]].concat()
        }
        OperationId::GroupsList => list("datetime_created"),
        OperationId::FilesSearch => vec![one("limit", number(1, 100)), offset(), appdata()],
        OperationId::FileInfo => vec![appdata()],
        OperationId::LabelsStatus
        | OperationId::ModerationStatus
        | OperationId::VirusScanStatus
        | OperationId::RemoveBgStatus => vec![needed(one("request_id", reference("Uuid")))],
        _ => Vec::new(),
    }
}

/// In the query, and in headers of its own, of an operation of ours.
pub(super) fn of_own(own: &Own) -> Vec<Value> {
    match own.id {
        id if id == KEYS_LIST.id => vec![told("agent", &text(), "Keys of this agent only.")],
        id if id == POLICY_EXPLAIN.id => vec![
            needed(told("operation", &operations(), "Which operation.")),
            told("caller", &text(), "An agent of the policy, or `visitor`; oneself if left out."),
            told("count", &json!({ "type": "integer", "minimum": 0, "default": 1 }), "How many files it names."),
            told("to", &text(), "Where it sends something: the address of a webhook, or the name of a storage."),
            told("public", &json!({ "type": "boolean", "default": false }), "May everybody read what it makes there?"),
        ],
        id if id == AUDIT_READ.id => {
            let areas: Vec<&str> = Area::ALL.iter().map(|area| area.as_str()).collect();
            let verdicts = [Verdict::Allow, Verdict::Deny, Verdict::NeedsApproval].map(Verdict::as_str);
            let when = "A date and time, or so long ago: `2026-09-21T12:44:02Z`, `1d`.";
            vec![
                told("caller", &text(), "Records of this agent, or of `visitor`."),
                told("area", &json!({ "type": "string", "enum": areas }), "Records of this area."),
                told("operation", &operations(), "Records of this operation."),
                told("verdict", &json!({ "type": "string", "enum": verdicts }), "Records of such decisions."),
                told("request", &text(), "Records of the request with this id."),
                told("text", &text(), "Records with these words in their sentence."),
                told("from", &text(), when),
                told("to", &text(), when),
                told(
                    "limit",
                    &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
                    "Most records of a page.",
                ),
                told("before", &text(), "The `next` of the page before."),
                last_event_id(),
            ]
        }
        _ => Vec::new(),
    }
}

/// Where a stream of events goes on.
pub(super) fn last_event_id() -> Value {
    json!({
        "name": "Last-Event-ID", "in": "header", "schema": text(),
        "description": "Of a stream: the id of the last event that was read; it goes on after that.",
    })
}

fn operations() -> Value {
    json!({ "type": "string", "enum": ids().collect::<Vec<_>>() })
}

/// The parameters in a path template.
pub(super) fn in_path(path: &str) -> Vec<Value> {
    let named = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let schema = |name: &str| match name {
        "uuid" => reference("Uuid"),
        "key" => json!({ "type": "string", "pattern": "^[-_.:A-Za-z0-9]{1,64}$" }),
        "key_id" => reference("KeyId"),
        "token" | "id" => json!({ "type": "integer", "minimum": 0 }),
        _ => text(),
    };
    named.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": schema(name) })).collect()
}
