//! The description of the API, OpenAPI 3.1, made of the operation table and the signer's own operations; and a page
//! made of the same, for people. The page has no script, and loads nothing but its style sheet from here.
//!
//! What the table cannot say, the shapes of bodies and answers, is in `schemas.json`; a test holds it against what the
//! stand-in takes and gives.

mod open;
mod page;
mod parameters;

use crate::own::{Callers, OWN, Own};
use crate::signer::Signer;
use crate::{jobs, operation};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use parameters::{in_path, in_query, of_own};
use serde_json::{Map, Value, json};
use updock_types::rest::MEDIA_TYPE;
use updock_types::signer::{ProblemKind, paths};
use updock_types::{Method, Operation, OperationId, Repeat};

const SCHEMAS: &str = include_str!("schemas.json");
const PATH: &str = "/openapi.json";
const PAGE: &str = "/docs";
const STYLE: &str = "/docs/style.css";
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
        .route(PAGE, served("text/html; charset=utf-8", page::html(address).into()))
        .route(STYLE, served("text/css; charset=utf-8", page::STYLE.into()))
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

/// A body by the name of its shape.
#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    /// Without it all of it is as said in the shape.
    Maybe(&'static str),
    Needed(&'static str),
}

/// Of our own operations.
fn own_shape(own: &Own) -> (Takes, Option<&'static str>) {
    use Takes::{Maybe, Needed, Nothing};
    match own.path {
        paths::UPLOAD_POLICY => (Nothing, Some("UploadPolicy")),
        paths::UPLOAD_CREDENTIALS => (Maybe("CredentialRequest"), Some("IssuedCredential")),
        paths::UPLOADS_CONFIRM => (Needed("ConfirmRequest"), Some("Confirmed")),
        paths::RECEIPTS_VERIFY => (Needed("VerifyReceiptRequest"), Some("Receipt")),
        paths::EVENT_TOKENS => (Needed("EventTokenRequest"), Some("EventToken")),
        paths::AUDIT => (Nothing, Some("AuditPage")),
        paths::POLICY_EXPLAIN => (Nothing, Some("Explanation")),
        paths::KEYS if own.method == Method::Get => (Nothing, Some("KeyList")),
        paths::KEYS => (Maybe("IssueKeyRequest"), Some("NewKey")),
        paths::KEYS_DERIVE => (Needed("DeriveKeyRequest"), Some("NewKey")),
        paths::KEY_REVOKE => (Nothing, Some("KeyInfo")),
        // A test finds it.
        _ => (Nothing, None),
    }
}

/// What a row's words say by themselves: in a sentence of the log the id of what they are about stands after them.
fn summary(row: &Operation) -> String {
    use OperationId as Id;
    let whole = match row.id {
        Id::FileLocalCopy => "copy a file within the project",
        Id::FileRemoteCopy => "copy a file out to a custom storage",
        Id::VirusScanExecute => "scan a file for viruses",
        Id::DocumentStatus => "read how far the conversion of a document is",
        Id::VideoStatus => "read how far the conversion of a video is",
        Id::LabelsStatus => "read how far the detection of labels is",
        Id::ModerationStatus => "read how far the detection of moderation labels is",
        Id::VirusScanStatus => "read how far a scan for viruses is",
        Id::RemoveBgStatus => "read how far the removal of a background is",
        _ => row.words,
    };
    match whole.rsplit_once(' ') {
        Some((before, last @ ("file" | "group" | "webhook"))) if !before.ends_with(" a") => {
            format!("{before} a {last}")
        }
        _ => whole.to_owned(),
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(media_type: &str, schema: &Value) -> Value {
    json!({ "content": { media_type: { "schema": schema } } })
}

/// May a body be left out?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Optional,
    Required,
}

/// An operation that takes a body.
fn taking(mut told: Value, schema: &Value, body: Body) -> Value {
    told["requestBody"] = content("application/json", schema);
    told["requestBody"]["required"] = (body == Body::Required).into();
    told
}

fn problem() -> Value {
    json!({ "$ref": "#/components/responses/Problem" })
}

/// Who may come, as `security` says it.
fn security(callers: Callers) -> Value {
    match callers {
        Callers::Agents => json!([{ "agentKey": [] }, { "uploadcareSimple": [] }]),
        Callers::AgentsAndVisitors => json!([{ "agentKey": [] }, { "uploadcareSimple": [] }, { "visitor": [] }]),
    }
}

/// An operation that is decided on.
struct Decided<'a> {
    id: &'a str,
    words: &'a str,
    area: &'a str,
    level: &'a str,
    callers: Callers,
    body: Takes,
    answer: Option<Value>,
}

impl Decided<'_> {
    fn described(self) -> Value {
        let Self { id, words, area, level, callers, body, answer } = self;
        let mut summary: String = words.to_owned();
        summary.get_mut(..1).map(str::make_ascii_uppercase);
        let told = json!({
            "operationId": id,
            "summary": summary,
            "description": format!("Needs `{area}: {level}`."),
            "tags": [area],
            "security": security(callers),
            "x-updock-grant": { "area": area, "level": level },
            "responses": {
                "2XX": answer.map_or_else(|| json!({ "description": "Done; there is nothing in the answer." }), |mut answer| {
                    answer["description"] = "Done.".into();
                    answer
                }),
                "default": problem(),
            },
        });
        match body {
            Takes::Nothing => told,
            Takes::Maybe(name) => taking(told, &reference(name), Body::Optional),
            Takes::Needed(name) => taking(told, &reference(name), Body::Required),
        }
    }
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
    let mut told = Decided {
        id: row.id.as_str(),
        words: &summary(row),
        area: row.area.as_str(),
        level: row.level.as_str(),
        callers: Callers::Agents,
        body: body.map_or(Takes::Nothing, Takes::Needed),
        answer,
    }
    .described();
    let mut parameters = [in_path(row.path), in_query(row.id)].concat();
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
    let mut answer = content("application/json", &answer.map_or_else(|| json!({}), reference));
    if own.path == paths::AUDIT {
        for media_type in ["text/event-stream", "application/x-ndjson", "text/csv"] {
            answer["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
    }
    let Own { id, words, callers, .. } = *own;
    let (area, level) = (own.area.as_str(), own.level.as_str());
    let mut told = Decided { id, words, area, level, callers, body, answer: Some(answer) }.described();
    let parameters = [in_path(own.path), of_own(own)].concat();
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
        "security": security(Callers::Agents),
        "parameters": [
            { "$ref": "#/components/parameters/Prefer" },
            { "$ref": "#/components/parameters/IdempotencyKey" },
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": reference("JobRequest") } } },
        "responses": {
            "200": { "description": "All have ended.", "content": { "application/json": { "schema": reference("JobAnswer") } } },
            "202": { "description": "Some still run.", "content": { "application/json": { "schema": reference("JobAnswer") } } },
            "default": problem(),
        },
    })
}

/// How a caller shows who it is, by the names that the descriptions use.
fn schemes() -> Map<String, Value> {
    let own = [
        (
            "agentKey",
            json!({
                "type": "http",
                "scheme": "bearer",
                "description": "An agent key, `updock_live_...`; or, where the policy has a section `[tokens]`, a JSON Web \
                    Token of your own identity provider.",
            }),
        ),
        (
            "uploadcareSimple",
            json!({
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "`Uploadcare.Simple <public key>:<agent key>`, as official SDKs and the command `updock` \
                    send it.",
            }),
        ),
        (
            "visitor",
            json!({
                "type": "apiKey", "in": "header", "name": "Origin",
                "description": "A browser on a page that `[uploads.visitors]` in the policy lists; browsers send this \
                    header by themselves.",
            }),
        ),
    ];
    own.into_iter().chain(open::schemes()).map(|(name, scheme)| (name.to_owned(), scheme)).collect()
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
    for (path, method, told) in open::described() {
        add(path, method, told);
    }
    // Ours and known good: a test reads it.
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    let text = |most: u16| json!({ "type": "string", "minLength": 1, "maxLength": most });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "updock-signer",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Uploadcare's REST API with access per agent, upload credentials, receipts and events.",
            "description": "What lies below /v1/uploadcare is also at the root, where official SDKs look for it. HEAD is \
                answered wherever GET is.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": address }],
        "paths": all,
        "components": {
            "securitySchemes": schemes(),
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
