//! The gRPC surface: who calls, decode, call the app, encode.

mod otlp;

use std::sync::Arc;

use entente_chassis::{
    call::Call,
    identity::{Caller, TrustDomain},
};
use entente_proto::audit::v1::{
    AppendRequest, AppendResponse, GetConsistencyProofRequest, GetConsistencyProofResponse, GetLogRequest,
    GetLogResponse, GetRecordRequest, GetRecordResponse, GetTraceRequest, GetTraceResponse,
    InstallAuthorityRequest, InstallAuthorityResponse, ListRecordsRequest, ListRecordsResponse,
    audit_service_server::AuditService,
};
use tonic::{Request, Response, Status};

pub(crate) use self::otlp::SpanReceiver;
use crate::{
    app::App,
    convert::{self, record::Writer},
    error::Error,
    status::fault,
};

/// The service over the app.
pub(crate) struct Service {
    pub(crate) app: Arc<App>,
    pub(crate) trust_domain: TrustDomain,
}

fn refuse(call: &Call, error: &Error) -> Status {
    call.refuse(fault(error), error)
}

impl Service {
    fn writer(&self, call: &Call) -> Writer {
        let caller = &call.peer().caller;
        let service_name = match caller {
            Caller::Service { name } => name.clone(),
            // Not let in by the policy; a record of nobody would be refused.
            Caller::Subject { .. } => String::new(),
        };
        Writer { service_name, spiffe_id: caller.spiffe_id(&self.trust_domain) }
    }
}

#[tonic::async_trait]
impl AuditService for Service {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let records = convert::record::new_records(&request.get_ref().records, &self.writer(&call))?;
            self.app.append_records(records).await
        };
        let receipts = done.await.map_err(|error| refuse(&call, &error))?.into_iter();
        let trace_id = Some(call.trace_id());
        let receipts = receipts.map(|receipt| convert::receipt(receipt, trace_id)).collect();
        Ok(Response::new(AppendResponse { receipts }))
    }

    async fn install_authority(
        &self,
        request: Request<InstallAuthorityRequest>,
    ) -> Result<Response<InstallAuthorityResponse>, Status> {
        let call = Call::of(&request)?;
        let authority = convert::authority(request.into_inner());
        let installed = authority.and_then(|authority| self.app.install_authority(authority));
        let installed = installed.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(convert::installed(installed)))
    }

    async fn get_log(&self, request: Request<GetLogRequest>) -> Result<Response<GetLogResponse>, Status> {
        Call::of(&request)?;
        let name = self.app.log.name();
        Ok(Response::new(GetLogResponse {
            log_origin: name.origin.clone(),
            verifier_key: name.verifier_key.clone(),
            checkpoint: self.app.log.head().checkpoint.clone(),
        }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        let call = Call::of(&request)?;
        let proved = self.app.get_consistency_proof(request.get_ref().old_size).await;
        let (proof, head) = proved.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(GetConsistencyProofResponse {
            hashes: convert::hashes(&proof),
            checkpoint: head.checkpoint.clone(),
        }))
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<GetRecordResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let name = convert::record_name(request.get_ref())?;
            self.app.get_record(&call, name, convert::sha256_of(request.get_ref())).await
        };
        let (record, receipt) = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(GetRecordResponse {
            record: Some(convert::proven_record(record)),
            receipt: Some(convert::receipt(receipt, None)),
        }))
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let list = convert::list_request(request.into_inner())?;
            self.app.list_records(&call, list).await
        };
        let page = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(ListRecordsResponse {
            records: page.records.into_iter().map(convert::proven_record).collect(),
            next_page_token: page.next_page_token,
            receipt: Some(convert::receipt(page.receipt, None)),
        }))
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let trace_id = convert::trace_id(request.get_ref())?;
            self.app.get_trace(&call, trace_id, convert::sha256_of(request.get_ref())).await
        };
        let trace = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(GetTraceResponse {
            spans: trace.spans.into_iter().map(convert::spans::span).collect(),
            truncated: trace.truncated,
            entry_indices: trace.entry_indices,
            receipt: Some(convert::receipt(trace.receipt, None)),
        }))
    }
}
