//! Fills an empty store from a file at the first start: realms, partners, subjects, operations, in TOML or JSON. All or
//! nothing, and every fault is listed.

use std::{collections::BTreeSet, fmt, path::Path};

use entente_chassis::call::Call;
use entente_domain::registry::Registry;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    OperationProposal, PartnerProposal, SubjectProposal,
    audit_event::{object, own_event},
    proposal::{Known, is_realm},
};
use crate::{
    error::{Error, FieldFault},
    peers::BACKGROUND_LIMIT,
    store::{AuditAct, AuditEvent, Store, StoredRegistry},
};

/// What a registry file holds, each a list.
const PARTS: [&str; 4] = ["realms", "partners", "subjects", "operations"];
/// Largest file: some hundred thousand subjects.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why a registry was not imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The file cannot be read.
    #[error("the registry file cannot be read")]
    File(#[source] std::io::Error),
    /// The file is too large, or neither TOML nor JSON.
    #[error("the registry file is not what it should be: {0}")]
    Format(String),
    /// Entries of the file; every fault is listed.
    #[error("the registry file has faults:{}", Lines(.0))]
    Entries(Vec<FieldFault>),
    /// The store failed.
    #[error("the registry could not be stored")]
    Store(#[source] Error),
}

/// Imports the file into an empty store. False if the store holds a registry already: then the file is not even read.
pub(crate) async fn import_registry(
    store: &dyn Store,
    file: &Path,
    now_ms: i64,
) -> Result<bool, ImportError> {
    if !store.load_registry().await.map_err(ImportError::Store)?.partners.is_empty() {
        return Ok(false);
    }
    let registry = parse(&read(file)?).map_err(ImportError::Entries)?;
    let event = event(&registry, now_ms);
    store.import_registry(registry, event).await.map_err(ImportError::Store)
}

/// The file's content as one value, whichever format it is written in.
fn read(file: &Path) -> Result<Value, ImportError> {
    let size = std::fs::metadata(file).map_err(ImportError::File)?.len();
    if size > FILE_BYTES_MAX {
        return Err(ImportError::Format(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(ImportError::File)?;
    if file.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(|error| ImportError::Format(error.to_string()))
    } else {
        toml::from_str(&text).map_err(|error| ImportError::Format(error.to_string()))
    }
}

/// The rows of a file.
fn parse(file: &Value) -> Result<StoredRegistry, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let keys = file.as_object().into_iter().flat_map(|parts| parts.keys());
    for key in keys.filter(|key| !PARTS.contains(&key.as_str())) {
        faults.push(FieldFault::new(key, format!("is not one of {}", PARTS.join(", "))));
    }
    let realms: Vec<(String, String)> = entries(file, "realms", &mut faults);
    let partners: Vec<(String, PartnerProposal)> = entries(file, "partners", &mut faults);
    let subjects: Vec<(String, SubjectProposal)> = entries(file, "subjects", &mut faults);
    let operations: Vec<(String, OperationProposal)> = entries(file, "operations", &mut faults);
    let known = known(&partners, &operations);
    let registry = Registry::builtin();
    twice(partners.iter().map(|(at, partner)| (at, &partner.organization_id)), &mut faults);
    twice(subjects.iter().map(|(at, subject)| (at, &subject.subject_id)), &mut faults);
    twice(operations.iter().map(|(at, operation)| (at, &operation.operation_id)), &mut faults);
    if partners.is_empty() {
        faults.push(FieldFault::new("partners", "must name at least one partner"));
    }
    for (at, realm) in realms.iter().filter(|(_, realm)| !is_realm(realm)) {
        faults.push(FieldFault::new(at, format!("`{realm}` must be REAL or EXERCISE:<name>")));
    }
    let rows = StoredRegistry {
        epoch: 0,
        realms: realms.into_iter().map(|(_, realm)| realm).collect(),
        partners: checked(partners, &mut faults, |at, partner| partner.check(at, &known)),
        subjects: checked(subjects, &mut faults, |at, subject| subject.check(at, &registry, &known)),
        operations: checked(operations, &mut faults, |at, operation| operation.check(at, &known)),
        policies: None,
    };
    let persons =
        rows.subjects.iter().filter_map(|row| row.person.as_ref().map(|person| (&row.subject_id, person)));
    twice(persons, &mut faults);
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// The entries of a list, each with where it stands.
fn entries<T: DeserializeOwned>(file: &Value, part: &str, faults: &mut Vec<FieldFault>) -> Vec<(String, T)> {
    let list = match file.get(part) {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            faults.push(FieldFault::new(part, "must be a list"));
            return Vec::new();
        }
    };
    let mut entries = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let at = format!("{part}[{index}]");
        match T::deserialize(entry) {
            Ok(entry) => entries.push((at, entry)),
            Err(error) => faults.push(FieldFault::new(at, error.to_string())),
        }
    }
    entries
}

fn checked<P, R>(
    entries: Vec<(String, P)>,
    faults: &mut Vec<FieldFault>,
    check: impl Fn(&str, P) -> Result<R, Vec<FieldFault>>,
) -> Vec<R> {
    let mut rows = Vec::with_capacity(entries.len());
    for (at, entry) in entries {
        match check(&at, entry) {
            Ok(row) => rows.push(row),
            Err(found) => faults.extend(found),
        }
    }
    rows
}

/// What entries may refer to: everything the file names, faulty or not, so that one fault is not reported twice.
fn known(partners: &[(String, PartnerProposal)], operations: &[(String, OperationProposal)]) -> Known {
    let taking_part = |operation: &OperationProposal| operation.organization_ids.iter().cloned().collect();
    Known {
        organizations: partners.iter().map(|(_, partner)| partner.organization_id.clone()).collect(),
        operations: operations.iter().map(|(_, row)| (row.operation_id.clone(), taking_part(row))).collect(),
    }
}

fn twice<'a>(ids: impl Iterator<Item = (&'a String, &'a String)>, faults: &mut Vec<FieldFault>) {
    let mut seen = BTreeSet::new();
    for (at, id) in ids {
        if !seen.insert(id) {
            faults.push(FieldFault::new(at, format!("`{id}` stands twice")));
        }
    }
}

fn event(registry: &StoredRegistry, now_ms: i64) -> AuditEvent {
    let objects =
        registry.partners.iter().map(|row| object(&row.organization_id, "", &row.organization_id)).collect();
    let call = Call::background("import_registry", BACKGROUND_LIMIT);
    let mut event = own_event(&call, now_ms, 0, (AuditAct::PolicyChange, objects));
    let count = registry
        .partners
        .len()
        .saturating_add(registry.subjects.len())
        .saturating_add(registry.operations.len());
    event.object_count = u64::try_from(count).unwrap_or(u64::MAX);
    "initial registry of the node".clone_into(&mut event.justification);
    event
}

/// One fault a line.
struct Lines<'a>(&'a [FieldFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| write!(out, "\n  {}: {}", fault.field, fault.description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        realms = ["EXERCISE:LANTERN-26"]

        [[partners]]
        organization_id = "VLD-COAST"
        display_name = "Coast Guard of Valdoria"
        nation = "XVA"
        groups = ["TIDEWALL-CELL"]

        [[partners]]
        organization_id = "ORS-CERT"

        [[subjects]]
        subject_id = "VLD-COAST/mira"
        roles = ["reader", "submitter"]
        purposes = ["CT"]
        clearances = { ENTENTE = "SECRET" }
        grants = [{ path = "OP:TIDEWALL", tree = true, until = "2027-01-31" }]

        [[operations]]
        operation_id = "TIDEWALL"
        lead_organization_id = "VLD-COAST"
        organization_ids = ["VLD-COAST", "ORS-CERT"]
        [[operations.components]]
        component_id = "OPERATIONAL"
        phases = [{ phase_id = "P1", start_time = "2026-11-23T00:00:00Z" }]
    "#;

    #[test]
    fn a_file_in_either_format_gives_the_same_registry() {
        let file: Value = toml::from_str(FILE).unwrap();
        let registry = parse(&file).unwrap();
        assert_eq!(registry.subjects[0].clearances["ENTENTE"], 3);
        assert_eq!(registry.operations[0].components[0].phases[0].start_time_ms, Some(1_795_392_000_000));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        std::fs::write(&path, file.to_string()).unwrap();
        assert_eq!(parse(&read(&path).unwrap()).unwrap(), registry);
    }

    #[test]
    fn every_fault_of_a_file_is_listed_with_its_place() {
        let file = serde_json::json!({
            "realms": ["MOON"], "colours": [],
            "partners": [{ "organization_id": "VLD-COAST", "nation": "Valdoria" }, { "organisation": "X" }],
            "subjects": [{ "subject_id": "VLD-COAST/mira" }, { "subject_id": "VLD-COAST/MIRA" }, { "subject_id": "ORS-CERT/ilse" }],
            "operations": [{ "operation_id": "TIDEWALL", "lead_organization_id": "VLD-COAST", "organization_ids": [] }],
        });
        let fields: Vec<String> = parse(&file).unwrap_err().into_iter().map(|fault| fault.field).collect();
        let expected = [
            "colours",
            "partners[1]",
            "realms[0]",
            "partners[0].nation",
            "subjects[2].subject_id",
            "operations[0].organization_ids",
            "VLD-COAST/MIRA",
        ];
        assert_eq!(fields, expected);
    }
}
