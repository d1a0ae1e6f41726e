//! What intake asks of other services, in its own words: labels, decisions and the epoch of access, records of audit.

pub(crate) mod access;
pub(crate) mod audit;

use std::time::Duration;

use async_trait::async_trait;
use entente_chassis::{call::Call, lease::EpochLease, status::ErrorReason};

use crate::{
    error::FieldFault,
    store::{AuditEvent, LabelReference, ResolvedLabel},
};

/// Why a peer did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    /// It refused, with a reason that may be passed on.
    #[error("refused: {0:?}")]
    Refused(ErrorReason),
    /// It could not be reached, or failed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Its answer makes no sense.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
}

/// What access says of one label line.
#[derive(Debug, Clone)]
pub(crate) enum SubmitDecision {
    /// The submitter may use it.
    Allowed(ResolvedLabel),
    /// It does not parse or is not valid.
    Invalid(Vec<FieldFault>),
    /// The submitter may not use it: why, as a stable word.
    Denied(String),
}

/// Whether a subject may submit under label lines.
#[derive(Debug, Clone)]
pub(crate) struct SubmitCheck {
    pub(crate) epoch: u64,
    /// The submitter's organization: the originator that signs.
    pub(crate) organization: String,
    /// False if the operation is not one the organization takes part in.
    pub(crate) operation_known: bool,
    /// One per line, in order.
    pub(crate) decisions: Vec<SubmitDecision>,
}

/// Whether a subject may read under labels.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    pub(crate) epoch: u64,
    /// The UTC day (days since 1970-01-01) they hold on.
    pub(crate) day: i32,
    pub(crate) profile_id: [u8; 32],
    /// The assurance level decided with, which may be lower than the token's.
    pub(crate) aal: u8,
    /// One per label, in order: the duties that come with reading, or `None` where reading is denied.
    pub(crate) duties: Vec<Option<Vec<String>>>,
}

/// The access service.
#[async_trait]
pub(crate) trait Access: Send + Sync {
    /// Whether the subject of the call may submit under these lines.
    async fn check_submit(
        &self,
        call: &Call,
        lines: &[String],
        operation: &str,
    ) -> Result<SubmitCheck, PeerError>;
    /// Which of the labels the subject of the call may read; without labels, its profile alone.
    async fn decide(&self, call: &Call, labels: &[LabelReference]) -> Result<Decisions, PeerError>;
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
    /// Appends durably; a receipt per event, in order. The items of each event are listed.
    async fn append(&self, call: &Call, events: &[AuditEvent]) -> Result<Vec<AuditReceipt>, PeerError>;
}

/// Longest a call to a peer for a background job may take.
pub(crate) const BACKGROUND_LIMIT: Duration = Duration::from_secs(10);
