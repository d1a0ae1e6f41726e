//! The one spelling of a number in C2SP texts: ASCII decimal, no sign, no leading zero.

/// Largest index or size: what a signed 64-bit column and Go's `int64` hold.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;

/// The number, or `None` for any other spelling or a value above [`NUMBER_MAX`].
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= NUMBER_MAX)
}
