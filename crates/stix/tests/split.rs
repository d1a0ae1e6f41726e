//! Cutting input: exact slices, every form partners send, and faults that say where.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use entente_stix::split::{self, Position, SplitError, SplitLimits};
use proptest::prelude::*;

const LIMITS: SplitLimits = SplitLimits { object_bytes_max: 200, objects_max: 4 };

#[test]
fn a_bundle_an_array_lines_and_a_single_object_give_the_same_bytes() {
    let (a, b) = (r#"{ "type":"x-a" , "n": 1.50 }"#, r#"{"type":"x-b","objects":[{"deep":[1]}]}"#);
    assert_eq!(split(&format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{a} , {b}]}}"#)), [a, b]);
    assert_eq!(split(&format!(r#"{{"objects":[{a},{b}],"type":"bundle"}}"#)), [a, b]);
    assert_eq!(split(&format!("[{a},\n{b}]")), [a, b]);
    assert_eq!(split(&format!("{a}\n{b}\r\n")), [a, b]);
    assert_eq!(split(&format!("  {b} ")), [b]);
    assert_eq!(split(&format!("{a}\n[{b}]\n{{\"type\":\"bundle\",\"objects\":[{a}]}}")), [a, b, a]);
}

#[test]
fn an_object_that_holds_objects_is_no_bundle() {
    for text in [
        r#"{"type":"observed-data","objects":{"0":{}}}"#,
        r#"{"objects":[{}]}"#,
        r#"{"objects":[],"type":"x"}"#,
    ] {
        assert_eq!(split(text), [text]);
    }
}

#[test]
fn an_empty_bundle_and_an_empty_array_hold_nothing() {
    for text in [r#"{"type":"bundle","id":"bundle--1"}"#, r#"{"type":"bundle","objects":[]}"#, "[]"] {
        assert_eq!(split::objects(text.as_bytes(), LIMITS), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn a_fault_says_where_an_editor_finds_it() {
    let place = |text: &str| match refused(text) {
        SplitError::NotJson { at, .. } | SplitError::NotUtf8 { at } | SplitError::NotAnObject { at, .. } => {
            (at.line, at.column)
        }
        SplitError::Empty | SplitError::ObjectTooLarge { .. } | SplitError::TooManyObjects { .. } => {
            unreachable!("has no place: {text}")
        }
    };
    assert_eq!(place("[{},\n {\"a\" 1}]"), (2, 7));
    assert_eq!(place("{\"type\":\"bundle\",\n\"objects\":[{},\n7]}"), (3, 1));
    assert_eq!(place("{\"objects\":[{},\n {\"a\":}],\"type\":\"bundle\"}"), (2, 7));
    let not_utf8 = split::objects(b"{}\n{\"a\":\"\xff\"}", LIMITS).unwrap_err();
    assert_eq!(not_utf8, SplitError::NotUtf8 { at: Position { offset: 9, line: 2, column: 7 } });
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(matches!(refused("7"), SplitError::NotAnObject { index: 0, .. }));
    assert!(matches!(refused("\"text\""), SplitError::NotAnObject { index: 0, .. }));
    assert!(matches!(refused("[{}, null]"), SplitError::NotAnObject { index: 1, .. }));
    assert!(matches!(refused("{\"type\":\"bundle\",\"objects\":{}}"), SplitError::NotJson { .. }));
    assert!(matches!(refused("{\"a\":1"), SplitError::NotJson { .. }));
    assert!(matches!(refused("{\"a\":1} x"), SplitError::NotJson { .. }));
    assert_eq!(refused(" \n"), SplitError::Empty);
}

#[test]
fn two_lists_of_objects_in_one_bundle_are_refused() {
    for text in [
        r#"{"type":"bundle","objects":[],"objects":[{}]}"#,
        r#"{"objects":[],"type":"bundle","objects":[{}]}"#,
        r#"{"objects":[],"objects":[{}],"type":"bundle"}"#,
        r#"{"type":"bundle","type":"x","objects":[]}"#,
    ] {
        assert!(refused(text).to_string().contains("occurs twice"), "{text}");
    }
}

#[test]
fn limits_are_kept() {
    assert_eq!(refused("[{},{},{},{},{}]"), SplitError::TooManyObjects { objects_max: 4 });
    let large = format!(r#"[{{}},{{"a":"{}"}}]"#, "x".repeat(200));
    assert!(matches!(
        refused(&large),
        SplitError::ObjectTooLarge { index: 1, bytes: 208, bytes_max: 200, .. }
    ));
    let deep = format!("[{}{}]", "{\"a\":".repeat(30), "}".repeat(30));
    assert!(split::objects(deep.as_bytes(), LIMITS).is_err(), "a value is missing");
}

#[test]
fn depth_costs_no_stack() {
    let limits = SplitLimits { object_bytes_max: 10_000_000, objects_max: 4 };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(split::objects(deep.as_bytes(), limits).unwrap().len(), 1);
    assert!(entente_stix::json::Document::parse(deep.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn what_was_joined_is_cut_again(objects in proptest::collection::vec("\\{\"type\":\"x-[a-z]{1,9}\", *\"t\":\"[a-z{}\\[\\],:é ]{0,20}\"\\}", 0..4)) {
        let array = format!("[{}]", objects.join(" ,"));
        prop_assert_eq!(split(&array), objects.clone());
        let bundle = format!("{{\"type\":\"bundle\",\"objects\":{array}}}");
        prop_assert_eq!(split(&bundle), objects);
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(prop_oneof![4 => proptest::sample::select(b"{}[]\",:1a \n\\".to_vec()), 1 => any::<u8>()], 0..60)) {
        if let Ok(objects) = split::objects(&bytes, LIMITS) {
            let opened = objects.iter().all(|object| object.first() == Some(&0x7b));
            prop_assert!(opened);
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let objects = split::objects(text.as_bytes(), LIMITS).unwrap();
    objects.into_iter().map(|object| String::from_utf8(object.to_vec()).unwrap()).collect()
}

fn refused(text: &str) -> SplitError {
    split::objects(text.as_bytes(), LIMITS).unwrap_err()
}
