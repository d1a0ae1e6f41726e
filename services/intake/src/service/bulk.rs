//! One bulk submission: batches are read ahead of the one being written, written in order, and answered in order.

use std::sync::{Arc, OnceLock};

use entente_chassis::call::Call;
use entente_proto::intake::v1::{SubmitReportsRequest, SubmitReportsResponse};
use futures::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{refuse, until_error};
use crate::{
    app::{App, BulkPlace, PreparedBatch},
    convert,
    error::Error,
};

/// Batches being read, and batches being written: together the 16 that may be unanswered.
const READING_MAX: usize = 4;
const WRITING_MAX: usize = 12;

/// What a bulk submission is served with.
pub(super) struct Session {
    pub(super) app: Arc<App>,
    pub(super) call: Call,
    pub(super) draining: CancellationToken,
    /// Its place among the open bulk streams.
    pub(super) _place: BulkPlace,
}

impl Session {
    /// Answers each batch once it is durable. When the service drains, what was read is still answered, and the stream
    /// ends with DRAINING: the client goes on elsewhere behind the last answer. So it is when the token expires: a silent
    /// client holds its place no longer.
    pub(super) fn run(
        self,
        batches: Streaming<SubmitReportsRequest>,
    ) -> impl Stream<Item = Result<SubmitReportsResponse, Status>> {
        let session = Arc::new(self);
        let (reading, writing, ending) = (session.clone(), session.clone(), session.clone());
        let why = Arc::new(OnceLock::new());
        let answers = batches
            .take_until(over(session.clone(), why.clone()))
            .map(move |batch| reading.clone().read(batch))
            .buffered(READING_MAX)
            .map(move |prepared| writing.clone().write(prepared))
            .buffered(WRITING_MAX)
            .map(move |answer| answer.map_err(|error| refuse(&session.call, &error)));
        let end = stream::once(async move { why.get().map(|why| Err(refuse(&ending.call, why))) });
        until_error(answers.chain(end.filter_map(|end| async move { end })))
    }

    async fn read(
        self: Arc<Self>,
        batch: Result<SubmitReportsRequest, Status>,
    ) -> Result<(u64, PreparedBatch), Error> {
        // A message that is too large or does not decode, or a client that went: the rest cannot be read either.
        let (batch_number, submission) = convert::batch(batch.map_err(|_| Error::BrokenStream)?)?;
        Ok((batch_number, self.app.prepare_batch(&self.call, submission).await?))
    }

    async fn write(
        self: Arc<Self>,
        prepared: Result<(u64, PreparedBatch), Error>,
    ) -> Result<SubmitReportsResponse, Error> {
        let (batch_number, prepared) = prepared?;
        Ok(convert::batch_answer(batch_number, self.app.submit_batch(prepared).await?))
    }
}

/// Completes when the service drains or the token has expired, and leaves why.
async fn over(session: Arc<Session>, why: Arc<OnceLock<Error>>) {
    let token_left = session.app.token_left(&session.call);
    let drained = tokio::time::timeout(token_left, session.draining.cancelled()).await.is_ok();
    // Set once: here alone.
    let _ = why.set(if drained { Error::Draining } else { Error::TokenExpired });
}
