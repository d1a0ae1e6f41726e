//! How the story reads: numbered steps, paragraphs within 78 columns, a line per claim. Or one JSON object per step.

use std::path::Path;

use serde_json::json;

use crate::{
    exit::{Failure, REFUSED},
    output,
};

/// Widest line of a paragraph.
const COLUMNS: usize = 78;
const INDENT: &str = "   ";

/// One claim and whether it held.
struct Claim {
    text: String,
    held: bool,
}

/// Tells the story and keeps account of it.
pub(super) struct Narrator {
    json: bool,
    step: usize,
    title: String,
    claims: Vec<Claim>,
    claims_broken: usize,
}

impl Narrator {
    /// Nothing told yet.
    pub(super) fn new(json: bool) -> Narrator {
        Narrator { json, step: 0, title: String::new(), claims: Vec::new(), claims_broken: 0 }
    }

    /// Names the story.
    pub(super) fn title(&self, title: &str) {
        if !self.json {
            println!("{title}\n{}\n", "=".repeat(title.chars().count()));
        }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.close_step();
        self.step += 1;
        title.clone_into(&mut self.title);
        if !self.json {
            println!("\n{}. {title}", self.step);
        }
    }

    /// A paragraph.
    pub(super) fn tell(&self, text: &str) {
        if !self.json {
            let indent = if self.step == 0 { "" } else { INDENT };
            wrap(text, COLUMNS - indent.len()).iter().for_each(|line| println!("{indent}{line}"));
        }
    }

    /// A line as it is.
    pub(super) fn show(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// A claim; a step holds if all its claims do.
    pub(super) fn claim(&mut self, text: impl Into<String>, held: bool) {
        let text = text.into();
        self.claims_broken += usize::from(!held);
        if !self.json {
            let mark = if held { "ok " } else { "NO " };
            let lines = wrap(&text, COLUMNS - INDENT.len() - mark.len() - 1);
            for (index, line) in lines.iter().enumerate() {
                println!("{INDENT}{} {line}", if index == 0 { mark } else { "   " });
            }
        }
        self.claims.push(Claim { text, held });
    }

    /// The story cannot go on.
    pub(super) fn broken(&mut self, failure: &Failure) {
        self.claim(format!("the story ends here: {failure}"), false);
    }

    /// The end, and the exit code.
    pub(super) fn finish(mut self, kept: Option<&Path>) -> Result<(), Failure> {
        self.close_step();
        if self.claims_broken > 0 {
            return Err(Failure::new(
                REFUSED,
                format!("{} claim(s) of the story did not hold", self.claims_broken),
            ));
        }
        if !self.json {
            println!("\nEvery step held.");
            match kept {
                Some(data) => println!("The mesh's data is kept: entente up --data {}", data.display()),
                None => println!("To try it yourself: entente up"),
            }
        }
        Ok(())
    }

    fn close_step(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        if self.json && self.step > 0 {
            let held = claims.iter().all(|claim| claim.held);
            let claims: Vec<_> =
                claims.iter().map(|claim| json!({ "claim": claim.text, "held": claim.held })).collect();
            output::json_line(
                &json!({ "step": self.step, "title": self.title, "held": held, "claims": claims }),
            );
        }
    }
}

/// Breaks a text between words; a word longer than a line stands alone.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let wide = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && wide > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_keeps_its_words_and_its_columns() {
        let text = "one two three four five six seven eight nine ten";
        let lines = wrap(text, 11);
        assert!(lines.iter().all(|line| line.chars().count() <= 11), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap("incomprehensibilities are", 5), ["incomprehensibilities", "are"]);
    }

    #[test]
    fn one_claim_that_does_not_hold_breaks_the_story() {
        let mut narrator = Narrator::new(true);
        narrator.step("a step");
        narrator.claim("the sea is wet", true);
        narrator.claim("the sea is dry", false);
        assert!(narrator.finish(None).is_err());
    }
}
