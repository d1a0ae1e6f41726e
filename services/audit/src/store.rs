//! What audit keeps, in its own words: the log, and what can be found.
//!
//! Two stores, because their promises differ. The log is durable at each commit and only grows. The index (search terms
//! and spans) is made from the log, or is best effort; it has a file and a writing thread of its own, so that it never
//! stands in the way of an append.

pub mod sections;
pub mod sqlite;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use entente_ledger::{
    commitment::{ENTRY_BYTES, Opening},
    hash::Hash,
    tile::TileId,
    tree::{Appended, Frontier},
};

use crate::error::Error;

/// A record ready to be appended: committed to, salts and bodies beside it.
#[derive(Debug, Clone)]
pub struct SealedRecord {
    /// Id given by the service that wrote it.
    pub record_id: [u8; 16],
    /// The log entry.
    pub entry: [u8; ENTRY_BYTES],
    /// Its leaf hash.
    pub leaf: Hash,
    /// Salts and bodies, as [`sections`] writes them.
    pub sections: Vec<u8>,
}

/// A record of the log.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Its place.
    pub index: u64,
    /// Id given by the service that wrote it.
    pub record_id: [u8; 16],
    /// When the log committed it, milliseconds since 1970; never less than that of an earlier entry.
    pub append_time_ms: i64,
    /// The log entry.
    pub entry: [u8; ENTRY_BYTES],
    /// Salts and bodies.
    pub opening: Opening,
}

/// Which log a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    /// First line of its checkpoints.
    pub origin: String,
    /// C2SP verifier key.
    pub verifier_key: String,
    /// Counts the log's re-openings.
    pub shard_epoch: u16,
}

/// A log as found in the store.
#[derive(Debug, Clone)]
pub struct StoredLog {
    /// Which log.
    pub name: LogName,
    /// Root in its head.
    pub root: Hash,
    /// Number of records in the store.
    pub records: u64,
    /// Time of its newest entry; 0 when empty.
    pub newest_time_ms: i64,
    /// The right edge, computed from tiles and records.
    pub frontier: Frontier,
    /// The partial tiles of that edge.
    pub edge: Edge,
}

/// The partial tiles at the right edge of a tree, by level and index.
pub type Edge = BTreeMap<(u8, u64), Arc<[Hash]>>;

/// A tree to make proofs in.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Number of leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Its partial tiles; the full ones are in the store.
    pub edge: Edge,
}

impl Tree {
    /// The tile as this tree has it, if it is one of the partial ones.
    pub(crate) fn edge_tile(&self, id: TileId) -> Option<Arc<[Hash]>> {
        self.edge.get(&(id.level(), id.index())).cloned()
    }
}

/// Records to be appended as one.
pub struct Batch {
    /// The records, in order.
    pub records: Vec<SealedRecord>,
    /// The tree they are appended to.
    pub frontier: Arc<Frontier>,
    /// Time of the batch.
    pub append_time_ms: i64,
}

/// A batch that is durable.
pub struct Committed {
    /// Where each record of the batch is, in order.
    pub places: Vec<Place>,
    /// The tree with them.
    pub appended: Appended,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its index.
    pub index: u64,
    /// Its entry: of the first record with this id, if there was one before.
    pub entry: [u8; ENTRY_BYTES],
    /// Whether this batch added it.
    pub added: bool,
}

/// The log. What it has answered is durable.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Which log is stored; `None` in a new store.
    async fn name(&self) -> Result<Option<LogName>, Error>;
    /// Makes a new log, empty.
    async fn create(&self, name: LogName) -> Result<(), Error>;
    /// The stored log, its edge computed from the stored tiles and records.
    async fn open(&self) -> Result<StoredLog, Error>;
    /// Appends a batch, all or nothing. A record whose id is known keeps its first place.
    async fn append(&self, batch: Batch) -> Result<Committed, Error>;
    /// The records at these indices, in this order.
    async fn records(&self, indices: Vec<u64>) -> Result<Vec<StoredRecord>, Error>;
    /// The record of an id.
    async fn record_by_id(&self, record_id: [u8; 16]) -> Result<Option<StoredRecord>, Error>;
    /// Records from an index on: at most so many, and no more once they hold so many bytes.
    async fn scan(&self, from: u64, records_max: usize, bytes_max: usize)
    -> Result<Vec<StoredRecord>, Error>;
    /// First index below `size` appended at or after a time; `size` if there is none.
    async fn first_at(&self, time_ms: i64, size: u64) -> Result<u64, Error>;
    /// Inclusion paths of entries in a tree of this log.
    async fn inclusion(&self, tree: Arc<Tree>, indices: Vec<u64>) -> Result<Vec<Vec<Hash>>, Error>;
    /// The proof that an earlier size was this log's tree once.
    async fn consistency(&self, tree: Arc<Tree>, old_size: u64) -> Result<Vec<Hash>, Error>;
}

/// By what a record can be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// Everything of the reader.
    Any,
    /// An item's object id.
    Object(String),
    /// The acting subject, or a recipient.
    Subject(String),
    /// The trace.
    Trace([u8; 16]),
}

/// A record in the index: the terms under which each reader finds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexedRecord {
    /// Its place in the log.
    pub index: u64,
    /// Reader and term.
    pub terms: Vec<(Arc<str>, Term)>,
    /// Its trace, whose spans are kept.
    pub trace_id: Option<[u8; 16]>,
}

/// A search among the records of one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Whose records.
    pub reader: String,
    /// All of these hold; the first is looked up, so it is the rarest. Never empty.
    pub terms: Vec<Term>,
    /// First index.
    pub from: u64,
    /// Index behind the last.
    pub until: u64,
    /// At most this many.
    pub limit: usize,
}

/// A span of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanRow {
    /// Trace.
    pub trace_id: [u8; 16],
    /// Span.
    pub span_id: [u8; 8],
    /// Span that caused it; `None` for the root.
    pub parent_span_id: Option<[u8; 8]>,
    /// Name.
    pub name: String,
    /// Service that made it.
    pub service_name: String,
    /// Start, nanoseconds since 1970.
    pub start_ns: i64,
    /// End, nanoseconds since 1970.
    pub end_ns: i64,
    /// Whether it ended in an error of the server.
    pub error: bool,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
}

/// Which spans are kept that belong to no audited trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanBounds {
    /// Those received at or after this time, milliseconds since 1970 ...
    pub received_from_ms: i64,
    /// ... and at most this many of the newest, audited ones counted in.
    pub newest_max: u64,
}

/// What can be found. Best effort: after a loss of power it may be behind, never ahead.
#[async_trait]
pub trait IndexStore: Send + Sync {
    /// Number of records indexed.
    async fn indexed(&self) -> Result<u64, Error>;
    /// Adds records that follow those indexed.
    async fn add(&self, records: Vec<IndexedRecord>, indexed: u64) -> Result<(), Error>;
    /// Indices of the records found, ascending.
    async fn find(&self, search: Search) -> Result<Vec<u64>, Error>;
    /// Adds spans; one that is there stays as it is.
    async fn add_spans(&self, spans: Vec<SpanRow>, receive_time_ms: i64) -> Result<(), Error>;
    /// Spans of a trace by start, at most `limit`.
    async fn spans(&self, trace_id: [u8; 16], limit: usize) -> Result<Vec<SpanRow>, Error>;
    /// Looks at the oldest spans not looked at yet and removes those out of bounds, some thousands at a time. True if there
    /// is more to look at.
    async fn prune_spans(&self, bounds: SpanBounds) -> Result<bool, Error>;
}
