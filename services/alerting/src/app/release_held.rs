//! Matches under embargo become alerts on the day they may be read.

use std::sync::atomic::Ordering;

use super::App;
use crate::error::Error;

impl App {
    /// Turns held alerts whose day has come into alerts, and wakes their holders.
    pub(crate) async fn release_held(&self) -> Result<(), Error> {
        let today = self.today();
        let holders = self.store.release_held(today).await?;
        holders.iter().for_each(|(realm, subject_id)| self.wake.ring(realm, subject_id));
        self.released_day.store(today, Ordering::Relaxed);
        Ok(())
    }

    /// The same, if a day has begun since the last time: costs nothing on every other call.
    pub(crate) async fn release_held_if_due(&self) -> Result<(), Error> {
        if self.released_day.load(Ordering::Relaxed) == self.today() {
            Ok(())
        } else {
            self.release_held().await
        }
    }
}
