//! Laws every label and every decision obeys, over labels and subjects nobody thought of.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeMap;

use entente_domain::agreement::Agreement;
use entente_domain::consent::Consent;
use entente_domain::day::Day;
use entente_domain::decision::{self, Derivation, ObjectState, Relabelling, Release, Session, Sink};
use entente_domain::ids::{OrganizationId, OriginatorName, Realm, Role};
use entente_domain::label::{Label, LabelFields, Onward, Tlp};
use entente_domain::profile::profile_id;
use entente_domain::subject::{PreparedSubject, Subject};
use entente_domain::token::Token;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

#[path = "support/generators.rs"]
mod generators;

use self::generators::{ORIGINATORS, TODAY, label, near, registry, session, subject};

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
    fn relabelling_never_widens_without_every_originator(
        (old, other) in (label(), label()), tighten in any::<bool>(), who in (subject(), subject()), session in session(),
        signers in subsequence(ORIGINATORS.to_vec(), 0..=3),
    ) {
        let (old, other) = (fit(&old), fit(&other));
        let new = if tighten { old.join(&other).unwrap() } else { other };
        let (holder, reader) = who;
        let holder = with_roles(&holder, &[Role::LABEL_AUTHORITY]);
        let cosigners: Vec<OriginatorName> = signers.iter().map(|name| OriginatorName::from(*name)).collect();
        let change = Relabelling { old: &old, new: &new, cosigners: &cosigners };
        if decision::relabel(&prepared(&holder), change, &session, &registry()).is_ok() {
            let signed = |name: &OriginatorName| *name.as_str() == *holder.org.as_str() || cosigners.contains(name);
            let unanimous = old.is_originated_by(holder.org.as_str()) && old.originators().iter().all(signed);
            prop_assert!(unanimous || old.leq(&new));
            let reads_more = readable(&new, &reader, &session) && !readable(&old, &reader, &session);
            prop_assert!(unanimous || !reads_more, "somebody reads it now who did not");
        }
    }

    #[test]
    fn exercise_never_meets_real(
        labels in (label(), label()), realms in (realm(), realm(), realm()), who in (subject(), subject()), session in session(),
    ) {
        let place = |label: &Label, realm: Realm| Label::from(LabelFields { realm, ..fit(label).fields().clone() });
        let (label, other) = (place(&labels.0, realms.0), place(&labels.1, realms.1));
        let session = Session { realm: realms.2, ..session };
        let all = [Role::SUBMITTER, Role::SUBSCRIBER, Role::LABEL_AUTHORITY, Role::RELEASE_AUTHORITY, Role::RECALL_AUTHORITY];
        let subject = prepared(&with_roles(&who.0, &all));
        let registry = registry();
        let (agreements, target) = (vec![agreement(&json!({}))], prepared(&who.1));
        let release = release_to(&target, &agreements, &[]);
        let mut allowed = vec![
            decision::read(&subject, &label, &session, &registry, ObjectState::Live).is_ok(),
            decision::release_onward(&subject, &label, &session, &registry, &release).is_ok(),
            decision::deliver(&subject, &label, &session, &registry, &Sink::Sensor(ObjectState::Live)).is_ok(),
            decision::recall(&subject, &label, &session, &registry, std::slice::from_ref(subject.organization())).is_ok(),
        ];
        let sources = [other.clone()];
        let derived = Derivation { sources: &sources, cosigners: &[] };
        let submitted = decision::submit(&subject, &label, &session, &registry, derived).is_ok();
        let change = Relabelling { old: &other, new: &label, cosigners: &[] };
        let relabelled = decision::relabel(&subject, change, &session, &registry).is_ok();
        prop_assert!(label.realm() == other.realm() || !(submitted || relabelled));
        allowed.extend([submitted, relabelled]);
        prop_assert!(label.realm() == &session.realm || !allowed.contains(&true), "{allowed:?}");
    }

    #[test]
    fn passing_on_needs_an_agreement_in_force_and_never_opens_the_copy(
        (label, who, session) in subject().prop_flat_map(|who| (near(&who), Just(who), session())), other in subject(),
        faults in proptest::collection::vec(fault(), 0..=2),
    ) {
        let label = Label::from(LabelFields {
            audience: vec![["N:XVA", "N:XOR", "N:XKE", "O:INT-HQ"].map(Token::as_stored).to_vec()],
            originators: vec![who.org.as_str().into(), "ORS-CERT".into()],
            tlp: Tlp::Clear,
            excl: Vec::new(),
            ..label.fields().clone()
        });
        let subject = prepared(&with_roles(&who, &[Role::RELEASE_AUTHORITY]));
        // The receiver may have all the sender may: what is under test is the agreement.
        let target = Subject { org: other.org.clone(), nation: other.nation.clone(), ..who.clone() };
        let target = prepared(&target);
        let consents: Vec<Consent> = label.originators().iter().map(|by| consent(by, target.organization(), &label)).collect();
        let agreements: Vec<Agreement> = faults.iter().map(agreement).collect();
        let release = release_to(&target, &agreements, &consents);
        let today = Day::from_unix_days(TODAY);
        if let Ok(released) = decision::release_onward(&subject, &label, &session, &registry(), &release) {
            prop_assert!(label.leq(&released.label_of_copy));
            let binds = |agreement: &Agreement| {
                agreement.is_in_force(today) && agreement.body.purposes.contains(&session.purpose)
            };
            let inside = target.organization() == subject.organization();
            prop_assert!(inside || agreements.iter().any(binds), "{agreements:?}");
        } else {
            // The same with nothing wrong in the agreement goes through, unless something else forbids it.
            let sound = [agreement(&json!({}))];
            let sound = release_to(&target, &sound, &consents);
            let other_reason = decision::release_onward(&subject, &label, &session, &registry(), &sound).err();
            let by_agreement = |reason: decision::DenyReason| reason.as_str().starts_with("agreement_");
            prop_assert!(other_reason.is_none_or(|reason| !by_agreement(reason)), "{other_reason:?}");
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

/// A label fit to be submitted, with what the decision looks at left as it is, except who is meant.
fn fit(label: &Label) -> Label {
    let mut originators = label.originators().to_vec();
    if originators.is_empty() {
        originators.push("VLD-COAST".into());
    }
    let audience = vec![["N:XVA", "N:XOR", "N:XKE", "O:INT-HQ"].map(Token::as_stored).to_vec()];
    let fields =
        LabelFields { originators, audience, tlp: Tlp::Clear, excl: Vec::new(), ..label.fields().clone() };
    Label::from(LabelFields { not_before: None, ..fields })
}

fn with_roles(subject: &Subject, roles: &[&str]) -> Subject {
    let mut subject = subject.clone();
    subject.roles.extend(roles.iter().map(|role| role.parse().unwrap()));
    subject
}

fn prepared(subject: &Subject) -> PreparedSubject {
    PreparedSubject::new(subject, &[], Day::from_unix_days(TODAY))
}

fn readable(label: &Label, subject: &Subject, session: &Session) -> bool {
    decision::read(&prepared(subject), label, session, &registry(), ObjectState::Live).is_ok()
}

fn realm() -> impl Strategy<Value = Realm> {
    select(vec![Realm::real(), Realm::exercise("LANTERN-26")])
}

/// An agreement of all that allows everything, but for the fault given.
fn agreement(fault: &serde_json::Value) -> Agreement {
    let parties = ["VLD-COAST", "ORS-CERT", "KSI-ISAC", "INT-HQ"];
    let flows: Vec<_> = parties.iter().flat_map(|from| parties.map(|to| [*from, to])).collect();
    let mut body = json!({
        "parties": parties, "flows": flows, "purposes": ["CT", "CYBER-DEFENCE", "BORDER", "TRAINING"],
        "realms": ["REAL", "EXERCISE:LANTERN-26"], "personal_data": true, "codewords": ["CW:BLUEJAY", "CW:BLUEJAY/X"],
        "max_levels": { "ENTENTE": 4, "NATO": 4, "EU": 4 }, "from": "2026-01-01", "until": "2028-01-01",
    });
    let mut standing = json!({ "signed_by": parties, "suspended_by": [], "terminated_by": [] });
    for (name, value) in fault.as_object().unwrap() {
        let place = if standing.get(name).is_some() { &mut standing } else { &mut body };
        place.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    standing.as_object_mut().unwrap().insert("body".to_owned(), body);
    serde_json::from_value(standing).unwrap()
}

/// What can keep an agreement from allowing something; nothing, now and then.
fn fault() -> impl Strategy<Value = serde_json::Value> {
    select(vec![
        json!({}),
        json!({ "signed_by": ["VLD-COAST", "ORS-CERT", "KSI-ISAC"] }),
        json!({ "suspended_by": ["KSI-ISAC"] }),
        json!({ "terminated_by": ["VLD-COAST"] }),
        json!({ "from": "2026-11-24", "until": "2028-01-01" }),
        json!({ "from": "2026-11-25" }),
        json!({ "until": "2026-11-23" }),
        json!({ "purposes": ["BORDER"] }),
        json!({ "overlay": { "onward": 0, "bind_purposes": false } }),
        json!({ "overlay": { "onward": 2, "retention_days": 10, "vetting": ["HRV"] } }),
    ])
}

fn release_to<'a>(
    target: &'a PreparedSubject,
    agreements: &'a [Agreement],
    consents: &'a [Consent],
) -> Release<'a> {
    Release {
        target,
        target_aal: 3,
        object: None,
        state: ObjectState::Live,
        content: None,
        agreements,
        consents,
    }
}

fn consent(by: &OriginatorName, to: &OrganizationId, label: &Label) -> Consent {
    serde_json::from_value(json!({
        "by": by, "to": to, "label": label.hash(), "until": "2028-01-01",
        "purposes": ["CT", "CYBER-DEFENCE", "BORDER", "TRAINING"],
    }))
    .unwrap()
}

/// A restricted label without audience is malformed; everyone who could read is a clause, too.
fn with_everyone(label: &Label) -> Vec<Vec<Token>> {
    let mut audience = label.fields().audience.clone();
    audience.push(["N:XVA", "N:XOR", "N:XKE", "O:INT-HQ"].map(Token::as_stored).to_vec());
    audience
}
