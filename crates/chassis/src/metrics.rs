//! Prometheus metrics of one service, and the HTTP endpoint operators and probes read them from.

pub(crate) mod admin;

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tonic::Code;

use crate::telemetry;

/// Fastest latency told apart, seconds; each of the [`LATENCY_BUCKETS`] doubles it (to 13 s).
const LATENCY_LEAST_SECONDS: f64 = 0.000_1;
const LATENCY_BUCKETS: u16 = 18;
/// gRPC codes, 0 to 16.
const CODES: usize = 17;

/// The metrics of one service; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    service: String,
    registry: Mutex<Registry>,
    server: ServerMetrics,
}

/// What the server counts.
#[derive(Clone)]
pub(crate) struct ServerMetrics {
    started: Family<MethodLabel, Counter>,
    handled: Family<HandledLabels, Counter>,
    latency: Family<MethodLabel, Histogram, fn() -> Histogram>,
    /// Calls shed because a limit was reached.
    pub(crate) shed: Counter,
    in_flight: Gauge,
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Connections closed at once because too many are open.
    pub(crate) connections_refused: Counter,
    /// Handshakes that failed or took too long.
    pub(crate) handshake_failures: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MethodLabel {
    method: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HandledLabels {
    method: String,
    code: &'static str,
}

impl Metrics {
    /// The metrics of the service `service`.
    pub fn new(service: &str) -> Metrics {
        let label = (Cow::from("service"), Cow::from(service.to_owned()));
        let mut registry = Registry::with_prefix_and_labels("entente", std::iter::once(label));
        let server = ServerMetrics::register(&mut registry);
        registry.register(
            "spans_dropped",
            "Finished spans not exported: queue full or export failed",
            telemetry::dropped(),
        );
        Metrics(Arc::new(Inner { service: service.to_owned(), registry: Mutex::new(registry), server }))
    }

    /// Name of the service.
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// The registry, for a service's own metrics. Names are given the prefix `entente_` and the label `service`.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything in the text format of OpenMetrics.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry()) {
            tracing::error!(%error, "the metrics could not be encoded");
        }
        text
    }

    pub(crate) fn server(&self) -> &ServerMetrics {
        &self.0.server
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("service", &self.0.service).finish_non_exhaustive()
    }
}

impl ServerMetrics {
    fn register(registry: &mut Registry) -> ServerMetrics {
        let latency: fn() -> Histogram =
            || Histogram::new(exponential_buckets(LATENCY_LEAST_SECONDS, 2.0, LATENCY_BUCKETS));
        let metrics = ServerMetrics {
            started: Family::default(),
            handled: Family::default(),
            latency: Family::new_with_constructor(latency),
            shed: Counter::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            handshake_failures: Counter::default(),
        };
        registry.register("rpc_started", "RPCs begun", metrics.started.clone());
        registry.register("rpc_handled", "RPCs ended, by gRPC code", metrics.handled.clone());
        registry.register(
            "rpc_duration_seconds",
            "Time from head of request to end of answer",
            metrics.latency.clone(),
        );
        registry.register(
            "rpc_shed",
            "RPCs refused because the service was at its limit",
            metrics.shed.clone(),
        );
        registry.register("rpc_in_flight", "RPCs being served", metrics.in_flight.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        let refused = metrics.connections_refused.clone();
        registry.register("connections_refused", "Connections closed because too many were open", refused);
        let failures = metrics.handshake_failures.clone();
        registry.register("handshake_failures", "TLS handshakes failed or timed out", failures);
        metrics
    }

    /// The counters of one method, found once and not at each call.
    pub(crate) fn method(&self, path: &str) -> MethodMetrics {
        let label = MethodLabel { method: path.to_owned() };
        MethodMetrics {
            started: self.started.get_or_create_owned(&label),
            latency: self.latency.get_or_create_owned(&label),
            in_flight: self.in_flight.clone(),
            handled: std::array::from_fn(|_| OnceLock::new()),
            family: self.handled.clone(),
            path: path.to_owned(),
        }
    }
}

/// The counters of one method.
pub(crate) struct MethodMetrics {
    pub(crate) started: Counter,
    pub(crate) latency: Histogram,
    /// Calls being served, over all methods.
    pub(crate) in_flight: Gauge,
    handled: [OnceLock<Counter>; CODES],
    family: Family<HandledLabels, Counter>,
    path: String,
}

impl MethodMetrics {
    /// Counts an end.
    pub(crate) fn handled(&self, code: Code) {
        let create = || {
            let labels = HandledLabels { method: self.path.clone(), code: code_name(code) };
            self.family.get_or_create_owned(&labels)
        };
        // Codes are 0 to 16, as many as there are places.
        if let Some(place) = usize::try_from(i32::from(code)).ok().and_then(|code| self.handled.get(code)) {
            place.get_or_init(create).inc();
        }
    }
}

/// The name of a code, as gRPC and OpenTelemetry write it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
