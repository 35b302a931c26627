//! Spans of requests for OpenTelemetry: one for each request, and below it one for each call of Uploadcare. Compiled
//! with the feature `otel` only; where they go is [`Export`]'s business, or that of the application around the router:
//! they are made with the global tracer provider, below whatever span is the current one.
//!
//! Invariant: nothing in a span was chosen by whoever sent the request. Names and values come from finite sets (methods,
//! routes, operations, verdicts, agents of the policy), are numbers of HTTP, or are ids that we made. For the same
//! reason a caller's `traceparent` is not read: strangers would choose what is sampled, and into which trace it goes.

mod export;

pub use export::{Export, ExportError};

use crate::decision::Verdict;
use crate::log::{Phase, Record};
use crate::signer::REQUEST_ID;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{FutureExt, Span, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use updock_client::{Answer, Error};
use updock_types::OperationId;

const METHOD: &str = "http.request.method";
const STATUS: &str = "http.response.status_code";
const OPERATION: &str = "updock.operation";

fn tracer() -> BoxedTracer {
    global::tracer(env!("CARGO_PKG_NAME"))
}

/// Around a whole request: its span, which ends when the answer is there, or, of an answer that is streamed, when the
/// stream has ended.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let verb = method.unwrap_or("HTTP");
    let name = route.as_deref().map_or(Cow::Borrowed(verb), |route| format!("{verb} {route}").into());
    let mut attributes = vec![KeyValue::new(METHOD, method.unwrap_or("_OTHER"))];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
    let tracer = tracer();
    let span = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes).start(&tracer);
    let asked = Asked(Context::current().with_span(span).with_value(Decided::default()));
    let response = next.run(request).with_context(asked.0.clone()).await;
    asked.answered(&response);
    match response.body().size_hint().exact() {
        Some(_) => response,
        // What is done while it is written belongs to the request, too.
        None => response.map(|body| Body::from_stream(body.into_data_stream().with_context(asked.0.clone()))),
    }
}

/// A method of HTTP; anybody can write another word there.
fn known(method: &Method) -> Option<&'static str> {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"]
        .into_iter()
        .find(|known| method.as_str() == *known)
}

/// A request under way. One that is given up by whoever sent it tells what is known by then.
struct Asked(Context);

impl Asked {
    fn answered(&self, response: &Response) {
        let status = response.status();
        let span = self.0.span();
        span.set_attribute(KeyValue::new(STATUS, i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        Decided::with(&self.0, |decided| decided.request_id = id.map(str::to_owned));
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let span = self.0.span();
        Decided::with(&self.0, |decided| {
            if let Some(operation) = decided.operation {
                span.update_name(operation);
            }
            span.set_attributes(
                [
                    decided.operation.map(|operation| KeyValue::new(OPERATION, operation)),
                    decided.caller.take().map(|caller| KeyValue::new("updock.caller", caller)),
                    decided.verdict.map(|verdict| KeyValue::new("updock.verdict", verdict.as_str())),
                    decided.request_id.take().map(|id| KeyValue::new("updock.request_id", id)),
                ]
                .into_iter()
                .flatten(),
            );
        });
    }
}

/// What was decided about a request; kept until its end because a span keeps both values of an attribute set twice.
#[derive(Default)]
struct Decided(Mutex<Decision>);

#[derive(Default)]
struct Decision {
    operation: Option<&'static str>,
    caller: Option<String>,
    verdict: Option<Verdict>,
    request_id: Option<String>,
}

impl Decided {
    fn with(context: &Context, change: impl FnOnce(&mut Decision)) {
        if let Some(Self(decision)) = context.get() {
            change(&mut decision.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A record of the request at hand: what the audit log is told of a decision, its span is told too. The last one counts,
/// such as a limit that was reached after the grant was found.
pub(crate) fn recorded(record: &Record) {
    if record.phase != Phase::Decision {
        return;
    }
    Context::map_current(|context| {
        Decided::with(context, |decided| {
            decided.operation = record.operation;
            decided.caller.clone_from(&record.caller);
            decided.verdict = record.verdict;
            decided.request_id.clone_from(&record.request_id);
        });
    });
}

/// What a request leaves to a task of its own still belongs to it.
pub(crate) fn within<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.with_current_context()
}

/// Around one attempt at a call of Uploadcare; `made` are those before it. Boxed, or all futures around it would be as
/// large again.
pub(crate) fn calling<'a>(
    id: OperationId,
    made: u32,
    sending: impl Future<Output = Result<Answer, Error>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>> {
    Box::pin(async move {
        let mut span = start_call(id, made);
        let ended = sending.await;
        match &ended {
            Ok(answer) => {
                span.set_attribute(KeyValue::new(STATUS, i64::from(answer.status.as_u16())));
                if answer.status.is_client_error() || answer.status.is_server_error() {
                    span.set_status(Status::error(""));
                }
            }
            Err(error) => {
                span.set_attribute(KeyValue::new("error.type", kind(error)));
                span.set_status(Status::error(""));
            }
        }
        ended
    })
}

fn start_call(id: OperationId, made: u32) -> BoxedSpan {
    let row = id.row();
    let tracer = tracer();
    let mut attributes = vec![
        KeyValue::new(METHOD, row.method.as_str()),
        KeyValue::new("url.template", row.path),
        KeyValue::new(OPERATION, id.as_str()),
    ];
    attributes.extend((made > 0).then(|| KeyValue::new("http.request.resend_count", i64::from(made))));
    tracer
        .span_builder(format!("{} {}", row.method.as_str(), row.path))
        .with_kind(SpanKind::Client)
        .with_attributes(attributes)
        .start(&tracer)
}

/// What kind of error; its own words may hold foreign text.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Refused { .. } => "refused",
        Error::Throttled { .. } => "throttled",
        Error::Unreachable(_) => "unreachable",
        Error::Broken(_) => "broken",
        Error::Timeout { .. } => "timeout",
        Error::TooLarge { .. } => "too_large",
        Error::KeyWithheld { .. } => "key_withheld",
        Error::Unexpected { .. } => "unexpected",
    }
}
