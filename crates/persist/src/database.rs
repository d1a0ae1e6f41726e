//! A database: one writing thread, a few reading ones, and the queues before them.

use std::{path::PathBuf, sync::Arc};

use rusqlite::{Connection, OpenFlags};

use crate::{
    checkpoint::{Checkpointer, WRITER_FACTOR},
    error::PersistError,
    migration::{self, Migration},
    reader::Readers,
    secret_file,
    writer::Writer,
};

/// Prepared statements kept by a connection.
const STATEMENTS_CACHED: usize = 128;
/// A WAL that grew beyond this is cut back when it starts anew, bytes.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// A connection that meets a lock (a checkpoint, a backup) waits at most this long, milliseconds.
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Where a database is and what it may use.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// The file; its folder is made when missing, readable by this user only.
    pub path: PathBuf,
    /// What a commit promises. Default: each commit.
    pub durability: Durability,
    /// Reading threads, each with a connection. Default 3.
    pub readers: usize,
    /// Writes, and reads, that may wait; further callers wait to be queued. Default 4,096.
    pub queue_max: usize,
    /// Page cache of the writing connection, KiB. Default 16 MiB.
    pub writer_cache_kib: u32,
    /// Page cache of each reading connection, KiB. Default 4 MiB.
    pub reader_cache_kib: u32,
    /// Page of a new file, bytes; an existing file keeps its own. Default 4 KiB. Larger ones make bulk commits of large rows
    /// cheaper and lone small commits dearer.
    pub page_bytes: u32,
    /// Pages in the WAL from which a commit also checkpoints. Default 4,096, that is 16 MiB at the default size: large enough that
    /// checkpoints are rare, small enough that the WAL and recovery stay short.
    pub wal_pages_max: u32,
}

/// What an answered write promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives the loss of power: an fsync per commit.
    EachCommit,
    /// It survives a crash of the process; a loss of power may take the newest commits, never the file's soundness.
    Checkpoint,
}

impl DatabaseConfig {
    /// The defaults for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> DatabaseConfig {
        DatabaseConfig {
            path: path.into(),
            durability: Durability::EachCommit,
            readers: 3,
            queue_max: 4_096,
            writer_cache_kib: 16 * 1024,
            reader_cache_kib: 4 * 1024,
            page_bytes: 4_096,
            wal_pages_max: 4_096,
        }
    }
}

/// An open database; clones share it. Dropping the last clone waits until every queued write is committed.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

/// The readers go first: the connection closed last folds the WAL into the file, and a reader cannot.
struct Shared {
    readers: Readers,
    writer: Writer,
}

impl Database {
    /// Opens or creates the file, brings its schema up to date, starts the threads.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or its schema is newer than `migrations` or altered.
    pub fn open(config: DatabaseConfig, migrations: &[Migration]) -> Result<Database, PersistError> {
        if let Some(folder) = config.path.parent() {
            secret_file::create_folder(folder)?;
        }
        let mut connection = Connection::open(&config.path)?;
        prepare_writer(&connection, &config)?;
        migration::apply(&mut connection, migrations)?;
        let readers =
            (0..config.readers.max(1)).map(|_| open_reader(&config)).collect::<Result<Vec<_>, _>>()?;
        let queue_max = config.queue_max.max(1);
        let checkpointer = Checkpointer::start(Connection::open(&config.path)?, config.wal_pages_max)?;
        let shared = Shared {
            writer: Writer::start(connection, checkpointer, queue_max)?,
            readers: Readers::start(readers, queue_max)?,
        };
        Ok(Database { shared: Arc::new(shared) })
    }

    /// Runs `work` in the next commit and answers once that commit is done. An error of `work` undoes what it did, and
    /// only that.
    ///
    /// # Errors
    ///
    /// That of `work`, or [`PersistError`] when the commit failed or the database is closed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PersistError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.shared.writer.run(work).await
    }

    /// Runs `work` on a reading connection, on one snapshot.
    ///
    /// # Errors
    ///
    /// That of `work`, or [`PersistError`] when the database is closed.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PersistError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.shared.readers.run(work).await
    }
}

fn prepare_writer(connection: &Connection, config: &DatabaseConfig) -> Result<(), PersistError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    // Before anything is written: the size of the first page is the size of all.
    connection.pragma_update(None, "page_size", config.page_bytes)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match config.durability {
        Durability::EachCommit => "FULL",
        Durability::Checkpoint => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(
        None,
        "wal_autocheckpoint",
        config.wal_pages_max.saturating_mul(WRITER_FACTOR),
    )?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    prepare_common(connection, config.writer_cache_kib)
}

fn open_reader(config: &DatabaseConfig) -> Result<Connection, PersistError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.pragma_update(None, "query_only", true)?;
    prepare_common(&connection, config.reader_cache_kib)?;
    Ok(connection)
}

/// No memory mapping: its pages would count against the process without a bound of ours.
fn prepare_common(connection: &Connection, cache_kib: u32) -> Result<(), PersistError> {
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}
