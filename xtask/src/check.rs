//! `cargo xtask check`: the layout rules of docs/architecture.md, each in a file of its own. Every rule lists all its
//! faults; nothing is fixed here.

mod calls;
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
    faults.extend(dependencies::check(root));
    faults.extend(uses::check(root, &sources));
    faults.extend(protos::check(root));
    faults.extend(reasons::check(root, &sources));
    faults.extend(calls::check(root));
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
