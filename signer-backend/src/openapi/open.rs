//! What asks nobody for a key: for browsers that hold a token, for Uploadcare, for whoever watches us or finds a key.

use super::parameters::{in_path, last_event_id};
use super::{Body, PAGE, PATH, STYLE, content, problem, reference, taking};
use crate::webhooks;
use serde_json::{Value, json};
use updock_sign::WEBHOOK_HEADER;
use updock_types::signer::paths;

/// Each as path, method and description.
pub(super) fn described() -> Vec<(String, &'static str, Value)> {
    let nobody = || json!([]);
    let text = |media_type: &str| content(media_type, &json!({ "type": "string" }));
    let events = told(
        "events.listen",
        "uploads",
        ["Listen to what happens to files", "Needs a token of `POST /v1/event-tokens`, and ends with it."],
        &json!([{ "eventToken": [] }]),
        text("text/event-stream"),
    );
    let receipts = told(
        "receipts.keys",
        "uploads",
        [
            "Read the public key of receipts",
            "A JSON Web Key Set (RFC 7517), for whoever verifies receipts without asking.",
        ],
        &nobody(),
        content("application/json", &reference("KeySet")),
    );
    let leak = told(
        "keys.report_leak",
        "admin",
        [
            "Report an agent key that was found",
            "If it is one of ours it is good no longer; the answer is the same if not.",
        ],
        &nobody(),
        content("application/json", &reference("Thanks")),
    );
    let hook = told(
        "webhooks.receive",
        "webhooks",
        [
            "Take a webhook of Uploadcare's",
            "Signed over the whole body; the slug is made by `updock-signer webhooks sync`.",
        ],
        &json!([{ "webhookSignature": [] }]),
        json!({}),
    );
    let hook = with_parameters(hook, in_path(&hook_path()));
    let page = [
        ("/livez", "signer.alive", ["Say that the process runs", "Looks at nothing else."], text("text/plain")),
        (
            "/readyz",
            "signer.ready",
            ["Say whether requests can be decided and recorded", "503 if not."],
            text("text/plain"),
        ),
        (
            PATH,
            "signer.openapi",
            ["Read this description", "OpenAPI 3.1."],
            content("application/json", &json!({ "type": "object" })),
        ),
        (PAGE, "signer.docs", ["Read this description as a page", "It runs no script."], text("text/html")),
        (STYLE, "signer.docs_style", ["Read the style sheet of the page", "It loads nothing else."], text("text/css")),
    ];
    let mut all = vec![
        (paths::EVENTS.to_owned(), "get", with_parameters(events, vec![last_event_id()])),
        (paths::RECEIPT_KEYS.to_owned(), "get", receipts),
        (paths::REPORT_LEAK.to_owned(), "post", taking(leak, &reference("LeakReport"), Body::Required)),
        (hook_path(), "post", taking(hook, &json!({ "type": "object" }), Body::Required)),
    ];
    all.extend(
        page.map(|(path, id, words, answer)| (path.to_owned(), "get", told(id, "signer", words, &nobody(), answer))),
    );
    all
}

/// How whoever comes to these shows that they may, by the names that the descriptions use.
pub(super) fn schemes() -> [(&'static str, Value); 2] {
    [
        (
            "eventToken",
            json!({
                "type": "apiKey", "in": "query", "name": "token",
                "description": "A token of `POST /v1/event-tokens`, which lasts for some minutes and is good for a few files.",
            }),
        ),
        (
            "webhookSignature",
            json!({
                "type": "apiKey", "in": "header", "name": WEBHOOK_HEADER,
                "description": "Uploadcare's signature (HMAC-SHA256) over the whole body.",
            }),
        ),
    ]
}

fn hook_path() -> String {
    format!("{}{{slug}}", webhooks::PATH)
}

fn told(id: &str, tag: &str, [summary, description]: [&str; 2], security: &Value, mut answer: Value) -> Value {
    answer["description"] = "Done.".into();
    json!({
        "operationId": id,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "security": security,
        "responses": { "200": answer, "default": problem() },
    })
}

fn with_parameters(mut told: Value, parameters: Vec<Value>) -> Value {
    told["parameters"] = parameters.into();
    told
}
