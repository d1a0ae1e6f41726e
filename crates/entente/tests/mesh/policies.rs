//! `entente access policy`: a deployment tightens, sees before what that changes, and takes it back.

use serde_json::json;

use crate::process::{Up, command, run};

const SHARED: &str = "NOLEVEL//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
const OWN_ONLY: &str = r#"@id("own-only")
forbid (principal, action == Entente::Action::"read", resource)
unless { resource.originators.contains(principal.org) };
@id("careful")
forbid (principal, action == Entente::Action::"releaseOnward", resource)
when { resource.personalData };
"#;

#[test]
fn a_change_of_policies_is_seen_before_it_is_made_and_can_be_taken_back() {
    let up = Up::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.cedar");
    std::fs::write(&file, OWN_ONLY).unwrap();
    let file = file.to_str().unwrap();
    let reads = || {
        let explain = ["access", "explain", "--label", SHARED, "--subject", "ORS-CERT/tomas", "--json"];
        up.entente("ORS-CERT/vera", &explain).ok().last()
    };
    let policy =
        |arguments: &[&str]| up.entente("VLD-COAST/pavo", &[&["access", "policy"], arguments].concat());

    assert!(policy(&["show"]).ok().stdout.starts_with("// no policies were ever put"));
    assert!(policy(&["show", "--schema"]).ok().stdout.contains("namespace Entente"));
    let tested = policy(&["test", file, "--label", SHARED, "--json"]).ok().last();
    let losses = tested["organizations"].as_array().unwrap().clone();
    assert!(losses.iter().any(|row| row["organization_id"] == "ORS-CERT" && row["lost"].as_u64() > Some(0)));
    assert_eq!(tested["policies"][0]["dormant_actions"], json!(["releaseOnward"]));
    let shown = policy(&["diff", file, "--label", SHARED]).ok().stdout;
    assert!(shown.contains("+ @id(\"own-only\")") && shown.contains("ORS-CERT: "), "{shown}");
    assert_eq!(reads()["allowed"], true, "so far nothing has changed");

    policy(&["apply", file, "--why", "trial", "--replacing", "7"]).refused(1, "test again");
    let applied = policy(&["apply", file, "--why", "trial", "--replacing", "0", "--json"]).ok().last();
    let version = applied["policy_set"]["version"].as_u64().unwrap().to_string();
    let explained = reads();
    assert_eq!((&explained["allowed"], &explained["reason"]), (&json!(false), &json!("forbidden_by_policy")));
    assert_eq!(explained["determining_policies"], json!(["own-only"]));

    let shown = policy(&["show"]).ok().stdout;
    assert!(
        shown.starts_with(&format!("// version {version}, 2 policies, put by VLD-COAST/pavo")),
        "{shown}"
    );
    assert!(shown.ends_with(OWN_ONLY));
    let back = up.entente_with_input(
        "VLD-COAST/pavo",
        &["access", "policy", "apply", "-", "--why", "trial over", "--json"],
        b"",
    );
    assert_eq!(back.ok().last()["policy_set"]["policies"], json!([]));
    assert_eq!(reads()["allowed"], true);
    assert!(policy(&["show", "--policy-version", &version]).ok().stdout.ends_with(OWN_ONLY));
}

#[test]
fn policies_with_faults_are_refused_with_every_fault_and_so_is_who_may_not() {
    let up = Up::new();
    let wrong = b"@id(\"x\") permit (principal, action, resource);\nforbid (principal, action, resource);";
    let test = ["access", "policy", "test", "-"];
    let refused = up.entente_with_input("VLD-COAST/pavo", &test, wrong);
    assert_eq!(refused.code, 65);
    for fault in ["`x` is a permit", "needs an @id"] {
        assert!(refused.stderr.contains(fault), "{fault} is not in {}", refused.stderr);
    }
    let apply = ["access", "policy", "apply", "-", "--why", "no"];
    up.entente_with_input("ORS-CERT/vera", &apply, OWN_ONLY.as_bytes()).refused(77, "ROLE_MISSING");
    up.entente("ORS-CERT/tomas", &["access", "policy", "show"]).refused(77, "");
    up.entente("VLD-COAST/pavo", &["access", "policy", "test", "nowhere.cedar"]).refused(66, "nowhere.cedar");
}

#[test]
fn help_of_policies_gives_an_example_and_the_exit_codes() {
    for name in ["show", "test", "diff", "apply"] {
        let help = command(&["access", "policy", name, "--help"]).output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        for part in ["Exit codes:", "Example: entente access policy", "--json"] {
            assert!(text.contains(part), "{name}: {part} is not in {text}");
        }
    }
    assert_eq!(run(&["access", "policy", "test"], b"").code, 64);
}
