//! What policies refuse and how they name it, and which sets of them are refused themselves.

mod floor;

use std::collections::BTreeMap;

use cedar_policy::Entity;
use entente_domain::{
    day::Day,
    decision::{ObjectState, Session},
    ids::{Purpose, Realm},
    label::Label,
    profile::profile_id,
    registry::{Organization, Registry},
    subject::Subject,
};
use serde_json::json;

use super::{
    Action, FORBIDDEN_BY_POLICY, Judgement, POLICY_NOT_EVALUATED, Policies, Principal, Question, Refusal,
    SCHEMA,
};
use crate::store::{ComponentRow, OperationRow, PhaseRow};

const ROGUE: &str = include_str!("../../../tests/golden/rogue.cedar");
const EXAMPLE: &str = include_str!("../../../policies/example.cedar");

fn load(text: &str) -> Policies {
    Policies::of_text(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

fn faults(text: &str) -> Vec<String> {
    let faults = Policies::of_text(text).err().expect("a set with faults was loaded");
    assert!(faults.iter().all(|fault| fault.field == "cedar"));
    faults.into_iter().map(|fault| fault.description).collect()
}

/// One fault, which says this.
fn has_fault(text: &str, word: &str) {
    let found = faults(text);
    assert!(found.iter().any(|fault| fault.contains(word)), "{word} is not among {found:?}");
}

/// A question, as the rules of the software and the policies are asked it.
struct Asked {
    subject: Subject,
    label: Label,
    session: Session,
    today: Day,
    state: ObjectState,
}

fn principal(asked: &Asked) -> Principal {
    let profile = profile_id(&asked.subject, &[], asked.today);
    Principal::new(&asked.subject, profile, asked.today, &BTreeMap::new())
}

/// A subject of two tree grants, its session, and a label of two operations.
fn tomas() -> (Registry, Asked) {
    let mut registry = Registry::builtin();
    for (id, nation) in [("ORS-CERT", "XOR"), ("VLD-COAST", "XVA")] {
        let organization: Organization = serde_json::from_value(json!({ "nation": nation })).unwrap();
        registry.add_organization(id.parse().unwrap(), organization);
    }
    let subject: Subject = serde_json::from_value(json!({
        "id": "ORS-CERT/tomas", "org": "ORS-CERT", "nation": "XOR", "person": "ORS-CERT/TOMAS",
        "roles": ["reader"], "purposes": ["CT"], "clearances": { "ENTENTE": 3 },
        "grants": [{ "path": "OP:TIDEWALL", "tree": true }, { "path": "CW:BLUEJAY" }],
    }))
    .unwrap();
    let line = "ENTENTE:SECRET//OP TIDEWALL/OPERATIONAL/P9//REL TO XOR, XVA//ORCON//BY VLD-COAST";
    let asked = Asked {
        subject,
        label: Label::parse(line, &registry, None).unwrap(),
        session: Session { realm: Realm::real(), purpose: Purpose::from("CT"), aal: 2 },
        today: Day::from_unix_days(20_000),
        state: ObjectState::Live,
    };
    (registry, asked)
}

fn judge(policies: &Policies, action: Action, registry: &Registry, asked: &Asked) -> Judgement {
    let principal = principal(asked);
    let question = Question { principal: &principal, session: &asked.session, registry, today: asked.today };
    policies.judge(action, question, &asked.label)
}

#[test]
fn a_refusal_names_every_policy_that_forbids_and_what_can_be_done() {
    let (registry, asked) = tomas();
    let more =
        r#"@id("a-second") forbid (principal, action, resource) when { principal.org == "ORS-CERT" };"#;
    let policies = load(&format!("{EXAMPLE}{more}"));
    let Judgement::Refuses(refusal) = judge(&policies, Action::Read, &registry, &asked) else {
        panic!("it was allowed");
    };
    assert_eq!(refusal.reason, FORBIDDEN_BY_POLICY);
    assert_eq!(refusal.policies, ["a-second", "secret-needs-hardware-key"]);
    assert_eq!(refusal.obligations, ["step_up"]);
    assert_eq!(refusal.for_record(), "forbidden_by_policy:a-second,secret-needs-hardware-key");
    let (_, mut stronger) = tomas();
    stronger.session.aal = 3;
    assert_eq!(judge(&load(EXAMPLE), Action::Read, &registry, &stronger), Judgement::Allows);
}

#[test]
fn a_record_has_room_for_the_reason_however_many_policies_forbid() {
    let policies = (0..100).map(|number| format!("policy-with-a-long-name-{number}")).collect();
    let refusal = Refusal { reason: FORBIDDEN_BY_POLICY, policies, obligations: Vec::new() };
    assert_eq!(refusal.for_record().chars().count(), 256);
    let unnamed = Refusal { reason: POLICY_NOT_EVALUATED, ..Refusal::default() };
    assert_eq!(unnamed.for_record(), POLICY_NOT_EVALUATED);
}

#[test]
fn a_policy_that_cannot_be_evaluated_refuses() {
    let (registry, asked) = tomas();
    let overflow = format!(
        r#"@id("overflows") forbid (principal, action == Entente::Action::"read", resource)
           when {{ context.now + {} == 0 }};"#,
        i64::MAX
    );
    let Judgement::Refuses(refusal) = judge(&load(&overflow), Action::Read, &registry, &asked) else {
        panic!("a forbid that failed was skipped");
    };
    assert_eq!((refusal.reason, refusal.policies), (POLICY_NOT_EVALUATED, vec!["overflows".to_owned()]));
}

#[test]
fn a_label_that_policies_cannot_be_shown_whole_is_refused() {
    let (registry, mut asked) = tomas();
    let mut fields = asked.label.fields().clone();
    let clause = |number: u32| {
        let token = |name: String| serde_json::from_value(json!(name)).unwrap();
        vec![token("N:XOR".to_owned()), token(format!("O:ORG-{number}"))]
    };
    fields.audience = (0..9).map(clause).collect();
    asked.label = Label::from(fields);
    assert_eq!(asked.label.fields().audience.len(), 9);
    let policies = load(r#"@id("x") forbid (principal, action, resource) when { resource.tlp > 3 };"#);
    let judgement = judge(&policies, Action::Read, &registry, &asked);
    assert!(matches!(judgement, Judgement::Refuses(refusal) if refusal.reason == POLICY_NOT_EVALUATED));
    assert_eq!(judge(&load(""), Action::Read, &registry, &asked), Judgement::Allows, "nobody asks");
}

#[test]
fn what_no_policy_can_concern_is_not_asked() {
    let policies = load(EXAMPLE);
    assert_eq!(Action::ALL.map(|action| policies.concern(action)), [true, true, true]);
    let policies = load(r#"@id("x") forbid (principal, action == Entente::Action::"submit", resource);"#);
    assert_eq!(Action::ALL.map(|action| policies.concern(action)), [false, false, true]);
    let listed = load(EXAMPLE).listed().to_vec();
    let release = listed.iter().find(|info| info.policy_id == "personal-data-by-privacy-officers").unwrap();
    assert_eq!(release.dormant().collect::<Vec<_>>(), ["releaseOnward"]);
}

#[test]
fn a_person_is_part_of_a_decision_only_where_the_label_names_persons() {
    let (_, asked) = tomas();
    let token = |label: &Label| {
        let entity = principal(&asked).entity_for(label).unwrap();
        text_of(&entity, "tokens").contains("P:ORS-CERT/TOMAS")
    };
    assert!(!token(&asked.label));
    let named = "NOLEVEL//TLP:RED//REL TO PERSON:ORS-CERT/TOMAS//NO ONWARD//BY ORS-CERT";
    assert!(token(&Label::parse(named, &tomas().0, None).unwrap()));
}

#[test]
fn colleagues_of_one_profile_are_one_principal() {
    let (_, asked) = tomas();
    let (_, mut colleague) = tomas();
    colleague.subject.id = serde_json::from_value(json!("ORS-CERT/ilse")).unwrap();
    colleague.subject.person = Some("ORS-CERT/ILSE".parse().unwrap());
    let entity = |asked: &Asked| principal(asked).entity_for(&asked.label).unwrap();
    assert!(entity(&asked).deep_eq(&entity(&colleague)));
}

#[test]
fn a_tree_grant_covers_what_is_registered_below_it_and_what_the_label_names() {
    let (_, asked) = tomas();
    let phases = vec![PhaseRow { phase_id: "P1".to_owned(), ..PhaseRow::default() }];
    let components =
        vec![ComponentRow { component_id: "OPERATIONAL".to_owned(), phases, ..ComponentRow::default() }];
    let operation =
        OperationRow { operation_id: "TIDEWALL".to_owned(), components, ..OperationRow::default() };
    let operations = BTreeMap::from([("TIDEWALL".to_owned(), operation)]);
    let profile = profile_id(&asked.subject, &[], asked.today);
    let principal = Principal::new(&asked.subject, profile, asked.today, &operations);
    let held = text_of(&principal.entity_for(&asked.label).unwrap(), "readin");
    for path in ["OP:TIDEWALL", "OP:TIDEWALL/OPERATIONAL/P1", "OP:TIDEWALL/OPERATIONAL/P9", "CW:BLUEJAY"] {
        assert!(held.contains(&format!("\"{path}\"")), "{path} is not in {held}");
    }
}

fn text_of(entity: &Entity, attribute: &str) -> String {
    format!("{}", entity.attr(attribute).unwrap().unwrap())
}

#[test]
fn a_permit_smuggled_in_is_caught() {
    has_fault(ROGUE, "policy `rogue` is a permit");
    has_fault("permit (principal, action, resource);", "is a permit");
}

#[test]
fn every_fault_of_a_set_is_told_at_once() {
    let text = r#"
        @id("one") permit (principal, action, resource);
        @id("two") forbid (principal, action, resource) when { principal.rank > 3 };
        @id("two") forbid (principal, action, resource) when { resource.tlp > 3 };
        forbid (principal, action, resource) when { resource.tlp > 2 };
        @id("five") @obligatoin("step_up") forbid (principal, action, resource) when { resource.tlp > 1 };
        @id("six") @obligation("pray") forbid (principal, action, resource) when { resource.tlp > 1 };
        @id("seven") forbid (principal == ?principal, action, resource);
    "#;
    let found = faults(text);
    let expected = [
        "`one` is a permit",
        "rank",
        "`two` of another one",
        "needs an @id",
        "@obligatoin",
        "step_up",
        "template",
    ];
    for word in expected {
        assert!(found.iter().any(|fault| fault.contains(word)), "{word} is not among {found:#?}");
    }
}

#[test]
fn a_fault_of_syntax_is_told_with_its_line() {
    has_fault("@id(\"x\")\nforbid (principal, action, resource)\nwhen { principal. };", "line 3");
}

#[test]
fn what_decisions_that_are_shared_cannot_look_at_is_refused() {
    let read = |condition: &str| {
        format!(
            r#"@id("x") forbid (principal, action == Entente::Action::"read", resource) when {{ {condition} }};"#
        )
    };
    has_fault(&read("resource has notAfter && resource.notAfter < context.now"), "notBefore or notAfter");
    has_fault(&read(r#"principal.tokens.contains("P:ORS-CERT/TOMAS")"#), "names a person");
    has_fault(&read(r#"principal == Entente::Subject::"ORS-CERT/tomas""#), "names one subject or label");
    let submit = EXAMPLE.replace("secret-needs-hardware-key", "renamed");
    assert!(Policies::of_text(&submit).is_ok(), "dates of what is submitted may be looked at");
}

#[test]
fn a_policy_that_never_applies_is_a_fault() {
    let never = r#"@id("x") forbid (principal, action == Entente::Action::"read", resource)
                   when { principal is Entente::Label };"#;
    assert!(!faults(never).is_empty());
}

#[test]
fn a_set_is_bounded() {
    let policy = |number: usize| {
        format!(r#"@id("p{number}") forbid (principal, action, resource) when {{ resource.tlp > 3 }};"#)
    };
    let most: String = (0..256).map(policy).collect();
    assert!(Policies::of_text(&most).is_ok());
    has_fault(&format!("{most}{}", policy(256)), "more than 256");
    has_fault(&" ".repeat(256 * 1024 + 1), "bytes");
    assert!(load("").listed().is_empty());
}
