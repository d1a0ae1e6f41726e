//! What the store promises, seen through the service: what was acknowledged is there after a crash, recorded, findable
//! and in its place. The suite of the store itself is `src/store/sqlite/tests.rs`; SQLite is the one store there is.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
#[expect(dead_code, reason = "rpc.rs uses what is not used here")]
mod mesh;

use entente_proto::{
    audit::v1::Operation,
    intake::v1::{ItemOutcome, ListReportsRequest, SubmitReportRequest},
};
use entente_testkit::{eventually, fixtures::LABEL_OPEN};
use mesh::{Mesh, bytes_of, malware, malware_id, request_id, submission};

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_with_its_position_and_its_answer() {
    let mut mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let item = malware(1, 1, "kept");
    let message =
        SubmitReportRequest { request_id: request_id(), ..submission(LABEL_OPEN, vec![item.clone()]) };
    let first = mira.submit_as(message.clone()).await.unwrap();
    mira.submit(LABEL_OPEN, vec![malware(2, 1, "kept too")]).await.unwrap();
    mesh.crash();
    mesh.start_service().await;

    let mut mira = mesh.person("VLD-COAST", "mira");
    assert_eq!(mira.submit_as(message).await.unwrap(), first);
    let again = mira.submit(LABEL_OPEN, vec![item.clone()]).await.unwrap();
    assert_eq!(again[0].outcome(), ItemOutcome::Unchanged);
    assert_eq!(mira.get(&malware_id(1)).await.unwrap().report.unwrap().content, bytes_of(&item));
    let mut tail = mesh.tail(0).await;
    assert_eq!((tail.next().await.position, tail.next().await.position), (1, 2));
    mira.submit(LABEL_OPEN, vec![malware(3, 1, "new")]).await.unwrap();
    assert_eq!(tail.next().await.position, 3);
}

#[tokio::test]
async fn what_audit_has_not_heard_of_before_a_crash_it_hears_of_afterwards() {
    let mut mesh = Mesh::start().await;
    mesh.audit.fail(true);
    let mut mira = mesh.person("VLD-COAST", "mira");
    for number in 0..5 {
        mira.submit(LABEL_OPEN, vec![malware(number, 1, "x")]).await.unwrap();
    }
    mesh.crash();
    mesh.start_service().await;
    mesh.audit.fail(false);
    let records = eventually(async || {
        let records = mesh.audit.records();
        let collected: Vec<_> =
            records.into_iter().filter(|record| record.operation() == Operation::Collection).collect();
        (collected.len() >= 5).then_some(collected)
    })
    .await;
    let ids: Vec<String> =
        records.iter().map(|record| record.what.as_ref().unwrap().items[0].object_id.clone()).collect();
    assert_eq!(ids, (0..5).map(malware_id).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_text_index_goes_on_where_it_stood() {
    let mut mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "lamp")]).await.unwrap();
    assert_eq!(mira.search("lamp").await.unwrap().count, Some(1));
    mira.submit(LABEL_OPEN, vec![malware(2, 1, "lamp")]).await.unwrap();
    mesh.crash();
    mesh.start_service().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    assert_eq!(mira.search("lamp").await.unwrap().count, Some(2));
}

#[tokio::test]
async fn page_tokens_and_the_partners_key_survive_a_restart() {
    let mut mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, (0..5).map(|number| malware(number, 1, "x")).collect()).await.unwrap();
    let message = ListReportsRequest { page_size: 2, ..ListReportsRequest::default() };
    let page = mira.list(message.clone()).await.unwrap();
    mesh.crash();
    mesh.start_service().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let next = mira.list(ListReportsRequest { page_token: page.next_page_token, ..message }).await.unwrap();
    assert_eq!(next.reports[0].report_id, malware_id(2));
    mira.submit(LABEL_OPEN, vec![malware(9, 1, "x")]).await.unwrap();
    let key_id = |report: &entente_proto::intake::v1::Report| report.signature.clone().unwrap().key_id;
    let newer = mira.get(&malware_id(9)).await.unwrap().report.unwrap();
    assert_eq!(key_id(&newer), key_id(&page.reports[0]));
}
