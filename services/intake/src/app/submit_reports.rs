//! Submits in bulk: a batch is read while the one before is written, and each item is answered for itself.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use entente_chassis::call::Call;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    App, BulkPlace, caller,
    prepare_batch::{Author, Prepared, Submission},
    submit_report::conflict,
};
use crate::{
    error::{Error, RefusedItem},
    store::{NewBatch, Outcome},
};

/// Content one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// The permits some content needs.
pub(super) fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES)
}

/// A batch read and waiting to be written.
pub(crate) struct PreparedBatch {
    batch: NewBatch,
    places: Vec<usize>,
    refused: Vec<RefusedItem>,
    /// Given back when the batch is answered.
    _room: OwnedSemaphorePermit,
}

/// The answer to a batch.
pub(crate) struct BatchAnswer {
    pub(crate) accepted_count: u32,
    pub(crate) unchanged_count: u32,
    /// In order of place.
    pub(crate) refused: Vec<RefusedItem>,
}

impl App {
    /// A place among the open bulk streams, given back when dropped.
    pub(crate) fn enter_bulk(&self, call: &Call) -> Result<BulkPlace, Error> {
        self.bulk_places.take(&caller(call)?.organization)
    }

    /// Reads a batch. Waits while the content being worked on, or what the text index is behind, is above its limit:
    /// the client then waits for its answers.
    #[tracing::instrument(skip_all, fields(items = submission.items.len()))]
    pub(crate) async fn prepare_batch(
        &self,
        call: &Call,
        submission: Submission,
    ) -> Result<PreparedBatch, Error> {
        if self.token_left(call).is_zero() {
            return Err(Error::TokenExpired);
        }
        let room = self.room_for(&submission).await?;
        self.wait_for_index().await?;
        let submission = Arc::new(submission);
        let (author, prepared) = self.prepare(call, submission.clone()).await?;
        self.pair_up(call, (author, submission, prepared), room)
    }

    fn pair_up(
        &self,
        call: &Call,
        (author, submission, mut prepared): (Author, Arc<Submission>, Prepared),
        room: OwnedSemaphorePermit,
    ) -> Result<PreparedBatch, Error> {
        let places = std::mem::take(&mut prepared.places);
        let refused = std::mem::take(&mut prepared.refused);
        let batch = self.new_batch(call, author, &submission, prepared)?;
        Ok(PreparedBatch { batch, places, refused, _room: room })
    }

    /// Writes a batch; answers once what it holds is durable.
    #[tracing::instrument(skip_all, fields(versions = prepared.batch.versions.len()))]
    pub(crate) async fn submit_batch(&self, prepared: PreparedBatch) -> Result<BatchAnswer, Error> {
        let PreparedBatch { batch, places, mut refused, _room } = prepared;
        let name =
            |version: &crate::store::NewVersion| (version.report_id.clone(), version.version.text.clone());
        let names: Vec<(String, String)> = batch.versions.iter().map(name).collect();
        let outcomes = if names.is_empty() { Vec::new() } else { self.store.add_batch(batch).await? };
        self.outbox_wake.notify_one();
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let (accepted, unchanged) = (count(Outcome::Accepted), count(Outcome::Unchanged));
        for ((outcome, place), name) in outcomes.iter().zip(places).zip(names) {
            match outcome {
                Outcome::Accepted | Outcome::Unchanged => {}
                Outcome::Conflict => refused.push(conflict(place, name)),
            }
        }
        refused.sort_by_key(|refused| refused.place);
        Ok(BatchAnswer {
            accepted_count: u32::try_from(accepted).unwrap_or(u32::MAX),
            unchanged_count: u32::try_from(unchanged).unwrap_or(u32::MAX),
            refused,
        })
    }

    async fn room_for(&self, submission: &Submission) -> Result<OwnedSemaphorePermit, Error> {
        // A batch never asks for more than there is in all, or it would wait for ever.
        let wanted = permits(submission.content_bytes()).min(permits(self.limits.bulk_bytes_max));
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        Semaphore::acquire_many_owned(self.bulk_room.clone(), wanted).await.map_err(|_| Error::Draining)
    }

    /// How long the token of a call holds.
    pub(crate) fn token_left(&self, call: &Call) -> Duration {
        let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let expires = call.claims().map(|claims| Duration::from_secs(claims.exp)).unwrap_or_default();
        expires.saturating_sub(now)
    }
}
