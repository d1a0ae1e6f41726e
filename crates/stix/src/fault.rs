//! What is wrong with an object, in words its sender can act on: where, which rule, what to do.

use std::fmt;

/// Most faults listed for one object; the rest would repeat the first.
pub const FAULTS_MAX: usize = 100;

/// Longest piece of a sender's text quoted back, characters.
const QUOTE_CHARS_MAX: usize = 80;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a JSON pointer (RFC 6901) into the object, empty for the object itself.
    pub pointer: String,
    /// Which rule is broken.
    pub rule: Rule,
    /// What was found and what to do.
    pub message: String,
}

/// The rules an object can break here. The text form is stable: callers may branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Not JSON, or deeper than 128 levels.
    Json,
    /// A key occurs twice in one JSON object.
    DuplicateKey,
    /// `null` where a value belongs.
    Null,
    /// Not a JSON object, or a bundle where an object is wanted.
    NotAnObject,
    /// A required property is absent.
    Missing,
    /// A property has another JSON type than STIX gives it.
    WrongType,
    /// `type` breaks its grammar.
    ObjectType,
    /// An identifier breaks its grammar or belongs to another type.
    Identifier,
    /// A timestamp is not RFC 3339 in UTC.
    Timestamp,
    /// `modified` is before `created`.
    Order,
    /// `spec_version` names a version that is not read.
    SpecVersion,
}

impl Rule {
    /// The rule's stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::DuplicateKey => "duplicate-key",
            Self::Null => "null",
            Self::NotAnObject => "not-an-object",
            Self::Missing => "missing",
            Self::WrongType => "wrong-type",
            Self::ObjectType => "object-type",
            Self::Identifier => "identifier",
            Self::Timestamp => "timestamp",
            Self::Order => "order",
            Self::SpecVersion => "spec-version",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "object" } else { &self.pointer };
        write!(out, "{place}: {} ({})", self.message, self.rule)
    }
}

impl Fault {
    /// A fault of the property `name` of the object itself.
    pub(crate) fn of_property(name: &str, rule: Rule, message: impl Into<String>) -> Self {
        Self { pointer: format!("/{}", escape(name)), rule, message: message.into() }
    }

    /// A fault of the object as a whole.
    pub(crate) fn of_object(rule: Rule, message: impl Into<String>) -> Self {
        Self { pointer: String::new(), rule, message: message.into() }
    }
}

/// One part of a JSON pointer (RFC 6901, 3), cut where a sender made it absurdly long.
pub(crate) fn escape(name: &str) -> String {
    quote(name).replace('~', "~0").replace('/', "~1")
}

/// The start of a sender's text, short enough for a message.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
