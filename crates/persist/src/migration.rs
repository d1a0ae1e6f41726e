//! Migrations: a list that only grows. What was applied is written down with its digest, so that an edited migration or a
//! file of a newer program is refused instead of half understood.

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::error::PersistError;

/// One step of a schema. Its place in the list and its text never change once released.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Name of the file, such as `0001_reports`.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

struct Applied {
    name: String,
    sha256: Vec<u8>,
}

/// Applies what is missing, all in one transaction.
pub(crate) fn apply(connection: &mut Connection, migrations: &[Migration]) -> Result<(), PersistError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (
             position INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             sha256   BLOB NOT NULL
         ) STRICT",
    )?;
    let applied = applied(&transaction)?;
    if applied.len() > migrations.len() {
        return Err(PersistError::SchemaNewer { applied: applied.len(), known: migrations.len() });
    }
    for (position, migration) in migrations.iter().enumerate() {
        match applied.get(position) {
            Some(applied) => check(position, applied, migration)?,
            None => apply_one(&transaction, position, migration)?,
        }
    }
    transaction.commit()?;
    Ok(())
}

fn applied(transaction: &Transaction<'_>) -> Result<Vec<Applied>, PersistError> {
    let mut statement = transaction.prepare("SELECT name, sha256 FROM schema_migration ORDER BY position")?;
    let rows = statement.query_map([], |row| Ok(Applied { name: row.get(0)?, sha256: row.get(1)? }))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

fn check(position: usize, applied: &Applied, migration: &Migration) -> Result<(), PersistError> {
    if applied.name == migration.name && applied.sha256 == sha256(migration) {
        return Ok(());
    }
    Err(PersistError::SchemaAltered {
        position,
        applied: applied.name.clone(),
        known: migration.name.to_owned(),
    })
}

fn apply_one(
    transaction: &Transaction<'_>,
    position: usize,
    migration: &Migration,
) -> Result<(), PersistError> {
    transaction.execute_batch(migration.sql)?;
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT INTO schema_migration (position, name, sha256) VALUES (?1, ?2, ?3)",
        params![position, migration.name, sha256(migration)],
    )?;
    Ok(())
}

fn sha256(migration: &Migration) -> Vec<u8> {
    digest(&SHA256, migration.sql.as_bytes()).as_ref().to_vec()
}
