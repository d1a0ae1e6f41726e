//! Ends an interest of the caller.

use std::sync::PoisonError;

use entente_chassis::call::Call;

use super::{App, audit_event::plain_item};
use crate::{error::Error, store::AuditAct};

impl App {
    /// Ends it; an interest that is not there and one that is another's are the same `NotFound`.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn delete_interest(&self, call: &Call, interest_id: &str) -> Result<(), Error> {
        let holder = self.active_holder(call).await?;
        let event = self.audit_event(call, AuditAct::Alteration, vec![plain_item(interest_id)])?;
        let _change = self.changes.lock().await;
        if !self.store.delete_interest(&holder, interest_id, self.now_ms(), event).await? {
            return Err(Error::NotFound(interest_id.to_owned()));
        }
        self.index.write().unwrap_or_else(PoisonError::into_inner).remove(interest_id);
        self.outbox_wake.notify_one();
        Ok(())
    }
}
