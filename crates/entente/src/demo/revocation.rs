//! Revoked is revoked: once the suspension is acknowledged, no later read succeeds, token or not.

use entente_chassis::status::{self, ErrorReason};
use entente_proto::intake::v1::GetReportRequest;

use super::{
    cast::Cast,
    narrator::Narrator,
    telling::{Report, read},
};
use crate::{access, exit::Failure};

/// Orsenna suspends one of its own.
pub(super) async fn revoke(narrator: &mut Narrator, cast: &Cast, report: &Report) -> Result<(), Failure> {
    narrator.step("Orsenna revokes");
    narrator.tell(
        "ilse leaves the unit, and vera, Orsenna's policy administrator, suspends her. The answer comes when every \
         service knows. ilse still holds a token that has minutes to live.",
    );
    let before = read(&cast.ilse, &report.text_id).await;
    narrator.claim("a moment before, ilse reads", before.is_ok());
    let epoch = access::suspend_subject(&cast.vera, "ORS-CERT/ilse", "left the unit").await?;
    let request = GetReportRequest { report_id: report.text_id.clone(), ..GetReportRequest::default() };
    let answer = cast.ilse.intake()?.get_report(cast.ilse.request(request).await?).await;
    let reason = answer.err().and_then(|status| status::reason_of(&status));
    narrator.claim(
        format!(
            "from epoch {epoch} on, her token opens nothing: {}",
            reason.map(status::name).unwrap_or("no reason")
        ),
        reason == Some(ErrorReason::SubjectInactive),
    );
    cast.ilse.renew().await;
    narrator.claim("and she gets no new one", cast.ilse.token().await.is_err());
    narrator.claim("tomas reads on", read(&cast.tomas, &report.text_id).await.is_ok());
    Ok(())
}
