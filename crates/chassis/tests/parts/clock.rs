//! The day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entente_chassis::clock::{Clock, today};

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
