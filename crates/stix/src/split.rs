//! Cuts input into its objects without copying or changing a byte. Accepts what partners send: a bundle, an array, a
//! single object, or several of these one after the other (JSON lines).

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::Key;

/// How much input is taken. Both are the caller's, as they depend on what it can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitLimits {
    /// Largest single object, bytes.
    pub object_bytes_max: usize,
    /// Most objects in one input.
    pub objects_max: usize,
}

/// Where in the input: the byte from its start, and the line and column (in bytes) an editor shows, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Byte offset, from 0.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

/// Why input could not be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Not UTF-8 from here on.
    #[error("the input is not UTF-8 at {at}")]
    NotUtf8 {
        /// First bad byte.
        at: Position,
    },
    /// Not JSON.
    #[error("the input is not JSON at {at}: {reason}")]
    NotJson {
        /// Where reading stopped.
        at: Position,
        /// What the JSON reader says.
        reason: String,
    },
    /// Nothing but white space.
    #[error("the input is empty")]
    Empty,
    /// A number, text or list where an object belongs.
    #[error("object {index} at {at} is not a JSON object")]
    NotAnObject {
        /// Its place among the objects, from 0.
        index: usize,
        /// Its first byte.
        at: Position,
    },
    /// An object above [`SplitLimits::object_bytes_max`].
    #[error("object {index} at {at} has {bytes} bytes, the limit is {bytes_max}")]
    ObjectTooLarge {
        /// Its place among the objects, from 0.
        index: usize,
        /// Its first byte.
        at: Position,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// More objects than [`SplitLimits::objects_max`].
    #[error("the input has more than {objects_max} objects")]
    TooManyObjects {
        /// The limit.
        objects_max: usize,
    },
}

/// The exact bytes of each object, in order. A bundle's own properties are not objects and are dropped.
pub fn objects(input: &[u8], limits: SplitLimits) -> Result<Vec<&[u8]>, SplitError> {
    let text = std::str::from_utf8(input)
        .map_err(|error| SplitError::NotUtf8 { at: Position::of(input, error.valid_up_to()) })?;
    let mut cut = Cut { input: text, limits, objects: Vec::new() };
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Document<'_>>();
    let (mut found, mut from) = (false, 0);
    while let Some(document) = documents.next() {
        let document = document.map_err(|error| not_json(text, text, &error))?;
        let part = text.get(from..documents.byte_offset()).unwrap_or_default();
        found = true;
        from = documents.byte_offset();
        cut.document(document, part.trim_start_matches(JSON_SPACE))?;
    }
    if found { Ok(cut.objects) } else { Err(SplitError::Empty) }
}

/// White space of JSON (RFC 8259, 2).
const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

struct Cut<'input> {
    input: &'input str,
    limits: SplitLimits,
    objects: Vec<&'input [u8]>,
}

impl<'input> Cut<'input> {
    /// `text` is the whole document, from its first byte to its last.
    fn document(&mut self, document: Document<'input>, text: &'input str) -> Result<(), SplitError> {
        match document {
            Document::Items(items) => items.into_iter().try_for_each(|item| self.object(item.get())),
            // `objects` stood before `type`, so that it could not be known for a bundle's when it was read.
            Document::LateBundle(list) => {
                let items: Vec<&'input RawValue> = serde_json::from_str(list.get())
                    .map_err(|error| not_json(self.input, list.get(), &error))?;
                items.into_iter().try_for_each(|item| self.object(item.get()))
            }
            Document::Other => self.object(text),
        }
    }

    fn object(&mut self, text: &'input str) -> Result<(), SplitError> {
        let index = self.objects.len();
        if index >= self.limits.objects_max {
            return Err(SplitError::TooManyObjects { objects_max: self.limits.objects_max });
        }
        if !text.starts_with('{') {
            return Err(SplitError::NotAnObject { index, at: position_of(self.input, text) });
        }
        let (bytes, bytes_max) = (text.len(), self.limits.object_bytes_max);
        if bytes > bytes_max {
            let at = position_of(self.input, text);
            return Err(SplitError::ObjectTooLarge { index, at, bytes, bytes_max });
        }
        self.objects.push(text.as_bytes());
        Ok(())
    }
}

/// One JSON value of the input, read no further than to cut it.
enum Document<'json> {
    /// An array, or the objects of a bundle.
    Items(Vec<&'json RawValue>),
    /// The value of a bundle's `objects`, not cut yet.
    LateBundle(&'json RawValue),
    /// A single object, or something that is none.
    Other,
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Document::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence)).map(Document::Items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match key.as_ref() {
                "type" => {
                    let kind: &RawValue = map.next_value()?;
                    once(envelope.kind.replace(kind), "type")?;
                }
                "objects" if envelope.is_bundle() => {
                    once(envelope.items.replace(map.next_value()?), "objects")?;
                    once(envelope.late, "objects")?;
                }
                "objects" => once(envelope.late.replace(map.next_value()?), "objects")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(envelope.into_document())
    }
}

/// Two lists of objects: which of them was meant cannot be known. Other repetitions are found on reading the objects.
fn once<T, E: serde::de::Error>(earlier: Option<T>, key: &str) -> Result<(), E> {
    match earlier {
        Some(_) => Err(E::custom(format_args!("`{key}` occurs twice"))),
        None => Ok(()),
    }
}

/// What tells a bundle from an object.
#[derive(Default)]
struct Envelope<'json> {
    kind: Option<&'json RawValue>,
    items: Option<Vec<&'json RawValue>>,
    late: Option<&'json RawValue>,
}

impl<'json> Envelope<'json> {
    fn is_bundle(&self) -> bool {
        self.kind.is_some_and(|kind| matches!(kind.get(), "\"bundle\""))
    }

    fn into_document(self) -> Document<'json> {
        match (self.is_bundle(), self.items, self.late) {
            (true, Some(items), _) => Document::Items(items),
            (true, None, Some(list)) => Document::LateBundle(list),
            (true, None, None) => Document::Items(Vec::new()),
            (false, _, _) => Document::Other,
        }
    }
}

impl Position {
    fn of(input: &[u8], offset: usize) -> Self {
        let before = input.get(..offset).unwrap_or(input);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self { offset, line, column: 1 + before.len() - line_start }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {} column {} (byte {})", self.line, self.column, self.offset)
    }
}

/// Where a part of the input starts. Both are views of the same bytes, so their addresses tell.
fn position_of(input: &str, part: &str) -> Position {
    let offset = part.as_ptr().addr().saturating_sub(input.as_ptr().addr());
    Position::of(input.as_bytes(), offset)
}

/// Turns the JSON reader's line and column within a part into a place in the whole input.
fn not_json(input: &str, part: &str, error: &serde_json::Error) -> SplitError {
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = part.split_inclusive('\n').take(lines_before).map(str::len).sum();
    let within = (line_start + error.column().saturating_sub(1)).min(part.len());
    let offset = position_of(input, part).offset + within;
    let at = Position::of(input.as_bytes(), offset);
    let text = error.to_string();
    // The reader's own line and column are relative to the part and would mislead.
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
    SplitError::NotJson { at, reason }
}
