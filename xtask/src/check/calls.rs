//! The call graph between services: the clients each service has (`peers/*.rs`), the callers each RPC names, and the
//! stored file must agree, so that a new edge shows in review.

use std::{collections::BTreeSet, path::Path};

use entente_chassis::policy::Policies;

use super::{files::services, protos::service_names};

/// The stored graph: a line `caller -> callee` per edge.
pub(crate) const GRAPH: &str = "xtask/call-graph.txt";

/// Every fault of the call graph.
pub(super) fn check(root: &Path) -> Vec<String> {
    let stored = stored(root);
    let clients = clients(root);
    let allowed = allowed();
    let mut faults = Vec::new();
    for edge in clients.difference(&stored) {
        faults.push(format!("{} -> {}: a client that {GRAPH} does not list", edge.0, edge.1));
    }
    for edge in stored.difference(&clients) {
        faults.push(format!("{} -> {}: listed in {GRAPH}, but there is no client", edge.0, edge.1));
    }
    for edge in clients.difference(&allowed) {
        faults.push(format!("{} -> {}: no RPC of {} lets {} call", edge.0, edge.1, edge.1, edge.0));
    }
    for edge in allowed.difference(&stored) {
        faults.push(format!("{} -> {}: an RPC allows it, {GRAPH} does not list it", edge.0, edge.1));
    }
    faults
}

type Edges = BTreeSet<(String, String)>;

fn stored(root: &Path) -> Edges {
    let text = std::fs::read_to_string(root.join(GRAPH)).unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" -> "))
        .map(|(caller, callee)| (caller.trim().to_owned(), callee.trim().to_owned()))
        .collect()
}

fn clients(root: &Path) -> Edges {
    let mut edges = Edges::new();
    for service in services(root) {
        for entry in std::fs::read_dir(root.join("services").join(&service).join("src/peers"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(callee) = name.strip_suffix(".rs") {
                edges.insert((service.clone(), callee.to_owned()));
            }
        }
    }
    edges
}

fn allowed() -> Edges {
    let names = service_names();
    let full: Vec<&str> = names.iter().map(String::as_str).collect();
    let Ok(policies) = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &full) else {
        return Edges::new();
    };
    let mut edges = Edges::new();
    for policy in policies.iter() {
        // "/entente.intake.v1.IntakeService/GetReport": the second segment of the package is the callee.
        let Some(callee) = policy.path.split('.').nth(1) else { continue };
        for caller in &policy.services {
            edges.insert((caller.clone(), callee.to_owned()));
        }
    }
    edges
}
