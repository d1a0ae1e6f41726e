//! Laws every label and every decision obeys, over labels and subjects nobody thought of.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeMap;

use entente_domain::day::Day;
use entente_domain::decision::{self, ObjectState, Session};
use entente_domain::label::{Evidence, Label, LabelFields, Onward, PermittedUse, Tlp};
use entente_domain::profile::profile_id;
use entente_domain::registry::{Organization, Registry};
use entente_domain::subject::{PreparedSubject, Subject};
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
const ORIGINATORS: [&str; 3] = ["KSI-ISAC", "ORS-CERT", "VLD-COAST"];
/// The middle of the days that labels name.
const TODAY: i32 = 20_780;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn joining_is_commutative_associative_and_idempotent(a in label(), b in label(), c in label()) {
        let join = |a: &Label, b: &Label| a.join(b).unwrap();
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&a, &join(&b, &c)), join(&join(&a, &b), &c));
        prop_assert_eq!(join(&a, &a), a);
    }

    #[test]
    fn the_join_is_the_least_upper_bound(a in label(), b in label(), c in label()) {
        let joined = a.join(&b).unwrap();
        prop_assert!(a.leq(&joined) && b.leq(&joined));
        // An upper bound of both, so that the law is exercised and not vacuous.
        let above = joined.join(&c).unwrap();
        prop_assert!(joined.leq(&above));
        prop_assert!(!(a.leq(&c) && b.leq(&c)) || joined.leq(&c));
        prop_assert!(!(a.leq(&b) && b.leq(&a)) || a == b);
        prop_assert!(Label::from(LabelFields::default()).leq(&a));
    }

    #[test]
    fn a_label_reads_back_from_its_line_and_from_its_bytes(label in label()) {
        let line = label.to_text(&registry());
        let parsed = Label::parse(&line, &registry(), None).unwrap();
        prop_assert_eq!(parsed.hash(), label.hash());
        prop_assert_eq!(&parsed, &label);
        prop_assert_eq!(Label::from_canonical(&label.canonical_bytes()).unwrap(), label);
    }

    #[test]
    fn equal_labels_and_only_they_have_equal_hashes(a in label(), b in label()) {
        prop_assert_eq!(a == b, a.hash() == b.hash());
    }

    #[test]
    fn dates_split_off_exactly(a in label(), b in label(), subject in subject(), session in session()) {
        let today = Day::from_unix_days(TODAY);
        let timeless = a.timeless();
        prop_assert_eq!(reads(&a, &subject, &session), reads(&timeless, &subject, &session) && a.dates_ok(today));
        prop_assert_eq!(a.join(&b).unwrap().timeless(), timeless.join(&b.timeless()).unwrap());
    }

    #[test]
    fn reading_a_join_is_reading_both(a in label(), b in label(), subject in subject(), session in session()) {
        let joined = reads(&a.join(&b).unwrap(), &subject, &session);
        prop_assert_eq!(joined, reads(&a, &subject, &session) && reads(&b, &subject, &session));
    }

    /// Labels the subject is likely to satisfy: the law above is mostly about refusals.
    #[test]
    fn reading_a_join_of_readable_labels_is_reading_both(
        (subject, a, b) in subject().prop_flat_map(|subject| (near(&subject), near(&subject)).prop_map(move |(a, b)| (subject.clone(), a, b))),
        session in session(),
    ) {
        let joined = reads(&a.join(&b).unwrap(), &subject, &session);
        prop_assert_eq!(joined, reads(&a, &subject, &session) && reads(&b, &subject, &session));
    }

    #[test]
    fn who_reads_the_more_restrictive_reads_the_less(a in label(), b in label(), subject in subject(), session in session()) {
        let above = a.join(&b).unwrap();
        prop_assert!(!reads(&above, &subject, &session) || reads(&a, &subject, &session));
    }

    #[test]
    fn a_product_of_sources_that_stay_in_control_is_never_less_restrictive(source in label(), product in label()) {
        let made = source.join(&product).unwrap();
        prop_assert!(source.flows_to(&made));
        if source.flows_to(&product) && source.fields().onward != Onward::Open {
            prop_assert!(source.leq(&product));
        }
    }

    #[test]
    fn equal_profiles_decide_alike_what_names_no_person(label in label(), subject in subject(), session in session()) {
        let mut colleague = subject.clone();
        colleague.person = Some("VLD-COAST/COLLEAGUE".parse().unwrap());
        let today = Day::from_unix_days(TODAY);
        prop_assert_eq!(profile_id(&subject, &[], today), profile_id(&colleague, &[], today));
        if !label.names_persons() {
            prop_assert_eq!(reads(&label, &subject, &session), reads(&label, &colleague, &session));
        }
    }

    #[test]
    fn no_line_makes_the_parser_panic(line in "[A-Z:/+, -]{0,80}|\\PC{0,80}") {
        if let Ok(label) = Label::parse(&line, &registry(), Some("XVA")) {
            prop_assert_eq!(&Label::parse(&label.to_text(&registry()), &registry(), None).unwrap(), &label);
        }
    }
}

#[test]
fn realms_never_meet() {
    let real = Label::from(LabelFields::default());
    let exercise = LabelFields { realm: "EXERCISE:LANTERN-26".into(), ..LabelFields::default() };
    assert_eq!(real.join(&Label::from(exercise)).unwrap_err().code.as_str(), "E_REALM_MIX");
}

#[test]
fn every_right_and_every_limit_shows_in_the_profile() {
    let today = Day::from_unix_days(TODAY);
    let base = json!({ "org": "VLD-COAST", "person": "VLD-COAST/A1" });
    let id = |subject: &serde_json::Value| {
        profile_id(&serde_json::from_value::<Subject>(subject.clone()).unwrap(), &[], today)
    };
    let changes = [
        ("org", json!("ORS-CERT")),
        ("nation", json!("XVA")),
        ("groups", json!(["CERT-NET"])),
        ("client_of", json!(["ORS-CERT"])),
        ("other_hats", json!(["N:XOR"])),
        ("roles", json!(["reader"])),
        ("purposes", json!(["CT"])),
        ("clearances", json!({ "ENTENTE": 1 })),
        ("grants", json!([{ "path": "OP:TIDEWALL" }])),
        ("grants", json!([{ "path": "OP:TIDEWALL", "tree": true }])),
        ("vetting", json!({ "HRV": { "status": "cleared", "until": "2030-01-01" } })),
        ("active", json!(false)),
    ];
    let mut seen = BTreeMap::from([(id(&base), "nothing")]);
    for (field, value) in changes {
        let mut changed = base.clone();
        changed.as_object_mut().unwrap().insert(field.to_owned(), value);
        assert_eq!(seen.insert(id(&changed), field), None, "{field}");
    }
}

#[test]
fn what_no_longer_holds_does_not_show_in_the_profile() {
    let dated = json!({
        "org": "VLD-COAST",
        "grants": [{ "path": "OP:TIDEWALL", "until": "2026-11-23" }, { "path": "OP:TIDEWALL", "from": "2026-11-25" }],
        "vetting": { "HRV": { "status": "cleared", "until": "2026-11-23" } },
    });
    let dated: Subject = serde_json::from_value(dated).unwrap();
    let bare: Subject = serde_json::from_value(json!({ "org": "VLD-COAST" })).unwrap();
    let id = |subject: &Subject, day: &str| profile_id(subject, &[], day.parse().unwrap());
    assert_ne!(id(&dated, "2026-11-22"), id(&bare, "2026-11-22"));
    assert_eq!(id(&dated, "2026-11-23"), id(&bare, "2026-11-23"));
    assert_eq!(id(&dated, "2026-11-24"), id(&bare, "2026-11-24"));
    assert_ne!(id(&dated, "2026-11-25"), id(&bare, "2026-11-25"));
}

#[test]
fn the_profile_hash_is_a_frozen_format() {
    let subject: Subject = serde_json::from_value(json!({
        "org": "VLD-COAST", "nation": "XVA", "groups": ["TIDEWALL-CELL"], "person": "VLD-COAST/MIRA",
        "roles": ["reader"], "purposes": ["CT"], "clearances": { "ENTENTE": 3 },
        "grants": [{ "path": "OP:TIDEWALL", "tree": true }],
    }))
    .unwrap();
    let id = profile_id(&subject, &[], Day::from_unix_days(TODAY));
    assert_eq!(id.to_string(), "7d71969cb62fed18e162d019d2cb5af503c5666d20ace1508bd7a822515ff7c8");
}

/// The law holds for well-formed labels: a join of disjoint audiences is malformed and denies, as both together would.
fn reads(label: &Label, subject: &Subject, session: &Session) -> bool {
    let prepared = PreparedSubject::new(subject, &[], Day::from_unix_days(TODAY));
    // Whether a label is fit to be stored is asked of each label by itself; what is under test is what it admits.
    let admitting = Label::from(LabelFields {
        originators: vec!["VLD-COAST".into()],
        tlp: Tlp::Clear,
        audience: with_everyone(label),
        ..label.fields().clone()
    });
    decision::read(&prepared, &admitting, session, &registry(), ObjectState::Live).is_ok()
}

/// A restricted label without audience is malformed; everyone who could read is a clause, too.
fn with_everyone(label: &Label) -> Vec<Vec<Token>> {
    let mut audience = label.fields().audience.clone();
    audience.push(["N:XVA", "N:XOR", "N:XKE", "O:INT-HQ"].map(Token::as_stored).to_vec());
    audience
}

fn registry() -> Registry {
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

fn label() -> impl Strategy<Value = Label> {
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
fn near(subject: &Subject) -> impl Strategy<Value = Label> + use<> {
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

fn subject() -> impl Strategy<Value = Subject> {
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

fn session() -> impl Strategy<Value = Session> {
    let session = |(purpose, aal): (&str, u8)| Session { realm: "REAL".into(), purpose: purpose.into(), aal };
    (select(PURPOSES.to_vec()), 1..=3_u8).prop_map(session)
}

fn tokens_of(texts: &[&str]) -> Vec<Token> {
    texts.iter().map(|text| Token::as_stored(text)).collect()
}

fn compartments(texts: &[&str]) -> Vec<Compartment> {
    texts.iter().map(|text| Compartment::as_stored(text)).collect()
}
