//! The search index in SQLite: one row per reader, term and record.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use entente_persist::{Database, PersistError};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::{count, signed, spans, unsigned};
use crate::{
    error::Error,
    store::{IndexStore, IndexedRecord, Search, SpanBounds, SpanRow, Term},
};

/// Bytes of a hashed value: enough that two ids never meet, half of what a whole hash would cost per row.
const VALUE_BYTES: usize = 16;

/// What can be found, on SQLite.
#[derive(Clone)]
pub struct SqliteIndex {
    database: Database,
}

impl SqliteIndex {
    pub(super) fn new(database: Database) -> SqliteIndex {
        SqliteIndex { database }
    }
}

#[async_trait]
impl IndexStore for SqliteIndex {
    async fn indexed(&self) -> Result<u64, Error> {
        let read = |connection: &Connection| {
            let indexed = connection.query_row("SELECT indexed FROM progress", [], |row| row.get(0));
            Ok(unsigned(indexed.map_err(PersistError::from)?))
        };
        self.database.read(read).await
    }

    async fn add(&self, records: Vec<IndexedRecord>, indexed: u64) -> Result<(), Error> {
        self.database.write(move |connection| Ok(add(connection, &records, indexed)?)).await
    }

    async fn find(&self, search: Search) -> Result<Vec<u64>, Error> {
        self.database.read(move |connection| Ok(find(connection, &search)?)).await
    }

    async fn add_spans(&self, rows: Vec<SpanRow>, receive_time_ms: i64) -> Result<(), Error> {
        self.database.write(move |connection| spans::add(connection, &rows, receive_time_ms)).await
    }

    async fn spans(&self, trace_id: [u8; 16], limit: usize) -> Result<Vec<SpanRow>, Error> {
        self.database.read(move |connection| spans::of_trace(connection, trace_id, limit)).await
    }

    async fn prune_spans(&self, bounds: SpanBounds) -> Result<bool, Error> {
        self.database.write(move |connection| Ok(spans::prune(connection, bounds)?)).await
    }
}

fn add(connection: &Connection, records: &[IndexedRecord], indexed: u64) -> Result<(), PersistError> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO term (reader_id, kind, value, entry_index) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut keep = connection.prepare_cached("INSERT OR IGNORE INTO audited_trace (trace_id) VALUES (?1)")?;
    // In the order of the table: neighbours meet on one page, which is then written once and not once per row.
    let mut rows = rows(connection, records)?;
    rows.sort_unstable();
    for (reader_id, kind, value, index) in rows {
        insert.execute(params![reader_id, kind, value, index])?;
    }
    for trace_id in records.iter().filter_map(|record| record.trace_id) {
        keep.execute(params![trace_id])?;
    }
    connection.prepare_cached("UPDATE progress SET indexed = ?1")?.execute([signed(indexed)])?;
    Ok(())
}

type Row = (i64, i64, Vec<u8>, i64);

/// Reader, kind, value and index of every term.
fn rows(connection: &Connection, records: &[IndexedRecord]) -> Result<Vec<Row>, PersistError> {
    let mut readers = HashMap::new();
    let mut rows = Vec::new();
    for record in records {
        for (reader, term) in &record.terms {
            let reader_id = match readers.get(reader) {
                Some(known) => *known,
                None => {
                    let made = make_reader(connection, reader)?;
                    readers.insert(reader.clone(), made);
                    made
                }
            };
            let (kind, value) = key(term);
            rows.push((reader_id, kind, value, signed(record.index)));
        }
    }
    Ok(rows)
}

fn make_reader(connection: &Connection, name: &str) -> Result<i64, PersistError> {
    connection.prepare_cached("INSERT OR IGNORE INTO reader (name) VALUES (?1)")?.execute([name])?;
    reader_id(connection, name)?.ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
}

fn reader_id(connection: &Connection, name: &str) -> Result<Option<i64>, PersistError> {
    let mut statement = connection.prepare_cached("SELECT reader_id FROM reader WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// One range of the table, narrowed by look-ups in others of the same reader.
fn find(connection: &Connection, search: &Search) -> Result<Vec<u64>, PersistError> {
    let Some(reader_id) = reader_id(connection, &search.reader)? else {
        return Ok(Vec::new());
    };
    let mut terms = search.terms.iter();
    let first = terms.next().unwrap_or(&Term::Any);
    let (kind, value) = key(first);
    let mut sql = "SELECT entry_index FROM term WHERE reader_id = ?1 AND kind = ?2 AND value = ?3
                   AND entry_index >= ?4 AND entry_index < ?5"
        .to_owned();
    let mut values: Vec<Value> = vec![
        reader_id.into(),
        kind.into(),
        value.into(),
        signed(search.from).into(),
        signed(search.until).into(),
    ];
    for term in terms {
        let (kind, value) = key(term);
        let place = values.len() + 1;
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM term other WHERE other.reader_id = ?1 AND other.kind = ?{place}
              AND other.value = ?{} AND other.entry_index = term.entry_index)",
            place + 1
        ));
        values.extend([kind.into(), value.into()]);
    }
    sql.push_str(&format!(" ORDER BY entry_index LIMIT ?{}", values.len() + 1));
    values.push(count(search.limit).into());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(rows.map(|index| index.map(unsigned)).collect::<Result<_, _>>()?)
}

/// Kind and value of a term as stored: numbers stay as they are.
fn key(term: &Term) -> (i64, Vec<u8>) {
    match term {
        Term::Any => (0, Vec::new()),
        Term::Object(id) => (1, hashed(id)),
        Term::Subject(id) => (2, hashed(id)),
        Term::Trace(id) => (3, id.to_vec()),
    }
}

fn hashed(text: &str) -> Vec<u8> {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().copied().take(VALUE_BYTES).collect()
}
