//! A clock that stands still until told.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use entente_chassis::clock::Clock;

/// 2026-11-23T12:00:00Z, the day the worked label cases stand on.
const START_SECONDS: u64 = 1_795_435_200;

/// A clock that tests set and advance.
pub struct FakeClock(Mutex<SystemTime>);

impl Default for FakeClock {
    fn default() -> Self {
        FakeClock(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(START_SECONDS)))
    }
}

impl FakeClock {
    /// A clock at `now`.
    pub fn at(now: SystemTime) -> Self {
        FakeClock(Mutex::new(now))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: SystemTime) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}
