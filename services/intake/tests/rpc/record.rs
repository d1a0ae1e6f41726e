//! What audit is told, and that nothing is read without it.

use aws_lc_rs::digest::{SHA256, digest};
use entente_proto::{
    audit::v1::{AuditRecord, Effect, Operation, Phase},
    common::v1::ErrorReason,
    intake::v1::ListReportsRequest,
};
use entente_testkit::{
    eventually,
    fixtures::{LABEL_OPEN, LABEL_OWN, LABEL_SHARED},
};

use super::mesh::{Mesh, malware, malware_id, refused, text, version};

fn of(mesh: &Mesh, operation: Operation) -> Vec<AuditRecord> {
    mesh.audit.records().into_iter().filter(|record| record.operation() == operation).collect()
}

/// Records of accepted versions, once there are as many items in them.
async fn collected(mesh: &Mesh, items: u64) -> Vec<AuditRecord> {
    eventually(async || {
        let records = of(mesh, Operation::Collection);
        let counted: u64 = records.iter().map(|record| record.what.as_ref().unwrap().item_count).sum();
        (counted >= items).then_some(records)
    })
    .await
}

#[tokio::test]
async fn every_answer_carries_a_receipt_for_a_record_of_exactly_what_left() {
    let mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    mira.submit(LABEL_SHARED, vec![malware(1, 1, "x"), malware(2, 1, "y")]).await.unwrap();
    mira.submit(LABEL_OWN, vec![malware(3, 1, "z")]).await.unwrap();
    let page = tomas.list(ListReportsRequest::default()).await.unwrap();
    let record = mesh.audit.proves(page.receipt.as_ref().unwrap()).unwrap();
    assert_eq!((record.operation(), record.phase()), (Operation::Disclosure, Phase::Single));
    let what = record.what.unwrap();
    let items: Vec<(&str, &str, &str)> = what
        .items
        .iter()
        .map(|item| (item.object_id.as_str(), item.version.as_str(), item.originator.as_str()))
        .collect();
    let expected = [malware_id(1), malware_id(2)];
    let version = version(1);
    assert_eq!(items, expected.each_ref().map(|id| (id.as_str(), version.as_str(), "VLD-COAST")));
    assert!(what.items.iter().all(|item| item.label_hash == page.reports[0].label.as_ref().unwrap().hash));
    let content: Vec<u8> = page.reports.iter().flat_map(|report| report.content.to_vec()).collect();
    assert_eq!(what.payload_sha256.as_ref(), digest(&SHA256, &content).as_ref());
    assert_eq!((what.item_count, what.payload_bytes), (2, content.len() as u64));
    let (who, why, decision) = (record.who.unwrap(), record.why.unwrap(), record.decision.unwrap());
    assert_eq!((who.subject.as_str(), who.subject_organization.as_str()), ("ORS-CERT/tomas", "ORS-CERT"));
    assert_eq!(who.service_identity, "spiffe://entente.test/svc/intake");
    assert_eq!(
        (why.purpose.as_str(), why.realm.as_str(), why.operation.as_str()),
        ("CT", "REAL", "TIDEWALL")
    );
    assert_eq!((decision.effect(), decision.epoch), (Effect::Permit, 1));
    assert_eq!(decision.profile_id.len(), 32);
    let place = record.r#where.unwrap();
    assert_eq!(place.rpc_method, "/entente.intake.v1.IntakeService/ListReports");
    assert_eq!(place.trace_id, page.receipt.unwrap().trace_id);
}

#[tokio::test]
async fn reading_ones_own_is_a_consultation_and_an_empty_page_is_recorded_too() {
    let mesh = Mesh::start().await;
    let (mut mira, mut jonas) = (mesh.person("VLD-COAST", "mira"), mesh.person("KSI-ISAC", "jonas"));
    mira.submit(LABEL_OWN, vec![malware(1, 1, "x")]).await.unwrap();
    let own = mira.get(&malware_id(1)).await.unwrap();
    let record = mesh.audit.proves(&own.receipt.unwrap()).unwrap();
    assert_eq!(record.operation(), Operation::Consultation);
    let empty =
        jonas.list(ListReportsRequest { with_count: true, ..ListReportsRequest::default() }).await.unwrap();
    assert_eq!((empty.reports.len(), empty.count), (0, Some(0)));
    let record = mesh.audit.proves(&empty.receipt.unwrap()).unwrap();
    assert_eq!(record.what.unwrap().item_count, 0);
    let found = jonas.search("x").await.unwrap();
    assert!(mesh.audit.proves(&found.receipt.unwrap()).is_some());
}

#[tokio::test]
async fn what_was_not_found_is_recorded_without_telling_why() {
    let mesh = Mesh::start().await;
    mesh.person("VLD-COAST", "mira").submit(LABEL_OWN, vec![malware(1, 1, "x")]).await.unwrap();
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let before = of(&mesh, Operation::Denial).len();
    for id in [malware_id(1), malware_id(77)] {
        assert_eq!(refused(jonas.get(&id).await), ErrorReason::NotFound);
    }
    let denials = of(&mesh, Operation::Denial).split_off(before);
    let reasons: Vec<String> = denials.iter().map(|record| record.decision.clone().unwrap().reason).collect();
    assert_eq!(reasons, ["absent_or_not_permitted", "absent_or_not_permitted"]);
    let whats: Vec<_> = denials.into_iter().map(|record| record.what.unwrap()).collect();
    assert_eq!(
        whats.iter().map(|what| what.items[0].object_id.clone()).collect::<Vec<_>>(),
        [malware_id(1), malware_id(77)]
    );
    assert!(whats.iter().all(|what| what.item_count == 0 && what.payload_bytes == 0));
}

#[tokio::test]
async fn every_accepted_version_is_recorded_once_and_what_was_there_is_not() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x"), text("t", "b")]).await.unwrap();
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x"), malware(2, 1, "x")]).await.unwrap();
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, (100..1_700).map(|number| malware(number, 1, "x")).collect()).await;
    bulk.answer().await.unwrap();
    bulk.finish().await;
    let records = collected(&mesh, 1_603).await;
    let mut ids: Vec<String> = records
        .iter()
        .flat_map(|record| &record.what.as_ref().unwrap().items)
        .map(|item| item.object_id.clone())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_603);
    let sizes: Vec<usize> = records.iter().map(|record| record.what.as_ref().unwrap().items.len()).collect();
    assert_eq!(sizes, [2, 1, 1_000, 600]);
    assert!(records.iter().all(|record| record.who.as_ref().unwrap().subject == "VLD-COAST/mira"));
}

#[tokio::test]
async fn without_audit_nothing_is_read_and_submissions_go_on() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    collected(&mesh, 1).await;
    mesh.audit.fail(true);
    assert_eq!(refused(mira.get(&malware_id(1)).await), ErrorReason::AuditUnavailable);
    assert_eq!(refused(mira.get(&malware_id(77)).await), ErrorReason::AuditUnavailable);
    assert_eq!(refused(mira.list(ListReportsRequest::default()).await), ErrorReason::AuditUnavailable);
    assert_eq!(refused(mira.search("x").await), ErrorReason::AuditUnavailable);
    mira.submit(LABEL_OPEN, vec![malware(2, 1, "x")]).await.unwrap();
    let mut bulk = mira.bulk().await.unwrap();
    bulk.send(1, LABEL_OPEN, vec![malware(3, 1, "x")]).await;
    assert_eq!(bulk.answer().await.unwrap().accepted_count, 1);
    mesh.audit.fail(false);
    let records = collected(&mesh, 3).await;
    assert_eq!(records.len(), 3, "recorded once audit is back, each once");
    assert_eq!(mira.everything().await.unwrap().len(), 3);
}
