//! Whole UTC days: the only resolution a label knows.
//!
//! A decision is constant inside one (policy epoch, day), which is what makes caching it exact. Calendar
//! arithmetic is the proleptic Gregorian one, in integers, because this crate has neither clock nor time zone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A UTC day, counted from 1970-01-01 (day 0); between 0001-01-01 and 9999-12-31, so that it always prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "StoredDay", into = "i32")]
pub struct Day(i32);

/// The text or number given is not a day of the years 1 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day written YYYY-MM-DD")]
pub struct DayError(String);

/// Seconds in a day; leap seconds do not exist in Unix time.
const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-03-01, where the counting below starts, to 1970-01-01.
const DAYS_TO_EPOCH: i32 = 719_468;
/// Days in the 400 years after which the calendar repeats.
const DAYS_PER_ERA: i32 = 146_097;

impl Day {
    /// 1970-01-01.
    pub const EPOCH: Day = Day(0);
    /// 0001-01-01.
    pub const FIRST: Day = Day(-719_162);
    /// 9999-12-31.
    pub const LAST: Day = Day(2_932_896);

    /// The day this many days after 1970-01-01; numbers outside the years 1 to 9999 give the nearest day. Use `try_from`
    /// for numbers somebody sent.
    #[must_use]
    pub fn from_unix_days(days: i32) -> Day {
        Day(days.clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// The day that contains this Unix time in seconds; times outside the years 1 to 9999 give the nearest day.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Day {
        let number = seconds.div_euclid(SECONDS_PER_DAY);
        let clamped = number.clamp(i64::from(Self::FIRST.0), i64::from(Self::LAST.0));
        Day(i32::try_from(clamped).unwrap_or(Self::LAST.0))
    }

    /// Days since 1970-01-01; negative before it.
    #[must_use]
    pub fn unix_days(self) -> i32 {
        self.0
    }

    /// The Unix time in seconds at which this day begins.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        i64::from(self.0) * SECONDS_PER_DAY
    }

    /// This day moved by `days`; stops at the first and last day that can be written.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Day {
        Day(self.0.saturating_add(days).clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// The day of a calendar date, if that date exists.
    #[must_use]
    pub fn from_civil(year: i32, month: i32, day_of_month: i32) -> Option<Day> {
        let exists = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day_of_month);
        if !exists {
            return None;
        }
        // Years are counted from March, so that the leap day is the last day of a year.
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day_of_month - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Day(era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH))
    }

    /// Year, month and day of the month.
    #[must_use]
    pub fn civil(self) -> (i32, i32, i32) {
        let shifted = self.0 + DAYS_TO_EPOCH;
        let era = shifted.div_euclid(DAYS_PER_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month, day_of_month)
    }
}

fn days_in_month(year: i32, month: i32) -> i32 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Day {
    type Err = DayError;

    /// Reads `YYYY-MM-DD` and nothing else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_civil(text).ok_or_else(|| DayError(text.to_owned()))
    }
}

fn parse_civil(text: &str) -> Option<Day> {
    let bytes = <[u8; 10]>::try_from(text.as_bytes()).ok()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else {
        return None;
    };
    Day::from_civil(digits(&[y1, y2, y3, y4])?, digits(&[m1, m2])?, digits(&[d1, d2])?)
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day_of_month) = self.civil();
        write!(f, "{year:04}-{month:02}-{day_of_month:02}")
    }
}

/// How days occur in stored JSON: the number, or a date, or the date part of an RFC 3339 time.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredDay {
    Number(i32),
    Text(String),
}

impl TryFrom<StoredDay> for Day {
    type Error = DayError;

    fn try_from(stored: StoredDay) -> Result<Self, Self::Error> {
        match stored {
            StoredDay::Number(number) => Day::try_from(number),
            StoredDay::Text(text) => text.split(['T', ' ']).next().unwrap_or_default().parse(),
        }
    }
}

impl TryFrom<i32> for Day {
    type Error = DayError;

    /// The day this many days after 1970-01-01, if its year is 1 to 9999.
    fn try_from(days: i32) -> Result<Self, Self::Error> {
        let written = (Self::FIRST.0..=Self::LAST.0).contains(&days);
        written.then_some(Day(days)).ok_or_else(|| DayError(days.to_string()))
    }
}

impl From<Day> for i32 {
    fn from(day: Day) -> Self {
        day.0
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn every_day_prints_and_parses_back() {
        let mut number = Day::FIRST.unix_days();
        while number <= Day::LAST.unix_days() {
            let day = Day::try_from(number).unwrap();
            assert_eq!(day.to_string().parse(), Ok(day));
            number += 13;
        }
        assert_eq!(Day::FIRST.to_string(), "0001-01-01");
        assert_eq!(Day::LAST.to_string(), "9999-12-31");
        assert_eq!("2027-01-31".parse::<Day>().unwrap().unix_days(), 20_849);
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in
            ["2027-02-30", "2100-02-29", "0000-01-01", "2027-13-01", "2027-1-01", "20270101", " 2027-01-01"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert!("2000-02-29".parse::<Day>().is_ok());
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(Day::from_unix_seconds(-1).to_string(), "1969-12-31");
        assert_eq!(Day::from_unix_seconds(86_399), Day::EPOCH);
        assert_eq!(Day::from_unix_seconds(86_400).unix_days(), 1);
        assert_eq!(Day::from_unix_seconds(i64::MAX), Day::LAST);
    }
}
