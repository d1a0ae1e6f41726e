//! One setting while it is read: default, range, required or optional.

use std::ops::RangeBounds;

use super::{
    Readable, Settings,
    source::{Raw, Value},
};

/// What was found under a key.
enum Found<T> {
    Absent,
    /// Reported already.
    Faulty,
    Value(T),
}

/// A setting that has a value in the end: given, default, or (with a fault reported) a placeholder.
pub struct Setting<'s, T> {
    settings: &'s mut Settings,
    key: String,
    found: Found<T>,
    default: Option<T>,
}

impl<'s, T: Readable> Setting<'s, T> {
    pub(super) fn read(settings: &'s mut Settings, key: &str) -> Setting<'s, T> {
        let found = match settings.values.get(key).cloned() {
            None => Found::Absent,
            Some(Value { raw, source }) => {
                let value = match &raw {
                    Raw::Typed(value) => T::from_toml(value),
                    Raw::Text(text) => T::from_text(text.trim()),
                };
                value.map_or_else(
                    || {
                        settings.fault(key, format!("`{raw}` (from {source}) does not fit"), T::EXPECTED);
                        Found::Faulty
                    },
                    Found::Value,
                )
            }
        };
        Setting { settings, key: key.to_owned(), found, default: None }
    }

    /// The value if none is given.
    #[must_use]
    pub fn default(mut self, value: T) -> Self {
        self.default = Some(value);
        self
    }

    /// There is no default. Said for the reader: a setting without default is required.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.default = None;
        self
    }

    /// It may be absent.
    #[must_use]
    pub fn optional(self) -> OptionalSetting<'s, T> {
        OptionalSetting { setting: self }
    }

    /// The least and the most allowed.
    #[must_use]
    pub fn range<R: RangeBounds<T>>(mut self, range: R) -> Self
    where
        T: PartialOrd,
    {
        if let Found::Value(value) = &self.found
            && !range.contains(value)
        {
            let problem = format!("`{}` is out of range", value.show());
            self.settings.fault(&self.key, problem, bounds(&range));
            self.found = Found::Faulty;
        }
        self
    }

    /// A check of its own; the error says what is expected.
    #[must_use]
    pub fn check(mut self, check: impl FnOnce(&T) -> Result<(), String>) -> Self {
        if let Found::Value(value) = &self.found
            && let Err(expected) = check(value)
        {
            let problem = format!("`{}` is not allowed", value.show());
            self.settings.fault(&self.key, problem, expected);
            self.found = Found::Faulty;
        }
        self
    }

    /// The value.
    pub fn get(self) -> T {
        match (self.found, self.default) {
            (Found::Value(value), _) | (Found::Absent | Found::Faulty, Some(value)) => value,
            (Found::Absent, None) => {
                self.settings.fault(&self.key, "is missing", T::EXPECTED);
                T::placeholder()
            }
            (Found::Faulty, None) => T::placeholder(),
        }
    }
}

/// A setting that may be absent.
pub struct OptionalSetting<'s, T> {
    setting: Setting<'s, T>,
}

impl<T: Readable> OptionalSetting<'_, T> {
    /// The value, if one is given and right.
    pub fn get(self) -> Option<T> {
        match self.setting.found {
            Found::Value(value) => Some(value),
            Found::Absent | Found::Faulty => None,
        }
    }
}

fn bounds<T: Readable, R: RangeBounds<T>>(range: &R) -> String {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let least = match range.start_bound() {
        Included(least) => format!("at least {}", least.show()),
        Excluded(least) => format!("more than {}", least.show()),
        Unbounded => String::new(),
    };
    let most = match range.end_bound() {
        Included(most) => format!("at most {}", most.show()),
        Excluded(most) => format!("less than {}", most.show()),
        Unbounded => String::new(),
    };
    [least, most].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" and ")
}
