//! The worked decisions of the label semantics: every case of every action, none missing, none changed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use entente_domain::decision::{self, DenyReason, Explanation, ObjectState, Session};
use entente_domain::subject::PreparedSubject;
use serde_json::Value;

#[path = "../examples/support/cases.rs"]
mod cases;

use self::cases::{Cases, reading};

const CASES: &str = include_str!("golden/labels-cases.json");
/// SHA-256 of the file: nobody drops or softens a case unnoticed.
const CASES_SHA256: &str = "a6c0dcd8239d72eb831f770cd569c5134f58734b642807d117f44c6c27a45bc1";

#[test]
fn the_worked_cases_are_the_agreed_ones() {
    assert_eq!(hex::encode(digest(&SHA256, CASES.as_bytes())), CASES_SHA256);
    let document = document();
    let cases = document["cases"].as_array().unwrap();
    let ids: BTreeSet<&str> = cases.iter().map(|case| case["id"].as_str().unwrap()).collect();
    assert_eq!((cases.len(), ids.len()), (150, 150), "an id occurs twice");
}

#[test]
fn every_case_is_decided_as_worked_out() {
    let document = document();
    let cases = Cases::new(&document);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in document["cases"].as_array().unwrap() {
        *counts.entry(case["action"].as_str().unwrap()).or_default() += 1;
        wrong.extend(differences(&cases, case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let expected = [
        ("audit", 5),
        ("project", 6),
        ("read", 61),
        ("recall", 5),
        ("relabel", 11),
        ("release_onward", 41),
        ("submit", 15),
        ("subscribe", 6),
    ];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_case_that_makes_no_sense_gets_a_line_with_an_error() {
    let document = document();
    let cases = Cases::new(&document);
    let broken = [
        r"{}",
        r"[]",
        r"7",
        r#"{"id":1,"action":"read","subject":"nobody","label":"pak_only"}"#,
        r#"{"id":2,"action":"burn","subject":"pk_analyst","label":"pak_only"}"#,
        r#"{"id":3,"action":"read","subject":"pk_analyst","label":[]}"#,
        r#"{"id":4,"action":"read","subject":"pk_analyst","label":{"levels":7}}"#,
        r#"{"id":5,"action":"relabel","subject":"pk_authority","label":"pak_only"}"#,
        r#"{"id":6,"action":"release_onward","subject":"pk_authority","label":"pak_only"}"#,
        r#"{"id":7,"action":"read","subject":"pk_analyst","label":"pak_only","ctx":{"now":"soon"}}"#,
        r#"{"id":8,"action":"read","subject":"pk_analyst","label":"pak_only","world":{"agreements":["none"]}}"#,
        r#"{"id":9,"action":"project","subject":"pk_analyst","label":"pak_only","object":{},"portions":[]}"#,
        r#"{"id":10,"action":"audit","subject":"auditor_pk","record":"none"}"#,
    ];
    for text in broken {
        let case: Value = serde_json::from_str(text).unwrap();
        let line = cases.decide(&case).to_line(&case);
        assert_eq!(line["decision"], "error", "{text}");
        assert!(line["error"].is_string(), "{text}");
    }
    let case: Value =
        serde_json::from_str(r#"{"action":"read","subject":"pk_analyst","label":"SECRET"}"#).unwrap();
    let line = cases.decide(&case).to_line(&case);
    assert_eq!((&line["decision"], &line["reason"]), (&"error".into(), &"E_UNKNOWN_SEGMENT".into()));
}

#[test]
fn an_explanation_agrees_with_the_decision_and_lists_every_condition() {
    let document = document();
    let reads = document["cases"].as_array().unwrap().iter().filter(|case| case["action"] == "read");
    for case in reads {
        let explained = explain(&document, case);
        let reasons: BTreeSet<&str> =
            explained.conditions.iter().map(|condition| condition.reason.as_str()).collect();
        assert_eq!((explained.conditions.len(), reasons.len()), (17, 17));
        let first_failure = explained.conditions.iter().find(|condition| !condition.holds);
        let decided = explained.outcome.err();
        assert_eq!(first_failure.map(|condition| condition.reason), decided, "{}", case["id"]);
        assert_eq!(
            case["expected"]["reason"],
            Value::from(decided.map(DenyReason::as_str)),
            "{}",
            case["id"]
        );
        let in_words =
            |condition: &decision::Condition| !condition.required.is_empty() && !condition.held.is_empty();
        assert!(explained.conditions.iter().all(in_words));
    }
}

#[test]
fn an_explanation_says_in_words_what_is_asked_and_what_is_held() {
    let document = document();
    let case = document["cases"].as_array().unwrap().iter().find(|case| case["id"] == "R02").unwrap();
    let explained = explain(&document, case);
    let words = |reason: DenyReason| {
        let condition = explained.conditions.iter().find(|condition| condition.reason == reason).unwrap();
        (condition.required.as_str(), condition.held.as_str(), condition.holds)
    };
    assert_eq!(words(DenyReason::Clearance), ("PAK:SECRET", "PAK:RESTRICTED", false));
    assert_eq!(words(DenyReason::Compartment), ("OP:AZM", "OP:AZM and all below", true));
    assert_eq!(
        words(DenyReason::NotInAudience),
        ("one of PAK, USA", "GRP:AZM-CELL, PAK, ORG:PK-NACTA, PERSON:PK-NACTA/A2", true)
    );
    assert_eq!(words(DenyReason::PurposeNotPermitted), ("CT", "CT", true));
    assert_eq!(words(DenyReason::Excluded).0, "nothing");
}

fn document() -> Value {
    serde_json::from_str(CASES).unwrap()
}

/// What is not as the case expects: all obligations named are there, none of those excluded, everything else is equal.
fn differences(cases: &Cases<'_>, case: &Value) -> Vec<String> {
    let line = cases.decide(case).to_line(case);
    let obligations: Vec<&str> = reading::names(&line["obligations"]).unwrap();
    assert!(obligations.is_sorted());
    let differs = |(what, expected): (&String, &Value)| {
        let mut named = expected.as_array().into_iter().flatten().map(|word| word.as_str().unwrap());
        let right = match what.as_str() {
            "obligations" => named.all(|word| obligations.contains(&word)),
            "not_obligations" => !named.any(|word| obligations.contains(&word)),
            other => line[other] == *expected,
        };
        (!right).then(|| format!("{}: {what} {expected}, got {line}", case["id"]))
    };
    case["expected"].as_object().unwrap().iter().filter_map(differs).collect()
}

fn explain(document: &Value, case: &Value) -> Explanation {
    let cases = Cases::new(document);
    let context = |name: &str| case["ctx"].get(name).unwrap_or(&document["defaults"][name]);
    let agreements: Vec<_> = reading::names(&case["world"]["agreements"])
        .unwrap()
        .into_iter()
        .map(|name| reading::agreement(&document["agreements"][name]).unwrap())
        .collect();
    let subject = reading::subject(&document["subjects"][case["subject"].as_str().unwrap()]).unwrap();
    let subject = PreparedSubject::new(&subject, &agreements, reading::day(context("now")).unwrap());
    let session = Session {
        realm: context("realm").as_str().unwrap().parse().unwrap(),
        purpose: context("purpose").as_str().unwrap().into(),
        aal: u8::try_from(context("aal").as_u64().unwrap()).unwrap(),
    };
    let state = match case["world"]["object"]["state"].as_str() {
        None | Some("live") => ObjectState::Live,
        Some("recalled") => ObjectState::Recalled,
        Some("quarantined") => ObjectState::Quarantined,
        Some(other) => unreachable!("state {other}"),
    };
    let label = cases.label(&case["label"]).unwrap();
    decision::explain(&subject, &label, &session, &cases.registry, state)
}
