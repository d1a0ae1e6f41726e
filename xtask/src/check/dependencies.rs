//! Who may use whom (layout, "Who may use whom"), from each member's Cargo.toml.

use std::{collections::BTreeMap, path::Path};

/// Crate folder, and which of our crates it may depend on outside of tests.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("proto", &[]),
    ("crates/domain", &[]),
    ("crates/stix", &["domain"]),
    ("crates/ledger", &[]),
    ("crates/persist", &[]),
    ("crates/chassis", &["proto", "domain"]),
    ("crates/testkit", &["proto", "domain", "stix", "ledger", "chassis", "persist"]),
    ("crates/entente", &["proto", "domain", "ledger", "chassis", "access", "alerting", "audit", "intake"]),
];
/// What every service may use of ours.
const SERVICE: [&str; 5] = ["proto", "domain", "stix", "chassis", "persist"];
/// Services that sign or prove, and so may use the ledger too (docs/decisions/0003).
const LEDGER_USERS: [&str; 4] = ["audit", "intake", "liaison", "gateway"];
/// Crates that do no I/O and know no clock, and what would let them.
const PURE: [&str; 3] = ["crates/domain", "crates/stix", "crates/ledger"];
const IMPURE: [&str; 11] = [
    "tokio",
    "tonic",
    "prost",
    "rusqlite",
    "tokio-postgres",
    "rand",
    "time",
    "chrono",
    "uuid",
    "reqwest",
    "hyper",
];
/// Names under which everything ends up together.
const BANNED_NAMES: [&str; 4] = ["common", "utils", "types", "core"];

/// Every fault of the dependency table.
pub(super) fn check(root: &Path) -> Vec<String> {
    members(root).into_iter().flat_map(|(folder, manifest)| member_faults(&folder, &manifest)).collect()
}

/// Folder of each member with its manifest.
fn members(root: &Path) -> BTreeMap<String, toml::Table> {
    let mut members = BTreeMap::new();
    for folder in ["proto".to_owned(), "xtask".to_owned()]
        .into_iter()
        .chain(below(root, "crates"))
        .chain(below(root, "services"))
    {
        let manifest = std::fs::read_to_string(root.join(&folder).join("Cargo.toml")).unwrap_or_default();
        members.insert(folder, manifest.parse().unwrap_or_default());
    }
    members
}

fn below(root: &Path, folder: &str) -> Vec<String> {
    std::fs::read_dir(root.join(folder))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        .collect()
}

fn member_faults(folder: &str, manifest: &toml::Table) -> Vec<String> {
    let mut faults = Vec::new();
    let last = folder.rsplit('/').next().unwrap_or(folder);
    if BANNED_NAMES.contains(&last) {
        faults.push(format!("{folder}: no crate is called `{last}`; name it by what it does"));
    }
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if lints != Some(true) {
        faults.push(format!("{folder}/Cargo.toml: [lints] workspace = true is missing"));
    }
    let normal = names(manifest, "dependencies");
    for (name, value) in manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten() {
        if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
            faults.push(format!(
                "{folder}/Cargo.toml: `{name}` states its own version; take it from the workspace"
            ));
        }
    }
    if normal.iter().any(|name| name == "entente-testkit") {
        faults.push(format!("{folder} depends on the testkit outside of tests"));
    }
    if PURE.contains(&folder) {
        for name in normal.iter().filter(|name| IMPURE.contains(&name.as_str())) {
            faults.push(format!(
                "{folder} depends on `{name}`: it does no I/O and knows no clock and no randomness"
            ));
        }
    }
    faults.extend(our_faults(folder, &normal));
    faults
}

fn our_faults(folder: &str, normal: &[String]) -> Vec<String> {
    let allowed: Vec<&str> = match folder.strip_prefix("services/") {
        Some(service) => {
            let ledger = LEDGER_USERS.contains(&service).then_some("ledger");
            SERVICE.into_iter().chain(ledger).collect()
        }
        None => match ALLOWED.iter().find(|(name, _)| *name == folder) {
            Some((_, allowed)) => allowed.to_vec(),
            None => return Vec::new(),
        },
    };
    normal
        .iter()
        .filter_map(|name| name.strip_prefix("entente-"))
        .filter(|name| !allowed.contains(name))
        .map(|name| format!("{folder} depends on `{name}`, which the layout does not allow"))
        .collect()
}

fn names(manifest: &toml::Table, section: &str) -> Vec<String> {
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}
