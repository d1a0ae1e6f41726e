//! Checks receipts and opened records with `entente-ledger`: nothing here asks the mesh.

use std::{collections::BTreeMap, error::Error};

use entente_ledger::{
    commitment::{Entry, OpenedSection, Opening},
    hash::Hash,
    note::VerifyingKey,
    receipt::{Receipt, ReceiptError, VerifiedReceipt},
};
use entente_proto::{
    audit::v1::{AuditRecord, ProvenRecord},
    common::v1,
};
use prost::Message;

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

    /// Checks a record of the log: its place, that what was opened is what was committed to, and that the record as
    /// shown is what was opened.
    pub(crate) fn verify_record(&self, record: &ProvenRecord) -> Result<(), String> {
        let proof = record.proof.as_ref().ok_or("the record came without proof")?;
        if proof.entry != record.entry || proof.entry_index != record.entry_index {
            return Err("the proof is of another entry".to_owned());
        }
        match self.verify(proof) {
            Verdict::Verified(verified) => {
                opened(record, &verified.entry)?;
                shown(record)
            }
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

/// Whether the record is what its opened sections say: the body of section `n` holds field `n` alone, and the bodies one
/// after the other are the record. Without this a record could show what nobody committed to.
fn shown(record: &ProvenRecord) -> Result<(), String> {
    let mut bytes = Vec::new();
    for section in record.sections.iter().filter(|section| section.digest.is_empty()) {
        if !holds_alone(section.field, &section.body) {
            return Err(format!("section {} holds something else than its field", section.field));
        }
        bytes.extend_from_slice(&section.body);
    }
    let opened = AuditRecord::decode(bytes.as_slice()).ok();
    if opened.is_none() || opened != record.record {
        return Err("the record is not what its sections hold".to_owned());
    }
    Ok(())
}

fn holds_alone(field: u32, body: &[u8]) -> bool {
    let Ok(mut record) = AuditRecord::decode(body) else { return false };
    match field {
        1 => record.record_id.clear(),
        2 => record.operation = 0,
        3 => record.phase = 0,
        4 => record.intent_record_id.clear(),
        5 => record.who = None,
        6 => record.what = None,
        7 => record.why = None,
        8 => record.decision = None,
        9 => record.r#where = None,
        10 => record.when = None,
        11 => record.outcome = None,
        _ => return false,
    }
    record == AuditRecord::default()
}

#[cfg(test)]
mod tests {
    use entente_proto::audit::v1::{Section, Who, Why};

    use super::*;

    fn section(field: u32, part: &AuditRecord) -> Section {
        Section { field, salt: vec![0; 32].into(), body: part.encode_to_vec().into(), ..Section::default() }
    }

    fn proven() -> ProvenRecord {
        let who = AuditRecord {
            who: Some(Who { subject: "VLD-COAST/mira".into(), ..Who::default() }),
            ..AuditRecord::default()
        };
        let why = AuditRecord {
            why: Some(Why { realm: "REAL".into(), ..Why::default() }),
            ..AuditRecord::default()
        };
        let record = AuditRecord { who: who.who.clone(), ..why.clone() };
        let withheld = Section { field: 6, digest: vec![1; 32].into(), ..Section::default() };
        ProvenRecord {
            sections: vec![section(5, &who), withheld, section(7, &why)],
            record: Some(record),
            ..ProvenRecord::default()
        }
    }

    #[test]
    fn a_record_is_what_its_opened_sections_hold() {
        assert_eq!(shown(&proven()), Ok(()));
    }

    #[test]
    fn a_record_that_says_something_else_or_more_than_its_sections_is_not_believed() {
        let mut other = proven();
        other.record.as_mut().unwrap().who.as_mut().unwrap().subject = "VLD-COAST/pavo".into();
        assert!(shown(&other).is_err());
        let mut more = proven();
        more.record.as_mut().unwrap().operation = 3;
        assert!(shown(&more).is_err());
        let mut none = proven();
        none.record = None;
        assert!(shown(&none).is_err());
        let mut moved = proven();
        moved.sections[0].field = 6;
        assert!(shown(&moved).is_err());
    }
}
