//! Partners, people and labels that exist nowhere.
//!
//! Valdoria (XVA), Orsenna (XOR) and the Kestrel Isles (XKE) share a node. The coast guard of Valdoria leads the operation
//! TIDEWALL with the CERT of Orsenna; the ISAC of the Kestrel Isles takes no part in it.

use std::collections::{BTreeMap, BTreeSet};

use entente_domain::{
    day::Day,
    profile::profile_id,
    registry::{Organization, Registry},
    subject::Subject,
};

/// Shared by the two partners of TIDEWALL.
pub const LABEL_SHARED: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
/// For its originator alone.
pub const LABEL_OWN: &str = "ENTENTE:RESTRICTED//REL TO ORG:VLD-COAST//NO ONWARD//BY VLD-COAST";
/// For everyone.
pub const LABEL_OPEN: &str = "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST";
/// For everyone who plays the exercise, and nobody else.
pub const LABEL_EXERCISE: &str = "EXERCISE LANTERN-26//NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST";
/// The realm of the exercise of the fixtures.
pub const EXERCISE: &str = "EXERCISE:LANTERN-26";
/// What everyone may assert.
pub const PURPOSES: [&str; 2] = ["CT", "CYBER-DEFENCE"];

/// Who there is: subject id, roles, level held in ENTENTE, whether read into TIDEWALL.
const PEOPLE: [(&str, &[&str], u8, bool); 10] = [
    ("VLD-COAST/mira", &["reader", "submitter", "subscriber"], 3, true),
    ("VLD-COAST/pavo", &["policy_admin"], 0, false),
    ("VLD-COAST/runa", &["auditor"], 0, false),
    ("ORS-CERT/tomas", &["reader", "submitter", "subscriber"], 3, true),
    ("ORS-CERT/ilse", &["reader", "subscriber"], 3, true),
    ("ORS-CERT/vera", &["policy_admin"], 0, false),
    ("ORS-CERT/odo", &["auditor"], 0, false),
    ("KSI-ISAC/jonas", &["reader", "submitter", "subscriber"], 1, false),
    ("KSI-ISAC/nele", &["policy_admin"], 0, false),
    ("KSI-ISAC/sef", &["auditor"], 0, false),
];

/// Organization, nation, groups.
const ORGANIZATIONS: [(&str, &str, &[&str]); 3] = [
    ("VLD-COAST", "XVA", &["TIDEWALL-CELL"]),
    ("ORS-CERT", "XOR", &["TIDEWALL-CELL", "CERT-NET"]),
    ("KSI-ISAC", "XKE", &["CERT-NET"]),
];

/// The registry of the node: the built-in domains, the three partners, one exercise.
pub fn registry() -> Registry {
    let mut registry = Registry::builtin();
    for (id, nation, groups) in ORGANIZATIONS {
        let organization: Organization =
            serde_json::from_value(serde_json::json!({ "nation": nation, "groups": groups })).unwrap();
        registry.add_organization(id.parse().unwrap(), organization);
    }
    registry.add_realm(EXERCISE).unwrap();
    registry
}

/// The people by subject id.
pub fn subjects() -> BTreeMap<String, Subject> {
    PEOPLE
        .iter()
        .map(|(id, roles, level, tidewall)| ((*id).to_owned(), subject(id, roles, *level, *tidewall)))
        .collect()
}

/// Operation paths each organization takes part in.
pub fn operations(organization: &str) -> BTreeSet<&'static str> {
    let tidewall = ["TIDEWALL", "TIDEWALL/DOCTRINAL", "TIDEWALL/SOCIETAL", "TIDEWALL/OPERATIONAL"];
    let phases = ["TIDEWALL/OPERATIONAL/P1", "TIDEWALL/OPERATIONAL/P2"];
    let takes_part = organization == "VLD-COAST" || organization == "ORS-CERT";
    if takes_part { tidewall.into_iter().chain(phases).collect() } else { BTreeSet::new() }
}

/// The profile of a fixture subject in hexadecimal; empty for anyone else.
pub(crate) fn profile_hex(subject_id: &str) -> String {
    let today = Day::EPOCH;
    subjects().get(subject_id).map(|subject| profile_id(subject, &[], today).to_string()).unwrap_or_default()
}

fn subject(id: &str, roles: &[&str], level: u8, tidewall: bool) -> Subject {
    let organization = id.split('/').next().unwrap();
    let (_, nation, groups) = ORGANIZATIONS.iter().find(|(name, ..)| *name == organization).unwrap();
    let grants = if tidewall {
        serde_json::json!([{ "path": "OP:TIDEWALL", "tree": true }])
    } else {
        serde_json::json!([])
    };
    serde_json::from_value(serde_json::json!({
        "id": id, "org": organization, "nation": nation, "groups": groups, "person": id.to_ascii_uppercase(), "roles": roles,
        "purposes": PURPOSES, "clearances": { "ENTENTE": level }, "grants": grants,
    }))
    .unwrap()
}
