//! `cargo xtask data`: which real input is there, and where it was looked for.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// Files tests and benchmarks know of; data/README says what they are.
const FILES: [&str; 4] =
    ["enterprise_attack_18_1.json.gz", "attack_capec_21.json.gz", "stix_corpus.jsonl.gz", "news_report.txt"];

/// The folder of real input: `ENTENTE_DATA_DIR`, else `../shared/data` beside the checkout.
pub(crate) fn folder(root: &Path) -> PathBuf {
    std::env::var_os("ENTENTE_DATA_DIR").map_or_else(|| root.join("../shared/data"), PathBuf::from)
}

/// Prints what is there.
pub(crate) fn run(root: &Path) -> Outcome {
    let folder = folder(root);
    println!("real input in {} (ENTENTE_DATA_DIR)", folder.display());
    for name in FILES {
        match std::fs::metadata(folder.join(name)) {
            Ok(found) => println!("  {name}: {} bytes", found.len()),
            Err(_) => println!("  {name}: absent; tests that use it are skipped by name"),
        }
    }
    Ok(())
}
