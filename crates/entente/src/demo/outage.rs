//! No record, no disclosure: with the audit log down nothing is read, and nothing submitted is lost.

use entente_chassis::status::{self, ErrorReason};
use entente_proto::{
    audit::v1::{ListRecordsRequest, Operation, ProvenRecord},
    common::v1::Severity,
    intake::v1::{FreeText, GetReportRequest, ReportItem, report_item::Body},
};
use tokio::time::{Instant, sleep};

use super::{
    ASK_AGAIN_AFTER, PATIENCE,
    cast::{Cast, LABEL_SHARED, OPERATION},
    narrator::Narrator,
    telling::{Report, read},
};
use crate::{
    audit,
    exit::Failure,
    mesh::{Mesh, Service},
    report::{Submission, submit_items},
};

/// Audit stops, and comes back.
pub(super) async fn audit_stops(
    narrator: &mut Narrator,
    mesh: &mut Mesh,
    cast: &Cast,
    report: &Report,
) -> Result<(), Failure> {
    narrator.step("The audit log goes down");
    narrator.tell("The audit service is stopped. What cannot be recorded must not be told.");
    mesh.stop_service(Service::Audit).await;
    let reason = refused_read(cast, report).await?;
    narrator.claim(
        format!(
            "tomas asks for the report and is refused: {}",
            reason.map(status::name).unwrap_or("no reason")
        ),
        reason == Some(ErrorReason::AuditUnavailable),
    );
    let supplement = supplement(cast).await?;
    narrator.claim("mira's supplement is accepted all the same", !supplement.is_empty());
    mesh.start_service(Service::Audit).await?;
    narrator.claim("audit is back: tomas reads", reads_again(cast, report).await);
    let recorded = recorded(cast, &supplement).await?;
    narrator
        .claim("and what was accepted meanwhile is recorded: runa, Valdoria's auditor, finds it", recorded);
    Ok(())
}

async fn refused_read(cast: &Cast, report: &Report) -> Result<Option<ErrorReason>, Failure> {
    let request = GetReportRequest { report_id: report.text_id.clone(), ..GetReportRequest::default() };
    let answer = cast.tomas.intake()?.get_report(cast.tomas.request(request).await?).await;
    Ok(answer.err().and_then(|status| status::reason_of(&status)))
}

async fn supplement(cast: &Cast) -> Result<String, Failure> {
    let submission = Submission {
        label_line: LABEL_SHARED.to_owned(),
        operation: OPERATION.to_owned(),
        severity: Severity::Moderate.into(),
    };
    let body = format!("Supplement: the crates hold radio parts.\nReference {}\n", cast.serial);
    let text = FreeText { title: "Supplement".to_owned(), body: body.into(), ..FreeText::default() };
    let items = vec![ReportItem { body: Some(Body::Text(text)), label_line: String::new() }];
    let results = submit_items(&cast.mira, &submission, items).await?;
    Ok(results.into_iter().next().unwrap_or_default().report_id)
}

async fn reads_again(cast: &Cast, report: &Report) -> bool {
    let until = Instant::now() + PATIENCE;
    while read(&cast.tomas, &report.text_id).await.is_err() {
        if Instant::now() > until {
            return false;
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
    true
}

async fn recorded(cast: &Cast, report_id: &str) -> Result<bool, Failure> {
    let ask = ListRecordsRequest {
        object_id: report_id.to_owned(),
        justification: "what was accepted while the log was down".to_owned(),
        ..ListRecordsRequest::default()
    };
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match audit::records(&cast.runa, ask.clone(), 10).await {
            Ok(records) if records.iter().any(is_acceptance) => return Ok(true),
            Ok(_) => {}
            // Until access has told the restarted log whose tokens to believe.
            Err(failure) if failure.is_unavailable() => {}
            Err(failure) => return Err(failure),
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
    Ok(false)
}

fn is_acceptance(record: &ProvenRecord) -> bool {
    record.record.as_ref().is_some_and(|record| record.operation() == Operation::Collection)
}
