//! What the log holds in place of a record: one salted digest per section, hashed together, 50 bytes for every entry. Any
//! section can be opened to an overseer or erased on its own, and the entry, the tree and all proofs stay as they were.

use crate::hash::{HASH_BYTES, Hash, sha256};

/// First bytes of every entry: format and version.
pub const ENTRY_PREFIX: &[u8; 16] = b"entente-audit/1\n";

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 50;

/// First bytes under the commitment's hash: format and version.
pub const RECORD_PREFIX: &[u8] = b"entente-record/1";

/// Bytes of a section's salt: as hard to guess as the hash, so that an erased section cannot be tried out.
pub const SALT_BYTES: usize = 32;

/// Most sections a record has: their number is one byte, from 1.
pub const SECTIONS_MAX: usize = 255;

/// First byte under a section's hash ('S').
const SECTION_PREFIX: u8 = 0x53;

/// Digest of section `number`: `SHA-256(0x53 || number || salt || body)`. The body is the section's exact bytes.
#[must_use]
pub fn section_digest(number: u8, salt: &[u8; SALT_BYTES], body: &[u8]) -> Hash {
    sha256(&[&[SECTION_PREFIX, number], salt, body])
}

/// Commitment of a record: `SHA-256("entente-record/1" || d_1 .. d_n)`, the digests of all its sections in order.
#[must_use]
pub fn record_commitment(digests: &[Hash]) -> Hash {
    let parts: Vec<&[u8]> = std::iter::once(RECORD_PREFIX).chain(digests.iter().map(Hash::as_ref)).collect();
    sha256(&parts)
}

/// What is in the log. No personal data; all entries look alike, padding included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Counts a shard's re-openings, so that equal records in two shards differ.
    pub shard_epoch: u16,
    /// The record's commitment.
    pub commitment: Hash,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not [`ENTRY_BYTES`] long.
    #[error("an entry has {ENTRY_BYTES} bytes, found {found}")]
    WrongLength {
        /// Bytes found.
        found: usize,
    },
    /// Another format or version.
    #[error("the entry does not start with `entente-audit/1`")]
    UnknownFormat,
}

impl Entry {
    /// The entry's bytes: prefix, epoch big-endian, commitment.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..16].copy_from_slice(ENTRY_PREFIX);
        bytes[16..18].copy_from_slice(&self.shard_epoch.to_be_bytes());
        bytes[18..50].copy_from_slice(self.commitment.as_bytes());
        bytes
    }

    /// Reads an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let wrong_length = EntryError::WrongLength { found: bytes.len() };
        let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().map_err(|_| wrong_length.clone())?;
        let rest = bytes.strip_prefix(ENTRY_PREFIX).ok_or(EntryError::UnknownFormat)?;
        let (epoch, commitment) = rest.split_first_chunk::<2>().ok_or(wrong_length.clone())?;
        let commitment = Hash::from_slice(commitment).ok_or(wrong_length)?;
        Ok(Self { shard_epoch: u16::from_be_bytes(*epoch), commitment })
    }
}

/// A section as it is shown to someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedSection {
    /// Salt and body: what the section says can be read and checked.
    Open {
        /// The section's own salt.
        salt: [u8; SALT_BYTES],
        /// The exact bytes committed to; empty for an absent section.
        body: Vec<u8>,
    },
    /// Withheld or erased: only that it exists.
    DigestOnly(Hash),
}

/// All sections of a record in order, each open or as digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Section 1 first.
    pub sections: Vec<OpenedSection>,
}

/// Why an opening does not belong to an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// None, or more than [`SECTIONS_MAX`].
    #[error("a record has 1 to {SECTIONS_MAX} sections, found {found}")]
    SectionCount {
        /// Sections found.
        found: usize,
    },
    /// A salt, body or digest is not what was committed to.
    #[error("the sections lead to commitment {computed}, the entry holds {expected}")]
    CommitmentMismatch {
        /// Commitment in the entry.
        expected: Hash,
        /// Commitment of the sections.
        computed: Hash,
    },
}

impl Opening {
    /// The commitment of these sections.
    pub fn commitment(&self) -> Result<Hash, OpeningError> {
        let found = self.sections.len();
        if !(1..=SECTIONS_MAX).contains(&found) {
            return Err(OpeningError::SectionCount { found });
        }
        let digests = (1..=u8::MAX).zip(&self.sections).map(|(number, section)| section.digest(number));
        Ok(record_commitment(&digests.collect::<Vec<_>>()))
    }

    /// Checks that every open section is what the entry commits to.
    pub fn verify(&self, entry: &Entry) -> Result<(), OpeningError> {
        let computed = self.commitment()?;
        if computed == entry.commitment {
            return Ok(());
        }
        Err(OpeningError::CommitmentMismatch { expected: entry.commitment, computed })
    }

    /// The same record with only the sections of these numbers (from 1) open.
    #[must_use]
    pub fn withhold_all_but(&self, open: &[u8]) -> Self {
        let sections = (1..=u8::MAX).zip(&self.sections).map(|(number, section)| {
            if open.contains(&number) {
                section.clone()
            } else {
                OpenedSection::DigestOnly(section.digest(number))
            }
        });
        Self { sections: sections.collect() }
    }
}

impl OpenedSection {
    /// The section's digest, given its number (from 1).
    #[must_use]
    pub fn digest(&self, number: u8) -> Hash {
        match self {
            Self::Open { salt, body } => section_digest(number, salt, body),
            Self::DigestOnly(digest) => *digest,
        }
    }
}

const _: () = assert!(ENTRY_BYTES == ENTRY_PREFIX.len() + 2 + HASH_BYTES);
