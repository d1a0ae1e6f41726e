//! Commits to a record: a fresh salt per section, the digests, the entry, its leaf hash. Done where the request is
//! handled, on every core, so that the sequencer has only the tree to grow.

use aws_lc_rs::rand;
use entente_ledger::{
    commitment::{Entry, SALT_BYTES, record_commitment},
    hash::leaf_hash,
};

use crate::{
    error::Error,
    store::{
        SealedRecord,
        sections::{SECTIONS, Unsalted},
    },
};

/// A record as its service wrote it, checked and encoded.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Id given by the service that wrote it.
    pub record_id: [u8; 16],
    /// Trace in which it was written; `None` when the record names none.
    pub trace_id: Option<[u8; 16]>,
    /// Its sections' exact bytes.
    pub sections: Unsalted,
}

/// Seals a record. Each section has a salt of its own, so that each can be erased on its own.
///
/// # Errors
///
/// When the system gives no randomness.
pub fn seal_record(record: NewRecord, shard_epoch: u16) -> Result<SealedRecord, Error> {
    let mut salts = [[0; SALT_BYTES]; SECTIONS];
    rand::fill(salts.as_flattened_mut()).map_err(|_| Error::Randomness)?;
    let (digests, sections) = record.sections.salt(&salts);
    let entry = Entry { shard_epoch, commitment: record_commitment(&digests) }.encode();
    Ok(SealedRecord { record_id: record.record_id, entry, leaf: leaf_hash(&entry), sections })
}
