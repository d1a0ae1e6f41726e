//! A person has taken note of an alert.

use entente_chassis::call::Call;

use super::{App, audit_event::plain_item, holder};
use crate::{error::Error, store::AuditAct};

impl App {
    /// Stores the acknowledgement and gives the time of the first one, in milliseconds since 1970-01-01.
    ///
    /// An alert that the caller may not read by now is as absent as one that never was: its id can be computed from a
    /// report's, so any other answer would tell of the report.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn acknowledge_alert(
        &self,
        call: &Call,
        alert_id: &str,
        note: &str,
    ) -> Result<i64, Error> {
        let holder = holder(call)?;
        let not_found = || Error::NotFound(alert_id.to_owned());
        let alerts = self.store.alert(&holder, alert_id).await?.into_iter().collect();
        let (_, visible) = self.visible(call, &holder, alerts).await?;
        let alert = visible.first().ok_or_else(not_found)?;
        let mut event = self.audit_event(call, AuditAct::Alteration, vec![plain_item(&alert.alert_id)])?;
        note.clone_into(&mut event.justification);
        let time = self.store.acknowledge(&holder, alert_id, note, event).await?;
        self.outbox_wake.notify_one();
        time.ok_or_else(not_found)
    }
}
