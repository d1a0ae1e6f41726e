//! Free text as machines match it: words in lower case for phrases, and the exact indicator values written in it.

use std::borrow::Cow;

use crate::indicator::{IndicatorKind, IndicatorValue, VALUE_BYTES_MAX, VALUES_MAX, url_parts};

/// Marks that belong to the letter before them (Unicode block Combining Diacritical Marks).
const COMBINING: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// What surrounds a value in prose but is no part of it.
const AROUND: &[char] = &[
    '.', ',', ';', ':', '!', '?', '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', '«', '»', '„', '“',
    '”', '‘', '’', '…', '*', '|',
];

/// How analysts make values harmless, and what was meant.
const DEFANGED: [(&str, &str); 10] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("[:]", ":"),
    ("[://]", "://"),
    ("[@]", "@"),
    ("[at]", "@"),
    ("hxxp", "http"),
    ("hXXp", "http"),
];

/// The words of a text: runs of letters and digits, in lower case. Borrowed where they were so already.
#[must_use]
pub fn tokens(text: &str) -> Vec<Cow<'_, str>> {
    let runs = text.split(|c: char| !c.is_alphanumeric() && !COMBINING.contains(&c));
    runs.filter(|run| !run.is_empty()).map(lower_case).collect()
}

/// Whether the words of a phrase stand in a text one after the other. An empty phrase stands nowhere.
#[must_use]
pub fn contains_phrase<A: AsRef<str>, B: AsRef<str>>(text: &[A], phrase: &[B]) -> bool {
    let same =
        |window: &[A]| window.iter().zip(phrase).all(|(word, wanted)| word.as_ref() == wanted.as_ref());
    !phrase.is_empty() && text.windows(phrase.len()).any(same)
}

/// The exact indicator values written in a text, refanged; of a URL also its host. Sorted, each once, at most
/// [`VALUES_MAX`]. What merely looks like a value (`report.txt` as a domain) is given too: it matches nobody's interest.
#[must_use]
pub fn indicator_values(text: &str) -> Vec<IndicatorValue> {
    let mut values = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '<' | '>' | '|')) {
        if (3..=VALUE_BYTES_MAX).contains(&word.len()) {
            values.extend(values_in_word(word));
        }
        // Twice the bound, as values repeat in prose and are counted once.
        if values.len() >= 2 * VALUES_MAX {
            break;
        }
    }
    values.sort_unstable();
    values.dedup();
    values.truncate(VALUES_MAX);
    values
}

fn values_in_word(word: &str) -> Vec<IndicatorValue> {
    let refanged = refang(word);
    let bare = refanged.trim_matches(AROUND);
    let value = IndicatorValue::classify(bare).or_else(|| IndicatorValue::classify(without_port(bare)?));
    let host = value.as_ref().filter(|value| matches!(value.kind(), IndicatorKind::Url)).and_then(host_of);
    value.into_iter().chain(host).collect()
}

fn host_of(url: &IndicatorValue) -> Option<IndicatorValue> {
    let (_, authority, _) = url_parts(url.value())?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inner, _)| inner);
    IndicatorValue::classify(bracketed.or_else(|| without_port(host)).unwrap_or(host))
}

/// `host:8080` and `host/path` are written for a host as often as the host alone.
fn without_port(text: &str) -> Option<&str> {
    let (host, port) = text.split_once([':', '/'])?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port || text.contains('/')).then_some(host)
}

fn refang(word: &str) -> Cow<'_, str> {
    let mut refanged = Cow::Borrowed(word);
    for (harmless, meant) in DEFANGED {
        if refanged.contains(harmless) {
            refanged = Cow::Owned(refanged.replace(harmless, meant));
        }
    }
    refanged
}

fn lower_case(run: &str) -> Cow<'_, str> {
    // Most text by far, and there without tables.
    if run.is_ascii() {
        let is_lower = !run.bytes().any(|byte| byte.is_ascii_uppercase());
        return if is_lower { Cow::Borrowed(run) } else { Cow::Owned(run.to_ascii_lowercase()) };
    }
    let is_lower = |c: char| !c.is_uppercase() && c.to_lowercase().eq(std::iter::once(c));
    if run.chars().all(is_lower) {
        return Cow::Borrowed(run);
    }
    Cow::Owned(run.chars().flat_map(char::to_lowercase).collect())
}
