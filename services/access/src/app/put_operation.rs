//! Adds an operation that the administrator's organization leads, or changes one.

use std::sync::Arc;

use entente_chassis::call::Call;

use super::{
    App, OperationProposal,
    audit_event::object,
    proposal::{Faults, Known},
};
use crate::{
    error::{Error, FieldFault},
    store::{AuditAct, Change, Changed, OperationRow},
};

impl App {
    /// Stores the operation under its etag; returns when it holds everywhere. An organization left out has lost it then.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn put_operation(
        self: &Arc<Self>,
        call: &Call,
        proposal: OperationProposal,
        (etag, request_id): (String, String),
    ) -> Result<Changed<OperationRow>, Error> {
        let caller = self.administrator(call)?;
        let before = caller.registry.operations().get(&proposal.operation_id);
        if !etag.is_empty() && before.is_none_or(|operation| operation.lead != caller.organization()) {
            return Err(Error::NotFound(proposal.operation_id));
        }
        if proposal.lead_organization_id != caller.organization() {
            let own = format!("must be your own organization, {}", caller.organization());
            return Err(Error::Fields(vec![FieldFault::new("operation.lead_organization_id", own)]));
        }
        let row = Faults::refuse(proposal.check("operation", &Known::of(&caller.registry)))?;
        if let Some(before) = before.filter(|before| !etag.is_empty() && before.realm != row.realm) {
            // I7: what was filed on it would change realm.
            let same = format!("must stay {}", before.realm);
            return Err(Error::Fields(vec![FieldFault::new("operation.realm", same)]));
        }
        let changed = object(&row.operation_id, "", &row.lead);
        let event = self.audit_event(call, &caller, AuditAct::PolicyChange, vec![changed]);
        let request = caller.request_key(&request_id, &row, &etag)?;
        let change = Change { resource: row, expected_etag: etag, request, event };
        let store = self.store.clone();
        self.change(async move { store.put_operation(change).await }, |changed| changed.epoch).await
    }
}
