//! The stored form of a record's sections: for each of the eleven in order, 32 bytes of salt, four of length (big-endian),
//! the body. One buffer per record: it is written by the wire's side, salted and hashed in place, and stored as it is.

use std::ops::Range;

use entente_ledger::{
    commitment::{OpenedSection, Opening, SALT_BYTES, section_digest},
    hash::Hash,
};

/// Sections of a record: the fields of `AuditRecord`.
pub const SECTIONS: usize = 11;

/// Bytes before each body.
const HEAD_BYTES: usize = SALT_BYTES + 4;

/// The sections of a record, not yet salted.
#[derive(Debug, Clone, Default)]
pub struct Unsalted {
    bytes: Vec<u8>,
    bodies: Vec<Range<usize>>,
}

impl Unsalted {
    /// No sections yet; room for bodies of this many bytes in all.
    #[must_use]
    pub fn with_room(body_bytes: usize) -> Unsalted {
        let room = body_bytes.saturating_add(SECTIONS * HEAD_BYTES);
        Unsalted { bytes: Vec::with_capacity(room), bodies: Vec::with_capacity(SECTIONS) }
    }

    /// Adds the next section: what `write` puts into the buffer is its body.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        let start = self.bytes.len();
        write(&mut self.bytes);
        // A body is bounded far below 4 GiB by the limit of a message.
        let length = u32::try_from(self.bytes.len().saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(start.saturating_sub(4)..start) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self.bodies.push(start..self.bytes.len());
    }

    /// Number of sections so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bodies.len()
    }

    /// Bytes of all bodies.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.bodies.iter().map(ExactSizeIterator::len).sum()
    }

    /// Puts the salts in, gives the digests and the stored form.
    #[must_use]
    pub fn salt(mut self, salts: &[[u8; SALT_BYTES]; SECTIONS]) -> (Vec<Hash>, Vec<u8>) {
        let mut digests = Vec::with_capacity(SECTIONS);
        for ((number, body), salt) in (1_u8..).zip(&self.bodies).zip(salts) {
            let place = body.start.saturating_sub(HEAD_BYTES)..body.start.saturating_sub(4);
            if let Some(place) = self.bytes.get_mut(place) {
                place.copy_from_slice(salt);
            }
            let body = self.bytes.get(body.clone()).unwrap_or_default();
            digests.push(section_digest(number, salt, body));
        }
        (digests, self.bytes)
    }
}

/// Reads the stored form; `None` when it is not one.
#[must_use]
pub fn decode(stored: &[u8]) -> Option<Opening> {
    let mut sections = Vec::with_capacity(SECTIONS);
    let mut rest = stored;
    for _ in 0..SECTIONS {
        let (salt, after) = rest.split_first_chunk::<SALT_BYTES>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (body, after) = after.split_at_checked(length)?;
        sections.push(OpenedSection::Open { salt: *salt, body: body.to_vec() });
        rest = after;
    }
    rest.is_empty().then_some(Opening { sections })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_and_eight_empty() -> Unsalted {
        let mut sections = Unsalted::with_room(16);
        for body in [&b"one"[..], b"", b"three"] {
            sections.push(|buffer| buffer.extend_from_slice(body));
        }
        (3..SECTIONS).for_each(|_| sections.push(|_| ()));
        sections
    }

    #[test]
    fn what_is_written_reads_back_with_the_same_commitment() {
        let salts: [[u8; SALT_BYTES]; SECTIONS] = std::array::from_fn(|number| [number as u8; SALT_BYTES]);
        let (digests, stored) = three_and_eight_empty().salt(&salts);
        let opening = decode(&stored).unwrap();
        let expected = entente_ledger::commitment::record_commitment(&digests);
        assert_eq!(opening.commitment(), Ok(expected));
        assert_eq!(
            opening.sections[2],
            OpenedSection::Open { salt: [2; SALT_BYTES], body: b"three".to_vec() }
        );
    }

    #[test]
    fn a_cut_or_lengthened_form_is_refused() {
        let (_, stored) = three_and_eight_empty().salt(&[[7; SALT_BYTES]; SECTIONS]);
        assert!(decode(&stored[..stored.len() - 1]).is_none());
        assert!(decode(&[stored.as_slice(), b"x"].concat()).is_none());
        assert!(decode(&[]).is_none());
    }
}
