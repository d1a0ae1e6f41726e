//! The three hashes of an RFC 6962 tree and the value they give. Domain separation (0x00 leaf, 0x01 node) is what stops
//! an inner node from being passed off as an entry.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Length of a hash, bytes (SHA-256).
pub const HASH_BYTES: usize = 32;

/// Length of a hash in padded base64, characters.
const HASH_BASE64_CHARS: usize = 44;

/// A SHA-256 value: of a leaf, a node, a root or a commitment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// Wraps bytes that are already a SHA-256 value.
    #[must_use]
    pub const fn new(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The value in a slice of exactly [`HASH_BYTES`] bytes, else `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The value in canonical padded base64, else `None`.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        if text.len() != HASH_BASE64_CHARS {
            return None;
        }
        Self::from_slice(&STANDARD.decode(text).ok()?)
    }

    /// Padded base64, the spelling of checkpoints and proofs.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; HASH_BYTES]> for Hash {
    fn from(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hash({self})")
    }
}

/// Hash of a leaf: `SHA-256(0x00 || entry)` (RFC 6962, 2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0x00], entry])
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)` (RFC 6962, 2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 1 + 2 * HASH_BYTES];
    input[1..33].copy_from_slice(&left.0);
    input[33..65].copy_from_slice(&right.0);
    sha256(&[&input])
}

/// Root of the empty tree: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// SHA-256 over the parts, one after the other, without separators.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; HASH_BYTES];
    bytes.copy_from_slice(context.finish().as_ref());
    Hash(bytes)
}
