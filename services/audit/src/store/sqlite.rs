//! The stores on SQLite: `log.sqlite`, durable at each commit, and `index.sqlite`, best effort.

mod index;
mod log;
mod spans;
mod tiles;

use std::path::Path;

use entente_persist::{Database, DatabaseConfig, Durability, Migration, PersistError};

pub use index::SqliteIndex;
pub use log::SqliteLog;

/// Page cache of the log's writer, KiB: the tail of the log and the edge of the id index stay in it.
const LOG_CACHE_KIB: u32 = 32 * 1024;
/// Page of the log, bytes. Its rows are of one to two kilobytes and come in batches: measured, a batch of 1,000 costs a third
/// fewer system calls than with pages of 4 KiB, and a lone append no more.
const LOG_PAGE_BYTES: u32 = 8 * 1024;

const LOG_MIGRATIONS: [Migration; 1] =
    [Migration { name: "0001_log", sql: include_str!("../../migrations/sqlite/0001_log.sql") }];
const INDEX_MIGRATIONS: [Migration; 1] =
    [Migration { name: "0001_index", sql: include_str!("../../migrations/sqlite/0001_index.sql") }];

impl SqliteLog {
    /// Opens or creates `log.sqlite` in a folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or has another schema.
    pub fn open(folder: &Path) -> Result<SqliteLog, PersistError> {
        let config = DatabaseConfig {
            writer_cache_kib: LOG_CACHE_KIB,
            page_bytes: LOG_PAGE_BYTES,
            ..DatabaseConfig::at(folder.join("log.sqlite"))
        };
        Ok(SqliteLog::new(Database::open(config, &LOG_MIGRATIONS)?))
    }
}

impl SqliteIndex {
    /// Opens or creates `index.sqlite` in a folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or has another schema.
    pub fn open(folder: &Path) -> Result<SqliteIndex, PersistError> {
        let config = DatabaseConfig {
            durability: Durability::Checkpoint,
            readers: 2,
            ..DatabaseConfig::at(folder.join("index.sqlite"))
        };
        Ok(SqliteIndex::new(Database::open(config, &INDEX_MIGRATIONS)?))
    }
}

/// An index or size as SQL takes it.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// An index or size as SQL gave it.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A limit as SQL takes it.
fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
