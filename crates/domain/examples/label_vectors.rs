//! Computes label vectors of anybody's: reads a file in the form of `tests/golden/labels-vectors.json`, prints one JSON line
//! per vector with what its kind computes. A vector that makes no sense gets a line with an `error`.
//!
//! Originators are checked against the `orgs` of the file; if it has none, of `labels-cases.json` beside it; if there is
//! none either, of our own cases.
//!
//! `cargo run -p entente-domain --example label_vectors -- FILE`

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

#[path = "support/vectors.rs"]
mod vectors;

/// Our own cases, for their organizations.
const CASES: &str = include_str!("../tests/golden/labels-cases.json");

fn main() -> ExitCode {
    let lines = match std::env::args_os().nth(1) {
        Some(file) => compute_all(Path::new(&file)),
        None => Err("name a file of vectors".to_owned()),
    };
    let (lines, code) = match lines {
        Ok(lines) => (lines, ExitCode::SUCCESS),
        Err(error) => (vec![json!({ "error": error })], ExitCode::FAILURE),
    };
    match print(&lines) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn compute_all(file: &Path) -> Result<Vec<Value>, String> {
    let document = read(file)?;
    if document.get("orgs").is_some() {
        return Ok(vectors::compute(&document, &document));
    }
    let beside = read(&file.with_file_name("labels-cases.json"));
    let orgs = match beside {
        Ok(cases) => cases,
        Err(_) => serde_json::from_str(CASES).map_err(|error| error.to_string())?,
    };
    Ok(vectors::compute(&document, &orgs))
}

fn read(file: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn print(lines: &[Value]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
