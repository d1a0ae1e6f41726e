//! Notes, checkpoints, commitments and receipts: known answers, golden bytes, and what must be refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use entente_ledger::checkpoint::{Checkpoint, CheckpointError};
use entente_ledger::commitment::{Entry, EntryError, OpenedSection, Opening, OpeningError};
use entente_ledger::hash::{Hash, leaf_hash, sha256};
use entente_ledger::note::{KeyError, KeyId, Note, NoteError, Signer, VerifyingKey};
use entente_ledger::proof::MemoryTree;
use entente_ledger::receipt::{Receipt, ReceiptError, TlogProof, TlogProofError};
use proptest::prelude::*;

const ORIGIN: &str = "audit.alfa.example/ops/2026";

/// The example of golang.org/x/mod/sumdb/note.
const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(name: &str) -> Signer {
    Signer::from_seed(name, &[7; 32]).unwrap()
}

fn opening() -> Opening {
    let sections = (1..=11_u8).map(|number| OpenedSection::Open {
        salt: [number; 32],
        body: if number == 4 { Vec::new() } else { format!("section {number}").into_bytes() },
    });
    Opening { sections: sections.collect() }
}

fn entry() -> Entry {
    Entry { shard_epoch: 258, commitment: opening().commitment().unwrap() }
}

fn receipt() -> Receipt {
    let mut leaves: Vec<Hash> = (0..20_u8).map(|number| leaf_hash(&[number])).collect();
    leaves[12] = leaf_hash(&entry().encode());
    let tree = MemoryTree::new(leaves);
    let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root());
    Receipt {
        origin: ORIGIN.to_owned(),
        index: 12,
        entry: entry().encode().to_vec(),
        tree_size: tree.size(),
        path: tree.inclusion_path(12).unwrap(),
        checkpoint: checkpoint.sign(&signer(ORIGIN)).unwrap().to_string(),
    }
}

#[test]
fn a_note_signed_by_go_verifies_here() {
    let key = VerifyingKey::parse(GO_VKEY).unwrap();
    let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
    assert_eq!(note.verify(&[&key]), Ok(vec![&key]));
    assert_eq!((note.to_string(), key.to_string()), (GO_NOTE.to_owned(), GO_VKEY.to_owned()));
}

#[test]
fn stored_formats_are_those_of_the_golden_files() {
    assert_eq!(signer(ORIGIN).verifying_key().to_string() + "\n", include_str!("golden/vkey.txt"));
    assert_eq!(hex::encode(entry().encode()) + "\n", include_str!("golden/entry-1.txt"));
    assert_eq!(receipt().checkpoint, include_str!("golden/checkpoint.txt"));
    assert_eq!(receipt().to_proof().to_string(), include_str!("golden/tlog-proof-1.txt"));
}

#[test]
fn a_receipt_proves_its_entry() {
    let verified = receipt().verify(signer(ORIGIN).verifying_key()).unwrap();
    assert_eq!((verified.index, verified.tree_size, verified.entry), (12, 20, entry()));
    let proof = TlogProof::parse(&receipt().to_proof().to_string()).unwrap();
    assert_eq!(Receipt::from_proof(proof, entry().encode().to_vec()).unwrap(), receipt());
}

#[test]
fn a_receipt_of_another_log_or_key_is_refused() {
    let own = receipt();
    let exercise = "audit.alfa.example/exercise/2026";
    assert_eq!(
        own.verify(signer(exercise).verifying_key()),
        Err(ReceiptError::Note(NoteError::NoKnownSigner))
    );
    let renamed = Receipt { origin: exercise.to_owned(), ..own.clone() };
    let (receipt, checkpoint) = (exercise.to_owned(), ORIGIN.to_owned());
    let verified = renamed.verify(signer(ORIGIN).verifying_key());
    assert_eq!(verified, Err(ReceiptError::OriginMismatch { receipt, checkpoint }));
    let foreign = Checkpoint::new(ORIGIN, 20, leaf_hash(b"")).sign(&signer(exercise)).unwrap().to_string();
    let (key, origin) = (exercise.to_owned(), ORIGIN.to_owned());
    let verified = Receipt { checkpoint: foreign, ..own }.verify(signer(exercise).verifying_key());
    assert_eq!(verified, Err(ReceiptError::KeyOfAnotherLog { key, origin }));
}

#[test]
fn a_receipt_with_another_size_or_entry_is_refused() {
    let key = signer(ORIGIN).verifying_key().clone();
    let sized = Receipt { tree_size: 21, ..receipt() };
    assert_eq!(sized.verify(&key), Err(ReceiptError::SizeMismatch { receipt: 21, checkpoint: 20 }));
    let short = Receipt { entry: vec![0; 49], ..receipt() };
    assert_eq!(short.verify(&key), Err(ReceiptError::Entry(EntryError::WrongLength { found: 49 })));
    let moved = Receipt { index: 13, ..receipt() };
    assert!(matches!(moved.verify(&key), Err(ReceiptError::Inclusion(_))));
    let text = Note::sign("no checkpoint\n", &[&signer(ORIGIN)]).unwrap().to_string();
    let other = Receipt { checkpoint: text, ..receipt() };
    assert_eq!(other.verify(&key), Err(ReceiptError::Checkpoint(CheckpointError::BadSize)));
}

#[test]
fn every_changed_byte_of_a_receipt_is_noticed() {
    let key = signer(ORIGIN).verifying_key().clone();
    let text = receipt().checkpoint;
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(checkpoint) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(Receipt { checkpoint, ..receipt() }.verify(&key).is_err(), "byte {at} bit {bit}");
        }
    }
    for at in 0..50 {
        let mut changed = receipt();
        changed.entry[at] ^= 0x10;
        assert!(changed.verify(&key).is_err(), "entry byte {at}");
    }
    for at in 0..receipt().path.len() * 32 {
        let mut changed = receipt();
        let mut bytes = *changed.path[at / 32].as_bytes();
        bytes[at % 32] ^= 0x04;
        changed.path[at / 32] = Hash::new(bytes);
        assert!(changed.verify(&key).is_err(), "path byte {at}");
    }
}

#[test]
fn malformed_notes_are_refused() {
    let good = receipt().checkpoint;
    let line = good.split_once("\n\n").unwrap().1.trim_end().to_owned();
    let cases = [
        (good.replace("\n\n", "\n"), NoteError::NoSignatures),
        (good.trim_end().to_owned(), NoteError::NoSignatures),
        (format!("text\n\n{line}\nmore\n"), NoteError::BadSignatureLine { line: 2 }),
        (format!("text\n\n{line}\n\n"), NoteError::NoSignatures),
        (format!("\n\n{line}\n"), NoteError::BadText),
        (format!("te\txt\n\n{line}\n"), NoteError::ControlCharacter { at: 2 }),
        (format!("te\rxt\n\n{line}\n"), NoteError::ControlCharacter { at: 2 }),
        ("text\n\n\n".to_owned(), NoteError::NoSignatures),
        ("text\n\n\u{2014} a+b AAAAAAAA\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        ("text\n\n\u{2014}  AAAAAAAA\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        ("text\n\n\u{2014} a\u{a0}b AAAAAAAA\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        ("text\n\n\u{2014} name AAAAAA==\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        ("text\n\n\u{2014} name AAAAAAA\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        ("text\n\n- name AAAAAAAA\n".to_owned(), NoteError::BadSignatureLine { line: 1 }),
        (format!("text\n\n{}", format!("{line}\n").repeat(65)), NoteError::TooManySignatures),
    ];
    for (text, error) in cases {
        assert_eq!(Note::parse(text.as_bytes()), Err(error), "{text:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::NotUtf8));
    assert_eq!(Note::parse(&vec![b'a'; 400_000]), Err(NoteError::TooLong { bytes: 400_000 }));
}

#[test]
fn a_known_key_that_fails_condemns_the_note_and_unknown_keys_do_not() {
    let (own, other) = (signer(ORIGIN), Signer::from_seed("witness.bravo.example", &[9; 32]).unwrap());
    let note = Note::sign("text\n", &[&other, &own]).unwrap();
    assert_eq!(note.verify(&[own.verifying_key()]), Ok(vec![own.verifying_key()]));
    let forged = note.to_string().replace("text", "next");
    let name = ORIGIN.to_owned();
    let verified =
        Note::parse(forged.as_bytes()).unwrap().verify(&[own.verifying_key()]).map(|keys| keys.len());
    assert_eq!(verified, Err(NoteError::SignatureInvalid { name }));
    assert_eq!(Note::sign("no line feed", &[&own]), Err(NoteError::BadText));
}

#[test]
fn malformed_keys_are_refused() {
    let mismatch = KeyError::KeyIdMismatch {
        found: KeyId([0xc7, 0x4f, 0x20, 0xa4]),
        computed: KeyId([0xc7, 0x4f, 0x20, 0xa3]),
    };
    let cases = [
        (GO_VKEY.replace("c74f20a3", "c74f20a4"), mismatch),
        (GO_VKEY.replace("c74f20a3", "C74F20A3"), KeyError::BadForm),
        (GO_VKEY.replace("ARpc", "Ahpc"), KeyError::UnsupportedType(2)),
        (GO_VKEY.replace("PeterNeumann", "Peter Neumann"), KeyError::BadName("Peter Neumann".to_owned())),
        (GO_VKEY.replace("10TW", "10Q="), KeyError::BadForm),
        ("name".to_owned(), KeyError::BadForm),
        (String::new(), KeyError::BadForm),
    ];
    for (vkey, error) in cases {
        assert_eq!(VerifyingKey::parse(&vkey), Err(error), "{vkey}");
    }
    assert!(matches!(Signer::from_pkcs8("name", b"no key"), Err(KeyError::BadPrivateKey)));
}

#[test]
fn malformed_checkpoints_are_refused() {
    let root = leaf_hash(b"").to_base64();
    let good = format!("{ORIGIN}\n20\n{root}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().to_string(), good);
    let extended = format!("{good}extension\n");
    assert_eq!(Checkpoint::parse(&extended).unwrap().to_string(), extended);
    let cases = [
        (String::new(), CheckpointError::BadLine { line: 1 }),
        (good.trim_end().to_owned(), CheckpointError::BadLine { line: 3 }),
        (good.replace(ORIGIN, ""), CheckpointError::NoOrigin),
        (good.replace("20\n", "020\n"), CheckpointError::BadSize),
        (good.replace("20\n", "+20\n"), CheckpointError::BadSize),
        (good.replace("20\n", "9223372036854775808\n"), CheckpointError::BadSize),
        (good.replace(&root, root.trim_end_matches('=')), CheckpointError::BadRoot),
        (format!("{good}\n"), CheckpointError::BadLine { line: 4 }),
    ];
    for (text, error) in cases {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn malformed_proof_files_are_refused() {
    let good = receipt().to_proof().to_string();
    let with_extra = TlogProof { extra: Some(b"hint".to_vec()), ..receipt().to_proof() };
    assert_eq!(TlogProof::parse(&with_extra.to_string()).unwrap(), with_extra);
    let many = format!("index 12\n{}", format!("{}\n", leaf_hash(b"").to_base64()).repeat(60));
    let cases = [
        (good.replace("@v1", "@v2"), TlogProofError::UnknownFormat),
        (good.replace("\n\n", "\n"), TlogProofError::NoCheckpoint),
        (good.replace("index 12", "index 012"), TlogProofError::BadIndex),
        (good.replace("index 12\n", ""), TlogProofError::BadIndex),
        (good.replace("index 12", "extra !\nindex 12"), TlogProofError::BadExtra),
        (good.replace("index 12", "index 12\nAAAA"), TlogProofError::BadHash { line: 1 }),
        (good.replace("index 12\n", &many), TlogProofError::PathTooLong),
    ];
    for (text, error) in cases {
        assert_eq!(TlogProof::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn a_section_can_be_withheld_and_the_rest_still_checked() {
    let shown = opening().withhold_all_but(&[2, 7]);
    assert_eq!(shown.verify(&entry()), Ok(()));
    assert_eq!(shown.sections[1], opening().sections[1]);
    assert!(matches!(shown.sections[0], OpenedSection::DigestOnly(_)));
    let mut forged = shown.clone();
    forged.sections[1] = OpenedSection::Open { salt: [2; 32], body: b"section 3".to_vec() };
    assert!(matches!(forged.verify(&entry()), Err(OpeningError::CommitmentMismatch { .. })));
    forged = shown;
    forged.sections.swap(0, 2);
    assert!(forged.verify(&entry()).is_err(), "a section's place is committed to");
    let none = Opening { sections: Vec::new() };
    assert_eq!(none.verify(&entry()), Err(OpeningError::SectionCount { found: 0 }));
}

#[test]
fn the_commitment_is_the_formula_of_the_design() {
    let digests: Vec<Hash> = (1..=11_u8)
        .zip(opening().sections)
        .map(|(number, section)| match section {
            OpenedSection::Open { salt, body } => sha256(&[b"S", &[number], &salt, &body]),
            OpenedSection::DigestOnly(digest) => digest,
        })
        .collect();
    let joined: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
    assert_eq!(entry().commitment, sha256(&[b"entente-record/1", &joined]));
    let other = [b"entente-audit/2\n".as_slice(), &[0; 34]].concat();
    assert_eq!(Entry::decode(&other), Err(EntryError::UnknownFormat));
}

proptest! {
    #[test]
    fn signed_notes_are_read_back_as_they_were(text in "[^\\x00-\\x09\\x0b-\\x1f]{1,200}\n", name in "[a-z./-]{1,40}") {
        let key = signer(&name);
        let note = Note::sign(&text, &[&key]);
        prop_assume!(text != "\n");
        let note = note.unwrap();
        let parsed = Note::parse(note.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&parsed, &note);
        prop_assert_eq!(parsed.verify(&[key.verifying_key()]), Ok(vec![key.verifying_key()]));
        prop_assert_eq!(&VerifyingKey::parse(&key.verifying_key().to_string()).unwrap(), key.verifying_key());
    }

    #[test]
    fn whatever_is_parsed_prints_as_it_was_and_nothing_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..1_000_usize, with: u8,
    ) {
        let mut damaged = receipt().to_proof().to_string().into_bytes();
        let place = at % damaged.len();
        damaged[place] = with;
        for input in [bytes, damaged, b"text\n\n".to_vec()] {
            if let Ok(note) = Note::parse(&input) {
                prop_assert_eq!(note.to_string().into_bytes(), input.clone());
            }
            let text = String::from_utf8_lossy(&input).into_owned();
            if let Ok(proof) = TlogProof::parse(&text) {
                prop_assert_eq!(proof.to_string(), text.clone());
            }
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_string(), text.clone());
            }
            let _ = (VerifyingKey::parse(&text), Entry::decode(&input));
        }
    }
}
