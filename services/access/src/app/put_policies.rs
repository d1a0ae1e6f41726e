//! Replaces the deployment's policies, for policy administrators of the node's custodian.

use std::sync::Arc;

use entente_chassis::call::Call;

use super::{App, Caller, PolicyInfo, audit_event::object, policies::Policies};
use crate::{
    error::Error,
    store::{AuditAct, AuditObject, Change, Changed, PolicySetRow},
};

/// What is asked.
pub(crate) struct PutPoliciesRequest {
    pub(crate) cedar: String,
    pub(crate) justification: String,
}

/// A stored set with what is in it.
pub(crate) struct PolicySetView {
    pub(crate) row: PolicySetRow,
    pub(crate) listed: Vec<PolicyInfo>,
}

impl App {
    /// Stores the set under its etag; returns when nobody decides by the one before any more. A set with any fault is
    /// refused whole.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn put_policies(
        self: &Arc<Self>,
        call: &Call,
        request: PutPoliciesRequest,
        (etag, request_id): (String, String),
    ) -> Result<Changed<PolicySetView>, Error> {
        let caller = self.keeper_of_policies(call)?;
        let listed = Policies::of_text(&request.cedar).map_err(Error::Fields)?.listed().to_vec();
        let key = caller.request_key(&request_id, &(&request.cedar, &request.justification), &etag)?;
        let changed = policies_object(&request.cedar, "", caller.organization());
        let mut event = self.audit_event(call, &caller, AuditAct::PolicyChange, vec![changed]);
        event.justification.clone_from(&request.justification);
        let row = PolicySetRow {
            cedar: request.cedar,
            author: caller.subject_id().to_owned(),
            put_time_ms: event.occur_time_ms,
            justification: request.justification,
            ..PolicySetRow::default()
        };
        let change = Change { resource: row, expected_etag: etag, request: key, event };
        let store = self.store.clone();
        let changed =
            self.change(async move { store.put_policies(change).await }, |changed| changed.epoch).await?;
        Ok(Changed { resource: PolicySetView { row: changed.resource, listed }, epoch: changed.epoch })
    }

    /// The caller, who must be a policy administrator of the custodian.
    pub(super) fn keeper_of_policies(&self, call: &Call) -> Result<Caller, Error> {
        let caller = self.administrator(call)?;
        if self.is_custodian(caller.organization()) {
            Ok(caller)
        } else {
            Err(Error::RoleMissing("policy_admin of the node's custodian"))
        }
    }
}

/// A set as a record names it: by the digest of its text.
pub(super) fn policies_object(cedar: &str, etag: &str, organization: &str) -> AuditObject {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, cedar.as_bytes());
    object(&format!("policies/{}", hex::encode(digest.as_ref())), etag, organization)
}
