//! The text index: FTS5 over the words of each version, by position. What it finds is only ever a list of positions,
//! which the query by labels then goes through.

use std::fmt::Write as _;

use rusqlite::{Connection, params};

use super::sql_limit;
use crate::{error::Error, store::TextTerm};

/// Highest position indexed.
pub(super) fn reached(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.query_row("SELECT position FROM progress", [], |row| row.get(0))?)
}

/// Indexes texts and remembers how far the index now reaches.
pub(super) fn add(connection: &Connection, texts: &[(i64, String)], upto: i64) -> Result<(), Error> {
    let reached = reached(connection)?;
    let mut insert = connection.prepare_cached("INSERT INTO report_text (rowid, body) VALUES (?1, ?2)")?;
    // INVARIANT: texts and progress change as one, so a crash neither loses a text nor indexes it twice.
    for (position, text) in texts.iter().filter(|(position, _)| *position > reached) {
        insert.execute(params![position, text])?;
    }
    connection.prepare_cached("UPDATE progress SET position = max(position, ?1)")?.execute([upto])?;
    Ok(())
}

/// Positions not above `upto` that match, highest first.
pub(super) fn matches(
    connection: &Connection,
    expression: &str,
    upto: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT rowid FROM report_text WHERE report_text MATCH ?1 AND rowid <= ?2 ORDER BY rowid DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![expression, upto, sql_limit(limit)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The terms as FTS5 reads them: every text is quoted, so nothing of it is an operator.
pub(super) fn expression(terms: &[TextTerm]) -> String {
    let mut expression = String::new();
    for term in terms {
        let (text, star) = match term {
            TextTerm::Phrase(text) => (text, ""),
            TextTerm::Prefix(text) => (text, "*"),
        };
        let and = if expression.is_empty() { "" } else { " AND " };
        // Writing to a string does not fail.
        let _ = write!(expression, "{and}\"{}\"{star}", text.replace('"', "\"\""));
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_caller_writes_is_an_operator() {
        let terms = [
            TextTerm::Phrase("harbour OR *".into()),
            TextTerm::Phrase("a\"b".into()),
            TextTerm::Prefix("fer".into()),
        ];
        assert_eq!(expression(&terms), "\"harbour OR *\" AND \"a\"\"b\" AND \"fer\"*");
    }
}
