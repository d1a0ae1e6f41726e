//! TailJournal: every version once, in order, at once.

use entente_proto::{common::v1::Severity, intake::v1::SubmitReportRequest};
use entente_testkit::fixtures::{LABEL_EXERCISE, LABEL_OPEN, LABEL_SHARED};

use super::mesh::{Mesh, bytes_of, malware, malware_id, submission, text};

#[tokio::test]
async fn an_entry_tells_all_that_matching_needs() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let label = LABEL_SHARED.replace("//BY", "//FROM 2026-12-01//UNTIL 2027-01-31//BY");
    let item = text("Night ferry", "It left.");
    let message =
        SubmitReportRequest { severity: Severity::Minor.into(), ..submission(&label, vec![item.clone()]) };
    mira.submit_as(message).await.unwrap();
    let entry = mesh.tail(0).await.next().await;
    let report = entry.report.unwrap();
    assert_eq!(
        (entry.position, entry.realm.as_str(), entry.submitter.as_str()),
        (1, "REAL", "VLD-COAST/mira")
    );
    assert_eq!((report.title.as_str(), &report.content), ("Night ferry", &bytes_of(&item)));
    assert_eq!((report.r#type.as_str(), report.operation.as_str()), ("x-entente-text", "TIDEWALL"));
    assert_eq!(report.severity, i32::from(Severity::Minor));
    assert_eq!(report.label.unwrap().line, label);
    assert_eq!(entry.timeless_label.unwrap().line, LABEL_SHARED);
    assert_eq!((entry.not_before, entry.not_after), (Some(20_788), Some(20_849)));
    assert!(entry.traceparent.starts_with("00-"), "{}", entry.traceparent);
}

#[tokio::test]
async fn a_tail_goes_on_behind_any_position_and_hears_of_each_commit() {
    let mesh = Mesh::start().await;
    let (mut mira, mut player) = (mesh.person("VLD-COAST", "mira"), mesh.player("VLD-COAST", "mira"));
    mira.submit(LABEL_OPEN, (0..5).map(|number| malware(number, 1, "x")).collect()).await.unwrap();
    let (mut early, mut late) = (mesh.tail(0).await, mesh.tail(3).await);
    assert_eq!(late.next().await.position, 4);
    assert_eq!(late.next().await.position, 5);
    for round in 0..20_u32 {
        let (label, person) =
            if round % 2 == 0 { (LABEL_OPEN, &mut mira) } else { (LABEL_EXERCISE, &mut player) };
        person.submit(label, vec![malware(100 + round, 1, "x")]).await.unwrap();
        let entry = late.next().await;
        assert_eq!(entry.position, u64::from(6 + round));
        assert_eq!(entry.report.unwrap().report_id, malware_id(100 + round));
    }
    for position in 1..=25 {
        assert_eq!(early.next().await.position, position);
    }
}

#[tokio::test]
async fn no_position_is_skipped_while_many_submit_at_once() {
    let mesh = Mesh::start().await;
    let mut tail = mesh.tail(0).await;
    let mira = mesh.person("VLD-COAST", "mira");
    let submitters = (0..16_u32).map(|submitter| {
        let mut mira = mira.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                mira.submit(LABEL_OPEN, vec![malware(submitter * 100 + number, 1, "x")]).await.unwrap();
            }
        })
    });
    let submitters: Vec<_> = submitters.collect();
    let mut ids = std::collections::HashSet::new();
    for position in 1..=160 {
        let entry = tail.next().await;
        assert_eq!(entry.position, position);
        ids.insert(entry.report.unwrap().report_id);
    }
    assert_eq!(ids.len(), 160);
    for submitter in submitters {
        submitter.await.unwrap();
    }
}
