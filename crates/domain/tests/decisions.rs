//! The worked decisions of the label semantics: every case of reading and submitting, none missing, none changed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use entente_domain::agreement::{Agreement, Equivalence};
use entente_domain::day::Day;
use entente_domain::decision::{
    self, Action, DenyReason, Derivation, ObjectState, Obligation, Session, Told,
};
use entente_domain::ids::OriginatorName;
use entente_domain::label::Label;
use entente_domain::registry::{Organization, Registry};
use entente_domain::subject::{PreparedSubject, Subject};
use serde_json::{Map, Value};

const CASES: &str = include_str!("golden/labels-cases.json");
/// SHA-256 of the file: nobody drops or softens a case unnoticed.
const CASES_SHA256: &str = "a6c0dcd8239d72eb831f770cd569c5134f58734b642807d117f44c6c27a45bc1";
/// Exercises the cases are worked in.
const EXERCISES: [&str; 2] = ["EXERCISE:INSPIRED-UNION-2024", "EXERCISE:FALCON-TALON"];

#[test]
fn every_read_case_is_decided_as_worked_out() {
    let world = World::load();
    assert_eq!(world.check("read"), 61);
}

#[test]
fn every_submit_case_is_decided_as_worked_out() {
    let world = World::load();
    assert_eq!(world.check("submit"), 15);
}

#[test]
fn the_worked_cases_are_the_agreed_ones() {
    assert_eq!(hex::encode(digest(&SHA256, CASES.as_bytes())), CASES_SHA256);
    let ids: BTreeSet<String> = World::load().cases("read").chain(World::load().cases("submit")).collect();
    assert_eq!(ids.len(), 76, "an id occurs twice");
}

#[test]
fn an_explanation_agrees_with_the_decision_and_lists_every_condition() {
    let world = World::load();
    let reads = world.document["cases"].as_array().unwrap().iter().filter(|case| case["action"] == "read");
    for case in reads {
        let question = world.question(case);
        let decided = question.read();
        let explained = question.explain();
        let reasons: Vec<&str> =
            explained.conditions.iter().map(|condition| condition.reason.as_str()).collect();
        assert_eq!(reasons.len(), 17);
        assert_eq!(BTreeSet::from_iter(&reasons).len(), 17);
        let first_failure = explained.conditions.iter().find(|condition| !condition.holds);
        assert_eq!(
            first_failure.map(|condition| condition.reason),
            decided.as_ref().err().copied(),
            "{}",
            case["id"]
        );
        assert_eq!(explained.outcome, decided);
        assert!(
            explained
                .conditions
                .iter()
                .all(|condition| !condition.required.is_empty() && !condition.held.is_empty())
        );
    }
}

#[test]
fn an_explanation_says_in_words_what_is_asked_and_what_is_held() {
    let world = World::load();
    let cases = world.document["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == "R02").unwrap();
    let explained = world.question(case).explain();
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

/// The cases and everything they name.
struct World {
    document: Value,
    registry: Registry,
    subjects: BTreeMap<String, Subject>,
    agreements: BTreeMap<String, Agreement>,
}

/// One case, ready to be asked.
struct Question<'a> {
    world: &'a World,
    organization: String,
    subject: PreparedSubject,
    label: Label,
    session: Session,
    state: ObjectState,
    disclosed_before: bool,
    sources: Vec<Label>,
    cosigners: Vec<OriginatorName>,
}

impl World {
    fn load() -> Self {
        let document: Value = serde_json::from_str(CASES).unwrap();
        let mut registry = Registry::builtin();
        EXERCISES.iter().for_each(|realm| registry.add_realm(realm).unwrap());
        for (id, organization) in members(&document["orgs"]) {
            let organization: Organization = serde_json::from_value(organization.clone()).unwrap();
            registry.add_organization(id.parse().unwrap(), organization);
        }
        let subjects = members(&document["subjects"])
            .map(|(name, subject)| (name.clone(), serde_json::from_value(subject.clone()).unwrap()))
            .collect();
        let agreements = members(&document["agreements"])
            .map(|(name, written)| (name.clone(), agreement(written)))
            .collect();
        World { document, registry, subjects, agreements }
    }

    fn cases<'a>(&'a self, action: &'a str) -> impl Iterator<Item = String> + 'a {
        let cases = self.document["cases"].as_array().unwrap().iter();
        cases.filter(move |case| case["action"] == action).map(|case| case["id"].as_str().unwrap().to_owned())
    }

    /// Checks all cases of an action and returns how many there are.
    fn check(&self, action: &str) -> usize {
        let cases: Vec<&Value> = self.document["cases"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|case| case["action"] == action)
            .collect();
        let wrong: Vec<String> = cases.iter().flat_map(|case| self.differences(case)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        cases.len()
    }

    fn differences(&self, case: &Value) -> Vec<String> {
        let question = self.question(case);
        let (action, decided) = match case["action"].as_str().unwrap() {
            "read" => (Action::Read, question.read()),
            "submit" => (Action::Submit, question.submit()),
            other => unreachable!("action {other}"),
        };
        let obligations: Vec<String> = decided.iter().flatten().map(ToString::to_string).collect();
        assert!(obligations.is_sorted());
        let told = decided.as_ref().err().map(|reason| reason.told(action, question.disclosed_before));
        let got: BTreeMap<&str, Value> = BTreeMap::from([
            ("decision", if decided.is_ok() { "allow" } else { "deny" }.into()),
            ("reason", decided.as_ref().err().map(|reason| question.reason_in_full(*reason)).into()),
            ("external", external(told).into()),
        ]);
        let differs = |(what, expected): (&String, &Value)| {
            let named =
                expected.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned());
            let mut named = named.collect::<Vec<_>>().into_iter();
            let right = match what.as_str() {
                "obligations" => named.all(|word| obligations.contains(&word)),
                "not_obligations" => !named.any(|word| obligations.contains(&word)),
                other => got[other] == *expected,
            };
            (!right).then(|| format!("{}: {what} {expected}, got {got:?} {obligations:?}", case["id"]))
        };
        members(&case["expected"]).filter_map(differs).collect()
    }

    fn question(&self, case: &Value) -> Question<'_> {
        let context = |name: &str| case["ctx"].get(name).unwrap_or(&self.document["defaults"][name]).clone();
        let world = &case["world"];
        let today: Day = serde_json::from_value(context("now")).unwrap();
        let agreements: Vec<Agreement> =
            texts(&world["agreements"]).map(|name| self.agreements[name].clone()).collect();
        let subject = &self.subjects[case["subject"].as_str().unwrap()];
        Question {
            world: self,
            organization: subject.org.to_string(),
            subject: PreparedSubject::new(subject, &agreements, today),
            label: self.label(&case["label"]),
            session: Session {
                realm: context("realm").as_str().unwrap().parse().unwrap(),
                purpose: context("purpose").as_str().unwrap().into(),
                aal: u8::try_from(context("aal").as_u64().unwrap()).unwrap(),
            },
            state: match world["object"]["state"].as_str() {
                None | Some("live") => ObjectState::Live,
                Some("recalled") => ObjectState::Recalled,
                Some("quarantined") => ObjectState::Quarantined,
                Some(other) => unreachable!("state {other}"),
            },
            disclosed_before: texts(&world["object"]["disclosed_to"])
                .any(|name| name == subject.org.as_str()),
            sources: world["sources"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|label| self.label(label))
                .collect(),
            cosigners: texts(&context("cosigners")).map(OriginatorName::from).collect(),
        }
    }

    /// A label by name, as a line, or as fields.
    fn label(&self, written: &Value) -> Label {
        match written.as_str() {
            Some(name) => {
                let line = self.document["labels"][name].as_str().unwrap_or(name);
                Label::parse(line, &self.registry, None).unwrap()
            }
            None => serde_json::from_value(written.clone()).unwrap(),
        }
    }
}

impl Question<'_> {
    fn read(&self) -> Result<Vec<Obligation>, DenyReason> {
        decision::read(&self.subject, &self.label, &self.session, &self.world.registry, self.state)
    }

    fn explain(&self) -> decision::Explanation {
        decision::explain(&self.subject, &self.label, &self.session, &self.world.registry, self.state)
    }

    fn submit(&self) -> Result<Vec<Obligation>, DenyReason> {
        let derivation = Derivation { sources: &self.sources, cosigners: &self.cosigners };
        assert_eq!(self.organization, self.subject.organization().as_str());
        decision::submit(&self.subject, &self.label, &self.session, &self.world.registry, derivation)
    }

    /// The reason as the cases write it: what is wrong with a label stands behind the word.
    fn reason_in_full(&self, reason: DenyReason) -> String {
        if reason != DenyReason::LabelInvalid {
            return reason.to_string();
        }
        let codes = self.label.validate(&self.world.registry, true);
        format!("{reason}:{}", codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

fn external(told: Option<Told>) -> &'static str {
    match told {
        None => "OK",
        Some(Told::PermissionDenied) => "PERMISSION_DENIED",
        Some(Told::NotFound) => "NOT_FOUND",
        Some(Told::Gone) => "GONE",
        Some(Told::InvalidArgument) => "INVALID_ARGUMENT",
    }
}

/// What a clearance depends on; signatures of the cases are valid where they say so.
fn agreement(written: &Value) -> Agreement {
    let signed = members(&written["signatures"]).filter(|(_, signature)| *signature == "SIGNED");
    let one = |value: &Value| value.as_str().map(|name| name.parse().unwrap()).into_iter().collect();
    let equivalence = |row: &Value| Equivalence {
        held_domain: row[0].as_str().unwrap().into(),
        held_rank: rank(&row[1]),
        granted_domain: row[2].as_str().unwrap().into(),
        granted_rank: rank(&row[3]),
    };
    Agreement {
        parties: texts(&written["parties"]).map(|name| name.parse().unwrap()).collect(),
        signed_by: signed.map(|(party, _)| party.parse().unwrap()).collect(),
        suspended_by: one(&written["suspended_by"]),
        terminated_by: one(&written["terminated_by"]),
        from: serde_json::from_value(written["from"].clone()).unwrap(),
        until: serde_json::from_value(written["until"].clone()).unwrap(),
        max_levels: members(&written["max_levels"])
            .map(|(name, value)| (name.as_str().into(), rank(value)))
            .collect(),
        equivalences: written["equivalence"].as_array().into_iter().flatten().map(equivalence).collect(),
    }
}

fn rank(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap()).unwrap()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap())
}
