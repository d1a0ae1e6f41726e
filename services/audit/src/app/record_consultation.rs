//! Records that the log itself was consulted, before the answer leaves. (I1 holds for the log, too.)

use aws_lc_rs::digest::{Context, SHA256};
use entente_chassis::call::Call;
use uuid::Uuid;

use super::{App, ProvenRecord, RecordReceipt};
use crate::{convert, error::Error};

/// What was consulted.
pub(crate) struct Consultation {
    /// Names of what was read: record ids, or a trace.
    pub(crate) objects: Vec<String>,
    /// Records, or spans, in the answer.
    pub(crate) item_count: usize,
    /// SHA-256 of the query.
    pub(crate) query_sha256: [u8; 32],
    /// SHA-256 over the entries in the answer, in order.
    pub(crate) payload_sha256: Option<[u8; 32]>,
    /// Why, in words; empty where the RPC does not ask.
    pub(crate) justification: String,
}

impl Consultation {
    /// Records were read.
    pub(crate) fn of_records(records: &[ProvenRecord], query_sha256: [u8; 32], justification: &str) -> Self {
        let mut entries = Context::new(&SHA256);
        records.iter().for_each(|record| entries.update(&record.record.entry));
        Consultation {
            objects: records
                .iter()
                .map(|record| Uuid::from_bytes(record.record.record_id).to_string())
                .collect(),
            item_count: records.len(),
            query_sha256,
            payload_sha256: entries.finish().as_ref().try_into().ok(),
            justification: justification.to_owned(),
        }
    }

    /// A trace was read.
    pub(crate) fn of_trace(trace_id: [u8; 16], spans: usize, query_sha256: [u8; 32]) -> Self {
        Consultation {
            objects: vec![format!("trace:{:032x}", u128::from_be_bytes(trace_id))],
            item_count: spans,
            query_sha256,
            payload_sha256: None,
            justification: String::new(),
        }
    }
}

impl App {
    /// Appends the record of a consultation and gives its receipt.
    pub(super) async fn record_consultation(
        &self,
        call: &Call,
        epoch: u64,
        consultation: Consultation,
    ) -> Result<RecordReceipt, Error> {
        let record_id = Uuid::now_v7().into_bytes();
        let by = convert::record::Consulted {
            record_id,
            service_identity: &self.service_identity,
            epoch,
            time_ms: self.now_ms(),
        };
        let record = convert::record::of_consultation(call, &by, consultation).ok_or(Error::NoSubject)?;
        let receipts = self.append_records(vec![record]).await?;
        receipts.into_iter().next().ok_or(Error::Stopping)
    }
}
