//! The organizations that share the node, for any policy administrator.

use entente_chassis::call::Call;

use super::{App, Page, PageRequest, audit_event::object};
use crate::{
    error::Error,
    store::{AuditAct, PartnerRow},
};

impl App {
    /// A page of partners, recorded before it is told.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn list_partners(
        &self,
        call: &Call,
        request: PageRequest,
    ) -> Result<Page<PartnerRow>, Error> {
        let caller = self.administrator(call)?;
        let (rows, next_page_token) = self.page(&caller, "partners", caller.registry.partners(), &request)?;
        let told =
            rows.iter().map(|row| object(&row.organization_id, &row.etag, &row.organization_id)).collect();
        let event = self.audit_event(call, &caller, AuditAct::Consultation, told);
        let receipt = self.disclose(call, event).await?;
        Ok(Page { rows, next_page_token, receipt })
    }
}
