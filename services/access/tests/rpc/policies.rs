//! The deployment's policies: put, told, tested, and decided by.

use entente_chassis::status::{ErrorReason, describe};
use entente_proto::{
    access::v1::{
        CheckSubmitRequest, DecideLabelsRequest, ExplainAccessRequest, GetPoliciesRequest,
        GetPoliciesResponse, PutPoliciesRequest, PutPoliciesResponse, StandingSubject, TestPoliciesRequest,
        TestPoliciesResponse, decide_labels_request::Behalf,
    },
    audit::v1::{self as audit, AuditRecord, Effect},
};
use entente_testkit::{
    eventually,
    fixtures::{LABEL_OPEN, LABEL_OWN, LABEL_SHARED},
};
use tonic::Status;

use crate::{
    fields,
    node::{Node, Person, asked, decide, label},
    reason,
};

const EXAMPLE: &str = include_str!("../../policies/example.cedar");
/// Takes what is shared with others from everybody but its originator.
const OWN_ONLY: &str = r#"
@id("own-only") @description("Everybody keeps to themselves.") @obligation("step_up")
forbid (principal, action == Entente::Action::"read", resource)
unless { resource.originators.contains(principal.org) };
"#;

fn request_id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

async fn put(person: &Person, cedar: &str, etag: &str, number: u8) -> Result<PutPoliciesResponse, Status> {
    let request = PutPoliciesRequest {
        cedar: cedar.to_owned(),
        etag: etag.to_owned(),
        justification: "agreed at the board".to_owned(),
        request_id: request_id(number),
    };
    person.client.clone().put_policies(person.ask(request)).await.map(tonic::Response::into_inner)
}

async fn get(person: &Person, version: u64) -> Result<GetPoliciesResponse, Status> {
    let request = person.ask(GetPoliciesRequest { version });
    person.client.clone().get_policies(request).await.map(tonic::Response::into_inner)
}

async fn test(person: &Person, cedar: &str, lines: &[&str]) -> Result<TestPoliciesResponse, Status> {
    let request = TestPoliciesRequest {
        cedar: cedar.to_owned(),
        label_lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        purpose: String::new(),
    };
    person.client.clone().test_policies(person.ask(request)).await.map(tonic::Response::into_inner)
}

/// What tomas, whose organization did not originate these, may read.
async fn tomas_reads(node: &Node, tomas: &Person) -> Vec<bool> {
    let lines = [LABEL_SHARED, LABEL_OWN, LABEL_OPEN];
    let answer = decide(&mut node.workload("intake"), &tomas.token, &lines).await.unwrap();
    answer.decisions.iter().map(|decision| decision.allowed).collect()
}

#[tokio::test]
async fn policies_take_away_when_the_answer_is_there_and_give_back_what_the_floor_allows() {
    let node = Node::start().await;
    let (pavo, tomas) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/tomas").await);
    assert_eq!(tomas_reads(&node, &tomas).await, [true, false, true]);
    let first = put(&pavo, OWN_ONLY, "", 1).await.unwrap();
    let answer =
        decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED, LABEL_OWN]).await.unwrap();
    assert_eq!(answer.epoch, first.epoch);
    let shared = &answer.decisions[0];
    assert!(!shared.allowed);
    assert_eq!(shared.reason, "forbidden_by_policy");
    assert_eq!(shared.determining_policies, ["own-only"]);
    assert_eq!(shared.obligations, ["step_up"]);
    assert_eq!(answer.decisions[1].reason, "not_in_audience", "the floor speaks first");
    assert!(answer.decisions[1].determining_policies.is_empty());
    let etag = first.policy_set.unwrap().etag;
    let second = put(&pavo, "", &etag, 2).await.unwrap();
    assert!(second.epoch > first.epoch);
    assert_eq!(tomas_reads(&node, &tomas).await, [true, false, true]);
}

#[tokio::test]
async fn a_set_has_a_version_an_author_and_a_record_and_the_one_before_stays_readable() {
    let node = Node::start().await;
    let (pavo, vera) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/vera").await);
    let none = get(&vera, 0).await.unwrap();
    assert_eq!(none.policy_set.as_ref().map(|set| (set.version, set.etag.as_str())), Some((0, "")));
    assert!(none.schema.contains("namespace Entente"));
    let first = put(&pavo, EXAMPLE, "", 1).await.unwrap();
    let stored = first.policy_set.clone().unwrap();
    assert_eq!((stored.version, stored.author.as_str()), (first.epoch, "VLD-COAST/pavo"));
    assert_eq!((stored.cedar.as_str(), stored.justification.as_str()), (EXAMPLE, "agreed at the board"));
    let ids: Vec<&str> = stored.policies.iter().map(|policy| policy.policy_id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "no-sensor-for-classified",
            "personal-data-by-privacy-officers",
            "reports-have-an-end",
            "secret-needs-hardware-key"
        ]
    );
    assert_eq!(stored.policies[1].dormant_actions, ["releaseOnward"]);
    assert_eq!(
        (stored.policies[3].actions.as_slice(), stored.policies[3].obligation.as_str()),
        (&["read".to_owned()][..], "step_up")
    );
    put(&pavo, "", &stored.etag, 2).await.unwrap();
    let told = get(&vera, 0).await.unwrap();
    assert_eq!(told.policy_set.unwrap().cedar, "");
    let record = node.audit.proves(&told.receipt.unwrap()).unwrap();
    assert_eq!(record.operation, i32::from(audit::Operation::AuditConsultation));
    assert_eq!(get(&vera, first.epoch).await.unwrap().policy_set.unwrap(), stored);
    assert_eq!(reason(get(&vera, 1).await), ErrorReason::NotFound);
    let change = recorded(&node, first.epoch).await;
    assert_eq!(change.why.unwrap().justification, "agreed at the board");
    let item = change.what.unwrap().items[0].clone();
    assert!(item.object_id.starts_with("policies/") && item.object_id.len() == 9 + 64, "{}", item.object_id);
    assert_eq!(item.version, stored.etag);
}

/// The record of the change at an epoch, once it has come through the outbox.
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
async fn the_same_request_again_gives_the_first_answer_and_a_stale_etag_is_refused() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    let first = put(&pavo, OWN_ONLY, "", 1).await.unwrap();
    assert_eq!(put(&pavo, OWN_ONLY, "", 1).await.unwrap(), first);
    assert_eq!(reason(put(&pavo, EXAMPLE, "", 1).await), ErrorReason::RequestIdReused);
    assert_eq!(reason(put(&pavo, EXAMPLE, "", 2).await), ErrorReason::AlreadyExists);
    assert_eq!(reason(put(&pavo, EXAMPLE, "e1", 3).await), ErrorReason::EtagMismatch);
    assert_eq!(get(&pavo, 0).await.unwrap().policy_set, first.policy_set);
    let silent = PutPoliciesRequest { request_id: request_id(4), ..PutPoliciesRequest::default() };
    assert_eq!(fields(pavo.client.clone().put_policies(pavo.ask(silent)).await), ["justification"]);
}

#[tokio::test]
async fn only_administrators_of_the_custodian_change_or_test_policies() {
    let node = Node::start().await;
    for other in ["ORS-CERT/vera", "KSI-ISAC/nele"] {
        let other = node.person(other).await;
        assert_eq!(reason(put(&other, OWN_ONLY, "", 1).await), ErrorReason::RoleMissing);
        assert_eq!(reason(test(&other, OWN_ONLY, &[]).await), ErrorReason::RoleMissing);
        assert!(get(&other, 0).await.is_ok(), "what binds one's people may be known");
    }
}

#[tokio::test]
async fn a_set_with_any_fault_is_refused_whole_with_every_fault() {
    let node = Node::start().await;
    let (pavo, tomas) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/tomas").await);
    let wrong = format!(
        r#"{OWN_ONLY}
        @id("rogue") permit (principal, action, resource);
        forbid (principal, action, resource) when {{ resource.colour == "red" }};"#
    );
    for refused in [put(&pavo, &wrong, "", 1).await.unwrap_err(), test(&pavo, &wrong, &[]).await.unwrap_err()]
    {
        let described = describe(&refused);
        assert_eq!(described.reason, Some(ErrorReason::FieldInvalid));
        let faults: Vec<String> = described.fields.into_iter().map(|(_, fault)| fault).collect();
        for word in ["`rogue` is a permit", "needs an @id", "colour"] {
            assert!(faults.iter().any(|fault| fault.contains(word)), "{word} is not among {faults:?}");
        }
    }
    assert_eq!(get(&pavo, 0).await.unwrap().policy_set.unwrap().version, 0);
    assert_eq!(tomas_reads(&node, &tomas).await, [true, false, true]);
}

#[tokio::test]
async fn a_submission_is_judged_with_its_dates() {
    let node = Node::start().await;
    let (pavo, mira) = (node.person("VLD-COAST/pavo").await, node.person("VLD-COAST/mira").await);
    put(&pavo, EXAMPLE, "", 1).await.unwrap();
    let dated = LABEL_SHARED.replace("//BY VLD-COAST", "//UNTIL 2099-01-31//BY VLD-COAST");
    let request =
        CheckSubmitRequest { label_lines: vec![dated, LABEL_SHARED.to_owned()], operation: String::new() };
    let answer =
        node.workload("intake").check_submit(asked(request, &mira.token)).await.unwrap().into_inner();
    assert!(answer.decisions[0].allowed, "{:?}", answer.decisions[0]);
    assert!(!answer.decisions[1].allowed);
    assert_eq!(answer.decisions[1].reason, "forbidden_by_policy");
    assert_eq!(answer.decisions[1].determining_policies, ["reports-have-an-end"]);
}

#[tokio::test]
async fn an_alert_is_judged_as_a_delivery_too() {
    let node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    let silent = r#"@id("no-alerts") forbid (principal, action == Entente::Action::"deliver", resource)
                    when { resource.comps.contains("OP:TIDEWALL") };"#;
    put(&pavo, silent, "", 1).await.unwrap();
    let standing = StandingSubject {
        subject_id: "ORS-CERT/ilse".to_owned(),
        purpose: "CT".to_owned(),
        realm: "REAL".to_owned(),
        assurance_level: 2,
    };
    let request = DecideLabelsRequest {
        behalf: Some(Behalf::StandingSubject(standing)),
        labels: vec![label(LABEL_SHARED), label(LABEL_OPEN)],
        at_least_as_fresh_as: 0,
    };
    let answer = node.workload("alerting").decide_labels(request).await.unwrap().into_inner();
    let allowed: Vec<bool> = answer.decisions.iter().map(|decision| decision.allowed).collect();
    assert_eq!(allowed, [false, true]);
    let tomas = node.person("ORS-CERT/tomas").await;
    assert_eq!(tomas_reads(&node, &tomas).await, [true, false, true], "reading is another action");
}

#[tokio::test]
async fn an_explanation_names_the_policies_and_so_does_its_record() {
    let node = Node::start().await;
    let (pavo, vera) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/vera").await);
    put(&pavo, OWN_ONLY, "", 1).await.unwrap();
    let request = ExplainAccessRequest {
        subject_id: "ORS-CERT/tomas".to_owned(),
        label_line: LABEL_SHARED.to_owned(),
        purpose: String::new(),
    };
    let answer = vera.client.clone().explain_access(vera.ask(request)).await.unwrap().into_inner();
    assert!(!answer.allowed);
    assert_eq!(answer.reason, "forbidden_by_policy");
    assert_eq!(
        (answer.determining_policies, answer.obligations),
        (vec!["own-only".into()], vec!["step_up".into()])
    );
    let last = answer.conditions.last().unwrap();
    assert_eq!((last.name.as_str(), last.holds), ("forbidden_by_policy", false));
    assert_eq!(last.held, "refused by own-only");
    let decision = node.audit.proves(&answer.receipt.unwrap()).unwrap().decision.unwrap();
    assert_eq!(decision.effect, i32::from(Effect::Deny));
    assert_eq!(decision.reason, "forbidden_by_policy:own-only");
}

#[tokio::test]
async fn a_test_tells_what_would_change_and_changes_nothing() {
    let node = Node::start().await;
    let (pavo, tomas) = (node.person("VLD-COAST/pavo").await, node.person("ORS-CERT/tomas").await);
    let from_others = "NOLEVEL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY ORS-CERT";
    let answer = test(&pavo, OWN_ONLY, &[LABEL_SHARED, from_others]).await.unwrap();
    let told: Vec<_> = answer
        .changes
        .iter()
        .map(|change| (change.subject_id.as_str(), change.label_line.as_str()))
        .collect();
    assert_eq!(told, [("VLD-COAST/mira", from_others)], "of one's own people alone");
    let change = &answer.changes[0];
    assert_eq!((change.action.as_str(), change.allowed), ("read", false));
    assert_eq!(change.determining_policies, ["own-only"]);
    assert_eq!(change.label_hash, label(from_others).hash);
    let numbers: Vec<_> =
        answer.organizations.iter().map(|row| (row.organization_id.as_str(), row.lost, row.gained)).collect();
    assert_eq!(numbers, [("ORS-CERT", 2, 0), ("VLD-COAST", 1, 0)], "tomas and ilse lose what is shared");
    assert!(answer.complete && answer.decision_count > 0);
    assert_eq!(answer.policies[0].policy_id, "own-only");
    let record = node.audit.proves(&answer.receipt.unwrap()).unwrap();
    let items: Vec<String> = record.what.unwrap().items.into_iter().map(|item| item.object_id).collect();
    assert!(items[0].starts_with("policies/") && items[1..] == ["VLD-COAST/mira".to_owned()], "{items:?}");
    assert_eq!(tomas_reads(&node, &tomas).await, [true, false, true]);
    assert_eq!(get(&pavo, 0).await.unwrap().policy_set.unwrap().version, 0);
    assert_eq!(fields(test(&pavo, "", &["no label"]).await), ["label_lines[0]"]);
}

#[tokio::test]
async fn a_test_without_labels_looks_at_those_of_the_dictionary_and_shows_no_words_of_others() {
    let node = Node::start().await;
    let (pavo, tomas, mira) = (
        node.person("VLD-COAST/pavo").await,
        node.person("ORS-CERT/tomas").await,
        node.person("VLD-COAST/mira").await,
    );
    let foreign = "NOLEVEL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//UNTIL 2099-01-31//BY ORS-CERT";
    for (person, line) in [(&tomas, foreign), (&mira, LABEL_OWN)] {
        let request = CheckSubmitRequest { label_lines: vec![line.to_owned()], operation: String::new() };
        let answer = node.workload("intake").check_submit(asked(request, &person.token)).await.unwrap();
        assert!(answer.into_inner().decisions[0].allowed);
    }
    let everything = r#"@id("stop") forbid (principal, action == Entente::Action::"read", resource);"#;
    let answer = test(&pavo, everything, &[]).await.unwrap();
    let told: Vec<_> =
        answer.changes.iter().map(|change| (change.label_hash.clone(), change.label_line.as_str())).collect();
    assert_eq!(told, [(label(LABEL_OWN).hash, LABEL_OWN), (label(foreign).hash, "")]);
    put(&pavo, everything, "", 1).await.unwrap();
    let back = test(&pavo, "", &[]).await.unwrap();
    assert!(back.changes.iter().all(|change| change.allowed && change.determining_policies == ["stop"]));
    assert_eq!(back.changes.len(), answer.changes.len());
    assert!(back.organizations.iter().all(|row| row.lost == 0 && row.gained > 0));
}

#[tokio::test]
async fn policies_are_in_force_after_a_restart() {
    let mut node = Node::start().await;
    let pavo = node.person("VLD-COAST/pavo").await;
    put(&pavo, OWN_ONLY, "", 1).await.unwrap();
    node.stop_service().await;
    node.start_service().await;
    let tomas = node.person("ORS-CERT/tomas").await;
    assert_eq!(tomas_reads(&node, &tomas).await, [false; 3]);
}
