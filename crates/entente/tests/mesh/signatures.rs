//! Originators' signatures from the command line: whatever is changed of a report is found, by anybody, without the mesh.

use serde_json::{Value, json};

use crate::process::{Up, run};

const SHARED: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";

/// A mesh with one report of Valdoria, its id, and the report as Orsenna holds it.
fn shared_report() -> (Up, String, Value) {
    let up = Up::new();
    let submit = ["report", "submit", "-", "--label", SHARED, "--title", "A lost beacon", "--json"];
    up.entente_with_input("VLD-COAST/mira", &submit, b"It was found\r\nat Cape Oriel.").ok();
    let list = up.entente("ORS-CERT/ilse", &["report", "list", "--json"]).ok();
    let id = list.lines()[0]["report_id"].as_str().unwrap().to_owned();
    let report = up.entente("ORS-CERT/ilse", &["report", "get", &id, "--json"]).ok().last();
    (up, id, report)
}

#[test]
fn a_report_verifies_by_id_from_a_file_and_with_a_pinned_key_once_the_mesh_is_gone() {
    let (up, id, report) = shared_report();
    assert_eq!(report["signature_result"], "verified");
    let key = up.data().join("coast.vkey");
    let key = key.to_str().unwrap();
    let get = up.entente("ORS-CERT/ilse", &["report", "get", &id, "--key", key]).ok();
    assert!(get.stdout.contains("signature good: VLD-COAST signed"), "{}", get.stdout);
    assert_eq!(json!(std::fs::read_to_string(key).unwrap().trim()), report["originator_key"]);

    let by_id = up.entente("ORS-CERT/ilse", &["report", "verify", "--id", &id, "--json"]).ok().last();
    assert_eq!((&by_id["result"], &by_id["originator"]), (&json!("verified"), &json!("VLD-COAST")));
    assert_eq!(by_id["originator_key"], report["originator_key"]);
    up.entente("KSI-ISAC/jonas", &["report", "verify", "--id", &id]).refused(1, "NOT_FOUND");
    let list = up.entente("ORS-CERT/ilse", &["report", "list", "--json"]).ok();
    let verify = ["report", "verify", "-", "--json"];
    let from_list = up.entente_with_input("KSI-ISAC/jonas", &verify, list.stdout.as_bytes()).ok();
    assert_eq!(from_list.lines().len(), 1, "who was handed a report checks it with the mesh's key");

    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.vkey");
    std::fs::copy(key, &kept).unwrap();
    drop(up);
    let offline = ["report", "verify", "-", "--key", kept.to_str().unwrap(), "--json"];
    assert_eq!(run(&offline, report.to_string().as_bytes()).ok().last()["result"], "verified");
}

#[test]
fn whatever_is_changed_of_a_report_is_found_and_told_apart() {
    let (up, _, report) = shared_report();
    let key = up.data().join("coast.vkey");
    let vkey = report["originator_key"].as_str().unwrap();
    std::fs::write(&key, vkey).unwrap();
    let verify = |report: &Value, key: &std::path::Path| {
        run(&["report", "verify", "-", "--key", key.to_str().unwrap()], report.to_string().as_bytes())
    };
    verify(&report, &key).ok();
    let edited = |pointer: &str, edit: &dyn Fn(&str) -> String| {
        let mut edited = report.clone();
        let value = edited.pointer_mut(pointer).unwrap();
        *value = json!(edit(value.as_str().unwrap()));
        edited
    };
    let first_digit = |text: &str| {
        let digit = if text.starts_with('0') { "1" } else { "0" };
        format!("{digit}{}", text.get(1..).unwrap())
    };
    for pointer in ["/content", "/title", "/version", "/report_id"] {
        let longer = edited(pointer, &|text| format!("{text}."));
        verify(&longer, &key).refused(2, "does not cover");
    }
    let ors_cert = edited("/originator", &|_| "ORS-CERT".to_owned());
    verify(&ors_cert, &key).refused(2, "the key is of `VLD-COAST`");
    verify(&edited("/signature/ed25519", &first_digit), &key).refused(2, "does not cover");
    verify(&edited("/signature/key_id", &first_digit), &key).refused(2, "no key");
    verify(&edited("/label_hash", &first_digit), &key).refused(1, "not that of the label line");
    let wider = edited("/label", &|_| "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST".to_owned());
    verify(&wider, &key).refused(1, "not that of the label line");
    let mut drawn_out = report.clone();
    drawn_out["signature"]["inclusion_hashes"] = json!(["00".repeat(32)]);
    verify(&drawn_out, &key).refused(1, "malformed");
    let mut unsigned = report.clone();
    unsigned["signature"] = Value::Null;
    verify(&unsigned, &key).refused(2, "no signature");

    // The same organization's name over another key, and a key that is none.
    let other = shared_report().2;
    let foreign = up.data().join("foreign.vkey");
    std::fs::write(&foreign, other["originator_key"].as_str().unwrap()).unwrap();
    verify(&report, &foreign).refused(2, "no key");
    std::fs::write(&foreign, vkey.replace("VLD-COAST", "ORS-CERT")).unwrap();
    verify(&report, &foreign).refused(64, "does not belong");
    verify(&report, &up.data().join("none.vkey")).refused(66, "none.vkey");
    verify(&json!({ "nothing": 1 }), &key).refused(65, "not a report");
}
