//! STIX types and identifiers: `indicator`, `indicator--9f0b…`. Parsed once, so that past here an identifier is sound.

use std::fmt;

/// Characters of a type (STIX 2.1, 2.17 and 3.1: 3 to 250).
const TYPE_CHARS: std::ops::RangeInclusive<usize> = 3..=250;

/// Bytes of a UUID's text.
const UUID_BYTES: usize = 36;

/// What stands between type and UUID.
const SEPARATOR: &str = "--";

/// An object's identifier: `type--uuid`. The UUID is kept in lower case (RFC 9562, 4: case does not matter), so that two
/// spellings name one object; the object's own bytes are not touched by this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StixId(String);

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No `--` between type and UUID.
    #[error("an identifier is a type, two hyphens and a UUID")]
    NoSeparator,
    /// The part before `--` is no type.
    #[error("an identifier starts with a type: 3 to 250 of a-z, 0-9 and hyphen")]
    BadType,
    /// The part after `--` is no UUID.
    #[error("an identifier ends in a UUID: 8-4-4-4-12 hexadecimal digits")]
    BadUuid,
}

impl StixId {
    /// Reads an identifier.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let Some((object_type, uuid)) = parts(text) else {
            // Told apart for the message only.
            return Err(if text.contains(SEPARATOR) { IdError::BadUuid } else { IdError::NoSeparator });
        };
        if !is_object_type(object_type) {
            return Err(IdError::BadType);
        }
        if !is_uuid(uuid) {
            return Err(IdError::BadUuid);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the two hyphens.
    #[must_use]
    pub fn object_type(&self) -> &str {
        parts(&self.0).map_or("", |(object_type, _)| object_type)
    }
}

impl fmt::Display for StixId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether a text can be an object's type: `^[a-z0-9][a-z0-9-]{1,248}[a-z0-9]$`.
#[must_use]
pub fn is_object_type(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bounded = TYPE_CHARS.contains(&text.len()) && text.bytes().all(|byte| plain(byte) || byte == b'-');
    bounded && !text.starts_with('-') && !text.ends_with('-')
}

/// Type and UUID, told apart by the UUID's fixed length.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (head, uuid) = text.split_at_checked(text.len().checked_sub(UUID_BYTES)?)?;
    Some((head.strip_suffix(SEPARATOR)?, uuid))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == UUID_BYTES && text.bytes().enumerate().all(fits)
}
