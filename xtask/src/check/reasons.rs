//! Error reasons: each is used somewhere, and docs/errors.md says what it says in the proto.

use std::path::Path;

use super::Source;
use crate::docs;

/// Every fault of the reasons.
pub(super) fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for reason in docs::reasons() {
        let variant = format!("ErrorReason::{}", camel(&reason.name));
        let used = sources
            .iter()
            .filter(|source| source.path.contains("/src/") && source.path != "crates/chassis/src/status.rs")
            .any(|source| names_exactly(&source.text, &variant));
        if !used {
            faults
                .push(format!("error reason {} is used nowhere: use it or reserve its number", reason.name));
        }
    }
    let stored = std::fs::read_to_string(root.join(docs::ERRORS)).unwrap_or_default();
    if stored != docs::errors() {
        faults.push(format!("{} is not what the proto says: run `cargo xtask docs`", docs::ERRORS));
    }
    faults
}

/// True if `text` has `name` not followed by more of an identifier.
fn names_exactly(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        text.get(at + name.len()..)
            .and_then(|rest| rest.chars().next())
            .is_none_or(|next| !next.is_alphanumeric())
    })
}

/// `TOKEN_EXPIRED` as prost names the variant: `TokenExpired`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let lower = word.to_lowercase();
            let mut letters = lower.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect()
}
