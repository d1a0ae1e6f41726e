//! Real input, as partners have it: bundles of tens of thousands of objects, arrays, gzip, standard input, text.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use entente_testkit::{real_input, skip};
use flate2::read::GzDecoder;

use crate::process::{Done, Up};

/// Memory of the whole `up` process, in KiB.
const MEMORY_KIB_MAX: u64 = 512 * 1024;
/// Objects of the enterprise bundle.
const ENTERPRISE_OBJECTS: u64 = 24_771;
/// Object versions of the array.
const ARRAY_OBJECTS: u64 = 18_834;

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn counts(done: &Done) -> (u64, u64, usize) {
    let tally = done.last();
    let refused = tally["refused"].as_array().unwrap().len();
    (tally["accepted"].as_u64().unwrap(), tally["unchanged"].as_u64().unwrap(), refused)
}

fn count(up: &Up) -> u64 {
    let listed = up.entente(
        "VLD-COAST/mira",
        &["report", "list", "--count", "--all-versions", "--limit", "0", "--json"],
    );
    listed.ok().last()["count"].as_u64().unwrap()
}

fn submit(up: &Up, file: &Path) -> Done {
    up.entente("VLD-COAST/mira", &["report", "submit", file.to_str().unwrap(), "--json"]).ok()
}

fn input(name: &str, test: &str) -> Option<PathBuf> {
    let path = real_input(name);
    if path.is_none() {
        skip(test, &format!("{name} is not there"));
    }
    path
}

#[test]
fn a_bundle_is_accepted_whole_changes_nothing_the_second_time_and_fits_into_memory() {
    let test = "a_bundle_is_accepted_whole_changes_nothing_the_second_time_and_fits_into_memory";
    let Some(bundle) = input("enterprise_attack_18_1.json.gz", test) else { return };
    let up = Up::new();
    assert_eq!(counts(&submit(&up, &bundle)), (ENTERPRISE_OBJECTS, 0, 0));
    assert_eq!(counts(&submit(&up, &bundle)), (0, ENTERPRISE_OBJECTS, 0));
    let plain = up.data().join("bundle.json");
    std::fs::write(&plain, unpacked(&bundle)).unwrap();
    assert_eq!(counts(&submit(&up, &plain)), (0, ENTERPRISE_OBJECTS, 0));
    assert_eq!(count(&up), ENTERPRISE_OBJECTS);
    let peak = up.peak_memory_kib();
    assert!(peak < MEMORY_KIB_MAX, "`entente up` held {peak} KiB");
}

#[test]
fn an_array_of_many_versions_comes_through_a_pipe_and_a_text_beside_it() {
    let test = "an_array_of_many_versions_comes_through_a_pipe_and_a_text_beside_it";
    let Some(array) = input("attack_capec_21.json.gz", test) else { return };
    let up = Up::new();
    let packed = std::fs::read(&array).unwrap();
    let piped = up.entente_with_input("VLD-COAST/mira", &["report", "submit", "-", "--json"], &packed).ok();
    let (accepted, unchanged, refused) = counts(&piped);
    assert_eq!((accepted + unchanged, refused), (ARRAY_OBJECTS, 0));
    assert_eq!(counts(&submit(&up, &array)), (0, ARRAY_OBJECTS, 0));
    assert_eq!(count(&up), accepted);
    if let Some(text) = input("news_report.txt", test) {
        assert_eq!(counts(&submit(&up, &text)), (1, 0, 0));
        assert_eq!(counts(&submit(&up, &text)), (0, 1, 0));
        assert_eq!(count(&up), accepted + 1);
    }
    let peak = up.peak_memory_kib();
    assert!(peak < MEMORY_KIB_MAX, "`entente up` held {peak} KiB");
}
