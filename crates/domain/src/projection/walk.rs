//! The walk through an object: what is hidden is left out, with everything below it, and every list closes up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::label::Label;
use crate::projection::required::is_entry;
use crate::projection::selector::{Step, show};

/// A label on a part of the object, and whether the reader may see what carries it.
pub(super) struct Mark<'a> {
    pub(super) path: Vec<Step>,
    pub(super) label: &'a Label,
    pub(super) seen: bool,
}

/// Properties that carry markings themselves; they are put back when it is known what is left.
pub(super) const MARKINGS: [&str; 2] = ["granular_markings", "object_marking_refs"];

/// What a walk finds out beside the object that is left.
#[derive(Default)]
pub(super) struct Found {
    /// Selectors of what was hidden.
    pub(super) hidden: Vec<String>,
    /// Where what is left was, and where it is now.
    pub(super) moved: BTreeMap<String, String>,
    /// Marks on something that is shown, by position.
    pub(super) shown: BTreeSet<usize>,
}

/// Walks through the object. None when nothing is left.
pub(super) fn walk(object: &Map<String, Value>, marks: &[Mark<'_>]) -> (Map<String, Value>, Found) {
    let mut by_path: BTreeMap<&[Step], Vec<usize>> = BTreeMap::new();
    for (number, mark) in marks.iter().enumerate() {
        by_path.entry(&mark.path).or_default().push(number);
    }
    let mut walk = Walk {
        marks,
        by_path,
        path: Vec::new(),
        new_path: Vec::new(),
        above: Vec::new(),
        found: Found::default(),
    };
    walk.found.moved.insert(String::new(), String::new());
    let shown = walk.members(object, |name| !MARKINGS.contains(&name));
    (shown, walk.found)
}

struct Walk<'a> {
    marks: &'a [Mark<'a>],
    by_path: BTreeMap<&'a [Step], Vec<usize>>,
    path: Vec<Step>,
    new_path: Vec<Step>,
    /// Marks on the way here, all of them seen.
    above: Vec<usize>,
    found: Found,
}

impl Walk<'_> {
    /// What is left of a part, reached by `step`; `new_step` is where it will stand.
    fn part(&mut self, value: &Value, step: Step, new_step: Step) -> Option<Value> {
        self.path.push(step);
        self.new_path.push(new_step);
        let above = self.above.len();
        let selector = show(&self.path);
        let left = self.visible_part(value, &selector);
        if left.is_none() {
            self.forget(&selector);
        }
        self.above.truncate(above);
        self.path.pop();
        self.new_path.pop();
        left
    }

    fn visible_part(&mut self, value: &Value, selector: &str) -> Option<Value> {
        let here = self.by_path.get(self.path.as_slice()).cloned().unwrap_or_default();
        if !here.iter().all(|number| self.marks.get(*number).is_some_and(|mark| mark.seen)) {
            self.found.hidden.push(selector.to_owned());
            return None;
        }
        self.above.extend(here);
        self.found.moved.insert(selector.to_owned(), show(&self.new_path));
        match value {
            Value::Object(members) => {
                let left = self.members(members, |_| true);
                self.is_whole(members, &left).then_some(Value::Object(left))
            }
            Value::Array(items) => {
                let mut left = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    left.extend(self.part(item, Step::Index(index), Step::Index(left.len())));
                }
                (!left.is_empty()).then_some(Value::Array(left))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.found.shown.extend(&self.above);
                Some(value.clone())
            }
        }
    }

    fn members(&mut self, members: &Map<String, Value>, walked: fn(&str) -> bool) -> Map<String, Value> {
        let mut left = Map::new();
        for (name, value) in members.iter().filter(|(name, _)| walked(name)) {
            let step = Step::Key(name.clone());
            if let Some(part) = self.part(value, step.clone(), step) {
                left.insert(name.clone(), part);
            }
        }
        left
    }

    /// Whether what is left of an object inside the object makes sense by itself.
    fn is_whole(&self, members: &Map<String, Value>, left: &Map<String, Value>) -> bool {
        let whole_entry = match self.path.as_slice() {
            [Step::Key(property), Step::Key(_) | Step::Index(_)] => {
                let nameless = property == "extensions"
                    && members.contains_key("extension_type")
                    && !left.contains_key("extension_type");
                !nameless && is_entry(property, left)
            }
            _ => true,
        };
        !left.is_empty() && whole_entry
    }

    /// Nothing below a part that is gone may keep a selector.
    fn forget(&mut self, selector: &str) {
        self.found.moved.remove(selector);
        // `/` follows `.` in ASCII, so this is everything that starts with the selector and a dot.
        let below = format!("{selector}.")..format!("{selector}/");
        let gone: Vec<String> = self.found.moved.range(below).map(|(old, _)| old.clone()).collect();
        gone.iter().for_each(|old| {
            self.found.moved.remove(old);
        });
    }
}
