//! Logs and traces of a process.
//!
//! Spans of RPCs are made by the server through OpenTelemetry itself, one per call; spans of `tracing` (functions of an
//! app marked `#[tracing::instrument]`) nest below them. One process may host several services: each span knows its
//! service, and each service's spans leave under that service's resource and over that service's own identity. The queue
//! is bounded; what does not fit is counted and dropped, because tracing must never hold up a call.
//!
//! The only propagation format is the W3C `traceparent`; baggage and trace state are neither read nor sent. Health,
//! reflection and OTLP itself are not traced, or the service that stores spans would trace its own storing.

mod config;
mod export;
mod sampler;

use std::{
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use opentelemetry::{
    Context,
    trace::{Tracer, TracerProvider},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider, SpanExporter as _},
};
use prometheus_client::metrics::counter::Counter;
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterFn, LevelFilter},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

pub use config::{LogFormat, TelemetryConfig};

use crate::{
    client::{self, ClientError, PeerConfig},
    tls::TlsIdentity,
};
use export::{Command, Queue, ServiceName};

/// Attribute of a span: the RPC can give away report content. Such spans are always sampled.
pub(crate) const DISCLOSES: &str = "entente.discloses";
/// Instrumentation scope of spans made by `tracing`; those of RPCs have their service's name.
const APP_SCOPE: &str = "entente.app";
/// Longest one export may take.
const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest a flush or the shutdown waits.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);
/// Commands waiting for the exporting task.
const COMMANDS_MAX: usize = 32;

/// Spans lost, over all services of the process.
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);
/// The telemetry of this process.
static PROCESS: OnceLock<Telemetry> = OnceLock::new();

/// Why telemetry could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// Logs or traces were set up before: there is one set per process.
    #[error("logs and traces of this process are set up already")]
    Twice,
    /// The log filter does not parse.
    #[error("`{0}` is not a log filter")]
    Filter(String),
    /// The exporter cannot be built.
    #[error("spans cannot be exported")]
    Exporter(#[source] ExporterBuildError),
    /// The channel to the peer that takes spans cannot be built.
    #[error("spans cannot be sent to their peer")]
    Peer(#[source] ClientError),
}

/// The telemetry of the process; clones share it.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    config: TelemetryConfig,
    provider: SdkTracerProvider,
    commands: mpsc::Sender<Command>,
    exporting: Mutex<Option<JoinHandle<()>>>,
}

impl Telemetry {
    /// Sets up logs at once, and traces to be exported once [`Telemetry::export`] says where to. Call it once, within
    /// the runtime.
    ///
    /// # Errors
    ///
    /// When it was called before, or the log filter does not parse.
    pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
        // Failing exports are told by the exporting task, once; OpenTelemetry would tell each. What the setting says goes
        // over this.
        let filter = EnvFilter::try_new(format!("opentelemetry=off,{}", config.log_filter))
            .map_err(|_| TelemetryError::Filter(config.log_filter.clone()))?;
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let (queue, worker) = export::queue(DROPPED.clone());
        let provider = provider(queue, config.trace_ratio);
        let app_spans = config.traces().then(|| app_layer(provider.tracer(APP_SCOPE)));
        Registry::default()
            .with(log_layer(config.log_format).with_filter(filter))
            .with(app_spans)
            .try_init()
            .map_err(|_| TelemetryError::Twice)?;
        let exporting = Mutex::new(Some(tokio::spawn(worker.run(received))));
        let telemetry = Telemetry(Arc::new(Inner { config: config.clone(), provider, commands, exporting }));
        PROCESS.set(telemetry.clone()).map_err(|_| TelemetryError::Twice)?;
        Ok(telemetry)
    }

    /// Exports the spans of `service` as its configuration says: to a collector, or over mutual TLS to the peer that
    /// receives spans, whose address is `peer_address`.
    ///
    /// # Errors
    ///
    /// When the exporter or its channel cannot be built. That the other end is away is no error.
    pub async fn export(
        &self,
        service: &str,
        identity: &TlsIdentity,
        peer_address: Option<&str>,
    ) -> Result<(), TelemetryError> {
        let TelemetryConfig { otlp_endpoint, otlp_peer, .. } = &self.0.config;
        match (otlp_endpoint, otlp_peer, peer_address) {
            (Some(endpoint), _, _) => {
                let exporter = SpanExporter::builder()
                    .with_tonic()
                    .with_endpoint(endpoint)
                    .with_timeout(EXPORT_TIME_MAX);
                self.install(service, exporter.build().map_err(TelemetryError::Exporter)?).await;
            }
            (None, Some(peer), Some(address)) => {
                let peer = PeerConfig { service: peer.clone(), address: address.to_owned() };
                let channel = client::connect_plain(&peer, identity).map_err(TelemetryError::Peer)?;
                self.export_to(service, channel).await?;
            }
            (None, None, _) | (None, _, None) => {}
        }
        Ok(())
    }

    async fn export_to(
        &self,
        service: &str,
        channel: tonic::transport::Channel,
    ) -> Result<(), TelemetryError> {
        let exporter =
            SpanExporter::builder().with_tonic().with_channel(channel).with_timeout(EXPORT_TIME_MAX);
        self.install(service, exporter.build().map_err(TelemetryError::Exporter)?).await;
        Ok(())
    }

    async fn install(&self, service: &str, mut exporter: SpanExporter) {
        exporter.set_resource(&Resource::builder_empty().with_service_name(service.to_owned()).build());
        // Fails after the shutdown, when nothing is exported any more.
        let _ = self
            .0
            .commands
            .send(Command::Install { service: service.into(), exporter: Box::new(exporter) })
            .await;
    }

    /// Name of the peer that receives spans, if they go to one.
    pub fn peer(&self) -> Option<&str> {
        self.0.config.otlp_peer.as_deref().filter(|_| self.0.config.otlp_endpoint.is_none())
    }

    /// Exports what has ended so far and waits for it, for a bounded time.
    pub async fn flush(&self) {
        let (done, finished) = oneshot::channel();
        if self.0.commands.send(Command::Flush(done)).await.is_ok() {
            let _ = tokio::time::timeout(FLUSH_TIME_MAX, finished).await;
        }
    }

    /// Exports what has ended and ends.
    pub async fn shutdown(&self) {
        let (done, finished) = oneshot::channel();
        if self.0.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = tokio::time::timeout(FLUSH_TIME_MAX, finished).await;
        }
        let exporting = self.0.exporting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exporting) = exporting {
            exporting.abort();
            let _ = exporting.await;
        }
    }
}

/// The telemetry of this process, once it is set up.
pub fn process() -> Option<&'static Telemetry> {
    PROCESS.get()
}

/// The counter of lost spans.
pub(crate) fn dropped() -> Counter {
    DROPPED.clone()
}

/// What makes the spans of a service's RPCs; `None` when nothing is traced.
pub(crate) fn tracer(service: &str) -> Option<ServiceTracer> {
    let telemetry = process().filter(|telemetry| telemetry.0.config.traces())?;
    Some(ServiceTracer {
        tracer: telemetry.0.provider.tracer(service.to_owned()),
        handler_context: Context::new().with_value(ServiceName(service.into())),
        ratio: telemetry.0.config.trace_ratio,
    })
}

/// Makes the spans of one service's RPCs.
pub(crate) struct ServiceTracer {
    tracer: SdkTracer,
    handler_context: Context,
    ratio: f64,
}

impl ServiceTracer {
    /// The context a handler starts from: it names the service.
    pub(crate) fn handler_context(&self) -> &Context {
        &self.handler_context
    }

    /// Whether a trace is among those kept by ratio.
    pub(crate) fn samples(&self, trace_id: &[u8; 16]) -> bool {
        sampler::within_ratio(trace_id, self.ratio)
    }
}

impl std::ops::Deref for ServiceTracer {
    type Target = SdkTracer;

    fn deref(&self) -> &SdkTracer {
        &self.tracer
    }
}

fn provider(queue: Queue, ratio: f64) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_sampler(sampler::sampler(ratio))
        .with_span_processor(queue)
        .build()
}

/// Logs go to standard error: standard output belongs to what a command prints.
fn log_layer(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(std::io::stderr).boxed(),
    }
}

/// Spans of our own crates; events stay in the log.
fn app_layer<S, T>(tracer: T) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync,
{
    let ours = FilterFn::new(|metadata| metadata.is_span() && metadata.target().starts_with("entente"));
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(ours.with_max_level_hint(LevelFilter::INFO))
}
