//! A log on a folder, without the service around it.

use std::{path::Path, sync::Arc};

use entente_audit::{
    Error, Log, LogConfig, LogKey, NewRecord, seal_record,
    store::{
        LogStore, SealedRecord,
        sections::{SECTIONS, Unsalted},
        sqlite::SqliteLog,
    },
};
use entente_chassis::clock::{Clock, SystemClock};
use entente_ledger::{
    note::VerifyingKey,
    receipt::{Receipt, VerifiedReceipt},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Origin of every log here.
pub(crate) const ORIGIN: &str = "audit.entente.test/ops/2026";

/// An open log whose sequencer runs.
pub(crate) struct OpenLog {
    pub(crate) log: Log,
    pub(crate) store: Arc<SqliteLog>,
    cancellation: CancellationToken,
    sequencer: JoinHandle<()>,
}

impl OpenLog {
    /// Opens or makes the log of a folder.
    pub(crate) async fn open(folder: &Path) -> Result<OpenLog, Error> {
        OpenLog::open_as(folder, ORIGIN, Arc::new(SystemClock)).await
    }

    /// The same under any origin and clock.
    pub(crate) async fn open_as(
        folder: &Path,
        origin: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<OpenLog, Error> {
        let store = Arc::new(SqliteLog::open(folder)?);
        let key = LogKey::load_or_create(&folder.join("log.key"))?;
        let config = LogConfig { origin: origin.to_owned(), bytes_in_flight_max: 64 * 1024 * 1024 };
        let (log, sequencer) = Log::open(config, store.clone(), &key, clock).await?;
        let cancellation = CancellationToken::new();
        let sequencer = tokio::spawn(sequencer.run(cancellation.clone()));
        Ok(OpenLog { log, store, cancellation, sequencer })
    }

    /// Ends the sequencer and closes the file.
    pub(crate) async fn close(self) {
        self.cancellation.cancel();
        self.sequencer.await.unwrap();
    }

    /// Appends one record.
    pub(crate) async fn append_one(&self, number: u64) -> Receipt {
        self.log.append(vec![record(number)]).await.unwrap().remove(0)
    }

    /// The key that verifies it.
    pub(crate) fn key(&self) -> VerifyingKey {
        VerifyingKey::parse(&self.log.name().verifier_key).unwrap()
    }

    /// Checks a receipt.
    pub(crate) fn verified(&self, receipt: &Receipt) -> VerifiedReceipt {
        receipt.verify(&self.key()).unwrap()
    }

    /// Checks that the stored record is the one its entry commits to, and gives its number.
    pub(crate) async fn stored_number(&self, receipt: &Receipt) -> u64 {
        let stored = self.store.records(vec![receipt.index]).await.unwrap().remove(0);
        assert_eq!(stored.entry.as_slice(), receipt.entry);
        stored.opening.verify(&self.verified(receipt).entry).unwrap();
        u128::from_be_bytes(stored.record_id).try_into().unwrap()
    }
}

/// A record that can be told by its number.
pub(crate) fn record(number: u64) -> SealedRecord {
    let mut sections = Unsalted::with_room(64);
    (0..SECTIONS).for_each(|_| sections.push(|body| body.extend_from_slice(&number.to_be_bytes())));
    let record_id = u128::from(number).to_be_bytes();
    seal_record(NewRecord { record_id, trace_id: None, sections }, 0).unwrap()
}
