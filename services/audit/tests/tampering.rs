//! Any flipped bit of a record, entry, proof or checkpoint is found by verifying.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

#[path = "support/log.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod log;

use std::sync::LazyLock;

use entente_audit::store::{LogStore, StoredRecord};
use entente_ledger::{
    commitment::{Entry, OpenedSection},
    hash::Hash,
    note::VerifyingKey,
    receipt::Receipt,
};
use proptest::prelude::*;

use self::log::{OpenLog, record};

/// What somebody holds who was shown a record.
struct Held {
    key: VerifyingKey,
    record: StoredRecord,
    receipt: Receipt,
}

/// The record in the middle of a log of 300, with its proof.
static HELD: LazyLock<Held> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let open = OpenLog::open(folder.path()).await.unwrap();
        let receipts = open.log.append((0..300).map(record).collect()).await.unwrap();
        let record = open.store.records(vec![150]).await.unwrap().remove(0);
        Held { key: open.key(), record, receipt: receipts[150].clone() }
    })
});

fn holds(record: &StoredRecord, receipt: &Receipt) -> bool {
    let Ok(verified) = receipt.verify(&HELD.key) else { return false };
    receipt.entry == record.entry && record.opening.verify(&verified.entry).is_ok()
}

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u8) {
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
}

#[test]
fn untouched_it_holds() {
    assert!(holds(&HELD.record, &HELD.receipt));
    Entry::decode(&HELD.record.entry).unwrap();
}

proptest! {
    #[test]
    fn a_flipped_bit_of_the_record_is_found(section in 0..11_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut record = HELD.record.clone();
        let OpenedSection::Open { salt, body } = &mut record.opening.sections[section] else { unreachable!() };
        let mut both = [salt.as_slice(), body.as_slice()].concat();
        flip(&mut both, at, bit);
        salt.copy_from_slice(&both[..32]);
        body.copy_from_slice(&both[32..]);
        prop_assert!(!holds(&record, &HELD.receipt));
    }

    #[test]
    fn a_flipped_bit_of_the_entry_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (mut record, mut receipt) = (HELD.record.clone(), HELD.receipt.clone());
        flip(&mut receipt.entry, at, bit);
        record.entry.copy_from_slice(&receipt.entry);
        prop_assert!(!holds(&record, &receipt));
    }

    #[test]
    fn a_flipped_bit_of_the_proof_is_found(hash in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut receipt = HELD.receipt.clone();
        let hash = hash.index(receipt.path.len());
        let mut bytes = *receipt.path[hash].as_bytes();
        flip(&mut bytes, at, bit);
        receipt.path[hash] = Hash::new(bytes);
        prop_assert!(!holds(&HELD.record, &receipt));
    }

    #[test]
    fn a_flipped_bit_of_the_checkpoint_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = HELD.receipt.checkpoint.clone().into_bytes();
        flip(&mut bytes, at, bit);
        if let Ok(checkpoint) = String::from_utf8(bytes) {
            let receipt = Receipt { checkpoint, ..HELD.receipt.clone() };
            prop_assert!(!holds(&HELD.record, &receipt));
        }
    }

    #[test]
    fn another_index_or_size_is_found(index in 0..400_u64, tree_size in 0..400_u64) {
        let receipt = Receipt { index, tree_size, ..HELD.receipt.clone() };
        prop_assert_eq!(holds(&HELD.record, &receipt), (index, tree_size) == (150, 300));
    }
}
