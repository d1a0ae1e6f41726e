//! The receipt that leaves with every disclosing answer: proof that the log already holds the record of it. Checked with
//! the log's public key alone; also printed and read as c2sp.org/tlog-proof text for other verifiers.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::commitment::{Entry, EntryError};
use crate::decimal;
use crate::hash::{Hash, leaf_hash};
use crate::note::{NOTE_BYTES_MAX, Note, NoteError, VerifyingKey};
use crate::proof::{PROOF_HASHES_MAX, ProofError, verify_inclusion};

/// First line of a proof file.
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Largest `extra` field read, bytes after decoding. Nothing vouches for it, so it is kept small.
pub const EXTRA_BYTES_MAX: usize = 16 * 1024;

/// Largest proof file read, bytes.
pub const PROOF_TEXT_BYTES_MAX: usize = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX;

/// An entry, its place in the log and the log's signed word for it. Unchecked until [`Receipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which log.
    pub origin: String,
    /// Place of the entry, from 0.
    pub index: u64,
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Size of the tree the path leads to.
    pub tree_size: u64,
    /// Inclusion proof, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The signed checkpoint of that tree, as text.
    pub checkpoint: String,
}

/// What a receipt has proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// Which log.
    pub origin: String,
    /// Place of the entry, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// The entry's leaf hash.
    pub leaf: Hash,
    /// Size of the signed tree.
    pub tree_size: u64,
    /// Root of the signed tree.
    pub root: Hash,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is no signed note, or this key did not sign it.
    #[error("the checkpoint's note does not hold")]
    Note(#[source] NoteError),
    /// The signed text is no checkpoint.
    #[error("the signed text is not a checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The receipt names another log than its checkpoint.
    #[error("the receipt names log `{receipt}`, its checkpoint `{checkpoint}`")]
    OriginMismatch {
        /// Origin in the receipt.
        receipt: String,
        /// Origin in the checkpoint.
        checkpoint: String,
    },
    /// The key is that of another log: real and exercise logs must not be mistaken for each other.
    #[error("key `{key}` does not speak for log `{origin}`")]
    KeyOfAnotherLog {
        /// Name of the key.
        key: String,
        /// Origin in the checkpoint.
        origin: String,
    },
    /// The receipt gives another size than its checkpoint.
    #[error("the receipt gives tree size {receipt}, its checkpoint {checkpoint}")]
    SizeMismatch {
        /// Size in the receipt.
        receipt: u64,
        /// Size in the checkpoint.
        checkpoint: u64,
    },
    /// The entry is not one of ours.
    #[error("the entry is malformed")]
    Entry(#[source] EntryError),
    /// The path does not lead from the entry to the signed root.
    #[error("the entry is not in the signed tree")]
    Inclusion(#[source] ProofError),
}

impl Receipt {
    /// Checks everything a receipt says, with the log's key.
    pub fn verify(&self, key: &VerifyingKey) -> Result<VerifiedReceipt, ReceiptError> {
        let checkpoint = self.verify_checkpoint(key)?;
        let entry = Entry::decode(&self.entry).map_err(ReceiptError::Entry)?;
        let leaf = leaf_hash(&self.entry);
        verify_inclusion(&leaf, self.index, checkpoint.size, &self.path, &checkpoint.root)
            .map_err(ReceiptError::Inclusion)?;
        let Checkpoint { origin, size, root, extensions: _ } = checkpoint;
        Ok(VerifiedReceipt { origin, index: self.index, entry, leaf, tree_size: size, root })
    }

    fn verify_checkpoint(&self, key: &VerifyingKey) -> Result<Checkpoint, ReceiptError> {
        let note = Note::parse(self.checkpoint.as_bytes()).map_err(ReceiptError::Note)?;
        note.verify(&[key]).map_err(ReceiptError::Note)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(ReceiptError::Checkpoint)?;
        if checkpoint.origin != self.origin {
            let receipt = self.origin.clone();
            return Err(ReceiptError::OriginMismatch { receipt, checkpoint: checkpoint.origin });
        }
        if checkpoint.origin != key.name() {
            let key = key.name().to_owned();
            return Err(ReceiptError::KeyOfAnotherLog { key, origin: checkpoint.origin });
        }
        if checkpoint.size != self.tree_size {
            return Err(ReceiptError::SizeMismatch { receipt: self.tree_size, checkpoint: checkpoint.size });
        }
        Ok(checkpoint)
    }

    /// The receipt as proof file; the entry travels beside it.
    #[must_use]
    pub fn to_proof(&self) -> TlogProof {
        let (index, path) = (self.index, self.path.clone());
        TlogProof { extra: None, index, path, checkpoint: self.checkpoint.clone() }
    }

    /// Puts a proof file and its entry together. Origin and size come from the checkpoint, still unverified.
    pub fn from_proof(proof: TlogProof, entry: Vec<u8>) -> Result<Self, ReceiptError> {
        let note = Note::parse(proof.checkpoint.as_bytes()).map_err(ReceiptError::Note)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(ReceiptError::Checkpoint)?;
        let Checkpoint { origin, size: tree_size, root: _, extensions: _ } = checkpoint;
        let TlogProof { extra: _, index, path, checkpoint } = proof;
        Ok(Self { origin, index, entry, tree_size, path, checkpoint })
    }
}

/// A proof file: `.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes for the application; nothing vouches for them.
    pub extra: Option<Vec<u8>>,
    /// Place of the entry, from 0.
    pub index: u64,
    /// Inclusion proof, the leaf's sibling first.
    pub path: Vec<Hash>,
    /// The signed checkpoint, as text.
    pub checkpoint: String,
}

/// Why a text is not a proof file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than [`PROOF_TEXT_BYTES_MAX`].
    #[error("a proof of {bytes} bytes is above the limit of {PROOF_TEXT_BYTES_MAX}")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// No blank line before the checkpoint.
    #[error("the proof has no checkpoint")]
    NoCheckpoint,
    /// Another format or version.
    #[error("the proof does not start with `{PROOF_HEADER}`")]
    UnknownFormat,
    /// The `extra` line is not base64 or too large.
    #[error("the proof's extra line is not base64 of at most {EXTRA_BYTES_MAX} bytes")]
    BadExtra,
    /// No `index` line, or not a decimal number.
    #[error("the proof has no index")]
    BadIndex,
    /// A line that is not a hash.
    #[error("line {line} of the path is not a hash")]
    BadHash {
        /// Number of the line within the path, from 1.
        line: usize,
    },
    /// More hashes than any tree needs.
    #[error("the path has more than {PROOF_HASHES_MAX} hashes")]
    PathTooLong,
}

impl TlogProof {
    /// Reads a proof file. The checkpoint is taken as it stands; verifying parses it.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        if text.len() > PROOF_TEXT_BYTES_MAX {
            return Err(TlogProofError::TooLong { bytes: text.len() });
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF_HEADER) {
            return Err(TlogProofError::UnknownFormat);
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(parse_extra).transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal::parse);
        let index = index.ok_or(TlogProofError::BadIndex)?;
        Ok(Self { extra, index, path: parse_path(lines)?, checkpoint: checkpoint.to_owned() })
    }
}

/// The file's text.
impl fmt::Display for TlogProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{PROOF_HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(out, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(out, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(out, "{}", hash.to_base64()))?;
        out.write_char('\n')?;
        out.write_str(&self.checkpoint)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, TlogProofError> {
    let extra = line.strip_prefix("extra ").and_then(|encoded| STANDARD.decode(encoded).ok());
    extra.filter(|bytes| bytes.len() <= EXTRA_BYTES_MAX).ok_or(TlogProofError::BadExtra)
}

fn parse_path<'text>(lines: impl Iterator<Item = &'text str>) -> Result<Vec<Hash>, TlogProofError> {
    let mut path = Vec::new();
    for (line, number) in lines.zip(1..) {
        if number > PROOF_HASHES_MAX {
            return Err(TlogProofError::PathTooLong);
        }
        path.push(Hash::from_base64(line).ok_or(TlogProofError::BadHash { line: number })?);
    }
    Ok(path)
}
