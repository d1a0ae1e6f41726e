//! Rows of a benchmark: printed as a table, written as JSON.

use std::{fs, path::Path};

use serde::Serialize;

use super::BenchResult;

/// What a ratio must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Shown for the reader; not judged.
    None,
}

/// One measured value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    target: String,
    met: Option<bool>,
}

/// The rows of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a row.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) {
        let (text, met) = match target {
            Target::AtLeast(least) => (format!(">= {least}"), Some(value >= least)),
            Target::AtMost(most) => (format!("<= {most}"), Some(value <= most)),
            Target::None => (String::new(), None),
        };
        self.rows.push(Row { name: name.into(), value, unit, target: text, met });
    }

    /// Prints the table and writes the rows.
    pub(crate) fn finish(&self, path: &Path) -> BenchResult<()> {
        println!("\n{:<58} {:>12} {:<10} {:<9} met", "what", "value", "unit", "target");
        for row in &self.rows {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            println!("{:<58} {:>12.3} {:<10} {:<9} {met}", row.name, row.value, row.unit, row.target);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, serde_json::to_vec_pretty(&self.rows)?)?;
        println!("\nrows written to {}", path.display());
        Ok(())
    }
}

/// The middle value; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value below which `share` of all lie; 0 of nothing.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index from a share between 0 and 1"
    )]
    let index = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
    values.get(index).copied().unwrap_or_default()
}
