//! Signatures of originators: one over the root of a small tree of versions, so that signing costs little per version and
//! every version still proves itself. Statement, signed message and their check are `entente_ledger::version`.
//!
//! INVARIANT (I2): the versions of a tree carry the same label. Who gets one of them gets its place among the others and
//! their hashes, and so must be one who may see them all.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use entente_ledger::{
    hash::{HASH_BYTES, Hash},
    tree::root_of,
    version::{originator_key_id, signed_message},
};

pub(crate) use entente_ledger::version::VersionStatement as Statement;

/// Versions under one signature: at 128 a signature costs 0.2 us a version, a path is seven hashes, and a page whose
/// versions all lie in different trees reads and hashes little.
pub(crate) const LEAVES_MAX: usize = 128;

/// A leaf to sign, with the place of its label in the batch's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelledLeaf {
    pub(crate) label: usize,
    pub(crate) leaf: Hash,
}

/// A signature over some leaves.
#[derive(Debug, Clone)]
pub(crate) struct SignedTree {
    pub(crate) leaves: Vec<Hash>,
    pub(crate) signature: Vec<u8>,
}

/// The key that signs for an originator.
pub(crate) struct OriginatorKey {
    pair: Ed25519KeyPair,
    key_id: String,
}

impl OriginatorKey {
    /// A key as stored (PKCS #8); `None` if the bytes hold none.
    pub(crate) fn from_pkcs8(bytes: &[u8]) -> Option<OriginatorKey> {
        let pair = Ed25519KeyPair::from_pkcs8(bytes).ok()?;
        let key_id = originator_key_id(pair.public_key().as_ref());
        Some(OriginatorKey { pair, key_id })
    }

    /// First 8 bytes of SHA-256 of the public key, in hexadecimal.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public key, 32 bytes.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs leaves in order: at most [`LEAVES_MAX`] together, and only neighbours of one label.
    pub(crate) fn sign(&self, leaves: &[LabelledLeaf]) -> Vec<SignedTree> {
        let runs = leaves.chunk_by(|left, right| left.label == right.label);
        runs.flat_map(|run| run.chunks(LEAVES_MAX)).map(|leaves| self.sign_tree(leaves)).collect()
    }

    fn sign_tree(&self, leaves: &[LabelledLeaf]) -> SignedTree {
        let leaves: Vec<Hash> = leaves.iter().map(|labelled| labelled.leaf).collect();
        let message = signed_message(&root_of(&leaves));
        SignedTree { signature: self.pair.sign(&message).as_ref().to_vec(), leaves }
    }
}

/// Hashes one after the other, as leaves are stored.
pub(crate) fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(hashes.len().saturating_mul(HASH_BYTES));
    hashes.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
    bytes
}

/// Hashes from their stored form; `None` if it is not whole.
pub(crate) fn decode_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (leaves, rest) = bytes.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| leaves.iter().copied().map(Hash::new).collect())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use entente_ledger::{
        hash::leaf_hash,
        proof::{MemoryTree, verify_inclusion},
    };

    use super::*;

    fn statement<'a>(title: &'a str, content: &'a [u8]) -> Statement<'a> {
        Statement {
            originator: "VLD-COAST",
            report_id: "indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2",
            version: "2026-11-23T12:00:00.000Z",
            label_hash: &[0xab; 32],
            content,
            title,
        }
    }

    #[test]
    fn the_statement_is_the_stored_one() {
        let text = String::from_utf8(statement("", b"{}").bytes()).unwrap();
        assert_eq!(text, include_str!("../../tests/golden/statement-1.txt"));
    }

    #[test]
    fn another_content_or_title_is_another_leaf() {
        let leaf = statement("", b"{}").leaf();
        assert_eq!(leaf, statement("", b"{}").leaf());
        assert_ne!(leaf, statement("", b"{ }").leaf());
        assert_ne!(leaf, statement("t", b"{}").leaf());
    }

    #[test]
    fn every_leaf_of_a_batch_proves_itself_under_a_signed_root() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let key = OriginatorKey::from_pkcs8(pkcs8.as_ref()).unwrap();
        let labels = (0..300).map(|_| 0).chain([1, 1, 0, 1]);
        let leaves: Vec<LabelledLeaf> = labels
            .zip(0_u32..)
            .map(|(label, n)| LabelledLeaf { label, leaf: leaf_hash(&n.to_be_bytes()) })
            .collect();
        let trees = key.sign(&leaves);
        let sizes: Vec<usize> = trees.iter().map(|tree| tree.leaves.len()).collect();
        assert_eq!(sizes, [128, 128, 44, 2, 1, 1], "no tree holds versions of two labels");
        for tree in &trees {
            let memory = MemoryTree::new(tree.leaves.clone());
            let mut message = b"entente.versions.v1\n".to_vec();
            message.extend_from_slice(memory.root().as_bytes());
            let public = UnparsedPublicKey::new(&ED25519, key.public_key());
            public.verify(&message, &tree.signature).unwrap();
            for (index, leaf) in (0..).zip(&tree.leaves) {
                let path = memory.inclusion_path(index).unwrap();
                verify_inclusion(leaf, index, memory.size(), &path, &memory.root()).unwrap();
            }
            assert_eq!(decode_hashes(&encode_hashes(&tree.leaves)).unwrap(), tree.leaves);
        }
    }
}
