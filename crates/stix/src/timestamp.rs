//! STIX timestamps: RFC 3339 in UTC, `2026-11-23T18:02:11.5Z`. The text is kept as written, because it is part of what was
//! sent; comparison uses the instant, because `…11.5Z` and `…11.500Z` are the same version.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Most digits of a second's fraction: a nanosecond. STIX sets no limit; nobody writes more.
const FRACTION_DIGITS_MAX: usize = 9;

/// Nanoseconds of a second.
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// An instant and the text it was written as.
#[derive(Debug, Clone)]
pub struct StixTimestamp {
    text: String,
    unix_seconds: i64,
    nanos: u32,
}

/// Why a text is not a STIX timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not `YYYY-MM-DDTHH:MM:SS[.fraction]Z`.
    #[error("a timestamp is written YYYY-MM-DDTHH:MM:SS[.fraction]Z, in UTC")]
    Form,
    /// No such day or time of day; leap seconds are not taken, as they have no place in Unix time.
    #[error("there is no such day or time")]
    NoSuchTime,
    /// More than nine digits of a second.
    #[error("a second's fraction has at most {FRACTION_DIGITS_MAX} digits")]
    TooFine,
}

impl StixTimestamp {
    /// Reads a timestamp.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let body = text.strip_suffix('Z').ok_or(TimestampError::Form)?;
        let (whole, fraction) = match body.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (body, None),
        };
        let unix_seconds = parse_seconds(whole)?;
        let nanos = fraction.map_or(Ok(0), parse_fraction)?;
        Ok(Self { text: text.to_owned(), unix_seconds, nanos })
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, negative before.
    #[must_use]
    pub fn unix_nanos(&self) -> i128 {
        i128::from(self.unix_seconds) * NANOS_PER_SECOND + i128::from(self.nanos)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, and the nanoseconds after them (below 10^9).
    #[must_use]
    pub const fn unix_seconds_and_nanos(&self) -> (i64, u32) {
        (self.unix_seconds, self.nanos)
    }

    /// The same instant with nine digits: equal instants have equal text, and texts sort as instants do.
    #[must_use]
    pub fn normalized(&self) -> String {
        let whole: String = self.text.chars().take("2026-11-23T18:02:11".len()).collect();
        format!("{whole}.{:09}Z", self.nanos)
    }

    fn instant(&self) -> (i64, u32) {
        (self.unix_seconds, self.nanos)
    }
}

impl PartialEq for StixTimestamp {
    fn eq(&self, other: &Self) -> bool {
        self.instant() == other.instant()
    }
}

impl Eq for StixTimestamp {}

impl Hash for StixTimestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.instant().hash(state);
    }
}

impl PartialOrd for StixTimestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StixTimestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.instant().cmp(&other.instant())
    }
}

impl fmt::Display for StixTimestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS`.
fn parse_seconds(whole: &str) -> Result<i64, TimestampError> {
    let bytes: &[u8; 19] = whole.as_bytes().try_into().map_err(|_| TimestampError::Form)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *bytes
    else {
        return Err(TimestampError::Form);
    };
    let year = number(&[y1, y2, y3, y4])?;
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    let on_calendar = (1..=days_in_month(year, month)).contains(&day);
    if !on_calendar || hour > 23 || minute > 59 || second > 59 {
        return Err(TimestampError::NoSuchTime);
    }
    Ok(days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn parse_fraction(fraction: &str) -> Result<u32, TimestampError> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TimestampError::Form);
    }
    if fraction.len() > FRACTION_DIGITS_MAX {
        return Err(TimestampError::TooFine);
    }
    let written = fraction.bytes().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Ok((fraction.len()..FRACTION_DIGITS_MAX).fold(written, |scaled, _| scaled * 10))
}

fn number(digits: &[u8]) -> Result<i64, TimestampError> {
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Ok(sum * 10 + i64::from(digit - b'0')),
        _ => Err(TimestampError::Form),
    })
}

/// 0 for a month that does not exist.
fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, by counting years from March so that a leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
