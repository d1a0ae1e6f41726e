//! What the words of a source file may name: the wire stays in `service`, `convert`, `status` and `peers/`, SQL in
//! `store/`, and only `chassis::status` makes a `tonic::Status`.

use std::path::Path;

use super::Source;

/// Files of a service that speak only the service's own words.
const INNER: [&str; 5] = ["app.rs", "app/", "error.rs", "store.rs", "peers.rs"];
/// What those must not name.
const WIRE: [&str; 3] = ["tonic::", "prost::", "entente_proto"];
const SQL: [&str; 2] = ["rusqlite::", "tokio_postgres::"];
/// Constructors that only the chassis may call.
const STATUS_MAKERS: [&str; 4] =
    ["Status::new(", "Status::with_details(", "Status::internal(", "Status::not_found("];

/// Every fault of the use rules.
pub(super) fn check(_root: &Path, sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(source_faults).collect()
}

fn source_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let inside =
        source.path.strip_prefix("services/").and_then(|path| path.split_once("/src/")).map(|(_, rest)| rest);
    for (number, line) in code_lines(&source.text) {
        let place = format!("{}:{number}", source.path);
        if let Some(rest) = inside {
            if INNER.iter().any(|inner| rest.starts_with(inner)) {
                for word in WIRE.iter().chain(&SQL).filter(|word| line.contains(*word)) {
                    faults.push(format!("{place} names `{word}`: {rest} speaks the service's own words"));
                }
            }
            if !rest.starts_with("store/")
                && !rest.starts_with("store.rs")
                && SQL.iter().any(|word| line.contains(word))
            {
                faults.push(format!("{place} names a SQL client: SQL lives in store/"));
            }
        }
        let makes_status = STATUS_MAKERS.iter().any(|maker| line.contains(maker));
        let test = source.path.contains("/tests/")
            || source.path.starts_with("xtask/")
            || source.path.starts_with("crates/testkit/");
        if makes_status && !test && source.path != "crates/chassis/src/status.rs" {
            faults.push(format!("{place} makes a Status: only chassis::status does"));
        }
    }
    faults
}

/// Lines with their numbers, comments left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}
