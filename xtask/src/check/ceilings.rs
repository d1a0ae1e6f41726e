//! How large a crate may grow before somebody must stop and think. The thinking is the file: a crate that outgrows its
//! line there needs a larger number with its reason, and both show in review.

use std::{collections::BTreeMap, path::Path};

use super::{Source, shipped};

/// The stored ceilings: crate folder, lines, reason.
const CEILINGS: &str = "xtask/ceilings.txt";

/// Every crate above its ceiling, and every line of the file that says nothing.
pub(super) fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    let stored = std::fs::read_to_string(root.join(CEILINGS)).unwrap_or_default();
    let mut faults = Vec::new();
    for line in stored.lines().filter(|line| !line.starts_with('#')) {
        match ceiling(line) {
            Some((folder, most)) => {
                let lines = lines_of_code(sources, folder);
                if lines > most {
                    faults.push(format!(
                        "{folder} has {lines} lines of code, more than the {most} of {CEILINGS}: split it, or raise \
                         the number there and say why"
                    ));
                }
            }
            None => faults.push(format!("{CEILINGS}: `{line}` is not `<folder> <lines> <reason>`")),
        }
    }
    if faults.is_empty() && stored.is_empty() {
        faults.push(format!("{CEILINGS} is missing or empty"));
    }
    faults
}

fn ceiling(line: &str) -> Option<(&str, usize)> {
    let mut words = line.split_whitespace();
    let (folder, most) = (words.next()?, words.next()?.replace('_', "").parse().ok()?);
    words.next().map(|_reason| (folder, most))
}

/// Lines that ship and say something: no tests, no comments, no blank lines.
fn lines_of_code(sources: &[Source], folder: &str) -> usize {
    let prefix = format!("{folder}/src/");
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with(&prefix)) {
        let code =
            shipped(&source.text).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        files.insert(&source.path, if source.path.ends_with("/tests.rs") { 0 } else { code.count() });
    }
    files.values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ships_is_counted() {
        let text = "//! Head.\n\nfn one() {\n}\n\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\n";
        let sources = [
            Source { path: "crates/x/src/lib.rs".to_owned(), text: text.to_owned() },
            Source { path: "crates/x/src/part/tests.rs".to_owned(), text: text.to_owned() },
            Source { path: "crates/xy/src/lib.rs".to_owned(), text: text.to_owned() },
        ];
        assert_eq!(lines_of_code(&sources, "crates/x"), 2);
    }

    #[test]
    fn a_ceiling_has_a_reason() {
        assert_eq!(ceiling("crates/x 3_500 the layout's"), Some(("crates/x", 3_500)));
        assert_eq!(ceiling("crates/x 3500"), None);
    }
}
