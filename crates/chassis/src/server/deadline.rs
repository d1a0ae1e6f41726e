//! How long a call may take: what the client asks (`grpc-timeout`), at most what we allow.

use std::time::Duration;

use http::HeaderMap;

/// The refusal is sent this long before the client stops listening, or it would never hear the reason. A tenth of
/// shorter times.
const ANSWER_MARGIN: Duration = Duration::from_millis(20);

/// Time for a call; `None` for a stream whose client sets no limit.
pub(super) fn time_for(headers: &HeaderMap, streaming: bool, time_max: Duration) -> Option<Duration> {
    let asked = headers.get("grpc-timeout").and_then(|value| parse(value.as_bytes()));
    let asked = asked.map(|asked| asked.saturating_sub(ANSWER_MARGIN.min(asked / 10)));
    match (asked, streaming) {
        (Some(asked), false) => Some(asked.min(time_max)),
        (None, false) => Some(time_max),
        (asked, true) => asked,
    }
}

/// At most eight digits and a unit. Anything else is as good as none.
fn parse(header: &[u8]) -> Option<Duration> {
    let (unit, digits) = header.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3_600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(30);

    fn time(header: Option<&'static str>, streaming: bool) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("grpc-timeout", http::HeaderValue::from_static(header));
        }
        time_for(&headers, streaming, MOST)
    }

    #[test]
    fn a_unary_call_always_has_a_deadline_and_never_a_longer_one_than_allowed() {
        assert_eq!(time(None, false), Some(MOST));
        assert_eq!(time(Some("99999999H"), false), Some(MOST));
        assert_eq!(time(Some("2S"), false), Some(Duration::from_millis(1_980)));
        assert_eq!(time(Some("100m"), false), Some(Duration::from_millis(90)));
    }

    #[test]
    fn a_stream_has_the_deadline_its_client_sets_and_no_other() {
        assert_eq!(time(None, true), None);
        assert_eq!(time(Some("1H"), true), Some(Duration::from_millis(3_599_980)));
    }

    #[test]
    fn a_malformed_timeout_counts_for_nothing() {
        for header in ["", "S", "5", "123456789S", "5x", "-5S", "5.0S"] {
            assert_eq!(time(Some(header), true), None, "{header}");
        }
    }
}
