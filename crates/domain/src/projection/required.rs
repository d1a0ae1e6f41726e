//! What STIX 2.1 requires of each type, and what becomes of an object when that part is hidden: a fixed word that says
//! nothing, or no object at all, where a word would mislead (a made-up pattern poisons detection).

use serde_json::{Map, Value};

/// Stands for text that is required and hidden; always the same, so that it tells nothing.
pub const WITHHELD: &str = "[withheld]";
/// The public identity "Withheld" that stands for references that are required and hidden.
pub const WITHHELD_IDENTITY: &str = "identity--999a7685-54c8-54dd-9b5d-d0c4941b9c8f";

/// What stands for a required property that is hidden.
enum Missing {
    Word(&'static str),
    /// A list with the public identity.
    References,
    /// Nothing can: the object is not shown.
    Object,
}

fn required(kind: &str) -> &'static [(&'static str, Missing)] {
    use Missing::{Object, References, Word};
    match kind {
        "attack-pattern" | "campaign" | "course-of-action" | "identity" | "incident" | "infrastructure"
        | "intrusion-set" | "threat-actor" | "tool" | "vulnerability" => &[("name", Word(WITHHELD))],
        "grouping" => &[("context", Word("unspecified")), ("object_refs", References)],
        "indicator" => &[("pattern", Object), ("pattern_type", Object), ("valid_from", Object)],
        "malware" => &[("is_family", Object)],
        "malware-analysis" => &[("product", Word(WITHHELD))],
        "note" => &[("content", Object), ("object_refs", Object)],
        "observed-data" => &[
            ("first_observed", Object),
            ("last_observed", Object),
            ("number_observed", Object),
            ("object_refs", Object),
        ],
        "opinion" => &[("opinion", Object), ("object_refs", Object)],
        "report" => &[("name", Word(WITHHELD)), ("published", Object), ("object_refs", References)],
        "relationship" => &[("relationship_type", Object), ("source_ref", Object), ("target_ref", Object)],
        "sighting" => &[("sighting_of_ref", Object)],
        _ => &[],
    }
}

/// Properties the id of an observable is computed from. Whoever may not see one of them must not see the id, from which
/// a dictionary recovers it; `*` stands for all.
fn id_contributing(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "artifact" => &["hashes", "payload_bin"],
        "autonomous-system" => &["number"],
        "directory" => &["path"],
        "domain-name" | "email-addr" | "ipv4-addr" | "ipv6-addr" | "mac-addr" | "url" => &["value"],
        "email-message" => &["from_ref", "subject", "body"],
        "file" => &["hashes", "name", "parent_directory_ref", "extensions"],
        "mutex" => &["name"],
        "network-traffic" => {
            &["start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"]
        }
        "process" => &["*"],
        "software" => &["name", "cpe", "swid", "vendor", "version"],
        "user-account" => &["account_type", "user_id", "account_login"],
        "windows-registry-key" => &["key", "values"],
        "x509-certificate" => &["hashes", "serial_number"],
        _ => return None,
    })
}

/// Whether the id of an object of this type gives this property away.
pub(super) fn gives_away(kind: &str, property: &str) -> bool {
    id_contributing(kind)
        .is_some_and(|properties| properties.contains(&"*") || properties.contains(&property))
}

/// Properties of a place that are hidden together: one coordinate narrows down the other.
pub(super) fn hidden_with(kind: &str, property: &str) -> &'static [&'static str] {
    match (kind, property) {
        ("location", "latitude") => &["longitude", "precision"],
        ("location", "longitude") => &["latitude", "precision"],
        _ => &[],
    }
}

/// Whether what is left of an entry of a list of this name still is one.
pub(super) fn is_entry(list: &str, left: &Map<String, Value>) -> bool {
    match list {
        "external_references" => {
            left.contains_key("source_name")
                && ["description", "url", "external_id"].iter().any(|name| left.contains_key(*name))
        }
        "kill_chain_phases" => left.contains_key("kill_chain_name") && left.contains_key("phase_name"),
        _ => true,
    }
}

/// Puts the words where something required is hidden. False when there can be no such object.
pub(super) fn repair(shown: &mut Map<String, Value>, original: &Map<String, Value>) -> bool {
    let kind = kind_of(original);
    for (property, missing) in required(kind) {
        if original.contains_key(*property) && !shown.contains_key(*property) {
            let stand_in = match missing {
                Missing::Word(word) => Value::from(*word),
                Missing::References => Value::from(vec![WITHHELD_IDENTITY]),
                Missing::Object => return false,
            };
            shown.insert((*property).to_owned(), stand_in);
        }
    }
    let has = |shown: &Map<String, Value>, property| shown.contains_key(property);
    match kind {
        // A family must have a name.
        "malware" if original.get("is_family").is_some_and(is_truthy) && has(original, "name") => {
            shown.entry("name").or_insert_with(|| WITHHELD.into());
            true
        }
        "malware-analysis" if !has(shown, "result") && !has(shown, "analysis_sco_refs") => {
            shown.insert("result".to_owned(), "unknown".into());
            true
        }
        "location" => {
            has(shown, "region")
                || has(shown, "country")
                || (has(shown, "latitude") && has(shown, "longitude"))
        }
        "infrastructure" => has(shown, "name"),
        _ => true,
    }
}

/// The STIX type of an object; empty for what has none, of which nothing is required.
pub(super) fn kind_of(object: &Map<String, Value>) -> &str {
    object.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Anything but false, zero and empty: a boolean written as a number or a word still means it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
