//! Keeps the index up with the log, and lets readers wait for it. The index is made from the log after the append is
//! durable: writing it in the append's transaction would make every append pay for random places on the disk. It is
//! written when the log is quiet, when much is waiting, or when a reader wants it: many rows in the order of the table
//! cost a fraction of the same rows one record at a time.

use entente_chassis::call::Call;
use tokio::time::timeout;

use super::{App, Facts, concern};
use crate::{convert, error::Error, store::StoredRecord};

/// Records indexed in one transaction, and the bytes of them that are held meanwhile.
const INDEXED_AT_ONCE: usize = 4_096;
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;
/// Records that may wait for the index while the log is busy.
const WAITING_MAX: u64 = 4_096;

impl App {
    /// Indexes the next records; true if it may have left some.
    pub(crate) async fn index_records(&self) -> Result<bool, Error> {
        let from = *self.indexed.borrow();
        let records = self.records.scan(from, INDEXED_AT_ONCE, BYTES_AT_ONCE).await?;
        let Some(last) = records.last() else { return Ok(false) };
        let indexed = last.index.saturating_add(1);
        self.index
            .add(records.iter().map(|record| concern::index(record.index, &facts(record))).collect(), indexed)
            .await?;
        self.indexed.send_replace(indexed);
        Ok(indexed < self.log.head().tree.size)
    }

    /// Whether so much waits for the index that the log's being busy is no reason to wait longer.
    pub(crate) fn index_is_behind(&self) -> bool {
        self.log.head().tree.size.saturating_sub(*self.indexed.borrow()) >= WAITING_MAX
    }

    /// Completes when a reader waits for the index.
    pub(crate) async fn index_wanted(&self) {
        self.index_wanted.notified().await;
    }

    /// Waits until the first `size` records can be found, so that a reader finds what was recorded before it asked.
    pub(super) async fn until_indexed(&self, call: &Call, size: u64) -> Result<(), Error> {
        let mut indexed = self.indexed.subscribe();
        if *indexed.borrow() < size {
            self.index_wanted.notify_one();
        }
        let waited = timeout(call.time_left() / 2, indexed.wait_for(|indexed| *indexed >= size)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(Error::IndexBehind),
        }
    }
}

/// A record that does not decode is found by nobody; it does not hold up those behind it.
fn facts(record: &StoredRecord) -> Facts {
    convert::record::facts(&record.opening).unwrap_or_else(|| {
        tracing::error!(entry_index = record.index, "a stored record does not decode");
        Facts::default()
    })
}
