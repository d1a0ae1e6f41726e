//! The story until the entitled partner has read: sign in, ask to be told, submit, be alerted, read.

use entente_proto::{
    alerting::v1::Delivery,
    common::v1::{Receipt, Severity},
    intake::v1::{FreeText, GetReportRequest, GetReportResponse, ReportItem, report_item::Body},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    PATIENCE,
    cast::{Cast, LABEL_SHARED, OPERATION, PHRASE},
    hidden::{self, Seen},
    narrator::Narrator,
};
use crate::{
    alert::AlertStream,
    exit::{Failure, UNAVAILABLE},
    interest,
    report::{Submission, submit_items},
    session::Session,
};

/// Who waits for alerts, and what the Isles saw before.
pub(super) struct Waiting {
    pub(super) ilse: AlertStream,
    pub(super) jonas: AlertStream,
    pub(super) before: Seen,
    pub(super) interests: [String; 2],
}

/// What mira submitted.
pub(super) struct Report {
    pub(super) text_id: String,
    pub(super) indicator_id: String,
}

/// Begins: certificates for tokens.
pub(super) async fn sign_in(narrator: &mut Narrator, cast: &Cast) -> Result<(), Failure> {
    cast.reinstate_ilse().await?;
    narrator.step("Two partners sign in");
    narrator.tell(
        "There are no passwords. Each calls with a client certificate and gets a signed token that names person, \
         purpose and realm, holds five minutes, and travels with every call.",
    );
    for (session, role) in [(&cast.mira, "duty analyst of Valdoria"), (&cast.ilse, "analyst of Orsenna")] {
        let minted = session.token().await;
        let profile = &session.profile;
        let claim = format!("{}, {role}, is signed in for purpose {}", profile.subject, profile.purpose);
        narrator.claim(claim, minted.is_ok());
        minted?;
    }
    Ok(())
}

/// Orsenna and the Isles say what they want to hear of.
pub(super) async fn ask_to_be_told(narrator: &mut Narrator, cast: &Cast) -> Result<Waiting, Failure> {
    narrator.step("Orsenna asks to be told");
    narrator.tell(
        "ilse names a phrase and keeps a stream open. jonas of the Isles asks for everything that Valdoria originates, \
         and waits just the same.",
    );
    let ilse_interest = interest::create(&cast.ilse, "ferries", vec![interest::phrase(PHRASE)]).await?;
    let everything = vec![interest::originator("VLD-COAST")];
    let jonas_interest = interest::create(&cast.jonas, "Valdoria", everything).await?;
    let consumer = format!("demo-{}", cast.serial);
    let waiting = Waiting {
        ilse: AlertStream::open(&cast.ilse, &consumer, false).await?,
        jonas: AlertStream::open(&cast.jonas, &consumer, false).await?,
        before: hidden::look(&cast.jonas).await?,
        interests: [ilse_interest.interest_id, jonas_interest.interest_id],
    };
    narrator.claim(format!("ORS-CERT/ilse waits for the phrase \"{PHRASE}\""), true);
    narrator.claim("KSI-ISAC/jonas waits for anything from VLD-COAST", true);
    Ok(waiting)
}

/// Valdoria submits a report in two parts.
pub(super) async fn submit(narrator: &mut Narrator, cast: &Cast) -> Result<Report, Failure> {
    narrator.step("Valdoria submits a report");
    narrator.tell(
        "mira writes what the patrol saw, adds an indicator in STIX 2.1, and chooses the label: restricted, for operation \
         TIDEWALL, releasable to the two partners in it, not to be passed on.",
    );
    narrator.show(&format!("\n      {}\n", LABEL_SHARED.replace("//ORCON", "\n      //ORCON")));
    let submission = Submission {
        label_line: LABEL_SHARED.to_owned(),
        operation: OPERATION.to_owned(),
        severity: Severity::Severe.into(),
    };
    let indicator_id = format!("indicator--{}", Uuid::new_v4());
    let items = vec![text(&cast.serial), stix(&indicator_id)];
    let results = submit_items(&cast.mira, &submission, items).await?;
    let accepted =
        results.iter().filter(|result| !result.report_id.is_empty() && result.reason.is_empty()).count();
    narrator.claim("free text and indicator are accepted, and durable before the answer", accepted == 2);
    let text_id = results.first().map(|result| result.report_id.clone()).unwrap_or_default();
    Ok(Report { text_id, indicator_id })
}

fn text(serial: &str) -> ReportItem {
    let body = format!(
        "At 02:40 the crew of the night ferry Halcyon found two crates without papers on the car deck, off Cape Oriel.\n\
         The harbour office holds them. The booking came through the address in the indicator beside this report.\n\
         Reference {serial}\n"
    );
    let title = "Unpapered crates on the night ferry Halcyon".to_owned();
    let text = FreeText { title, body: body.into(), ..FreeText::default() };
    ReportItem { body: Some(Body::Text(text)), label_line: String::new() }
}

fn stix(indicator_id: &str) -> ReportItem {
    let object = serde_json::json!({
        "type": "indicator",
        "spec_version": "2.1",
        "id": indicator_id,
        "created": "2026-11-23T02:55:00.000Z",
        "modified": "2026-11-23T02:55:00.000Z",
        "name": "Booking system of the night ferry: callback address",
        "pattern": "[ipv4-addr:value = '198.51.100.23']",
        "pattern_type": "stix",
        "valid_from": "2026-11-23T02:55:00Z",
    });
    ReportItem { body: Some(Body::Stix(object.to_string().into())), label_line: String::new() }
}

/// What the reading left behind.
pub(super) struct Read {
    pub(super) receipts: Vec<Receipt>,
    pub(super) trace_id: Vec<u8>,
}

/// The entitled partner is alerted and reads.
pub(super) async fn alert_and_read(
    narrator: &mut Narrator,
    cast: &Cast,
    waiting: &mut Waiting,
    report: &Report,
) -> Result<Read, Failure> {
    narrator.step("Orsenna is alerted and reads");
    let delivery = alerts_until(&mut waiting.ilse, &report.text_id).await?.pop().unwrap_or_default();
    let alert = delivery.alert.unwrap_or_default();
    narrator.claim(format!("ilse is alerted: \"{}\"", alert.headline), alert.report_id == report.text_id);
    let answer = read(&cast.ilse, &report.text_id).await?;
    let content = answer.report.unwrap_or_default().content;
    narrator.claim("she reads the text exactly as mira wrote it", content == body_of(&text(&cast.serial)));
    let indicator = read(&cast.ilse, &report.indicator_id).await?;
    let label = indicator.report.and_then(|report| report.label).unwrap_or_default();
    narrator
        .claim("the indicator carries the label it came with", label.line.contains("REL TO ORG:ORS-CERT"));
    let receipt = answer.receipt.unwrap_or_default();
    narrator.claim(
        format!(
            "she holds a receipt: entry {} of the audit log, written before the answer left",
            receipt.entry_index
        ),
        !receipt.checkpoint.is_empty(),
    );
    let trace_id = receipt.trace_id.to_vec();
    let receipts = [Some(receipt), delivery.receipt, indicator.receipt].into_iter().flatten().collect();
    Ok(Read { receipts, trace_id })
}

fn body_of(item: &ReportItem) -> bytes::Bytes {
    match &item.body {
        Some(Body::Text(text)) => text.body.clone(),
        Some(Body::Stix(object)) => object.clone(),
        None => bytes::Bytes::new(),
    }
}

/// Reads one report.
pub(super) async fn read(session: &Session, report_id: &str) -> Result<GetReportResponse, Failure> {
    let request = GetReportRequest { report_id: report_id.to_owned(), ..GetReportRequest::default() };
    Ok(session.intake()?.get_report(session.request(request).await?).await?.into_inner())
}

/// Takes alerts until the one of a report comes, and gives them all, that one last.
pub(super) async fn alerts_until(
    stream: &mut AlertStream,
    report_id: &str,
) -> Result<Vec<Delivery>, Failure> {
    let mut alerts: Vec<Delivery> = Vec::new();
    let taken = timeout(PATIENCE, async {
        while let Some(delivery) = stream.next().await? {
            stream.received(delivery.delivery_number).await;
            let last = delivery.alert.as_ref().is_some_and(|alert| alert.report_id == report_id);
            alerts.push(delivery);
            if last {
                return Ok(());
            }
        }
        Err(Failure::new(UNAVAILABLE, "the alert stream closed"))
    });
    match taken.await {
        Ok(taken) => taken.map(|()| alerts),
        Err(_) => Err(Failure::new(UNAVAILABLE, format!("no alert of {report_id} came"))),
    }
}
