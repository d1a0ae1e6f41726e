//! Canonical bytes and hash: RFC 8785 JSON of every field that is not neutral, all strings in ASCII.
//!
//! The hash is computed over these bytes on every node; they are a frozen format.

use std::io;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::LabelHash;
use crate::label::{Label, LabelError, LabelErrorCode};

/// First bytes under every label hash: format and version.
const HASH_PREFIX: &str = "entente.label.v1\n";

impl Label {
    /// The canonical bytes: equal labels, equal bytes, on every node.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        canonical_json(&self.fields)
    }

    /// Reads canonical bytes, or any JSON with the same fields; the label may be malformed, never ambiguous.
    ///
    /// # Errors
    /// `E_UNKNOWN_FIELD` for a field this version does not know, `E_PARSE` for everything else.
    pub fn from_canonical(bytes: &[u8]) -> Result<Label, LabelError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            let unknown = text.starts_with("unknown field");
            let code = if unknown { LabelErrorCode::UnknownField } else { LabelErrorCode::Parse };
            LabelError::new(code, text)
        })
    }

    /// SHA-256 of the canonical bytes, dates included.
    #[must_use]
    pub fn hash(&self) -> LabelHash {
        LabelHash::over(HASH_PREFIX, &self.canonical_bytes())
    }
}

/// Version of the canonical form. A stored label of another version is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelVersion;

impl Serialize for LabelVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for LabelVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!("label version `{other}` is not 1"))),
        }
    }
}

/// Booleans as they stand in canonical JSON: 1, or absent. Read leniently as `true` and `false` too.
pub(super) mod flag {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Bool(bool),
        Number(u64),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `with` passes a reference")]
    pub(crate) fn serialize<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(u8::from(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        match Stored::deserialize(deserializer)? {
            Stored::Bool(value) => Ok(value),
            Stored::Number(0) => Ok(false),
            Stored::Number(1) => Ok(true),
            Stored::Number(other) => Err(D::Error::custom(format!("`{other}` is neither 0 nor 1"))),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` passes a reference")]
pub(super) fn is_unset(value: &bool) -> bool {
    !value
}

pub(super) fn is_neutral<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Compact JSON whose strings are ASCII. The value must declare its fields in the order of their names.
pub(crate) fn canonical_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, AsciiFormatter);
    // Writing to memory does not fail, and neither do our derived maps, whose keys are strings.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "canonical JSON: {written:?}");
    bytes
}

/// Compact, and `\uXXXX` for everything outside printable ASCII, as the reference writes it.
struct AsciiFormatter;

impl serde_json::ser::Formatter for AsciiFormatter {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for character in fragment.chars() {
            if (' '..='~').contains(&character) {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ids::OriginatorName;
    use crate::label::{Label, LabelErrorCode, LabelFields};

    #[test]
    fn a_field_of_a_later_version_is_refused_and_not_dropped() {
        let refused = |json: &str| Label::from_canonical(json.as_bytes()).unwrap_err().code;
        assert_eq!(refused(r#"{"realm":"REAL","v":1,"handling":"x"}"#), LabelErrorCode::UnknownField);
        assert_eq!(refused(r#"{"realm":"REAL","v":2}"#), LabelErrorCode::Parse);
        assert_eq!(refused(r#"{"realm":"REAL","tlp":5,"v":1}"#), LabelErrorCode::Parse);
    }

    #[test]
    fn text_outside_ascii_is_escaped_as_the_reference_does() {
        let originators = vec![OriginatorName::from("\u{e9}\u{7f}\u{1f512}\"\n")];
        let label = Label::from(LabelFields { originators, ..LabelFields::default() });
        let expected = r#"{"originators":["\u00e9\u007f\ud83d\udd12\"\n"],"realm":"REAL","v":1}"#;
        assert_eq!(String::from_utf8(label.canonical_bytes()).unwrap(), expected);
    }
}
