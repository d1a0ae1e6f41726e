//! One call as the app sees it: who calls, on whose behalf, under which trace, until when. It goes along to every peer
//! that is asked on the call's account, so that identity, trace and deadline travel together.

mod trace;

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
};

pub(crate) use trace::TraceContext;

use crate::{
    identity::{Caller, Peer},
    status::{ErrorReason, Fault},
    token::Claims,
};

/// Metadata key of the transaction token.
pub const TOKEN_KEY: &str = "txn-token";
/// Metadata key of the W3C trace context.
pub(crate) const TRACEPARENT_KEY: &str = "traceparent";
/// Limit of a call made on the account of one that has no deadline itself (a stream): a unary call to a peer takes
/// milliseconds, so a peer that is silent for this long is broken. Streams to peers set their own.
pub const OUTGOING_TIME_MAX: Duration = Duration::from_secs(30);

/// A call being served, or work that the service does of its own accord. Cheap to clone.
#[derive(Clone)]
pub struct Call(Arc<Parts>);

/// What a call is made of.
pub(crate) struct Parts {
    pub(crate) method: Arc<str>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) claims: Option<Arc<Claims>>,
    pub(crate) token: Option<MetadataValue<Ascii>>,
    pub(crate) trace: TraceContext,
    pub(crate) deadline: Option<Instant>,
}

impl Call {
    pub(crate) fn new(parts: Parts) -> Call {
        Call(Arc::new(parts))
    }

    /// The call a request belongs to.
    ///
    /// # Errors
    ///
    /// INTERNAL when the request did not come through the chassis's server: then nobody has checked who calls.
    pub fn of<T>(request: &Request<T>) -> Result<Call, Status> {
        request.extensions().get::<Call>().cloned().ok_or_else(|| {
            tracing::error!("a request reached a handler without passing the chassis's checks");
            Fault::new(ErrorReason::Internal, "the operator finds the cause by the trace id")
                .into_status(TraceContext::root().trace_id)
        })
    }

    /// Work of the service's own, named `name`, that must be done within `limit`. Its peer is nobody: a workload of that
    /// name with a certificate of zeros. Its trace is new and not sampled.
    pub fn background(name: &str, limit: Duration) -> Call {
        Call::new(Parts {
            method: name.into(),
            peer: Arc::new(Peer {
                caller: Caller::Service { name: name.to_owned() },
                certificate_sha256: [0; 32],
                certificate_not_after: SystemTime::UNIX_EPOCH,
            }),
            claims: None,
            token: None,
            trace: TraceContext::root(),
            deadline: Some(Instant::now() + limit),
        })
    }

    /// What the transaction token says; `None` when the RPC asks for none.
    pub fn claims(&self) -> Option<&Claims> {
        self.0.claims.as_deref()
    }

    /// The verified transaction token; `None` when the RPC asks for none.
    pub fn token(&self) -> Option<&str> {
        self.0.token.as_ref().and_then(|token| token.to_str().ok())
    }

    /// The other end of the connection.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Trace id.
    pub fn trace_id(&self) -> [u8; 16] {
        self.0.trace.trace_id
    }

    /// Span id of this RPC.
    pub fn span_id(&self) -> [u8; 8] {
        self.0.trace.span_id
    }

    /// The W3C trace context that a peer continues.
    pub fn traceparent(&self) -> String {
        self.0.trace.to_header()
    }

    /// Path of the RPC, such as `/entente.intake.v1.IntakeService/GetReport`; of background work its name.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// When the caller stops waiting; `None` for a stream without deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// What is left of the deadline; [`OUTGOING_TIME_MAX`] without one.
    pub fn time_left(&self) -> Duration {
        self.0
            .deadline
            .map_or(OUTGOING_TIME_MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// A request to a peer on the account of this call: with its token, its trace and what is left of its time.
    pub fn outgoing<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.time_left());
        if let Some(token) = &self.0.token {
            request.metadata_mut().insert(TOKEN_KEY, token.clone());
        }
        if let Ok(traceparent) = MetadataValue::try_from(self.traceparent()) {
            request.metadata_mut().insert(TRACEPARENT_KEY, traceparent);
        }
        request
    }

    /// The answer to a call that failed. The error's whole chain is logged here, once, under the trace id; the caller is
    /// told the fault alone.
    pub fn refuse(&self, fault: Fault, error: &dyn Error) -> Status {
        let reason = crate::status::name(fault.reason());
        let status = fault.into_status(self.trace_id());
        let (trace_id, method, chain) = (hex::encode(self.trace_id()), self.method(), Chain(error));
        if is_server_error(status.code()) {
            tracing::error!(%trace_id, method, reason, error = %chain, "call failed");
        } else if status.code() == Code::Unavailable {
            tracing::warn!(%trace_id, method, reason, error = %chain, "call failed");
        } else {
            tracing::info!(%trace_id, method, reason, error = %chain, "call refused");
        }
        status
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("method", &self.0.method).finish_non_exhaustive()
    }
}

/// Codes that are the server's fault (OpenTelemetry semantic conventions of RPC, server side), except UNAVAILABLE,
/// which is the state of a peer.
fn is_server_error(code: Code) -> bool {
    matches!(code, Code::Unknown | Code::Internal | Code::DataLoss | Code::Unimplemented)
}

/// An error with its causes, in one line.
struct Chain<'e>(&'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
