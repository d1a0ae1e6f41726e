//! A JSON document borrowed from its bytes. Unlike `serde_json::Value` it copies no text without escapes, keeps the order
//! of members, and notices a key that occurs twice.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::fault::{FAULTS_MAX, Fault, Rule, escape, quote};

/// Members up to which comparing every pair of keys beats building a set.
const PAIRWISE_MEMBERS_MAX: usize = 24;

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'json> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    Text(Cow<'json, str>),
    /// An array.
    List(Vec<Value<'json>>),
    /// An object.
    Object(Object<'json>),
}

/// A JSON object: its members in the order written. In a [`Document`] no name occurs twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'json> {
    members: Vec<(Cow<'json, str>, Value<'json>)>,
}

/// A whole STIX object as JSON, free of duplicate keys and of `null`.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'json> {
    root: Object<'json>,
}

impl<'json> Document<'json> {
    /// Reads one JSON object that fills the bytes.
    pub fn parse(bytes: &'json [u8]) -> Result<Self, Vec<Fault>> {
        let text = std::str::from_utf8(bytes).map_err(|error| vec![not_utf8(error.valid_up_to())])?;
        let value: Value<'json> = serde_json::from_str(text).map_err(|error| vec![not_json(&error)])?;
        let mut faults = Vec::new();
        if !matches!(value, Value::Null) {
            check(&value, &mut Vec::new(), &mut faults);
        }
        match value {
            _ if !faults.is_empty() => Err(faults),
            Value::Object(root) => Ok(Self { root }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                Err(vec![Fault::of_object(Rule::NotAnObject, "send a JSON object with `type` and `id`")])
            }
        }
    }

    /// The object.
    #[must_use]
    pub const fn root(&self) -> &Object<'json> {
        &self.root
    }
}

impl<'json> Object<'json> {
    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'json>> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of a member that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    /// All members in the order written.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value<'json>)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }
}

impl<'json> Value<'json> {
    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'json>> {
        match self {
            Self::Object(object) => Some(object),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The items, if it is a list; else none.
    #[must_use]
    pub fn items(&self) -> &[Value<'json>] {
        match self {
            Self::List(items) => items,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => &[],
        }
    }

    /// What kind of value it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

fn not_utf8(at: usize) -> Fault {
    Fault::of_object(Rule::Json, format!("the text is not UTF-8 from byte {at} on; send UTF-8"))
}

fn not_json(error: &serde_json::Error) -> Fault {
    Fault::of_object(Rule::Json, format!("cannot be read as JSON: {error}"))
}

/// A step from the root to where the search stands.
enum Step<'value> {
    Key(&'value str),
    Item(usize),
}

/// Looks for what STIX allows nowhere: keys that repeat, and `null`. Depth is bounded by the JSON reader's own limit.
fn check<'value>(value: &'value Value<'_>, path: &mut Vec<Step<'value>>, faults: &mut Vec<Fault>) {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        Value::Null => {
            let message = "`null` is no value in STIX; leave the property out".to_owned();
            list(faults, Fault { pointer: pointer(path), rule: Rule::Null, message });
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Item(at));
                check(item, path, faults);
                path.pop();
            }
        }
        Value::Object(object) => {
            for key in repeated_keys(object) {
                let pointer = format!("{}/{}", pointer(path), escape(key));
                let message = format!("`{}` occurs twice here; send it once", quote(key));
                list(faults, Fault { pointer, rule: Rule::DuplicateKey, message });
            }
            for (key, member) in object.members() {
                path.push(Step::Key(key));
                check(member, path, faults);
                path.pop();
            }
        }
    }
}

fn list(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < FAULTS_MAX {
        faults.push(fault);
    }
}

fn repeated_keys<'value>(object: &'value Object<'_>) -> Vec<&'value str> {
    if object.members.len() <= PAIRWISE_MEMBERS_MAX {
        let earlier = |at: usize, key: &str| object.members.iter().take(at).any(|(other, _)| other == key);
        let keys = object.members().map(|(key, _)| key).enumerate();
        return keys.filter(|(at, key)| earlier(*at, key)).map(|(_, key)| key).collect();
    }
    let mut seen = HashSet::with_capacity(object.members.len());
    object.members().map(|(key, _)| key).filter(|key| !seen.insert(*key)).collect()
}

fn pointer(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |pointer, step| match step {
        Step::Key(key) => format!("{pointer}/{}", escape(key)),
        Step::Item(at) => format!("{pointer}/{at}"),
    })
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        // The JSON reader refuses numbers beyond f64, so there is no infinity to lose.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            members.push((key, value));
        }
        Ok(Value::Object(Object { members }))
    }
}

/// A member's name, borrowed where it has no escapes (serde's own `Cow` always copies).
pub(crate) struct Key<'json>(pub(crate) Cow<'json, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}
