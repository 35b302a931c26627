//! Requests under way. A slice of a file is handed to the browser's network stack as it is; no byte enters wasm memory.

use super::{Inner, files::Files, json::Json};
use crate::dom::{Port, Told};
use std::rc::Weak;
use updock_engine::{Answer, Body, Expect, FormField, FormValue, Hears, Reply, Request, RequestId, read_reply};
use updock_types::fields::Fields;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    fn request(method: &str, url: &str, bearer: Option<&str>) -> JsValue;
    fn field(request: &JsValue, name: &str, text: &str);
    fn json(request: &JsValue, text: &str);
    fn file(request: &JsValue, name: &str, files: &JsValue, key: u32, file_name: &str, media_type: &str);
    fn bytes(request: &JsValue, files: &JsValue, key: u32, start: f64, end: f64, media_type: &str);
    fn send(request: &JsValue, told: &JsValue, hears: bool) -> JsValue;
    fn ask(told: &JsValue, give: &JsValue, operations: u32) -> JsValue;
}

/// A request under way. Dropping it breaks it off.
pub(super) struct Flight {
    pub(super) id: RequestId,
    expects: Expect,
    /// Bytes as the browser last told, until the engine knows them.
    pub(super) news: Option<u64>,
    #[expect(dead_code, reason = "held: dropping it breaks the request off")]
    port: Port,
}

/// What the page tells of a request: bytes that left, or its end.
fn told(inner: &Weak<Inner>, id: RequestId) -> Told {
    let inner = Weak::clone(inner);
    Box::new(move |code, number, answer| {
        let Some(inner) = inner.upgrade() else { return };
        if code == 0 {
            // Only a note: the engine hears of it with the next painting, however many events come.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
            inner.note(id, number as u64);
        } else {
            inner.ended(id, number, &answer);
        }
    })
}

impl Flight {
    /// Sends a request.
    pub(super) fn start(inner: &Weak<Inner>, wanted: &Request, files: &Files) -> Self {
        let bearer = wanted.bearer.as_ref().map(|bearer| &*bearer.0);
        let described = request(wanted.method.as_str(), &wanted.url, bearer);
        match &wanted.body {
            Body::Empty => {}
            Body::Json(text) => json(&described, text),
            Body::Bytes { file, range, media_type } => {
                #[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^53")]
                bytes(&described, files.raw(), file.0, range.start as f64, range.end as f64, media_type);
            }
            Body::Form(fields) => {
                for FormField { name, value } in fields {
                    match value {
                        FormValue::Text(text) => field(&described, name, text),
                        FormValue::Secret(secret) => field(&described, name, &secret.0),
                        FormValue::File { file: key, name: file_name, media_type } => {
                            file(&described, name, files.raw(), key.0, file_name, media_type);
                        }
                    }
                }
            }
        }
        let hears = wanted.hears == Hears::Bytes;
        let port = Port::new(told(inner, wanted.id), &|told| send(&described, told, hears));
        Self { id: wanted.id, expects: wanted.expects.clone(), news: None, port }
    }

    /// Asks the page's own function for a credential.
    pub(super) fn ask(inner: &Weak<Inner>, id: RequestId, give: &JsValue, operations: u32) -> Self {
        let port = Port::new(told(inner, id), &|told| ask(told, give, operations));
        Self { id, expects: Expect::Credential, news: None, port }
    }

    /// How it ended, from what the page tells of it.
    pub(super) fn read(&self, status: f64, answer: &JsValue) -> Answer {
        if status < 0.0 {
            return Answer::Unreadable;
        }
        if status == 0.0 {
            return Answer::Unreachable;
        }
        let answer: &js_sys::Array = answer.unchecked_ref();
        let body = answer.get(0);
        let body = (!body.is_undefined()).then(|| Json::new(body));
        let retry_after = answer.get(1).as_string();
        let body = body.as_ref().map(|body| body as &dyn Fields);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an HTTP status")]
        read_reply(&self.expects, &Reply { status: status as u16, retry_after: retry_after.as_deref(), body })
    }
}
