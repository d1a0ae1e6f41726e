//! What alerting asks of other services, in its own words: decisions and the epoch of access, the journal of intake,
//! records of audit.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod intake;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_chassis::{call::Call, lease::EpochLease, status::ErrorReason};
use futures::stream::BoxStream;

use crate::store::{AuditEvent, Standing};

/// Why a peer did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    /// It refused the subject, with a reason that the subject may know.
    #[error("refused: {0:?}")]
    Refused(ErrorReason),
    /// It could not be reached, or failed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Its answer makes no sense.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
}

/// A label as peers name it: canonical line without dates, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LabelReference {
    pub(crate) line: String,
    pub(crate) hash: [u8; 32],
}

/// On whose behalf access decides.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behalf<'a> {
    /// The holder of a token: the subject of the call being served.
    Token {
        /// The token.
        token: &'a str,
        /// Who it says it is.
        holder: &'a Standing,
    },
    /// The holder of an interest.
    Standing(&'a Standing),
}

impl<'a> Behalf<'a> {
    /// Whose rights are asked for.
    pub(crate) fn holder(self) -> &'a Standing {
        match self {
            Behalf::Token { holder, .. } | Behalf::Standing(holder) => holder,
        }
    }
}

/// Decisions of access on the labels asked, in order.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    pub(crate) epoch: u64,
    /// UTC day they hold on, days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) profile_id: [u8; 32],
    pub(crate) allowed: Vec<bool>,
}

/// The access service.
#[async_trait]
pub(crate) trait Access: Send + Sync {
    /// Which of the labels may be read, at this epoch or a later one. No labels asks for the profile alone.
    async fn decide(
        &self,
        call: &Call,
        behalf: Behalf<'_>,
        labels: &[LabelReference],
        epoch: u64,
    ) -> Result<Decisions, PeerError>;
    /// The keys that verify transaction tokens.
    async fn token_keys(&self, call: &Call) -> Result<Vec<(String, [u8; 32])>, PeerError>;
    /// Feeds the lease until the stream breaks.
    async fn hold_lease(&self, lease: &EpochLease) -> Result<(), PeerError>;
}

/// Proof that a record is in the log; kept whole, passed on, never looked into.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditReceipt {
    pub(crate) log_origin: String,
    pub(crate) entry_index: u64,
    pub(crate) entry: Vec<u8>,
    pub(crate) tree_size: u64,
    pub(crate) inclusion_hashes: Vec<Vec<u8>>,
    pub(crate) checkpoint: String,
    pub(crate) trace_id: Vec<u8>,
}

/// The audit service.
#[async_trait]
pub(crate) trait Audit: Send + Sync {
    /// Appends durably; a receipt per event, in order.
    async fn append(&self, call: &Call, events: &[AuditEvent]) -> Result<Vec<AuditReceipt>, PeerError>;
}

/// One accepted version of the journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalVersion {
    pub(crate) position: i64,
    pub(crate) realm: String,
    pub(crate) report_id: String,
    pub(crate) version: String,
    pub(crate) report_type: String,
    pub(crate) originator: String,
    pub(crate) operation: String,
    pub(crate) title: String,
    pub(crate) severity: i32,
    pub(crate) label_line: String,
    pub(crate) label_hash: [u8; 32],
    pub(crate) timeless: LabelReference,
    pub(crate) not_before: Option<i32>,
    pub(crate) not_after: Option<i32>,
    pub(crate) add_time_ms: i64,
    pub(crate) content: Bytes,
    pub(crate) submitter: String,
}

/// The journal of intake.
#[async_trait]
pub(crate) trait Journal: Send + Sync {
    /// Versions after a position, in order, without end; an empty piece is a sign of life.
    async fn tail(
        &self,
        after: i64,
    ) -> Result<BoxStream<'static, Result<Vec<JournalVersion>, PeerError>>, PeerError>;
}

/// Longest a call to a peer for a background job may take.
pub(crate) const BACKGROUND_LIMIT: Duration = Duration::from_secs(10);
