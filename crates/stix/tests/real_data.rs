//! What others have published: every object of ATT&CK and CAPEC, and the lines of the corpus, found through
//! `ENTENTE_DATA_DIR`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may fail loudly; what is skipped is told"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use entente_stix::json::Document;
use entente_stix::object::{CommonProperties, search_text};
use entente_stix::split::{self, SplitLimits};
use entente_stix::{fault::Fault, indicator};
use flate2::read::GzDecoder;
use serde::Deserialize;

const LIMITS: SplitLimits = SplitLimits { object_bytes_max: 1 << 20, objects_max: 1 << 20 };

#[test]
fn every_object_of_enterprise_attack_is_accepted() {
    let name = "every_object_of_enterprise_attack_is_accepted";
    let Some(input) = data("enterprise_attack_18_1.json.gz", name) else { return };
    assert_eq!(accept_all(&input), 24_771);
}

#[test]
fn every_object_of_an_array_of_attack_and_capec_is_accepted() {
    let name = "every_object_of_an_array_of_attack_and_capec_is_accepted";
    let Some(input) = data("attack_capec_21.json.gz", name) else { return };
    assert_eq!(accept_all(&input), 18_834);
}

#[test]
fn the_same_objects_come_out_of_a_bundle_and_of_json_lines() {
    let name = "the_same_objects_come_out_of_a_bundle_and_of_json_lines";
    let Some(input) = data("enterprise_attack_18_1.json.gz", name) else { return };
    let from_bundle = split::objects(&input, LIMITS).unwrap();
    // Objects may hold line breaks between their members; a JSON text ends where it ends, not where a line does.
    let lines: Vec<u8> =
        from_bundle.iter().flat_map(|object| object.iter().copied().chain([b'\n'])).collect();
    assert_eq!(split::objects(&lines, LIMITS).unwrap(), from_bundle);
}

#[test]
fn nothing_valid_is_refused_and_a_good_part_of_the_invalid_is() {
    let name = "nothing_valid_is_refused_and_a_good_part_of_the_invalid_is";
    let Some(corpus) = data("stix_corpus.jsonl.gz", name) else { return };
    let (mut accepted, mut refused) = (0, 0);
    for line in std::str::from_utf8(&corpus).unwrap().lines() {
        let Line { label, text } = serde_json::from_str(line).unwrap();
        let answer = accept(text.as_bytes());
        match label.as_str() {
            "valid" | "should" => {
                assert_eq!(answer, Ok(()), "{label}: {text}");
                accepted += 1;
            }
            "invalid" => refused += usize::from(answer.is_err()),
            "disputed" => {}
            other => unreachable!("label {other}"),
        }
    }
    assert_eq!(accepted, 772);
    // Each type's own rules are not checked yet: what is caught may only grow.
    assert!(refused >= 1_484, "{refused} of 2,529 refused");
}

/// Splits, reads everything that is ever read of an object, and counts.
fn accept_all(input: &[u8]) -> usize {
    let objects = split::objects(input, LIMITS).unwrap();
    let mut kinds = BTreeSet::new();
    for object in &objects {
        assert!(object.starts_with(b"{") && object.ends_with(b"}"));
        let document = Document::parse(object).unwrap();
        let common = CommonProperties::of(&document).unwrap_or_else(|faults| panic_with(object, &faults));
        assert!(!search_text(&document).is_empty() || document.root().text("name").is_none());
        let values = indicator::values_of(&document, &common);
        assert!(values.is_sorted());
        kinds.insert(common.object_type);
    }
    assert!(kinds.len() > 10, "{kinds:?}");
    objects.len()
}

fn panic_with(object: &[u8], faults: &[Fault]) -> CommonProperties {
    unreachable!("{}: {faults:?}", String::from_utf8_lossy(object))
}

#[derive(Deserialize)]
struct Line {
    label: String,
    text: String,
}

fn accept(text: &[u8]) -> Result<(), String> {
    let objects = split::objects(text, LIMITS).map_err(|error| error.to_string())?;
    let listed = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    objects.into_iter().try_for_each(|object| CommonProperties::read(object).map(|_| ()).map_err(listed))
}

/// A file of the data folder, unpacked; none, and said so, where there is no such folder.
fn data(file: &str, test: &str) -> Option<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("ENTENTE_DATA_DIR").map_or_else(beside, PathBuf::from).join(file);
    match File::open(&path) {
        Ok(packed) => {
            let mut bytes = Vec::new();
            GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
            Some(bytes)
        }
        Err(error) => {
            eprintln!("skipped: {test}: {}: {error}", path.display());
            None
        }
    }
}
