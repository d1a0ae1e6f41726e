//! Signed notes after c2sp.org/signed-note v1.0.0: a text, a blank line, signature lines. Parsing is strict and bounded,
//! because notes come from other parties; verifying follows the standard: unknown keys are ignored, a known key that fails
//! condemns the note.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::NoteError as Error;
pub use crate::note_key::{KeyError, KeyId, Signer, VerifyingKey};

/// Largest note read, bytes: 64 post-quantum signatures of 5 kB would fit.
pub const NOTE_BYTES_MAX: usize = 384 * 1024;

/// Most signature lines read; the standard asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// What a signature line starts with: em dash, space.
const LINE_START: &str = "\u{2014} ";

/// Bytes of the key ID before the signature in a line's base64.
const KEY_ID_BYTES: usize = 4;

/// A text and the signatures below it. None of them is known to hold until [`Note::verify`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key that is said to have signed.
    pub name: String,
    /// Its key ID.
    pub key_id: KeyId,
    /// The signature without the key ID; its form depends on the key's type.
    pub signature: Vec<u8>,
}

/// Why a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("a note of {bytes} bytes is above the limit of {NOTE_BYTES_MAX}")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// A control character other than a line feed.
    #[error("the note has a control character at byte {at}")]
    ControlCharacter {
        /// Byte offset.
        at: usize,
    },
    /// No blank line between text and signatures, or nothing below it.
    #[error("the note has no signatures")]
    NoSignatures,
    /// No text, or a text that does not end in a line feed.
    #[error("the note's text is empty or does not end in a line feed")]
    BadText,
    /// A signature line that is not em dash, space, name, space, base64.
    #[error("signature line {line} is malformed")]
    BadSignatureLine {
        /// Number of the line among the signature lines, from 1.
        line: usize,
    },
    /// More lines than [`SIGNATURES_MAX`].
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A key the caller named did not make this signature.
    #[error("the signature of `{name}` does not hold")]
    SignatureInvalid {
        /// The key's name.
        name: String,
    },
    /// No key the caller named has signed.
    #[error("the note is signed by none of the keys asked for")]
    NoKnownSigner,
}

impl Note {
    /// Signs a text with each of the keys.
    pub fn sign(text: &str, signers: &[&Signer]) -> Result<Self, NoteError> {
        check_text(text)?;
        if signers.is_empty() {
            return Err(Error::NoSignatures);
        }
        let signatures = signers.iter().map(|signer| NoteSignature {
            name: signer.verifying_key().name().to_owned(),
            key_id: signer.verifying_key().key_id(),
            signature: signer.sign(text.as_bytes()),
        });
        Ok(Self { text: text.to_owned(), signatures: signatures.collect() })
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Error::TooLong { bytes: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8)?;
        check_characters(note)?;
        let (text_before_end, lines) = note.rsplit_once("\n\n").ok_or(Error::NoSignatures)?;
        let lines = lines.strip_suffix('\n').ok_or(Error::NoSignatures)?;
        let text = format!("{text_before_end}\n");
        check_text(&text)?;
        Ok(Self { text, signatures: parse_lines(lines)? })
    }

    /// The signed text, line feed at its end included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order, unverified.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The keys that have signed, each once. An error when a named key's signature fails or no named key has signed.
    pub fn verify<'key>(&self, keys: &[&'key VerifyingKey]) -> Result<Vec<&'key VerifyingKey>, NoteError> {
        let mut signed: Vec<&'key VerifyingKey> = Vec::new();
        for line in &self.signatures {
            let known = keys.iter().find(|key| key.name() == line.name && key.key_id() == line.key_id);
            let Some(key) = known else { continue };
            if !key.verifies(self.text.as_bytes(), &line.signature) {
                return Err(Error::SignatureInvalid { name: line.name.clone() });
            }
            if !signed.iter().any(|earlier| earlier == key) {
                signed.push(key);
            }
        }
        if signed.is_empty() { Err(Error::NoKnownSigner) } else { Ok(signed) }
    }
}

/// The note's bytes.
impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        for line in &self.signatures {
            let mut bytes = line.key_id.0.to_vec();
            bytes.extend_from_slice(&line.signature);
            writeln!(out, "{LINE_START}{} {}", line.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

fn check_characters(note: &str) -> Result<(), NoteError> {
    match note.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        Some(at) => Err(Error::ControlCharacter { at }),
        None => Ok(()),
    }
}

/// The text's own rules; a text may hold blank lines, as the last one of the note is the boundary.
fn check_text(text: &str) -> Result<(), NoteError> {
    check_characters(text)?;
    if text.len() > NOTE_BYTES_MAX {
        return Err(Error::TooLong { bytes: text.len() });
    }
    if text.ends_with('\n') && text != "\n" { Ok(()) } else { Err(Error::BadText) }
}

fn parse_lines(lines: &str) -> Result<Vec<NoteSignature>, NoteError> {
    let mut signatures = Vec::new();
    for (line, number) in lines.split('\n').zip(1..) {
        if number > SIGNATURES_MAX {
            return Err(Error::TooManySignatures);
        }
        signatures.push(parse_line(line).ok_or(Error::BadSignatureLine { line: number })?);
    }
    Ok(signatures)
}

fn parse_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk::<KEY_ID_BYTES>()?;
    let sound = crate::note_key::is_key_name(name) && !signature.is_empty();
    sound.then(|| NoteSignature {
        name: name.to_owned(),
        key_id: KeyId(*key_id),
        signature: signature.to_vec(),
    })
}
