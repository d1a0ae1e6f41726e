//! Decides worked cases of anybody's: reads a file in the form of `tests/golden/labels-cases.json`, prints one JSON line
//! per case. A case that makes no sense gets a line with an `error`.
//!
//! `cargo run -p entente-domain --example decide_cases -- FILE`

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

#[path = "support/cases.rs"]
mod cases;

use self::cases::Cases;

fn main() -> ExitCode {
    let lines = match std::env::args_os().nth(1).map(std::fs::read) {
        Some(Ok(bytes)) => decide_all(&bytes),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("name a file of cases".to_owned()),
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

fn decide_all(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let cases = document.get("cases").and_then(Value::as_array).ok_or("the file has no list `cases`")?;
    let world = Cases::new(&document);
    Ok(cases.iter().map(|case| world.decide(case).to_line(case)).collect())
}

fn print(lines: &[Value]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
