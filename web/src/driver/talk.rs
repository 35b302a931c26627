//! The small requests: credentials, starting and completing, readiness, confirmation. `fetch`, through gloo-net.

use super::{
    Inner,
    bytes::{form, retry_after},
    json::Json,
};
use gloo_net::http::RequestBuilder;
use js_sys::Function;
use std::rc::{Rc, Weak};
use updock_engine::{Answer, Body, Expect, Reply, Request, RequestId, read_reply};
use updock_types::{
    Method,
    fields::{self, Fields},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, AbortSignal};

/// A request under way. Dropping it breaks it off.
pub(super) struct Talk(AbortController);

impl Drop for Talk {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Talk {
    /// Sends it. `None` if the browser will not even try.
    pub(super) fn start(inner: &Rc<Inner>, request: Request) -> Option<Self> {
        let control = AbortController::new().ok()?;
        let (inner, signal, id) = (Rc::downgrade(inner), control.signal(), request.id);
        spawn_local(async move {
            let answer = send(request, &signal).await.unwrap_or(Answer::Unreachable);
            report(&inner, id, answer);
        });
        Some(Self(control))
    }

    /// Asks the page's own function, and waits if it returns a promise.
    pub(super) fn ask_page(inner: &Rc<Inner>, function: &Function, id: RequestId, operations: u32) -> Option<Self> {
        let control = AbortController::new().ok()?;
        let options = js_sys::Object::new();
        let _ = js_sys::Reflect::set(&options, &"operations".into(), &operations.into());
        let _ = js_sys::Reflect::set(&options, &"signal".into(), &control.signal());
        let given = function.call1(&JsValue::NULL, &options);
        let inner = Rc::downgrade(inner);
        spawn_local(async move {
            let given = match given {
                Ok(given) => JsFuture::from(js_sys::Promise::resolve(&given)).await,
                Err(error) => Err(error),
            };
            let answer = match given {
                Ok(credential) => fields::issued_credential(&Json::new(credential))
                    .map_or(Answer::Nonsense, |issued| Answer::Credential(Box::new(issued))),
                Err(_) => Answer::Unreachable,
            };
            report(&inner, id, answer);
        });
        Some(Self(control))
    }
}

/// An answer to a request that was broken off is ignored by the engine: its id is gone.
fn report(inner: &Weak<Inner>, id: RequestId, answer: Answer) {
    if let Some(inner) = inner.upgrade() {
        inner.answered(id, answer);
    }
}

async fn send(request: Request, signal: &AbortSignal) -> Option<Answer> {
    let mut builder = RequestBuilder::new(&request.url).method(method(request.method)).abort_signal(Some(signal));
    if let Some(bearer) = &request.bearer {
        builder = builder.header("Authorization", &["Bearer ", &bearer.0].concat());
    }
    let body = match &request.body {
        Body::Json(text) => {
            builder = builder.header("Content-Type", "application/json");
            JsValue::from_str(text)
        }
        Body::Form(fields) => form(fields, &|_| None)?.into(),
        Body::Empty | Body::Bytes { .. } => JsValue::UNDEFINED,
    };
    let response = builder.body(body).ok()?.send().await.ok()?;
    let status = response.status();
    let headers = response.headers();
    // A body that breaks off is no answer; one that is no JSON is.
    let raw: web_sys::Response = response.into();
    let text = JsFuture::from(raw.text().ok()?).await.ok()?;
    let body = js_sys::JSON::parse(&text.unchecked_into::<js_sys::JsString>().as_string()?).ok().map(Json::new);
    let body = body.as_ref().map(|body| body as &dyn Fields);
    let retry_after = retry_after(status, body, &|name| headers.get(name));
    let expects: &Expect = &request.expects;
    Some(read_reply(expects, &Reply { status, retry_after: retry_after.as_deref(), body }))
}

fn method(method: Method) -> gloo_net::http::Method {
    match method {
        Method::Get => gloo_net::http::Method::GET,
        Method::Post => gloo_net::http::Method::POST,
        Method::Put => gloo_net::http::Method::PUT,
        Method::Delete => gloo_net::http::Method::DELETE,
    }
}
