//! What people type: the commands against a mesh, their output as JSON, and their exit codes.

use serde_json::json;

use crate::{
    client::stix,
    process::{Up, command, run},
};

const SHARED: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";

#[test]
fn a_report_goes_from_submission_over_alert_to_receipt_by_commands_alone() {
    let up = Up::new();
    let added = ["interest", "add", "--phrase", "lost beacon", "--name", "beacons", "--json"];
    let interest = up.entente("ORS-CERT/ilse", &added).ok().last();
    let listed = up.entente("ORS-CERT/ilse", &["interest", "list", "--json"]).ok().last();
    assert_eq!(listed["interest_id"], interest["interest_id"]);

    let submit = ["report", "submit", "-", "--label", SHARED, "--operation", "TIDEWALL/OPERATIONAL/P1"];
    let submit = [&submit[..], &["--severity", "severe", "--title", "A lost beacon", "--json"]].concat();
    up.entente_with_input("VLD-COAST/mira", &submit, b"The lost beacon was found at Cape Oriel.").ok();

    let alert = up.entente("ORS-CERT/ilse", &["alert", "watch", "--limit", "1", "--json"]).ok().last();
    assert_eq!((&alert["headline"], &alert["severity"]), (&json!("A lost beacon"), &json!("severe")));
    up.entente("ORS-CERT/ilse", &["alert", "ack", alert["alert_id"].as_str().unwrap(), "--note", "seen"])
        .ok();

    let id = alert["report_id"].as_str().unwrap();
    let receipt = up.data().join("receipt.json");
    let report =
        up.entente("ORS-CERT/ilse", &["report", "get", id, "--receipt", receipt.to_str().unwrap(), "--json"]);
    assert_eq!(report.ok().last()["content"], "The lost beacon was found at Cape Oriel.");
    let found =
        up.entente("ORS-CERT/tomas", &["report", "search", "\"lost beacon\"", "--count", "--json"]).ok();
    assert_eq!(found.last()["count"], 1);
    for words in
        [&["report", "search", "beacon", "--count", "--json"][..], &["report", "list", "--count", "--json"]]
    {
        assert_eq!(up.entente("KSI-ISAC/jonas", words).ok().last()["count"], 0);
    }
    up.entente("KSI-ISAC/jonas", &["report", "get", id]).refused(1, "NOT_FOUND");
    let refused = up.entente("KSI-ISAC/jonas", &["report", "get", id, "--json"]).refused(1, "NOT_FOUND");
    let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["error"]["reason"], "NOT_FOUND");
    assert_eq!(error["error"]["trace_id"].as_str().unwrap().len(), 32);

    let data = up.data().to_str().unwrap();
    run(&["audit", "verify", receipt.to_str().unwrap(), "--data", data], b"").ok();
    let interest_id = interest["interest_id"].as_str().unwrap();
    up.entente("ORS-CERT/ilse", &["interest", "remove", interest_id]).ok();
    assert_eq!(up.entente("ORS-CERT/ilse", &["interest", "list", "--json"]).ok().stdout, "");
}

#[test]
fn a_receipt_that_was_touched_is_told_from_one_that_another_log_signed() {
    let up = Up::new();
    let answer = up.entente("VLD-COAST/mira", &["report", "list", "--json"]).ok().last();
    let receipt = answer["receipts"][0].clone();
    let verify = |receipt: &serde_json::Value, more: &[&str]| {
        let data = up.data().to_str().unwrap();
        let arguments = [&["audit", "verify", "-", "--json", "--data", data][..], more].concat();
        run(&arguments, receipt.to_string().as_bytes())
    };
    assert_eq!(verify(&receipt, &[]).ok().last()["result"], "verified");
    assert_eq!(verify(&answer, &[]).ok().last()["result"], "verified");
    let mut moved = receipt.clone();
    moved["entry"] = json!(moved["entry"].as_str().unwrap().replace('0', "1"));
    verify(&moved, &[]).refused(1, "does not prove");
    let mut resigned = receipt.clone();
    resigned["checkpoint"] = json!(resigned["checkpoint"].as_str().unwrap().replace('\n', "\n1"));
    verify(&resigned, &[]).refused(2, "not signed");
    let other = Up::new();
    let key = other.data().join("other.vkey");
    let endpoints = crate::client::Endpoints::of(other.data());
    std::fs::write(&key, endpoints.text("log_verifier_key")).unwrap();
    verify(&receipt, &["--key", key.to_str().unwrap()]).refused(2, "not signed");
    verify(&json!({ "nothing": 1 }), &[]).refused(65, "no receipt");
}

#[test]
fn without_label_a_submission_is_for_its_own_organization_alone() {
    let up = Up::new();
    let (id, object) = stix();
    up.entente_with_input("VLD-COAST/mira", &["report", "submit", "-"], &object).ok();
    let report = up.entente("VLD-COAST/mira", &["report", "get", &id, "--json"]).ok().last();
    assert_eq!(report["label"], crate::client::LABEL_OWN);
    assert_eq!(report["content"], String::from_utf8(object).unwrap());
    up.entente("ORS-CERT/tomas", &["report", "get", &id]).refused(1, "NOT_FOUND");
}

#[test]
fn rights_are_explained_to_those_entitled_and_taken_at_once() {
    let up = Up::new();
    let me = up.entente("ORS-CERT/ilse", &["access", "whoami", "--json"]).ok().last();
    assert!(me["operations"].as_array().unwrap().contains(&json!("TIDEWALL/OPERATIONAL/P2")), "{me}");
    let explain = ["access", "explain", "--label", SHARED, "--json"];
    assert_eq!(up.entente("ORS-CERT/ilse", &explain).ok().last()["allowed"], true);
    let of_ilse = [&explain[..], &["--subject", "ORS-CERT/ilse"]].concat();
    assert_eq!(up.entente("ORS-CERT/vera", &of_ilse).ok().last()["allowed"], true);
    up.entente("KSI-ISAC/nele", &of_ilse).refused(1, "NOT_FOUND");

    up.entente("ORS-CERT/ilse", &["report", "list"]).ok();
    up.entente("KSI-ISAC/nele", &["access", "suspend", "ORS-CERT/ilse", "--why", "no"])
        .refused(1, "NOT_FOUND");
    up.entente("ORS-CERT/vera", &["access", "suspend", "ORS-CERT/ilse", "--why", "left the unit"]).ok();
    up.entente("ORS-CERT/ilse", &["report", "list"]).refused(77, "SUBJECT_INACTIVE");
    up.entente("ORS-CERT/tomas", &["report", "list"]).ok();
}

#[test]
fn every_command_printed_by_up_works_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a mesh of mine");
    let (_up, printed) = Up::start_for_people(&data);
    let script: String =
        printed.lines().filter(|line| line.starts_with("  ")).map(|line| format!("{line}\n")).collect();
    assert!(script.matches("entente").count() >= 7, "{printed}");
    let mut shell = std::process::Command::new("sh");
    let done = shell.args(["-e", "-c", &script]).env_remove("ENTENTE_DATA").output().unwrap();
    let (stdout, stderr) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{script}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 report(s) match") && stdout.contains("0 report(s) match"), "{stdout}");
    assert!(!printed.contains("NOTE"), "a loopback address needs no warning");
}

#[test]
fn a_ca_of_ones_own_issues_what_inspect_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, out) = (folder.path().join("ca"), folder.path().join("mira"));
    let (ca, out) = (ca.to_str().unwrap(), out.to_str().unwrap());
    run(&["pki", "init", "--dir", ca, "--trust-domain", "entente.example"], b"").ok();
    run(&["pki", "init", "--dir", ca, "--trust-domain", "entente.example"], b"").refused(64, "not empty");
    let issued =
        run(&["pki", "issue", "--dir", ca, "--subject", "VLD-COAST/mira", "--out", out, "--json"], b"").ok();
    let certificate = issued.last()["certificate"].as_str().unwrap().to_owned();
    let facts = run(&["pki", "inspect", &certificate, "--json"], b"").ok().last();
    assert_eq!(facts["uris"], json!(["spiffe://entente.example/subject/VLD-COAST/mira"]));
    assert_eq!((&facts["valid_now"], &facts["ca"]), (&json!(true), &json!(false)));
    run(&["pki", "inspect", issued.last()["key"].as_str().unwrap()], b"").refused(66, "no certificate");
}

#[test]
fn help_gives_an_example_and_the_exit_codes_of_every_command() {
    let commands = [
        "up",
        "demo",
        "serve",
        "report submit",
        "report get",
        "report list",
        "report search",
        "report verify",
        "interest add",
        "interest list",
        "interest remove",
        "alert watch",
        "alert ack",
        "audit verify",
        "audit show",
        "trace",
        "access explain",
        "access whoami",
        "access suspend",
        "pki init",
        "pki issue",
        "pki inspect",
    ];
    for name in commands {
        let words: Vec<&str> = name.split(' ').chain(["--help"]).collect();
        let help = command(&words).output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.contains("Exit codes:"), "{name}: {text}");
        assert!(text.contains("Example: entente"), "{name}: {text}");
        assert!(text.contains("--json"), "{name}: {text}");
    }
    assert_eq!(run(&["report", "fetch"], b"").code, 64);
}
