//! File rules: length, the `//!` head, names of a service's files, no `mod.rs`, documents.

use std::path::Path;

use super::Source;

/// No file is longer (styleguide 4).
const LINES_MAX: usize = 500;
/// A service's main only hands over (layout, "One service, file by file").
const MAIN_LINES_MAX: usize = 40;
/// Documents the README sends a reader to.
const DOCUMENTS: [&str; 5] =
    ["README.md", "docs/architecture.md", "docs/operate.md", "docs/threat-model.md", "docs/errors.md"];
/// The names a service's source files may have; folders of the same name may stand beside them.
const SERVICE_FILES: [&str; 16] = [
    "main", "lib", "config", "service", "convert", "app", "store", "peers", "worker", "error", "status",
    "routes", "otlp", "index", "log", "matching",
];

/// Every fault of the file rules.
pub(super) fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut faults: Vec<String> = sources.iter().flat_map(file_faults).collect();
    for document in DOCUMENTS.iter().filter(|document| !root.join(document).exists()) {
        faults.push(format!("{document} is missing"));
    }
    for service in services(root) {
        for required in
            ["lib.rs", "main.rs", "service.rs", "convert.rs", "app.rs", "store.rs", "error.rs", "status.rs"]
        {
            if !root.join("services").join(&service).join("src").join(required).exists() {
                faults.push(format!("services/{service}/src/{required} is missing: every service has it"));
            }
        }
        for required in ["rpc.rs", "denied.rs", "store.rs"] {
            if !root.join("services").join(&service).join("tests").join(required).exists() {
                faults.push(format!("services/{service}/tests/{required} is missing: every service has it"));
            }
        }
    }
    faults
}

/// Names of the services there are.
pub(super) fn services(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root.join("services"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn file_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let path = &source.path;
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{path} has {lines} lines, more than {LINES_MAX}: split it by what it does"));
    }
    if path.ends_with("/mod.rs") {
        faults.push(format!("{path}: use name.rs beside name/, never mod.rs"));
    }
    let head = source.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!"));
    if !head.is_some_and(|line| line.starts_with("//!")) {
        faults.push(format!("{path} does not open with `//!`: say what it is for"));
    }
    faults.extend(service_file_faults(path, lines));
    faults
}

fn service_file_faults(path: &str, lines: usize) -> Option<String> {
    let (service, rest) = path.strip_prefix("services/")?.split_once("/src/")?;
    if rest == "main.rs" && lines > MAIN_LINES_MAX {
        return Some(format!("{path} has {lines} lines, more than {MAIN_LINES_MAX}: main only hands over"));
    }
    let name = rest.split('/').next()?.trim_end_matches(".rs");
    let known = SERVICE_FILES.contains(&name);
    (!known).then(|| format!("{path}: `{name}` is not one of the file names of a service ({service})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        file_faults(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_file_says_what_it_is_for_and_is_not_too_long() {
        assert_eq!(faults("crates/x/src/part.rs", "//! A part.\nfn one() {}\n"), 0);
        assert_eq!(faults("crates/x/src/part.rs", "fn one() {}\n"), 1);
        assert_eq!(faults("crates/x/src/part.rs", &format!("//! A part.\n{}", "\n".repeat(LINES_MAX))), 1);
        assert_eq!(faults("crates/x/src/part/mod.rs", "//! A part.\n"), 1);
    }

    #[test]
    fn a_service_has_the_files_that_every_service_has() {
        assert_eq!(faults("services/intake/src/app/read_report.rs", "//! Reads.\n"), 0);
        assert_eq!(faults("services/intake/src/helpers.rs", "//! Helps.\n"), 1);
        assert_eq!(faults("services/intake/src/main.rs", &format!("//! Main.\n{}", "\n".repeat(40))), 1);
    }
}
