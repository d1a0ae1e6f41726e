//! The grammar of names, paths and tokens (label semantics, a.1 and a.3), as plain predicates.

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 63;
/// Most segments of an operation or codeword path.
const PATH_SEGMENTS_MAX: usize = 4;
/// Longest subject id, in characters.
const SUBJECT_ID_CHARS_MAX: usize = 128;

/// `[A-Z0-9][A-Z0-9._-]{0,62}`.
pub(crate) fn is_name(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let later = |byte: u8| first(&byte) || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= NAME_CHARS_MAX && text.as_bytes().first().is_some_and(first) && text.bytes().all(later)
}

/// `[A-Z]{3}`.
pub(crate) fn is_nation(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `name "/" name`.
pub(crate) fn is_person(text: &str) -> bool {
    text.split_once('/').is_some_and(|(organization, id)| is_name(organization) && is_name(id))
}

/// One to four names joined by `/`.
pub(crate) fn is_path(text: &str) -> bool {
    text.split('/').count() <= PATH_SEGMENTS_MAX && text.split('/').all(is_name)
}

/// Visible ASCII, bounded, so that it can stand in logs and headers.
pub(crate) fn is_subject_id(text: &str) -> bool {
    (1..=SUBJECT_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `[a-z][a-z0-9_]{0,62}`.
pub(crate) fn is_role(text: &str) -> bool {
    let later = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= NAME_CHARS_MAX
        && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && text.bytes().all(later)
}

/// `path` lies strictly below `ancestor`: `A/B/C` below `A/B`, but not `A/BC`.
pub(crate) fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
}

/// Removes white space at both ends, the separators U+001C to U+001F included, as the reference does.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
