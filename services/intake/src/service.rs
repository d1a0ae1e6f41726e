//! The gRPC surface: who calls, decode, call the app, encode.

mod bulk;

use std::{pin::Pin, sync::Arc};

use entente_chassis::call::Call;
use entente_proto::intake::v1::{
    BatchGetOriginatorKeysRequest, BatchGetOriginatorKeysResponse, GetReportRequest, GetReportResponse,
    ListReportsRequest, ListReportsResponse, SearchReportsRequest, SearchReportsResponse,
    SubmitReportRequest, SubmitReportResponse, SubmitReportsRequest, SubmitReportsResponse,
    TailJournalRequest, TailJournalResponse, intake_service_server::IntakeService,
};
use futures::{Stream, StreamExt, future, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    app::{App, Tail},
    convert,
    error::Error,
    status::fault,
};

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
impl IntakeService for Service {
    type SubmitReportsStream = Pin<Box<dyn Stream<Item = Result<SubmitReportsResponse, Status>> + Send>>;
    type TailJournalStream = Pin<Box<dyn Stream<Item = Result<TailJournalResponse, Status>> + Send>>;

    async fn submit_report(
        &self,
        request: Request<SubmitReportRequest>,
    ) -> Result<Response<SubmitReportResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let parsed = convert::submit(request.into_inner())?;
            Ok(convert::submit_answer(self.app.submit_report(&call, parsed).await?))
        })
        .await
    }

    async fn submit_reports(
        &self,
        request: Request<Streaming<SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        let call = Call::of(&request)?;
        let place = self.app.enter_bulk(&call).map_err(|error| refuse(&call, &error))?;
        let session = bulk::Session {
            app: self.app.clone(),
            call,
            draining: self.draining.child_token(),
            _place: place,
        };
        Ok(Response::new(Box::pin(session.run(request.into_inner()))))
    }

    async fn get_report(
        &self,
        request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let parsed = convert::get(request.into_inner())?;
            Ok(convert::got(self.app.get_report(&call, parsed).await?))
        })
        .await
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let parsed = convert::list(request.into_inner())?;
            Ok(convert::listed(self.app.list_reports(&call, parsed).await?))
        })
        .await
    }

    async fn search_reports(
        &self,
        request: Request<SearchReportsRequest>,
    ) -> Result<Response<SearchReportsResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let parsed = convert::search(request.into_inner())?;
            Ok(convert::matched(self.app.search_reports(&call, parsed).await?))
        })
        .await
    }

    async fn batch_get_originator_keys(
        &self,
        request: Request<BatchGetOriginatorKeysRequest>,
    ) -> Result<Response<BatchGetOriginatorKeysResponse>, Status> {
        let call = Call::of(&request)?;
        answer(&call, async {
            let key_ids = convert::originator_keys(request.into_inner())?;
            let found = self.app.batch_get_originator_keys(key_ids.clone()).await?;
            Ok(convert::keys(key_ids, found))
        })
        .await
    }

    async fn tail_journal(
        &self,
        request: Request<TailJournalRequest>,
    ) -> Result<Response<Self::TailJournalStream>, Status> {
        let call = Call::of(&request)?;
        let after = i64::try_from(request.get_ref().after_position).unwrap_or(i64::MAX);
        let tail = Tail::after(self.app.clone(), after);
        let draining = self.draining.child_token();
        let pieces = stream::unfold(Some((tail, call, draining)), |state| async move {
            let (mut tail, call, draining) = state?;
            let next = draining.run_until_cancelled(tail.next()).await;
            match next.unwrap_or(Err(Error::Draining)) {
                Ok(versions) => Some((Ok(convert::piece(versions)), Some((tail, call, draining)))),
                Err(error) => Some((Err(refuse(&call, &error)), None)),
            }
        });
        Ok(Response::new(Box::pin(pieces)))
    }
}

/// Ends a stream behind its first error.
fn until_error<T>(items: impl Stream<Item = Result<T, Status>>) -> impl Stream<Item = Result<T, Status>> {
    items.scan(false, |failed, item| {
        let ended = std::mem::replace(failed, item.is_err());
        future::ready((!ended).then_some(item))
    })
}
