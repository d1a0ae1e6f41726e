//! From the end of a span to its export: a bounded queue, one task, one exporter per service.

use std::{collections::HashMap, sync::Arc, time::Duration};

use opentelemetry::trace::Span as _;
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};

use super::APP_SCOPE;

/// Spans ended and not yet taken by the exporting task: half a second at 15,000 RPCs a second, some 8 MB.
const QUEUE_MAX: usize = 8_192;
/// Spans kept for a service whose exporter is not installed yet.
const WAITING_MAX: usize = 2_048;
/// Spans of one export.
const BATCH_MAX: usize = 2_048;
/// Exports follow each other at this pace: a span is worth waiting for others, a person who asks for a trace is not.
const EXPORT_EVERY: Duration = Duration::from_millis(200);
/// Attribute that names the service of an app's span on its way through the queue.
const SERVICE_NAME: &str = "service.name";

/// In the context of a handler: the service it belongs to.
pub(super) struct ServiceName(pub(super) Arc<str>);

/// What the exporting task is told.
pub(super) enum Command {
    /// Spans of the service go to this exporter from now on.
    Install { service: String, exporter: Box<SpanExporter> },
    /// Export everything queued.
    Flush(oneshot::Sender<()>),
    /// Export everything queued and end.
    Stop(oneshot::Sender<()>),
}

/// A queue and the task that empties it.
pub(super) fn queue(dropped: Counter) -> (Queue, Worker) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let worker = Worker {
        ended: receiver,
        exporters: HashMap::new(),
        waiting: HashMap::new(),
        dropped: dropped.clone(),
    };
    (Queue { sender, dropped }, worker)
}

/// Takes ended spans. Never waits: a full queue loses the span and counts it.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<SpanData>,
    dropped: Counter,
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        // Only spans below a handler's find the service there; that of the RPC has it as its scope.
        if let Some(ServiceName(service)) = parent.get::<ServiceName>() {
            span.set_attribute(KeyValue::new(SERVICE_NAME, service.clone()));
        }
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.sender.try_send(span).is_err() {
            self.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The exporter of one service.
struct Exporting {
    exporter: SpanExporter,
    failing: bool,
}

/// The exporting task.
pub(super) struct Worker {
    ended: mpsc::Receiver<SpanData>,
    exporters: HashMap<String, Exporting>,
    waiting: HashMap<String, Vec<SpanData>>,
    dropped: Counter,
}

impl Worker {
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut pace = tokio::time::interval(EXPORT_EVERY);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let command = tokio::select! {
                _ = pace.tick() => None,
                command = commands.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
            };
            match command {
                None => self.export_queued().await,
                Some(Command::Install { service, exporter }) => {
                    self.exporters.insert(service, Exporting { exporter: *exporter, failing: false });
                }
                Some(Command::Flush(done)) => {
                    self.export_queued().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.export_queued().await;
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    async fn export_queued(&mut self) {
        loop {
            let mut batch = 0_usize;
            while batch < BATCH_MAX {
                let Ok(span) = self.ended.try_recv() else { break };
                batch += 1;
                self.sort(span);
            }
            if batch == 0 && self.waiting.keys().all(|service| !self.exporters.contains_key(service)) {
                return;
            }
            self.export_sorted().await;
        }
    }

    fn sort(&mut self, mut span: SpanData) {
        let service = service_of(&mut span);
        let waiting = self.waiting.entry(service).or_default();
        if waiting.len() < WAITING_MAX {
            waiting.push(span);
        } else {
            self.dropped.inc();
        }
    }

    async fn export_sorted(&mut self) {
        for (service, exporting) in &mut self.exporters {
            let Some(spans) = self.waiting.remove(service) else { continue };
            let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            let exported = exporting.exporter.export(spans).await;
            // Told when it changes, and not at each export.
            match (&exported, std::mem::replace(&mut exporting.failing, exported.is_err())) {
                (Err(error), false) => {
                    tracing::warn!(service, %error, "spans are lost: they cannot be exported")
                }
                (Ok(()), true) => tracing::info!(service, "spans are exported again"),
                (Err(_), true) | (Ok(()), false) => {}
            }
            if exported.is_err() {
                self.dropped.inc_by(count);
            }
        }
    }
}

/// The service of a span, taken out of its attributes if it stands there.
fn service_of(span: &mut SpanData) -> String {
    let scope = span.instrumentation_scope.name();
    if scope != APP_SCOPE {
        return scope.to_owned();
    }
    let named = span.attributes.iter().position(|entry| entry.key.as_str() == SERVICE_NAME);
    match named.map(|place| span.attributes.swap_remove(place).value) {
        Some(Value::String(service)) => service.as_str().to_owned(),
        Some(_) | None => String::new(),
    }
}
