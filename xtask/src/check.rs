//! `cargo xtask check`: the layout rules of docs/architecture.md, each in a file of its own. Every rule lists all its
//! faults; nothing is fixed here.

mod calls;
mod ceilings;
mod dependencies;
mod files;
mod protos;
mod reasons;
mod uses;

use std::path::{Path, PathBuf};

use crate::Outcome;

/// Runs every rule and gathers the faults.
pub(crate) fn run(root: &Path) -> Outcome {
    let sources = rust_files(root);
    let mut faults = Vec::new();
    faults.extend(files::check(root, &sources));
    faults.extend(ceilings::check(root, &sources));
    faults.extend(dependencies::check(root));
    faults.extend(uses::check(&sources));
    faults.extend(protos::check());
    faults.extend(reasons::check(root, &sources));
    faults.extend(calls::check(root, &sources));
    if faults.is_empty() {
        println!("check: {} source files keep the layout", sources.len());
        Ok(())
    } else {
        Err(faults)
    }
}

/// A Rust file of the workspace.
pub(crate) struct Source {
    /// Path relative to the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// Every .rs file below the folders of the layout, sorted by path.
fn rust_files(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["proto", "services", "crates", "xtask"] {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            Some(Source { path, text })
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The lines of a file up to its unit tests, which stand last (styleguide 3).
fn shipped(text: &str) -> impl Iterator<Item = &str> {
    let next = text.lines().skip(1).map(Some).chain(std::iter::once(None));
    let is_end = |line: &str, next: Option<&str>| {
        line == "#[cfg(test)]" && next.is_some_and(|next| next.starts_with("mod "))
    };
    text.lines().zip(next).take_while(move |(line, next)| !is_end(line, *next)).map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_tests_do_not_ship_but_what_stands_before_them_does() {
        let text = "fn a() {}\n#[cfg(test)]\nuse x;\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(shipped(text).count(), 4);
        assert_eq!(shipped("fn a() {}\n").count(), 1);
    }
}
