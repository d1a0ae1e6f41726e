//! The projection of an object to what a reader may see: tear lines over STIX 2.1.
//!
//! An object has a label as a whole (the shell) and labels on parts of it (portions), which only add. What the reader may
//! not see is absent, with everything below it; the rest stays valid STIX, and nothing announces a cut unless a required
//! string forces a fixed word. Whether a label may be seen is an argument: reading and releasing use the same walk.

mod references;
mod required;
mod selector;
mod walk;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::references::{Labelled, project_set};
pub use self::required::{WITHHELD, WITHHELD_IDENTITY};
use self::selector::Step;
use self::walk::{Found, Mark};
use crate::label::{Label, LabelError};

/// Properties that cannot be hidden from whoever sees the object: label the object instead.
const IMMUTABLE: [&str; 8] = [
    "type",
    "id",
    "spec_version",
    "created",
    "modified",
    "object_marking_refs",
    "granular_markings",
    "revoked",
];

/// A label on a part of an object, on top of the label of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portion {
    /// Which part, with everything below it: `labels.[0]`.
    pub selector: String,
    /// What is added there.
    pub label: Label,
}

/// What is left of an object for a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The object, with its markings moved along.
    pub object: Map<String, Value>,
    /// The banner: the join of the labels of everything shown.
    pub label: Label,
    /// Portions on parts that are shown, where those now are.
    pub portions: Vec<Portion>,
    /// Selectors of what was hidden, sorted; never for the reader.
    pub hidden: Vec<String>,
}

/// Why an object cannot be projected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Not a selector.
    #[error("`{0}` is not a selector")]
    Syntax(String),
    /// Nothing there.
    #[error("`{0}` selects nothing in the object")]
    Unresolved(String),
    /// A part that cannot be hidden by itself.
    #[error("`{0}` cannot be labelled apart from the object")]
    Forbidden(String),
    /// Labels that do not join.
    #[error("labels of one object do not join")]
    Label(#[from] LabelError),
}

impl ProjectionError {
    /// The stable code (label semantics, a.7).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "E_SELECTOR_SYNTAX",
            Self::Unresolved(_) => "E_SELECTOR_UNRESOLVED",
            Self::Forbidden(_) => "E_SELECTOR_FORBIDDEN",
            Self::Label(error) => error.code.as_str(),
        }
    }
}

/// What a reader may see of the object, given which labels it may see; none when that is nothing at all.
///
/// References to other objects stay; [`project_set`] takes those out that lead to what is hidden.
///
/// # Errors
/// A portion whose selector is none, leads nowhere, or to a part that cannot be hidden by itself.
pub fn project(
    object: &Map<String, Value>,
    shell: &Label,
    portions: &[Portion],
    can: &dyn Fn(&Label) -> bool,
) -> Result<Option<Projection>, ProjectionError> {
    if !can(shell) {
        return Ok(None);
    }
    let marks = marks(object, portions, can)?;
    let kind = required::kind_of(object);
    let betrays = |mark: &Mark<'_>| !mark.seen && required::gives_away(kind, property_of(mark));
    if marks.iter().any(betrays) {
        return Ok(None);
    }
    let (mut shown, found) = walk::walk(object, &marks);
    if !required::repair(&mut shown, object) {
        return Ok(None);
    }
    put_markings_back(&mut shown, object, &found)?;
    let labels = found.shown.iter().filter_map(|number| marks.get(*number)).map(|mark| mark.label);
    let label = Label::join_all([shell].into_iter().chain(labels))?.unwrap_or_else(|| shell.clone());
    // Those that come along do so again when the projection is projected.
    let given = marks.iter().take(portions.len());
    let moved = |mark: &Mark<'_>| {
        let selector = found.moved.get(&selector::show(&mark.path))?.clone();
        Some(Portion { selector, label: mark.label.clone() })
    };
    let portions = given.filter_map(moved).collect();
    // In an order of its own: that of an object's properties depends on how the JSON was read.
    let mut hidden = found.hidden;
    hidden.sort_unstable();
    Ok(Some(Projection { object: shown, label, portions, hidden }))
}

/// The portions as marks, with those that come along: one coordinate of a place hides the other.
fn marks<'a>(
    object: &Map<String, Value>,
    portions: &'a [Portion],
    can: &dyn Fn(&Label) -> bool,
) -> Result<Vec<Mark<'a>>, ProjectionError> {
    let mut marks = Vec::new();
    for Portion { selector, label } in portions {
        let path = selector::parse(selector).ok_or_else(|| ProjectionError::Syntax(selector.clone()))?;
        if !selector::resolves(object, &path) {
            return Err(ProjectionError::Unresolved(selector.clone()));
        }
        let mark = Mark { path, label, seen: can(label) };
        if IMMUTABLE.contains(&property_of(&mark)) {
            return Err(ProjectionError::Forbidden(selector.clone()));
        }
        marks.push(mark);
    }
    let kind = required::kind_of(object);
    let together = |mark: &Mark<'a>| {
        let others = required::hidden_with(kind, property_of(mark)).iter();
        let there = others.filter(|name| object.contains_key(**name));
        let (label, seen) = (mark.label, mark.seen);
        there.map(move |name| Mark { path: vec![Step::Key((*name).to_owned())], label, seen })
    };
    let along: Vec<Mark<'a>> = marks.iter().flat_map(together).collect();
    marks.extend(along);
    Ok(marks)
}

fn property_of<'a>(mark: &'a Mark<'_>) -> &'a str {
    match mark.path.first() {
        Some(Step::Key(property)) => property,
        Some(Step::Index(_)) | None => "",
    }
}

/// Markings of the object stay; markings of parts follow them to where they now are, or go with them.
fn put_markings_back(
    shown: &mut Map<String, Value>,
    object: &Map<String, Value>,
    found: &Found,
) -> Result<(), ProjectionError> {
    let mut entries = Vec::new();
    for entry in object.get("granular_markings").and_then(Value::as_array).into_iter().flatten() {
        let selectors = entry.get("selectors").and_then(Value::as_array).into_iter().flatten();
        let mut kept = Vec::new();
        for moved in selectors.filter_map(Value::as_str).filter_map(|old| found.moved.get(old)) {
            let path = selector::parse(moved).ok_or_else(|| ProjectionError::Syntax(moved.clone()))?;
            if selector::resolves(shown, &path) {
                kept.push(Value::from(moved.as_str()));
            }
        }
        if let (false, Some(members)) = (kept.is_empty(), entry.as_object()) {
            let mut members = members.clone();
            members.insert("selectors".to_owned(), Value::Array(kept));
            entries.push(Value::Object(members));
        }
    }
    if !entries.is_empty() {
        shown.insert("granular_markings".to_owned(), Value::Array(entries));
    }
    if let Some(references) = object.get("object_marking_refs") {
        shown.insert("object_marking_refs".to_owned(), references.clone());
    }
    Ok(())
}

/// Which versions of an object exist for a reader, oldest first: those that changed something it may see. Each version
/// comes with the labels of the portions it changed; the result are positions.
#[must_use]
pub fn visible_versions(changes: &[Vec<Label>], can: &dyn Fn(&Label) -> bool) -> Vec<usize> {
    let visible = |(_, changed): &(usize, &Vec<Label>)| changed.iter().any(can);
    changes.iter().enumerate().filter(visible).map(|(position, _)| position).collect()
}
