//! Originators' signatures: the frozen formats, and that whatever is changed is found.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use entente_ledger::{
    hash::{Hash, leaf_hash},
    note::{Signer, VerifyingKey},
    proof::MemoryTree,
    version::{
        VersionError, VersionSignature, VersionStatement, originator_key_id, signed_message, verify_version,
    },
};
use proptest::prelude::*;

const ORIGINATOR: &str = "VLD-COAST";

/// A version with all that vouches for it, as a reader holds it.
#[derive(Debug, Clone)]
struct Held {
    originator: String,
    report_id: String,
    version: String,
    label_hash: [u8; 32],
    content: Vec<u8>,
    title: String,
    signature: VersionSignature,
}

impl Held {
    /// The `place`-th of `count` versions signed together.
    fn signed(content: &[u8], place: u64, count: u64) -> (Held, VerifyingKey) {
        let signer = Signer::from_seed(ORIGINATOR, &[7; 32]).unwrap();
        let mut held = Held {
            originator: ORIGINATOR.to_owned(),
            report_id: "x-entente-text--26ffb872-1dd9-446e-b6f5-d58527e5b5d2".to_owned(),
            version: "2026-11-23T12:00:00.000Z".to_owned(),
            label_hash: [0xab; 32],
            content: content.to_vec(),
            title: "A lost beacon".to_owned(),
            signature: VersionSignature {
                key_id: originator_key_id(signer.verifying_key().public_key()),
                ed25519: Vec::new(),
                leaf_index: place,
                leaf_count: count,
                path: Vec::new(),
            },
        };
        let leaf = |at: u64| if at == place { held.statement().leaf() } else { leaf_hash(&at.to_be_bytes()) };
        let tree = MemoryTree::new((0..count).map(leaf).collect());
        held.signature.path = tree.inclusion_path(place).unwrap();
        held.signature.ed25519 = signer.sign(&signed_message(&tree.root()));
        (held, signer.verifying_key().clone())
    }

    fn statement(&self) -> VersionStatement<'_> {
        VersionStatement {
            originator: &self.originator,
            report_id: &self.report_id,
            version: &self.version,
            label_hash: &self.label_hash,
            content: &self.content,
            title: &self.title,
        }
    }

    fn verify(&self, key: &VerifyingKey) -> Result<(), VersionError> {
        verify_version(&self.statement(), &self.signature, key)
    }
}

#[test]
fn statement_key_id_and_signature_are_the_frozen_ones() {
    let (held, key) = Held::signed(b"The beacon was found.", 1, 3);
    let frozen = format!(
        "{}key {}\nid {}\nsignature {}\n",
        String::from_utf8(held.statement().bytes()).unwrap(),
        key,
        held.signature.key_id,
        hex::encode(&held.signature.ed25519),
    );
    assert_eq!(frozen, include_str!("golden/version-1.txt"));
}

#[test]
fn a_line_feed_that_shifts_the_parts_is_refused() {
    let (mut held, key) = Held::signed(b"{}", 0, 1);
    held.report_id = format!("{}\n{}", held.report_id, held.version);
    assert_eq!(held.verify(&key), Err(VersionError::LineFeed));
}

#[test]
fn a_key_of_somebody_else_or_of_another_day_is_told_from_a_bad_signature() {
    let (held, key) = Held::signed(b"{}", 2, 5);
    let renamed = VerifyingKey::ed25519("ORS-CERT", *key.public_key()).unwrap();
    assert!(matches!(held.verify(&renamed), Err(VersionError::OtherOriginator { .. })));
    let other = Signer::from_seed(ORIGINATOR, &[8; 32]).unwrap().verifying_key().clone();
    assert!(matches!(held.verify(&other), Err(VersionError::OtherKey { .. })));
    let mut claimed = held;
    claimed.signature.key_id = originator_key_id(other.public_key());
    assert_eq!(claimed.verify(&other), Err(VersionError::NotSigned));
}

/// What can be changed of a version, its signature and the key.
#[derive(Debug, Clone, Copy)]
enum Part {
    Content,
    Label,
    Title,
    ReportId,
    Version,
    Path,
    Signature,
    KeyId,
    Key,
}

fn flip(bytes: &mut [u8], at: usize, mask: u8) {
    let at = at % bytes.len();
    bytes[at] ^= mask;
}

fn flip_text(text: &mut String, at: usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    // Letters of ASCII stay what they are: the lowest bit makes another one.
    flip(&mut bytes, at, 1);
    *text = String::from_utf8(bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_changed_byte_is_found(
        content in proptest::collection::vec(any::<u8>(), 1..200),
        (count, place) in (2_u64..129).prop_flat_map(|count| (Just(count), 0..count)),
        part in proptest::sample::select(vec![
            Part::Content, Part::Label, Part::Title, Part::ReportId, Part::Version, Part::Path,
            Part::Signature, Part::KeyId, Part::Key,
        ]),
        at in any::<usize>(),
        mask in 1_u8..,
    ) {
        let (mut held, mut key) = Held::signed(&content, place, count);
        prop_assert_eq!(held.verify(&key), Ok(()));
        match part {
            Part::Content => flip(&mut held.content, at, mask),
            Part::Label => flip(&mut held.label_hash, at, mask),
            Part::Title => flip_text(&mut held.title, at),
            Part::ReportId => flip_text(&mut held.report_id, at),
            Part::Version => flip_text(&mut held.version, at),
            Part::Path => {
                let step = at % held.signature.path.len();
                let mut hash = *held.signature.path[step].as_bytes();
                flip(&mut hash, at / 64, mask);
                held.signature.path[step] = Hash::new(hash);
            }
            Part::Signature => flip(&mut held.signature.ed25519, at, mask),
            Part::KeyId => flip_text(&mut held.signature.key_id, at),
            Part::Key => {
                let mut public = *key.public_key();
                flip(&mut public, at, mask);
                key = VerifyingKey::ed25519(ORIGINATOR, public).unwrap();
                held.signature.key_id = originator_key_id(&public);
            }
        }
        prop_assert!(held.verify(&key).is_err(), "{:?}", part);
    }

    #[test]
    fn a_path_that_is_cut_or_drawn_out_is_found(
        (count, place) in (2_u64..129).prop_flat_map(|count| (Just(count), 0..count)),
        cut in any::<bool>(),
    ) {
        let (mut held, key) = Held::signed(b"{}", place, count);
        if cut { held.signature.path.pop(); } else { held.signature.path.push(Hash::new([0; 32])); }
        prop_assert!(matches!(held.verify(&key), Err(VersionError::Place(_))));
    }
}
