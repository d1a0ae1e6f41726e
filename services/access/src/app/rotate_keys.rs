//! Replaces the token keys when it is time, and records it.

use entente_chassis::call::Call;

use super::{App, audit_event::object};
use crate::{error::Error, peers::BACKGROUND_LIMIT, store::AuditAct};

impl App {
    /// Makes and retires keys as their age asks.
    pub(crate) async fn rotate_keys(&self) -> Result<(), Error> {
        let rotation = self.keys.rotate(self.clock.now())?;
        // Audit is told of keys before anything else: they are listed from here on.
        self.keys_changed.notify_waiters();
        let call = Call::background("rotate_keys", BACKGROUND_LIMIT);
        for (keys, what) in [(&rotation.made, "made"), (&rotation.retired, "retired")] {
            if keys.is_empty() {
                continue;
            }
            let objects = keys.iter().map(|key_id| object(key_id, "", "")).collect();
            let mut event = self.own_event(&call, AuditAct::KeyEvent, objects);
            event.justification = format!("token key {what}");
            self.store.record(event).await?;
            self.outbox_wake.notify_one();
        }
        Ok(())
    }
}
