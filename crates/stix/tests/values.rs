//! Exact values: two spellings of one value meet, whether stated, looked for in a pattern, or written in prose.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use entente_stix::indicator::{self, IndicatorKind, IndicatorValue};
use entente_stix::object::CommonProperties;
use entente_stix::pattern::equalities;
use entente_stix::text::{contains_phrase, indicator_values, tokens};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a_value_shows_its_kind_by_its_form() {
    use IndicatorKind::{Domain, Email, Hash, Ipv4, Ipv6, Url};
    for (text, kind, normal) in [
        ("198.51.100.7", Ipv4, "198.51.100.7"),
        ("198.51.100.0/24", Ipv4, "198.51.100.0/24"),
        ("198.51.100.7/32", Ipv4, "198.51.100.7"),
        ("2001:DB8:0:0::1", Ipv6, "2001:db8::1"),
        ("Mail.Example.COM.", Domain, "mail.example.com"),
        ("HTTPS://User@Example.com/Path?Q=1", Url, "https://User@example.com/Path?Q=1"),
        ("Clerk@Example.com", Email, "clerk@example.com"),
        ("D41D8CD98F00B204E9800998ECF8427E", Hash, "d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let value = IndicatorValue::classify(text).unwrap();
        assert_eq!((value.kind(), value.value()), (kind, normal), "{text}");
    }
    for text in [
        "",
        "harbour",
        "1.2.3",
        "v1.2",
        "http://",
        "a b.com",
        "-x.com",
        "..",
        "@example.com",
        &"a".repeat(3000),
    ] {
        assert_eq!(IndicatorValue::classify(text), None, "{text}");
    }
}

#[test]
fn an_observable_a_pattern_and_prose_give_the_same_value() {
    let stated = values(&json!({ "type": "domain-name", "value": "Relay.Example.NET" }));
    let looked_for = values(&json!({
        "type": "indicator", "pattern_type": "stix", "pattern": "[domain-name:value = 'relay.example.net']",
        "created": "2026-11-23T18:02:11Z", "modified": "2026-11-23T18:02:11Z",
    }));
    let written: Vec<String> = indicator_values("Traffic to relay[.]example[.]net.")
        .iter()
        .map(|value| value.value().to_owned())
        .collect();
    assert_eq!(stated, ["relay.example.net"]);
    assert_eq!(looked_for, stated);
    assert_eq!(written, stated);
}

#[test]
fn hashes_of_files_and_embedded_observables_count() {
    let md5 = "D41D8CD98F00B204E9800998ECF8427E";
    assert_eq!(
        values(&json!({ "type": "file", "name": "a", "hashes": { "MD5": md5 } })),
        [md5.to_lowercase()]
    );
    let observed = json!({
        "type": "observed-data", "created": "2026-11-23T18:02:11Z", "modified": "2026-11-23T18:02:11Z",
        "objects": { "0": { "type": "ipv4-addr", "value": "198.51.100.7" }, "1": { "type": "mutex", "name": "x" } },
    });
    assert_eq!(values(&observed), ["198.51.100.7"]);
}

#[test]
fn a_pattern_gives_what_it_compares_for_equality() {
    let found = |pattern: &str| -> Vec<(String, String)> {
        equalities(pattern).into_iter().map(|equality| (equality.path, equality.text)).collect()
    };
    let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    assert_eq!(
        found(
            r"[file:hashes.'SHA-256' = 'ab' AND file:name == 'it\'s' ] FOLLOWEDBY [url:value IN ('a', 'b')]"
        ),
        [
            pair("file:hashes.SHA-256", "ab"),
            pair("file:name", "it's"),
            pair("url:value", "a"),
            pair("url:value", "b")
        ]
    );
    assert_eq!(
        found(
            "[network-traffic:dst_ref.value='198.51.100.7' OR email-message:to_refs[*].value = 'x@example.com']"
        ),
        [
            pair("network-traffic:dst_ref.value", "198.51.100.7"),
            pair("email-message:to_refs.value", "x@example.com")
        ]
    );
    for not_equal in [
        "[a:b != 'x']",
        "[a:b NOT = 'x']",
        "[a:b LIKE 'x%']",
        "[a:b NOT IN ('x')]",
        "[a:b > 'x']",
        "[a:b = 'open",
    ] {
        assert!(found(not_equal).is_empty(), "{not_equal}");
    }
}

#[test]
fn values_in_prose_are_refanged_and_stripped() {
    let found = |text: &str| -> Vec<String> {
        indicator_values(text).iter().map(|value| value.value().to_owned()).collect()
    };
    assert_eq!(
        found("(see hxxps://cdn[.]example[.]org/a), seen"),
        ["cdn.example.org", "https://cdn.example.org/a"]
    );
    assert_eq!(found("from 198[.]51[.]100[.]7:8443 and 2001:db8::1,"), ["198.51.100.7", "2001:db8::1"]);
    assert_eq!(found("write clerk[@]example[.]com!"), ["clerk@example.com"]);
    assert!(found("Nothing to see here, at 18:02 on 23.11.").is_empty());
}

#[test]
fn a_phrase_is_found_whatever_stands_between_its_words() {
    let text = tokens("The Harbour-Watch\nof ORSENNA");
    let phrase = |words: &str| contains_phrase(&text, &tokens(words));
    assert!(phrase("harbour watch"));
    assert!(phrase("of orsenna"));
    assert!(!phrase("watch harbour"));
    assert!(!phrase("arbour"));
    assert!(!phrase(""));
}

proptest! {
    #[test]
    fn normal_forms_are_stable(text in "[a-zA-Z0-9.:/@_-]{1,40}") {
        if let Some(value) = IndicatorValue::classify(&text) {
            prop_assert_eq!(IndicatorValue::new(value.kind(), value.value()), Some(value.clone()));
            prop_assert_eq!(IndicatorValue::classify(value.value()), Some(value));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = indicator_values(&text);
        let _ = equalities(&text);
        let words = tokens(&text);
        prop_assert!(words.is_empty() || contains_phrase(&words, &words));
    }
}

/// The values of an object of this type, as their text.
fn values(object: &Value) -> Vec<String> {
    let mut object = object.clone();
    let kind = object.get("type").and_then(Value::as_str).unwrap().to_owned();
    let id = format!("{kind}--4d4b1b5c-6a10-4c0e-8c51-d33a4d9a1f01");
    object.as_object_mut().unwrap().insert("id".to_owned(), id.into());
    let text = object.to_string();
    let common = CommonProperties::read(text.as_bytes()).unwrap();
    indicator::values(text.as_bytes(), &common).into_iter().map(|value| value.value().to_owned()).collect()
}
