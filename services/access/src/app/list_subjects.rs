//! The subjects of a policy administrator's own organization.

use std::collections::BTreeMap;

use entente_chassis::call::Call;

use super::{App, Page, PageRequest, audit_event::object};
use crate::{
    error::Error,
    store::{AuditAct, SubjectRow},
};

impl App {
    /// A page of subjects, recorded before it is told.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn list_subjects(
        &self,
        call: &Call,
        request: PageRequest,
    ) -> Result<Page<SubjectRow>, Error> {
        let caller = self.administrator(call)?;
        let members = caller.registry.members().values();
        let own: BTreeMap<String, SubjectRow> = members
            .filter(|member| member.row.organization_id == caller.organization())
            .map(|member| (member.row.subject_id.clone(), member.row.clone()))
            .collect();
        let (rows, next_page_token) = self.page(&caller, "subjects", &own, &request)?;
        let told = rows.iter().map(|row| object(&row.subject_id, &row.etag, &row.organization_id)).collect();
        let event = self.audit_event(call, &caller, AuditAct::Consultation, told);
        let receipt = self.disclose(call, event).await?;
        Ok(Page { rows, next_page_token, receipt })
    }
}
