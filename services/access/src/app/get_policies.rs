//! The deployment's policies, for policy administrators of any organization: policies concern everybody's people.

use entente_chassis::call::Call;

use super::{
    App, PolicySetView,
    policies::{Policies, PolicyInfo},
    put_policies::policies_object,
};
use crate::{
    error::Error,
    peers::AuditReceipt,
    store::{AuditAct, PolicySetRow},
};

/// The policies, recorded.
pub(crate) struct ToldPolicies {
    pub(crate) view: PolicySetView,
    pub(crate) epoch: u64,
    pub(crate) receipt: AuditReceipt,
}

impl App {
    /// The set in force, or, by its version, one from before.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn get_policies(&self, call: &Call, version: u64) -> Result<ToldPolicies, Error> {
        let caller = self.administrator(call)?;
        let in_force = caller.registry.policies();
        let current = in_force.row().cloned().unwrap_or_default();
        let view = if version == 0 || version == current.version {
            PolicySetView { listed: in_force.listed().to_vec(), row: current }
        } else {
            let earlier = self.store.policies_of_version(version).await?;
            let row = earlier.ok_or_else(|| Error::NotFound(format!("policies of version {version}")))?;
            PolicySetView { listed: listed(&row), row }
        };
        let told = policies_object(&view.row.cedar, &view.row.etag, caller.organization());
        let event = self.audit_event(call, &caller, AuditAct::Consultation, vec![told]);
        let epoch = event.epoch;
        let receipt = self.disclose(call, event).await?;
        Ok(ToldPolicies { view, epoch, receipt })
    }
}

/// What is in a set from before, unless the schema of today refuses it.
fn listed(row: &PolicySetRow) -> Vec<PolicyInfo> {
    Policies::of_text(&row.cedar).map(|policies| policies.listed().to_vec()).unwrap_or_default()
}
