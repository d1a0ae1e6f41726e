//! Checks receipts and opened records with `entente-ledger`: nothing here asks the mesh.

use std::{collections::BTreeMap, error::Error};

use entente_ledger::{
    commitment::{Entry, OpenedSection, Opening},
    hash::Hash,
    note::VerifyingKey,
    receipt::{Receipt, ReceiptError, VerifiedReceipt},
};
use entente_proto::{audit::v1::ProvenRecord, common::v1};

use crate::exit::Failure;

/// Sections of a record: the fields of `AuditRecord`.
const SECTIONS: u32 = 11;

/// The public key of a log.
pub(crate) struct LogKey(VerifyingKey);

/// What became of a receipt.
pub(crate) enum Verdict {
    /// It proves that its entry is in the log.
    Verified(VerifiedReceipt),
    /// Its checkpoint is not signed by the log.
    SignatureFails(String),
    /// The checkpoint is signed, and the entry is not under it.
    ProofFails(String),
}

impl LogKey {
    /// Reads a C2SP verifier key.
    pub(crate) fn parse(text: &str) -> Result<LogKey, Failure> {
        let key = VerifyingKey::parse(text.trim());
        key.map(LogKey).map_err(|error| Failure::usage(format!("the log's verifier key: {error}")))
    }

    /// Checks a receipt.
    pub(crate) fn verify(&self, receipt: &v1::Receipt) -> Verdict {
        let Some(path) = receipt.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash)).collect() else {
            return Verdict::ProofFails("a hash of the inclusion path has not 32 bytes".to_owned());
        };
        let receipt = Receipt {
            origin: receipt.log_origin.clone(),
            index: receipt.entry_index,
            entry: receipt.entry.to_vec(),
            tree_size: receipt.tree_size,
            path,
            checkpoint: receipt.checkpoint.clone(),
        };
        match receipt.verify(&self.0) {
            Ok(verified) => Verdict::Verified(verified),
            Err(error) => verdict(&error),
        }
    }

    /// Checks a record of the log: its place, and that what was opened is what was committed to.
    pub(crate) fn verify_record(&self, record: &ProvenRecord) -> Result<(), String> {
        let proof = record.proof.as_ref().ok_or("the record came without proof")?;
        if proof.entry != record.entry {
            return Err("the proof is of another entry".to_owned());
        }
        match self.verify(proof) {
            Verdict::Verified(verified) => opened(record, &verified.entry),
            Verdict::SignatureFails(why) | Verdict::ProofFails(why) => Err(why),
        }
    }
}

impl Verdict {
    /// Whether the receipt proves its entry.
    pub(crate) fn holds(&self) -> bool {
        matches!(self, Verdict::Verified(_))
    }
}

fn verdict(error: &ReceiptError) -> Verdict {
    let why = chain(error);
    match error {
        ReceiptError::Note(_)
        | ReceiptError::Checkpoint(_)
        | ReceiptError::OriginMismatch { .. }
        | ReceiptError::KeyOfAnotherLog { .. } => Verdict::SignatureFails(why),
        ReceiptError::SizeMismatch { .. } | ReceiptError::Entry(_) | ReceiptError::Inclusion(_) => {
            Verdict::ProofFails(why)
        }
    }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn opened(record: &ProvenRecord, entry: &Entry) -> Result<(), String> {
    let by_field: BTreeMap<u32, _> = record.sections.iter().map(|section| (section.field, section)).collect();
    let mut sections = Vec::new();
    for field in 1..=SECTIONS {
        let section = by_field.get(&field).ok_or(format!("section {field} is missing"))?;
        sections.push(if section.digest.is_empty() {
            let salt =
                section.salt.as_ref().try_into().map_err(|_| format!("section {field} has no salt"))?;
            OpenedSection::Open { salt, body: section.body.to_vec() }
        } else {
            let digest = Hash::from_slice(&section.digest).ok_or(format!("section {field} has no digest"))?;
            OpenedSection::DigestOnly(digest)
        });
    }
    Opening { sections }.verify(entry).map_err(|error| error.to_string())
}
