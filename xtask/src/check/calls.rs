//! The call graph between services: the clients each service has, the callers each RPC names, and the stored file must
//! agree, so that a new edge shows in review; and no call may come back to where it started. That the network policies
//! of deploy/kubernetes say the same is tested in tests/manifests.rs.

use std::{collections::BTreeSet, path::Path};

use entente_chassis::policy::Policies;

use super::{Source, files::services, protos::service_names};

/// The stored graph: a line `caller -> callee` per edge.
pub(crate) const GRAPH: &str = "xtask/call-graph.txt";

/// Every fault of the call graph.
pub(super) fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    let stored = stored(root);
    let clients = clients(root, sources);
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
    if let Some((caller, callee)) = back_edge(&stored) {
        faults.push(format!("{caller} -> {callee}: part of a cycle in {GRAPH}"));
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

/// A client that a service's sources name is a call that it makes.
fn clients(root: &Path, sources: &[Source]) -> Edges {
    let services = services(root);
    let mut edges = Edges::new();
    for source in sources {
        let Some((caller, _)) =
            source.path.strip_prefix("services/").and_then(|path| path.split_once("/src/"))
        else {
            continue;
        };
        for callee in
            services.iter().filter(|callee| source.text.contains(&format!("{callee}_service_client")))
        {
            edges.insert((caller.to_owned(), callee.clone()));
        }
    }
    edges
}

/// An edge by which a call could come back to where it started.
fn back_edge(edges: &Edges) -> Option<&(String, String)> {
    edges.iter().find(|(caller, callee)| {
        let mut reached = BTreeSet::from([callee.as_str()]);
        loop {
            let before = reached.len();
            let next: Vec<&str> = edges
                .iter()
                .filter(|(from, _)| reached.contains(from.as_str()))
                .map(|(_, to)| to.as_str())
                .collect();
            reached.extend(next);
            if reached.len() == before {
                return reached.contains(caller.as_str());
            }
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> Edges {
        text.split(", ")
            .filter_map(|edge| edge.split_once('>'))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    }

    #[test]
    fn a_cycle_is_found_and_a_diamond_is_none() {
        assert_eq!(back_edge(&edges("a>b, a>c, b>d, c>d")), None);
        assert!(back_edge(&edges("a>b, b>c, c>a, c>d")).is_some());
    }
}
