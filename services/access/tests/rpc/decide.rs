//! Decisions, the label dictionary, the epoch watch.

use std::time::Duration;

use entente_chassis::status::ErrorReason;
use entente_proto::access::v1::{
    BatchGetLabelsRequest, CheckSubmitRequest, CheckSubmitResponse, DecideLabelsRequest, LabelDecision,
    StandingSubject, decide_labels_request::Behalf,
};
use entente_testkit::fixtures::{EXERCISE, LABEL_OPEN, LABEL_OWN, LABEL_SHARED};
use tonic::Status;

use crate::{
    fields,
    node::{Node, Person, Watcher, asked, decide, label},
    reason,
};

fn allowed(decisions: &[LabelDecision]) -> Vec<bool> {
    decisions.iter().map(|decision| decision.allowed).collect()
}

async fn check(
    node: &Node,
    person: &Person,
    lines: &[&str],
    operation: &str,
) -> Result<CheckSubmitResponse, Status> {
    let request = CheckSubmitRequest {
        label_lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        operation: operation.to_owned(),
    };
    node.workload("intake").check_submit(asked(request, &person.token)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn each_reader_may_read_what_the_labels_say_and_colleagues_share_a_profile() {
    let node = Node::start().await;
    let mut intake = node.workload("intake");
    let lines = [LABEL_SHARED, LABEL_OWN, LABEL_OPEN];
    let (tomas, jonas) = (node.person("ORS-CERT/tomas").await, node.person("KSI-ISAC/jonas").await);
    let answer = decide(&mut intake, &tomas.token, &lines).await.unwrap();
    assert_eq!(allowed(&answer.decisions), [true, false, true]);
    assert_eq!(answer.decisions[1].reason, "not_in_audience");
    assert_eq!(answer.decisions[0].obligations, ["audit_before_disclosure"]);
    assert_eq!((answer.subject_id.as_str(), answer.organization_id.as_str()), ("ORS-CERT/tomas", "ORS-CERT"));
    assert_eq!(answer.profile_id.len(), 32);
    let answer = decide(&mut intake, &jonas.token, &lines).await.unwrap();
    assert_eq!(allowed(&answer.decisions), [false, false, true]);
    let admin = node.person("ORS-CERT/vera").await;
    let answer = decide(&mut intake, &admin.token, &lines).await.unwrap();
    assert_eq!(allowed(&answer.decisions), [false; 3], "an administrator has no right to content");
}

#[tokio::test]
async fn a_label_that_is_not_what_its_hash_says_or_no_label_at_all_is_readable_by_nobody() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let mut forged = label(LABEL_OPEN);
    forged.hash = label(LABEL_OWN).hash;
    let request = DecideLabelsRequest {
        behalf: Some(Behalf::TransactionToken(mira.token)),
        labels: vec![forged, label("whatever"), label(LABEL_OPEN)],
        at_least_as_fresh_as: 0,
    };
    let answer = node.workload("intake").decide_labels(request).await.unwrap().into_inner();
    assert_eq!(allowed(&answer.decisions), [false, false, true]);
    assert_eq!(answer.decisions[0].reason, "label_malformed");
}

#[tokio::test]
async fn ten_thousand_labels_are_decided_in_one_call_and_not_one_more() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let line =
        |number: usize| format!("NOLEVEL//REL TO ORG:VLD-COAST, ORG:PARTNER-{number}//ORCON//BY VLD-COAST");
    let lines: Vec<String> = (0..10_001).map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut intake = node.workload("intake");
    for _ in 0..2 {
        let answer = decide(&mut intake, &mira.token, &lines[..10_000]).await.unwrap();
        assert_eq!(answer.decisions.iter().filter(|decision| decision.allowed).count(), 10_000);
    }
    assert_eq!(fields(decide(&mut intake, &mira.token, &lines).await), ["labels"]);
}

#[tokio::test]
async fn a_decision_may_be_asked_for_at_an_epoch_not_before_one() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let request = |epoch| DecideLabelsRequest {
        behalf: Some(Behalf::TransactionToken(mira.token.clone())),
        labels: Vec::new(),
        at_least_as_fresh_as: epoch,
    };
    let mut intake = node.workload("intake");
    let epoch = intake.decide_labels(request(0)).await.unwrap().into_inner().epoch;
    assert!(intake.decide_labels(request(epoch)).await.is_ok());
    assert_eq!(reason(intake.decide_labels(request(epoch + 1)).await), ErrorReason::NotYetFresh);
    let nobody = DecideLabelsRequest { behalf: None, labels: Vec::new(), at_least_as_fresh_as: 0 };
    assert_eq!(fields(intake.decide_labels(nobody).await), ["behalf"]);
    assert_eq!(reason(decide(&mut intake, "no.token.this", &[]).await), ErrorReason::TokenInvalid);
}

#[tokio::test]
async fn only_alerting_asks_for_somebody_who_is_not_there() {
    let node = Node::start().await;
    let request = |subject_id: &str, realm: &str| DecideLabelsRequest {
        behalf: Some(Behalf::StandingSubject(StandingSubject {
            subject_id: subject_id.to_owned(),
            purpose: "CT".to_owned(),
            realm: realm.to_owned(),
            assurance_level: 3,
        })),
        labels: vec![label(LABEL_SHARED)],
        at_least_as_fresh_as: 0,
    };
    let mut alerting = node.workload("alerting");
    let answer = alerting.decide_labels(request("ORS-CERT/ilse", "REAL")).await.unwrap().into_inner();
    assert_eq!(allowed(&answer.decisions), [true]);
    let answer = alerting.decide_labels(request("ORS-CERT/ilse", EXERCISE)).await.unwrap().into_inner();
    assert_eq!(answer.decisions[0].reason, "realm_mismatch");
    let refused = alerting.decide_labels(request("ORS-CERT/nobody", "REAL")).await;
    assert_eq!(reason(refused), ErrorReason::SubjectInactive);
    let refused = node.workload("intake").decide_labels(request("ORS-CERT/ilse", "REAL")).await;
    assert_eq!(reason(refused), ErrorReason::CallerNotAllowed);
}

#[tokio::test]
async fn a_label_is_in_the_dictionary_once_it_may_be_submitted_under_and_not_before() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let dated =
        format!("{}//UNTIL 2099-01-31//BY VLD-COAST", LABEL_SHARED.trim_end_matches("//BY VLD-COAST"));
    let foreign = "NOLEVEL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY ORS-CERT";
    let answer = check(&node, &mira, &[&dated, foreign], "TIDEWALL/OPERATIONAL/P2").await.unwrap();
    assert!(answer.operation_known);
    assert_eq!(
        (answer.subject_id.as_str(), answer.organization_id.as_str()),
        ("VLD-COAST/mira", "VLD-COAST")
    );
    let resolved = answer.decisions[0].label.clone().unwrap();
    assert!(answer.decisions[0].allowed);
    assert_eq!(resolved.timeless, Some(label(LABEL_SHARED)));
    assert_eq!((resolved.not_before, resolved.not_after.is_some()), (None, true));
    assert_eq!((resolved.realm.as_str(), resolved.names_persons), ("REAL", false));
    assert_eq!(
        (resolved.originators, resolved.operations),
        (vec!["VLD-COAST".into()], vec!["TIDEWALL".into()])
    );
    assert_eq!(resolved.banner, format!("({dated})"));
    assert!(!answer.decisions[1].allowed);
    assert_eq!(answer.decisions[1].reason, "not_originator");
    let hashes = [&dated, LABEL_SHARED, foreign].map(|line| label(line).hash).to_vec();
    let request = BatchGetLabelsRequest { hashes: hashes.clone() };
    let labels = node.workload("alerting").batch_get_labels(request).await.unwrap().into_inner().labels;
    let lines: Vec<&str> = labels.iter().map(|label| label.line.as_str()).collect();
    assert_eq!(lines, [dated.as_str(), LABEL_SHARED, ""]);
    assert!(labels.iter().zip(&hashes).all(|(label, hash)| label.hash == *hash));
    let short = BatchGetLabelsRequest { hashes: vec![vec![0; 31].into()] };
    assert_eq!(fields(node.workload("alerting").batch_get_labels(short).await), ["hashes[0]"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_label_is_said_with_its_code() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let lines = [
        "NOLEVEL//NOFORN//BY VLD-COAST",
        "NOLEVEL//PURPLE//BY VLD-COAST",
        "ENTENTE:SECRET//ORCON//BY VLD-COAST",
    ];
    let answer = check(&node, &mira, &lines, "TIDEWALL/OPERATIONAL/P9").await.unwrap();
    assert!(!answer.operation_known);
    assert!(answer.decisions[0].allowed, "{:?}", answer.decisions[0]);
    let resolved = answer.decisions[0].label.as_ref().unwrap().label.as_ref().unwrap();
    assert_eq!(resolved.line, "NOLEVEL//REL TO XVA//ORCON//BY VLD-COAST");
    let codes = |index: usize| {
        let decision = &answer.decisions[index];
        let codes: Vec<&str> = decision.faults.iter().map(|fault| fault.code.as_str()).collect();
        (decision.allowed, decision.reason.as_str(), codes)
    };
    assert_eq!(codes(1), (false, "label_invalid", vec!["E_UNKNOWN_SEGMENT"]));
    assert_eq!(codes(2), (false, "label_invalid", vec!["E_UNBOUNDED"]));
    assert!(answer.decisions[1].label.is_none() && answer.decisions[2].label.is_some());
    assert_eq!(fields(check(&node, &mira, &[], "").await), ["label_lines"]);
}

#[tokio::test]
async fn a_watcher_is_granted_the_epoch_at_once_at_a_change_and_before_half_its_lease() {
    let node = Node::with_lease(Duration::from_secs(2)).await;
    let mut watcher = Watcher::open(node.workload("intake")).await;
    let first = watcher.granted().await;
    assert_eq!(Duration::try_from(first.lease.unwrap()).unwrap(), Duration::from_secs(2));
    watcher.installed(first.epoch).await;
    let asked = std::time::Instant::now();
    assert_eq!(watcher.granted().await.epoch, first.epoch);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    watcher.installed(first.epoch).await;
    let admin = node.person("VLD-COAST/pavo").await;
    let change = tokio::spawn(async move { admin.suspend("VLD-COAST/mira").await.unwrap().epoch });
    let mut granted = watcher.granted().await;
    while granted.epoch == first.epoch {
        watcher.installed(granted.epoch).await;
        granted = watcher.granted().await;
    }
    watcher.installed(granted.epoch).await;
    assert_eq!(change.await.unwrap(), granted.epoch);
}
