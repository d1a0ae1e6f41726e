//! What access asks of its one neighbour, in its own words: audit records what was told and changed, and installs the
//! token keys with the epoch.

pub mod audit;

use std::time::Duration;

use async_trait::async_trait;
use entente_chassis::{call::Call, status::ErrorReason};

use crate::store::AuditEvent;

/// Why a peer did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It refused, with a reason of its own.
    #[error("refused: {0:?}")]
    Refused(ErrorReason),
    /// It could not be reached, or failed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Its answer makes no sense.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
}

/// Proof that a record is in the log; kept whole, passed on, never looked into.
#[derive(Debug, Clone, Default)]
pub struct AuditReceipt {
    /// Origin of the log.
    pub log_origin: String,
    /// Index in the log.
    pub entry_index: u64,
    /// The entry.
    pub entry: Vec<u8>,
    /// Size of the tree the proof is against.
    pub tree_size: u64,
    /// Inclusion path.
    pub inclusion_hashes: Vec<Vec<u8>>,
    /// Signed checkpoint.
    pub checkpoint: String,
    /// W3C trace id.
    pub trace_id: Vec<u8>,
}

/// What audit needs to serve readers for one lease.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Key id and Ed25519 public key of every key that verifies a token now.
    pub keys: Vec<(String, [u8; 32])>,
    /// Policy epoch in force.
    pub epoch: u64,
    /// How long it holds, counted from when audit made the ticket.
    pub lease: Duration,
    /// Audit's last ticket; empty before the first.
    pub ticket: Vec<u8>,
}

/// What audit has installed.
#[derive(Debug, Clone)]
pub struct Installed {
    /// For the next authority.
    pub ticket: Vec<u8>,
    /// Zero when no lease holds.
    pub lease_left: Duration,
}

/// The audit service.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends durably; a receipt per event, in order.
    async fn append(&self, call: &Call, events: &[AuditEvent]) -> Result<Vec<AuditReceipt>, PeerError>;
    /// Installs keys and epoch for one lease.
    async fn install(&self, call: &Call, authority: &Authority) -> Result<Installed, PeerError>;
}

/// Longest a call to a peer for a background job may take.
pub const BACKGROUND_LIMIT: Duration = Duration::from_secs(10);
