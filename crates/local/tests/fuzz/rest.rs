//! The REST API: JSON bodies, conversion paths, queries. Paths come from the operation table, so that an operation
//! which is added is fuzzed.

use crate::{
    case::Case,
    words::{encoded, odd, once_in, or_odd, pick, some},
};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use updock_types::{Api, Method, OPERATIONS};

fn path(rng: &mut Rng, template: &str) -> String {
    let mut path = template.to_owned();
    for (name, values) in [
        ("{uuid}", &["@FILE@", "@IMAGE@"][..]),
        ("{group}", &["@GROUP@"]),
        ("{key}", &["pet", "a.b:c", "..", "%2e%2e"]),
        ("{token}", &["1", "2", "944136226"]),
        ("{id}", &["1", "2"]),
    ] {
        let value = some(rng, values);
        path = path.replace(name, &if once_in(rng, 2) { value.clone() } else { encoded(rng, &value) });
    }
    path.chars().filter(|c| !c.is_control() && !matches!(c, '?' | '#' | ' ')).collect()
}

/// JSON of any shape.
fn any(rng: &mut Rng, depth: u32) -> Value {
    match rng.u32(..if depth > 3 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!(rng.f64() * 1e300),
        4 | 5 => json!(odd(rng)),
        6 | 7 => (0..rng.usize(..4)).map(|_| any(rng, depth + 1)).collect(),
        _ => (0..rng.usize(..4)).map(|_| (odd(rng), any(rng, depth + 1))).collect::<Map<_, _>>().into(),
    }
}

/// `value`, with some of its leaves replaced and some members gone.
fn distort(rng: &mut Rng, value: Value) -> Value {
    if once_in(rng, 14) {
        return any(rng, 0);
    }
    match value {
        Value::Object(members) => {
            let mut members: Map<_, _> = members
                .into_iter()
                .filter_map(|(name, value)| (!once_in(rng, 8)).then(|| (name, distort(rng, value))))
                .collect();
            if once_in(rng, 12) {
                members.insert(odd(rng), any(rng, 1));
            }
            members.into()
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| distort(rng, item)).collect();
            if once_in(rng, 20) && !items.is_empty() {
                let times = rng.usize(..130);
                items.extend(vec![items[0].clone(); times]);
            }
            items.into()
        }
        Value::String(text) => json!(or_odd(rng, &text)),
        other => other,
    }
}

/// Bodies that some operation takes.
fn bodies() -> Vec<Value> {
    vec![
        json!("cat"),
        json!(["@FILE@", "@IMAGE@"]),
        json!({"tags": ["cat", "dog"]}),
        json!({"add": ["cat"], "delete": ["dog"]}),
        json!({"source": "@FILE@", "store": "true", "metadata": {"a": "b"}}),
        json!({"source": "@IMAGE@/-/resize/10x/", "store": false}),
        json!({"source": "@FILE@", "target": "mytarget", "make_public": true, "pattern": "${uuid}/${filename}${effects}${ext}"}),
        json!({"target": "@IMAGE@", "params": {"purge_infected": true}}),
        json!({"target": "@IMAGE@", "params": {"crop": true, "crop_margin": "30px", "scale": "80%", "add_shadow": true,
            "type_level": "latest", "type": "person", "semitransparency": true, "channels": "alpha",
            "roi": "0% 0% 100% 100%", "position": "50% 20%"}}),
        json!({"target_url": "http://127.0.0.1:9/hook", "event": "file.uploaded", "is_active": true, "version": "0.7",
            "signing_secret": "s3cr3t"}),
        json!({"target_url": "http://127.0.0.1:9/hook", "is_active": false}),
        json!({"query": "cats", "fuzziness": true, "sort": ["-score", "size"]}),
        json!({"phrase": {"original_filename": "some cat", "metadata": "some", "detected_mime_type": "image"}}),
        json!({"exact": {"uuid": ["@FILE@"], "detected_mime_type": ["image/png"], "metadata[pet]": ["cat"]}}),
        json!({"datetime_uploaded": {"gte": "2020-01-01T00:00:00Z", "lt": "2030-01-01"}, "size": {"gt": 1, "lte": 99}}),
        json!({"is_image": true, "tags": {"any": ["a"], "all": ["b"], "none": ["c"]}}),
        json!({"pub_key": "demopublickey", "prompt": "a cat", "aspect_ratio": [16, 9], "filename": "a.png", "store": "auto"}),
        json!({"pub_key": "demopublickey", "prompt": "a dog", "source": "@IMAGE@", "filename": "a.png", "seed": 7,
            "reference_sources": ["@IMAGE@"], "output_format": "png", "metadata": {"a": "b"}}),
        json!({"paths": ["@FILE@/document/-/format/pdf/"], "store": "1", "save_in_group": "1"}),
    ]
}

pub(crate) fn json(rng: &mut Rng) -> Case {
    let written: Vec<_> = OPERATIONS.iter().filter(|operation| operation.method != Method::Get).collect();
    let operation = written[rng.usize(..written.len())];
    let target = path(rng, operation.path);
    let bodies = bodies();
    let body = bodies[rng.usize(..bodies.len())].clone();
    let body = distort(rng, body);
    let body = match rng.u32(..16) {
        0 => format!("{}{}{}", "[".repeat(rng.usize(..400)), body, "]".repeat(rng.usize(..400))),
        1 => odd(rng),
        2 => String::new(),
        3 => {
            // The same as a form, as webhooks take it.
            let pairs = body.as_object().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let pairs =
                pairs.iter().map(|(name, value)| format!("{}={}", encoded(rng, name), encoded(rng, &text(value))));
            pairs.collect::<Vec<_>>().join("&")
        }
        _ => body.to_string(),
    };
    let content_type = some(
        rng,
        &[
            "application/json",
            "application/json",
            "application/json; charset=utf-8",
            "application/x-www-form-urlencoded",
        ],
    );
    let case = Case::new(operation.method.as_str(), target).header("content-type", content_type).body(body);
    if operation.api == Api::Rest { case.rest() } else { case }
}

pub(crate) fn conversion(rng: &mut Rng) -> Case {
    let kind = pick(rng, &["document", "video"]);
    let operations: &[(&str, &[&str])] = if kind == "document" {
        &[
            ("format", &["pdf", "jpg", "png", "enhanced.jpg", "txt", "docx"]),
            ("page", &["1", "2", "99999"]),
            ("dpi", &["150", "200"]),
            ("quality", &["80", "90"]),
        ]
    } else {
        &[
            ("format", &["mp4", "webm", "ogg"]),
            ("size", &["100x100", "x100", "100x", "640x480/add_padding", "640x480/scale_crop", "x", "101x7"]),
            ("quality", &["normal", "better", "best", "lighter", "lightest"]),
            ("cut", &["0/1", "0:0:0.0/end", "2:30.535/2:20.0", "1:2:3/99:99:99.999", "end/end"]),
            ("thumbs~2", &["", "0", "1", "7"]),
            ("thumbs~50", &[""]),
            ("thumbs~51", &[""]),
        ]
    };
    let paths: Vec<String> = (0..rng.usize(..4))
        .map(|_| {
            let host = some(rng, &["", "", "", "/", "https://ucarecdn.com/", "http://127.0.0.1:3000/"]);
            let file = some(rng, &["@FILE@", "@IMAGE@", "@PDF@", "@PDF@"]);
            let mut path = format!("{host}{file}/{}/", or_odd(rng, kind));
            for _ in 0..rng.usize(..5) {
                let (name, values) = operations[rng.usize(..operations.len())];
                path = format!("{path}-/{}/", or_odd(rng, name));
                let value = some(rng, values);
                if !value.is_empty() {
                    path = format!("{path}{value}/");
                }
            }
            if once_in(rng, 5) {
                path.push_str(&some(rng, &["a.pdf", "film.mp4"]));
            }
            path
        })
        .collect();
    let store = some(rng, &["0", "1", "true", "false", "auto"]);
    let body = json!({"paths": paths, "store": store, "save_in_group": some(rng, &["0", "1"])});
    Case::new("POST", format!("/convert/{kind}/"))
        .rest()
        .header("content-type", "application/json")
        .body(body.to_string())
}

pub(crate) fn query(rng: &mut Rng) -> Case {
    let read: Vec<_> = OPERATIONS.iter().filter(|operation| operation.method == Method::Get).collect();
    let operation = read[rng.usize(..read.len())];
    let names: &[(&str, &[&str])] = &[
        ("limit", &["1", "100", "1000"]),
        ("offset", &["0", "7"]),
        ("ordering", &["datetime_uploaded", "-datetime_uploaded", "datetime_created", "-datetime_created"]),
        ("from", &["2026-11-24T00:00:00Z", "2015-10-20T14:31:47.315379+00:00", "2030-01-01"]),
        ("to", &["2026-11-24T00:00:00Z", "2030-01-01T00:00:00"]),
        ("stored", &["true", "false"]),
        ("removed", &["true", "false"]),
        ("include", &["appdata", "appdata,total_count", "total_count"]),
        ("request_id", &["@FILE@"]),
        ("pub_key", &["demopublickey"]),
        ("file_id", &["@FILE@", "@IMAGE@"]),
        ("group_id", &["@GROUP@"]),
        ("token", &["@FILE@", "test"]),
        ("job_id", &["@FILE@"]),
        ("jsonerrors", &["1", "0", ""]),
    ];
    let mut pairs = Vec::new();
    for (name, values) in names {
        if once_in(rng, 3) {
            let name = or_odd(rng, name);
            let value = some(rng, values);
            pairs.push(format!(
                "{}{}{}",
                encoded(rng, &name),
                pick(rng, &["=", "=", "=", "=", "", "=="]),
                encoded(rng, &value)
            ));
        }
    }
    if once_in(rng, 5) {
        rng.shuffle(&mut pairs);
    }
    let query: String = pairs.join("&").chars().filter(|c| !c.is_control() && !matches!(c, '#' | ' ')).collect();
    let case = Case::new(pick(rng, &["GET", "GET", "GET", "HEAD"]), format!("{}?{query}", path(rng, operation.path)));
    if operation.api == Api::Rest { case.rest() } else { case }
}
