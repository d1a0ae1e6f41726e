//! Error reasons: each is used somewhere, and docs/errors.md says what it says in the proto.

use std::path::Path;

use super::Source;
use crate::docs;

/// Where a reason is named without anybody being refused for it: the table of codes, tests, measures.
const NO_USE: [&str; 3] = ["crates/chassis/src/status.rs", "crates/testkit/", "xtask/"];

/// Every fault of the reasons.
pub(super) fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for reason in docs::reasons() {
        let variant = format!("ErrorReason::{}", camel(&reason.name));
        let used = sources
            .iter()
            .filter(|source| {
                source.path.contains("/src/") && !NO_USE.iter().any(|prefix| source.path.starts_with(prefix))
            })
            .any(|source| super::shipped(&source.text).any(|line| names_exactly(line, &variant)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_not_taken_for_a_longer_one() {
        assert!(names_exactly("Fault::new(ErrorReason::NotFound, text)", "ErrorReason::NotFound"));
        assert!(!names_exactly("Fault::new(ErrorReason::NotFoundHere, text)", "ErrorReason::NotFound"));
        assert_eq!(camel("TOKEN_EXPIRED"), "TokenExpired");
    }

    #[test]
    fn every_reason_of_the_proto_says_what_it_means() {
        assert!(docs::reasons().len() > 30);
        assert!(docs::reasons().iter().all(|reason| reason.comment.ends_with('.')));
    }
}
