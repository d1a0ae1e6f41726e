//! Suspends a subject. When the answer is there, no read of that subject that starts later succeeds.

use std::sync::Arc;

use entente_chassis::call::Call;

use super::{App, audit_event::object};
use crate::{error::Error, store::AuditAct};

/// What is asked.
pub(crate) struct SuspendRequest {
    pub(crate) subject_id: String,
    pub(crate) justification: String,
}

/// A suspension that holds everywhere.
pub(crate) struct Suspension {
    pub(crate) epoch: u64,
    /// When the last service had acknowledged it.
    pub(crate) suspend_time_ms: i64,
}

impl App {
    /// Suspends a subject of the caller's organization; one already suspended stays so.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn suspend_subject(
        self: &Arc<Self>,
        call: &Call,
        request: SuspendRequest,
    ) -> Result<Suspension, Error> {
        let caller = self.administrator(call)?;
        let member = caller.registry.member(&request.subject_id);
        let own = member.filter(|member| member.row.organization_id == caller.organization());
        let member = own.ok_or_else(|| Error::NotFound(request.subject_id.clone()))?;
        let changed = object(&request.subject_id, "", &member.row.organization_id);
        let mut event = self.audit_event(call, &caller, AuditAct::PolicyChange, vec![changed]);
        event.justification = request.justification;
        let store = self.store.clone();
        let commit = async move { store.suspend_subject(&request.subject_id, event).await };
        let epoch = self.change(commit, |epoch| *epoch).await?;
        Ok(Suspension { epoch, suspend_time_ms: self.now_ms() })
    }
}
