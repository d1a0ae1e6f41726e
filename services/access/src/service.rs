//! The gRPC surface: who calls, decode, call the app, encode.

mod watch;

use std::{pin::Pin, sync::Arc};

use entente_chassis::call::Call;
use entente_proto::access::v1::{
    BatchGetLabelsRequest, BatchGetLabelsResponse, CheckSubmitRequest, CheckSubmitResponse,
    DecideLabelsRequest, DecideLabelsResponse, ExplainAccessRequest, ExplainAccessResponse,
    GetPoliciesRequest, GetPoliciesResponse, GetSelfRequest, GetSelfResponse, ListOperationsRequest,
    ListOperationsResponse, ListPartnersRequest, ListPartnersResponse, ListSubjectsRequest,
    ListSubjectsResponse, ListTokenKeysRequest, ListTokenKeysResponse, MintTokenRequest, MintTokenResponse,
    PutOperationRequest, PutOperationResponse, PutPartnerRequest, PutPartnerResponse, PutPoliciesRequest,
    PutPoliciesResponse, PutSubjectRequest, PutSubjectResponse, SuspendSubjectRequest,
    SuspendSubjectResponse, TestPoliciesRequest, TestPoliciesResponse, WatchEpochRequest, WatchEpochResponse,
    access_service_server::AccessService,
};
use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::{app::App, convert, error::Error, status::fault};

/// The service over the app.
pub(crate) struct Service {
    pub(crate) app: Arc<App>,
    /// Cancelled when the service drains: open streams end with DRAINING.
    pub(crate) draining: CancellationToken,
}

fn refuse(call: &Call, error: &Error) -> Status {
    call.refuse(fault(error), error)
}

/// Runs a call's work and encodes what comes of it.
async fn answer<T>(call: &Call, work: impl Future<Output = Result<T, Error>>) -> Result<Response<T>, Status> {
    work.await.map(Response::new).map_err(|error| refuse(call, &error))
}

#[tonic::async_trait]
impl AccessService for Service {
    type WatchEpochStream = Pin<Box<dyn Stream<Item = Result<WatchEpochResponse, Status>> + Send>>;

    async fn mint_token(
        &self,
        request: Request<MintTokenRequest>,
    ) -> Result<Response<MintTokenResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::mint(request.get_ref())?;
            Ok(convert::minted(self.app.mint_token(&call, &asked)?))
        })
        .await
    }

    async fn list_token_keys(
        &self,
        _request: Request<ListTokenKeysRequest>,
    ) -> Result<Response<ListTokenKeysResponse>, Status> {
        Ok(Response::new(convert::token_keys(self.app.keys.public_keys(), self.app.trust_domain())))
    }

    async fn decide_labels(
        &self,
        request: Request<DecideLabelsRequest>,
    ) -> Result<Response<DecideLabelsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::decision_request(request.into_inner())?;
            Ok(convert::decisions(self.app.decide_labels(&call, asked).await?))
        })
        .await
    }

    async fn check_submit(
        &self,
        request: Request<CheckSubmitRequest>,
    ) -> Result<Response<CheckSubmitResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::submit_request(request.into_inner())?;
            Ok(convert::submit_decisions(self.app.check_submit(&call, asked).await?))
        })
        .await
    }

    async fn batch_get_labels(
        &self,
        request: Request<BatchGetLabelsRequest>,
    ) -> Result<Response<BatchGetLabelsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let hashes = convert::hashes(request.get_ref())?;
            let lines = self.app.get_labels(hashes.clone()).await?;
            Ok(convert::labels(hashes, lines))
        })
        .await
    }

    async fn watch_epoch(
        &self,
        request: Request<Streaming<WatchEpochRequest>>,
    ) -> Result<Response<Self::WatchEpochStream>, Status> {
        let call = Call::of(&request)?;
        let watch = watch::Watch::new(self.app.clone(), call, self.draining.clone(), request.into_inner());
        Ok(Response::new(Box::pin(watch.run())))
    }

    async fn explain_access(
        &self,
        request: Request<ExplainAccessRequest>,
    ) -> Result<Response<ExplainAccessResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::explain_request(request.get_ref())?;
            Ok(convert::explanation(self.app.explain_access(&call, asked).await?))
        })
        .await
    }

    async fn get_self(&self, request: Request<GetSelfRequest>) -> Result<Response<GetSelfResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let (row, registry) = self.app.get_self(&call)?;
            let subject = Some(convert::subject(row, registry.registry()));
            Ok(GetSelfResponse { subject, epoch: registry.epoch() })
        })
        .await
    }

    async fn list_partners(
        &self,
        request: Request<ListPartnersRequest>,
    ) -> Result<Response<ListPartnersResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::page(request.get_ref().page_size, &request.get_ref().page_token)?;
            let page = self.app.list_partners(&call, asked).await?;
            Ok(ListPartnersResponse {
                partners: page.rows.into_iter().map(convert::partner).collect(),
                next_page_token: page.next_page_token,
                receipt: Some(convert::receipt(page.receipt)),
            })
        })
        .await
    }

    async fn put_partner(
        &self,
        request: Request<PutPartnerRequest>,
    ) -> Result<Response<PutPartnerResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let request = request.into_inner();
            let (proposal, etag) = convert::partner_proposal(request.partner)?;
            let change = convert::change("partner.etag", &etag, &request.request_id)?;
            let changed = self.app.put_partner(&call, proposal, change).await?;
            Ok(PutPartnerResponse { partner: Some(convert::partner(changed.resource)), epoch: changed.epoch })
        })
        .await
    }

    async fn list_subjects(
        &self,
        request: Request<ListSubjectsRequest>,
    ) -> Result<Response<ListSubjectsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::page(request.get_ref().page_size, &request.get_ref().page_token)?;
            let registry = self.app.in_force()?;
            let page = self.app.list_subjects(&call, asked).await?;
            Ok(ListSubjectsResponse {
                subjects: page
                    .rows
                    .into_iter()
                    .map(|row| convert::subject(row, registry.registry()))
                    .collect(),
                next_page_token: page.next_page_token,
                receipt: Some(convert::receipt(page.receipt)),
            })
        })
        .await
    }

    async fn put_subject(
        &self,
        request: Request<PutSubjectRequest>,
    ) -> Result<Response<PutSubjectResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let request = request.into_inner();
            let (proposal, etag) = convert::subject_proposal(request.subject)?;
            let change = convert::change("subject.etag", &etag, &request.request_id)?;
            let registry = self.app.in_force()?;
            let changed = self.app.put_subject(&call, proposal, change).await?;
            let subject = Some(convert::subject(changed.resource, registry.registry()));
            Ok(PutSubjectResponse { subject, epoch: changed.epoch })
        })
        .await
    }

    async fn suspend_subject(
        &self,
        request: Request<SuspendSubjectRequest>,
    ) -> Result<Response<SuspendSubjectResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::suspend_request(request.get_ref())?;
            Ok(convert::suspension(&self.app.suspend_subject(&call, asked).await?))
        })
        .await
    }

    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let operations = self.app.list_operations(&call)?;
            Ok(ListOperationsResponse {
                operations: operations.into_iter().map(convert::operation).collect(),
            })
        })
        .await
    }

    async fn put_operation(
        &self,
        request: Request<PutOperationRequest>,
    ) -> Result<Response<PutOperationResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let request = request.into_inner();
            let (proposal, etag) = convert::operation_proposal(request.operation)?;
            let change = convert::change("operation.etag", &etag, &request.request_id)?;
            let changed = self.app.put_operation(&call, proposal, change).await?;
            Ok(PutOperationResponse {
                operation: Some(convert::operation(changed.resource)),
                epoch: changed.epoch,
            })
        })
        .await
    }

    async fn get_policies(
        &self,
        request: Request<GetPoliciesRequest>,
    ) -> Result<Response<GetPoliciesResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let version = request.get_ref().version;
            Ok(convert::policies_told(self.app.get_policies(&call, version).await?))
        })
        .await
    }

    async fn test_policies(
        &self,
        request: Request<TestPoliciesRequest>,
    ) -> Result<Response<TestPoliciesResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let asked = convert::test_policies_request(request.into_inner())?;
            Ok(convert::tested_policies(self.app.test_policies(&call, asked).await?))
        })
        .await
    }

    async fn put_policies(
        &self,
        request: Request<PutPoliciesRequest>,
    ) -> Result<Response<PutPoliciesResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let request = request.into_inner();
            let change = convert::change("etag", &request.etag, &request.request_id)?;
            let asked = convert::put_policies_request(request.cedar, &request.justification)?;
            Ok(convert::policies_changed(self.app.put_policies(&call, asked, change).await?))
        })
        .await
    }
}
