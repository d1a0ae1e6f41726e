//! What time it is, as an argument: rules take the time, only this seam reads it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a UTC day.
const DAY_SECONDS: u64 = 86_400;

/// Tells the time. Two implementations: the machine's, and a test's.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The UTC day: days since 1970-01-01. Labels end on whole days.
pub fn today(clock: &dyn Clock) -> i32 {
    i32::try_from(unix_seconds(clock.now()) / DAY_SECONDS).unwrap_or(i32::MAX)
}

/// Seconds since 1970-01-01; 0 before it.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
