//! What the words of a source file may name: the wire stays in `service`, `convert`, `status` and `peers/`, SQL in
//! `store/`, only `chassis::status` makes a `tonic::Status`, and what does no I/O names nothing that does.

use super::Source;

/// Files of a service that see the wire; `lib` only to put the service together, `otlp` is audit's second surface.
const WIRE_FILES: [&str; 10] = [
    "service.rs",
    "service/",
    "convert.rs",
    "convert/",
    "status.rs",
    "peers/",
    "otlp.rs",
    "otlp/",
    "lib.rs",
    "routes",
];
/// What the others must not name.
const WIRE: [&str; 4] = ["tonic::", "prost::", "prost_types::", "entente_proto"];
/// Files that see SQL.
const SQL_FILES: [&str; 1] = ["store/"];
const SQL: [&str; 2] = ["rusqlite::", "tokio_postgres::"];
/// Constructors that only the chassis may call.
const STATUS_MAKERS: [&str; 5] = [
    "Status::new(",
    "Status::with_details(",
    "Status::internal(",
    "Status::not_found(",
    "Status::unavailable(",
];
/// Where statuses may be made: the chassis, and what only tests and measures run.
const STATUS_FILES: [&str; 3] = ["crates/chassis/src/status.rs", "xtask/", "crates/testkit/"];
/// Crates without I/O, clock, randomness and environment (layout, "Who may use whom"), and what would be one.
const PURE: [&str; 3] = ["crates/domain/src/", "crates/stix/src/", "crates/ledger/src/"];
const IMPURE: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "::rand::",
    "TcpStream",
];
/// The chassis knows no service: of the protos it names the common package alone.
const SERVICE_PROTOS: [&str; 4] =
    ["entente_proto::intake", "entente_proto::access", "entente_proto::alerting", "entente_proto::audit"];

/// Every fault of the use rules.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(source_faults).collect()
}

fn source_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let path = &source.path;
    let service_file =
        path.strip_prefix("services/").and_then(|path| path.split_once("/src/")).map(|(_, file)| file);
    for (number, line) in code_lines(&source.text) {
        let mut fault = |text: String| faults.push(format!("{path}:{number} {text}"));
        if let Some(file) = service_file {
            if let Some(word) = forbidden(file, &WIRE_FILES, line, &WIRE) {
                fault(format!("names `{word}`: {file} speaks the service's own words"));
            }
            if let Some(word) = forbidden(file, &SQL_FILES, line, &SQL) {
                fault(format!("names `{word}`: SQL lives in store/"));
            }
        }
        if !path.contains("/tests/") && forbidden(path, &STATUS_FILES, line, &STATUS_MAKERS).is_some() {
            fault("makes a Status: only chassis::status does".to_owned());
        }
        if is_below(path, &PURE)
            && let Some(word) = IMPURE.iter().find(|word| line.contains(*word))
        {
            fault(format!("names `{word}`: this crate does no I/O and knows no clock and no randomness"));
        }
        if path.starts_with("crates/chassis/src/")
            && let Some(word) = SERVICE_PROTOS.iter().find(|word| line.contains(*word))
        {
            fault(format!("names `{word}`: the chassis knows no service's vocabulary"));
        }
    }
    faults
}

/// The first of `words` that a line names although its file is none of those that may.
fn forbidden(file: &str, allowed: &[&str], line: &str, words: &[&'static str]) -> Option<&'static str> {
    if is_below(file, allowed) {
        return None;
    }
    words.iter().find(|word| line.contains(*word)).copied()
}

fn is_below(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}

/// Lines with their numbers, comments and what only tests run left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    super::shipped(text)
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !is_comment(line))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        source_faults(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn the_wire_and_sql_stay_where_they_belong() {
        assert_eq!(faults("services/intake/src/app/read_report.rs", "use tonic::Status;"), 1);
        assert_eq!(faults("services/intake/src/worker.rs", "use entente_proto::intake::v1::Report;"), 1);
        assert_eq!(faults("services/intake/src/store/sqlite.rs", "use prost::Message;"), 1);
        assert_eq!(faults("services/intake/src/service/bulk.rs", "use tonic::Status;"), 0);
        assert_eq!(faults("services/intake/src/peers/audit.rs", "use entente_proto::audit::v1::Who;"), 0);
        assert_eq!(faults("services/intake/src/peers.rs", "use entente_proto::audit::v1::Who;"), 1);
        assert_eq!(faults("services/intake/src/app.rs", "use rusqlite::Connection;"), 1);
        assert_eq!(faults("services/intake/src/store/sqlite.rs", "use rusqlite::Connection;"), 0);
        assert_eq!(faults("services/intake/src/app.rs", "// tonic::Status is not named here"), 0);
    }

    #[test]
    fn only_the_chassis_makes_a_status() {
        assert_eq!(faults("services/intake/src/service.rs", "Err(Status::internal(text))"), 1);
        assert_eq!(faults("crates/chassis/src/status.rs", "Status::new(code, text)"), 0);
        assert_eq!(faults("services/intake/tests/rpc.rs", "Status::internal(text)"), 0);
    }

    #[test]
    fn rules_that_are_values_know_no_clock_and_the_chassis_no_service() {
        assert_eq!(faults("crates/domain/src/day.rs", "let now = std::time::SystemTime::now();"), 1);
        assert_eq!(
            faults("crates/domain/src/day.rs", "#[cfg(test)]\nmod tests {\n    std::fs::read(x);\n}\n"),
            0
        );
        assert_eq!(faults("crates/chassis/src/call.rs", "use entente_proto::intake::v1::Report;"), 1);
        assert_eq!(faults("crates/chassis/src/policy.rs", "use entente_proto::common::v1::RpcPolicy;"), 0);
    }
}
