//! What a person who started a mesh reads next: where it is, who can reach it, and commands that work when pasted.

use std::path::Path;

use crate::cli::Up;

/// Data folder that needs not be named.
const DEFAULT_DATA: &str = ".entente";
/// Letters that a shell leaves alone.
const PLAIN: &str = "/._-+=:,@%";

/// Prints it.
pub(super) fn print(arguments: &Up, data: &Path) {
    if !arguments.listen.is_loopback() {
        warn(arguments, data);
    }
    println!("\nThe mesh runs; everything it keeps is in {}.", data.display());
    println!("Three invented partners share it: VLD-COAST, ORS-CERT and KSI-ISAC. In another terminal:\n");
    let program = std::env::args().next().unwrap_or_else(|| "entente".to_owned());
    for line in steps(&program, &arguments.data) {
        println!("{line}");
    }
    println!("\nCtrl-C stops the mesh; started again on the same folder it goes on.");
}

fn warn(arguments: &Up, data: &Path) {
    println!("\nNOTE: the services listen on {}, not on this machine alone.", arguments.listen);
    println!("  Whoever reaches this machine reaches them, and gets no further than the handshake without");
    println!(
        "  a certificate of this mesh. The key that makes certificates is in {}/pki/ca:",
        data.display()
    );
    println!("  whoever copies it can be anyone here. Metrics and probes stay on 127.0.0.1.");
    println!(
        "  For a person elsewhere: copy their profile, their folder below pki/subject and endpoints.json,"
    );
    println!("  and put this machine's address into endpoints.json.");
}

/// The commands, each behind a line that says what it shows.
fn steps(program: &str, data: &Path) -> Vec<String> {
    let program = quote(program);
    let data = if data == Path::new(DEFAULT_DATA) {
        String::new()
    } else {
        format!(" --data {}", quote(&data.display().to_string()))
    };
    let label = "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
    let command = |words: &str| format!("  {program} {words}{data}");
    vec![
        "  # Orsenna asks to be told of a phrase".to_owned(),
        command("interest add --phrase \"night ferry\" --profile ORS-CERT/ilse"),
        "  # Valdoria submits a report for the two of them".to_owned(),
        format!("  echo 'Two crates on the night ferry.' | {program} report submit -{data} \\"),
        format!("    --operation TIDEWALL --label '{label}'"),
        "  # Orsenna is alerted and finds it; for the Kestrel Isles it is not there".to_owned(),
        command("alert watch --limit 1 --profile ORS-CERT/ilse"),
        command("report search ferry --count --profile ORS-CERT/ilse"),
        command("report search ferry --count --profile KSI-ISAC/jonas"),
        "  # Valdoria's auditor sees who was told".to_owned(),
        command("audit show --why 'a first look' --profile VLD-COAST/runa"),
        "  # Everything else".to_owned(),
        format!("  {program} --help"),
    ]
}

/// As a shell takes it for one word.
fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || PLAIN.contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_any_name_is_one_word_to_the_shell() {
        assert_eq!(quote("target/debug/entente"), "target/debug/entente");
        assert_eq!(quote("my mesh"), "'my mesh'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn the_usual_folder_is_not_named() {
        assert!(steps("entente", Path::new(DEFAULT_DATA)).iter().all(|line| !line.contains("--data")));
        let named = steps("entente", Path::new("elsewhere"));
        assert!(
            named
                .iter()
                .filter(|line| line.contains("--profile"))
                .all(|line| line.ends_with("--data elsewhere"))
        );
    }
}
