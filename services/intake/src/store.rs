//! What intake keeps, in its own words: versions under their labels in journal order, the answers of submissions, the
//! text index, and the outbox to audit.

pub(crate) mod signature;
pub(crate) mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use entente_ledger::hash::Hash;
use entente_stix::timestamp::StixTimestamp;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::Error;
use signature::{LabelledLeaf, OriginatorKey, SignedTree};

/// A label by its canonical line and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LabelReference {
    pub(crate) line: String,
    pub(crate) hash: [u8; 32],
}

/// A label line taken apart as far as the store and its queries need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedLabel {
    /// The whole label.
    pub(crate) dated: LabelReference,
    /// The label without dates: what is interned and decided once.
    pub(crate) timeless: LabelReference,
    /// First day (days since 1970-01-01, UTC) it may be read.
    pub(crate) not_before: Option<i32>,
    /// First day it may no longer be read.
    pub(crate) not_after: Option<i32>,
    /// Day its label must have been reviewed.
    pub(crate) review_by: Option<i32>,
    /// "REAL" or "EXERCISE:<name>".
    pub(crate) realm: String,
    /// Operation paths it names.
    pub(crate) operations: Vec<String>,
    /// True if it names persons, so that profiles do not decide it.
    pub(crate) names_persons: bool,
}

/// A label as used by a submission: with the operation its versions belong to.
#[derive(Debug, Clone)]
pub(crate) struct LabelUse {
    pub(crate) label: Arc<ResolvedLabel>,
    /// Operation path; empty for none.
    pub(crate) operation: String,
}

/// What tells versions of a report apart, and orders them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Exactly as received; empty for a report without versions.
    pub(crate) text: String,
    seconds: i64,
    nanos: i64,
}

impl Version {
    /// Of a report that has no versions. Sorts before 1970, and before every version within a second of it.
    pub(crate) fn none() -> Version {
        Version { text: String::new(), seconds: 0, nanos: -1 }
    }

    /// Of a report whose version is a time; two spellings of one instant are one version.
    pub(crate) fn at(time: &StixTimestamp) -> Version {
        let (seconds, nanos) = time.unix_seconds_and_nanos();
        Version { text: time.as_str().to_owned(), seconds, nanos: i64::from(nanos) }
    }
}

/// A version about to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) report_id: String,
    /// [`report_key`] of realm and id.
    pub(crate) report_key: i64,
    pub(crate) version: Version,
    pub(crate) report_type: String,
    /// Title of free text; empty for STIX.
    pub(crate) title: String,
    /// Place of its label in the batch's labels.
    pub(crate) label: usize,
    pub(crate) content: Bytes,
    /// Hash of its statement: equal for the same content under the same label.
    pub(crate) leaf: Hash,
}

impl NewVersion {
    pub(crate) fn labelled_leaf(&self) -> LabelledLeaf {
        LabelledLeaf { label: self.label, leaf: self.leaf }
    }
}

/// 64 bits that stand for a report of a realm in the index.
pub(crate) fn report_key(realm: &str, report_id: &str) -> i64 {
    let mut digest = Context::new(&SHA256);
    digest.update(realm.as_bytes());
    digest.update(b"\n");
    digest.update(report_id.as_bytes());
    let digest = digest.finish();
    let first = digest.as_ref().first_chunk::<8>().copied();
    i64::from_be_bytes(first.unwrap_or_default())
}

/// Versions about to be stored as one.
pub(crate) struct NewBatch {
    pub(crate) realm: String,
    pub(crate) originator: String,
    /// "<organization>/<name>".
    pub(crate) submitter: String,
    pub(crate) severity: i32,
    pub(crate) traceparent: String,
    pub(crate) now_ms: i64,
    pub(crate) labels: Vec<LabelUse>,
    pub(crate) versions: Vec<NewVersion>,
    /// Signatures over the leaves of all versions; used when all turn out to be new.
    pub(crate) trees: Vec<SignedTree>,
    /// Signs the accepted ones alone, when others of the batch are stored already.
    pub(crate) key: Arc<OriginatorKey>,
    /// True if one conflict refuses all.
    pub(crate) all_or_nothing: bool,
    /// Present if the answer is to be remembered.
    pub(crate) request: Option<RequestKey>,
    /// What is recorded; its items become the accepted versions.
    pub(crate) event: AuditEvent,
}

/// A request whose first answer is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestKey {
    pub(crate) request_id: [u8; 16],
    /// SHA-256 of the request, to tell a repetition from another request.
    pub(crate) request_sha256: [u8; 32],
}

/// What became of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Stored.
    Accepted,
    /// Stored before, unchanged.
    Unchanged,
    /// Another body or label is stored under the same id and version.
    Conflict,
}

/// An interned label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InternedLabel {
    pub(crate) label_no: u32,
    pub(crate) label: LabelReference,
}

/// What reports to find, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) realm: String,
    /// Numbers of the labels the reader may see.
    pub(crate) allowed: Arc<RoaringBitmap>,
    /// The day (days since 1970-01-01, UTC) dates are compared with.
    pub(crate) day: i32,
    pub(crate) filter: Filter,
    /// Highest position looked at: what is added later belongs to later lists.
    pub(crate) upto: i64,
    /// Only behind this position, in the direction of the list.
    pub(crate) after: Option<i64>,
    pub(crate) newest_first: bool,
    /// Only these positions, in the direction of the list; what the text index found.
    pub(crate) among: Option<Vec<i64>>,
}

/// What a caller narrows a list by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Filter {
    /// Any of these; empty for any type.
    pub(crate) types: Vec<String>,
    /// Any of these; empty for any id.
    pub(crate) report_ids: Vec<String>,
    pub(crate) originator: Option<String>,
    /// This path or below.
    pub(crate) operation: Option<String>,
    /// This very version; with one report id.
    pub(crate) version: Option<String>,
    pub(crate) added_from_ms: Option<i64>,
    pub(crate) added_until_ms: Option<i64>,
    /// False for the newest visible version of each report alone.
    pub(crate) all_versions: bool,
}

/// How much of what is found to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) reports_max: usize,
    /// Of content, and of what surrounds it.
    pub(crate) bytes_max: usize,
    /// True if the first report comes however large it is.
    pub(crate) at_least_one: bool,
    pub(crate) with_content: bool,
}

/// Reports found, and whether there are more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) reports: Vec<StoredReport>,
    pub(crate) more: bool,
}

/// A label as submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatedLabel {
    pub(crate) label_no: u32,
    pub(crate) label: LabelReference,
    pub(crate) not_before: Option<i32>,
    pub(crate) not_after: Option<i32>,
    pub(crate) review_by: Option<i32>,
}

/// One stored version.
#[derive(Debug, Clone)]
pub(crate) struct StoredReport {
    pub(crate) position: i64,
    pub(crate) report_id: String,
    pub(crate) version: String,
    pub(crate) report_type: Arc<str>,
    pub(crate) originator: Arc<str>,
    pub(crate) operation: Arc<str>,
    pub(crate) label: Arc<DatedLabel>,
    pub(crate) add_time_ms: i64,
    pub(crate) title: String,
    pub(crate) severity: i32,
    /// Empty when only metadata was asked for.
    pub(crate) content: Bytes,
    /// Read together with the content.
    pub(crate) signature: Option<StoredSignature>,
}

impl StoredReport {
    /// About what it takes on the wire: pages and pieces are bounded by this, because what surrounds a small object can
    /// be larger than it.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [self.report_id.len(), self.version.len(), self.title.len(), self.label.label.line.len()];
        texts.into_iter().fold(self.content.len().saturating_add(SURROUNDING_BYTES), usize::saturating_add)
    }
}

/// Signature, path, hashes, numbers and names of a report on the wire.
const SURROUNDING_BYTES: usize = 512;

/// The originator's signature over a version, with its place in the signed tree.
#[derive(Debug, Clone)]
pub(crate) struct StoredSignature {
    pub(crate) key_id: Arc<str>,
    pub(crate) ed25519: Bytes,
    pub(crate) leaf_index: u64,
    pub(crate) leaf_count: u64,
    pub(crate) path: Vec<Hash>,
}

/// A public key that signs for an originator, or once did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) originator: String,
    pub(crate) ed25519: [u8; 32],
}

/// One version of the journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalVersion {
    pub(crate) report: StoredReport,
    pub(crate) realm: Arc<str>,
    pub(crate) timeless: Arc<LabelReference>,
    pub(crate) traceparent: Arc<str>,
    pub(crate) submitter: Arc<str>,
}

/// A term of a text search. All terms must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum TextTerm {
    /// Words one behind the other.
    Phrase(String),
    /// A word that starts so.
    Prefix(String),
}

/// Something to be recorded by audit, in this service's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditEvent {
    pub(crate) record_id: [u8; 16],
    pub(crate) act: AuditAct,
    pub(crate) subject: String,
    pub(crate) organization: String,
    pub(crate) transaction_id: String,
    pub(crate) certificate_sha256: Vec<u8>,
    pub(crate) aal: u8,
    pub(crate) purpose: String,
    pub(crate) realm: String,
    pub(crate) operation: String,
    pub(crate) items: AuditItems,
    pub(crate) query_sha256: Vec<u8>,
    pub(crate) payload_sha256: Vec<u8>,
    pub(crate) payload_bytes: u64,
    pub(crate) epoch: u64,
    pub(crate) profile_id: Vec<u8>,
    pub(crate) obligations: Vec<String>,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) rpc_method: String,
    pub(crate) occur_time_ms: i64,
}

/// What kind of act is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuditAct {
    /// Versions were accepted.
    Collection,
    /// Reports of the reader's own organization were read.
    Consultation,
    /// Reports of other organizations were read.
    Disclosure,
    /// A report was asked for that is not there for the reader.
    Denial,
}

/// What an act was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuditItems {
    /// These.
    Listed(Vec<AuditItem>),
    /// The versions at these positions; read when the record is delivered, so that they are stored once.
    Positions {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
    },
}

/// An object an act was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditItem {
    pub(crate) object_id: String,
    pub(crate) version: String,
    pub(crate) label_hash: Vec<u8>,
    pub(crate) originator: String,
}

/// Items of one audit record; the proto allows no more.
pub(crate) const RECORD_ITEMS_MAX: usize = 1_000;

/// The store of intake. Every write is durable when it returns, but those to the text index, which is made anew from the
/// journal.
#[async_trait]
pub(crate) trait Store: Send + Sync {
    /// Stores what is new of a batch, in one transaction with its positions, signatures and audit events. The order of
    /// calls is the order of positions.
    async fn add_batch(&self, batch: NewBatch) -> Result<Vec<Outcome>, Error>;
    /// Highest position whose version is durable; nothing below it is still to come.
    fn head(&self) -> watch::Receiver<i64>;
    /// Highest label number in use.
    fn labels_upto(&self) -> u32;
    /// Labels of a realm after a number, in order: those that name persons, or those that do not.
    async fn labels_after(
        &self,
        realm: &str,
        names_persons: bool,
        after: u32,
        limit: usize,
    ) -> Result<Vec<InternedLabel>, Error>;
    /// What a query finds, as far as the extent goes.
    async fn page(&self, query: Query, extent: Extent) -> Result<Page, Error>;
    /// How many reports a query finds.
    async fn count(&self, query: Query) -> Result<u64, Error>;
    /// Versions after a position, in order: about `bytes_max` in all, at least one version if there is one.
    async fn journal(&self, after: i64, bytes_max: usize) -> Result<Vec<JournalVersion>, Error>;
    /// The public keys of these ids, in order; `None` where nothing was ever signed under it.
    async fn public_keys(&self, key_ids: Vec<String>) -> Result<Vec<Option<PublicKey>>, Error>;
    /// The versions at these positions, as audit lists them.
    async fn audit_items(&self, first: i64, last: i64) -> Result<Vec<AuditItem>, Error>;
    /// Forgets answers of requests before a time; how many.
    async fn forget_requests(&self, before_ms: i64) -> Result<usize, Error>;
    /// Highest position in the text index.
    fn indexed(&self) -> watch::Receiver<i64>;
    /// Adds texts by position to the text index, which then reaches to `upto`.
    async fn index_texts(&self, texts: Vec<(i64, String)>, upto: i64) -> Result<(), Error>;
    /// Positions not above `upto` whose text has all terms, highest first.
    async fn text_matches(&self, terms: &[TextTerm], upto: i64, limit: usize) -> Result<Vec<i64>, Error>;
}
