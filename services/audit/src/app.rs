//! What audit does, one file per act; this one holds what they share.

mod append_records;
mod concern;
mod get_consistency_proof;
mod get_record;
mod get_trace;
mod index_records;
mod install_authority;
mod list_records;
mod log;
mod receive_spans;
mod record_consultation;
mod seal_record;
mod sequencer;
mod tickets;

use std::{sync::Arc, time::UNIX_EPOCH};

use entente_chassis::{call::Call, clock::Clock, lease::EpochLease, token::TokenVerifier};
use entente_ledger::{commitment::Opening, receipt::Receipt};
use entente_persist::PageTokenKey;
use tokio::sync::{Notify, Semaphore, watch};

pub(crate) use self::{
    append_records::RecordReceipt,
    concern::{Facts, Reader},
    get_record::RecordName,
    install_authority::{Authority, Installed},
    list_records::ListRequest,
    record_consultation::Consultation,
};
pub use self::{
    log::{Head, Log, LogConfig, LogKey},
    seal_record::{NewRecord, seal_record},
    sequencer::Sequencer,
};
use crate::{
    config::Limits,
    convert,
    error::Error,
    store::{IndexStore, LogStore, StoredRecord},
};

/// Exports of spans worked on at once; one more is told to drop its spans.
const SPAN_EXPORTS_MAX: usize = 8;

/// The audit service without its wire.
pub(crate) struct App {
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    records: Arc<dyn LogStore>,
    index: Arc<dyn IndexStore>,
    indexed: watch::Sender<u64>,
    index_wanted: Notify,
    tokens: TokenVerifier,
    lease: EpochLease,
    tickets: tickets::Tickets,
    clock: Arc<dyn Clock>,
    page_tokens: PageTokenKey,
    span_exports: Semaphore,
    service_identity: String,
}

/// What the app is made of.
pub(crate) struct Parts {
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) records: Arc<dyn LogStore>,
    pub(crate) index: Arc<dyn IndexStore>,
    pub(crate) tokens: TokenVerifier,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_tokens: PageTokenKey,
    /// SPIFFE id of this workload, written into each record of its own.
    pub(crate) service_identity: String,
}

/// A record for a reader: what may be seen of it, and its place in the log.
pub(crate) struct ProvenRecord {
    pub(crate) record: StoredRecord,
    /// Its sections, as far as the reader may see them.
    pub(crate) opening: Opening,
    pub(crate) proof: RecordReceipt,
}

impl App {
    /// The app over a log, once the index is known not to be ahead of it.
    pub(crate) async fn build(parts: Parts) -> Result<App, Error> {
        let (indexed, log) = (parts.index.indexed().await?, parts.log.head().tree.size);
        if indexed > log {
            return Err(Error::RolledBack { log, indexed });
        }
        Ok(App {
            log: parts.log,
            limits: parts.limits,
            records: parts.records,
            index: parts.index,
            indexed: watch::Sender::new(indexed),
            index_wanted: Notify::new(),
            tokens: parts.tokens,
            lease: EpochLease::new(),
            tickets: tickets::Tickets::new(),
            clock: parts.clock,
            page_tokens: parts.page_tokens,
            span_exports: Semaphore::new(SPAN_EXPORTS_MAX),
            service_identity: parts.service_identity,
        })
    }

    /// Milliseconds since 1970-01-01.
    pub(crate) fn now_ms(&self) -> i64 {
        let since = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Who asks, and under which epoch the answer is made. Refused while no authority holds.
    fn reader(&self, call: &Call) -> Result<(Reader, u64), Error> {
        let claims = call.claims().ok_or(Error::NoSubject)?;
        let epoch = self.lease.current().ok_or(Error::NoLease)?;
        if claims.tctx.epoch < epoch {
            return Err(Error::EarlierEpoch { minted: claims.tctx.epoch, required: epoch });
        }
        let reader = Reader {
            subject: claims.sub.clone(),
            organization: claims.tctx.org.clone(),
            realm: claims.tctx.realm.clone(),
            auditor: claims.allows("audit"),
        };
        Ok((reader, epoch))
    }

    /// INVARIANT: called after the consultation is recorded and before its answer leaves, so that an answer made under
    /// rights that were taken away meanwhile does not leave.
    fn still_at(&self, epoch: u64) -> Result<(), Error> {
        match self.lease.current() {
            Some(current) if current == epoch => Ok(()),
            Some(_) => Err(Error::EpochChanged),
            None => Err(Error::NoLease),
        }
    }

    /// What the reader may see of records, with their proofs in the newest tree. Records that are not there for the
    /// reader are left out.
    async fn proven(&self, reader: &Reader, records: Vec<StoredRecord>) -> Result<Vec<ProvenRecord>, Error> {
        let seen: Vec<_> = records.into_iter().filter_map(|record| see(reader, record)).collect();
        let entries = seen.iter().map(|(record, _, _)| (record.index, record.entry.to_vec())).collect();
        let proofs: Vec<Receipt> = self.log.prove(&self.log.head(), entries).await?;
        let proven = seen.into_iter().zip(proofs).map(|((record, opening, trace_id), receipt)| {
            ProvenRecord { record, opening, proof: RecordReceipt { receipt, trace_id } }
        });
        Ok(proven.collect())
    }
}

/// A record with what its reader may see opened, and its trace.
fn see(reader: &Reader, record: StoredRecord) -> Option<(StoredRecord, Opening, Option<[u8; 16]>)> {
    let facts = convert::record::facts(&record.opening)?;
    let open = concern::open_sections(&facts, reader)?;
    let opening = record.opening.withhold_all_but(&open);
    Some((record, opening, facts.trace_id))
}
