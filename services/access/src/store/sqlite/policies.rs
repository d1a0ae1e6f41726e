//! Policies on SQLite: a table that only grows, and the newest labels of the dictionary.

use std::collections::HashSet;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    PersistError, SqliteStore, put,
    resource::{Resource, etag_of, from_row},
};
use crate::{
    error::Error,
    store::{Change, Changed, PolicySetRow, PolicyStore},
};

/// There is one set; this is what the epoch log calls it.
const ID: &str = "policies";

#[async_trait]
impl PolicyStore for SqliteStore {
    async fn put_policies(&self, change: Change<PolicySetRow>) -> Result<Changed<PolicySetRow>, Error> {
        self.database.write(move |connection| put(connection, &change)).await
    }

    async fn policies_of_version(&self, version: u64) -> Result<Option<PolicySetRow>, Error> {
        self.database.read(move |connection| of_version(connection, version)).await
    }

    async fn newest_labels(&self, most: usize) -> Result<Vec<String>, Error> {
        self.database.read(move |connection| newest_labels(connection, most)).await
    }
}

impl Resource for PolicySetRow {
    const KIND: &'static str = "policies";
    const ALL: &'static str = "SELECT etag, body FROM policy_set ORDER BY version DESC LIMIT 1";
    const ONE: &'static str =
        "SELECT etag, body FROM policy_set WHERE ?1 = 'policies' ORDER BY version DESC LIMIT 1";

    fn id(&self) -> &str {
        ID
    }

    /// The version is the epoch, and so is the etag, written `e17`.
    fn set_etag(&mut self, etag: String) {
        self.version = etag.trim_start_matches('e').parse().unwrap_or_default();
        self.etag = etag;
    }

    /// Adds a row: the sets before stay.
    fn upsert(&self, connection: &Connection, body: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO policy_set (version, etag, body) VALUES (?1, ?2, ?3)";
        connection.execute(sql, params![as_integer(self.version), self.etag, body]).map(|_| ())
    }
}

fn of_version(connection: &Connection, version: u64) -> Result<Option<PolicySetRow>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached("SELECT body FROM policy_set WHERE version = ?1")?;
        statement.query_row([as_integer(version)], |row| row.get(0)).optional()
    };
    let body: Option<String> = read().map_err(PersistError::from)?;
    body.map(|body| from_row((etag_of(version), body))).transpose()
}

fn newest_labels(connection: &Connection, most: usize) -> Result<Vec<String>, Error> {
    // Each whole label stands beside the same without dates: twice as many rows hold as many as are asked for.
    let rows = i64::try_from(most.saturating_mul(2)).unwrap_or(i64::MAX);
    let read = || {
        let sql = "SELECT hash, timeless_hash, line FROM label ORDER BY label_no DESC LIMIT ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([rows], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<rusqlite::Result<Vec<(Vec<u8>, Vec<u8>, String)>>>()
    };
    let rows = read().map_err(PersistError::from)?;
    let dated = rows.iter().filter(|(hash, timeless, _)| hash != timeless);
    let stripped: HashSet<Vec<u8>> = dated.map(|(_, timeless, _)| timeless.clone()).collect();
    let listed = rows.into_iter().filter(|(hash, _, _)| !stripped.contains(hash));
    Ok(listed.map(|(_, _, line)| line).take(most).collect())
}

fn as_integer(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
