//! Where spans go: to the collector that the standard variables of OpenTelemetry name, by OTLP over HTTP.
//!
//! Invariant: a collector holds nobody up. Spans wait in a queue of fixed length (`OTEL_BSP_MAX_QUEUE_SIZE`, 2 048); what
//! finds it full is dropped. A thread of its own takes from it, an export and the end have their time limits.

use crate::webhooks::{Outward, TargetRefused};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use ipnet::{Ipv4Net, Ipv6Net};
use opentelemetry::{Key, KeyValue, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the last spans may take to leave.
const FLUSH: Duration = Duration::from_secs(3);
const NAME: &str = env!("CARGO_PKG_NAME");

/// Why spans cannot be exported as the environment says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The collector's address is none. It is not shown, for it may hold a password.
    #[error("{0} should be an address like http://127.0.0.1:4318")]
    Endpoint(&'static str),
    /// Another protocol is asked for.
    #[error("{0} asks for a protocol that is not built in; leave it out, or write http/protobuf")]
    Protocol(&'static str),
    /// Something else in the environment that the exporter does not take, such as a compression.
    #[error("the variables of OpenTelemetry ask for something that is not built in: {0}")]
    Settings(String),
}

/// Spans on their way to a collector, if there is one.
pub struct Export(Option<SdkTracerProvider>);

impl Export {
    /// Begins to export all spans of this process, where the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`
    /// or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`); nothing otherwise. Must be called within tokio's runtime.
    pub fn from_environment() -> Result<Self, ExportError> {
        if !wanted(&|name| std::env::var(name).ok())? {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Collector::new())
            .build()
            .map_err(|error| ExportError::Settings(error.to_string()))?;
        let provider = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        global::set_tracer_provider(provider.clone());
        tracing::info!("spans of requests are exported");
        Ok(Self(Some(provider)))
    }

    /// Sends what is left, for three seconds at most. Nothing is exported afterwards.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // It waits for its thread, and this one may be what the exporter needs.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be exported");
        }
    }
}

/// Does the environment ask for an export, and for one that we can do?
fn wanted(env: &dyn Fn(&str) -> Option<String>) -> Result<bool, ExportError> {
    let set = |name| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, set(name)?)));
    let Some((name, endpoint)) = first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]) else {
        return Ok(false);
    };
    let is = |name, word: &str| set(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return Ok(false);
    }
    let good = endpoint.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !good {
        return Err(ExportError::Endpoint(name));
    }
    match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((name, protocol)) if !protocol.eq_ignore_ascii_case("http/protobuf") => Err(ExportError::Protocol(name)),
        _ => Ok(true),
    }
}

/// Who we are: what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, else our own name.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let told = Resource::builder().with_attribute(version.clone()).build();
    let name = told.get(&Key::from_static_str("service.name"));
    match name {
        Some(name) if !name.as_str().starts_with("unknown_service") => told,
        _ => Resource::builder().with_attribute(version).with_service_name(NAME).build(),
    }
}

/// Sends to the collector, which whoever started us chose: it may have any address.
struct Collector {
    outward: Outward,
    /// The exporter's own thread has no runtime.
    runtime: Handle,
    failing: AtomicBool,
}

impl Collector {
    fn new() -> Self {
        let outward = Outward::new(&[Ipv4Net::default().into(), Ipv6Net::default().into()]);
        Self { outward, runtime: Handle::current(), failing: AtomicBool::new(false) }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let outward = self.outward.clone();
        let sent = self.runtime.spawn(async move { outward.send(request.map(Full::new)).await }).await?;
        // Said once, not for each batch.
        match (&sent, self.failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(%error, "spans cannot be exported; some will be lost until they can"),
            (Ok(()), true) => tracing::info!("spans are exported again"),
            _ => {}
        }
        let mut response = Response::new(Bytes::new());
        match sent {
            Ok(()) => {}
            Err(TargetRefused::Status(status)) => *response.status_mut() = StatusCode::from_u16(status)?,
            Err(error) => return Err(error.into()),
        }
        Ok(response)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Collector")
    }
}

impl HttpClient for Collector {
    // As the macro of its trait writes it.
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_exported_unless_the_environment_names_a_collector() {
        use ExportError::{Endpoint, Protocol};
        const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
        let at = (BASE, "http://127.0.0.1:4318");
        for (set, expected) in [
            (vec![], Ok(false)),
            (vec![("OTEL_SERVICE_NAME", "signer")], Ok(false)),
            (vec![(BASE, " ")], Ok(false)),
            (vec![at], Ok(true)),
            (vec![(TRACES, "https://collector.example.com/v1/traces")], Ok(true)),
            (vec![at, ("OTEL_SDK_DISABLED", "TRUE")], Ok(false)),
            (vec![at, ("OTEL_TRACES_EXPORTER", "none")], Ok(false)),
            (vec![at, ("OTEL_TRACES_EXPORTER", "otlp"), (PROTOCOL, "http/protobuf")], Ok(true)),
            (vec![at, (PROTOCOL, "grpc")], Err(Protocol(PROTOCOL))),
            (vec![(BASE, "127.0.0.1:4318")], Err(Endpoint(BASE))),
            (vec![at, (TRACES, "ftp://127.0.0.1/")], Err(Endpoint(TRACES))),
        ] {
            let env = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(wanted(&env), expected, "{set:?}");
        }
    }
}
