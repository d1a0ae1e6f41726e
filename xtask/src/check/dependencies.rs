//! Who may use whom (layout, "Who may use whom"), from `cargo metadata`, and what each manifest must state.

use std::{path::Path, process::Command};

use serde::Deserialize;

/// Crate folder, and which of our crates it may depend on outside of tests.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("proto", &[]),
    ("crates/domain", &[]),
    ("crates/stix", &["domain"]),
    ("crates/ledger", &[]),
    ("crates/persist", &[]),
    ("crates/chassis", &["proto", "domain"]),
    ("crates/testkit", &["proto", "domain", "stix", "ledger", "chassis", "persist"]),
    // stix, because a bundle is split where it is read, before it crosses the wire.
    (
        "crates/entente",
        &["proto", "domain", "stix", "ledger", "chassis", "access", "alerting", "audit", "intake"],
    ),
];
/// What every service may use of ours.
const SERVICE: [&str; 5] = ["proto", "domain", "stix", "chassis", "persist"];
/// Services that sign or prove, and so may use the ledger too.
const LEDGER_USERS: [&str; 4] = ["audit", "intake", "liaison", "gateway"];
/// Crates that do no I/O and know no clock, and what would let them.
const PURE: [&str; 3] = ["crates/domain", "crates/stix", "crates/ledger"];
const IMPURE: [&str; 12] = [
    "tokio",
    "tonic",
    "prost",
    "rusqlite",
    "tokio-postgres",
    "rand",
    "getrandom",
    "time",
    "chrono",
    "uuid",
    "reqwest",
    "hyper",
];
/// Crates that know SQL: the pools, and the stores of services.
const SQL_CLIENTS: [&str; 3] = ["rusqlite", "tokio-postgres", "async-nats"];
/// Names under which everything ends up together.
const BANNED_NAMES: [&str; 4] = ["common", "utils", "types", "core"];

/// What `cargo metadata` says, as far as it is asked.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Deserialize)]
struct Package {
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

/// A direct dependency, whatever the platform.
#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent, "dev" or "build".
    kind: Option<String>,
}

/// Every fault of the dependency table.
pub(super) fn check(root: &Path) -> Vec<String> {
    let metadata = match metadata(root) {
        Ok(metadata) => metadata,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let manifest = Path::new(&package.manifest_path);
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(manifest);
        let folder = folder.to_string_lossy().replace('\\', "/");
        faults.extend(package_faults(&folder, &package.dependencies));
        let text = std::fs::read_to_string(manifest).unwrap_or_default();
        faults.extend(manifest_faults(&folder, &text.parse().unwrap_or_default()));
    }
    faults
}

fn metadata(root: &Path) -> Result<Metadata, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let answer = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("`cargo metadata` could not start: {error}"))?;
    serde_json::from_slice(&answer.stdout)
        .map_err(|error| format!("`cargo metadata` does not decode: {error}"))
}

fn package_faults(folder: &str, dependencies: &[Dependency]) -> Vec<String> {
    let mut faults = Vec::new();
    let last = folder.rsplit('/').next().unwrap_or(folder);
    if BANNED_NAMES.contains(&last) {
        faults.push(format!("{folder}: no crate is called `{last}`; name it by what it does"));
    }
    for Dependency { name, kind } in dependencies {
        let only_in_tests = kind.as_deref() == Some("dev");
        if !only_in_tests && PURE.contains(&folder) && IMPURE.contains(&name.as_str()) {
            faults.push(format!(
                "{folder} depends on `{name}`: it does no I/O and knows no clock and no randomness"
            ));
        }
        let has_a_store = folder == "crates/persist" || folder.starts_with("services/");
        if !only_in_tests && !has_a_store && SQL_CLIENTS.contains(&name.as_str()) {
            faults.push(format!(
                "{folder} depends on `{name}`: only persist and the services' stores know SQL"
            ));
        }
        if let Some(ours) = name.strip_prefix("entente-") {
            faults.extend(our_fault(folder, ours, only_in_tests));
        }
    }
    faults
}

/// Whether one of our crates may use another. Tests may use the testkit and every crate, but no other service's.
fn our_fault(folder: &str, used: &str, only_in_tests: bool) -> Option<String> {
    if used == "testkit" {
        return (!only_in_tests).then(|| format!("{folder} depends on the testkit outside of tests"));
    }
    let allowed: Vec<&str> = match folder.strip_prefix("services/") {
        Some(service) => {
            let ledger = (only_in_tests || LEDGER_USERS.contains(&service)).then_some("ledger");
            SERVICE.into_iter().chain(ledger).collect()
        }
        None if only_in_tests => return None,
        None => ALLOWED.iter().find(|(name, _)| *name == folder)?.1.to_vec(),
    };
    let fault = || format!("{folder} depends on `{used}`, which the layout does not allow");
    (!allowed.contains(&used)).then(fault)
}

fn manifest_faults(folder: &str, manifest: &toml::Table) -> Vec<String> {
    let mut faults = Vec::new();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if lints != Some(true) {
        faults.push(format!("{folder}/Cargo.toml: [lints] workspace = true is missing"));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                faults.push(format!(
                    "{folder}/Cargo.toml: `{name}` states its own version; take it from the workspace"
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(folder: &str, name: &str, kind: Option<&str>) -> usize {
        package_faults(folder, &[Dependency { name: name.to_owned(), kind: kind.map(str::to_owned) }]).len()
    }

    #[test]
    fn the_table_of_the_layout_is_kept() {
        assert_eq!(faults("services/intake", "entente-access", None), 1, "another service's crate");
        assert_eq!(faults("services/intake", "entente-access", Some("dev")), 1, "not even in tests");
        assert_eq!(faults("services/alerting", "entente-ledger", None), 1);
        assert_eq!(faults("services/audit", "entente-ledger", None), 0);
        assert_eq!(faults("crates/chassis", "entente-persist", None), 1);
        assert_eq!(faults("crates/entente", "entente-persist", None), 1, "store access");
        assert_eq!(faults("crates/entente", "rusqlite", None), 1);
        assert_eq!(faults("crates/domain", "tokio", None), 1);
        assert_eq!(faults("crates/domain", "tokio", Some("dev")), 0);
        assert_eq!(faults("services/intake", "entente-testkit", None), 1);
        assert_eq!(faults("services/intake", "entente-testkit", Some("dev")), 0);
        assert_eq!(faults("crates/utils", "serde", None), 1);
    }

    #[test]
    fn a_manifest_takes_lints_and_versions_from_the_workspace() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        let bad = "[dependencies]\nserde = \"1\"\n[dev-dependencies]\ntempfile = { version = \"3\" }\n";
        assert!(manifest_faults("crates/x", &good.parse().unwrap_or_default()).is_empty());
        assert_eq!(manifest_faults("crates/x", &bad.parse().unwrap_or_default()).len(), 3);
    }
}
