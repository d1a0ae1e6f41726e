//! What is not for a partner is absent for it: no list, count, search, answer or alert tells that it exists.

use entente_chassis::status::{self, Described};
use entente_proto::{
    alerting::v1::Alert,
    common::v1::Receipt,
    intake::v1::{
        FreeText, GetReportRequest, ListReportsRequest, ReportFilter, ReportItem, SearchReportsRequest,
        report_item::Body,
    },
};
use uuid::Uuid;

use super::{
    cast::{Cast, LABEL_OPEN, PHRASE},
    narrator::Narrator,
    telling::{Report, Waiting, alerts_until},
};
use crate::{
    exit::Failure,
    report::{Submission, submit_items},
    session::Session,
};

/// What a reader can see of Valdoria.
#[derive(PartialEq, Eq)]
pub(super) struct Seen {
    listed: u64,
    found: u64,
}

/// Counts what is there for a reader.
pub(super) async fn look(session: &Session) -> Result<Seen, Failure> {
    Ok(look_with_receipts(session).await?.0)
}

async fn look_with_receipts(session: &Session) -> Result<(Seen, Vec<Receipt>), Failure> {
    let filter = Some(ReportFilter { originator: "VLD-COAST".to_owned(), ..ReportFilter::default() });
    let list = ListReportsRequest { filter, with_count: true, without_content: true, ..Default::default() };
    let listed = session.intake()?.list_reports(session.request(list).await?).await?.into_inner();
    let query = format!("\"{PHRASE}\"");
    let search =
        SearchReportsRequest { query, with_count: true, without_content: true, ..Default::default() };
    let found = session.intake()?.search_reports(session.request(search).await?).await?.into_inner();
    let seen = Seen { listed: listed.count.unwrap_or_default(), found: found.count.unwrap_or_default() };
    Ok((seen, [listed.receipt, found.receipt].into_iter().flatten().collect()))
}

/// The partner outside the operation looks for the report in every way there is.
pub(super) async fn nothing_to_see(
    narrator: &mut Narrator,
    cast: &Cast,
    waiting: &mut Waiting,
    report: &Report,
) -> Result<Vec<Receipt>, Failure> {
    narrator.step("The Isles see nothing");
    narrator.tell(
        "For jonas the report is not hidden, it is not there. Then mira sends an open notice, so that he does hear \
         something: had he been alerted of the report, that alert would have come first.",
    );
    let (seen, receipts) = look_with_receipts(&cast.jonas).await?;
    narrator.claim("his list and its count are what they were before", seen.listed == waiting.before.listed);
    narrator
        .claim("his search for the phrase finds what it found before", seen.found == waiting.before.found);
    let refused = refusal(&cast.jonas, &report.text_id).await?;
    let invented = refusal(&cast.jonas, &format!("x-entente-text--{}", Uuid::new_v4())).await?;
    let same = refused.is_some() && refused == invented;
    narrator.claim("asking for it by its id gives the answer that an invented id gives", same);
    let notice_id = notice(cast).await?;
    let heard = alerts_until(&mut waiting.jonas, &notice_id).await?;
    let of_report = |alert: &Alert| [&report.text_id, &report.indicator_id].contains(&&alert.report_id);
    let told = heard.iter().filter_map(|delivery| delivery.alert.as_ref()).any(of_report);
    narrator.claim("he is alerted of the notice, and not of the report before it", !told);
    let numbered = heard.iter().map(|delivery| delivery.delivery_number).eq((1..).take(heard.len()));
    narrator.claim("his alerts are numbered without a gap", numbered);
    Ok(receipts)
}

/// Everything a refusal says except its trace id; `None` if the report was there.
async fn refusal(session: &Session, report_id: &str) -> Result<Option<Described>, Failure> {
    let request = GetReportRequest { report_id: report_id.to_owned(), ..GetReportRequest::default() };
    let answer = session.intake()?.get_report(session.request(request).await?).await;
    Ok(answer.err().map(|status| Described { trace_id: None, ..status::describe(&status) }))
}

async fn notice(cast: &Cast) -> Result<String, Failure> {
    let submission = Submission { label_line: LABEL_OPEN.to_owned(), ..Submission::default() };
    let text = FreeText {
        title: "Notice to mariners".to_owned(),
        body: format!("The light at Cape Oriel is out of order.\nReference {}\n", cast.serial).into(),
        ..FreeText::default()
    };
    let items = vec![ReportItem { body: Some(Body::Text(text)), label_line: String::new() }];
    let results = submit_items(&cast.mira, &submission, items).await?;
    Ok(results.into_iter().next().unwrap_or_default().report_id)
}
