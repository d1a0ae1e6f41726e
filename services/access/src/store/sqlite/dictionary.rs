//! The label dictionary: lines by hash, only ever added to.

use rusqlite::{Connection, OptionalExtension, params};

use super::PersistError;
use crate::{error::Error, store::LabelRow};

/// Adds the labels that are not there yet.
pub(super) fn intern(connection: &Connection, labels: &[LabelRow]) -> Result<(), Error> {
    let write = || {
        let mut statement = connection
            .prepare_cached("INSERT OR IGNORE INTO label (hash, timeless_hash, line) VALUES (?1, ?2, ?3)")?;
        for label in labels {
            statement.execute(params![label.hash, label.timeless_hash, label.line])?;
        }
        Ok::<(), rusqlite::Error>(())
    };
    Ok(write().map_err(PersistError::from)?)
}

/// Lines in the order of the hashes.
pub(super) fn lines_by_hash(
    connection: &Connection,
    hashes: &[[u8; 32]],
) -> Result<Vec<Option<String>>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached("SELECT line FROM label WHERE hash = ?1")?;
        let line = |hash: &[u8; 32]| statement.query_row(params![hash], |row| row.get(0)).optional();
        hashes.iter().map(line).collect::<rusqlite::Result<Vec<Option<String>>>>()
    };
    Ok(read().map_err(PersistError::from)?)
}
