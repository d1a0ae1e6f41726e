//! Every read takes this way: decide at the epoch in force, query by the labels allowed, record durably, look whether
//! the epoch is still the same, and only then answer.

use std::{sync::Arc, time::Duration};

use entente_chassis::call::Call;
use entente_domain::{day::Day, decision::date_obligations};

use super::{App, Caller, caller, decide_labels::Verdict, page_cursor::Cursor};
use crate::{
    error::Error,
    peers::AuditReceipt,
    store::{Query, StoredReport},
};

/// How often a read is done again because rights changed meanwhile.
const ATTEMPTS_MAX: usize = 8;
/// Longest wait for the lease to reach the epoch that access decided at.
const LEASE_LAG_MAX: Duration = Duration::from_millis(500);

/// What a read is to find.
pub(super) enum Lookup {
    Get(super::GetRequest),
    List(super::ListRequest),
    Search(super::SearchRequest),
}

/// What a read found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) reports: Vec<StoredReport>,
    /// Set if there is more behind the last report.
    pub(super) more: bool,
    pub(super) upto: i64,
    pub(super) count: Option<u64>,
}

/// A report as it may leave.
pub(crate) struct ReadableReport {
    pub(crate) report: StoredReport,
    /// Duties of the reader, those from dates included.
    pub(crate) obligations: Vec<String>,
}

/// An answer that may leave: recorded, and still allowed.
pub(crate) struct Disclosed {
    pub(crate) reports: Vec<ReadableReport>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
    pub(crate) count: Option<u64>,
    pub(crate) receipt: AuditReceipt,
}

impl App {
    /// Reads, records and only then answers.
    pub(super) async fn read_reports(&self, call: &Call, lookup: &Lookup) -> Result<Disclosed, Error> {
        let reader = caller(call)?;
        let query_sha256 = lookup.sha256()?;
        for _ in 0..ATTEMPTS_MAX {
            // Listening starts before anything is decided, so that no change falls in between.
            let changed = self.lease.changed();
            let verdict = match self.decide(call, &reader).await {
                Err(Error::EpochChanged) => continue,
                other => other?,
            };
            if self.lease.current() != Some(verdict.epoch) {
                // Access is ahead of what it has pushed here.
                let _ = tokio::time::timeout(LEASE_LAG_MAX, changed).await;
                continue;
            }
            let found = self.find(call, (&reader, &verdict), (lookup, &query_sha256)).await?;
            // INVARIANT (I1): nothing leaves before its record is durable.
            let (found, receipt) =
                self.record_read(call, (&reader, &verdict), (lookup, &query_sha256), found).await?;
            // INVARIANT (I3): rights that changed while it was recorded let nothing leave; the read is done again.
            if self.lease.current() == Some(verdict.epoch) {
                return self.disclose((&reader, &verdict), (lookup, &query_sha256), found, receipt);
            }
        }
        Err(Error::EpochChanged)
    }

    async fn find(
        &self,
        call: &Call,
        (reader, verdict): (&Caller, &Verdict),
        (lookup, query_sha256): (&Lookup, &[u8]),
    ) -> Result<Found, Error> {
        match lookup {
            Lookup::Get(request) => self.find_report(reader, verdict, request).await,
            Lookup::List(request) => {
                let cursor = self.open_cursor((reader, verdict), query_sha256, &request.page_token)?;
                self.find_page((reader, verdict), request, cursor).await
            }
            Lookup::Search(request) => {
                let cursor = self.open_cursor((reader, verdict), query_sha256, &request.page_token)?;
                self.wait_until_indexed(call, cursor.upto).await?;
                self.find_matches((reader, verdict), request, cursor).await
            }
        }
    }

    fn disclose(
        &self,
        (reader, verdict): (&Caller, &Verdict),
        (lookup, query_sha256): (&Lookup, &[u8]),
        found: Found,
        receipt: AuditReceipt,
    ) -> Result<Disclosed, Error> {
        if let (Lookup::Get(request), true) = (lookup, found.reports.is_empty()) {
            return Err(Error::NotFound(request.report_id.clone()));
        }
        let last = found.reports.last().map(|report| report.position).filter(|_| found.more);
        let next_page_token =
            last.map(|last| self.seal_cursor((reader, verdict), query_sha256, (last, found.upto)));
        let readable =
            |report: StoredReport| ReadableReport { obligations: obligations(verdict, &report), report };
        Ok(Disclosed {
            reports: found.reports.into_iter().map(readable).collect(),
            next_page_token: next_page_token.unwrap_or_default(),
            count: found.count,
            receipt,
        })
    }
}

/// A query of the reader, still without filter.
pub(super) fn query_of((reader, verdict): (&Caller, &Verdict), cursor: Cursor) -> Query {
    Query {
        realm: reader.realm.clone(),
        allowed: Arc::clone(&verdict.allowed),
        day: verdict.day,
        filter: crate::store::Filter::default(),
        upto: cursor.upto,
        after: cursor.after,
        newest_first: true,
        among: None,
    }
}

fn obligations(verdict: &Verdict, report: &StoredReport) -> Vec<String> {
    let day = |days: Option<i32>| days.map(Day::from_unix_days);
    let label = &report.label;
    let dated =
        date_obligations(day(label.not_after), day(label.review_by), Day::from_unix_days(verdict.day));
    let mut obligations = verdict.duties(label.label_no).to_vec();
    obligations.extend(dated.map(|obligation| obligation.to_string()));
    obligations.sort_unstable();
    obligations.dedup();
    obligations
}
