//! The gRPC surface: who calls, decode, call the app, encode.

mod stream;

use std::{pin::Pin, sync::Arc};

use entente_chassis::{call::Call, tasks::TaskGroup};
use entente_proto::alerting::v1::{
    AcknowledgeAlertRequest, AcknowledgeAlertResponse, CreateInterestRequest, CreateInterestResponse,
    DeleteInterestRequest, DeleteInterestResponse, ListInterestsRequest, ListInterestsResponse,
    StreamAlertsRequest, StreamAlertsResponse, alerting_service_server::AlertingService,
};
use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::{app::App, convert, error::Error, status::fault};

/// The service over the app.
pub(crate) struct Service {
    pub(crate) app: Arc<App>,
    /// Owns the open streams, which end with DRAINING when it is cancelled.
    pub(crate) tasks: TaskGroup,
}

fn refuse(call: &Call, error: &Error) -> Status {
    call.refuse(fault(error), error)
}

#[tonic::async_trait]
impl AlertingService for Service {
    type StreamAlertsStream = Pin<Box<dyn Stream<Item = Result<StreamAlertsResponse, Status>> + Send>>;

    async fn create_interest(
        &self,
        request: Request<CreateInterestRequest>,
    ) -> Result<Response<CreateInterestResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let parsed = convert::new_interest(request.get_ref())?;
            self.app.create_interest(&call, parsed).await
        };
        let interest = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(CreateInterestResponse { interest: Some(convert::interest(interest)) }))
    }

    async fn list_interests(
        &self,
        request: Request<ListInterestsRequest>,
    ) -> Result<Response<ListInterestsResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let page_size = convert::page_size(request.get_ref().page_size)?;
            self.app.list_interests(&call, page_size, &request.get_ref().page_token).await
        };
        let page = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(ListInterestsResponse {
            interests: page.interests.into_iter().map(convert::interest).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn delete_interest(
        &self,
        request: Request<DeleteInterestRequest>,
    ) -> Result<Response<DeleteInterestResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let interest_id = convert::id("interest_id", &request.get_ref().interest_id)?;
            self.app.delete_interest(&call, interest_id).await
        };
        done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(DeleteInterestResponse {}))
    }

    async fn stream_alerts(
        &self,
        request: Request<Streaming<StreamAlertsRequest>>,
    ) -> Result<Response<Self::StreamAlertsStream>, Status> {
        let call = Call::of(&request)?;
        let frames = request.into_inner();
        let session = stream::Session { app: self.app.clone(), call, tasks: self.tasks.clone() };
        Ok(Response::new(Box::pin(session.run(frames))))
    }

    async fn acknowledge_alert(
        &self,
        request: Request<AcknowledgeAlertRequest>,
    ) -> Result<Response<AcknowledgeAlertResponse>, Status> {
        let call = Call::of(&request)?;
        let done = async {
            let alert_id = convert::id("alert_id", &request.get_ref().alert_id)?;
            let note = convert::note(&request.get_ref().note)?;
            self.app.acknowledge_alert(&call, alert_id, note).await
        };
        let time = done.await.map_err(|error| refuse(&call, &error))?;
        Ok(Response::new(AcknowledgeAlertResponse { acknowledge_time: Some(convert::timestamp(time)) }))
    }
}
