//! The index gives what a reading of every interest against every version gives, by a reader that shares no code with it.

use entente_stix::text;
use proptest::prelude::*;

use super::*;
use crate::{
    app::version_facts::TEXT_TYPE,
    peers::{JournalVersion, LabelReference},
    store::Standing,
};

const WORDS: [&str; 5] = ["ferry", "harbour", "lamp", "north", "pier"];
const VALUES: [(&str, &str); 3] = [
    ("192.0.2.7", "ipv4-addr:value"),
    ("a.example", "domain-name:value"),
    ("ada@b.example", "email-addr:value"),
];
const OPERATIONS: [&str; 5] = ["", "TIDEWALL", "TIDEWALL/SOCIETAL", "TIDEWALL/SOCIETAL/P1", "TIDEWALLS"];
const REALMS: [&str; 2] = ["REAL", "EXERCISE:LANTERN-26"];

/// A version, and what it was made of.
#[derive(Debug, Clone)]
struct Sample {
    version: JournalVersion,
    words: Vec<&'static str>,
    values: Vec<&'static str>,
}

fn interest(seq: i64, realm: &str, terms: Vec<Term>) -> Interest {
    let holder =
        Standing { subject_id: "ORS-CERT/tomas".into(), purpose: "CT".into(), realm: realm.into(), aal: 2 };
    Interest {
        interest_seq: seq,
        interest_id: format!("interest-{seq}"),
        holder,
        display_name: String::new(),
        terms,
        create_time_ms: 0,
    }
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        prop::sample::select(vec!["indicator", TEXT_TYPE]).prop_map(|name| Term::ObjectType(name.to_owned())),
        prop::sample::select(VALUES.to_vec()).prop_map(|(value, _)| Term::IndicatorValue(value.to_owned())),
        prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..4)
            .prop_map(|words| Term::Phrase(words.into_iter().map(str::to_owned).collect())),
        prop::sample::select(vec!["VLD-COAST", "ORS-CERT"])
            .prop_map(|name| Term::Originator(name.to_owned())),
        prop::sample::select(OPERATIONS[1..].to_vec()).prop_map(|path| Term::Operation(path.to_owned())),
        (2..6).prop_map(Term::MinSeverity),
    ]
}

fn interests() -> impl Strategy<Value = Vec<Interest>> {
    let one = (prop::sample::select(REALMS.to_vec()), prop::collection::vec(term(), 1..4));
    prop::collection::vec(one, 0..24).prop_map(|made| {
        let numbered = (1_i64..).zip(made);
        let interests = numbered.map(|(seq, (realm, terms))| interest(seq, realm, terms));
        // An interest of severities alone cannot be made (Error::TooBroad).
        interests
            .filter(|interest| interest.terms.iter().any(|term| !matches!(term, Term::MinSeverity(_))))
            .collect()
    })
}

prop_compose! {
    fn sample()(
        is_text in any::<bool>(),
        realm in prop::sample::select(REALMS.to_vec()),
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..6),
        values in prop::collection::vec(prop::sample::select(VALUES.to_vec()), 0..3),
        originator in prop::sample::select(vec!["VLD-COAST", "ORS-CERT"]),
        operation in prop::sample::select(OPERATIONS.to_vec()),
        severity in 0..6_i32,
    ) -> Sample {
        let content = if is_text { text_of(&words, &values) } else { indicator_of(&words, &values) };
        let timeless = LabelReference { line: String::new(), hash: [0; 32] };
        let version = JournalVersion {
            position: 1, realm: realm.into(), report_id: "x-entente-text--1".into(), version: String::new(),
            report_type: if is_text { TEXT_TYPE.into() } else { "indicator".into() },
            originator: originator.into(), operation: operation.into(), title: String::new(), severity,
            label_line: String::new(), label_hash: [0; 32], timeless, not_before: None, not_after: None,
            add_time_ms: 0, content: content.into(), submitter: String::new(),
        };
        Sample { version, words, values: values.into_iter().map(|(value, _)| value).collect() }
    }
}

/// The words in another case, then the values as prose has them.
fn text_of(words: &[&str], values: &[(&str, &str)]) -> String {
    let values: Vec<String> = values.iter().map(|(value, _)| format!("({value}),")).collect();
    format!("{} -- {}", words.join(" ").to_uppercase(), values.join(" "))
}

fn indicator_of(words: &[&str], values: &[(&str, &str)]) -> String {
    let compared: Vec<String> = values.iter().map(|(value, path)| format!("{path} = '{value}'")).collect();
    serde_json::json!({
        "type": "indicator", "spec_version": "2.1", "id": "indicator--6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "created": "2026-11-23T10:00:00Z", "modified": "2026-11-23T10:00:00Z", "valid_from": "2026-11-23T10:00:00Z",
        "name": words.join(" "), "pattern_type": "stix", "pattern": format!("[{}]", compared.join(" OR ")),
    })
    .to_string()
}

/// What an interest means, read off the parts a version was made of.
fn is_met(interest: &Interest, sample: &Sample) -> bool {
    let version = &sample.version;
    interest.holder.realm == version.realm
        && interest.terms.iter().all(|term| match term {
            Term::ObjectType(name) => *name == version.report_type,
            Term::IndicatorValue(value) => sample.values.contains(&value.as_str()),
            Term::Phrase(words) => {
                format!(" {} ", sample.words.join(" ")).contains(&format!(" {} ", words.join(" ")))
            }
            Term::Originator(name) => *name == version.originator,
            Term::Operation(path) => format!("{}/", version.operation).starts_with(&format!("{path}/")),
            Term::MinSeverity(severity) => version.severity >= *severity,
        })
}

fn ids<'interest>(interests: impl Iterator<Item = &'interest Interest>) -> Vec<String> {
    interests.map(|interest| interest.interest_id.clone()).collect()
}

proptest! {
    #[test]
    fn the_index_gives_what_reading_every_interest_gives(
        interests in interests(),
        removed in prop::collection::vec(any::<bool>(), 24),
        samples in prop::collection::vec(sample(), 1..8),
    ) {
        let mut index = InterestIndex::default();
        interests.iter().for_each(|interest| index.add(interest.clone()));
        let (gone, kept): (Vec<_>, Vec<_>) = interests.iter().zip(removed).partition(|(_, removed)| *removed);
        gone.iter().for_each(|(interest, _)| index.remove(&interest.interest_id));
        for sample in &samples {
            let expected = ids(kept.iter().map(|(interest, _)| *interest).filter(|interest| is_met(interest, sample)));
            let met = index.matches(&VersionFacts::of(&sample.version));
            prop_assert_eq!(ids(met.iter().map(|interest| &**interest)), expected);
        }
    }

    #[test]
    fn an_interest_of_an_exercise_never_meets_a_real_version(
        terms in prop::collection::vec(term(), 1..3),
        mut sample in sample(),
    ) {
        sample.version.realm = "REAL".into();
        let mut index = InterestIndex::default();
        index.add(interest(1, "EXERCISE:LANTERN-26", terms));
        prop_assert!(index.matches(&VersionFacts::of(&sample.version)).is_empty());
    }
}

#[test]
fn an_interest_that_was_taken_out_leaves_nothing_behind() {
    let mut index = InterestIndex::default();
    for seq in 1..100 {
        index.add(interest(seq, "REAL", vec![Term::IndicatorValue(format!("host-{seq}.example"))]));
    }
    (1..100).for_each(|seq| index.remove(&format!("interest-{seq}")));
    assert!(index.places.is_empty());
    assert!(index.realms.values().all(|realm| realm.values.is_empty()));
}

#[test]
fn a_phrase_is_told_from_its_words() {
    assert!(text::contains_phrase(&["night", "ferry", "north"], &["ferry", "north"]));
    assert!(!text::contains_phrase(&["ferry", "night", "north"], &["ferry", "north"]));
}

/// Not a bound but a guard against parsing what nobody asks for: a version takes microseconds, not milliseconds.
#[test]
fn a_version_is_not_parsed_when_no_interest_asks_what_it_says() {
    let mut index = InterestIndex::default();
    index.add(interest(
        1,
        "REAL",
        vec![Term::Operation("TIDEWALL".into()), Term::Phrase(vec!["ferry".into()])],
    ));
    index.add(interest(2, "EXERCISE:LANTERN-26", vec![Term::IndicatorValue("a.example".into())]));
    index.remove("interest-1");
    index.add(interest(3, "REAL", vec![Term::Originator("ORS-CERT".into())]));
    let version = JournalVersion {
        position: 1,
        realm: "REAL".into(),
        report_id: "indicator--1".into(),
        version: String::new(),
        report_type: "indicator".into(),
        originator: "ORS-CERT".into(),
        operation: String::new(),
        title: String::new(),
        severity: 0,
        label_line: String::new(),
        label_hash: [0; 32],
        timeless: LabelReference { line: String::new(), hash: [0; 32] },
        not_before: None,
        not_after: None,
        add_time_ms: 0,
        content: "{ this is not JSON".into(),
        submitter: String::new(),
    };
    let facts = VersionFacts::of(&version);
    assert_eq!(index.matches(&facts).len(), 1);
    assert!(facts.is_unread());
}
