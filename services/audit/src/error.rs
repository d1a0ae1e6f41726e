//! All the ways audit can fail; knows nothing of gRPC.

use std::sync::Arc;

use entente_ledger::{hash::Hash, note::KeyError, proof::ProveError, tree::AppendError};
use entente_persist::PersistError;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Path of the field, such as `records[2].who.subject`.
    pub field: String,
    /// What was wrong and what to do.
    pub description: String,
}

impl FieldFault {
    pub(crate) fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        FieldFault { field: field.into(), description: description.into() }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request; every fault is listed.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldFault>),
    /// A record is larger than one may be.
    #[error("record {position} has {bytes} bytes, above {most}")]
    TooLarge {
        /// Its place in the request.
        position: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Not there, or not the caller's to read.
    #[error("nothing of that name is there for the caller")]
    NotFound,
    /// The page token is not one of ours for this caller and list.
    #[error("page token refused")]
    PageToken,
    /// The call carries no transaction token although its policy asks for one.
    #[error("the call carries no subject")]
    NoSubject,
    /// Access has not said for too long which tokens hold.
    #[error("no authority holds")]
    NoLease,
    /// The token is older than the rights in force.
    #[error("the token was minted at epoch {minted}, {required} is in force")]
    EarlierEpoch {
        /// Epoch of the token.
        minted: u64,
        /// Epoch in force.
        required: u64,
    },
    /// Access announced an epoch lower than one before.
    #[error("epoch {announced} was announced after {installed}")]
    EpochReversed {
        /// Epoch announced.
        announced: u64,
        /// Epoch installed before.
        installed: u64,
    },
    /// Rights changed while the answer was made.
    #[error("the policy epoch changed meanwhile")]
    EpochChanged,
    /// The search index did not reach the newest record in time.
    #[error("the index has not caught up with the log")]
    IndexBehind,
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
    /// The batch that held these records failed.
    #[error("the records could not be appended")]
    Append(#[source] Arc<Error>),
    /// The tree is full.
    #[error("the tree cannot grow")]
    Tree(#[from] AppendError),
    /// A proof could not be made.
    #[error("the tree's tiles do not give a proof")]
    Prove(#[source] Box<ProveError<PersistError>>),
    /// Somebody else has appended to this log: there must be one sequencer.
    #[error("the log was expected to have {expected} entries, and has another number")]
    AnotherWriter {
        /// Entries this process knows of.
        expected: u64,
    },
    /// The stored head is not that of the stored records.
    #[error("the stored head has root {stored}, its records lead to {computed}")]
    HeadMismatch {
        /// Root in the head.
        stored: Hash,
        /// Root the tiles and records lead to.
        computed: Hash,
    },
    /// There are more or fewer records than the head says.
    #[error("the stored head has {head} entries, the store {stored} records")]
    SizeMismatch {
        /// Size in the head.
        head: u64,
        /// Records stored.
        stored: u64,
    },
    /// The log is older than its index: it was cut or restored.
    #[error("the log has {log} entries, its index has seen {indexed}: an older log was put in place")]
    RolledBack {
        /// Entries of the log.
        log: u64,
        /// Entries the index has seen.
        indexed: u64,
    },
    /// The log belongs to another origin or key.
    #[error("the stored log is `{stored}`, not `{configured}`")]
    AnotherLog {
        /// Origin or verifier key in the store.
        stored: String,
        /// Origin or verifier key of this process.
        configured: String,
    },
    /// The log key cannot be used.
    #[error("the log key cannot be used")]
    Key(#[source] KeyError),
    /// A checkpoint could not be signed.
    #[error("the checkpoint cannot be signed")]
    Sign(#[source] entente_ledger::note::NoteError),
    /// The system gave no randomness.
    #[error("no random bytes could be had")]
    Randomness,
    /// A stored value does not decode.
    #[error("stored {0} does not decode")]
    Stored(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] PersistError),
}
