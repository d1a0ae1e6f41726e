//! What is told about subjects: explanations, lists, oneself.

use entente_chassis::status::{ErrorReason, describe};
use entente_proto::{
    access::v1::{
        ExplainAccessRequest, ExplainAccessResponse, GetSelfRequest, ListOperationsRequest,
        ListPartnersRequest, ListSubjectsRequest,
    },
    audit::v1::{Effect, Operation},
};
use entente_testkit::fixtures::{LABEL_OWN, LABEL_SHARED};
use tonic::Status;

use crate::{
    fields,
    node::{Node, Person},
    reason,
};

async fn explain(person: &Person, subject_id: &str, line: &str) -> Result<ExplainAccessResponse, Status> {
    let request = ExplainAccessRequest {
        subject_id: subject_id.to_owned(),
        label_line: line.to_owned(),
        purpose: String::new(),
    };
    person.client.clone().explain_access(person.ask(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn an_administrator_is_told_condition_by_condition_and_it_is_recorded_first() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let answer = explain(&vera, "ORS-CERT/tomas", LABEL_OWN).await.unwrap();
    assert!(!answer.allowed);
    assert_eq!(answer.reason, "not_in_audience");
    let failed: Vec<&str> = answer
        .conditions
        .iter()
        .filter(|condition| !condition.holds)
        .map(|condition| condition.name.as_str())
        .collect();
    assert_eq!(failed, ["not_in_audience"]);
    assert!(answer.conditions.len() > 10);
    let record = node.audit.proves(&answer.receipt.unwrap()).unwrap();
    assert_eq!(record.operation, i32::from(Operation::AuditConsultation));
    assert_eq!(record.who.unwrap().subject, "ORS-CERT/vera");
    assert_eq!(record.what.unwrap().items[0].object_id, "ORS-CERT/tomas");
    let decision = record.decision.unwrap();
    assert_eq!((decision.effect, decision.reason.as_str()), (i32::from(Effect::Deny), "not_in_audience"));
    assert_eq!(decision.epoch, answer.epoch);
    let answer = explain(&vera, "ORS-CERT/tomas", LABEL_SHARED).await.unwrap();
    assert!(answer.allowed && answer.obligations == ["audit_before_disclosure"]);
}

#[tokio::test]
async fn the_reasons_are_for_those_entitled_and_everybody_else_finds_nothing() {
    let node = Node::start().await;
    let (tomas, runa) = (node.person("ORS-CERT/tomas").await, node.person("VLD-COAST/runa").await);
    assert!(explain(&tomas, "", LABEL_SHARED).await.unwrap().allowed, "oneself, when one may read");
    assert!(
        explain(&runa, "VLD-COAST/mira", LABEL_OWN).await.unwrap().allowed,
        "an auditor of the organization"
    );
    let recorded = node.audit.records().len();
    let refused = [
        explain(&tomas, "ORS-CERT/tomas", LABEL_OWN).await.unwrap_err(),
        explain(&tomas, "ORS-CERT/ilse", LABEL_SHARED).await.unwrap_err(),
        explain(&runa, "ORS-CERT/tomas", LABEL_SHARED).await.unwrap_err(),
        explain(&runa, "ORS-CERT/nobody", LABEL_SHARED).await.unwrap_err(),
    ];
    for status in &refused {
        let described = describe(status);
        assert_eq!(described.reason, Some(ErrorReason::NotFound));
        assert_eq!(described.message, describe(&refused[0]).message);
    }
    assert_eq!(node.audit.records().len(), recorded);
    let wrong = explain(&tomas, "", "no label").await;
    assert_eq!(reason(wrong.clone()), ErrorReason::LabelInvalid);
    assert_eq!(fields(wrong), ["label_line"]);
}

#[tokio::test]
async fn lists_come_in_pages_recorded_before_they_are_told() {
    let node = Node::start().await;
    let mut nele = node.person("KSI-ISAC/nele").await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    for _ in 0..2 {
        let request = nele.ask(ListPartnersRequest { page_size: 2, page_token });
        let page = nele.client.list_partners(request).await.unwrap().into_inner();
        let told: Vec<String> = page.partners.iter().map(|partner| partner.organization_id.clone()).collect();
        let record = node.audit.proves(&page.receipt.unwrap()).unwrap();
        let recorded: Vec<String> =
            record.what.unwrap().items.into_iter().map(|item| item.object_id).collect();
        assert_eq!(recorded, told);
        seen.extend(told);
        page_token = page.next_page_token;
    }
    assert_eq!(seen, ["KSI-ISAC", "ORS-CERT", "VLD-COAST"]);
    assert_eq!(page_token, "");
    let request = nele.ask(ListSubjectsRequest::default());
    let subjects = nele.client.list_subjects(request).await.unwrap().into_inner().subjects;
    let ids: Vec<&str> = subjects.iter().map(|subject| subject.subject_id.as_str()).collect();
    assert_eq!(ids, ["KSI-ISAC/jonas", "KSI-ISAC/nele"], "of one's own organization alone");
    assert_eq!(subjects[0].clearances["ENTENTE"], "SECRET");
}

#[tokio::test]
async fn a_page_token_is_good_for_its_caller_its_list_and_its_epoch() {
    let node = Node::start().await;
    let (mut nele, mut vera) = (node.person("KSI-ISAC/nele").await, node.person("ORS-CERT/vera").await);
    let first = nele.ask(ListPartnersRequest { page_size: 1, page_token: String::new() });
    let page_token = nele.client.list_partners(first).await.unwrap().into_inner().next_page_token;
    let partners = || ListPartnersRequest { page_size: 1, page_token: page_token.clone() };
    let subjects = ListSubjectsRequest { page_size: 1, page_token: page_token.clone() };
    assert!(nele.client.list_partners(nele.ask(partners())).await.is_ok());
    assert_eq!(reason(vera.client.list_partners(vera.ask(partners())).await), ErrorReason::PageTokenInvalid);
    assert_eq!(reason(nele.client.list_subjects(nele.ask(subjects)).await), ErrorReason::PageTokenInvalid);
    vera.suspend("ORS-CERT/ilse").await.unwrap();
    assert_eq!(reason(nele.client.list_partners(nele.ask(partners())).await), ErrorReason::PageTokenInvalid);
    let large = ListPartnersRequest { page_size: 1_001, page_token: String::new() };
    assert_eq!(fields(nele.client.list_partners(nele.ask(large)).await), ["page_size"]);
}

#[tokio::test]
async fn nothing_is_told_that_cannot_be_recorded() {
    let node = Node::start().await;
    let mut vera = node.person("ORS-CERT/vera").await;
    node.audit.fail(true);
    assert_eq!(reason(explain(&vera, "ORS-CERT/tomas", LABEL_OWN).await), ErrorReason::AuditUnavailable);
    let partners = vera.client.list_partners(vera.ask(ListPartnersRequest::default())).await;
    assert_eq!(reason(partners), ErrorReason::AuditUnavailable);
    let subjects = vera.client.list_subjects(vera.ask(ListSubjectsRequest::default())).await;
    assert_eq!(reason(subjects), ErrorReason::AuditUnavailable);
    node.audit.fail(false);
    assert!(explain(&vera, "ORS-CERT/tomas", LABEL_OWN).await.is_ok());
}

#[tokio::test]
async fn a_subject_sees_itself_and_the_operations_its_organization_takes_part_in() {
    let node = Node::start().await;
    let (mut tomas, mut jonas) = (node.person("ORS-CERT/tomas").await, node.person("KSI-ISAC/jonas").await);
    let answer = tomas.client.get_self(tomas.ask(GetSelfRequest {})).await.unwrap().into_inner();
    let subject = answer.subject.unwrap();
    assert_eq!(
        (subject.subject_id.as_str(), subject.organization_id.as_str()),
        ("ORS-CERT/tomas", "ORS-CERT")
    );
    assert_eq!(subject.roles, ["reader", "submitter", "subscriber"]);
    assert_eq!((subject.grants[0].path.as_str(), subject.grants[0].tree), ("OP:TIDEWALL", true));
    let operations =
        tomas.client.list_operations(tomas.ask(ListOperationsRequest {})).await.unwrap().into_inner();
    assert_eq!(operations.operations.len(), 1);
    assert_eq!(operations.operations[0].components[0].phases[1].phase_id, "P2");
    let operations =
        jonas.client.list_operations(jonas.ask(ListOperationsRequest {})).await.unwrap().into_inner();
    assert!(operations.operations.is_empty());
}
