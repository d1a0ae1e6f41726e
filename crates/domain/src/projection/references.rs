//! A closed world: no reference leads to what the reader cannot see. Taking references out can make an object impossible,
//! whose own id is then gone, too; repeated until nothing changes, which gives the largest consistent set, whatever the
//! order of the objects.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::label::Label;
use crate::projection::required::{WITHHELD_IDENTITY, gives_away, kind_of, repair};
use crate::projection::{Portion, ProjectionError, project, selector};

/// An object with the labels of its whole and of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The object.
    pub object: &'a Map<String, Value>,
    /// The label of the object as a whole.
    pub shell: &'a Label,
    /// What is added on parts of it.
    pub portions: &'a [Portion],
}

/// An object that can be seen, before references are looked at.
struct Seen<'a> {
    id: &'a str,
    original: &'a Map<String, Value>,
    projected: Map<String, Value>,
}

/// The projections of a set of objects to what a reader may see, in their order, none referring to what is not visible.
/// `public` are ids everybody may know. Of objects with the same id the last one counts; one without id is not shown.
///
/// # Errors
/// As [`project`].
pub fn project_set(
    objects: &[Labelled<'_>],
    can: &dyn Fn(&Label) -> bool,
    public: &BTreeSet<&str>,
) -> Result<Vec<Map<String, Value>>, ProjectionError> {
    let mut alive = seen(objects, can)?;
    loop {
        let mut visible: BTreeSet<&str> = alive.iter().map(|seen| seen.id).collect();
        visible.extend(public);
        visible.insert(WITHHELD_IDENTITY);
        let closed: Vec<Option<Map<String, Value>>> =
            alive.iter().map(|seen| close(seen, &visible)).collect::<Result<_, _>>()?;
        if closed.iter().all(Option::is_some) {
            return Ok(closed.into_iter().flatten().collect());
        }
        let kept = alive.into_iter().zip(closed);
        alive = kept.filter_map(|(seen, closed)| closed.map(|_| seen)).collect();
    }
}

fn seen<'a>(
    objects: &[Labelled<'a>],
    can: &dyn Fn(&Label) -> bool,
) -> Result<Vec<Seen<'a>>, ProjectionError> {
    let mut seen: Vec<Seen<'a>> = Vec::new();
    for labelled in objects {
        let id = labelled.object.get("id").and_then(Value::as_str);
        let projection = project(labelled.object, labelled.shell, labelled.portions, can)?;
        if let (Some(id), Some(projection)) = (id, projection) {
            let next = Seen { id, original: labelled.object, projected: projection.object };
            match seen.iter_mut().find(|earlier| earlier.id == id) {
                Some(earlier) => *earlier = next,
                None => seen.push(next),
            }
        }
    }
    Ok(seen)
}

/// The object without references to what is not visible; none when it cannot be without them.
fn close(seen: &Seen<'_>, visible: &BTreeSet<&str>) -> Result<Option<Map<String, Value>>, ProjectionError> {
    let mut closed = strip(&seen.projected, visible);
    let kind = kind_of(seen.original);
    let lost = |property: &String| {
        is_reference(property)
            && gives_away(kind, property)
            && seen.projected.get(property).is_some_and(|before| closed.get(property) != Some(before))
    };
    if seen.original.keys().any(lost) || !repair(&mut closed, seen.original) {
        return Ok(None);
    }
    drop_dead_selectors(&mut closed)?;
    Ok(Some(closed))
}

fn is_reference(property: &str) -> bool {
    property.ends_with("_ref") || property.ends_with("_refs")
}

fn strip(members: &Map<String, Value>, visible: &BTreeSet<&str>) -> Map<String, Value> {
    let keep = |(name, value): (&String, &Value)| {
        let kept = strip_member(name, value, visible)?;
        Some((name.clone(), kept))
    };
    members.iter().filter_map(keep).collect()
}

fn strip_member(name: &str, value: &Value, visible: &BTreeSet<&str>) -> Option<Value> {
    // Marking definitions are public.
    if matches!(name, "object_marking_refs" | "marking_ref") {
        return Some(value.clone());
    }
    match value {
        // One where a list belongs, or a list where one belongs, is a reference all the same.
        Value::String(target) if is_reference(name) => {
            visible.contains(target.as_str()).then(|| value.clone())
        }
        Value::Array(targets) if is_reference(name) => {
            let kept: Vec<Value> =
                targets.iter().filter_map(|target| strip_target(target, visible)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(_) | Value::Array(_) => {
            let stripped = strip_value(value, visible);
            let empty = stripped.as_object().is_some_and(Map::is_empty)
                || stripped.as_array().is_some_and(Vec::is_empty);
            (!empty).then_some(stripped)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

/// An entry of a list of references: nothing but the id of something visible.
fn strip_target(target: &Value, visible: &BTreeSet<&str>) -> Option<Value> {
    target.as_str().filter(|id| visible.contains(id)).map(Value::from)
}

fn strip_value(value: &Value, visible: &BTreeSet<&str>) -> Value {
    match value {
        Value::Object(members) => Value::Object(strip(members, visible)),
        Value::Array(items) => items.iter().map(|item| strip_value(item, visible)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Selectors into parts that are gone go, too; an entry without selectors says nothing.
fn drop_dead_selectors(object: &mut Map<String, Value>) -> Result<(), ProjectionError> {
    let Some(Value::Array(mut entries)) = object.remove("granular_markings") else { return Ok(()) };
    for entry in &mut entries {
        let Some(Value::Array(selectors)) = entry.get_mut("selectors") else { continue };
        let mut kept = Vec::new();
        for text in selectors.iter().filter_map(Value::as_str) {
            let path = selector::parse(text).ok_or_else(|| ProjectionError::Syntax(text.to_owned()))?;
            if selector::resolves(object, &path) {
                kept.push(Value::from(text));
            }
        }
        *selectors = kept;
    }
    entries.retain(|entry| {
        entry.get("selectors").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    });
    if !entries.is_empty() {
        object.insert("granular_markings".to_owned(), Value::Array(entries));
    }
    Ok(())
}
