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
#[must_use]
pub fn today(clock: &dyn Clock) -> i32 {
    i32::try_from(unix_seconds(clock.now()) / DAY_SECONDS).unwrap_or(i32::MAX)
}

/// Seconds since 1970-01-01; 0 before it.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0)
        }
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(today(&At(0)), 0);
        assert_eq!(today(&At(20_780 * 86_400 - 1)), 20_779);
        assert_eq!(today(&At(20_780 * 86_400)), 20_780);
    }
}
