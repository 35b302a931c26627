//! The JSON Schema of the policy file, for editors. A test holds it to the reader, table by table: what the one knows
//! the other knows too.

use crate::own;
use serde_json::{Map, Value, json};
use updock_types::{Area, Event};

/// The schema. Source: JSON Schema, draft 2020-12.
pub fn schema() -> Value {
    let mut schema = table(
        &["version", "project"],
        vec![
            ("version", json!({ "const": 1 })),
            ("server", server()),
            (
                "project",
                table(
                    &["public_key", "secret"],
                    vec![
                        ("public_key", text("The project's public key.")),
                        ("secret", secret()),
                        ("upload_secret", secret()),
                    ],
                ),
            ),
            ("upstream", table(&[], vec![("rest", text("Where the REST API is.")), ("plain_http", flag())])),
            ("uploads", uploads()),
            ("defaults", table(&[], vec![("rate", rate())])),
            ("roles", named(&table(&[], levels()))),
            ("agents", named(&agent())),
            ("state", table(&[], vec![("sqlite", text("A file on a local disk.")), ("postgres", secret())])),
            (
                "audit",
                table(
                    &[],
                    vec![
                        ("on_failure", json!({ "enum": ["refuse", "count"] })),
                        ("keep", time()),
                        ("checkpoint", time()),
                        ("key", secret()),
                    ],
                ),
            ),
            ("receipts", table(&[], vec![("ttl", time()), ("key", secret())])),
            (
                "webhooks",
                table(
                    &[],
                    vec![
                        ("events", events()),
                        ("secrets", list(&secret())),
                        (
                            "targets",
                            named(&table(
                                &["url", "secret"],
                                vec![
                                    ("url", text("Where events are sent on to.")),
                                    ("secret", secret()),
                                    ("events", events()),
                                    ("networks", list(&text("A network, like 10.0.0.0/8."))),
                                ],
                            )),
                        ),
                    ],
                ),
            ),
            (
                "tokens",
                table(
                    &["issuer", "audience", "jwks"],
                    vec![
                        ("issuer", text("Who makes the tokens, as their claim iss says.")),
                        ("audience", text("For whom they are made, as their claim aud says.")),
                        ("jwks", text("The address of the keys that verify them.")),
                        ("algorithms", list(&json!({ "enum": super::tokens::names() }))),
                        ("claim", text("The claim that names an agent.")),
                        ("networks", list(&text("A network, like 10.0.0.0/8."))),
                    ],
                ),
            ),
            (
                "shadow",
                table(&["file"], vec![("file", text("A policy that is asked beside this one, and never enforced."))]),
            ),
        ],
    );
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Policy of updock-signer");
    schema
}

fn server() -> Value {
    table(
        &[],
        vec![
            ("listen", text("Address and port, like 127.0.0.1:3001.")),
            ("public_url", text("How callers reach it.")),
            ("max_connections", number(1)),
            ("max_connections_per_peer", number(1)),
            ("metrics", text("Address and port of /metrics.")),
        ],
    )
}

fn uploads() -> Value {
    let terms = || vec![("ttl_max", time()), ("operations_max", number(1)), ("store", flag())];
    let mut visitors =
        vec![("origins", list(&text("An exact origin, like https://app.example.com."))), ("rate", rate())];
    visitors.push(("quota", quota()));
    visitors.push(("signature", flag()));
    visitors.extend(terms());
    table(
        &[],
        vec![
            (
                "policy",
                table(
                    &[],
                    vec![
                        ("max_file_size", number(0)),
                        ("max_files", number(0)),
                        ("accept", list(&text("A type: .pdf, image/*, image/png."))),
                    ],
                ),
            ),
            ("violations", json!({ "enum": ["leave", "delete"] })),
            ("visitors", table(&["origins"], visitors)),
            ("agents", table(&[], terms())),
        ],
    )
}

fn agent() -> Value {
    let key = table(
        &["sha256"],
        vec![
            ("sha256", json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })),
            ("id", json!({ "type": "string", "pattern": "^[0-9A-Za-z]{10}$" })),
            ("expires", moment()),
        ],
    );
    let limits = table(
        &[],
        vec![
            ("batch_max", number(1)),
            (
                "upload_credential",
                table(
                    &[],
                    vec![
                        ("ttl_max", time()),
                        ("operations_max", number(1)),
                        ("scope", list(&text("An endpoint, like /base/."))),
                        ("signature", flag()),
                    ],
                ),
            ),
            ("webhook_targets", list(&text("An address; what lies below it is meant too."))),
            ("copy_targets", list(&text("A custom storage."))),
            ("make_public", flag()),
        ],
    );
    let mut fields = vec![
        ("name", text("Its name in sentences.")),
        ("keys", list(&key)),
        ("roles", list(&text("A role."))),
        ("only", list(&scope())),
        ("rate", rate()),
        ("rates", by_scope(&rate())),
        ("quota", by_scope(&quota())),
        ("limits", limits),
        ("expires", moment()),
        ("networks", list(&text("A network, like 10.0.0.0/8."))),
        ("tokens", flag()),
        ("acknowledged", flag()),
    ];
    fields.extend(levels());
    table(&["name"], fields)
}

fn levels() -> Vec<(&'static str, Value)> {
    Area::ALL.iter().map(|area| (area.as_str(), json!({ "enum": ["off", "read", "write", "full"] }))).collect()
}

/// An area or an operation.
fn scope() -> Value {
    let known = Area::ALL.iter().map(|area| area.as_str()).chain(own::ids());
    json!({ "enum": known.collect::<Vec<_>>() })
}

fn by_scope(value: &Value) -> Value {
    json!({ "type": "object", "propertyNames": scope(), "additionalProperties": value })
}

fn table(required: &[&str], fields: Vec<(&'static str, Value)>) -> Value {
    let properties: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// A table of tables, by name.
fn named(value: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn number(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn time() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+[smhd]$" })
}

fn quota() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+/day$" })
}

fn rate() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+/[smh]( burst [0-9]+)?$" })
}

/// A date and time with its zone; TOML has a type for it, which editors see as text.
fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn secret() -> Value {
    let mut secret = table(
        &[],
        vec![("env", text("An environment variable.")), ("file", text("A file that only its owner reads."))],
    );
    secret["minProperties"] = json!(1);
    secret["maxProperties"] = json!(1);
    secret
}

fn events() -> Value {
    list(&json!({ "enum": Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>() }))
}
