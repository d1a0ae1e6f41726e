//! What is seen of a call: one span per RPC (names and attributes of the OpenTelemetry semantic conventions for RPC,
//! release candidate 1.44, kept here alone), counters and latency. Ends exactly once: with the answer's last frame, or as
//! CANCELLED when the client goes away before.

use std::{sync::Arc, time::Instant};

use opentelemetry::{
    Context, KeyValue, StringValue,
    trace::{SpanKind, Status as SpanStatus, TraceContextExt, Tracer},
};
use tonic::Code;

use super::{guard::Method, limits::Place};
use crate::{call::TraceContext, identity::Caller, metrics::code_name, telemetry::ServiceTracer};

/// The span of an RPC.
pub(super) struct RpcSpan {
    /// Ids of the span, for the call and its refusals.
    pub(super) trace: TraceContext,
    /// The context handlers run in; absent when nothing is recorded.
    pub(super) context: Option<Context>,
}

impl RpcSpan {
    /// A span that is not recorded: its ids exist nevertheless.
    pub(super) fn unrecorded(parent: Option<TraceContext>) -> RpcSpan {
        RpcSpan { trace: TraceContext::below(parent), context: None }
    }

    /// Starts the span of a call.
    ///
    /// A workload's sampling decision is followed; a subject's is not, or anybody could fill the store. RPCs that disclose
    /// are always sampled.
    pub(super) fn start(
        tracer: &ServiceTracer,
        method: &Method,
        parent: Option<TraceContext>,
        caller: &Caller,
        address: &Arc<str>,
    ) -> RpcSpan {
        let discloses = method.policy.discloses;
        let parent = parent.map(|parent| {
            let by_caller = match caller {
                Caller::Service { .. } => parent.sampled,
                Caller::Subject { .. } => tracer.samples(&parent.trace_id),
            };
            Context::new().with_remote_span_context(
                TraceContext { sampled: by_caller || discloses, ..parent }.to_remote(),
            )
        });
        let attributes = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", StringValue::from(method.name.clone())),
            KeyValue::new("network.peer.address", StringValue::from(address.clone())),
            KeyValue::new(crate::telemetry::DISCLOSES, discloses),
        ];
        let builder = tracer
            .span_builder(method.name.to_string())
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = tracer.build_with_context(builder, &parent.unwrap_or_default());
        let context = tracer.handler_context().with_span(span);
        let trace = TraceContext::from(context.span().span_context());
        RpcSpan { trace, context: Some(context) }
    }
}

/// A call under way.
pub(super) struct Observation {
    method: Arc<Method>,
    started: Instant,
    context: Option<Context>,
    ended: bool,
    _place: Option<Place>,
}

impl Observation {
    pub(super) fn begin(method: &Arc<Method>) -> Observation {
        method.metrics.started.inc();
        method.metrics.in_flight.inc();
        Observation {
            method: method.clone(),
            started: Instant::now(),
            context: None,
            ended: false,
            _place: None,
        }
    }

    /// The call passed every check: its span and its place last as long as it does.
    pub(super) fn admitted(&mut self, context: Option<Context>, place: Option<Place>) {
        self.context = context;
        self._place = place;
    }

    /// The call has ended.
    pub(super) fn end(mut self, code: Code) {
        self.finish(code);
    }

    fn finish(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.method.metrics.in_flight.dec();
        self.method.metrics.latency.observe(self.started.elapsed().as_secs_f64());
        self.method.metrics.handled(code);
        if let Some(context) = &self.context {
            let span = context.span();
            span.set_attribute(KeyValue::new("rpc.response.status_code", code_name(code)));
            if is_failure(code) {
                span.set_attribute(KeyValue::new("error.type", code_name(code)));
                span.set_status(SpanStatus::error(""));
            }
            span.end();
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}

/// Codes that make a server's span an error; the others are the caller's affair.
fn is_failure(code: Code) -> bool {
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}
