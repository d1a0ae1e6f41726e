//! The OTLP receiver: spans of the mesh's own services, best effort. What cannot be taken is said to be rejected, as the
//! protocol has it; the exporter does not send it again.

use std::sync::Arc;

use entente_chassis::status::Fault;
use entente_proto::common::v1::ErrorReason;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::TraceService,
};
use tonic::{Request, Response, Status};

use crate::{app::App, convert};

/// The receiver over the app.
pub(crate) struct SpanReceiver {
    pub(crate) app: Arc<App>,
}

#[tonic::async_trait]
impl TraceService for SpanReceiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (rows, left_out) = convert::spans::rows(request.into_inner());
        let count = rows.len();
        match self.app.receive_spans(rows).await {
            Ok(true) => Ok(answer(left_out, "malformed, or too many in one export")),
            Ok(false) => Ok(answer(count.saturating_add(left_out), "too many exports at once")),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "spans could not be stored");
                Err(Fault::new(ErrorReason::StoreFailed, "the spans could not be stored")
                    .into_status([0; 16]))
            }
        }
    }
}

fn answer(rejected: usize, why: &str) -> Response<ExportTraceServiceResponse> {
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: why.to_owned(),
    });
    Response::new(ExportTraceServiceResponse { partial_success })
}
