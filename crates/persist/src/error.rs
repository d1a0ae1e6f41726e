//! All the ways persistence can fail.

use std::{io, path::PathBuf, sync::Arc};

/// What went wrong. Cheap to clone: when a commit fails, each write of its group gets a copy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PersistError {
    /// SQLite refused or failed.
    #[error("the database failed")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The transaction that held this write could not be committed; nothing of it is stored.
    #[error("the commit failed")]
    Commit(#[source] Arc<rusqlite::Error>),
    /// The database was closed before this ran.
    #[error("the database is closed")]
    Closed,
    /// The closure panicked; nothing of it is stored.
    #[error("work on the database panicked")]
    Panicked,
    /// The file has migrations this program does not know: it was written by a newer one.
    #[error("the schema has {applied} migrations, this program knows {known}")]
    SchemaNewer {
        /// Migrations in the file.
        applied: usize,
        /// Migrations of this program.
        known: usize,
    },
    /// A migration that was applied is not the one of this program: migrations only add.
    #[error("migration {position} was applied as `{applied}`, this program has another there: `{known}`")]
    SchemaAltered {
        /// Place in the list, from 0.
        position: usize,
        /// Name in the file.
        applied: String,
        /// Name in this program.
        known: String,
    },
    /// A file beside the database could not be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// A key file does not hold a key.
    #[error("`{}` does not hold a key", .0.display())]
    KeyFile(PathBuf),
    /// The system gave no randomness.
    #[error("no random bytes could be had")]
    Randomness,
}

impl PersistError {
    pub(crate) fn file(path: &std::path::Path, source: io::Error) -> Self {
        PersistError::File { path: path.to_owned(), source: Arc::new(source) }
    }
}

impl From<rusqlite::Error> for PersistError {
    fn from(error: rusqlite::Error) -> Self {
        PersistError::Sqlite(Arc::new(error))
    }
}
