//! The description of the API: served, and true of what the signer takes and of what comes through it.

use crate::matrix::table;
use crate::stage::{PNG, Setup, agent};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use updock_types::Area;

/// Does `value` fit `schema`? The part of JSON Schema that the description uses. Source: JSON Schema 2020-12.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {value}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let path = reference.strip_prefix('#').unwrap();
        return fits(document, document.pointer(path).unwrap(), value).map_err(|why| format!("{reference}: {why}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().filter(|choice| fits(document, choice, value).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { wrong(&format!("fits {fitting} of {}", choices.len())) };
    }
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other} is not known here"),
    };
    let fitting = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        _ => true,
    };
    if !fitting {
        return wrong(&format!("is not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return wrong("is none of the words");
    }
    for needed in schema["required"].as_array().into_iter().flatten().filter(|_| value.is_object()) {
        if value.get(needed.as_str().unwrap()).is_none() {
            return wrong(&format!("{needed} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => fits(document, schema, member).map_err(|why| format!("{name}: {why}"))?,
            (None, Value::Bool(false)) => return wrong(&format!("{name} is not known")),
            (None, Value::Null) => {}
            (None, schema) => fits(document, schema, member).map_err(|why| format!("{name}: {why}"))?,
        }
    }
    let items = value.as_array().into_iter().flatten();
    items.filter(|_| schema.get("items").is_some()).try_for_each(|item| fits(document, &schema["items"], item))
}

#[test]
fn the_judge_sees_what_does_not_fit() {
    let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false, "properties": {
        "a": {"type": ["integer", "null"]}, "b": {"type": "array", "items": {"enum": ["x"]}}}});
    for (value, good) in [
        (json!({"a": 1}), true),
        (json!({"a": null, "b": ["x"]}), true),
        (json!({}), false),
        (json!({"a": "1"}), false),
        (json!({"a": 1, "b": ["y"]}), false),
        (json!({"a": 1, "c": 1}), false),
        (json!([]), false),
    ] {
        assert_eq!(fits(&Value::Null, &schema, &value).is_ok(), good, "{value}");
    }
}

#[tokio::test]
async fn what_is_described_is_what_is_taken_and_given() {
    let grants = Area::ALL.iter().map(|area| format!("{area} = \"full\"")).collect::<Vec<_>>().join("\n");
    let (key, section) = agent("all", &grants);
    let stage = Setup::new(section).start().await;
    let file = stage.file("a.png", PNG).await.to_string();
    let document = stage.send("GET", "/openapi.json", &[], "").await;
    assert_eq!((document.status.as_u16(), document.header("content-type")), (200, Some("application/json")));
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], stage.base.as_str());
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .collect();
    // First what lists need to have something in them.
    let hook = r#"{"target_url":"https://hooks.example.com/first","event":"file.uploaded"}"#;
    assert_eq!(stage.ask(&key, "POST", "/v1/uploadcare/webhooks/", hook).await.status, 201);
    let mut held = 0;
    // What deletes comes last, so that there is something to look at before.
    let (gentle, rough): (Vec<_>, Vec<_>) = table().into_iter().partition(|row| row.method != "DELETE");
    for row in gentle.into_iter().chain(rough) {
        let told = operations
            .iter()
            .find(|told| told["operationId"] == row.operation)
            .unwrap_or_else(|| panic!("{} is not described", row.operation));
        let fill = |text: &str| {
            let group = format!("{file}~1");
            text.replace("{file}", &file).replace("{group}", &group).replace("{token}", "42").replace("{id}", "1")
        };
        let body = fill(row.body);
        if !body.is_empty() {
            let schema = &told["requestBody"]["content"]["application/json"]["schema"];
            let sent: Value = serde_json::from_str(&body).unwrap();
            if !told["requestBody"].is_null() {
                fits(&document, schema, &sent).unwrap_or_else(|why| panic!("{}: the body {why}", row.operation));
            }
        }
        let reply = stage.ask(&key, row.method, &fill(row.target), &body).await;
        let answers = told["responses"]["2XX"]["content"].as_object();
        if !reply.status.is_success() {
            continue;
        }
        let Some((_, content)) = answers.into_iter().flatten().find(|(name, _)| *name != "application/x-ndjson") else {
            assert!(reply.body.is_empty(), "{}: an answer that is not described", row.operation);
            continue;
        };
        fits(&document, &content["schema"], &reply.json()).unwrap_or_else(|why| panic!("{}: {why}", row.operation));
        held += 1;
    }
    assert!(held >= 28, "only {held} answers were held against the description");
}

/// Every path of the router, as its own `Debug` lists them: axum has no other list. What comes after the first one is
/// of its fallback, which is reached by no path of its own.
fn routed(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let (_, rest) = text.split_once("paths: {").unwrap();
    let (list, _) = rest.split_once("} }").unwrap();
    list.split('"').skip(1).step_by(2).filter(|path| path.starts_with('/')).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_is_described_and_everything_described_is_routed() {
    let (_, section) = agent("all", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let paths = routed(&stage.signer.router());
    let document = stage.send("GET", "/openapi.json", &[], "").await.json();
    let described = document["paths"].as_object().unwrap();

    // Below these lies the REST API. Its addresses come from the table of operations, and so does their description.
    let (fronts, own): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| path.contains("{*path}"));
    let roots: Vec<&str> = fronts.iter().map(|front| front.strip_suffix("{*path}").unwrap()).collect();
    assert!(roots.contains(&"/v1/uploadcare/") && roots.contains(&"/files/"), "{roots:?}");
    let mut routed = BTreeSet::new();
    for path in own.into_iter().filter(|path| !roots.contains(&path.as_str())) {
        let reply = stage.send("TRACE", &path.replace("{slug}", "x").replace("{key_id}", "x"), &[], "").await;
        assert_eq!(reply.status, 405, "{path}");
        let allowed = reply.header("allow").unwrap().split(',').map(|method| method.trim().to_ascii_lowercase());
        let allowed = allowed.filter(|method| !["head", "options"].contains(&method.as_str()));
        routed.extend(allowed.map(|method| format!("{method} {path}")));
    }
    let (front, own): (Vec<_>, Vec<_>) = described.iter().partition(|(path, _)| path.starts_with("/v1/uploadcare/"));
    let own = own
        .into_iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")));
    assert_eq!(own.collect::<BTreeSet<_>>(), routed);
    assert!(routed.len() >= 20, "{routed:?}");
    for (path, methods) in front {
        for method in methods.as_object().unwrap().keys() {
            let filled = path.replace("{uuid}", "17be4678-dab7-4bc7-8753-28914a22960a").replace("{key}", "k");
            let filled = filled.replace("{group}", "17be4678-dab7-4bc7-8753-28914a22960a~1");
            let filled = filled.replace("{token}", "1").replace("{id}", "1");
            let reply = stage.send(&method.to_ascii_uppercase(), &filled, &[], "").await;
            assert!([401, 429].contains(&reply.status.as_u16()), "{method} {filled}: {}", reply.status);
        }
    }
}

#[tokio::test]
async fn parameters_that_are_described_are_those_that_are_taken() {
    let (key, section) = agent("all", "admin = \"full\"\naudit = \"full\"");
    let stage = Setup::new(section).start().await;
    let document = stage.send("GET", "/openapi.json", &[], "").await.json();
    for path in ["/v1/audit", "/v1/policy/explain", "/v1/keys"] {
        let told = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let told = told.iter().filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap());
        let told: BTreeSet<&str> = told.collect();
        let refused = stage.ask(&key, "GET", &format!("{path}?nonesuch=1"), "").await;
        let sentence = refused.json()["detail"].as_str().unwrap().to_owned();
        let taken = sentence.split_once("this address takes ").unwrap_or_else(|| panic!("{path}: {sentence}")).1;
        let taken = taken.trim_end_matches('.').replace(" and ", ", ");
        assert_eq!(told, taken.split(", ").collect(), "{path}: {sentence}");
    }
}

#[tokio::test]
async fn the_page_is_for_anybody_and_runs_nothing() {
    let (_, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let page = stage.send("GET", "/docs", &[], "").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(text.contains("DELETE /v1/uploadcare/files/{uuid}/storage/"));
    let style = stage.send("GET", "/docs/style.css", &[], "").await;
    assert_eq!((style.status.as_u16(), style.header("content-type")), (200, Some("text/css; charset=utf-8")));
}
