//! The label vectors of the label semantics: parsing, printing, errors, canonical bytes, hashes, joins, order, TLP export.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use entente_domain::label::Label;
use serde_json::{Value, json};

#[path = "../examples/support/vectors.rs"]
mod vectors;

const CASES: &str = include_str!("golden/labels-cases.json");
const VECTORS: &str = include_str!("golden/labels-vectors.json");
/// SHA-256 of the file: nobody drops or softens a vector unnoticed.
const VECTORS_SHA256: &str = "25e7e74889202addff29409da647d05b6facfc4002fab123f51fb89e62f7837e";

#[test]
fn the_vectors_are_the_agreed_ones() {
    assert_eq!(hex::encode(digest(&SHA256, VECTORS.as_bytes())), VECTORS_SHA256);
}

#[test]
fn every_vector_gives_what_was_agreed() {
    let (vectors, lines) = computed();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &lines {
        let kind = line["kind"].as_str().unwrap();
        let index = usize::try_from(line["index"].as_u64().unwrap()).unwrap();
        assert_eq!(line["out"], vectors[kind][index]["out"], "{line}");
        *counts.entry(kind).or_default() += 1;
    }
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("export_tlp", 10), ("join", 10), ("leq", 10), ("parse", 45)]
    );
}

#[test]
fn the_agreed_bytes_read_back() {
    for line in computed().1.iter().filter(|line| line["out"]["canonical"].is_string()) {
        let bytes = line["out"]["canonical"].as_str().unwrap();
        let label = Label::from_canonical(bytes.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(label.canonical_bytes()).unwrap(), bytes);
        assert_eq!(line["out"]["hash"], label.hash().to_string());
    }
}

#[test]
fn a_vector_that_makes_no_sense_gets_a_line_with_an_error() {
    let broken = json!({ "parse": [{}, 7], "join": [{ "in": [1] }], "leq": [{ "a": "TLP:CLEAR//BY X" }], "export_tlp": [[]] });
    let lines = vectors::compute(&broken, &json!({}));
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line["error"].is_string()), "{lines:?}");
    assert_eq!(vectors::compute(&json!([]), &json!([])), Vec::<Value>::new());
}

fn computed() -> (Value, Vec<Value>) {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let lines = vectors::compute(&vectors, &serde_json::from_str(CASES).unwrap());
    (vectors, lines)
}
