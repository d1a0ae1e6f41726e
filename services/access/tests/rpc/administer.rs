//! Changes of partners, subjects and operations.

use entente_chassis::status::ErrorReason;
use entente_proto::{
    access::v1::{
        GetSelfRequest, Grant, ListOperationsRequest, ListPartnersRequest, ListSubjectsRequest, Operation,
        Partner, PutOperationRequest, PutOperationResponse, PutPartnerRequest, PutPartnerResponse,
        PutSubjectRequest, PutSubjectResponse, SubjectProfile, SuspendSubjectRequest,
    },
    audit::v1::{self as audit, AuditRecord},
};
use entente_testkit::{eventually, fixtures::LABEL_SHARED};
use tonic::Status;

use crate::{
    fields,
    node::{Node, Person, decide},
    reason,
};

fn request_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

fn newcomer(subject_id: &str) -> SubjectProfile {
    SubjectProfile {
        subject_id: subject_id.to_owned(),
        organization_id: subject_id.split('/').next().unwrap().to_owned(),
        kind: "person".to_owned(),
        roles: vec!["reader".to_owned()],
        purposes: vec!["CT".to_owned()],
        clearances: [("ENTENTE".to_owned(), "SECRET".to_owned())].into(),
        grants: vec![Grant { path: "OP:TIDEWALL".to_owned(), tree: true, ..Grant::default() }],
        active: true,
        assurance_level: 2,
        ..SubjectProfile::default()
    }
}

async fn put_subject(
    person: &Person,
    subject: SubjectProfile,
    number: u8,
) -> Result<PutSubjectResponse, Status> {
    let request = PutSubjectRequest { subject: Some(subject), request_id: request_id(number) };
    person.client.clone().put_subject(person.ask(request)).await.map(tonic::Response::into_inner)
}

async fn put_partner(person: &Person, partner: Partner, number: u8) -> Result<PutPartnerResponse, Status> {
    let request = PutPartnerRequest { partner: Some(partner), request_id: request_id(number) };
    person.client.clone().put_partner(person.ask(request)).await.map(tonic::Response::into_inner)
}

async fn put_operation(
    person: &Person,
    operation: Operation,
    number: u8,
) -> Result<PutOperationResponse, Status> {
    let request = PutOperationRequest { operation: Some(operation), request_id: request_id(number) };
    person.client.clone().put_operation(person.ask(request)).await.map(tonic::Response::into_inner)
}

async fn partner(person: &Person, organization: &str) -> Partner {
    let listed = person.client.clone().list_partners(person.ask(ListPartnersRequest::default())).await;
    let partners = listed.unwrap().into_inner().partners;
    partners.into_iter().find(|partner| partner.organization_id == organization).unwrap()
}

async fn subject(person: &Person, subject_id: &str) -> SubjectProfile {
    let listed = person.client.clone().list_subjects(person.ask(ListSubjectsRequest::default())).await;
    let subjects = listed.unwrap().into_inner().subjects;
    subjects.into_iter().find(|subject| subject.subject_id == subject_id).unwrap()
}

/// The record of a change at an epoch, once it has come through the outbox.
async fn recorded(node: &Node, epoch: u64) -> AuditRecord {
    eventually(async || {
        let made = |record: &AuditRecord| {
            record.operation == i32::from(audit::Operation::PolicyChange)
                && record.decision.as_ref().is_some_and(|decision| decision.epoch == epoch)
        };
        node.audit.records().into_iter().find(made)
    })
    .await
}

#[tokio::test]
async fn a_new_subject_may_read_when_the_answer_is_there_and_the_change_is_recorded() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let stored = put_subject(&vera, newcomer("ORS-CERT/nils"), 1).await.unwrap();
    assert!(!stored.subject.as_ref().unwrap().etag.is_empty());
    let nils = node.person("ORS-CERT/nils").await;
    let answer = decide(&mut node.workload("intake"), &nils.token, &[LABEL_SHARED]).await.unwrap();
    assert!(answer.decisions[0].allowed);
    assert_eq!(answer.epoch, stored.epoch);
    let record = recorded(&node, stored.epoch).await;
    let who = record.who.unwrap();
    assert_eq!((who.subject.as_str(), who.client_certificate_sha256.len()), ("ORS-CERT/vera", 32));
    assert_eq!(record.what.unwrap().items[0].object_id, "ORS-CERT/nils");
    assert!(record.r#where.unwrap().rpc_method.ends_with("/PutSubject"));
}

#[tokio::test]
async fn the_same_request_again_gives_the_first_answer_and_another_one_is_refused() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let first = put_subject(&vera, newcomer("ORS-CERT/nils"), 1).await.unwrap();
    assert_eq!(put_subject(&vera, newcomer("ORS-CERT/nils"), 1).await.unwrap(), first);
    let other = put_subject(&vera, newcomer("ORS-CERT/lena"), 1).await;
    assert_eq!(reason(other), ErrorReason::RequestIdReused);
    let again = put_subject(&vera, newcomer("ORS-CERT/nils"), 2).await;
    assert_eq!(reason(again), ErrorReason::AlreadyExists);
    let stored = first.subject.unwrap();
    let renamed = SubjectProfile { display_name: "Nils".to_owned(), ..stored.clone() };
    assert!(put_subject(&vera, renamed, 3).await.is_ok());
    assert_eq!(reason(put_subject(&vera, stored, 4).await), ErrorReason::EtagMismatch);
    let request = PutSubjectRequest { subject: Some(newcomer("ORS-CERT/lena")), request_id: "1".to_owned() };
    assert_eq!(fields(vera.client.clone().put_subject(vera.ask(request)).await), ["request_id"]);
}

#[tokio::test]
async fn an_administrator_gives_rights_to_others_of_its_organization_and_never_to_itself() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let mut oneself = subject(&vera, "ORS-CERT/vera").await;
    oneself.purposes.push("BORDER".to_owned());
    assert_eq!(fields(put_subject(&vera, oneself, 1).await), ["subject.subject_id"]);
    for foreign in ["KSI-ISAC/jonas", "KSI-ISAC/nobody", "NOWHERE/x"] {
        assert_eq!(reason(put_subject(&vera, newcomer(foreign), 2).await), ErrorReason::NotFound);
        assert_eq!(reason(vera.suspend(foreign).await), ErrorReason::NotFound);
    }
    let both =
        SubjectProfile { roles: vec!["reader".into(), "policy_admin".into()], ..newcomer("ORS-CERT/nils") };
    assert_eq!(fields(put_subject(&vera, both, 3).await), ["subject.roles"]);
    let joined = SubjectProfile { groups: vec!["ELSEWHERE".into()], ..newcomer("ORS-CERT/nils") };
    assert_eq!(fields(put_subject(&vera, joined, 4).await), ["subject.groups"]);
}

#[tokio::test]
async fn a_suspended_subject_is_refused_whatever_token_it_holds() {
    let node = Node::start().await;
    let (mut tomas, vera) = (node.person("ORS-CERT/tomas").await, node.person("ORS-CERT/vera").await);
    let silent =
        SuspendSubjectRequest { subject_id: "ORS-CERT/tomas".to_owned(), justification: " ".to_owned() };
    assert_eq!(fields(vera.client.clone().suspend_subject(vera.ask(silent)).await), ["justification"]);
    let suspended = vera.suspend("ORS-CERT/tomas").await.unwrap();
    let decided = decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await;
    assert_eq!(reason(decided), ErrorReason::SubjectInactive);
    let own = tomas.client.get_self(tomas.ask(GetSelfRequest {})).await;
    assert_eq!(reason(own), ErrorReason::SubjectInactive);
    assert_eq!(vera.suspend("ORS-CERT/tomas").await.unwrap().epoch, suspended.epoch, "once is enough");
    let record = recorded(&node, suspended.epoch).await;
    assert_eq!(record.why.unwrap().justification, "left the unit");
    assert!(!subject(&vera, "ORS-CERT/tomas").await.active);
}

#[tokio::test]
async fn a_suspended_administrator_administers_nothing() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let second = SubjectProfile {
        roles: vec!["policy_admin".into()],
        grants: Vec::new(),
        ..newcomer("ORS-CERT/ruth")
    };
    put_subject(&vera, second, 1).await.unwrap();
    let ruth = node.person("ORS-CERT/ruth").await;
    ruth.suspend("ORS-CERT/vera").await.unwrap();
    assert_eq!(reason(vera.suspend("ORS-CERT/tomas").await), ErrorReason::SubjectInactive);
    assert_eq!(reason(put_subject(&vera, newcomer("ORS-CERT/nils"), 2).await), ErrorReason::SubjectInactive);
}

#[tokio::test]
async fn a_partner_is_admitted_by_the_custodian_and_keeps_its_own_keys() {
    let node = Node::start().await;
    let (pavo, vera) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/vera").await);
    let new = Partner {
        organization_id: "HARBOR-CERT".into(),
        nation: "XVA".into(),
        active: true,
        ..Partner::default()
    };
    assert_eq!(reason(put_partner(&vera, new.clone(), 1).await), ErrorReason::NotFound);
    put_partner(&pavo, new, 1).await.unwrap();
    let mut own = partner(&vera, "ORS-CERT").await;
    own.signing_keys = vec![vec![7; 32].into()];
    own.display_name = "CERT of Orsenna".into();
    own.groups.retain(|group| group == "CERT-NET");
    let stored = put_partner(&vera, own, 2).await.unwrap().partner.unwrap();
    assert_eq!(stored.signing_keys, [vec![7; 32]]);
    let wider = Partner { groups: vec!["CERT-NET".into(), "TIDEWALL-CELL".into()], ..stored.clone() };
    assert_eq!(fields(put_partner(&vera, wider.clone(), 3).await), ["partner.groups"]);
    let stored = put_partner(&pavo, wider, 3).await.unwrap().partner.unwrap();
    let forged = Partner { signing_keys: vec![vec![8; 32].into()], ..stored };
    assert_eq!(fields(put_partner(&pavo, forged, 4).await), ["partner.signing_keys"]);
}

#[tokio::test]
async fn with_a_partner_all_its_people_are_suspended() {
    let node = Node::start().await;
    let (pavo, tomas) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/tomas").await);
    let suspended = Partner { active: false, ..partner(&pavo, "ORS-CERT").await };
    put_partner(&pavo, suspended, 1).await.unwrap();
    let decided = decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await;
    assert_eq!(reason(decided), ErrorReason::SubjectInactive);
}

#[tokio::test]
async fn an_organization_left_out_of_an_operation_has_lost_it() {
    let node = Node::start().await;
    let (pavo, vera) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/vera").await);
    let tomas = node.person("ORS-CERT/tomas").await;
    let listed =
        pavo.client.clone().list_operations(pavo.ask(ListOperationsRequest {})).await.unwrap().into_inner();
    let tidewall = listed.operations[0].clone();
    assert_eq!(reason(put_operation(&vera, tidewall.clone(), 1).await), ErrorReason::NotFound);
    let alone = Operation { organization_ids: vec!["VLD-COAST".into()], ..tidewall.clone() };
    put_operation(&pavo, alone, 2).await.unwrap();
    let answer = decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await.unwrap();
    assert_eq!(answer.decisions[0].reason, "compartment");
    let moved = Operation { realm: "EXERCISE:LANTERN-26".into(), ..tidewall };
    assert_eq!(fields(put_operation(&pavo, moved, 3).await), ["operation.realm"]);
}

#[tokio::test]
async fn a_new_operation_is_led_by_the_administrators_organization_and_makes_its_exercise_known() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let operation = Operation {
        operation_id: "EMBERFALL".into(),
        realm: "EXERCISE:EMBER-27".into(),
        lead_organization_id: "ORS-CERT".into(),
        organization_ids: vec!["ORS-CERT".into(), "KSI-ISAC".into()],
        ..Operation::default()
    };
    let foreign = Operation { lead_organization_id: "KSI-ISAC".into(), ..operation.clone() };
    assert_eq!(fields(put_operation(&vera, foreign, 1).await), ["operation.lead_organization_id"]);
    let unknown = Operation { organization_ids: vec!["NOWHERE".into()], ..operation.clone() };
    let faults = fields(put_operation(&vera, unknown, 2).await);
    assert_eq!(faults, ["operation.organization_ids[0]", "operation.organization_ids"]);
    put_operation(&vera, operation, 3).await.unwrap();
    let mut jonas = node.client(&node.pki.subject("KSI-ISAC", "jonas"));
    let played = entente_proto::access::v1::MintTokenRequest {
        purpose: "CT".into(),
        realm: "EXERCISE:EMBER-27".into(),
        actions: Vec::new(),
    };
    assert!(jonas.mint_token(played).await.is_ok());
}
