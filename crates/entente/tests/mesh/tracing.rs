//! One trace: the id that a caller sends stands in the receipt, in the audit record, in the spans of every service
//! touched, and in the details of a refusal.

use std::collections::BTreeSet;

use entente_chassis::status;
use entente_proto::{audit::v1::GetTraceRequest, intake::v1::GetReportRequest};
use tonic::Request;

use crate::{
    client::{LABEL_OWN, Person, item, stix, submission},
    process::{PATIENCE, Up},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traced<T>(mut request: Request<T>) -> Request<T> {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request
}

#[tokio::test]
async fn one_trace_id_leads_through_every_service_into_receipt_record_and_refusal() {
    let up = Up::new();
    let mut mira = Person::of(up.data(), "VLD-COAST/mira").await;
    let (id, object) = stix();
    let submitted = mira.request(submission(LABEL_OWN, vec![item(object)]));
    mira.intake.submit_report(submitted).await.unwrap();

    let get =
        |report_id: &str| GetReportRequest { report_id: report_id.to_owned(), ..GetReportRequest::default() };
    let request = traced(mira.request(get(&id)));
    let receipt = mira.intake.get_report(request).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(hex::encode(&receipt.trace_id), TRACE);

    let request = traced(mira.request(get("indicator--00000000-0000-4000-8000-000000000000")));
    let refused = mira.intake.get_report(request).await.expect_err("nothing of that id");
    assert_eq!(status::describe(&refused).trace_id.as_deref(), Some(TRACE));

    let shown = up.entente(
        "VLD-COAST/runa",
        &["audit", "show", "--trace", TRACE, "--why", "a test follows a trace", "--json"],
    );
    let records = shown.ok().lines();
    assert!(records.iter().any(|record| record["entry_index"] == receipt.entry_index), "{records:#?}");
    assert!(records.iter().all(|record| record["trace_id"] == TRACE && record["verified"] == true));

    let services = spans_of(&mut mira, &["access", "audit", "intake"]).await;
    assert!(
        services.is_superset(&BTreeSet::from(["access", "audit", "intake"].map(str::to_owned))),
        "{services:?}"
    );
    let drawn = up.entente("VLD-COAST/mira", &["trace", TRACE]).ok();
    assert!(drawn.stdout.contains("intake GetReport"), "{}", drawn.stdout);
    assert!(drawn.stdout.lines().all(|line| line.chars().count() <= 100), "{}", drawn.stdout);
}

/// Services whose spans of the trace have come in; waits for those expected.
async fn spans_of(person: &mut Person, expected: &[&str]) -> BTreeSet<String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let request = person.request(GetTraceRequest { trace_id: hex::decode(TRACE).unwrap().into() });
        let spans = person.audit.get_trace(request).await.unwrap().into_inner().spans;
        let services: BTreeSet<String> = spans.into_iter().map(|span| span.service_name).collect();
        if expected.iter().all(|service| services.contains(*service))
            || tokio::time::Instant::now() > deadline
        {
            return services;
        }
        tokio::task::yield_now().await;
    }
}
