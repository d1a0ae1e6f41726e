//! Adds a partner or changes one: the charter is the custodian's, the name and the keys are the partner's own.

use std::sync::Arc;

use entente_chassis::call::Call;

use super::{
    App, PartnerProposal,
    audit_event::object,
    proposal::{Faults, Known, Standpoint, not_theirs},
};
use crate::{
    error::Error,
    store::{AuditAct, Change, Changed, PartnerRow},
};

impl App {
    /// Stores the partner under its etag; returns when it holds everywhere.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn put_partner(
        self: &Arc<Self>,
        call: &Call,
        proposal: PartnerProposal,
        (etag, request_id): (String, String),
    ) -> Result<Changed<PartnerRow>, Error> {
        let caller = self.administrator(call)?;
        let standpoint = Standpoint {
            own: proposal.organization_id == caller.organization(),
            custodian: self.is_custodian(caller.organization()),
        };
        if !standpoint.own && !standpoint.custodian {
            return Err(Error::NotFound(proposal.organization_id));
        }
        let row = Faults::refuse(proposal.check("partner", &Known::of(&caller.registry)))?;
        // A new partner is admitted with all it is given; what is there already is changed by whom it belongs to.
        if let Some(before) = caller.registry.partner(&row.organization_id).filter(|_| !etag.is_empty()) {
            let faults = not_theirs(before, &row, standpoint);
            Faults::refuse(if faults.is_empty() { Ok(()) } else { Err(faults) })?;
        }
        let changed = object(&row.organization_id, "", &row.organization_id);
        let event = self.audit_event(call, &caller, AuditAct::PolicyChange, vec![changed]);
        let request = caller.request_key(&request_id, &row, &etag)?;
        let change = Change { resource: row, expected_etag: etag, request, event };
        let store = self.store.clone();
        self.change(async move { store.put_partner(change).await }, |changed| changed.epoch).await
    }
}
