//! Label vectors, computed: each kind gives what the vectors of that kind state.
//!
//! Shared by the example that computes files of others and the test that holds our own against what was agreed.

use entente_domain::label::{Label, LabelError};
use entente_domain::registry::{Organization, Registry};
use serde_json::{Map, Value, json};

/// Exercises the vectors are stated in.
const EXERCISES: [&str; 2] = ["EXERCISE:INSPIRED-UNION-2024", "EXERCISE:FALCON-TALON"];
/// Kinds of vector, in the order they are computed.
const KINDS: [&str; 4] = ["parse", "join", "leq", "export_tlp"];

/// One line per vector: its kind, its place, what it is about, and `out`.
pub(crate) fn compute(document: &Value, orgs: &Value) -> Vec<Value> {
    let registry = registry(orgs);
    let mut lines = Vec::new();
    for kind in KINDS {
        for (index, vector) in list(document.get(kind)).enumerate() {
            let mut line = json!({ "kind": kind, "index": index });
            if let Some(members) = line.as_object_mut() {
                let given = ["id", "in", "a", "b", "nation"].into_iter();
                members.extend(given.filter_map(|name| Some((name.to_owned(), vector.get(name)?.clone()))));
                match out(kind, vector, &registry) {
                    Some(out) => members.insert("out".to_owned(), out),
                    None => members.insert("error".to_owned(), "the vector makes no sense".into()),
                };
            }
            lines.push(line);
        }
    }
    lines
}

/// What the vector computes; none when something is missing.
fn out(kind: &str, vector: &Value, registry: &Registry) -> Option<Value> {
    let text = |name: &str| vector.get(name).and_then(Value::as_str);
    let parse = |line: &str| Label::parse(line, registry, None);
    let or_code =
        |result: Result<Value, LabelError>| result.unwrap_or_else(|error| error.code.as_str().into());
    Some(match kind {
        "parse" => parsed(Label::parse(text("in")?, registry, text("nation")), registry),
        "join" => {
            let lines: Vec<&str> = list(vector.get("in")).map(Value::as_str).collect::<Option<_>>()?;
            let labels = lines.into_iter().map(parse).collect::<Result<Vec<_>, _>>();
            let joined = labels
                .and_then(|labels| Label::join_all(&labels))
                .map(|label| label.map_or(Value::Null, |label| label.to_text(registry).into()));
            or_code(joined)
        }
        "leq" => {
            let (a, b) = (parse(text("a")?), parse(text("b")?));
            or_code(a.and_then(|a| Ok(a.leq(&b?).into())))
        }
        "export_tlp" => {
            let colour = |label: Label| label.export_tlp().map_or(Value::Null, |colour| colour.name().into());
            or_code(parse(text("in")?).map(colour))
        }
        _ => return None,
    })
}

fn parsed(label: Result<Label, LabelError>, registry: &Registry) -> Value {
    match label {
        Ok(label) => json!({
            "text": label.to_text(registry),
            "canonical": String::from_utf8_lossy(&label.canonical_bytes()),
            "hash": label.hash(),
            "errors": label.validate(registry, true),
        }),
        Err(error) => json!({ "error": error.code }),
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// The registry the vectors are stated in.
fn registry(orgs: &Value) -> Registry {
    let mut registry = Registry::builtin();
    for realm in EXERCISES {
        // Both are realms.
        let _ = registry.add_realm(realm);
    }
    for (id, written) in orgs.get("orgs").and_then(Value::as_object).into_iter().flat_map(Map::iter) {
        let organization = serde_json::from_value::<Organization>(written.clone());
        if let (Ok(id), Ok(organization)) = (id.parse(), organization) {
            registry.add_organization(id, organization);
        }
    }
    registry
}
