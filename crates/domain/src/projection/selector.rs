//! Selectors: which part of an object a portion is. `labels.[0]`, `external_references.[1].url`.
//!
//! Keys may contain upper case (`hashes.MD5`), unlike in the OASIS JSON schema.

use serde_json::{Map, Value};

/// Longest key in a selector, in characters (STIX 2.1, 7.2.3.1).
const KEY_CHARS_MAX: usize = 250;
/// Shortest name of a top-level property, `id` excepted (STIX 2.1, 3.1).
const PROPERTY_CHARS_MIN: usize = 3;

/// One step from a value into a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Reads a selector; none when it is not one.
pub(super) fn parse(selector: &str) -> Option<Vec<Step>> {
    let (property, rest) = match selector.split_once('.') {
        Some((property, rest)) => (property, Some(rest)),
        None => (selector, None),
    };
    let id = selector == "id";
    if !id && (property.len() < PROPERTY_CHARS_MIN || !is_key(property)) {
        return None;
    }
    let first = Step::Key(property.to_owned());
    let deeper = rest.into_iter().flat_map(|rest| rest.split('.')).map(step);
    std::iter::once(Some(first)).chain(deeper).collect()
}

fn step(text: &str) -> Option<Step> {
    match text.strip_prefix('[') {
        Some(index) => {
            let digits = index.strip_suffix(']')?;
            let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // What does not fit is past the end of every list.
            number.then(|| Step::Index(digits.parse().unwrap_or(usize::MAX)))
        }
        None => is_key(text).then(|| Step::Key(text.to_owned())),
    }
}

fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether the path leads to something in this object.
pub(super) fn resolves(object: &Map<String, Value>, path: &[Step]) -> bool {
    let Some((Step::Key(property), deeper)) = path.split_first() else { return false };
    object.get(property).is_some_and(|value| deeper.iter().try_fold(value, part).is_some())
}

fn part<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match step {
        Step::Key(key) => value.as_object()?.get(key),
        Step::Index(index) => value.as_array()?.get(*index),
    }
}

/// The selector of a path.
pub(super) fn show(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => format!("[{index}]"),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::{parse, show};

    #[test]
    fn selectors_read_and_print_back() {
        for selector in
            ["id", "name", "labels.[0]", "hashes.SHA-256", "external_references.[12].url", "abc.0.x"]
        {
            assert_eq!(parse(selector).map(|path| show(&path)).as_deref(), Some(selector));
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "",
            "ab",
            "id.x",
            ".name",
            "name.",
            "name..x",
            "[0]",
            "labels[0]",
            "labels.[x]",
            "labels.[]",
            "na me",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
