//! The label vectors of the label semantics: parsing, printing, errors, canonical bytes, hashes, joins, order, TLP export.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use aws_lc_rs::digest::{SHA256, digest};
use entente_domain::label::{Label, LabelError};
use entente_domain::registry::{Organization, Registry};
use serde_json::Value;

const CASES: &str = include_str!("golden/labels-cases.json");
const VECTORS: &str = include_str!("golden/labels-vectors.json");
/// SHA-256 of the file: nobody drops or softens a vector unnoticed.
const VECTORS_SHA256: &str = "25e7e74889202addff29409da647d05b6facfc4002fab123f51fb89e62f7837e";

#[test]
fn the_vectors_are_the_agreed_ones() {
    assert_eq!(hex::encode(digest(&SHA256, VECTORS.as_bytes())), VECTORS_SHA256);
}

#[test]
fn lines_parse_to_the_agreed_label_or_error() {
    let registry = registry();
    for vector in vectors("parse", 45) {
        let line = vector["in"].as_str().unwrap();
        let expected = vector["out"].as_object().unwrap();
        match Label::parse(line, &registry, vector["nation"].as_str()) {
            Err(error) => {
                assert_eq!(expected.get("error"), Some(&error.code.as_str().into()), "{line}: {error}");
            }
            Ok(label) => {
                assert_eq!(
                    expected.keys().collect::<Vec<_>>(),
                    ["canonical", "errors", "hash", "text"],
                    "{line}"
                );
                assert_eq!(expected["text"], label.to_text(&registry), "{line}");
                assert_eq!(
                    expected["canonical"],
                    String::from_utf8(label.canonical_bytes()).unwrap(),
                    "{line}"
                );
                assert_eq!(expected["hash"], label.hash().to_string(), "{line}");
                let codes: Vec<&str> =
                    label.validate(&registry, true).iter().map(|code| code.as_str()).collect();
                assert_eq!(expected["errors"], Value::from(codes), "{line}");
                assert_eq!(Label::from_canonical(&label.canonical_bytes()), Ok(label), "{line}");
            }
        }
    }
}

#[test]
fn joins_give_the_agreed_label_or_error() {
    let registry = registry();
    for vector in vectors("join", 10) {
        let labels: Result<Vec<Label>, LabelError> = lines(&vector["in"]);
        let joined = labels.and_then(|labels| Label::join_all(&labels)).map(Option::unwrap);
        let got = joined.map_or_else(|error| error.code.to_string(), |label| label.to_text(&registry));
        assert_eq!(vector["out"], got, "{}", vector["in"]);
    }
}

#[test]
fn the_order_is_the_agreed_one() {
    for vector in vectors("leq", 10) {
        let [a, b] = ["a", "b"].map(|name| parse(vector[name].as_str().unwrap()).unwrap());
        assert_eq!(vector["out"], a.leq(&b), "{vector}");
    }
}

#[test]
fn tlp_export_is_the_agreed_one() {
    for vector in vectors("export_tlp", 10) {
        let colour = parse(vector["in"].as_str().unwrap()).unwrap().export_tlp();
        assert_eq!(vector["out"], Value::from(colour.map(|colour| colour.name())), "{}", vector["in"]);
    }
}

fn vectors(kind: &str, count: usize) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = vectors[kind].as_array().unwrap().clone();
    assert_eq!(vectors.len(), count);
    vectors
}

fn parse(line: &str) -> Result<Label, LabelError> {
    Label::parse(line, &registry(), None)
}

fn lines(list: &Value) -> Result<Vec<Label>, LabelError> {
    list.as_array().unwrap().iter().map(|line| parse(line.as_str().unwrap())).collect()
}

/// The registry of the worked cases, in which the vectors are stated.
fn registry() -> Registry {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let mut registry = Registry::builtin();
    registry.add_realm("EXERCISE:INSPIRED-UNION-2024").unwrap();
    registry.add_realm("EXERCISE:FALCON-TALON").unwrap();
    for (id, organization) in cases["orgs"].as_object().unwrap() {
        let organization: Organization = serde_json::from_value(organization.clone()).unwrap();
        registry.add_organization(id.parse().unwrap(), organization);
    }
    registry
}
