//! The spans of an audited trace, for those who may read a record of that trace.

use std::collections::BTreeSet;

use entente_chassis::call::Call;

use super::{App, Consultation, Reader, RecordReceipt};
use crate::{
    error::Error,
    store::{Search, SpanRow, Term},
};

/// Spans of one answer.
const SPANS_MAX: usize = 1_000;
/// Log indices of one answer.
const INDICES_MAX: usize = 1_000;
/// Where a person called from. It is part of no section of a record, so it is in no answer about one: auditors of other
/// organizations, from whom `who` is withheld, would read it here.
const ADDRESS: &str = "network.peer.address";

/// A trace for a reader.
pub(crate) struct Trace {
    /// By start.
    pub(crate) spans: Vec<SpanRow>,
    /// Whether there are more spans.
    pub(crate) truncated: bool,
    /// Records of this trace that the reader may read.
    pub(crate) entry_indices: Vec<u64>,
    pub(crate) receipt: RecordReceipt,
}

impl App {
    /// The trace. One of which the caller may read no record is absent.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn get_trace(
        &self,
        call: &Call,
        trace_id: [u8; 16],
        query_sha256: [u8; 32],
    ) -> Result<Trace, Error> {
        let (reader, epoch) = self.reader(call)?;
        let size = self.log.head().tree.size;
        self.until_indexed(call, size).await?;
        let entry_indices = self.records_of_trace(&reader, trace_id, size).await?;
        if entry_indices.is_empty() {
            return Err(Error::NotFound);
        }
        let mut spans = self.index.spans(trace_id, SPANS_MAX.saturating_add(1)).await?;
        let truncated = spans.len() > SPANS_MAX;
        spans.truncate(SPANS_MAX);
        for span in &mut spans {
            span.attributes.remove(ADDRESS);
        }
        let consultation = Consultation::of_trace(trace_id, spans.len(), query_sha256);
        let receipt = self.record_consultation(call, epoch, consultation).await?;
        self.still_at(epoch)?;
        Ok(Trace { spans, truncated, entry_indices, receipt })
    }

    async fn records_of_trace(
        &self,
        reader: &Reader,
        trace_id: [u8; 16],
        until: u64,
    ) -> Result<Vec<u64>, Error> {
        let search = |name: String| {
            let terms = vec![Term::Trace(trace_id)];
            self.index.find(Search { reader: name, terms, from: 0, until, limit: INDICES_MAX })
        };
        let mut found: BTreeSet<u64> = search(reader.as_subject()).await?.into_iter().collect();
        if reader.auditor {
            found.extend(search(reader.as_auditor()).await?);
        }
        Ok(found.into_iter().take(INDICES_MAX).collect())
    }
}
