//! What the daemon says about its own work: lines on standard error, and, where the configuration
//! names a collector, traces by OTLP.
//!
//! Spans have the target `orkestra_trace` and the lowest level, so that without a collector they are
//! switched off where they stand. What a collector does not take is dropped and counted: its queue
//! is bounded, its thread is its own, and nobody waits for it.

use crate::config::Telemetry;
use crate::exit::Failure;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The target of all spans.
const TARGET: &str = "orkestra_trace";

/// Spans that may wait; later ones are dropped.
const WAITING: usize = 2_048;

/// How often what waits is sent.
const EVERY: Duration = Duration::from_secs(2);

/// How long a collector may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the end of the daemon waits for the last spans.
const LAST: Duration = Duration::from_secs(2);

/// Traces on their way; none without a collector.
pub(crate) struct Traces(Option<SdkTracerProvider>);

/// Starts both.
///
/// # Errors
/// The client for the collector cannot be made.
pub(crate) fn start(
    filter: &str,
    has_color: bool,
    telemetry: &Telemetry,
) -> Result<Traces, Failure> {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(has_color)
        .with_filter(filter);
    let provider = match &telemetry.otlp {
        None => None,
        Some(collector) => Some(provider(collector, &telemetry.service_name)?),
    };
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("orkestra"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::TRACE))
    });
    tracing_subscriber::registry().with(lines).with(spans).init();
    Ok(Traces(provider))
}

impl Traces {
    /// Sends what still waits, for a short while.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST));
        let _told_already = tokio::time::timeout(LAST, last).await;
    }
}

fn provider(collector: &str, name: &str) -> Result<SdkTracerProvider, Failure> {
    // The client wants a TLS to be there, although it speaks none. Who was first has installed it.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    // A collector is on this machine, or behind a tunnel: no TLS, no proxy, no redirects.
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Failure::of(&error))?;
    let poster = Poster { client, runtime: tokio::runtime::Handle::current() };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(poster)
        .with_endpoint(address(collector))
        .with_timeout(LIMIT)
        .build()
        .map_err(|error| Failure::of(&error))?;
    let told = Told { exporter, collector: collector.to_owned(), lost: Mutex::new(None) };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING)
        .with_scheduled_delay(EVERY)
        .build();
    let resource = Resource::builder()
        .with_service_name(name.to_owned())
        .with_attribute(KeyValue::new("service.version", crate::daemon::VERSION))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_span_processor(BatchSpanProcessor::builder(told).with_batch_config(batches).build())
        .build())
}

/// The address for traces; one with a path of its own is taken as it is.
fn address(collector: &str) -> String {
    let rest = collector.trim_start_matches("http://").trim_end_matches('/');
    if rest.contains('/') { collector.to_owned() } else { format!("http://{rest}/v1/traces") }
}

/// Posts on the daemon's runtime: the thread that exports has none.
#[derive(Debug)]
struct Poster {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl HttpClient for Poster {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Boxed<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let (parts, body) = request.into_parts();
            let url = parts.uri.to_string();
            let request = client.request(parts.method, url).headers(parts.headers).body(body);
            let answer = request.send().await?;
            // What a collector says about a batch is of no use here, but its status is.
            Ok::<_, reqwest::Error>(answer.status())
        });
        Box::pin(async move {
            let status = sent.await??;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

/// Says once that a collector is away, and once that it is back.
#[derive(Debug)]
struct Told {
    exporter: SpanExporter,
    collector: String,
    /// Spans that were lost since it went away.
    lost: Mutex<Option<usize>>,
}

impl Told {
    fn tell(&self, spans: usize, result: &OTelSdkResult) {
        let mut lost = self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (result, lost.as_mut()) {
            (Ok(()), None) => {}
            (Ok(()), Some(count)) => {
                tracing::info!(
                    collector = self.collector,
                    spans_lost = *count,
                    "The collector takes traces again."
                );
                *lost = None;
            }
            (Err(_), Some(count)) => *count += spans,
            (Err(error), None) => {
                tracing::warn!(collector = self.collector, %error,
                    "The collector takes no traces; they are dropped until it does.");
                *lost = Some(spans);
            }
        }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.tell(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_collector_is_named_by_its_host_or_by_its_whole_address() {
        let whole = "http://127.0.0.1:4318/v1/traces";
        assert_eq!(address("http://127.0.0.1:4318"), whole);
        assert_eq!(address("http://127.0.0.1:4318/"), whole);
        assert_eq!(address("http://c:80/otel/v1/traces"), "http://c:80/otel/v1/traces");
    }
}
