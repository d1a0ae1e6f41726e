//! However policies are made up, they only take away.

use std::collections::BTreeSet;

use entente_domain::{
    day::Day,
    decision::Session,
    ids::{Purpose, Realm},
};
use proptest::prelude::*;

use super::{Action, Decided, LabelReference, Reader};
use crate::{
    app::InForce,
    store::{GrantRow, OperationRow, PartnerRow, PolicySetRow, StoredRegistry, SubjectRow},
};

const LABELS: [&str; 6] = [
    "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST",
    "NOLEVEL//REL TO XOR, XVA//ORCON//BY VLD-COAST",
    "ENTENTE:SECRET//REL TO XOR, XVA//ORCON//BY VLD-COAST",
    "ENTENTE:CONFIDENTIAL//OP TIDEWALL/OPERATIONAL//REL TO XOR, XVA//ORCON//BY ORS-CERT",
    "NOLEVEL//REL TO ORG:VLD-COAST//ORCON//PERSONAL DATA//PURPOSE CT//BY VLD-COAST",
    "NOLEVEL//TLP:RED//REL TO PERSON:ORS-CERT/TOMAS, PERSON:VLD-COAST/MIRA//NO ONWARD//BY VLD-COAST",
];
const ATOMS: [&str; 10] = [
    "context.aal < 3",
    "context.purpose == \"CT\"",
    "resource.tlp > 2",
    "resource.levels.isEmpty()",
    "resource.levels.contains(\"ENTENTE:3\")",
    "resource.personalData",
    "resource.originators.contains(principal.org)",
    "principal.roles.contains(\"submitter\")",
    "principal.readin.containsAny(resource.comps)",
    "(if resource has aud0 then principal.tokens.containsAny(resource.aud0) else true)",
];
const SCOPES: [&str; 4] = [
    "action",
    "action == Entente::Action::\"read\"",
    "action == Entente::Action::\"submit\"",
    "action in [Entente::Action::\"read\", Entente::Action::\"deliver\"]",
];

/// A condition of the conditions above.
fn condition() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(&ATOMS[..]).prop_map(str::to_owned);
    atom.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} || {b})")),
        ]
    })
}

fn policy_set() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&["when", "unless"][..]);
    let policy = (prop::sample::select(&SCOPES[..]), word, condition());
    prop::collection::vec(policy, 1..6).prop_map(|policies| {
        let text = |(number, (scope, word, condition)): (usize, (&str, &str, String))| {
            format!("@id(\"p{number}\") forbid (principal, {scope}, resource) {word} {{ {condition} }};\n")
        };
        policies.into_iter().enumerate().map(text).collect()
    })
}

fn registry(cedar: Option<String>) -> InForce {
    let partner = |id: &str, nation: &str| PartnerRow {
        organization_id: id.to_owned(),
        nation: Some(nation.to_owned()),
        active: true,
        ..PartnerRow::default()
    };
    let subject = |id: &str, organization: &str, roles: &[&str]| SubjectRow {
        subject_id: format!("{organization}/{id}"),
        organization_id: organization.to_owned(),
        person: Some(format!("{organization}/{}", id.to_ascii_uppercase())),
        kind: "person".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        purposes: ["CT".to_owned()].into(),
        clearances: [("ENTENTE".to_owned(), 3)].into(),
        grants: vec![GrantRow { path: "OP:TIDEWALL".to_owned(), tree: true, from: None, until: None }],
        active: true,
        assurance_level: 2,
        ..SubjectRow::default()
    };
    let stored = StoredRegistry {
        epoch: 2,
        partners: vec![partner("ORS-CERT", "XOR"), partner("VLD-COAST", "XVA")],
        subjects: vec![
            subject("tomas", "ORS-CERT", &["reader", "submitter"]),
            subject("mira", "VLD-COAST", &["reader"]),
            subject("pavo", "VLD-COAST", &["policy_admin"]),
        ],
        operations: vec![OperationRow {
            operation_id: "TIDEWALL".to_owned(),
            realm: "REAL".to_owned(),
            lead: "VLD-COAST".to_owned(),
            organizations: ["ORS-CERT".to_owned(), "VLD-COAST".to_owned()].into(),
            ..OperationRow::default()
        }],
        policies: cedar.map(|cedar| PolicySetRow { cedar, version: 2, ..PolicySetRow::default() }),
        ..StoredRegistry::default()
    };
    InForce::build(stored, None).unwrap()
}

/// Everybody's decisions on every label, as a service is answered.
fn decisions(registry: &InForce) -> Vec<Decided> {
    let labels = LABELS.map(|line| LabelReference { line: line.to_owned(), hash: Vec::new() });
    let mut decisions = Vec::new();
    for member in registry.members().values() {
        let session = Session { realm: Realm::real(), purpose: Purpose::from("CT"), aal: 2 };
        let reader = Reader::new(registry, member, session, Day::from_unix_days(20_000));
        reader.decide(&[Action::Read, Action::Deliver], &labels, &mut decisions);
    }
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_set_of_policies_allows_what_the_rules_of_the_software_refuse(cedar in policy_set()) {
        let floor = decisions(&registry(None));
        prop_assert_eq!(floor.iter().filter(|decided| decided.allowed).count(), 11);
        // What is refused as a set (a policy that never applies) is in force nowhere.
        let Ok(policies) = super::super::policies::Policies::of_text(&cedar) else { return Ok(()) };
        let ids: BTreeSet<&str> = policies.listed().iter().map(|info| info.policy_id.as_str()).collect();
        for (under, floor) in decisions(&registry(Some(cedar.clone()))).iter().zip(&floor) {
            prop_assert!(floor.allowed || !under.allowed);
            // What the policies took away names them; what the floor refused does not change at all.
            prop_assert_eq!(floor.allowed && !under.allowed, !under.policies.is_empty());
            prop_assert!(under.policies.iter().all(|id| ids.contains(id.as_str())));
            prop_assert!(floor.allowed || under.reason == floor.reason);
        }
    }
}
