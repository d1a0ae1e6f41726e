//! What an originator signs of a version of a report, and how anybody checks it. The signature covers the root of a small
//! tree of versions, so that signing costs little per version and every version still proves itself. Statement and signed
//! message are frozen formats (golden files); `docs/originator-signatures.md` tells them to readers of other software.

use crate::{
    hash::{HASH_BYTES, Hash, leaf_hash, sha256},
    note::VerifyingKey,
    proof::{ProofError, inclusion_root},
};

/// First line of a statement.
const STATEMENT_HEADER: &str = "entente.version.v1\n";
/// What precedes the root in the signed message.
const MESSAGE_PREFIX: &[u8] = b"entente.versions.v1\n";
/// Bytes of the public key's hash that are its id.
const KEY_ID_BYTES: usize = 8;

/// What an originator states of a version.
#[derive(Debug, Clone, Copy)]
pub struct VersionStatement<'a> {
    /// Organization that originated it.
    pub originator: &'a str,
    /// STIX id, or the id of a text.
    pub report_id: &'a str,
    /// Version exactly as received; empty for reports without versions.
    pub version: &'a str,
    /// Hash of the label, dates included; the realm is part of the label.
    pub label_hash: &'a [u8; HASH_BYTES],
    /// The bytes exactly as received.
    pub content: &'a [u8],
    /// Title of free text; empty for STIX.
    pub title: &'a str,
}

impl VersionStatement<'_> {
    /// Seven lines: header, originator, id, version, SHA-256 of the content and label hash in hexadecimal, title.
    /// INVARIANT: no part holds a line feed (intake refuses them, [`verify_version`] too), so two statements are equal only
    /// if all their parts are.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(320);
        text.push_str(STATEMENT_HEADER);
        for part in [self.originator, self.report_id, self.version] {
            text.push_str(part);
            text.push('\n');
        }
        push_hex(&mut text, sha256(&[self.content]).as_bytes());
        text.push('\n');
        push_hex(&mut text, self.label_hash);
        text.push('\n');
        text.push_str(self.title);
        text.push('\n');
        text.into_bytes()
    }

    /// The leaf of the version.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.bytes())
    }

    fn holds_line_feed(&self) -> bool {
        [self.originator, self.report_id, self.version, self.title].iter().any(|part| part.contains('\n'))
    }
}

/// What is signed: prefix and root.
#[must_use]
pub fn signed_message(root: &Hash) -> Vec<u8> {
    [MESSAGE_PREFIX, root.as_bytes()].concat()
}

/// The id by which signatures name a public key: the first 8 bytes of its SHA-256, in hexadecimal.
#[must_use]
pub fn originator_key_id(public_key: &[u8]) -> String {
    let mut id = String::with_capacity(2 * KEY_ID_BYTES);
    push_hex(&mut id, sha256(&[public_key]).as_bytes().get(..KEY_ID_BYTES).unwrap_or_default());
    id
}

/// An originator's signature, with a version's place under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSignature {
    /// [`originator_key_id`] of the key that signed.
    pub key_id: String,
    /// Ed25519 over [`signed_message`], 64 bytes.
    pub ed25519: Vec<u8>,
    /// Place of the version in the tree. It says which way the path goes; nobody vouches for the number itself.
    pub leaf_index: u64,
    /// Versions in the tree; likewise.
    pub leaf_count: u64,
    /// Inclusion path, the leaf's sibling first.
    pub path: Vec<Hash>,
}

/// Why a signature does not vouch for a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// A part of the statement holds a line feed: no originator ever signed such a one.
    #[error("originator, id, version or title hold a line feed")]
    LineFeed,
    /// The path does not fit the place.
    #[error("the place in the signed tree is malformed")]
    Place(#[source] ProofError),
    /// The key is another organization's.
    #[error("the key is of `{key}`, the version says it is of `{originator}`")]
    OtherOriginator {
        /// Name of the key.
        key: String,
        /// Originator stated.
        originator: String,
    },
    /// The originator signed with another key than this one.
    #[error("the signature names key `{named}`, checked was `{key}`")]
    OtherKey {
        /// Id in the signature.
        named: String,
        /// Id of the key.
        key: String,
    },
    /// The key did not sign the tree to which content, label, title, id and path lead.
    #[error("the signature does not cover this content, label, title, id, version and place")]
    NotSigned,
}

/// Checks that the originator signed exactly this version. `key` is the originator's, its name the organization. That the
/// label hash is the hash of the label shown is the caller's to check: labels are not this crate's.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_version(
    statement: &VersionStatement<'_>,
    signature: &VersionSignature,
    key: &VerifyingKey,
) -> Result<(), VersionError> {
    if statement.holds_line_feed() {
        return Err(VersionError::LineFeed);
    }
    if key.name() != statement.originator {
        let (key, originator) = (key.name().to_owned(), statement.originator.to_owned());
        return Err(VersionError::OtherOriginator { key, originator });
    }
    let key_id = originator_key_id(key.public_key());
    if key_id != signature.key_id {
        return Err(VersionError::OtherKey { named: signature.key_id.clone(), key: key_id });
    }
    let VersionSignature { leaf_index, leaf_count, path, .. } = signature;
    let root =
        inclusion_root(&statement.leaf(), *leaf_index, *leaf_count, path).map_err(VersionError::Place)?;
    if key.verifies(&signed_message(&root), &signature.ed25519) {
        Ok(())
    } else {
        Err(VersionError::NotSigned)
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
}
