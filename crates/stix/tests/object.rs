//! Common properties, identifiers and timestamps: what is read, and that every fault is listed with its place.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use entente_stix::fault::{FAULTS_MAX, Rule};
use entente_stix::id::{IdError, StixId};
use entente_stix::json::Document;
use entente_stix::object::{CommonProperties, search_text};
use entente_stix::object_kind::ObjectKind;
use entente_stix::timestamp::{StixTimestamp, TimestampError};
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "report--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01";
const MARKING: &str = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";

#[test]
fn what_every_object_has_is_read_as_it_was_written() {
    let common = read(&json!({
        "name": "Harbour watch", "created_by_ref": "identity--4D4B1B5C-6a10-4c0e-8c51-d33a4d9a1f02",
        "object_marking_refs": [MARKING], "revoked": true, "x_own": { "any": [1, 2.5, "three"] },
    }))
    .unwrap();
    assert_eq!(common.object_type, "report");
    assert_eq!(common.kind, ObjectKind::Domain);
    assert_eq!(common.id.as_str(), ID);
    assert_eq!(common.id.object_type(), "report");
    assert_eq!(common.spec_version.as_deref(), Some("2.1"));
    assert_eq!(common.created.as_ref().unwrap().as_str(), "2026-11-23T18:02:11.5Z");
    assert_eq!(common.version().unwrap().as_str(), "2026-11-23T18:02:11.500Z");
    assert_eq!(common.created_by_ref.unwrap().as_str(), "identity--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f02");
    assert_eq!(common.object_marking_refs, [StixId::parse(MARKING).unwrap()]);
    assert_eq!(common.name.as_deref(), Some("Harbour watch"));
    assert!(common.revoked);
    assert!(common.remarks.is_empty());
}

#[test]
fn every_fault_is_listed_with_its_place() {
    let faults = read(&json!({
        "id": "tool--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01", "spec_version": "3.0", "created": "yesterday",
        "modified": 7, "revoked": "no", "created_by_ref": "somebody", "object_marking_refs": ["x", 1, ID], "name": [],
    }))
    .unwrap_err();
    let listed: Vec<(&str, Rule)> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.rule)).collect();
    let expected = [
        ("/id", Rule::Identifier),
        ("/created", Rule::Timestamp),
        ("/modified", Rule::WrongType),
        ("/spec_version", Rule::SpecVersion),
        ("/revoked", Rule::WrongType),
        ("/created_by_ref", Rule::Identifier),
        ("/object_marking_refs", Rule::Identifier),
        ("/object_marking_refs", Rule::WrongType),
        ("/object_marking_refs", Rule::Identifier),
        ("/name", Rule::WrongType),
    ];
    assert_eq!(listed, expected);
    assert!(faults.iter().all(|fault| fault.message.len() > 10));
}

#[test]
fn what_is_required_depends_on_the_kind() {
    let missing = |value: Value| match CommonProperties::read(value.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.pointer).collect(),
    };
    let uuid = "4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01";
    let of = |kind: &str| json!({ "type": kind, "id": format!("{kind}--{uuid}") });
    assert_eq!(missing(json!({})), ["/type", "/id"]);
    assert_eq!(missing(of("report")), ["/created", "/modified"]);
    assert_eq!(missing(of("relationship")), ["/created", "/modified"]);
    assert_eq!(missing(of("marking-definition")), ["/created"]);
    assert!(missing(of("ipv4-addr")).is_empty());
    assert!(missing(of("x-valdoria-note")).is_empty());
    let half = json!({ "type": "x-a", "id": format!("x-a--{uuid}"), "created": "2026-11-23T18:02:11Z" });
    assert_eq!(missing(half), ["/modified"]);
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    let twice = |text: &str| Document::parse(text.as_bytes()).unwrap_err();
    let faults = twice(r#"{"a":1,"b":{"c":[{"d":1,"d":2}]},"a":2}"#);
    let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(places, ["/a", "/b/c/0/d"]);
    assert!(faults.iter().all(|fault| fault.rule == Rule::DuplicateKey));
    // The same key, once spelled with an escape.
    assert_eq!(twice(r#"{"id":1,"\u0069d":2}"#).len(), 1);
    let many: String = (0..300).map(|at| format!("\"k{}\":0,", at % 150)).collect();
    assert_eq!(twice(&format!("{{{many}\"end\":0}}")).len(), FAULTS_MAX);
}

#[test]
fn null_is_refused_at_any_depth() {
    let faults = Document::parse(br#"{"a":null,"b/~":[1,null]}"#).unwrap_err();
    let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(places, ["/a", "/b~1~0/1"]);
    assert!(faults.iter().all(|fault| fault.rule == Rule::Null));
}

#[test]
fn what_is_no_json_object_is_refused_with_one_fault() {
    let rule = |bytes: &[u8]| {
        let faults = Document::parse(bytes).unwrap_err();
        assert_eq!(faults.len(), 1);
        faults.first().unwrap().rule
    };
    assert_eq!(rule(b"[]"), Rule::NotAnObject);
    assert_eq!(rule(b"null"), Rule::NotAnObject);
    assert_eq!(rule(b"{} {}"), Rule::Json);
    assert_eq!(rule(b"{\"a\":\"\xff\"}"), Rule::Json);
    assert_eq!(rule(br#"{"a":"\ud800"}"#), Rule::Json);
    assert_eq!(rule(br#"{"a":1e999}"#), Rule::Json);
    assert_eq!(rule("[".repeat(200_000).as_bytes()), Rule::Json);
    let bundle = r#"{"type":"bundle","id":"bundle--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01"}"#;
    assert_eq!(
        CommonProperties::read(bundle.as_bytes()).unwrap_err().first().unwrap().rule,
        Rule::NotAnObject
    );
}

#[test]
fn an_order_of_times_that_real_data_breaks_is_remarked_and_not_refused() {
    let common = read(&json!({ "modified": "2026-11-22T00:00:00Z" })).unwrap();
    assert_eq!(common.remarks.len(), 1);
    assert!(common.remarks.iter().all(|remark| remark.rule == Rule::Order && remark.pointer == "/modified"));
}

#[test]
fn search_finds_names_aliases_patterns_and_foreign_ids() {
    let text = object(&json!({
        "name": "Tidewall", "aliases": ["Gezeitenwall"], "description": "Boats\nat night", "x_secret": "not this",
        "external_references": [{ "source_name": "capec", "external_id": "CAPEC-66" }],
    }));
    let document = Document::parse(text.as_bytes()).unwrap();
    assert_eq!(search_text(&document), "Tidewall\nBoats\nat night\nGezeitenwall\nCAPEC-66\n");
}

#[test]
fn identifiers_are_parsed_strictly_and_compared_without_case() {
    let refused = |text: &str| StixId::parse(text).unwrap_err();
    assert_eq!(refused("report"), IdError::NoSeparator);
    assert_eq!(refused(""), IdError::NoSeparator);
    assert_eq!(refused("report-4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01"), IdError::NoSeparator);
    assert_eq!(refused("report--4d4b1b5c"), IdError::BadUuid);
    assert_eq!(refused("report--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f0g"), IdError::BadUuid);
    assert_eq!(refused("report--4d4b1b5c6-a10-4c0e-8c51-d33a4d9a1f01"), IdError::BadUuid);
    assert_eq!(refused("Report--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01"), IdError::BadType);
    assert_eq!(refused("é--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01"), IdError::BadType);
    let custom = StixId::parse("x-a--b--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01").unwrap();
    assert_eq!(custom.object_type(), "x-a--b");
    assert_eq!(StixId::parse(&ID.replace("4d4b", "4D4B")).unwrap(), StixId::parse(ID).unwrap());
}

#[test]
fn timestamps_are_compared_as_instants_and_kept_as_written() {
    let parse = |text: &str| StixTimestamp::parse(text);
    let time = parse("2026-11-23T18:02:11.5Z").unwrap();
    assert_eq!(time, parse("2026-11-23T18:02:11.500Z").unwrap());
    assert_eq!(time.unix_seconds_and_nanos(), (1_795_456_931, 500_000_000));
    assert_eq!(time.normalized(), "2026-11-23T18:02:11.500000000Z");
    assert_eq!(time.to_string(), "2026-11-23T18:02:11.5Z");
    assert!(parse("1969-12-31T23:59:59.999Z").unwrap() < parse("1970-01-01T00:00:00Z").unwrap());
    for (text, error) in [
        ("2026-11-23T18:02:11", TimestampError::Form),
        ("2026-11-23T18:02:11+01:00", TimestampError::Form),
        ("2026-11-23 18:02:11Z", TimestampError::Form),
        ("2026-11-23T18:02:11.Z", TimestampError::Form),
        ("2026-11-23T18:02:11.5xZ", TimestampError::Form),
        ("2026-11-23T18:02:11.0123456789Z", TimestampError::TooFine),
        ("2026-02-29T00:00:00Z", TimestampError::NoSuchTime),
        ("2026-11-23T24:00:00Z", TimestampError::NoSuchTime),
        ("2016-12-31T23:59:60Z", TimestampError::NoSuchTime),
    ] {
        assert_eq!(parse(text).unwrap_err(), error, "{text}");
    }
}

proptest! {
    #[test]
    fn times_sort_as_their_normal_text_does(seconds in proptest::array::uniform2(0_u32..60), fraction in proptest::array::uniform2("[0-9]{1,9}")) {
        let [a, b] = [0, 1].map(|at| {
            let text = format!("2026-11-23T18:02:{:02}.{}Z", seconds.get(at).unwrap(), fraction.get(at).unwrap());
            StixTimestamp::parse(&text).unwrap()
        });
        prop_assert_eq!(a.cmp(&b), a.normalized().cmp(&b.normalized()));
        prop_assert_eq!(a.cmp(&b), a.unix_nanos().cmp(&b.unix_nanos()));
    }

    #[test]
    fn no_object_panics(text in "\\PC{0,60}", key in "[a-z_]{1,20}") {
        let _ = StixId::parse(&text);
        let _ = StixTimestamp::parse(&text);
        let _ = CommonProperties::read(json!({ "type": text, "id": text, key: text }).to_string().as_bytes());
        let _ = CommonProperties::read(text.as_bytes());
    }
}

/// A report with `changes`.
fn object(changes: &Value) -> String {
    let mut object = json!({
        "type": "report", "spec_version": "2.1", "id": ID,
        "created": "2026-11-23T18:02:11.5Z", "modified": "2026-11-23T18:02:11.500Z",
    });
    for (name, value) in changes.as_object().unwrap() {
        object.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    object.to_string()
}

fn read(changes: &Value) -> Result<CommonProperties, Vec<entente_stix::fault::Fault>> {
    CommonProperties::read(object(changes).as_bytes())
}
