//! What a projection never shows, over objects nobody thought of.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeSet;

use entente_domain::label::Label;
use entente_domain::projection::{
    Labelled, Portion, ProjectionError, WITHHELD, project, project_set, visible_versions,
};
use entente_domain::registry::Registry;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

const TYPES: [&str; 12] = [
    "report",
    "indicator",
    "malware",
    "malware-analysis",
    "location",
    "note",
    "grouping",
    "relationship",
    "sighting",
    "file",
    "domain-name",
    "x-vessel",
];
const PROPERTIES: [&str; 20] = [
    "name",
    "description",
    "labels",
    "pattern",
    "valid_from",
    "is_family",
    "product",
    "latitude",
    "longitude",
    "precision",
    "country",
    "content",
    "published",
    "external_references",
    "extensions",
    "value",
    "hashes",
    "object_refs",
    "source_ref",
    "sighting_of_ref",
];
const KEYS: [&str; 5] = ["source_name", "url", "extension_type", "some_ref", "other_refs"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn nothing_of_a_hidden_portion_is_shown((object, portions) in marked()) {
        let Some(projection) = project(&object, &open(), &portions, &can).unwrap() else { return Ok(()) };
        let shown = Value::Object(projection.object).to_string();
        for portion in portions.iter().filter(|portion| !can(&portion.label)) {
            for leaf in leaves(at(&object, &portion.selector).unwrap()) {
                prop_assert!(!shown.contains(&leaf), "{} shows {leaf}", portion.selector);
            }
        }
        prop_assert_eq!(projection.label, open());
    }

    #[test]
    fn the_projection_of_a_projection_is_itself((object, portions) in marked()) {
        if let Some(once) = project(&object, &open(), &portions, &can).unwrap() {
            prop_assert!(once.portions.iter().all(|portion| can(&portion.label)));
            let twice = project(&once.object, &open(), &once.portions, &can).unwrap().unwrap();
            prop_assert_eq!(&twice.hidden, &Vec::<String>::new());
            prop_assert_eq!(twice.object, once.object);
            prop_assert_eq!((twice.portions, twice.label), (once.portions, once.label));
        }
    }

    #[test]
    fn markings_that_are_left_point_to_what_is_left((object, portions) in marked()) {
        if let Some(projection) = project(&object, &open(), &portions, &can).unwrap() {
            let entries = projection.object.get("granular_markings").and_then(Value::as_array);
            for selector in entries.into_iter().flatten().flat_map(|entry| entry["selectors"].as_array().unwrap()) {
                prop_assert!(at(&projection.object, selector.as_str().unwrap()).is_some(), "{selector}");
            }
        }
    }

    #[test]
    fn who_sees_every_portion_sees_the_object((object, portions) in marked()) {
        let projection = project(&object, &open(), &portions, &|_| true).unwrap();
        prop_assert!(projection.as_ref().is_none_or(|projection| projection.hidden.is_empty()));
        if let Some(projection) = projection {
            for leaf in leaves(&Value::Object(object.clone())) {
                // A phase without its chain, a reference without a source: never was an entry.
                let whole = !object.contains_key("external_references") && !object.contains_key("extensions");
                prop_assert!(!whole || Value::Object(projection.object.clone()).to_string().contains(&leaf));
            }
        }
    }

    #[test]
    fn no_reference_to_what_is_hidden_is_left(set in vec((marked(), any::<bool>()), 1..=7)) {
        let set: Vec<(Map<String, Value>, Label, Vec<Portion>)> = set
            .into_iter()
            .enumerate()
            .map(|(number, ((mut object, portions), seen))| {
                object.insert("id".to_owned(), id(number).into());
                (object, if seen { open() } else { hidden() }, portions)
            })
            .collect();
        let labelled: Vec<Labelled<'_>> =
            set.iter().map(|(object, shell, portions)| Labelled { object, shell, portions }).collect();
        let shown = project_set(&labelled, &can, &BTreeSet::new()).unwrap();
        let ids: BTreeSet<&str> = shown.iter().map(|object| object.get("id").unwrap().as_str().unwrap()).collect();
        let text = Value::from(shown.clone()).to_string();
        for number in 0..10 {
            prop_assert!(ids.contains(id(number).as_str()) || !text.contains(&id(number)), "{text}");
        }
        let shell = open();
        let again: Vec<Labelled<'_>> =
            shown.iter().map(|object| Labelled { object, shell: &shell, portions: &[] }).collect();
        // A part that was nothing but references stays as an empty one, so that selectors behind it still lead where they
        // did; the walk, asked again, would take it out.
        let whole = |object: &Map<String, Value>| {
            project(object, &shell, &[], &can).unwrap().is_some_and(|projection| projection.object == *object)
        };
        if shown.iter().all(whole) {
            prop_assert_eq!(&project_set(&again, &can, &BTreeSet::new()).unwrap(), &shown);
        }
        // Whatever the order of the objects.
        let backwards: Vec<Labelled<'_>> = labelled.into_iter().rev().collect();
        let mut backwards = project_set(&backwards, &can, &BTreeSet::new()).unwrap();
        backwards.reverse();
        prop_assert_eq!(backwards, shown);
    }
}

#[test]
fn a_selector_that_leads_nowhere_or_to_what_cannot_be_hidden_is_refused() {
    let object = json!({ "type": "report", "id": id(0), "name": "a" });
    let refused = |selector: &str| {
        let portions = [Portion { selector: selector.to_owned(), label: open() }];
        project(object.as_object().unwrap(), &open(), &portions, &can)
            .map_err(|error| error.code())
            .unwrap_err()
    };
    assert_eq!(refused("name.[0]"), "E_SELECTOR_UNRESOLVED");
    assert_eq!(refused("description"), "E_SELECTOR_UNRESOLVED");
    assert_eq!(refused("id"), "E_SELECTOR_FORBIDDEN");
    assert_eq!(refused("na"), "E_SELECTOR_SYNTAX");
}

#[test]
fn labels_of_two_realms_do_not_make_a_banner() {
    let object = json!({ "type": "report", "name": "a" });
    let label =
        Label::parse("EXERCISE LANTERN-26//TLP:CLEAR//BY VLD-COAST", &Registry::builtin(), None).unwrap();
    let portions = [Portion { selector: "name".to_owned(), label }];
    let projected = project(object.as_object().unwrap(), &open(), &portions, &|_| true);
    assert!(matches!(projected, Err(ProjectionError::Label(_))), "{projected:?}");
}

#[test]
fn a_version_that_changed_only_what_is_hidden_does_not_exist() {
    let changes = [vec![open()], vec![hidden()], vec![hidden(), open()], vec![]];
    assert_eq!(visible_versions(&changes, &can), [0, 2]);
}

#[test]
fn a_word_stands_for_a_required_name_and_nothing_for_the_rest() {
    let object = json!({ "type": "report", "name": "Landing at Orrin", "description": "seen by a fisherman", "published": "p" });
    let portions = ["name", "description"].map(|name| Portion { selector: name.to_owned(), label: hidden() });
    let projection = project(object.as_object().unwrap(), &open(), &portions, &can).unwrap().unwrap();
    assert_eq!(
        Value::Object(projection.object),
        json!({ "type": "report", "name": WITHHELD, "published": "p" })
    );
    assert_eq!(projection.hidden, ["description", "name"]);
    assert_eq!(projection.label, open());
}

fn open() -> Label {
    Label::parse("TLP:CLEAR//BY VLD-COAST", &Registry::builtin(), None).unwrap()
}

fn hidden() -> Label {
    Label::parse("ENTENTE:SECRET//REL TO XVA//NO ONWARD//BY VLD-COAST", &Registry::builtin(), None).unwrap()
}

fn can(label: &Label) -> bool {
    *label != hidden()
}

/// Ids of the same length, so that none contains another.
fn id(number: usize) -> String {
    format!("report--{number:02}")
}

/// An object, and portions on parts of it that may be labelled.
fn marked() -> impl Strategy<Value = (Map<String, Value>, Vec<Portion>)> {
    (object(), vec((any::<Index>(), any::<bool>()), 0..=4), vec(any::<Index>(), 0..=3)).prop_map(
        |(mut object, picks, marks)| {
            let mut selectors = Vec::new();
            for (name, value) in object.iter().filter(|(name, _)| name.as_str() != "type") {
                collect(value, name, &mut selectors);
            }
            if selectors.is_empty() {
                return (object, Vec::new());
            }
            let portions = picks
                .iter()
                .map(|(pick, seen)| Portion {
                    selector: pick.get(&selectors).clone(),
                    label: if *seen { open() } else { hidden() },
                })
                .collect();
            let marked: Vec<&String> = marks.iter().map(|mark| mark.get(&selectors)).collect();
            if !marked.is_empty() {
                let entry = json!([{ "marking_ref": "marking-definition--1", "selectors": marked }]);
                object.insert("granular_markings".to_owned(), entry);
            }
            (object, portions)
        },
    )
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    (select(TYPES.to_vec()), btree_map(select(PROPERTIES.to_vec()), value(), 2..=9)).prop_map(
        |(kind, properties)| {
            let mut number = 0;
            let numbered = properties
                .into_iter()
                .map(|(name, value)| (name.to_owned(), leaf_numbered(name, value, &mut number)));
            let mut object: Map<String, Value> = numbered.collect();
            object.insert("type".to_owned(), kind.into());
            object
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    (0_u8..10).prop_map(Value::from).prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=3).prop_map(Value::Array),
            btree_map(select(KEYS.to_vec()), inner, 1..=3)
                .prop_map(|members| members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Map<_, _>>())
                .prop_map(Value::Object),
        ]
    })
}

/// Every leaf a text of its own; where a reference belongs, the id of an object.
fn leaf_numbered(name: &str, value: Value, number: &mut usize) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = leaf_numbered(&name, value, number);
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.into_iter().map(|item| leaf_numbered(name, item, number)).collect(),
        leaf if name.ends_with("_ref") || name.ends_with("_refs") => {
            id(usize::try_from(leaf.as_u64().unwrap()).unwrap()).into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            *number += 1;
            format!("<leaf {number}>").into()
        }
    }
}

fn collect(value: &Value, selector: &str, selectors: &mut Vec<String>) {
    selectors.push(selector.to_owned());
    if let Value::Object(members) = value {
        members.iter().for_each(|(name, value)| collect(value, &format!("{selector}.{name}"), selectors));
    }
    if let Value::Array(items) = value {
        items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect(item, &format!("{selector}.[{index}]"), selectors));
    }
}

fn at<'a>(object: &'a Map<String, Value>, selector: &str) -> Option<&'a Value> {
    let mut steps = selector.split('.');
    let first = object.get(steps.next()?)?;
    steps.try_fold(first, |value, step| match step.strip_prefix('[') {
        Some(index) => value.get(index.trim_end_matches(']').parse::<usize>().unwrap()),
        None => value.get(step),
    })
}

/// Texts of a part that occur nowhere else in the object.
fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::String(text) if text.starts_with('<') => vec![format!("\"{text}\"")],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
