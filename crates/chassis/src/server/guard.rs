//! What every call passes before its handler: policy, caller, token, deadline, limits; then span, metrics, handler. One
//! layer, because each step needs what the one before has found, and a service cannot forget what it never writes.

use std::{
    collections::HashMap,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, Request, Response};
use opentelemetry::trace::FutureExt;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    accept::ConnectionInfo,
    answer::{self, AnswerBody},
    authorize, deadline,
    limits::{Limits, Place},
    observe::{Observation, RpcSpan},
};
use crate::{
    call::{self, Call, TRACEPARENT_KEY, TraceContext},
    metrics::{MethodMetrics, Metrics},
    policy::{MethodPolicy, Policies},
    status::{self, ErrorReason, Fault},
    telemetry::{self, ServiceTracer},
    token::TokenVerifier,
};

/// When a shed caller should try again: long enough for a burst to pass.
const SHED_RETRY: Duration = Duration::from_millis(200);
/// When a caller of a stopping server should try again.
const DRAIN_RETRY: Duration = Duration::from_millis(500);

/// What a guard is made of.
pub(super) struct Parts<'a> {
    pub(super) service: &'a str,
    pub(super) policies: &'a Policies,
    pub(super) tokens: Option<TokenVerifier>,
    pub(super) metrics: &'a Metrics,
    pub(super) limits: Limits,
    pub(super) call_time_max: Duration,
    pub(super) stop: CancellationToken,
}

/// One method, with everything found once instead of at each call.
pub(super) struct Method {
    /// Path.
    pub(super) path: Arc<str>,
    /// Path without its first slash: the name of spans.
    pub(super) name: Arc<str>,
    pub(super) policy: MethodPolicy,
    pub(super) metrics: MethodMetrics,
}

/// The layer; clones share it.
#[derive(Clone)]
pub(super) struct Guard(Arc<Shared>);

struct Shared {
    methods: HashMap<String, Arc<Method>>,
    tokens: Option<TokenVerifier>,
    tracer: Option<ServiceTracer>,
    shed: Counter,
    limits: Limits,
    call_time_max: Duration,
    stop: CancellationToken,
}

impl Guard {
    pub(super) fn new(parts: Parts<'_>) -> Guard {
        let metrics = parts.metrics.server();
        let method = |policy: &MethodPolicy| Method {
            path: policy.path.as_str().into(),
            name: policy.path.trim_start_matches('/').into(),
            policy: policy.clone(),
            metrics: metrics.method(&policy.path),
        };
        Guard(Arc::new(Shared {
            methods: parts
                .policies
                .iter()
                .map(|policy| (policy.path.clone(), Arc::new(method(policy))))
                .collect(),
            tokens: parts.tokens,
            tracer: telemetry::tracer(parts.service),
            shed: metrics.shed.clone(),
            limits: parts.limits,
            call_time_max: parts.call_time_max,
            stop: parts.stop,
        }))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service behind the guard.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.guard.0.admit(&mut request) {
            Ok(admitted) => Box::pin(admitted.serve(self.inner.call(request))),
            Err(refused) => Box::pin(std::future::ready(Ok(*refused))),
        }
    }
}

/// A call that may run.
struct Admitted {
    observation: Observation,
    context: Option<opentelemetry::Context>,
    deadline: Option<Pin<Box<Sleep>>>,
    trace_id: [u8; 16],
    standard: bool,
}

/// What the checks have found.
struct Checked {
    call: call::Parts,
    context: Option<opentelemetry::Context>,
    place: Option<Place>,
}

impl Shared {
    fn admit(&self, request: &mut Request<Body>) -> Result<Admitted, Box<Response<AnswerBody>>> {
        let parent = parent(request.headers());
        let Some(method) = self.methods.get(request.uri().path()) else {
            let trace = TraceContext::below(parent);
            return Err(Box::new(answer::refusal(status::unknown_method(trace.trace_id), None)));
        };
        let mut observation = Observation::begin(method);
        match self.check(method, request, parent) {
            Ok(Checked { call, context, place }) => {
                let deadline = call.deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
                observation.admitted(context.clone(), place);
                let trace_id = call.trace.trace_id;
                request.extensions_mut().insert(Call::new(call));
                Ok(Admitted { observation, context, deadline, trace_id, standard: method.policy.standard })
            }
            Err(fault) => {
                let trace = TraceContext::below(parent);
                log_refusal(method, &fault, &trace);
                Err(Box::new(answer::refusal(fault.into_status(trace.trace_id), Some(observation))))
            }
        }
    }

    fn check(
        &self,
        method: &Method,
        request: &Request<Body>,
        parent: Option<TraceContext>,
    ) -> Result<Checked, Fault> {
        let headers = request.headers();
        let connection = request.extensions().get::<ConnectionInfo>();
        let peer = authorize::peer(connection.and_then(|info| info.peer.as_ref()), SystemTime::now())?;
        authorize::caller(&method.policy, &peer.caller)?;
        let token = authorize::token(&method.policy, &peer.caller, headers, self.tokens.as_ref())?;
        let time = deadline::time_for(headers, method.policy.streaming, self.call_time_max);
        let place = self.place(&method.policy)?;
        let span = match (&self.tracer, connection) {
            (Some(tracer), Some(info)) if !method.policy.standard => {
                RpcSpan::start(tracer, method, parent, &peer.caller, &info.address)
            }
            _ => RpcSpan::unrecorded(parent),
        };
        let (claims, token) = token.unzip();
        let call = call::Parts {
            method: method.path.clone(),
            peer: peer.clone(),
            claims,
            token,
            trace: span.trace,
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
        };
        Ok(Checked { call, context: span.context, place })
    }

    /// A place for the call. Probes and the like need none: they must be answered when the service is full.
    fn place(&self, policy: &MethodPolicy) -> Result<Option<Place>, Fault> {
        if policy.standard {
            return Ok(None);
        }
        if self.stop.is_cancelled() {
            return Err(Fault::new(ErrorReason::Draining, "the service is stopping").retry_after(DRAIN_RETRY));
        }
        let limit = if policy.streaming { &self.limits.streams } else { &self.limits.calls };
        limit.take().map(Some).ok_or_else(|| {
            self.shed.inc();
            Fault::new(ErrorReason::Overloaded, "the service is at its limit").retry_after(SHED_RETRY)
        })
    }
}

impl Admitted {
    async fn serve<F>(self, handled: F) -> Result<Response<AnswerBody>, Infallible>
    where
        F: Future<Output = Result<Response<Body>, Infallible>>,
    {
        let Admitted { observation, context, mut deadline, trace_id, standard } = self;
        let answered = match context {
            Some(context) => in_time(handled.with_context(context), deadline.as_mut()).await,
            None => in_time(handled, deadline.as_mut()).await,
        };
        let response = match answered {
            Ok(response) => response,
            Err(fault) => return Ok(answer::refusal(fault.into_status(trace_id), Some(observation))),
        };
        match foreign_refusal(response.headers()).filter(|_| !standard) {
            Some(fault) => Ok(answer::refusal(fault.into_status(trace_id), Some(observation))),
            None => Ok(answer::answer(response, observation, deadline, trace_id)),
        }
    }
}

/// The answer of a handler that is given its time and no longer, and whose panic ends its own call alone: unwinding
/// further would take every call of the connection along.
async fn in_time<F>(handled: F, deadline: Option<&mut Pin<Box<Sleep>>>) -> Result<Response<Body>, Fault>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    let mut guarded = pin!(futures::FutureExt::catch_unwind(AssertUnwindSafe(handled)));
    let answered = match deadline {
        Some(deadline) => tokio::select! {
            biased;
            answered = &mut guarded => answered,
            () = deadline => return Err(answer::too_late()),
        },
        None => guarded.await,
    };
    match answered {
        Ok(Ok(response)) => Ok(response),
        Err(_) => {
            tracing::error!("a handler panicked");
            Err(Fault::new(ErrorReason::Internal, "the operator finds the cause by the trace id"))
        }
    }
}

/// What tonic itself refuses before a handler runs, in our words: it knows no reasons.
fn foreign_refusal(headers: &HeaderMap) -> Option<Fault> {
    if !headers.contains_key(Status::GRPC_STATUS) || headers.contains_key("grpc-status-details-bin") {
        return None;
    }
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::OutOfRange {
        let text = "a message is larger than allowed; split it";
        return Some(Fault::new(ErrorReason::TooLarge, text).field("message", status.message()));
    }
    // tonic and prost have no other mark for it than these words.
    if status.code() == Code::Internal && status.message().contains("failed to decode") {
        let text = "the request is not a message of this RPC";
        return Some(
            Fault::new(ErrorReason::FieldInvalid, text).field("message", "does not decode as protobuf"),
        );
    }
    None
}

fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get(TRACEPARENT_KEY).and_then(|value| value.to_str().ok()).and_then(TraceContext::parse)
}

fn log_refusal(method: &Method, fault: &Fault, trace: &TraceContext) {
    let (trace_id, reason) = (hex::encode(trace.trace_id), status::name(fault.reason()));
    tracing::info!(%trace_id, method = &*method.path, reason, "call refused before its handler");
}
