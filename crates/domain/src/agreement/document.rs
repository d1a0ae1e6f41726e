//! What the parties of an agreement sign: the hash of the document as written, without what is known of its standing.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use crate::ids::AgreementHash;
use crate::label::canonical_json;

/// First bytes under every agreement hash: format and version.
const HASH_PREFIX: &str = "entente.agreement.v1\n";
/// Members of a document that say how it stands and are no part of what was agreed.
const STANDING: [&str; 5] = ["signatures", "status", "suspended_by", "terminated_by", "hash"];

/// The hash of the body of an agreement: equal documents, equal hash, whatever the order of their members.
#[must_use]
pub fn document_hash(document: &Map<String, Value>) -> AgreementHash {
    let body = document.iter().filter(|(name, _)| !STANDING.contains(&name.as_str()));
    let sorted: BTreeMap<&str, Sorted<'_>> =
        body.map(|(name, value)| (name.as_str(), Sorted(value))).collect();
    AgreementHash::over(HASH_PREFIX, &canonical_json(&sorted))
}

/// A value whose members come sorted, however the map below keeps them.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let sorted: BTreeMap<&String, &Value> = members.iter().collect();
                let mut map = serializer.serialize_map(Some(sorted.len()))?;
                for (name, value) in sorted {
                    map.serialize_entry(name, &Sorted(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Sorted(item))?;
                }
                list.end()
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                plain.serialize(serializer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::document_hash;

    fn hash(document: &Value) -> String {
        document_hash(document.as_object().unwrap()).to_string()
    }

    #[test]
    fn the_hash_is_over_what_was_agreed_and_not_over_how_it_stands() {
        let agreed = json!({ "id": "TIDEWALL-1", "parties": ["VLD-COAST", "ORS-CERT"], "overlay": { "use": 1, "onward": 1 } });
        let mut standing = agreed.clone();
        standing.as_object_mut().unwrap().insert("signatures".to_owned(), json!({ "VLD-COAST": "x" }));
        standing.as_object_mut().unwrap().insert("suspended_by".to_owned(), json!("ORS-CERT"));
        assert_eq!(hash(&agreed), hash(&standing));
        let mut amended = agreed.clone();
        amended.as_object_mut().unwrap().insert("personal_data".to_owned(), json!(true));
        assert_ne!(hash(&agreed), hash(&amended));
    }

    #[test]
    fn the_agreement_hash_is_a_frozen_format() {
        let document = json!({ "parties": ["VLD-COAST", "ORS-CERT"], "id": "TIDEWALL-\u{e9}", "max_levels": { "ENTENTE": 3 } });
        assert_eq!(hash(&document), "bb426db2cc2efff3622d198f83f1cb7cb6c48f6440f16559350c6d105a61f93b");
    }
}
