//! Adds a subject to the administrator's organization, or changes one.

use std::{collections::BTreeSet, sync::Arc};

use entente_chassis::call::Call;

use super::{
    App, Caller, SubjectProposal,
    audit_event::object,
    proposal::{Faults, Known, ungranted_groups},
};
use crate::{
    error::{Error, FieldFault},
    store::{AuditAct, Change, Changed, SubjectRow},
};

impl App {
    /// Stores the subject under its etag; returns when it holds everywhere.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn put_subject(
        self: &Arc<Self>,
        call: &Call,
        proposal: SubjectProposal,
        (etag, request_id): (String, String),
    ) -> Result<Changed<SubjectRow>, Error> {
        let caller = self.administrator(call)?;
        let organization = proposal.subject_id.split('/').next().unwrap_or_default();
        if organization != caller.organization() {
            return Err(Error::NotFound(proposal.subject_id));
        }
        let registry = caller.registry.registry();
        let row = Faults::refuse(proposal.check("subject", registry, &Known::of(&caller.registry)))?;
        check_giver(&caller, &row)?;
        // Refused before anything is stored: what makes no profile could never be put in force.
        caller.registry.profile_of(&row)?;
        let changed = object(&row.subject_id, "", &row.organization_id);
        let event = self.audit_event(call, &caller, AuditAct::PolicyChange, vec![changed]);
        let request = caller.request_key(&request_id, &row, &etag)?;
        let change = Change { resource: row, expected_etag: etag, request, event };
        let store = self.store.clone();
        self.change(async move { store.put_subject(change).await }, |changed| changed.epoch).await
    }
}

/// What an administrator gives is not for itself, and is the organization's to give.
fn check_giver(caller: &Caller, row: &SubjectRow) -> Result<(), Error> {
    if row.subject_id == caller.subject_id() {
        let two_of_them = "nobody changes their own rights: ask another policy administrator";
        return Err(Error::Fields(vec![FieldFault::new("subject.subject_id", two_of_them)]));
    }
    let organization = caller.registry.partner(&row.organization_id).map(|partner| partner.groups.clone());
    let before = caller.registry.member(&row.subject_id).map(|member| member.row.groups.clone());
    let held: BTreeSet<String> = organization.into_iter().chain(before).flatten().collect();
    let faults = ungranted_groups(row, &held);
    if faults.is_empty() { Ok(()) } else { Err(Error::Fields(faults)) }
}
