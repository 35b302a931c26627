//! The description of the API, OpenAPI 3.1, made of the operation table and the signer's own operations; and a page
//! made of the same, for people. The page has no script, and loads nothing but its style sheet from here.
//!
//! What the table cannot say, the shapes of bodies and answers, is in `schemas.json`; a test holds it against what the
//! stand-in takes and gives.

mod page;

use crate::own::{OWN, Own};
use crate::signer::Signer;
use crate::{jobs, operation};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use serde_json::{Map, Value, json};
use updock_types::rest::MEDIA_TYPE;
use updock_types::signer::{ProblemKind, paths};
use updock_types::{Method, Operation, OperationId, Repeat};

const SCHEMAS: &str = include_str!("schemas.json");
const PATH: &str = "/openapi.json";
/// Nothing from anywhere but here, and no script at all.
const ONLY_OURS: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/openapi.json`, `/docs` and what the page loads, written once. `address` is where callers reach us.
pub(crate) fn router(address: &str) -> Router<Signer> {
    let served = |media_type: &'static str, text: Bytes| {
        get(async move || {
            let headers = [
                (header::CONTENT_TYPE, media_type),
                (header::CONTENT_SECURITY_POLICY, ONLY_OURS),
                (header::REFERRER_POLICY, "no-referrer"),
            ];
            (headers, text)
        })
    };
    Router::new()
        .route(PATH, served("application/json", document(address).to_string().into()))
        .route("/docs", served("text/html; charset=utf-8", page::html(address).into()))
        .route("/docs/style.css", served("text/css; charset=utf-8", page::STYLE.into()))
}

/// What an operation takes and gives, by the names of `schemas.json`.
struct Shape {
    body: Option<&'static str>,
    /// `None` where there is nothing in the answer.
    answer: Option<&'static str>,
}

const fn shape(body: Option<&'static str>, answer: &'static str) -> Shape {
    Shape { body, answer: Some(answer) }
}

fn rest_shape(id: OperationId) -> Shape {
    use OperationId as Id;
    match id {
        Id::FilesList => shape(None, "Files"),
        Id::FilesSearch => shape(Some("Search"), "FoundFiles"),
        Id::FileInfo | Id::FileStore | Id::FileDelete => shape(None, "File"),
        Id::FilesStore | Id::FilesDelete => shape(Some("Ids"), "Batch"),
        Id::FileLocalCopy => shape(Some("LocalCopy"), "LocalCopied"),
        Id::FileRemoteCopy => shape(Some("RemoteCopy"), "RemoteCopied"),
        Id::FileTags => shape(None, "Tags"),
        Id::FileTagsReplace => shape(Some("Tags"), "TagsChanged"),
        Id::FileTagsUpdate => shape(Some("TagsChange"), "TagsChanged"),
        Id::MetadataList => shape(None, "Metadata"),
        Id::MetadataGet => shape(None, "MetadataValue"),
        Id::MetadataPut => shape(Some("MetadataValue"), "MetadataValue"),
        Id::GroupsList => shape(None, "Groups"),
        Id::GroupInfo => shape(None, "Group"),
        Id::DocumentInfo => shape(None, "DocumentInfo"),
        Id::DocumentConvert | Id::VideoConvert => shape(Some("Conversion"), "Converting"),
        Id::DocumentStatus | Id::VideoStatus => shape(None, "ConversionStatus"),
        Id::LabelsExecute | Id::ModerationExecute | Id::VirusScanExecute | Id::RemoveBgExecute => {
            shape(Some("AddonExecute"), "AddonStarted")
        }
        Id::LabelsStatus | Id::ModerationStatus | Id::VirusScanStatus | Id::RemoveBgStatus => {
            shape(None, "AddonStatus")
        }
        Id::WebhooksList => shape(None, "Webhooks"),
        Id::WebhookCreate => shape(Some("NewWebhook"), "Webhook"),
        Id::WebhookInfo => shape(None, "Webhook"),
        Id::WebhookUpdate => shape(Some("WebhookChange"), "Webhook"),
        Id::WebhookUnsubscribe => Shape { body: Some("Unsubscribe"), answer: None },
        Id::ProjectInfo => shape(None, "Project"),
        // The Upload API is not fronted: nothing of it is described.
        Id::MetadataDelete
        | Id::GroupDelete
        | Id::WebhookDelete
        | Id::UploadDirect
        | Id::MultipartStart
        | Id::MultipartComplete
        | Id::FromUrl
        | Id::FromUrlStatus
        | Id::UploadInfo
        | Id::GroupCreate
        | Id::UploadGroupInfo
        | Id::ImageGenerate
        | Id::ImageEdit
        | Id::DerivativeStatus => Shape { body: None, answer: None },
    }
}

/// Of our own operations; one that is not named here takes and gives JSON of any shape.
fn own_shape(own: &Own) -> (Option<&'static str>, Option<&'static str>) {
    match own.path {
        paths::UPLOAD_POLICY => (None, Some("UploadPolicy")),
        paths::UPLOAD_CREDENTIALS => (Some("CredentialRequest"), Some("IssuedCredential")),
        paths::UPLOADS_CONFIRM => (Some("ConfirmRequest"), Some("Confirmed")),
        paths::RECEIPTS_VERIFY => (Some("VerifyReceiptRequest"), Some("Receipt")),
        paths::EVENT_TOKENS => (Some("EventTokenRequest"), Some("EventToken")),
        paths::KEYS if own.method == Method::Get => (None, Some("KeyList")),
        paths::KEYS => (Some("IssueKeyRequest"), Some("NewKey")),
        paths::KEYS_DERIVE => (Some("DeriveKeyRequest"), Some("NewKey")),
        paths::KEY_REVOKE => (None, Some("KeyInfo")),
        _ => (None, None),
    }
}

fn query(id: OperationId) -> Vec<Value> {
    let one = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let number = |most: u32| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let moment = || json!({ "type": "string", "format": "date-time" });
    let offset = || one("offset", json!({ "type": "integer", "minimum": 0 }));
    let appdata = || one("include", json!({ "type": "string", "enum": ["appdata"] }));
    let list = |ordering: &str| {
        let both = json!({ "type": "string", "enum": [ordering, format!("-{ordering}")] });
        vec![one("limit", number(1000)), one("ordering", both), one("from", moment()), one("to", moment()), offset()]
    };
    match id {
        OperationId::FilesList => {
            let flag = || json!({ "type": "boolean" });
            [list("datetime_uploaded"), vec![one("stored", flag()), one("removed", flag()), appdata()]].concat()
        }
        OperationId::GroupsList => list("datetime_created"),
        OperationId::FilesSearch => vec![one("limit", number(100)), offset(), appdata()],
        OperationId::FileInfo => vec![appdata()],
        OperationId::LabelsStatus
        | OperationId::ModerationStatus
        | OperationId::VirusScanStatus
        | OperationId::RemoveBgStatus => {
            let mut asked = one("request_id", reference("Uuid"));
            asked["required"] = true.into();
            vec![asked]
        }
        _ => Vec::new(),
    }
}

/// The parameters in a path template.
fn in_path(path: &str) -> Vec<Value> {
    let named = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let schema = |name: &str| match name {
        "uuid" => reference("Uuid"),
        "key" => json!({ "type": "string", "pattern": "^[-_.:A-Za-z0-9]{1,64}$" }),
        "key_id" => reference("KeyId"),
        "token" | "id" => json!({ "type": "integer", "minimum": 0 }),
        _ => json!({ "type": "string" }),
    };
    named.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": schema(name) })).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(media_type: &str, schema: &Value) -> Value {
    json!({ "content": { media_type: { "schema": schema } } })
}

/// One operation of ours.
fn described(id: &str, words: &str, area: &str, level: &str, shape: (Option<&str>, Option<Value>)) -> Value {
    let (body, answer) = shape;
    let mut words: String = words.to_owned();
    words.get_mut(..1).map(str::make_ascii_uppercase);
    let mut told = json!({
        "operationId": id,
        "summary": words,
        "description": format!("Needs `{area}: {level}`."),
        "tags": [area],
        "security": [{ "agentKey": [] }],
        "x-updock-grant": { "area": area, "level": level },
        "responses": {
            "2XX": answer.map_or_else(|| json!({ "description": "Done; there is nothing in the answer." }), |mut answer| {
                answer["description"] = "Done.".into();
                answer
            }),
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if let Some(body) = body {
        let mut body = content("application/json", &reference(body));
        body["required"] = true.into();
        told["requestBody"] = body;
    }
    told
}

fn rest(row: &'static Operation) -> Value {
    let Shape { body, answer } = rest_shape(row.id);
    let answer = answer.map(|name| {
        let mut answer = content(MEDIA_TYPE, &reference(name));
        if matches!(row.id, OperationId::FilesList | OperationId::FilesSearch | OperationId::GroupsList) {
            answer["content"]["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
        }
        answer
    });
    let words = row.words.trim_end_matches(" file").trim_end_matches(" group");
    let mut told = described(row.id.as_str(), words, row.area.as_str(), row.level.as_str(), (body, answer));
    let mut parameters = [in_path(row.path), query(row.id)].concat();
    parameters.push(json!({ "$ref": "#/components/parameters/Prefer" }));
    if row.method.as_str() != "GET" {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    told["parameters"] = parameters.into();
    told["x-updock-repeatable"] = (row.repeat == Repeat::Safe).into();
    told["externalDocs"] = json!({ "url": "https://uploadcare.com/docs/api/rest/", "description": row.source });
    told
}

fn ours(own: &Own) -> Value {
    let (body, answer) = own_shape(own);
    let answer = content("application/json", &answer.map_or_else(|| json!({}), reference));
    let mut told = described(own.id, own.words, own.area.as_str(), own.level.as_str(), (body, Some(answer)));
    let mut parameters = in_path(own.path);
    if own.id == crate::own::KEYS_LIST.id {
        parameters.push(json!({ "name": "agent", "in": "query", "schema": { "type": "string" } }));
    }
    if !parameters.is_empty() {
        told["parameters"] = parameters.into();
    }
    told
}

fn job() -> Value {
    let known: Vec<&str> = jobs::rows().map(|row| row.id.as_str()).collect();
    json!({
        "operationId": "jobs.start",
        "summary": "Start a conversion or an add-on, and wait for its end",
        "description": format!("Needs what the operation needs, which is one of {}. Waits as long as `Prefer: wait` \
            says, 30 seconds otherwise; 202 says that it still runs, and where to look.", known.join(", ")),
        "tags": ["jobs"],
        "security": [{ "agentKey": [] }],
        "parameters": [
            { "$ref": "#/components/parameters/Prefer" },
            { "$ref": "#/components/parameters/IdempotencyKey" },
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": reference("JobRequest") } } },
        "responses": {
            "200": { "description": "All have ended.", "content": { "application/json": { "schema": reference("JobAnswer") } } },
            "202": { "description": "Some still run.", "content": { "application/json": { "schema": reference("JobAnswer") } } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    })
}

/// The whole description. `address` is where callers reach us.
pub(crate) fn document(address: &str) -> Value {
    let mut all: Map<String, Value> = Map::new();
    let mut add = |path: String, method: &str, told: Value| {
        let methods = all.entry(path).or_insert_with(|| json!({}));
        methods[method.to_ascii_lowercase()] = told;
    };
    for row in operation::rows() {
        add(format!("{}{}", paths::UPLOADCARE, row.path), row.method.as_str(), rest(row));
    }
    for row in OWN {
        add(row.path.to_owned(), row.method.as_str(), ours(row));
    }
    add(paths::JOBS.to_owned(), "post", job());
    // Ours and known good: a test reads it.
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    let text = |most: u16| json!({ "type": "string", "minLength": 1, "maxLength": most });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "updock-signer",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Uploadcare's REST API with access per agent, upload credentials, receipts and events.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": address }],
        "paths": all,
        "components": {
            "securitySchemes": {
                "agentKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An agent key, `updock_live_...`. Official SDKs send it as `Uploadcare.Simple <public key>:<agent key>`.",
                },
            },
            "parameters": {
                "Prefer": {
                    "name": "Prefer", "in": "header", "schema": { "type": "string", "examples": ["wait=10"] },
                    "description": "How many seconds to wait while Uploadcare is throttled; 5 otherwise, 30 at most.",
                },
                "IdempotencyKey": {
                    "name": "Idempotency-Key", "in": "header", "schema": text(200),
                    "description": "The same request with the same key is done once; kept for a day.",
                },
            },
            "responses": {
                "Problem": {
                    "description": format!("It was not done. One of: {}.", problems()),
                    "content": { "application/problem+json": { "schema": reference("Problem") } },
                },
            },
            "schemas": schemas,
        },
    })
}

fn problems() -> String {
    let named = ProblemKind::all().map(|kind| format!("{} ({})", kind.uri(), kind.status()));
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
