//! What intake does, one file per act; this one holds what they share.

mod batch_get_originator_keys;
mod bulk_places;
mod check_labels;
mod decide_labels;
mod get_report;
mod index_texts;
mod list_reports;
mod originator_keys;
mod page_cursor;
mod prepare_batch;
mod read_reports;
mod record_read;
mod search_reports;
mod submit_report;
mod submit_reports;
mod tail_journal;

use std::sync::Arc;

use entente_chassis::{call::Call, clock::Clock, lease::EpochLease};
use entente_persist::PageTokenKey;
use tokio::sync::{Notify, Semaphore, watch};

pub(crate) use bulk_places::BulkPlace;
pub(crate) use get_report::GetRequest;
pub(crate) use list_reports::ListRequest;
pub(crate) use originator_keys::OriginatorKeys;
pub(crate) use prepare_batch::{Item, ItemBody, Submission};
pub(crate) use read_reports::{Disclosed, ReadableReport};
pub(crate) use search_reports::SearchRequest;
pub(crate) use submit_report::{ItemAnswer, SubmitRequest};
pub(crate) use submit_reports::{BatchAnswer, PreparedBatch};
pub(crate) use tail_journal::Tail;

use crate::{
    config::Limits,
    error::Error,
    peers::{Access, Audit},
    store::{AuditAct, AuditEvent, AuditItems, Store},
};

/// The intake service without its wire.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: EpochLease,
    pub(crate) limits: Limits,
    page_tokens: PageTokenKey,
    keys: OriginatorKeys,
    labels: check_labels::Cache,
    decisions: decide_labels::Cache,
    /// Permits of bulk content being worked on, one per KiB.
    bulk_room: Arc<Semaphore>,
    bulk_places: bulk_places::BulkPlaces,
    outbox_wake: Arc<Notify>,
    /// Highest position that a search waits for in the text index.
    searched_upto: watch::Sender<i64>,
}

/// What the app is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: EpochLease,
    pub(crate) limits: Limits,
    pub(crate) page_tokens: PageTokenKey,
    pub(crate) keys: OriginatorKeys,
    pub(crate) outbox_wake: Arc<Notify>,
}

impl App {
    pub(crate) fn build(parts: Parts) -> App {
        App {
            store: parts.store,
            access: parts.access,
            audit: parts.audit,
            clock: parts.clock,
            lease: parts.lease,
            page_tokens: parts.page_tokens,
            keys: parts.keys,
            labels: check_labels::Cache::new(parts.limits.decision_cache_max),
            decisions: decide_labels::Cache::new(parts.limits.decision_cache_max),
            bulk_room: Arc::new(Semaphore::new(submit_reports::permits(parts.limits.bulk_bytes_max))),
            bulk_places: bulk_places::BulkPlaces::new(&parts.limits),
            limits: parts.limits,
            outbox_wake: parts.outbox_wake,
            searched_upto: watch::Sender::new(0),
        }
    }

    /// Milliseconds since 1970-01-01.
    pub(crate) fn now_ms(&self) -> i64 {
        let since = self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The record of an act of the caller, without what it was done to.
    fn audit_event(&self, call: &Call, act: AuditAct) -> Result<AuditEvent, Error> {
        let caller = caller(call)?;
        Ok(AuditEvent {
            record_id: *uuid::Uuid::now_v7().as_bytes(),
            act,
            subject: caller.subject_id,
            organization: caller.organization,
            transaction_id: call.claims().map(|claims| claims.txn.clone()).unwrap_or_default(),
            certificate_sha256: call.peer().certificate_sha256.to_vec(),
            aal: caller.aal,
            purpose: caller.purpose,
            realm: caller.realm,
            operation: String::new(),
            items: AuditItems::Listed(Vec::new()),
            query_sha256: Vec::new(),
            payload_sha256: Vec::new(),
            payload_bytes: 0,
            epoch: self.lease.epoch(),
            profile_id: Vec::new(),
            obligations: Vec::new(),
            trace_id: call.trace_id(),
            span_id: call.span_id(),
            rpc_method: call.method().to_owned(),
            occur_time_ms: self.now_ms(),
        })
    }
}

/// The subject of a call, as its token says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// "<organization>/<name>".
    pub(crate) subject_id: String,
    pub(crate) organization: String,
    pub(crate) purpose: String,
    pub(crate) realm: String,
    pub(crate) aal: u8,
}

fn caller(call: &Call) -> Result<Caller, Error> {
    let claims = call.claims().ok_or(Error::NoSubject)?;
    Ok(Caller {
        subject_id: claims.sub.clone(),
        organization: claims.tctx.org.clone(),
        purpose: claims.tctx.purpose.clone(),
        realm: claims.tctx.realm.clone(),
        aal: claims.tctx.aal,
    })
}
