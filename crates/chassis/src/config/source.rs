//! Where a value comes from, and tables flattened to dotted keys.

use std::{collections::BTreeMap, fmt};

/// Where a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    File,
    Environment,
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Source::File => "the file",
            Source::Environment => "the environment",
            Source::CommandLine => "the command line",
        })
    }
}

/// A value before its type is known.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// From TOML, which has types.
    Typed(toml::Value),
    /// From the environment or the command line, which have none.
    Text(String),
}

impl fmt::Display for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Typed(toml::Value::String(text)) | Raw::Text(text) => formatter.write_str(text),
            Raw::Typed(value) => write!(formatter, "{value}"),
        }
    }
}

/// A value with its source.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) raw: Raw,
    pub(super) source: Source,
}

/// Puts every leaf of `table` into `values` under its dotted key.
pub(super) fn flatten(prefix: &str, table: toml::Table, values: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        if let toml::Value::Table(inner) = value {
            flatten(&key, inner, values);
        } else {
            values.insert(key, Value { raw: Raw::Typed(value), source: Source::File });
        }
    }
}

/// The known key whose last segment is that of `key`, or whose first is: enough to find a slip.
pub(super) fn nearest<'k>(key: &str, known: &'k [String]) -> Option<&'k String> {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let first = |key: &str| key.split('.').next().map(str::to_owned);
    known
        .iter()
        .find(|candidate| last(candidate) == last(key))
        .or_else(|| known.iter().find(|candidate| candidate.contains('.') && first(candidate) == first(key)))
}
