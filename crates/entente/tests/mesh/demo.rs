//! The story holds, and can be told again.

use serde_json::Value;

use crate::process::run;

#[test]
fn every_step_of_the_demo_holds_also_when_it_is_told_again_on_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mesh");
    for _ in 0..2 {
        let steps = run(&["demo", "--json", "--data", data.to_str().unwrap()], b"").ok().lines();
        assert!(steps.len() >= 8, "{steps:#?}");
        assert!(steps.iter().all(|step| step["held"] == Value::Bool(true)), "{steps:#?}");
    }
}

#[test]
fn the_demo_is_read_at_eighty_columns_without_colour() {
    let told = run(&["demo"], b"").ok();
    assert!(told.stdout.lines().all(|line| line.chars().count() <= 80), "{}", told.stdout);
    assert!(!told.stdout.contains('\u{1b}'), "no escape sequences");
    assert!(!told.stdout.contains("NO  "), "{}", told.stdout);
    assert!(told.stdout.contains("Every step held."), "{}", told.stdout);
    assert_eq!(told.stderr, "");
}
