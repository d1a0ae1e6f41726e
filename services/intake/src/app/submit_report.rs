//! Submits a few items as one: all are stored, durably, or none is and every fault is listed.

use std::{collections::BTreeSet, sync::Arc};

use entente_chassis::call::Call;

use super::{
    App, caller,
    prepare_batch::{Author, Prepared, Submission, prepare},
};
use crate::{
    error::{Error, FieldFault, Refusal, RefusedItem},
    store::{AuditAct, NewBatch, Outcome, RequestKey},
};

/// Items and bytes up to which reading a submission costs less than handing it to another thread.
const INLINE_ITEMS_MAX: usize = 16;
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// A submission to be stored as one.
pub(crate) struct SubmitRequest {
    pub(crate) request: RequestKey,
    pub(crate) submission: Submission,
}

/// What became of an item.
pub(crate) struct ItemAnswer {
    pub(crate) report_id: String,
    pub(crate) version: String,
    pub(crate) unchanged: bool,
}

impl App {
    /// Stores all items or none; the same request again gives the first answer.
    #[tracing::instrument(skip_all, fields(items = request.submission.items.len()))]
    pub(crate) async fn submit_report(
        &self,
        call: &Call,
        request: SubmitRequest,
    ) -> Result<Vec<ItemAnswer>, Error> {
        let submission = Arc::new(request.submission);
        let (author, prepared) = self.prepare(call, submission.clone()).await?;
        if !prepared.refused.is_empty() {
            return Err(Error::Items(prepared.refused));
        }
        let names: Vec<(String, String)> = prepared
            .versions
            .iter()
            .map(|version| (version.report_id.clone(), version.version.text.clone()))
            .collect();
        self.wait_for_index().await?;
        let mut batch = self.new_batch(call, author, &submission, prepared)?;
        batch.all_or_nothing = true;
        batch.request = Some(request.request);
        let outcomes = match self.store.add_batch(batch).await {
            Err(Error::Conflicts(places)) => return Err(Error::Items(conflicts(&places, &names))),
            other => other?,
        };
        self.outbox_wake.notify_one();
        let answer = |((report_id, version), outcome): ((String, String), Outcome)| ItemAnswer {
            report_id,
            version,
            unchanged: outcome == Outcome::Unchanged,
        };
        Ok(names.into_iter().zip(outcomes).map(answer).collect())
    }

    /// Reads a submission: its labels checked, its items parsed, hashed and signed.
    pub(super) async fn prepare(
        &self,
        call: &Call,
        submission: Arc<Submission>,
    ) -> Result<(Author, Prepared), Error> {
        let caller = caller(call)?;
        let lines: BTreeSet<&str> = submission.items.iter().map(|item| submission.line_of(item)).collect();
        let lines = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let checks = self.check_labels(call, &caller, lines, &submission.operation).await?;
        let key = self.keys.of(&caller.organization).await?;
        let author = Author { originator: caller.organization, realm: caller.realm, key };
        let small =
            submission.items.len() <= INLINE_ITEMS_MAX && submission.content_bytes() <= INLINE_BYTES_MAX;
        if small {
            let prepared = prepare(&author, &submission, &checks);
            return Ok((author, prepared));
        }
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = prepare(&author, &submission, &checks);
            (author, prepared)
        });
        prepared.await.map_err(Error::Task)
    }

    /// The batch of what was read.
    pub(super) fn new_batch(
        &self,
        call: &Call,
        author: Author,
        submission: &Submission,
        prepared: Prepared,
    ) -> Result<NewBatch, Error> {
        let mut event = self.audit_event(call, AuditAct::Collection)?;
        event.operation.clone_from(&submission.operation);
        Ok(NewBatch {
            realm: author.realm,
            originator: author.originator,
            submitter: event.subject.clone(),
            severity: submission.severity,
            traceparent: call.traceparent(),
            now_ms: event.occur_time_ms,
            labels: prepared.labels,
            versions: prepared.versions,
            trees: prepared.trees,
            key: author.key,
            all_or_nothing: false,
            request: None,
            event,
        })
    }

    /// Waits while the text index is too far behind: what is accepted must soon be found.
    pub(super) async fn wait_for_index(&self) -> Result<(), Error> {
        let backlog_max = i64::try_from(self.limits.index_backlog_max).unwrap_or(i64::MAX);
        let head = self.store.head();
        let mut indexed = self.store.indexed();
        let near = |indexed: &i64| head.borrow().saturating_sub(*indexed) <= backlog_max;
        indexed.wait_for(near).await.map(|_| ()).map_err(|_| Error::Draining)
    }
}

/// A fault for each item that differs from what is stored.
fn conflicts(places: &[usize], names: &[(String, String)]) -> Vec<RefusedItem> {
    let named = |place: usize| Some((place, names.get(place)?.clone()));
    places.iter().filter_map(|place| named(*place)).map(|(place, name)| conflict(place, name)).collect()
}

/// The refusal of a version that differs from the stored one. Stored by the same organization: nobody else's is told.
pub(super) fn conflict(place: usize, (report_id, version): (String, String)) -> RefusedItem {
    let text = "another content or label is stored under this id and version: submit with a later `modified`";
    let faults = vec![FieldFault::new("", text)];
    RefusedItem { place, report_id, version, refusal: Refusal::VersionConflict, faults }
}
