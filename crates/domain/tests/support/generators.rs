//! Labels, subjects and sessions nobody thought of, in a world of three partners.

use std::collections::BTreeMap;

use entente_domain::day::Day;
use entente_domain::decision::Session;
use entente_domain::label::{Evidence, Label, LabelFields, Onward, PermittedUse, Tlp};
use entente_domain::registry::{Organization, Registry};
use entente_domain::subject::Subject;
use entente_domain::token::{Compartment, Token};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

const TOKENS: [&str; 11] = [
    "N:XVA",
    "N:XOR",
    "N:XKE",
    "O:VLD-COAST",
    "O:ORS-CERT",
    "O:KSI-ISAC",
    "G:CERT-NET",
    "G:TIDEWALL-CELL",
    "C:ORS-CERT",
    "P:VLD-COAST/A1",
    "P:ORS-CERT/B2",
];
const COMPARTMENTS: [&str; 6] = [
    "OP:TIDEWALL",
    "OP:TIDEWALL/OPERATIONAL",
    "OP:TIDEWALL/OPERATIONAL/P1",
    "OP:TIDEWALL/SOCIETAL",
    "CW:BLUEJAY",
    "CW:BLUEJAY/X",
];
const DOMAINS: [&str; 3] = ["ENTENTE", "NATO", "EU"];
const PURPOSES: [&str; 4] = ["CT", "CYBER-DEFENCE", "BORDER", "TRAINING"];
const VETTING: [&str; 3] = ["HRV", "SECURITY", "DATA-PROTECTION"];
pub(crate) const ORIGINATORS: [&str; 3] = ["KSI-ISAC", "ORS-CERT", "VLD-COAST"];
/// The middle of the days that labels name.
pub(crate) const TODAY: i32 = 20_780;

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::builtin();
    registry.add_realm("EXERCISE:LANTERN-26").unwrap();
    for (id, nation, groups) in [
        ("VLD-COAST", "XVA", json!(["TIDEWALL-CELL"])),
        ("ORS-CERT", "XOR", json!(["TIDEWALL-CELL", "CERT-NET"])),
        ("KSI-ISAC", "XKE", json!(["CERT-NET"])),
    ] {
        let organization: Organization =
            serde_json::from_value(json!({ "nation": nation, "groups": groups })).unwrap();
        registry.add_organization(id.parse().unwrap(), organization);
    }
    registry
}

pub(crate) fn label() -> impl Strategy<Value = Label> {
    let tokens = subsequence(TOKENS.to_vec(), 0..=2);
    let clause = prop_oneof![
        subsequence(TOKENS.to_vec(), 1..=3),
        subsequence(vec!["N:XVA", "N:XOR", "N:XKE"], 1..=3),
        subsequence(vec!["O:VLD-COAST", "O:ORS-CERT", "O:KSI-ISAC"], 1..=3),
    ];
    let levels = vec((select(DOMAINS.to_vec()), 0..=4), 0..=2);
    let who = (vec(clause, 0..=3), tokens, subsequence(COMPARTMENTS.to_vec(), 0..=3), levels);
    let purposes = proptest::option::of(subsequence(PURPOSES.to_vec(), 1..=4));
    let scales = (select(Tlp::ALL), select(Onward::ALL), select(PermittedUse::ALL), select(Evidence::ALL));
    let day = |from: i32| proptest::option::of((from..from + 90).prop_map(Day::from_unix_days));
    let dates = (day(20_720), day(20_760), day(20_750));
    let names = (purposes, subsequence(VETTING.to_vec(), 0..=1), subsequence(ORIGINATORS.to_vec(), 0..=2));
    (who, scales, any::<[bool; 4]>(), dates, names).prop_map(|(who, scales, flags, dates, names)| {
        let [attr_required, attr_withhold, display_only, personal_data] = flags;
        Label::from(LabelFields {
            attr_required,
            attr_withhold,
            display_only,
            personal_data,
            audience: who.0.iter().map(|clause| tokens_of(clause)).collect(),
            excl: tokens_of(&who.1),
            comps: compartments(&who.2),
            levels: who.3.into_iter().map(|(domain, rank)| (domain.into(), rank)).collect(),
            tlp: scales.0,
            onward: scales.1,
            permitted_use: scales.2,
            evidence: scales.3,
            not_before: dates.0,
            not_after: dates.1,
            review_by: dates.2,
            purposes: names.0.map(|purposes| purposes.into_iter().map(Into::into).collect()),
            vetting: names.1.into_iter().map(Into::into).collect(),
            originators: names.2.into_iter().map(Into::into).collect(),
            ..LabelFields::default()
        })
    })
}

/// A label made of what the subject holds, now and then with something it does not.
pub(crate) fn near(subject: &Subject) -> impl Strategy<Value = Label> + use<> {
    let mine: Vec<Token> = [Token::organization(&subject.org)]
        .into_iter()
        .chain(subject.nation.iter().map(Token::nation))
        .chain(subject.groups.iter().map(Token::group))
        .collect();
    let levels: Vec<_> = subject.clearances.clone().into_iter().collect();
    let grants: Vec<Compartment> = subject.grants.iter().map(|grant| grant.path.clone()).collect();
    let most = (levels.len(), grants.len());
    let clause = (select(mine), subsequence(vec!["N:XZZ", "G:CERT-NET"], 0..=1))
        .prop_map(|(own, other)| [own].into_iter().chain(tokens_of(&other)).collect::<Vec<_>>());
    (
        vec(clause, 1..=3),
        subsequence(levels, 0..=most.0),
        subsequence(grants, 0..=most.1),
        proptest::option::weighted(0.2, label()),
    )
        .prop_map(|(audience, levels, comps, other)| {
            let levels = levels.into_iter().collect();
            let own = Label::from(LabelFields { audience, levels, comps, ..LabelFields::default() });
            other.map_or(own.clone(), |other| own.join(&other).unwrap())
        })
}

pub(crate) fn subject() -> impl Strategy<Value = Subject> {
    let acting = select(vec![
        ("VLD-COAST", Some("XVA")),
        ("ORS-CERT", Some("XOR")),
        ("KSI-ISAC", Some("XKE")),
        ("INT-HQ", None),
    ]);
    let groups = subsequence(vec!["CERT-NET", "TIDEWALL-CELL"], 0..=2);
    let hats = subsequence(vec!["N:XOR", "N:XVA", "O:KSI-ISAC"], 0..=1);
    let clearances = proptest::collection::btree_map(select(DOMAINS.to_vec()), 0..=4, 1..=3);
    let grants = vec((select(COMPARTMENTS.to_vec()), any::<bool>()), 0..=4);
    let vetting = subsequence(VETTING.to_vec(), 0..=3);
    let purposes = subsequence(PURPOSES.to_vec(), 2..=4);
    (acting, groups, hats, (clearances, grants), vetting, purposes).prop_map(
        |((org, nation), groups, hats, (clearances, grants), vetting, purposes)| {
            let vetting: BTreeMap<_, _> =
                vetting.into_iter().map(|kind| (kind, json!({ "status": "cleared", "until": "2030-01-01" }))).collect();
            let grants: Vec<_> = grants.iter().map(|(path, tree)| json!({ "path": path, "tree": tree })).collect();
            serde_json::from_value(json!({
                "org": org, "nation": nation, "person": format!("{org}/A1"), "groups": groups, "other_hats": hats,
                "clearances": clearances, "grants": grants, "vetting": vetting, "purposes": purposes, "roles": ["reader"],
            }))
            .unwrap()
        },
    )
}

pub(crate) fn session() -> impl Strategy<Value = Session> {
    let session = |(purpose, aal): (&str, u8)| Session { realm: "REAL".into(), purpose: purpose.into(), aal };
    (select(PURPOSES.to_vec()), 1..=3_u8).prop_map(session)
}

pub(crate) fn tokens_of(texts: &[&str]) -> Vec<Token> {
    texts.iter().map(|text| Token::as_stored(text)).collect()
}

fn compartments(texts: &[&str]) -> Vec<Compartment> {
    texts.iter().map(|text| Compartment::as_stored(text)).collect()
}
