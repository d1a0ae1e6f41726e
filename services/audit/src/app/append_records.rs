//! Appends the records of another service: sealed here, durable before the answer.

use entente_ledger::receipt::Receipt;

use super::{App, NewRecord, seal_record};
use crate::error::Error;

/// Records sealed before other tasks get their turn.
const SEALED_AT_ONCE: usize = 64;

/// The receipt of a record, with the trace it belongs to.
pub(crate) struct RecordReceipt {
    pub(crate) receipt: Receipt,
    pub(crate) trace_id: Option<[u8; 16]>,
}

impl App {
    /// Appends records, all or nothing; a receipt for each, in order.
    pub(crate) async fn append_records(&self, records: Vec<NewRecord>) -> Result<Vec<RecordReceipt>, Error> {
        let shard_epoch = self.log.name().shard_epoch;
        let traces: Vec<_> = records.iter().map(|record| record.trace_id).collect();
        let mut sealed = Vec::with_capacity(records.len());
        for record in records {
            sealed.push(seal_record(record, shard_epoch)?);
            if sealed.len() % SEALED_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        let receipts = self.log.append(sealed).await?;
        Ok(receipts
            .into_iter()
            .zip(traces)
            .map(|(receipt, trace_id)| RecordReceipt { receipt, trace_id })
            .collect())
    }
}
