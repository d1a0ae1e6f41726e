//! A checkpoint: the statement "the log of this origin has this many entries under this root", the text of a signed note.
//! Source: c2sp.org/tlog-checkpoint v1.0.0.

use std::fmt;

use crate::decimal;
use crate::hash::Hash;
use crate::note::{Note, NoteError, Signer};

/// A log's size and root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `audit.<organisation>/<realm>/<year>`.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Lines after the third. We write none; others' are kept, as they are signed.
    pub extensions: Vec<String>,
}

/// Why a note's text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The first line is missing or empty.
    #[error("the checkpoint has no origin")]
    NoOrigin,
    /// The second line is not a decimal number without leading zero.
    #[error("the checkpoint's second line is not a tree size")]
    BadSize,
    /// The third line is not a hash in base64.
    #[error("the checkpoint's third line is not a root hash")]
    BadRoot,
    /// An empty extension line, or a text that does not end in a line feed.
    #[error("line {line} of the checkpoint is empty or unfinished")]
    BadLine {
        /// Number of the line, from 1.
        line: usize,
    },
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    #[must_use]
    pub fn new(origin: &str, size: u64, root: Hash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads a note's text.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n');
        let body = body.ok_or_else(|| CheckpointError::BadLine { line: text.split('\n').count() })?;
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty()).ok_or(CheckpointError::NoOrigin)?;
        let size = lines.next().and_then(decimal::parse).ok_or(CheckpointError::BadSize)?;
        let root = lines.next().and_then(Hash::from_base64).ok_or(CheckpointError::BadRoot)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        match extensions.iter().position(String::is_empty) {
            Some(at) => Err(CheckpointError::BadLine { line: at + 4 }),
            None => Ok(Self { origin: origin.to_owned(), size, root, extensions }),
        }
    }

    /// The signed note of this checkpoint.
    pub fn sign(&self, signer: &Signer) -> Result<Note, NoteError> {
        Note::sign(&self.to_string(), &[signer])
    }
}

/// The text of the note.
impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n{}\n{}", self.origin, self.size, self.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}
